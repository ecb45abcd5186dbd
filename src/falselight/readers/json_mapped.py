"""What JSON logs share whose records are mapped as columns: records in any framing in, frames and normalised batches out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from falselight.mappings import steps
from falselight.mappings.records import Frame, batch
from falselight.readers import Report, tallies
from falselight.readers.json_columns import JsonColumns
from falselight.readers.json_framing import as_lines
from falselight.readers.json_rows import Block

# The times as nanoseconds, and as the field holds them where nanoseconds cannot.
Times = Callable[[Frame], tuple[pa.Array | None, pa.Array | None]]


def column_times(name: str) -> Times:
    """The times of a column in seconds or ISO 8601."""

    def times(frame: Frame) -> tuple[pa.Array | None, pa.Array | None]:
        given = frame.columns.pop(name, None)
        if given is None:
            return None, None
        found = steps.nanoseconds(given, frame, name)
        return found, steps.far_dates(given, found)

    return times


@dataclass
class Mapped:
    """One input. ``needed``: the raw columns to read, None for all; ``originals``: event.original is wanted."""

    path: str
    label: str
    report: Report
    skipped: Counter[str]
    needed: frozenset[str] | None
    originals: bool
    malformed: Counter[str] = field(default_factory=Counter)
    unread: int = 0

    def blocks(self, stream: BinaryIO, sign: str) -> Iterator[Block]:
        """The records that have the column ``sign``; others are none of this log, and counted."""
        lines = as_lines(stream, self.path, self.label, self.report, self.skipped)
        reader = JsonColumns(self.path, self.label, self.report, self.needed, self.originals, self.skipped)
        for block in reader.read(lines):
            signed = block.columns.get(sign)
            rows = pa.array([], pa.int64()) if signed is None else pc.indices_nonzero(pc.is_valid(signed))
            self.unread += len(block.records) - len(rows)
            if len(rows) == len(block.records):
                yield block
            elif len(rows):
                originals = None if block.originals is None else block.originals.take(rows)
                yield Block({n: v.take(rows) for n, v in block.columns.items()}, block.records.take(rows), originals)

    def frame(self, block: Block, columns: dict[str, pa.Array]) -> Frame:
        """The columns as a frame, without those that are empty."""
        filled = {name: values for name, values in columns.items() if values.null_count < len(values)}
        return Frame(len(block.records), filled, malformed=self.malformed)

    def batch(self, frame: Frame, block: Block, times: Times, convert: Callable[[Frame], Frame]) -> pa.RecordBatch:
        """The mapped frame as a normalised batch; ``times`` takes the events' times out of it."""
        near, far = times(frame)
        result = convert(frame)
        if block.originals is not None:
            result.put("event.original", block.originals)
        result.put("@timestamp", far)
        return batch(result, block.records, near)

    def tell(self) -> None:
        """What was left out."""
        tallies.tell_unread(self.unread, "record", self.path, self.label, self.report, self.skipped)
        tallies.tell_malformed(self.malformed, self.path, self.label, self.report)
