"""Flow records as text, of nfdump (comma) and SiLK's rwcut (bar or comma), as normalised batches (see ``mappings.netflow``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa

from falselight.mappings.netflow import event
from falselight.mappings.tables import whole
from falselight.readers import Report, syslog
from falselight.readers.settings import Settings
from falselight.readers.syslog import Document


def read(
    stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str], wanted: frozenset[str] | None,
    settings: Settings,
) -> Iterator[pa.Table]:  # fmt: skip
    """The events of a log, one a line."""
    return syslog.read(_Parser(), stream, path, label, report, skipped, wanted, settings)


class _Parser:
    """Keeps the columns that the last header named; what nfdump writes behind ``Summary`` is no flow."""

    def __init__(self) -> None:
        self._kind, self._by = "", ","
        self._columns: list[str] = []
        self._is_over = False

    def __call__(self, line: str, settings: Settings) -> Document | None:
        bar = "|" if "|" in line else ","
        cells = [cell.strip() for cell in line.lstrip("\ufeff").split(bar)]
        kind = _kind(cells)
        if kind is not None:
            self._kind, self._by, self._columns, self._is_over = kind, bar, _trimmed(cells), False
            return {}
        self._is_over = self._is_over or line.strip() == "Summary"
        if self._is_over:
            return {}
        cells = _trimmed(cells) if len(cells) > len(self._columns) else cells
        if not self._columns or bar != self._by or len(cells) != len(self._columns):
            return None
        raw = dict(zip(self._columns, cells, strict=True))
        return event(self._kind, {name: whole(cell) for name, cell in raw.items() if name and cell}, line, settings)


def _kind(cells: list[str]) -> str | None:
    """Whose header this is; None for any other line."""
    names = set(cells)
    if {"sIP", "dIP"} <= names:
        return "silk"
    return "nfdump_csv" if {"sa", "da", "pr"} <= names or {"srcAddr", "dstAddr"} <= names else None


def _trimmed(cells: list[str]) -> list[str]:
    """Without the empty cell behind a separator that ends the line."""
    return cells[:-1] if cells[-1] == "" else cells
