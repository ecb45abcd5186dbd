"""The values of a list as one text, made once for each event, in which guards search for what some value must match.

To ask each value takes twice as long."""

from __future__ import annotations

from collections.abc import Iterable

from falselight.ecs.schema import Field, column
from falselight.plan import narrow, nodes
from falselight.sql import spelling
from falselight.store import quoted

# Between values, and at both ends.
SEPARATOR = "\x1f"
MARK = "#values"


def like(field: Field, patterns: Iterable[str]) -> nodes.Like:
    """Holds wherever some value of a list matches one of these wildcard patterns, ASCII case aside, and may hold elsewhere: a
    match may begin in one value and end in another."""
    bounded = []
    for pattern in dict.fromkeys(patterns):
        start = pattern if pattern.startswith("*") else f"*{SEPARATOR}{pattern}"
        bounded.append(start if pattern.endswith("*") else f"{start}{SEPARATOR}*")
    return nodes.Like(Field(field.name + MARK, "keyword", filled=True), tuple(bounded), insensitive=True)


def columns(predicates: Iterable[nodes.Predicate]) -> list[str]:
    """SQL of the texts that predicates ask of events, to be selected beside the events' own columns."""
    asked = {name for predicate in predicates for name in narrow.names(predicate) if name.endswith(MARK)}
    edge = spelling.text(SEPARATOR)
    return [
        f"{edge} || array_to_string({quoted(column(name.removesuffix(MARK)))}, {edge}) || {edge} AS {quoted(column(name))}"
        for name in sorted(asked)
    ]
