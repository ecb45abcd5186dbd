"""Predicates → SQL conditions. ``NOT`` is pushed down to the leaves, where a missing value is false, and its negation true."""

from __future__ import annotations

from collections.abc import Callable

from falselight.ecs.schema import Field, column, ip_column, order_column
from falselight.eql import regular
from falselight.plan import nodes
from falselight.sql import expressions
from falselight.sql.spelling import conjunction, disjunction, literal, name
from falselight.sql.strings import like, matches


def condition(predicate: nodes.Predicate, negated: bool = False) -> str:
    """SQL that is true exactly for the events that satisfy (or, negated, do not satisfy) the predicate."""
    if isinstance(predicate, nodes.Not):
        return condition(predicate.operand, not negated)
    if isinstance(predicate, nodes.And | nodes.Or):
        parts = [condition(operand, negated) for operand in predicate.operands]
        return conjunction(parts) if isinstance(predicate, nodes.And) != negated else disjunction(parts)
    if isinstance(predicate, nodes.Fixed):
        fixed = expressions.fixed(predicate.expression)
        return f"(NOT {fixed})" if negated else fixed
    if isinstance(predicate, nodes.Rows):
        return f"(_seq {'NOT ' if negated else ''}IN (SELECT _seq FROM {name(predicate.relation)}))"
    if isinstance(predicate, nodes.Clusters):
        within_ranges = disjunction([f"(_cluster BETWEEN {low} AND {high})" for low, high in predicate.ranges])
        return f"(NOT {within_ranges})" if negated else within_ranges
    if isinstance(predicate, nodes.Script):
        leaf = expressions.script(predicate.expression)
    elif not predicate.field.filled:
        return "TRUE" if negated else "FALSE"
    elif isinstance(predicate, nodes.Exists):
        return f"{_column(predicate.field)} IS {'NULL' if negated else 'NOT NULL'}"
    else:
        leaf = _leaf(predicate)
    return f"({leaf} IS NOT TRUE)" if negated else leaf


def _column(field: Field) -> str:
    return name(column(field.name))


def _some(field: Field, source: str, holds: Callable[[str], str]) -> str:
    """Some value of the field satisfies a condition."""
    if field.many:
        return f"(len(list_filter({source}, lambda v: {holds('v')})) > 0)"
    return holds(source)


def _leaf(predicate: nodes.Leaf) -> str:
    match predicate:
        case nodes.Equal(field, values):
            return _equal(field, values)
        case nodes.Range(field, operator, value):
            source = _order_source(field)
            return _some(field, source, lambda v: f"({v} {operator} {_typed(field, value)})")
        case nodes.Within(field, low, high):
            return _some(field, _column(field), lambda v: f"({v} BETWEEN {low} AND {high})")
        case nodes.Like(field, texts, insensitive):
            return _some(field, _column(field), lambda v: like(v, texts, insensitive, in_list=field.many))
        case nodes.Regex(field, pattern, insensitive):
            translation = regular.translate(pattern, insensitive)
            return _some(field, _column(field), lambda v: matches(v, translation))
        case nodes.Cidr(field, ranges):
            return _some(field, name(ip_column(field.name)), lambda v: within(v, ranges))
    raise TypeError(f"no SQL for {predicate!r}")


def _order_source(field: Field) -> str:
    if field.type == "ip":
        return name(ip_column(field.name))
    return name(order_column(field.name)) if field.type == "version" else _column(field)


def _typed(field: Field, value: str | int | float | bool | bytes) -> str:
    return f"{literal(value)}::FLOAT" if field.type == "float" else literal(value)


def _equal(field: Field, values: tuple[str | int | float | bool | bytes, ...]) -> str:
    source = name(order_column(field.name)) if field.type == "version" else _column(field)
    listed = [_typed(field, value) for value in values]
    if field.many:
        if len(listed) == 1:
            return f"list_contains({source}, {listed[0]})"
        if len(listed) == 2:
            return f"list_has_any({source}, [{', '.join(listed)}])"
        return _some(field, source, lambda v: f"({v} IN ({', '.join(listed)}))")
    return f"({source} = {listed[0]})" if len(listed) == 1 else f"({source} IN ({', '.join(listed)}))"


def within(address: str, ranges: tuple[tuple[bytes, bytes], ...]) -> str:
    """An address of 16 bytes lies in one of the ranges."""
    return disjunction([f"({address} BETWEEN {literal(low)} AND {literal(high)})" for low, high in ranges])
