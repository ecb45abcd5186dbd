"""Walks over the syntax tree: which fields a query names."""

from __future__ import annotations

from collections.abc import Iterator

from falselight.eql import syntax


def stages(query: syntax.Query) -> tuple[syntax.Stage, ...]:
    """All stages of a sequence or sample with its ``until``; none of an event query."""
    if isinstance(query, syntax.EventQuery):
        return ()
    until = query.until if isinstance(query, syntax.SequenceQuery) else None
    return (*query.stages, until) if until else query.stages


def filters(query: syntax.Query) -> list[syntax.EventFilter]:
    """Every event filter of a query."""
    return [query.filter] if isinstance(query, syntax.EventQuery) else [stage.filter for stage in stages(query)]


def field_names(query: syntax.Query) -> list[str]:
    """Every field that the query names, once, in the order of the text; join keys last."""
    names = [found.name for event in filters(query) for found in fields(event.condition)]
    if not isinstance(query, syntax.EventQuery):
        names += [key.name for key in query.keys]
        names += [key.name for stage in stages(query) for key in stage.keys]
    return list(dict.fromkeys(names))


def key_names(query: syntax.Query) -> list[str]:
    """The join keys as the first stage names them."""
    if isinstance(query, syntax.EventQuery):
        return []
    return [key.name for key in (*query.keys, *query.stages[0].keys)]


def fields(expression: syntax.Expression) -> Iterator[syntax.FieldName]:
    """The fields of an expression in the order of the text, as often as they stand there."""
    pending: list[syntax.Expression] = [expression]
    while pending:
        current = pending.pop()
        if isinstance(current, syntax.FieldName):
            yield current
        pending.extend(reversed(children(current)))


def children(expression: syntax.Expression) -> tuple[syntax.Expression, ...]:
    """The direct sub-expressions."""
    match expression:
        case syntax.Call():
            return expression.arguments
        case syntax.Negate() | syntax.Not():
            return (expression.operand,)
        case syntax.Arithmetic() | syntax.Comparison():
            return (expression.left, expression.right)
        case syntax.Membership():
            return (expression.operand, *expression.items)
        case syntax.Match():
            return (expression.operand, *expression.patterns)
        case syntax.And() | syntax.Or():
            return expression.operands
    return ()
