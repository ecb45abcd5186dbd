"""Google Cloud's VPC flow logs as normalised batches; ``mappings.gcp_vpcflow`` says what their fields become."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa

from falselight.mappings import gcp_vpcflow
from falselight.mappings.records import apply
from falselight.readers import Report, json_mapped
from falselight.readers.settings import Settings

_TIME, _SIGN = "timestamp", "connection.src_ip"


def read(
    stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str], wanted: frozenset[str] | None,
    settings: Settings,
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """The events of a log, one a record."""
    table = gcp_vpcflow.table()
    needed = None
    if wanted is not None:
        raw = (table.only(wanted)[1] or frozenset()) | {_TIME, _SIGN}
        needed = raw | {gcp_vpcflow.PAYLOAD + name for name in raw}
    mapped = json_mapped.Mapped(path, label, report, skipped, needed, wanted is None or "event.original" in wanted)
    for block in mapped.blocks(stream, gcp_vpcflow.PAYLOAD + _SIGN):
        columns = {name.removeprefix(gcp_vpcflow.PAYLOAD): values for name, values in block.columns.items()}
        frame = mapped.frame(block, columns)
        yield mapped.batch(frame, block, json_mapped.column_times(_TIME), lambda each: apply(each, table, wanted))
    mapped.tell()
