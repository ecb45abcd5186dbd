"""The deepest trees that the parser takes pass through every later stage; deeper ones are refused by name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

import pytest

from falselight.compiling import sql
from falselight.diagnostics import EqlError
from falselight.ecs.schema import Schema
from falselight.eql.expressions import NESTING_LIMIT
from falselight.eql.formatter import format
from falselight.eql.parser import parse
from falselight.searching import plan
from falselight.source import Source

SCHEMA = Schema.from_mapping(
    {
        "properties": {
            "@timestamp": {"type": "date"},
            "s": {"type": "keyword"},
            "n": {"type": "long"},
            "b": {"type": "boolean"},
            "i": {"type": "ip"},
        }
    }
)

# What is repeated before and behind a core.
KINDS = {
    "brackets": ("(", "b", ")"),
    "not": ("not ", "b", ""),
    "not in brackets": ("not (", "b", ")"),
    "and, or": ("b and (n == 1 or ", "b", ")"),
    "or, and": ("(b or n == 1) and (", "b", ")"),
    "comparison": ("(", "b", " == true)"),
    "comparison of a negation": ("true == (not ", "b", ")"),
    "sign": ("1 < -", "n", ""),
    "sum to the left": ("1 < ", "n", " + n"),
    "sum to the right": ("1 < (n + ", "n", ")"),
    "product": ("1 < (n * ", "n", ")"),
    "list in brackets": ("(", "b", " in (true, false))"),
    "list within a list": ("true in (", "true", ")"),
    "match": ("(", "s", ' : "x")'),
    "regex": ("(", "s", ' regex "x")'),
    "text function": ("length(string(", "n", ")) > 0"),
    "boolean function": ("startsWith(s, string(", "s", "))"),
    "optional": ("not (?nowhere == 1 and ", "b", ")"),
}

# Their results are no strings: the checker refuses them, after it has seen the whole tree.
NOT_OF_TYPE = {"match", "regex"}


def nested(kind: str, depth: int) -> str:
    """A query with ``depth`` repetitions; what opens or closes a condition stands once."""
    before, core, behind = KINDS[kind]
    head = tail = ""
    if before.startswith("1 < "):
        head, before = before[:4], before[4:]
    if behind.endswith(" > 0"):
        behind, tail = behind.removesuffix(" > 0"), " > 0"
    return f"any where {head}{before * depth}{core}{behind * depth}{tail}"


def refusal(act: Callable[[], object]) -> str | None:
    """The code with which something is refused."""
    try:
        act()
    except EqlError as error:
        return error.diagnostics[0].code
    return None


def deepest(kind: str) -> str:
    """The last query of a kind that is read."""
    queries = [nested(kind, depth) for depth in range(1, NESTING_LIMIT + 1)]
    read = [query for query in queries if refusal(partial(parse, Source(query))) is None]
    assert len(read) < len(queries)
    return read[-1]


@pytest.mark.parametrize("kind", KINDS)
def test_every_stage_takes_the_deepest_tree(kind: str) -> None:
    query = deepest(kind)
    assert sys.getrecursionlimit() <= 1000
    assert parse(Source(format(query)))
    assert refusal(lambda: sql(plan(query, SCHEMA))) == ("E0205" if kind in NOT_OF_TYPE else None)


@pytest.mark.parametrize("kind", ["brackets", "not", "and, or", "comparison", "list in brackets", "text function"])
def test_deeper_is_refused(kind: str) -> None:
    with pytest.raises(EqlError) as caught:
        parse(Source(nested(kind, 2 * NESTING_LIMIT)))
    assert caught.value.diagnostics[0].code == "E0117"
