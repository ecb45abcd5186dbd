"""Suricata's EVE JSON as normalised batches (see ``columns``); ``mappings.suricata`` says what fields become.

The time of an event is the record's ``timestamp``, never its flow's start; statistics have their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa

from falselight.mappings import steps, suricata
from falselight.mappings.records import Frame, apply, batch
from falselight.readers import Report, tallies
from falselight.readers.json_columns import JsonColumns
from falselight.readers.suricata_signs import TIME


def read(
    stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str], wanted: frozenset[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """The records of an EVE log."""
    originals = wanted is None or "event.original" in wanted
    needed = None
    if wanted is not None:
        needed = (suricata.table().only(wanted)[1] or frozenset()) | {TIME}
    reader = JsonColumns(path, label, report, needed, originals, skipped)
    malformed: Counter[str] = Counter()
    for block in reader.read(stream):
        frame = Frame(len(block.records), dict(block.columns), malformed=malformed)
        time = frame.columns.pop(TIME, None)
        times = steps.nanoseconds(time, frame, TIME) if time is not None else None
        result = apply(frame, suricata.table(), wanted)
        if block.originals is not None:
            result.put("event.original", block.originals)
        if time is not None and times is not None:
            result.put("@timestamp", steps.far_dates(time, times))
        yield batch(result, block.records, times)
    tallies.tell_malformed(malformed, path, label, report)
