"""Which detections the input can feed: for each stage of a rule's query, whether events of its category fill the fields
that a match cannot do without.

A field is needed where a condition cannot hold without it: not under ``not``, and in every branch of an ``or``. The other
fields only narrow or exclude; without them the rule runs, and sees less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from falselight.diagnostics import EqlError
from falselight.ecs.schema import Field, column
from falselight.eql import syntax, walk
from falselight.eql.parser import parse
from falselight.inventory import events
from falselight.rules import Rule
from falselight.source import Source
from falselight.store import EventTable, quoted

Verdict = Literal["fed", "partly", "starved", "not run"]


@dataclass(frozen=True)
class StageFeed:
    """One event filter: how many events have its category, how many of these fill every needed field, and the fields that
    none of them fills (needed, and merely useful)."""

    category: str | None
    events: int
    able: int
    needed: tuple[str, ...]
    useful: tuple[str, ...]


@dataclass(frozen=True)
class Feed:
    """One rule. ``fed``: all its fields are filled; ``partly``: it runs, but fields that narrow it are empty; ``starved``:
    it cannot match; ``not run``: it is no EQL, or broken."""

    id: str
    name: str
    verdict: Verdict
    stages: tuple[StageFeed, ...] = ()

    @property
    def lacking(self) -> list[str]:
        """The needed fields that are empty, once each."""
        return list(dict.fromkeys(name for stage in self.stages for name in stage.needed))


def feeds(table: EventTable, rules: Sequence[Rule]) -> list[Feed]:
    """What each rule finds to work on."""
    return [_feed(table, rule) for rule in rules]


def _feed(table: EventTable, rule: Rule) -> Feed:
    try:
        query = parse(Source(rule.query, rule.name)) if rule.is_eql else None
    except EqlError:
        query = None
    if query is None:
        return Feed(rule.id, rule.name, "not run")
    keys = [key.name for key in query.keys if not key.optional] if not isinstance(query, syntax.EventQuery) else []
    if isinstance(query, syntax.EventQuery):
        found = [_stage(table, rule, query.filter, keys)]
    else:
        found = [
            _stage(table, rule, stage.filter, keys + [key.name for key in stage.keys if not key.optional])
            for stage in query.stages
            if not stage.missing
        ]
    if any(stage.able == 0 for stage in found):
        return Feed(rule.id, rule.name, "starved", tuple(found))
    empty = any(stage.useful for stage in found)
    return Feed(rule.id, rule.name, "partly" if empty else "fed", tuple(found))


def _stage(table: EventTable, rule: Rule, event: syntax.EventFilter, keys: list[str]) -> StageFeed:
    needed = list(dict.fromkeys([*sorted(necessary(event.condition)), *keys]))
    named = dict.fromkeys([*(each.name for each in walk.fields(event.condition)), *keys])
    category = "TRUE"
    if event.category is not None:
        literal = "'" + event.category.replace("'", "''") + "'"
        category = f"list_contains({events.each(table, rule.event_category_override)}, {literal})"
    columns = {name: _column(table, name) for name in named}
    known = {name: text for name, text in columns.items() if text is not None}
    tests = [f"{known[name]} IS NOT NULL" if name in known else "FALSE" for name in needed]
    able = " AND ".join(tests) or "TRUE"
    counts = "".join(f", count({text})" for text in known.values())
    total, whole, *filled = table.connection.execute(
        f"SELECT count(*), count(*) FILTER (WHERE {able}){counts} FROM {quoted(table.name)} WHERE {category}"
    ).fetchall()[0]
    empty = [name for name in named if not dict(zip(known, filled, strict=True)).get(name)]
    return StageFeed(
        event.category,
        total,
        whole,
        tuple(name for name in empty if name in needed),
        tuple(name for name in empty if name not in needed),
    )


def _column(table: EventTable, name: str) -> str | None:
    entry: Field | None = table.schema.find(name)
    return quoted(column(entry.name)) if entry is not None and entry.filled else None


def necessary(expression: syntax.Expression) -> frozenset[str]:
    """The fields without which the condition cannot hold."""
    match expression:
        case syntax.And():
            return frozenset().union(*map(necessary, expression.operands))
        case syntax.Or():
            return frozenset.intersection(*map(necessary, expression.operands))
        case syntax.Not():
            return frozenset()
        case syntax.Comparison():
            return _compared(expression)
        case syntax.Membership():
            return frozenset() if expression.negated else _all(expression.operand)
        case syntax.Match():
            return _all(expression.operand)
        case syntax.FieldName() | syntax.Call():
            return _all(expression)
    return frozenset()


def _compared(comparison: syntax.Comparison) -> frozenset[str]:
    """``== null`` needs no value; ``!= value`` may be written to exclude, and only ``!= null`` asks for one."""
    is_null = any(
        isinstance(side, syntax.Literal) and side.value is None for side in (comparison.left, comparison.right)
    )
    if is_null != (comparison.operator == "!="):
        return frozenset()
    return _all(comparison.left) | _all(comparison.right)


def _all(expression: syntax.Expression) -> frozenset[str]:
    return frozenset(each.name for each in walk.fields(expression))
