"""The fields that are wanted, of events with all of theirs: what a reader that makes no others must give."""

from __future__ import annotations

from typing import Any

from falselight.documents import METADATA
from falselight.mappings.apply import apply
from falselight.readers.windows_event import WindowsEvent


def limited(events: list[tuple[int, WindowsEvent]], wanted: frozenset[str] | None) -> list[dict[str, Any]]:
    """The events as ``apply`` maps them, one row each, without what is not wanted."""
    return [
        {
            name: value
            for name, value in row.items()
            if wanted is None or name in wanted or name in METADATA or name in ("_record", "_time")
        }
        for row in apply(events).to_pylist()
    ]
