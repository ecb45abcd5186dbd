"""Linux audit logs as normalised batches, an event a record; ``mappings.auditd`` says what its fields become.

The records of one system call bear one serial number, and those of others may stand among them. The call's own waits for the
rest: until its end is told (EOE), or for so many lines."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import pyarrow as pa

from falselight.mappings.auditd import event_of, is_record
from falselight.readers import Report, ndjson, syslog
from falselight.readers.settings import Settings
from falselight.readers.syslog import Document

_WAITING, _MOST = 512, 256
_OF_SEVERAL = ("SYSCALL", "EXECVE")
Key = tuple[str | None, str, str]


@dataclass
class _Call:
    """The records of one serial number; ``waiting`` of them are not given yet."""

    records: list[re.Match[str]] = field(default_factory=list)
    is_whole: bool = False
    waiting: int = 0

    def others(self, record: re.Match[str]) -> list[re.Match[str]]:
        """What goes with a record: all others with the system call's, or with the first if there is no call's."""
        first = next((each for each in self.records if each["type"] == "SYSCALL"), None)
        first = first or next((each for each in self.records if each["type"] == "EXECVE"), None)
        return [each for each in self.records if each is not record] if record is first else []


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
    calls: dict[Key, _Call] = {}
    waiting: deque[tuple[int, re.Match[str] | None]] = deque()
    for number, line in ndjson.lines(stream, path, label, report, skipped):
        record = is_record(line.decode("utf-8", "replace").rstrip("\r\n"))
        waiting.append((number, record))
        if record is not None:
            call = calls.setdefault(_key(record), _Call())
            call.waiting += 1
            call.is_whole |= record["type"] == "EOE"
            if len(call.records) < _MOST:
                call.records.append(record)
        while waiting and (len(waiting) > _WAITING or _is_ready(waiting[0][1], calls)):
            yield _given(*waiting.popleft(), calls)
    while waiting:
        yield _given(*waiting.popleft(), calls)


def _key(record: re.Match[str]) -> Key:
    return record["node"], record["time"], record["serial"]


def _is_ready(record: re.Match[str] | None, calls: dict[Key, _Call]) -> bool:
    return record is None or record["type"] not in _OF_SEVERAL or calls[_key(record)].is_whole


def _given(number: int, record: re.Match[str] | None, calls: dict[Key, _Call]) -> tuple[int, Document | None]:
    if record is None:
        return number, None
    call = calls[_key(record)]
    call.waiting -= 1
    if not call.waiting:
        del calls[_key(record)]
    return number, event_of(record, call.others(record) if record["type"] in _OF_SEVERAL else ())
