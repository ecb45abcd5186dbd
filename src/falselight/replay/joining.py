"""Thousands of exceptions as joins. Those that compare the same fields in the same way are the rows of one relation, which is
joined with the events by the fields that must equal something; what else they ask is looked at for the pairs that meet. Time
grows with events and exceptions, not with their product."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count, product
from typing import Any

import pyarrow as pa

from falselight.ecs.schema import EXACT_STRING_TYPES, INTEGER_TYPES, Field, column
from falselight.engines import duckdb as engine
from falselight.eql.patterns import LITERAL_QUESTION, LITERAL_STAR
from falselight.plan import nodes
from falselight.sql.predicates import condition
from falselight.store import EventTable, quoted

# Below so many of a shape, their conditions cost less than a join; beyond so many combinations of values, one is left alone.
LEAST, MOST_COMBINATIONS = 100, 1_000
_TEXTS = EXACT_STRING_TYPES | {"ip", "nested"}
_INTEGERS = INTEGER_TYPES - {"unsigned_long"}
_LIKE = str.maketrans(
    {"*": "%", "?": "_", "%": r"\%", "_": r"\_", "\\": r"\\", LITERAL_STAR: "*", LITERAL_QUESTION: "?"}
)
_NUMBERS = count()


@dataclass(frozen=True)
class _Shape:
    """What exceptions have in common: the fields that must equal one of their values, those that must not, those that are
    compared with a pattern (and whether it must not match), and conditions that are the same in all."""

    equal: tuple[Field, ...]
    unequal: tuple[Field, ...]
    like: tuple[tuple[Field, bool], ...]
    same: frozenset[nodes.Predicate]


@dataclass(frozen=True)
class _Row:
    """The values of one exception, in the order of its shape."""

    equal: tuple[tuple[Any, ...], ...]
    unequal: tuple[tuple[Any, ...], ...]
    like: tuple[str, ...]


def joined(alternatives: Iterable[nodes.Predicate], table: EventTable) -> list[nodes.Predicate]:
    """The same alternatives, those of a frequent shape as one ``Rows``."""
    groups: dict[_Shape, list[tuple[_Row, nodes.Predicate]]] = {}
    rest: list[nodes.Predicate] = []
    for each in alternatives:
        found = _taken_apart(each)
        if found is None:
            rest.append(each)
        else:
            groups.setdefault(found[0], []).append((found[1], each))
    for shape, own in groups.items():
        if len(own) < LEAST:
            rest.extend(each for _, each in own)
        else:
            rest.append(_rows(shape, [row for row, _ in own], table))
    return rest


def _taken_apart(predicate: nodes.Predicate) -> tuple[_Shape, _Row] | None:
    """The shape and the row of an exception; None for one without a field that a join can begin with."""
    parts = predicate.operands if isinstance(predicate, nodes.And) else (predicate,)
    equal: dict[Field, tuple[Any, ...]] = {}
    unequal: dict[Field, tuple[Any, ...]] = {}
    like: dict[tuple[Field, bool], str] = {}
    same: list[nodes.Predicate] = []
    for part in parts:
        match part:
            case nodes.Equal(field, values) if _is_joined(field) and field not in equal:
                equal[field] = values
            case nodes.Not(nodes.Equal(field, values)) if _is_joined(field) and field not in unequal:
                unequal[field] = values
            case nodes.Like(field, (pattern,), False) if _is_joined(field) and (field, False) not in like:
                like[(field, False)] = pattern
            case nodes.Not(nodes.Like(field, (pattern,), False)) if _is_joined(field) and (field, True) not in like:
                like[(field, True)] = pattern
            case _:
                same.append(part)
    combinations = 1
    for values in equal.values():
        combinations *= len(values)
    if not equal or combinations > MOST_COMBINATIONS:
        return None
    ordered, others = sorted(equal, key=_name), sorted(unequal, key=_name)
    patterns = sorted(like, key=lambda each: (each[0].name, each[1]))
    shape = _Shape(tuple(ordered), tuple(others), tuple(patterns), frozenset(same))
    row = _Row(
        tuple(equal[field] for field in ordered),
        tuple(unequal[field] for field in others),
        tuple(like[each] for each in patterns),
    )
    return shape, row


def _name(field: Field) -> str:
    return field.name


def _is_joined(field: Field) -> bool:
    return field.filled and (field.type in _TEXTS or field.type in _INTEGERS)


def _rows(shape: _Shape, rows: Sequence[_Row], table: EventTable) -> nodes.Rows:
    """The events that some row holds for, as a relation."""
    relation = f"exceptions {next(_NUMBERS)}"
    with engine.registered(table, "excepted values", _values(shape, rows)):
        engine.execute(table, f"CREATE TEMP TABLE {quoted(relation)} AS {_select(shape, table)}")
    return nodes.Rows(relation)


def _values(shape: _Shape, rows: Sequence[_Row]) -> pa.Table:
    """A row for each combination of values, in columns k (equal), n (lists of unequal values) and p (patterns of LIKE)."""
    wide = [(combination, row) for row in rows for combination in product(*row.equal)]
    columns: dict[str, pa.Array] = {}
    for at, field in enumerate(shape.equal):
        columns[f"k{at}"] = pa.array([combination[at] for combination, _ in wide], _type(field))
    for at, field in enumerate(shape.unequal):
        columns[f"n{at}"] = pa.array([list(row.unequal[at]) for _, row in wide], pa.list_(_type(field)))
    for at in range(len(shape.like)):
        columns[f"p{at}"] = pa.array([row.like[at].translate(_LIKE) for _, row in wide], pa.string())
    return pa.table(columns)


def _type(field: Field) -> pa.DataType:
    return pa.int64() if field.type in _INTEGERS else pa.string()


def _select(shape: _Shape, table: EventTable) -> str:
    """Ingest positions of the events that meet a row."""
    needed = [f"{_column(field)} AS e{at}" for at, field in enumerate(shape.equal)]
    needed += [f"{_column(field)} AS u{at}" for at, field in enumerate(shape.unequal)]
    needed += [f"{_column(field)} AS l{at}" for at, (field, _) in enumerate(shape.like)]
    able = condition(nodes.And(tuple([*map(nodes.Exists, shape.equal), *shape.same])))
    events = f"SELECT _seq, {', '.join(needed)} FROM {quoted(table.name)} WHERE {able}"
    for at, field in enumerate(shape.equal):
        if field.many:
            events = f"SELECT * REPLACE (unnest(e{at}) AS e{at}) FROM ({events})"
    meet = " AND ".join(f"e.e{at} = i.k{at}" for at in range(len(shape.equal)))
    asked = [_unequal(field, at) for at, field in enumerate(shape.unequal)]
    asked += [_like(field, at, refused) for at, (field, refused) in enumerate(shape.like)]
    where = f" WHERE {' AND '.join(asked)}" if asked else ""
    return f"SELECT DISTINCT e._seq FROM ({events}) e JOIN {quoted('excepted values')} i ON {meet}{where}"


def _unequal(field: Field, at: int) -> str:
    some = f"list_has_any(e.u{at}, i.n{at})" if field.many else f"list_contains(i.n{at}, e.u{at})"
    return f"({some} IS NOT TRUE)"


def _like(field: Field, at: int, refused: bool) -> str:
    one = f"LIKE i.p{at} ESCAPE '\\'"
    some = f"(len(list_filter(e.l{at}, lambda v: v {one})) > 0)" if field.many else f"(e.l{at} {one})"
    return f"({some} IS NOT TRUE)" if refused else some


def _column(field: Field) -> str:
    return quoted(column(field.name))
