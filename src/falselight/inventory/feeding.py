"""Which detections the input can feed: for each stage of a rule's query, whether events of its category fill the fields
that a match cannot do without.

A condition needs its fields to be filled, all of an ``and``, those of one branch of an ``or``, none under ``not``. What is
not needed only narrows or excludes; without it the rule runs, and sees less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from falselight.diagnostics import EqlError
from falselight.ecs.schema import Field, column
from falselight.eql import syntax, walk
from falselight.eql.parser import parse
from falselight.expressions import Expressions
from falselight.rules import Rule
from falselight.source import Source
from falselight.store import EventTable, quoted

Verdict = Literal["fed", "partly", "starved", "not run"]


@dataclass(frozen=True)
class StageFeed:
    """One event filter: how many events have its category, and how many of these fill what it needs. ``needed``: what none
    of them fills though no match can do without it, each entry the fields of which one is wanted; ``useful``: other fields
    that none of them fills."""

    category: str | None
    events: int
    able: int
    needed: tuple[tuple[str, ...], ...]
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
    def lacking(self) -> list[tuple[str, ...]]:
        """What is needed and empty, once each: the fields of which one is wanted."""
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
    named = dict.fromkeys([*(each.name for each in walk.fields(event.condition)), *keys])
    category = "TRUE"
    if event.category is not None:
        literal = "'" + event.category.replace("'", "''") + "'"
        category = f"list_contains({Expressions(table).all(rule.event_category_override)}, {literal})"
    columns = {name: _column(table, name) for name in named}
    known = {name: text for name, text in columns.items() if text is not None}
    able = " AND ".join([presence(event.condition, known), *(_filled(name, known) for name in keys)])
    counts = "".join(f", count({text})" for text in known.values())
    total, whole, *filled = table.connection.execute(
        f"SELECT count(*), count(*) FILTER (WHERE {able}){counts} FROM {quoted(table.name)} WHERE {category}"
    ).fetchall()[0]
    empty = frozenset(named) - {name for name, count in zip(known, filled, strict=True) if count}
    needed = [*lacking(event.condition, empty), *((name,) for name in keys if name in empty)]
    told = {name for group in needed for name in group}
    useful = tuple(name for name in named if name in empty and name not in told)
    return StageFeed(event.category, total, whole, tuple(dict.fromkeys(needed)), useful)


def _column(table: EventTable, name: str) -> str | None:
    entry: Field | None = table.schema.find(name)
    return quoted(column(entry.name)) if entry is not None and entry.filled else None


def presence(expression: syntax.Expression, columns: Mapping[str, str]) -> str:
    """SQL that is true where an event fills what the condition needs; ``columns`` is the SQL of the fields that exist."""
    match expression:
        case syntax.And():
            return " AND ".join(f"({presence(each, columns)})" for each in expression.operands)
        case syntax.Or():
            return " OR ".join(f"({presence(each, columns)})" for each in expression.operands)
    return " AND ".join(_filled(name, columns) for name in needs(expression)) or "TRUE"


def _filled(name: str, columns: Mapping[str, str]) -> str:
    return f"{columns[name]} IS NOT NULL" if name in columns else "FALSE"


def lacking(expression: syntax.Expression, empty: frozenset[str]) -> list[tuple[str, ...]]:
    """Why the condition cannot hold where these fields are empty: groups of fields, one of each group is wanted."""
    match expression:
        case syntax.And():
            return [group for each in expression.operands for group in lacking(each, empty)]
        case syntax.Or():
            branches = [lacking(each, empty) for each in expression.operands]
            if not all(branches):
                return []
            return [tuple(dict.fromkeys(name for groups in branches for group in groups for name in group))]
    return [(name,) for name in needs(expression) if name in empty]


def needs(leaf: syntax.Expression) -> list[str]:
    """The fields without which a condition that is neither ``and`` nor ``or`` cannot hold."""
    match leaf:
        case syntax.Comparison():
            return _compared(leaf)
        case syntax.Membership():
            return [] if leaf.negated else _all(leaf.operand)
        case syntax.Match():
            return _all(leaf.operand)
        case syntax.FieldName() | syntax.Call():
            return _all(leaf)
    return []


def _compared(comparison: syntax.Comparison) -> list[str]:
    """``== null`` needs no value; ``!= value`` may be written to exclude, and only ``!= null`` asks for one."""
    is_null = any(
        isinstance(side, syntax.Literal) and side.value is None for side in (comparison.left, comparison.right)
    )
    if is_null != (comparison.operator == "!="):
        return []
    return list(dict.fromkeys([*_all(comparison.left), *_all(comparison.right)]))


def _all(expression: syntax.Expression) -> list[str]:
    return list(dict.fromkeys(each.name for each in walk.fields(expression)))
