"""Reads a capture's bytes and gives its events as plain documents."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

from falselight.diagnostics import Diagnostic
from falselight.readers.pcap import read
from falselight.readers.settings import DEFAULTS


def events(
    data: bytes, *, reported: list[Diagnostic] | None = None, skipped: Counter[str] | None = None
) -> list[dict[str, Any]]:
    """All events, fields without value left out, in the order of their numbers."""
    told: list[Diagnostic] = [] if reported is None else reported
    left: Counter[str] = Counter() if skipped is None else skipped
    rows = [
        {name: value for name, value in row.items() if value is not None}
        for batch in read(io.BytesIO(data), "made.pcap", "made.pcap", told.append, left, None, DEFAULTS)
        for row in batch.to_pylist()
    ]
    return sorted(rows, key=lambda row: row["_record"])


def of(found: list[dict[str, Any]], log: str) -> list[dict[str, Any]]:
    """The events of one kind."""
    return [row for row in found if row["event.dataset"] == f"pcap.{log}"]
