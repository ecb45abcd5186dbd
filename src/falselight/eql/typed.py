"""The typed tree: names are resolved to fields, types are known, sugar is gone. One form per meaning:

``a != b`` is not(a == b); ``x == null`` is IsNull; a bare boolean is ``x == true``; ``x not in …`` is not(in);
a field that is optional and unmapped is the constant null; the category is an ordinary condition.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from falselight.ecs.schema import Field
from falselight.source import Source, Span


@dataclass(frozen=True, slots=True)
class Constant:
    """type: keyword, integer, long, unsigned_long, double, boolean or null."""

    value: Any
    type: str
    span: Span


@dataclass(frozen=True, slots=True)
class FieldValue:
    """One occurrence of a field. A text stands as its exact sub-field."""

    field: Field
    span: Span

    @property
    def type(self) -> str:
        return self.field.type


@dataclass(frozen=True, slots=True)
class Function:
    """A call of a function or an arithmetic operator, by its registered name."""

    name: str
    arguments: tuple[Value, ...]
    insensitive: bool
    type: str
    span: Span


@dataclass(frozen=True, slots=True)
class Compare:
    """``== < <= > >=``; where one side is a constant it stands on the right."""

    operator: str
    left: Value
    right: Value
    span: Span
    type: str = "boolean"


@dataclass(frozen=True, slots=True)
class InList:
    """``in`` and ``in~``; items without nulls."""

    operand: Value
    items: tuple[Value, ...]
    insensitive: bool
    span: Span
    type: str = "boolean"


@dataclass(frozen=True, slots=True)
class Match:
    """operator: ``:``, ``like``, ``like~``, ``regex`` or ``regex~``; some pattern matches."""

    operand: Value
    operator: str
    patterns: tuple[str, ...]
    span: Span
    type: str = "boolean"


@dataclass(frozen=True, slots=True)
class IsNull:
    operand: Value
    span: Span
    type: str = "boolean"


@dataclass(frozen=True, slots=True)
class Not:
    operand: Value
    span: Span
    type: str = "boolean"


@dataclass(frozen=True, slots=True)
class And:
    operands: tuple[Value, ...]
    span: Span
    type: str = "boolean"


@dataclass(frozen=True, slots=True)
class Or:
    operands: tuple[Value, ...]
    span: Span
    type: str = "boolean"


Value = Constant | FieldValue | Function | Compare | InList | Match | IsNull | Not | And | Or


@dataclass(frozen=True, slots=True)
class Key:
    """A join key. field None: optional and unmapped, null for every event."""

    name: str
    field: Field | None
    optional: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Stage:
    condition: Value
    keys: tuple[Key, ...]
    runs: int
    missing: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Limit:
    """``head`` or ``tail`` of so many results."""

    direction: str
    count: int


@dataclass(frozen=True)
class Order:
    """What orders events: the timestamp field and, perhaps, a tiebreaker."""

    timestamp: Field
    tiebreaker: Field | None


@dataclass(frozen=True)
class EventQuery:
    condition: Value
    order: Order
    limits: tuple[Limit, ...]
    source: Source = field(repr=False)


@dataclass(frozen=True)
class SequenceQuery:
    """maxspan in milliseconds. Every stage has the same number of keys."""

    stages: tuple[Stage, ...]
    until: Stage | None
    maxspan: int | None
    order: Order
    limits: tuple[Limit, ...]
    source: Source = field(repr=False)


@dataclass(frozen=True)
class SampleQuery:
    stages: tuple[Stage, ...]
    order: Order
    source: Source = field(repr=False)


Query = EventQuery | SequenceQuery | SampleQuery


def children(value: Value) -> tuple[Value, ...]:
    """The direct sub-expressions."""
    if isinstance(value, Function):
        return value.arguments
    if isinstance(value, Compare):
        return (value.left, value.right)
    if isinstance(value, InList):
        return (value.operand, *value.items)
    if isinstance(value, Match | IsNull | Not):
        return (value.operand,)
    if isinstance(value, And | Or):
        return value.operands
    return ()


def fields(value: Value) -> list[FieldValue]:
    """Every occurrence of a field, in the order of the text."""
    found: list[FieldValue] = []
    pending = [value]
    while pending:
        current = pending.pop()
        if isinstance(current, FieldValue):
            found.append(current)
        pending.extend(reversed(children(current)))
    return found
