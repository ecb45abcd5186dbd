"""What each test must leave: the signals of ``content/atomics/T1583.004/signals.toml`` with a test's inputs filled in."""

from __future__ import annotations

import operator
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Any

from falselight.rules.loading import content
from falselight.validation.atomics import Atomic

_PLACE = re.compile(r"\{(\w+)\}")
_COUNT = re.compile(r"(\d+)(?: ([*-]) (\d+))?")
_SIGNS = {"*": operator.mul, "-": operator.sub}


@dataclass(frozen=True)
class Signal:
    """One signal: ``event`` (a source and its event id), what it is in words, the EQL query that finds it, how many
    matches there must be, and whether a recorded event holds the mapping of that event id. ``contains`` is a field and a
    text that stands in it, where EQL cannot compare the field."""

    event: str
    text: str
    query: str
    count: int
    recorded: bool
    contains: tuple[str, str] | None = None


@dataclass(frozen=True)
class Expectation:
    """All that one test promises. ``promises`` are ids of rules that must fire; ``claims`` what the page says and no
    recording confirms."""

    signals: tuple[Signal, ...]
    promises: frozenset[str]
    claims: tuple[str, ...]


def expectation(test: Atomic) -> Expectation:
    """What a test promises; LookupError for a test that the table does not name."""
    document = _document()
    found = next((entry for entry in document["test"] if test.number in entry["numbers"]), None)
    if found is None:
        raise LookupError(f"no signals are written down for test {test.number}")
    inputs = {"rounds": "1", **test.inputs}
    signals = tuple(
        Signal(
            entry["event"],
            _fill(entry["text"], inputs),
            _fill(entry["query"], inputs),
            _count(_fill(entry["count"], inputs)),
            document["mappings"][entry["event"]] == "recorded",
            (entry["contains"]["field"], entry["contains"]["text"]) if "contains" in entry else None,
        )
        for entry in found["signal"]
    )
    promised = found["promises"].get(str(test.number), [])
    return Expectation(signals, frozenset(document["rules"][name] for name in promised), tuple(found["claims"]))


def _fill(text: str, inputs: dict[str, str]) -> str:
    return _PLACE.sub(lambda place: inputs[place.group(1)], text)


def _count(text: str) -> int:
    written = _COUNT.fullmatch(text)
    if written is None:
        raise ValueError(f"{text!r} is no count")
    left, sign, right = written.groups()
    return int(_SIGNS[sign](int(left), int(right))) if sign else int(left)


@cache
def _document() -> dict[str, Any]:
    return tomllib.loads(content("atomics", "T1583.004", "signals.toml").read_text(encoding="utf-8"))
