"""Rewrites of a typed query that Elasticsearch's optimiser makes and that change results.

``propagate_keys``: a condition of one stage that mentions a join key, and holds no ``or``, is asked of the other stages as
well, with the key renamed. With one value per key this is the same question; with several it is not.
"""

from __future__ import annotations

from dataclasses import replace

from falselight.eql import typed


def rewrite(query: typed.Query) -> typed.Query:
    """The query as Elasticsearch runs it."""
    if isinstance(query, typed.EventQuery) or not query.stages[0].keys:
        return query
    return replace(query, stages=propagate_keys(query.stages))


def propagate_keys(stages: tuple[typed.Stage, ...]) -> tuple[typed.Stage, ...]:
    """Stages with the conditions on join keys that other stages make."""
    found = [
        (number, position, condition)
        for number, stage in enumerate(stages)
        if not stage.missing
        for condition in _conjuncts(stage.condition)
        if not _has_or(condition) and (position := _first_key(condition, stage)) is not None
    ]
    if not found:
        return stages
    return tuple(
        stage
        if stage.missing
        else replace(stage, condition=_with(stage, [entry for entry in found if entry[0] != number], stages))
        for number, stage in enumerate(stages)
    )


def _with(
    stage: typed.Stage, conditions: list[tuple[int, int, typed.Value]], stages: tuple[typed.Stage, ...]
) -> typed.Value:
    added = []
    for number, position, condition in conditions:
        origin, target = stages[number].keys[position], stage.keys[position]
        if origin.field is None:
            continue
        renamed = _renamed(condition, origin, target)
        if renamed != condition or origin.field == target.field:
            added.append(renamed)
    own = _conjuncts(stage.condition)
    new = [condition for condition in added if condition not in own]
    return typed.And((*own, *dict.fromkeys(new)), stage.span) if new else stage.condition


def _conjuncts(condition: typed.Value) -> tuple[typed.Value, ...]:
    if isinstance(condition, typed.And):
        return tuple(part for operand in condition.operands for part in _conjuncts(operand))
    return (condition,)


def _has_or(condition: typed.Value) -> bool:
    """Whether an ``or`` stands in it as Elasticsearch sees it: a list of patterns is one, equals of one field are not."""
    if isinstance(condition, typed.Or):
        return not _is_membership(condition)
    if (
        isinstance(condition, typed.Match)
        and not condition.operator.startswith("regex")
        and len(condition.patterns) > 1
    ):
        return True
    if isinstance(condition, typed.InList) and condition.insensitive and len(condition.items) > 1:
        return True
    return any(_has_or(child) for child in typed.children(condition))


def _is_membership(condition: typed.Or) -> bool:
    """``f == 1 or f == 2`` or ``f in (…)``: Elasticsearch makes one ``in`` of these."""
    names = set()
    for operand in condition.operands:
        if isinstance(operand, typed.Compare) and operand.operator == "==":
            value: typed.Value = operand.left
        elif isinstance(operand, typed.InList) and not operand.insensitive:
            value = operand.operand
        else:
            return False
        if not isinstance(value, typed.FieldValue):
            return False
        names.add(value.field.name)
    return len(names) == 1


def _first_key(condition: typed.Value, stage: typed.Stage) -> int | None:
    """The position of the first join key that the condition mentions."""
    names = [key.field.name if key.field else None for key in stage.keys]
    for occurrence in typed.fields(condition):
        if occurrence.field.name in names:
            return names.index(occurrence.field.name)
    return None


def _renamed(value: typed.Value, origin: typed.Key, target: typed.Key) -> typed.Value:
    if isinstance(value, typed.FieldValue):
        if origin.field is None or value.field.name != origin.field.name:
            return value
        if target.field is None:
            return typed.Constant(None, "null", value.span)
        return typed.FieldValue(target.field, value.span)
    if isinstance(value, typed.Function):
        return replace(value, arguments=tuple(_renamed(argument, origin, target) for argument in value.arguments))
    if isinstance(value, typed.Compare):
        return replace(value, left=_renamed(value.left, origin, target), right=_renamed(value.right, origin, target))
    if isinstance(value, typed.InList | typed.Match | typed.IsNull | typed.Not):
        return replace(value, operand=_renamed(value.operand, origin, target))
    if isinstance(value, typed.And | typed.Or):
        return replace(value, operands=tuple(_renamed(operand, origin, target) for operand in value.operands))
    return value
