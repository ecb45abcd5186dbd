"""Leaves of one field become one leaf, and the meaning stays."""

from __future__ import annotations

from falselight.ecs.schema import Field
from falselight.plan import nodes
from falselight.plan.merge import leaves, merged

NAME, PID = Field("name", "keyword", filled=True), Field("pid", "long", filled=True)


def test_an_or_of_equals_is_one_membership() -> None:
    apart = nodes.Or((nodes.Equal(PID, (1,)), nodes.Exists(NAME), nodes.Equal(PID, (2, 1))))
    assert merged(apart) == nodes.Or((nodes.Equal(PID, (1, 2)), nodes.Exists(NAME)))


def test_negated_leaves_of_an_and_are_one_negation() -> None:
    apart = nodes.And((nodes.Not(nodes.Like(NAME, ("a*",), True)), nodes.Not(nodes.Like(NAME, ("b*",), True))))
    assert merged(apart) == nodes.Not(nodes.Like(NAME, ("a*", "b*"), True))


def test_equals_of_an_and_stay_apart() -> None:
    both = nodes.And((nodes.Equal(PID, (1,)), nodes.Equal(PID, (2,))))
    assert merged(both) == both


def test_sensitive_and_insensitive_patterns_stay_apart() -> None:
    apart = nodes.Or((nodes.Like(NAME, ("a",), True), nodes.Like(NAME, ("b",), False)))
    assert merged(apart) == apart


def test_nesting_is_flattened_and_counted() -> None:
    nested = nodes.Or((nodes.Or((nodes.Equal(PID, (1,)),)), nodes.Not(nodes.Not(nodes.Equal(PID, (2,))))))
    assert merged(nested) == nodes.Equal(PID, (1, 2))
    assert leaves(nested) == 2
