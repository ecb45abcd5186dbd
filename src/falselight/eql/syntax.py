"""The syntax tree of an EQL query, as written: names are not resolved, nothing is folded. Every node knows its span."""

from __future__ import annotations

from dataclasses import dataclass, field

from falselight.source import Source, Span


@dataclass(frozen=True, slots=True)
class Literal:
    """null, true, false, a number or a string. Integers beyond 64 bits are floats, as in Elasticsearch."""

    value: bool | int | float | str | None
    span: Span


@dataclass(frozen=True, slots=True)
class FieldName:
    """A dotted field name without its backquotes; optional when written with ``?``."""

    name: str
    optional: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Call:
    """A function call; insensitive when the name ends in ``~``. The name is as written, without ``~``."""

    name: str
    insensitive: bool
    arguments: tuple[Expression, ...]
    name_span: Span
    span: Span


@dataclass(frozen=True, slots=True)
class Negate:
    """Unary minus. Unary plus leaves no node."""

    operand: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """``+ - * / %``"""

    operator: str
    left: Expression
    right: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Comparison:
    """``== != < <= > >=``; operator_span for messages about the operator."""

    operator: str
    left: Expression
    right: Expression
    operator_span: Span
    span: Span


@dataclass(frozen=True, slots=True)
class Membership:
    """``in`` and ``in~``, perhaps with ``not`` before."""

    operand: Expression
    items: tuple[Expression, ...]
    insensitive: bool
    negated: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Match:
    """``: like like~ regex regex~`` with one or more constant patterns."""

    operand: Expression
    operator: str
    patterns: tuple[Literal, ...]
    operator_span: Span
    span: Span


@dataclass(frozen=True, slots=True)
class Not:
    operand: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class And:
    """Two or more operands: ``a and b and c`` is one node."""

    operands: tuple[Expression, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Or:
    """Two or more operands: ``a or b or c`` is one node."""

    operands: tuple[Expression, ...]
    span: Span


Expression = Literal | FieldName | Call | Negate | Arithmetic | Comparison | Membership | Match | Not | And | Or


@dataclass(frozen=True, slots=True)
class EventFilter:
    """``category where condition``; category None is ``any``."""

    category: str | None
    condition: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Stage:
    """One ``[…]`` (or ``![…]``, missing) of a sequence or sample, with its own keys, and how many runs it stands for."""

    filter: EventFilter
    keys: tuple[FieldName, ...]
    runs: int
    missing: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Pipe:
    """``| head 10``: the name as written, and its arguments."""

    name: str
    arguments: tuple[Expression, ...]
    name_span: Span
    span: Span


@dataclass(frozen=True)
class EventQuery:
    source: Source = field(repr=False)
    filter: EventFilter
    pipes: tuple[Pipe, ...]
    span: Span


@dataclass(frozen=True)
class SequenceQuery:
    """keys: those after ``sequence by``. maxspan in milliseconds, None where not given. until has runs 1."""

    source: Source = field(repr=False)
    keys: tuple[FieldName, ...]
    maxspan: int | None
    stages: tuple[Stage, ...]
    until: Stage | None
    pipes: tuple[Pipe, ...]
    span: Span


@dataclass(frozen=True)
class SampleQuery:
    source: Source = field(repr=False)
    keys: tuple[FieldName, ...]
    stages: tuple[Stage, ...]
    pipes: tuple[Pipe, ...]
    span: Span


Query = EventQuery | SequenceQuery | SampleQuery
