"""``syntax.Query`` + ``Schema`` → ``typed.Query``: names become fields, types are checked, sugar is removed.

Every fault of the query is reported at once, as Elasticsearch's verifier does. Codes E02xx.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn

from falselight.diagnostics import Diagnostic, EqlError, Label, Severity
from falselight.ecs.schema import DATE_TYPES, EXACT_STRING_TYPES, NUMBER_TYPES, STRING_TYPES, Field, Schema
from falselight.eql import syntax, typed
from falselight.eql.faults import Faults, family
from falselight.eql.resolver import Resolver
from falselight.source import Source, Span

RESERVED_RESULTS = 10


@dataclass(frozen=True)
class Options:
    """Names and limits of one search, with Elasticsearch's defaults. size: most results; None is no limit."""

    timestamp_field: str = "@timestamp"
    event_category_field: str = "event.category"
    tiebreaker_field: str | None = None
    size: int | None = RESERVED_RESULTS
    result_position: str = "tail"
    max_samples_per_key: int = 1


def check(query: syntax.Query, schema: Schema, options: Options | None = None) -> typed.Query:
    """Check one query. Raises ``EqlError`` with every fault found."""
    checker = _QueryChecker(query.source, schema, options or Options())
    result = checker.query(query)
    checker.faults.raise_if_any()
    return result


def check_expression(expression: syntax.Expression, source: Source, schema: Schema) -> typed.Value:
    """Check an expression by itself (a constant expression has an empty schema)."""
    faults = Faults(source)
    value = Resolver(schema, faults).value(expression)
    faults.raise_if_any()
    return value


@dataclass
class _QueryChecker:
    source: Source
    schema: Schema
    options: Options
    faults: Faults = field(init=False)
    expressions: Resolver = field(init=False)

    def __post_init__(self) -> None:
        self.faults = Faults(self.source)
        self.expressions = Resolver(self.schema, self.faults)

    def query(self, query: syntax.Query) -> typed.Query:
        order = self._order(query)
        if isinstance(query, syntax.EventQuery):
            condition = self._condition(query.filter)
            return typed.EventQuery(condition, order, self._limits(query.pipes), self.source)
        stages = tuple(self._stage(stage, query.keys) for stage in query.stages)
        self._check_key_types(stages)
        if isinstance(query, syntax.SampleQuery):
            return typed.SampleQuery(stages, order, self.source)
        until = self._stage(query.until, query.keys) if query.until else None
        return typed.SequenceQuery(stages, until, query.maxspan, order, self._limits(query.pipes), self.source)

    def _order(self, query: syntax.Query) -> typed.Order:
        timestamp = self.schema.find(self.options.timestamp_field)
        if timestamp is None or timestamp.type not in DATE_TYPES:
            known = f"[{timestamp.type}]" if timestamp else "unknown"
            if isinstance(query, syntax.SampleQuery) and timestamp is None:
                timestamp = Field(self.options.timestamp_field, "date")
            else:
                self._option_fault("timestamp_field", self.options.timestamp_field, f"must be a date; it is {known}")
        tiebreaker = None
        if self.options.tiebreaker_field is not None:
            tiebreaker = self.schema.find(self.options.tiebreaker_field)
            if tiebreaker is None:
                self._option_fault("tiebreaker_field", self.options.tiebreaker_field, "is unknown")
        return typed.Order(timestamp, tiebreaker)

    def _option_fault(self, option: str, value: str, what: str) -> NoReturn:
        raise EqlError([Diagnostic("E0290", Severity.ERROR, f"{option} [{value}] {what}", source=self.source)])

    def _condition(self, event: syntax.EventFilter) -> typed.Value:
        condition = self.expressions.condition(event.condition)
        if event.category is None:
            return condition
        category_field = self.schema.find(self.options.event_category_field)
        if category_field is None:
            self.faults.add(
                "E0201",
                f"Unknown column [{self.options.event_category_field}], needed for event category [{event.category}]",
                event.span,
                help="name the field that holds the event category (event_category_field), or write: any where …",
            )
            return condition
        place = Span(event.span.start, event.span.start)
        resolved = self.expressions.resolved(category_field, place)
        category = typed.Compare("==", resolved, typed.Constant(event.category, "keyword", place), place)
        if isinstance(condition, typed.And):
            return typed.And((category, *condition.operands), event.span)
        return typed.And((category, condition), event.span)

    def _stage(self, stage: syntax.Stage, common: tuple[syntax.FieldName, ...]) -> typed.Stage:
        keys = tuple(self._key(key) for key in (*common, *stage.keys))
        return typed.Stage(self._condition(stage.filter), keys, stage.runs, stage.missing, stage.span)

    def _key(self, name: syntax.FieldName) -> typed.Key:
        found = self.expressions.find(name)
        if found is not None and (found.type == "text" or found.type == "match_only_text"):
            if found.exact and (exact := self.schema.find(found.exact)):
                found = exact
            else:
                self.faults.add(
                    "E0210",
                    f"Cannot use field [{name.name}] of type [{found.type}] as a join key: it has no exact keyword sub-field",
                    name.span,
                )
        return typed.Key(name.name, found, name.optional, name.span)

    def _check_key_types(self, stages: tuple[typed.Stage, ...]) -> None:
        for position, first in enumerate(stages[0].keys):
            for stage in stages[1:]:
                if position >= len(stage.keys):
                    continue
                other = stage.keys[position]
                if first.field is None or other.field is None or _compatible(first.field.type, other.field.type):
                    continue
                self.faults.add(
                    "E0211",
                    f"Sequence key [{first.name}] type [{first.field.type}] is incompatible with key "
                    f"[{other.name}] type [{other.field.type}]",
                    other.span,
                    secondary=Label(first.span, f"[{first.field.type}]"),
                )

    def _limits(self, pipes: tuple[syntax.Pipe, ...]) -> tuple[typed.Limit, ...]:
        limits = []
        for pipe in pipes:
            count = self.expressions.foldable_integer(pipe.arguments[0], pipe.name)
            limits.append(typed.Limit(pipe.name, count))
        if self.options.size is not None:
            direction = limits[0].direction if limits else self.options.result_position
            limits.insert(0, typed.Limit(direction, self.options.size))
        return tuple(limits)


def _compatible(left: str, right: str) -> bool:
    return left == right or family(left) == family(right) != ""


__all__ = ["DATE_TYPES", "EXACT_STRING_TYPES", "NUMBER_TYPES", "STRING_TYPES", "Options", "check", "check_expression"]
