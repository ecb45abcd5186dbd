"""Autonomous systems, organisations and names → a class of hosting: ``hosting.toml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from falselight.risks import Reason

UNKNOWN, CONTENT_NETWORK = "unknown", "content network"


@dataclass(frozen=True)
class Hosting:
    """Where a server stands. ``kind`` is a class of ``hosting.toml`` or unknown; ``because`` says what told it."""

    kind: str = UNKNOWN
    because: str = ""
    system: int | None = None
    organisation: str | None = None

    @property
    def weight(self) -> float:
        """Log-odds against a server of unknown hosting."""
        return _table().classes.get(self.kind, 0.0)


@dataclass(frozen=True)
class _Table:
    classes: dict[str, float]
    systems: dict[int, str]
    words: tuple[tuple[re.Pattern[str], str, str], ...]
    names: dict[str, str]


@cache
def _table() -> _Table:
    document = tomllib.loads(files("falselight.infrastructure").joinpath("hosting.toml").read_text(encoding="utf-8"))
    systems: dict[int, str] = {}
    words: list[tuple[re.Pattern[str], str, str]] = []
    names: dict[str, str] = {}
    for rule in document["rule"]:
        kind = rule["class"]
        systems |= dict.fromkeys(rule.get("systems", []), kind)
        words += [(re.compile(rf"\b{re.escape(word)}\b", re.IGNORECASE), word, kind) for word in rule.get("words", [])]
        names |= dict.fromkeys(rule.get("names", []), kind)
    return _Table(document["classes"], systems, tuple(words), names)


def hosting(names: Iterable[str] = (), system: int | None = None, organisation: str | None = None) -> Hosting:
    """The class of a server: by its names, else by its autonomous system, else by the words of the organisation's name."""
    table = _table()
    for name in sorted(names):
        labels = name.split(".")
        for at in range(len(labels) - 1):
            ending = ".".join(labels[at:])
            if ending in table.names:
                return Hosting(table.names[ending], f"its name ends in {ending}", system, organisation)
    if system in table.systems:
        holder = f" ({organisation})" if organisation else ""
        return Hosting(table.systems[system], f"AS{system}{holder}", system, organisation)
    for word, written, kind in table.words if organisation else ():
        if word.search(organisation or ""):
            return Hosting(kind, f"“{written}” in {organisation}", system, organisation)
    return Hosting(UNKNOWN, "", system, organisation)


def shared_endings() -> frozenset[str]:
    """Names below which anyone can have one, of all classes."""
    return frozenset(_table().names)


def by_name(kind: str, server: str) -> Iterator[Reason]:
    """What a server's name tells of its hosting, as a reason of a score of this kind."""
    found = hosting((server,))
    if found.weight:
        yield Reason(f"{kind}: hosting", found.weight, f"hosting: {found.kind}, by {found.because}")
