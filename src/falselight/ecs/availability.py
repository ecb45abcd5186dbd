"""Which telemetry fills a field: what to collect when a rule's field is empty in all of the input.

Facts and their sources stand in ``availability.toml``.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

EVERYWHERE = "every source"


def sources(field: str) -> list[str]:
    """Sources that fill the field, as a message names them ("Sysmon 3 (network connection) with DNS lookup"), in the
    table's order; ``[EVERYWHERE]`` for a field of all events. Empty where the table does not know the field, which does
    not mean that nothing fills it."""
    labels, fields = _table()
    return [EVERYWHERE if key == "*" else labels[key] for key in fields.get(field, ())]


def source_keys(field: str) -> tuple[str, ...]:
    """The keys of these sources in the table; ``*`` for a field of all events."""
    return tuple(_table()[1].get(field, ()))


def label(key: str) -> str:
    """How messages name a source."""
    return _table()[0][key]


def known() -> frozenset[str]:
    """The fields that the table covers."""
    return frozenset(_table()[1])


@cache
def _table() -> tuple[dict[str, str], dict[str, list[str]]]:
    document = tomllib.loads(files("falselight.ecs").joinpath("availability.toml").read_text(encoding="utf-8"))
    return document["sources"], document["fields"]
