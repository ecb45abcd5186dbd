"""What a sieve's guards ask of lists holds wherever the rule's own condition does, and of hardly anything else."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from falselight.ecs.schema import Field, Schema
from falselight.engines import duckdb as engine
from falselight.engines import texts
from falselight.engines.sieve import _choices
from falselight.engines.texts import SEPARATOR
from falselight.plan import nodes
from falselight.sql.predicates import condition
from falselight.store import EventTable, connect

ARGS = Field("process.args", "keyword", many=True, filled=True)
LETTERS = st.text(alphabet=["a", "B", "i", ".", "\\", "*", SEPARATOR], max_size=4)
VALUES = st.one_of(st.none(), st.lists(st.one_of(st.none(), LETTERS), max_size=3))
PATTERNS = st.lists(st.text(alphabet=["a", "b", "I", ".", "*", "?", SEPARATOR], max_size=4), min_size=1, max_size=3)
CONNECTION = connect()


def holds(predicate: nodes.Predicate, values: list[str | None] | None) -> bool:
    CONNECTION.execute('CREATE OR REPLACE TABLE events ("process.args" VARCHAR[])')
    CONNECTION.execute("INSERT INTO events VALUES (?)", [values])
    table = EventTable(CONNECTION, Schema({ARGS.name: ARGS}), rows=1)
    columns = ", ".join(["*", *texts.columns([predicate])])
    sql = f"SELECT count(*) FROM (SELECT {columns} FROM events) WHERE {condition(predicate)}"
    ((count,),) = engine.execute(table, sql).fetchall()
    return bool(count)


def asked(predicate: nodes.Predicate) -> nodes.Predicate:
    guard, *_ = _choices(predicate, frozenset())
    return guard


@settings(max_examples=150, deadline=None)
@given(VALUES, PATTERNS, st.booleans())
def test_values_asked_together_miss_nothing_that_one_alone_matches(
    values: list[str | None] | None, patterns: list[str], insensitive: bool
) -> None:
    for exact in (nodes.Like(ARGS, tuple(patterns), insensitive), nodes.Equal(ARGS, (*patterns, "a", "B", "i"))):
        guard = asked(exact)
        assert isinstance(guard, nodes.Like) and not guard.field.many
        assert holds(guard, values) or not holds(exact, values)


def test_a_pattern_without_a_wildcard_asks_for_a_whole_value() -> None:
    for values, found in (
        (["-a", "x"], True),
        (["x", "-A"], True),
        (["-ab"], False),
        (["x-a"], False),
        (["-", "a"], False),
        ([], False),
        (None, False),
    ):
        assert holds(asked(nodes.Like(ARGS, ("-a",), False)), values) is found, values
    assert holds(asked(nodes.Like(ARGS, ("*b",), True)), ["c", "aB"])
    assert not holds(asked(nodes.Like(ARGS, ("b*",), True)), ["ab"])
    assert holds(asked(nodes.Equal(ARGS, ("*", "?", "."))), ["*"])
    assert not holds(asked(nodes.Equal(ARGS, ("*", "?", "."))), ["a"])


def test_what_is_denied_is_not_weakened() -> None:
    exact = nodes.Not(nodes.Like(ARGS, ("a*",), False))
    assert asked(nodes.Or((exact, nodes.Like(ARGS, ("b",), True)))) == nodes.Or((exact, texts.like(ARGS, ("b",))))
