"""The sources guide is what its script makes of the mapping tables, and tells every field that they name."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from falselight import mappings
from falselight.mappings.apply import shared
from falselight.readers.windows_event import AUDIT_SUCCESS, WindowsEvent
from scripts.sources_guide import TARGET, WINDOWS, guide


def test_the_guide_is_fresh() -> None:
    assert TARGET.read_text(encoding="utf-8") == guide(), "run scripts/sources_guide.py"


def targets(entry: Any) -> Iterator[str]:
    """Every field that a table names as a target, wherever it stands."""
    if isinstance(entry, dict):
        for pairs in entry.values():
            if isinstance(pairs, list) and all(isinstance(pair, list) and len(pair) > 1 for pair in pairs):
                yield from (pair[1] for pair in pairs if isinstance(pair[1], str))
        if "to" in entry:
            yield from entry["to"] if isinstance(entry["to"], list) else [entry["to"]]
        for below in entry.values():
            yield from targets(below)
    elif isinstance(entry, list):
        for below in entry:
            yield from targets(below)


def test_no_field_is_missing() -> None:
    written = guide()
    missing = [
        f"{path.name}: {name}"
        for path in sorted(Path(mappings.__file__).parent.glob("*.toml"))
        for name in targets(tomllib.loads(path.read_text(encoding="utf-8")))
        if isinstance(name, str) and name and f"{name}`" not in written
    ]
    assert missing == []


def test_what_all_windows_events_have() -> None:
    event = WindowsEvent(
        "p", "c", 1, "h", "7", 0, 4, 1, 1, AUDIT_SUCCESS, 1, 2, "S-1-5-18", 2, "{g}", "{a}", "{b}", "task", "opcode",
        "level", None, "text",
    )  # fmt: skip
    assert {name for names, _ in WINDOWS for name in names} == set(shared(event))
