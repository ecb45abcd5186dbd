"""Rows of events in, normalised batches out (see ``columns``): Zeek's columns go through the mappings of Zeek's logs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from falselight.mappings import pcap
from falselight.mappings.records import Frame, apply, batch

_WHOLE, _REAL, _TEXT, _TRUTH = pa.int64(), pa.float64(), pa.string(), pa.bool_()
_TEXTS, _REALS = pa.list_(pa.string()), pa.list_(pa.float64())
_ENDS = {"uid": _TEXT, "id.orig_h": _TEXT, "id.orig_p": _WHOLE, "id.resp_h": _TEXT, "id.resp_p": _WHOLE}
# The columns of each log, as Zeek names and types them.
COLUMNS: dict[str, dict[str, pa.DataType]] = {
    "conn": {
        **_ENDS, "proto": _TEXT, "service": _TEXT, "duration": _REAL, "conn_state": _TEXT, "missed_bytes": _WHOLE,
        "history": _TEXT, "orig_pkts": _WHOLE, "orig_ip_bytes": _WHOLE, "resp_pkts": _WHOLE, "resp_ip_bytes": _WHOLE,
    },
}  # fmt: skip


@dataclass
class Events:
    """Collects events and gives them in the order of their times; ``wanted`` limits the fields."""

    wanted: frozenset[str] | None
    malformed: Counter[str] = field(default_factory=Counter)
    _rows: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)
    _given: int = 0

    def add(self, log: str, row: dict[str, Any]) -> None:
        self._rows.append((row.pop("ts"), log, row))

    def __len__(self) -> int:
        return len(self._rows)

    def take(self) -> Iterator[pa.RecordBatch]:
        """What was collected, one batch for each log. A record's number is that of the event."""
        rows, self._rows = self._rows, []
        rows.sort(key=lambda row: row[0])
        by_log: dict[str, list[int]] = {}
        for number, (_, log, _) in enumerate(rows):
            by_log.setdefault(log, []).append(number)
        for log, numbers in by_log.items():
            yield self._batch(log, [rows[number] for number in numbers], [self._given + number for number in numbers])
        self._given += len(rows)

    def _batch(self, log: str, rows: list[tuple[int, str, dict[str, Any]]], numbers: list[int]) -> pa.RecordBatch:
        columns = {}
        for name, kind in COLUMNS[log].items():
            values = pa.array([row.get(name) for _, _, row in rows], kind)
            if values.null_count < len(values):
                columns[name] = values
        frame = Frame(len(rows), columns, malformed=self.malformed)
        times = pa.array([time for time, _, _ in rows], pa.int64())
        return batch(apply(frame, pcap.table(log), self.wanted), pa.array(numbers, pa.int64()), times)
