"""Linux audit logs as normalised batches, an event a record; ``mappings.auditd`` says what its fields become.

The records of one system call bear one serial number, and those of others may stand among them. The call's own waits for the
rest: until its end is told (EOE), or for so many lines."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import pyarrow as pa

from falselight.mappings.auditd import Record, event_of, is_record
from falselight.readers import Report, ndjson, syslog
from falselight.readers.settings import Settings
from falselight.readers.syslog import Document

_WAITING, _MOST = 512, 256
_OF_SEVERAL = ("SYSCALL", "EXECVE")


@dataclass(slots=True)
class _Call:
    """The records of one serial number; ``waiting`` of them are not given yet. ``first`` is the one that tells of all: the
    system call's, or the program's where there is none."""

    records: list[Record] = field(default_factory=list)
    first: Record | None = None
    is_whole: bool = False
    waiting: int = 0

    def add(self, record: Record) -> None:
        """Another record."""
        self.waiting += 1
        self.is_whole |= record.kind == "EOE"
        if len(self.records) < _MOST:
            self.records.append(record)
            if record.kind in _OF_SEVERAL and (
                self.first is None or (record.kind == "SYSCALL" and self.first.kind != "SYSCALL")
            ):
                self.first = record

    def others(self, record: Record) -> list[Record]:
        """What goes with a record: all others with the first, none with any other."""
        return [each for each in self.records if each is not record] if record is self.first else []


Waiting = tuple[int, Record, _Call] | tuple[int, None, None]


def read(
    stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str], wanted: frozenset[str] | None,
    settings: Settings,
) -> Iterator[pa.Table]:  # fmt: skip
    """The events of a log, one a record, in their order."""
    yield from syslog.batches(
        _events(stream, path, label, report, skipped), "line", path, label, report, skipped, wanted
    )


def _events(
    stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str]
) -> Iterator[tuple[int, Document | None]]:
    """Each line's number and event, None for a line that is no record."""
    calls: dict[tuple[str | None, str, str], _Call] = {}
    waiting: deque[Waiting] = deque()
    for number, line in ndjson.lines(stream, path, label, report, skipped):
        record = is_record(line.decode("utf-8", "replace").rstrip("\r\n"))
        if record is None:
            waiting.append((number, None, None))
        else:
            key = record.node, record.time, record.serial
            call = calls.get(key)
            if call is None:
                call = calls[key] = _Call()
            call.add(record)
            waiting.append((number, record, call))
        while waiting and (len(waiting) > _WAITING or _is_ready(waiting[0])):
            yield _given(waiting.popleft(), calls)
    while waiting:
        yield _given(waiting.popleft(), calls)


def _is_ready(waiting: Waiting) -> bool:
    _, record, call = waiting
    return record is None or call is None or record.kind not in _OF_SEVERAL or call.is_whole


def _given(waiting: Waiting, calls: dict[tuple[str | None, str, str], _Call]) -> tuple[int, Document | None]:
    number, record, call = waiting
    if record is None or call is None:
        return number, None
    call.waiting -= 1
    if not call.waiting:
        del calls[record.node, record.time, record.serial]
    return number, event_of(record, call.others(record))
