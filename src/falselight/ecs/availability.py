"""Which telemetry fills a field: what to collect when a rule's field is empty in all of the input.

Facts and their sources stand in ``availability.toml``.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

EVERYWHERE = "every source"
# Data sets that tell of other events, or of the sensor.
_NOT_EVENTS = (".alerts", ".api", ".metrics", ".policy")


def sources(field: str) -> list[str]:
    """Sources that fill the field, as a message names them ("Sysmon 3 (network connection) with DNS lookup"), in the
    table's order; ``[EVERYWHERE]`` for a field of all events. Empty where the table does not know the field, which does
    not mean that nothing fills it."""
    labels, fields = _table()
    return [EVERYWHERE if key == "*" else labels[key] for key in fields.get(field, ())]


def source_keys(field: str) -> tuple[str, ...]:
    """The keys of these sources in the table; ``*`` for a field of all events."""
    return tuple(_table()[1].get(field, ()))


def categories() -> dict[str, tuple[str, ...]]:
    """The keys of the sources that bring events of a category; ``dns`` are those of category network that are DNS queries."""
    return _categories()


def datasets(field: str) -> list[str]:
    """Data sets of Elastic's integrations that have the field, by ``integrations.tsv``; those without own events last."""
    return sorted(_datasets().get(field, ()), key=lambda each: each.endswith(_NOT_EVENTS))


def label(key: str) -> str:
    """How messages name a source."""
    return _table()[0][key]


def known() -> frozenset[str]:
    """The fields that the table covers."""
    return frozenset(_table()[1])


@cache
def _categories() -> dict[str, tuple[str, ...]]:
    return {name: tuple(keys) for name, keys in _document()["categories"].items()}


@cache
def _datasets() -> dict[str, tuple[str, ...]]:
    found = {}
    for line in files("falselight.ecs").joinpath("integrations.tsv").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            name, _, _, _, sources = line.split("\t")
            found[name] = tuple(each for each in sources.split(",") if each != "implied" and ":" not in each)
    return found


@cache
def _table() -> tuple[dict[str, str], dict[str, list[str]]]:
    document = _document()
    return document["sources"], document["fields"]


@cache
def _document() -> dict[str, Any]:
    return tomllib.loads(files("falselight.ecs").joinpath("availability.toml").read_text(encoding="utf-8"))
