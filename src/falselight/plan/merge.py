"""Leaves on one field that stand side by side become one leaf: ``a == 1 or a == 2`` one membership, a hundred negated
wildcards one pattern. Meaning is unchanged: a leaf asks for *some* value, and so does an ``or`` of leaves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from falselight.plan import nodes

# Leaves that one predicate may have after merging. Elasticsearch's own bound is about a thousand clauses a query.
MOST_LEAVES = 5_000


def merged(predicate: nodes.Predicate) -> nodes.Predicate:
    """The same predicate with fewer leaves; nested ``and`` and ``or`` are flattened."""
    match predicate:
        case nodes.Not(operand):
            inner = merged(operand)
            return inner.operand if isinstance(inner, nodes.Not) else nodes.Not(inner)
        case nodes.Or(operands):
            return _or(_flat(map(merged, operands), nodes.Or))
        case nodes.And(operands):
            parts = _flat(map(merged, operands), nodes.And)
            negated = [part.operand for part in parts if isinstance(part, nodes.Not)]
            if len(negated) < 2:
                return _all(parts)
            joined = _alternatives(_flat(negated, nodes.Or))
            rest = [part for part in parts if not isinstance(part, nodes.Not)]
            return _all([*rest, *(nodes.Not(part) for part in joined)])
    return predicate


def leaves(predicate: nodes.Predicate) -> int:
    """How many leaves a predicate has."""
    if isinstance(predicate, nodes.And | nodes.Or):
        return sum(map(leaves, predicate.operands))
    return leaves(predicate.operand) if isinstance(predicate, nodes.Not) else 1


def _flat(parts: Iterable[nodes.Predicate], kind: type[nodes.And] | type[nodes.Or]) -> list[nodes.Predicate]:
    flat: list[nodes.Predicate] = []
    for part in parts:
        flat.extend(part.operands if isinstance(part, kind) else [part])
    return flat


def _all(parts: list[nodes.Predicate]) -> nodes.Predicate:
    return parts[0] if len(parts) == 1 else nodes.And(tuple(parts))


def _or(parts: list[nodes.Predicate]) -> nodes.Predicate:
    joined = _alternatives(parts)
    return joined[0] if len(joined) == 1 else nodes.Or(tuple(joined))


def _alternatives(parts: list[nodes.Predicate]) -> list[nodes.Predicate]:
    """The parts of an ``or``, leaves of one kind and field joined at the place of the first."""
    groups: dict[object, list[nodes.Predicate]] = {}
    for number, part in enumerate(parts):
        groups.setdefault(_kind(part) or number, []).append(part)
    return [group[0] if len(group) == 1 else _together(group) for group in groups.values()]


def _kind(part: nodes.Predicate) -> object:
    match part:
        case nodes.Equal(field):
            return ("equal", field.name)
        case nodes.Like(field, _, insensitive):
            return ("like", field.name, insensitive)
        case nodes.Cidr(field):
            return ("cidr", field.name)
    return None


def _together(group: list[nodes.Predicate]) -> nodes.Predicate:
    first = group[0]
    if isinstance(first, nodes.Equal):
        values = [value for part in group if isinstance(part, nodes.Equal) for value in part.values]
        return replace(first, values=tuple(dict.fromkeys(values)))
    if isinstance(first, nodes.Like):
        patterns = [pattern for part in group if isinstance(part, nodes.Like) for pattern in part.patterns]
        return replace(first, patterns=tuple(dict.fromkeys(patterns)))
    if isinstance(first, nodes.Cidr):
        ranges = [block for part in group if isinstance(part, nodes.Cidr) for block in part.ranges]
        return replace(first, ranges=tuple(dict.fromkeys(ranges)))
    raise TypeError(f"{first!r} does not join others")
