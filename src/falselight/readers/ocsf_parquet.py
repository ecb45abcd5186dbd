"""OCSF events in Parquet, as Amazon Security Lake stores them, as normalised batches, a bounded number of rows at a time.

There is no event.original: a row has no text. A record's number is that of its row, from 0.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from falselight.diagnostics import plural
from falselight.mappings import ocsf
from falselight.mappings.records import Frame, apply, batch
from falselight.readers import DAMAGED, TOO_LARGE, UNKNOWN, Report, fault, tallies
from falselight.readers.arrow_columns import columns, mended
from falselight.readers.ocsf import SIGN, needed
from falselight.readers.settings import Settings

_ROWS = 20_000
_MOST_BYTES, _MOST_TIMES = 16 << 30, 2_000
_FEW_BYTES = 256 << 20
_FAULTS = (pa.ArrowException, OSError, ValueError, MemoryError)


def read(
    stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str], wanted: frozenset[str] | None,
    settings: Settings,
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """The events of a file, one a row; of a damaged file those before the damage."""
    malformed: Counter[str] = Counter()
    raw = needed(wanted)
    first = odd = 0
    try:
        with _whole(stream) as (file, size):
            chosen = _chosen(file, raw, label, path, report, skipped, size)
            if chosen is None:
                return
            for rows in file.iter_batches(_ROWS, columns=chosen):
                found = columns(rows)
                if raw is not None:
                    found = {name: values for name, values in found.items() if name in raw}
                for name, values in found.items():
                    found[name], count = mended(values)
                    odd += count
                frame = Frame(
                    rows.num_rows, {n: v for n, v in found.items() if v.null_count < len(v)}, malformed=malformed
                )
                near, far = ocsf.times(frame)
                result = apply(frame, ocsf.table(), wanted)
                result.put("@timestamp", far)
                numbers = pa.array(range(first, first + rows.num_rows), pa.int64())
                first += rows.num_rows
                yield batch(result, numbers, near)
    except _FAULTS as error:
        skipped["damaged"] += 1
        before = f"{plural(first, 'row')} before the damage {'is' if first == 1 else 'are'} used"
        report(fault(DAMAGED, f"{label} is damaged ({error}); {before}", path))
    tallies.tell_mended(odd, "value", path, label, report)
    tallies.tell_malformed(malformed, path, label, report)


def records(stream: BinaryIO) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows as they stand, with their numbers."""
    first = 0
    with _whole(stream) as (file, _):
        for rows in file.iter_batches(_ROWS):
            yield from enumerate(rows.to_pylist(), first)
            first += rows.num_rows


@contextmanager
def _whole(stream: BinaryIO) -> Iterator[tuple[pq.ParquetFile, int]]:
    """The file, for which all of the stream must be at hand, and how long it is."""
    with tempfile.TemporaryFile(prefix="falselight-") as copy:
        whole = stream
        if not stream.seekable():
            shutil.copyfileobj(stream, copy, 1 << 20)
            whole = cast(BinaryIO, copy)
        size = whole.seek(0, 2)
        whole.seek(0)
        yield pq.ParquetFile(whole), size


def _chosen(
    file: pq.ParquetFile,
    raw: frozenset[str] | None,
    label: str,
    path: str,
    report: Report,
    skipped: Counter[str],
    size: int,
) -> list[str] | None:
    """The columns to read; None if these are no OCSF events, or too many."""
    names = file.schema_arrow.names
    if SIGN not in names:
        skipped["unknown format"] += 1
        report(fault(UNKNOWN, f"{label} is a Parquet file of no OCSF events, and was left out", path))
        return None
    groups = range(file.metadata.num_row_groups)
    expanded = sum(file.metadata.row_group(group).total_byte_size for group in groups)
    if expanded > _MOST_BYTES or (expanded > _FEW_BYTES and expanded > size * _MOST_TIMES):
        skipped["too large"] += 1
        report(fault(TOO_LARGE, f"{label} expands beyond the limits, and was left out", path))
        return None
    tops = None if raw is None else {name.partition(".")[0] for name in raw}
    return [name for name in names if tops is None or name in tops]
