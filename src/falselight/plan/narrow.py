"""What a predicate demands of some fields alone: a weaker predicate, which every event of the predicate satisfies.

Leaves on other fields are taken to hold, or under ``not`` not to, whichever keeps more events. A leaf on a field that no event
fills is known to fail. So a plan that cannot match is known without looking at an event, and groups of events with the same
values of a few fields can be judged once for all."""

from __future__ import annotations

from collections.abc import Iterator

from falselight.eql import typed
from falselight.plan import nodes

NO_FIELDS: frozenset[str] = frozenset()


def relaxed(predicate: nodes.Predicate, known: frozenset[str], *, more: bool = True) -> nodes.Predicate:
    """A predicate over the fields ``known`` only that holds wherever this one does (``more`` false: only where it does)."""
    match predicate:
        case nodes.Not(operand):
            inner = relaxed(operand, known, more=not more)
            return nodes.ALWAYS if inner == nodes.NEVER else nodes.NEVER if inner == nodes.ALWAYS else nodes.Not(inner)
        case nodes.And(operands):
            return _joined(nodes.And, [relaxed(each, known, more=more) for each in operands])
        case nodes.Or(operands):
            return _joined(nodes.Or, [relaxed(each, known, more=more) for each in operands])
        case nodes.Fixed():
            return predicate
        case nodes.Rows() | nodes.Clusters():
            return nodes.ALWAYS if more else nodes.NEVER
        case nodes.Script():
            return predicate if names(predicate) <= known else nodes.ALWAYS if more else nodes.NEVER
    if not predicate.field.filled:
        return nodes.NEVER
    return predicate if predicate.field.name in known else nodes.ALWAYS if more else nodes.NEVER


def _joined(kind: type[nodes.And] | type[nodes.Or], parts: list[nodes.Predicate]) -> nodes.Predicate:
    """``and`` or ``or`` without what changes nothing; decided where one part decides."""
    neutral, deciding = (nodes.ALWAYS, nodes.NEVER) if kind is nodes.And else (nodes.NEVER, nodes.ALWAYS)
    if deciding in parts:
        return deciding
    rest = [part for part in parts if part != neutral]
    return rest[0] if len(rest) == 1 else kind(tuple(rest))


def names(predicate: nodes.Predicate) -> frozenset[str]:
    """Every field that a predicate reads."""
    return frozenset(
        name
        for leaf in leaves(predicate)
        for name in (
            [occurrence.field.name for occurrence in typed.fields(leaf.expression)]
            if isinstance(leaf, nodes.Script)
            else [leaf.field.name]
            if not isinstance(leaf, nodes.Fixed | nodes.Rows | nodes.Clusters)
            else []
        )
    )


def leaves(predicate: nodes.Predicate) -> Iterator[nodes.Leaf | nodes.Fixed | nodes.Rows | nodes.Clusters]:
    """The parts of a predicate that are not made of others."""
    if isinstance(predicate, nodes.Not):
        yield from leaves(predicate.operand)
    elif isinstance(predicate, nodes.And | nodes.Or):
        for operand in predicate.operands:
            yield from leaves(operand)
    else:
        yield predicate


def undecided(predicate: nodes.Predicate, known: frozenset[str]) -> list[nodes.Predicate]:
    """The conditions of the outermost ``and`` that the known fields do not decide: with ``relaxed`` they are the predicate."""
    parts = predicate.operands if isinstance(predicate, nodes.And) else (predicate,)
    return [part for part in parts if not _decided(part, known)]


def _decided(predicate: nodes.Predicate, known: frozenset[str]) -> bool:
    rows = any(isinstance(leaf, nodes.Rows | nodes.Clusters) for leaf in leaves(predicate))
    return not rows and names(predicate) <= known


def stages(plan: nodes.Plan) -> tuple[nodes.Stage, ...]:
    """The stages of a plan, ``until`` last; none for an event query."""
    if isinstance(plan, nodes.EventPlan):
        return ()
    return (*plan.stages, plan.until) if plan.until is not None else plan.stages


def predicates(plan: nodes.Plan) -> list[nodes.Predicate]:
    """The predicate of the event query, or of every stage."""
    return [plan.predicate] if isinstance(plan, nodes.EventPlan) else [stage.predicate for stage in stages(plan)]


def can_match(plan: nodes.Plan) -> bool:
    """Whether the filled fields allow a match: false where a condition that must hold needs a field that no event fills."""
    if isinstance(plan, nodes.EventPlan):
        return relaxed(plan.predicate, NO_FIELDS) != nodes.NEVER
    for stage in plan.stages:
        if stage.missing:
            continue
        lacks_key = any(not key.optional and (key.field is None or not key.field.filled) for key in stage.keys)
        if lacks_key or relaxed(stage.predicate, NO_FIELDS) == nodes.NEVER:
            return False
    return True
