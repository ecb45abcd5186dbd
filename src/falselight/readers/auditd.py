"""Linux audit logs as normalised batches: records of one serial number are one event, whose number is its first record's.

Records of several events may stand among each other; an event is whole when its end is told (EOE), or so many lines later."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa

from falselight.documents import Collector
from falselight.ecs import release
from falselight.mappings.auditd import event_of, is_record
from falselight.readers import Report, fault, ndjson
from falselight.readers.settings import Settings
from falselight.readers.syslog import MALFORMED, UNPARSED

_TOGETHER, _OPEN, _MOST = 4_096, 512, 256


def read(
    stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str], wanted: frozenset[str] | None,
    settings: Settings,
) -> Iterator[pa.Table]:  # fmt: skip
    """The events of a log."""
    malformed: Counter[str] = Counter()
    collector = Collector(release.schema(), strings="keyword", malformed=malformed, wanted=wanted)
    numbers: list[int] = []
    unread = 0
    for number, records in _events(stream, path, label, report, skipped):
        if not records:
            unread += 1
            continue
        document = event_of(records)
        collector.add({name: value for name, value in document.items() if value is not None and value != []})
        numbers.append(number)
        if len(numbers) >= _TOGETHER:
            yield collector.take().append_column("_record", pa.array(numbers, pa.int64()))
            numbers = []
    if numbers:
        yield collector.take().append_column("_record", pa.array(numbers, pa.int64()))
    if unread:
        skipped["not a line of this log"] += unread
        report(fault(UNPARSED, f"{label}: {unread} lines are none of this log and were left out", path))
    for name, count in sorted(malformed.items()):
        report(fault(MALFORMED, f"{label}: {count} values of {name} are not of its type and were left out", path))


def _events(
    stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str]
) -> Iterator[tuple[int, list[re.Match[str]]]]:
    """Number of the first record, and the records of one event; no records for a line that is none."""
    waiting: dict[tuple[str | None, str, str], tuple[int, list[re.Match[str]]]] = {}
    for number, line in ndjson.lines(stream, path, label, report, skipped):
        found = is_record(line.decode("utf-8", "replace").rstrip("\r\n"))
        if found is None:
            if line.strip():
                yield number, []
            continue
        key = found["node"], found["time"], found["serial"]
        if found["type"] == "EOE":
            if key in waiting:
                yield waiting.pop(key)
            continue
        _, records = waiting.setdefault(key, (number, []))
        if len(records) < _MOST:
            records.append(found)
        if len(waiting) > _OPEN:
            yield waiting.pop(next(iter(waiting)))
    yield from waiting.values()
