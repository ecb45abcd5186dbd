"""Google Cloud's VPC flow logs as normalised batches; ``mappings.gcp_vpcflow`` says what their fields become."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import BinaryIO, TypeAlias

import pyarrow as pa

from falselight.mappings import columnar, gcp_vpcflow
from falselight.mappings.records import Table, apply
from falselight.readers import Report, json_mapped
from falselight.readers.settings import Settings

Columns: TypeAlias = dict[str, pa.Array]
_TIME, _SIGN = "timestamp", "connection.src_ip"


def read_by(
    table_of: Callable[[], Table], raw_of: Callable[[Iterable[str]], frozenset[str]], prepare: Callable[[Columns], Columns],
    stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str], wanted: frozenset[str] | None,
    settings: Settings,
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """The events of a log of Google's, one a record. ``raw_of`` gives the record's columns behind those that the table takes,
    which ``prepare`` makes."""
    table = table_of()
    needed = None
    if wanted is not None:
        raw = raw_of(table.only(wanted)[1] or frozenset()) | {_TIME, _SIGN}
        needed = raw | {gcp_vpcflow.PAYLOAD + name for name in raw}
    mapped = json_mapped.Mapped(path, label, report, skipped, needed, wanted is None or "event.original" in wanted)
    for block in mapped.blocks(stream, gcp_vpcflow.PAYLOAD + _SIGN):
        columns = columnar.renamed(block.columns, lambda name: name.removeprefix(gcp_vpcflow.PAYLOAD))
        frame = mapped.frame(block, prepare(columns))
        yield mapped.batch(frame, block, json_mapped.column_times(_TIME), lambda each: apply(each, table, wanted))
    mapped.tell()


def _as_they_are(columns: Columns) -> Columns:
    return columns


read = partial(read_by, gcp_vpcflow.table, frozenset, _as_they_are)
