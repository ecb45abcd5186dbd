"""Windows events as JSON lines, as ECS batches: trees of one kind as columns, other events of one kind together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from falselight.mappings.parts import tables
from falselight.mappings.windows_batches import Block
from falselight.readers import Report
from falselight.readers.settings import DEFAULTS, Settings
from falselight.readers.windows_event import WindowsEvent
from falselight.readers.windows_json import Reader

# So many lines are one block: each kind of event in it costs as much as hundreds of records.
LINES_AT_ONCE, BYTES_AT_ONCE = 40_000, 32 << 20
_TREE = b'{"Event":{'


def read_lines(
    lines: Iterable[tuple[int, bytes]],
    report: Report,
    label: str,
    skipped: Counter[str],
    settings: Settings = DEFAULTS,
    wanted: frozenset[str] | None = None,
) -> Iterator[pa.Table]:
    """Batches as ``mappings.apply.apply`` makes them, of the events that ``windows_json.read_lines`` gives."""
    reader = Reader(report, label, skipped, settings)
    shapes: dict[bytes, Any] = {}
    for block in _blocks(lines):
        yield from tables(Block(_Lines(reader, block), wanted, shapes).parts())


def _blocks(lines: Iterable[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    block: list[tuple[int, bytes]] = []
    size = 0
    for numbered in lines:
        block.append(numbered)
        size += len(numbered[1])
        if len(block) >= LINES_AT_ONCE or size >= BYTES_AT_ONCE:
            yield block
            block, size = [], 0
    if block:
        yield block


class _Lines:
    """Numbered lines; what may be the tree of an event as text, the others as an empty text."""

    is_whole = True

    def __init__(self, reader: Reader, lines: list[tuple[int, bytes]]) -> None:
        self.numbers = [number for number, _ in lines]
        self.texts = [_tree(line) for _, line in lines]
        self._lines = lines
        self._reader = reader

    def event(self, row: int) -> WindowsEvent | None:
        """One line as an event; None, and a report, if it is none."""
        return self._reader.event(*self._lines[row])

    def exact_times(self, rows: list[int], times: pa.Array) -> pa.Array:
        """The times of these lines, which say all that is known."""
        return times


def _tree(line: bytes) -> bytes:
    if not line.startswith(_TREE):
        return b""
    try:
        if not line.isascii():
            line.decode()
    except UnicodeDecodeError:
        return b""
    return line
