"""Flow records as text, of nfdump (comma) and SiLK's rwcut (bar or comma), as normalised batches (see ``mappings.netflow``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import pyarrow as pa

from falselight.readers import Report, ndjson
from falselight.readers.json_rows import Block
from falselight.readers.netflow import Flows
from falselight.readers.settings import Settings

_TOGETHER = 20_000


def read(
    stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str], wanted: frozenset[str] | None,
    settings: Settings,
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """The events of a log, one a line behind a header; what nfdump writes behind ``Summary`` is no flow."""
    flows = Flows(wanted, settings)
    rows = _Rows("", ",", [])
    is_over = False
    for number, raw in ndjson.lines(stream, path, label, report, skipped):
        line = raw.decode("utf-8", "replace").rstrip("\r\n").lstrip("\ufeff")
        bar = "|" if "|" in line else ","
        cells = [cell.strip() for cell in line.split(bar)]
        kind = _kind(cells)
        if kind is not None:
            yield from rows.taken(flows)
            rows, is_over = _Rows(kind, bar, _trimmed(cells)), False
            continue
        is_over = is_over or line.strip() == "Summary"
        if is_over:
            continue
        cells = _trimmed(cells) if len(cells) > len(rows.names) else cells
        if not rows.names or bar != rows.bar or len(cells) != len(rows.names):
            flows.unread += 1
            continue
        rows.add(number, line, cells)
        if len(rows.numbers) >= _TOGETHER:
            yield from rows.taken(flows)
    yield from rows.taken(flows)
    flows.tell(path, label, report, skipped, "line")


@dataclass
class _Rows:
    """Lines under one header."""

    kind: str
    bar: str
    names: list[str]
    numbers: list[int] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    cells: list[list[str]] = field(default_factory=list)

    def add(self, number: int, line: str, cells: list[str]) -> None:
        self.numbers.append(number)
        self.lines.append(line)
        self.cells.append(cells)

    def taken(self, flows: Flows) -> Iterator[pa.RecordBatch]:
        """The lines as a batch; there are none then."""
        if not self.numbers:
            return
        columns = {
            name: pa.array([cell or None for cell in column], pa.string())
            for name, column in zip(self.names, zip(*self.cells, strict=True), strict=True)
            if name
        }
        block = Block(columns, pa.array(self.numbers, pa.int64()), pa.array(self.lines, pa.string()))
        self.numbers, self.lines, self.cells = [], [], []
        yield flows.batch(self.kind, block)


def _kind(cells: list[str]) -> str | None:
    """Whose header this is; None for any other line."""
    names = set(cells)
    if {"sIP", "dIP"} <= names:
        return "silk"
    return "nfdump_csv" if {"sa", "da", "pr"} <= names or {"srcAddr", "dstAddr"} <= names else None


def _trimmed(cells: list[str]) -> list[str]:
    """Without the empty cell behind a separator that ends the line."""
    return cells[:-1] if cells[-1] == "" else cells
