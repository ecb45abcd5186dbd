"""EVTX files, by the Rust package ``evtx``, some chunks of 64 KiB at a time.

A chunk stands alone, so damage stays inside it. The package gives times in microseconds; the record's bytes hold them
in ticks of 100 ns, which are looked up there.
"""

from __future__ import annotations

import io
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import orjson
import pyarrow as pa
from evtx import PyEvtxParser

from falselight.readers import DAMAGED, NOT_JSON, UNREADABLE, Report, fault
from falselight.readers.windows_event import CHUNK_EVENTS, WindowsEvent
from falselight.readers.windows_tree import event_of_tree

MAGIC = b"ElfFile\0"
HEADER_BYTES, CHUNK_BYTES, FIRST_RECORD = 4_096, 65_536, 512
_CHUNK_MAGIC, _RECORD_MAGIC = b"ElfChnk\0", b"**\0\0"
_GROUP_CHUNKS = 16
_BLOCK_CHUNKS = 1024
_PLACES = 3
_HEADS = struct.Struct("<4sIQ")
_TICKS_TO_1970 = 116_444_736_000_000_000
_REPORTED = 20


def read(path: Path, report: Report, skipped: Counter[str] | None = None) -> Iterator[list[tuple[int, WindowsEvent]]]:
    """Chunks of numbered events of a file. What is damaged is reported (E0504), counted in ``skipped`` and left out."""
    try:
        stream = path.open("rb")
    except OSError as error:
        report(fault(UNREADABLE, f"{path.name} cannot be read: {error.strerror}", str(path)))
        return
    with stream:
        yield from read_stream(stream, str(path), report, skipped)


def raw_records(path: Path) -> Iterator[tuple[int, bytes]]:
    """Every readable record as JSON text, under the number that ``read`` gives it."""
    with path.open("rb") as stream:
        reading = _Reading(stream.read(HEADER_BYTES), str(path), lambda diagnostic: None, Counter())
        while group := stream.read(CHUNK_BYTES * _GROUP_CHUNKS):
            for number, record in reading.records(reading.whole_chunks(group)):
                yield number, record["data"].encode()


def read_stream(
    stream: BinaryIO, path: str, report: Report, skipped: Counter[str] | None = None
) -> Iterator[list[tuple[int, WindowsEvent]]]:
    """``read`` for bytes that are open already (a member of an archive); ``path`` is for the reports."""
    header = stream.read(HEADER_BYTES)
    if not header.startswith(MAGIC) or len(header) < HEADER_BYTES:
        report(fault(DAMAGED, f"{path} is no EVTX file: its header is not one", path))
        return
    reading = _Reading(header, path, report, Counter() if skipped is None else skipped)
    pending: list[tuple[int, WindowsEvent]] = []
    while group := stream.read(CHUNK_BYTES * _GROUP_CHUNKS):
        pending.extend(reading.group(group))
        while len(pending) >= CHUNK_EVENTS:
            yield pending[:CHUNK_EVENTS]
            pending = pending[CHUNK_EVENTS:]
    if pending:
        yield pending


class Records:
    """The readable records of some chunks: their numbers, the ids of their headers, and their JSON texts."""

    def __init__(self, chunks: bytes, numbers: list[int], identifiers: list[int], texts: list[str]) -> None:
        self.chunks = chunks
        self.numbers = numbers
        self.texts = texts
        self._identifiers = identifiers

    @classmethod
    def joined(cls, parts: Sequence[Records]) -> Records:
        """One after another."""
        return cls(
            b"".join(each.chunks for each in parts),
            [number for each in parts for number in each.numbers],
            [identifier for each in parts for identifier in each._identifiers],
            [text for each in parts for text in each.texts],
        )

    def some(self, rows: list[int], first: int) -> Records:
        """These rows only; ``first`` is the number of row 0."""
        return Records(
            self.chunks,
            [first + row for row in rows],
            [self._identifiers[row] for row in rows],
            [self.texts[row] for row in rows],
        )

    @cached_property
    def places(self) -> list[tuple[int, int]]:
        """Where each record's body lies in ``chunks`` (first byte and end; both 0 if it was not found)."""
        raw = _raw_records(self.chunks)
        return [raw.get(identifier, (0, 0)) for identifier in self._identifiers]

    def exact_times(self, rows: list[int], times: pa.Array) -> pa.Array:
        """The times of these records, known to the microsecond, to the tick."""
        starts = np.array([self.places[row][0] for row in rows], np.int64)
        absent = np.asarray(times.is_null())
        rough = times.fill_null(-1).to_numpy(zero_copy_only=False)
        first = rough // 100 + _TICKS_TO_1970
        exact, found = rough.copy(), absent | (starts == 0) | (first < 0)
        counts = np.ndarray((max(len(self.chunks) - 7, 0),), "<i8", self.chunks, 0, (1,))
        tries = 0
        for row in np.flatnonzero(~found).tolist():
            if found[row]:
                continue
            place = self.places[rows[row]]
            exact[row] = _exact(self.chunks, place, int(rough[row]))
            found[row] = True
            at = _tick_place(self.chunks, place, int(exact[row])) if tries < _PLACES else None
            if at is None:
                continue
            # Records of one kind hold the time in one or two places of their bodies.
            tries += 1
            ticks = counts[np.minimum(starts + at, len(counts) - 1)]
            fits = ~found & (ticks >= first) & (ticks < first + 10)
            exact[fits] = (ticks[fits] - _TICKS_TO_1970) * 100
            found |= fits
        return pa.array(exact, pa.int64(), mask=absent)


class Reader:
    """One EVTX stream as blocks of records, and records as events. What is damaged is reported and counted."""

    def __init__(self, stream: BinaryIO, path: str, report: Report, skipped: Counter[str]) -> None:
        self._stream = stream
        self._path = path
        self._report = report
        self._reading = _Reading(stream.read(HEADER_BYTES), path, report, skipped)

    def blocks(self) -> Iterator[bytes]:
        """The file's chunks, some at a time. Each must be read before the next is asked for, which takes its place."""
        if not self._reading.is_evtx():
            self._report(fault(DAMAGED, f"{self._path} is no EVTX file: its header is not one", self._path))
            return
        first = self._stream.read(CHUNK_BYTES * _BLOCK_CHUNKS)
        if first:
            yield self._reading.whole_chunks(first)
        if len(first) < CHUNK_BYTES * _BLOCK_CHUNKS:
            return
        del first
        # Fresh memory for each block would cost as much as reading it.
        room = bytearray(CHUNK_BYTES * _BLOCK_CHUNKS)
        while size := cast(BufferedReader, self._stream).readinto(room):
            yield self._reading.whole_chunks(cast(bytes, room if size == len(room) else room[:size]))

    def records(self, chunks: bytes) -> Records:
        """All readable records of the chunks that follow those read before."""
        return self._reading.block(chunks)

    def sure(self, chunk: bytes, count: int) -> Records | None:
        """The records of an intact chunk; None unless all are readable. They are not counted."""
        return self._reading.sure(chunk, count)

    def passed(self, records: int) -> int:
        """The number of the first of so many records that are read elsewhere."""
        return self._reading.passed(records)

    def event(self, block: Records, row: int) -> WindowsEvent | None:
        """One record by itself; None, and a report, if it is no event."""
        return self._reading.event(block.numbers[row], block.texts[row], block.chunks, block.places[row])


class _Reading:
    """One file being read: the number of the next record, of the next chunk, and what was reported."""

    def __init__(self, header: bytes, path: str, report: Report, skipped: Counter[str]) -> None:
        self._skipped = skipped
        self._header = header
        self._path = path
        self._report = report
        self._record = 0
        self._chunk = 0
        self._faults = 0

    def is_evtx(self) -> bool:
        return self._header.startswith(MAGIC) and len(self._header) == HEADER_BYTES

    def sure(self, chunk: bytes, count: int) -> Records | None:
        try:
            found = [record for record in self._parser(chunk) or () if record is not None]
        except (RuntimeError, OSError):
            return None
        if len(found) != count:
            return None
        identifiers = [record["event_record_id"] for record in found]
        return Records(chunk, list(range(count)), identifiers, [record["data"] for record in found])

    def passed(self, records: int) -> int:
        self._record += records
        return self._record - records

    def group(self, data: bytes) -> Iterator[tuple[int, WindowsEvent]]:
        """The events of some chunks."""
        chunks = self.whole_chunks(data)
        return self._parsed(chunks, _raw_records(chunks))

    def whole_chunks(self, data: bytes) -> bytes:
        """The chunks that are some, joined; of the others it is told."""
        if len(data) % CHUNK_BYTES:
            self._fault(f"the file ends inside chunk {self._chunk + len(data) // CHUNK_BYTES}")
            data += bytes(-len(data) % CHUNK_BYTES)
        places = range(0, len(data), CHUNK_BYTES)
        if all(data.startswith(_CHUNK_MAGIC, at) for at in places):
            self._chunk += len(places)
            return data
        whole = []
        for chunk in (data[at : at + CHUNK_BYTES] for at in places):
            if chunk.startswith(_CHUNK_MAGIC):
                whole.append(chunk)
            elif chunk.count(0) != CHUNK_BYTES:
                self._fault(f"chunk {self._chunk} has no chunk header")
            self._chunk += 1
        return b"".join(whole)

    def block(self, chunks: bytes) -> Records:
        """All readable records of the chunks; a damaged one has a number as well."""
        numbers: list[int] = []
        identifiers: list[int] = []
        texts: list[str] = []
        records = self._parser(chunks)
        while records is not None:
            try:
                for record in records:
                    if record is not None:
                        numbers.append(self._record)
                        identifiers.append(record["event_record_id"])
                        texts.append(record["data"])
                    self._record += 1
                break
            except (RuntimeError, OSError) as error:
                self._damaged(error)
        return Records(chunks, numbers, identifiers, texts)

    def records(self, chunks: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
        """The readable records with their numbers; a damaged one has a number as well."""
        records = self._parser(chunks)
        while records is not None:
            try:
                for record in records:
                    self._record += 1
                    if record is not None:
                        yield self._record - 1, record
                break
            except (RuntimeError, OSError) as error:
                self._damaged(error)

    def _parser(self, chunks: bytes) -> Iterator[dict[str, Any] | None] | None:
        if not chunks:
            return None
        return iter(PyEvtxParser(io.BytesIO(self._header + chunks), number_of_threads=1).records_json())

    def _damaged(self, error: Exception) -> None:
        self._fault(f"record {self._record} is damaged: {error}", self._record)
        self._record += 1

    def _parsed(self, chunks: bytes, raw: dict[int, tuple[int, int]]) -> Iterator[tuple[int, WindowsEvent]]:
        for number, record in self.records(chunks):
            event = self.event(number, record["data"], chunks, raw.get(record["event_record_id"], (0, 0)))
            if event is not None:
                yield number, event

    def event(self, number: int, text: str, chunks: bytes, place: tuple[int, int]) -> WindowsEvent | None:
        """The event of a record's JSON; None, and a report, if it is none."""
        try:
            event = event_of_tree(orjson.loads(text)["Event"])
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            self._fault(f"record {number} is no event: {error}", number, NOT_JSON)
            return None
        if event is None:
            self._fault(f"record {number} has no event id", number, NOT_JSON)
            return None
        if place[0] and event.time is not None:
            event.time = _exact(chunks, place, event.time)
        return event

    def _fault(self, message: str, record: int | None = None, code: str = DAMAGED) -> None:
        self._faults += 1
        self._skipped["damaged chunk" if record is None else "damaged record"] += 1
        if self._faults > _REPORTED:
            return
        more = "; further damage is only counted" if self._faults == _REPORTED else ""
        self._report(fault(code, f"{self._path}: {message}{more}", self._path, record=record))


def _raw_records(chunks: bytes) -> dict[int, tuple[int, int]]:
    """Where each record's body lies, by the record id of its header."""
    found: dict[int, tuple[int, int]] = {}
    for start in range(0, len(chunks), CHUNK_BYTES):
        at, end = start + FIRST_RECORD, start + CHUNK_BYTES
        while at + 24 <= end:
            magic, size, record = _HEADS.unpack_from(chunks, at)
            if magic != _RECORD_MAGIC or size < 28 or at + size > end:
                break
            found[record] = (at + 24, at + size)
            at += size
    return found


def _exact(chunks: bytes, place: tuple[int, int], microsecond_time: int) -> int:
    """The record's time to the tick: its body holds one of the ten tick counts within the microsecond."""
    first = microsecond_time // 100 + _TICKS_TO_1970
    if first < 0:
        return microsecond_time
    # Ten counts share their upper seven bytes, or two such heads.
    for head in {first >> 8, (first + 9) >> 8}:
        body, end = place
        while (at := chunks.find(head.to_bytes(7, "little"), body + 1, end)) >= 0:
            ticks = head << 8 | chunks[at - 1]
            if first <= ticks < first + 10:
                return (ticks - _TICKS_TO_1970) * 100
            body = at
    return microsecond_time


def _tick_place(chunks: bytes, place: tuple[int, int], time: int) -> int | None:
    """How far behind the body's first byte an exact time stands; None if it is not there."""
    ticks = time // 100 + _TICKS_TO_1970
    if not 0 <= ticks < 1 << 64:
        return None
    at = chunks.find(ticks.to_bytes(8, "little"), *place)
    return at - place[0] if at >= 0 else None
