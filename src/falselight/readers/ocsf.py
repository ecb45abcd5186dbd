"""OCSF events as JSON as normalised batches; ``mappings.ocsf`` says what their fields become."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa

from falselight.mappings import ocsf
from falselight.mappings.records import apply
from falselight.readers import Report, json_mapped
from falselight.readers.settings import Settings

SIGN = "class_uid"


def needed(wanted: frozenset[str] | None) -> frozenset[str] | None:
    """The raw columns that these fields need, None for all."""
    found = ocsf.table().only(wanted)[1]
    return None if found is None else found | {ocsf.TIME, ocsf.TIME_TEXT, SIGN}


def read(
    stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str], wanted: frozenset[str] | None,
    settings: Settings,
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """The events of a log, one a record."""
    originals = wanted is None or "event.original" in wanted
    mapped = json_mapped.Mapped(path, label, report, skipped, needed(wanted), originals)
    for block in mapped.blocks(stream, SIGN):
        frame = mapped.frame(block, block.columns)
        yield mapped.batch(frame, block, ocsf.times, lambda each: apply(each, ocsf.table(), wanted))
    mapped.tell()
