"""Windows event logs as ECS batches: records of one kind as columns, the rest one by one, in the file's order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from operator import itemgetter
from typing import Any, BinaryIO, Protocol, TypeAlias

import numpy as np
import pyarrow as pa

from falselight.collector import paused
from falselight.mappings import windows_kinds
from falselight.mappings.apply import apply
from falselight.mappings.parts import Column, Part, part_of, tables
from falselight.mappings.windows_kinds import Aim
from falselight.readers import Report
from falselight.readers.evtx import CHUNK_BYTES, Reader, Records
from falselight.readers.evtx_columns import Made
from falselight.readers.evtx_definitions import Definitions
from falselight.readers.evtx_kinds import Intact, Kind, Path
from falselight.readers.evtx_values import Numbers
from falselight.readers.windows_columns import EventColumns, Lines, head_of, kind_of
from falselight.readers.windows_event import Unsuitable, WindowsEvent

# Below so many records the work for each column outweighs that for each record.
FEWEST = 16
Columns: TypeAlias = dict[str, Column]


def read_evtx(
    stream: BinaryIO, path: str, report: Report, skipped: Counter[str], wanted: frozenset[str] | None = None
) -> Iterator[pa.Table | pa.RecordBatch]:
    """Batches as ``mappings.apply.apply`` makes them, of the readable records of an EVTX stream.

    ``path`` is for the reports. What is damaged is reported (E0504, E0508) and counted in ``skipped``."""
    reader = Reader(stream, path, report, skipped)
    definitions = Definitions()
    shapes: dict[bytes, Any] = {}
    for chunks in reader.blocks():
        with paused():
            parts = _Chunks(reader, chunks, wanted, definitions, shapes).parts()
        yield from tables(parts)


class _Chunks:
    """Some chunks: what is intact and usual as columns straight from its binary form, the rest by the general parser."""

    def __init__(
        self,
        reader: Reader,
        chunks: bytes,
        wanted: frozenset[str] | None,
        definitions: Definitions,
        shapes: dict[bytes, Any],
    ) -> None:
        self._reader = reader
        self._wanted = wanted
        self._events: list[tuple[int, WindowsEvent]] = []
        self._columns: list[tuple[Numbers, Columns]] = []
        intact = Intact(chunks, definitions)
        left = self._read(intact)
        self._intact = intact
        self._firsts = np.full(len(intact.starts), -1, np.int64)
        self._rest = Block(_Texts(reader, self._general(chunks, left)), wanted, shapes)

    def parts(self) -> list[Part]:
        """The records of each kind, and those that are read one by one."""
        made = self._rest.parts()
        for rows, columns in self._columns:
            numbers, kept = self._numbers(rows)
            if kept.any():
                part = Part(numbers, columns)
                made.append(part if kept.all() else part.kept(kept))
        self._events.sort(key=itemgetter(0))
        numbers, kept = self._numbers(np.array([row for row, _ in self._events], np.int64))
        events = [
            (number, event)
            for number, good, (_, event) in zip(numbers.tolist(), kept, self._events, strict=True)
            if good
        ]
        if events:
            made.append(part_of(apply(events, self._wanted)))
        return made

    def _read(self, intact: Intact) -> list[int]:
        """Reads the records that are understood; gives those that it must leave to the general parser."""
        left: list[int] = intact.left.tolist()
        many: list[_Together] = []
        for kind in intact.kinds:
            rows: list[int] = kind.rows.tolist()
            if len(rows) < FEWEST:
                left += [row for place, row in enumerate(rows) if not self._read_alone(kind, place, row)]
                continue
            try:
                many.append(_Together(kind, self._wanted))
            except Unsuitable:
                left += rows
        made = iter(intact.columns([places for each in many for places in each.holes.values()]))
        for each in many:
            try:
                self._columns.append((each.kind.rows, each.fields(dict(zip(each.holes, made, strict=False)))))
            except Unsuitable:
                left += each.kind.rows.tolist()
        return left

    def _read_alone(self, kind: Kind, place: int, row: int) -> bool:
        try:
            event = kind.event(place)
        except Unsuitable:
            return False
        if event is not None:
            self._events.append((row, event))
        return event is not None

    def _numbers(self, rows: Numbers) -> tuple[Numbers, Numbers]:
        """The numbers of intact records, and whether their chunk was not given to the general parser after all."""
        firsts = self._firsts[self._intact.chunks[rows]]
        return firsts + self._intact.ordinals[rows], firsts >= 0

    def _general(self, chunks: bytes, left: list[int]) -> Records:
        """What the general parser reads: chunks that are not intact, and records that were left."""
        found: list[Records] = []
        ordinals: dict[int, list[int]] = {}
        for row in left:
            ordinals.setdefault(int(self._intact.chunks[row]), []).append(int(self._intact.ordinals[row]))
        damaged = 0
        for number, starts in enumerate([*self._intact.starts, []]):
            at = number * CHUNK_BYTES
            some = sorted(ordinals.get(number, ()))
            sure = (
                self._reader.sure(chunks[at : at + CHUNK_BYTES], len(starts)) if starts is not None and some else None
            )
            if starts is None or (some and sure is None):
                damaged += 1
                continue
            if damaged:
                found.append(self._reader.records(chunks[at - damaged * CHUNK_BYTES : at]))
                damaged = 0
            if number < len(self._firsts):
                self._firsts[number] = first = self._reader.passed(len(starts))
                if sure is not None:
                    found.append(sure.some(some, first))
        return Records.joined(found)


class _Together:
    """Records of one kind that are read as columns. Raises ``Unsuitable``."""

    def __init__(self, kind: Kind, wanted: frozenset[str] | None) -> None:
        self.kind = kind
        self._head = kind.head()
        self._aim = Aim(self._head, wanted)
        self.holes = kind.holes(self._aim.needs.names, self._aim.needs.system)

    def fields(self, made: Mapping[Path, Made]) -> Columns:
        """The records' fields; ``made`` has the columns of the holes. Raises ``Unsuitable``."""
        needs = self._aim.needs
        return self._aim.fields(self.kind.columns(self._head, needs.names, needs.system, made))


class Texts(Protocol):
    """Records that may be read as JSON texts in UTF-8. ``is_whole`` tells that a text must hold nothing that is not known."""

    numbers: list[int]
    texts: list[bytes]
    is_whole: bool

    def event(self, row: int) -> WindowsEvent | None:
        """One record by itself; None, and a report, if it is no event."""

    def exact_times(self, rows: list[int], times: pa.Array) -> pa.Array:
        """The times of these records as exactly as they are known."""


class _Texts:
    """Records as the general parser gives them."""

    is_whole = False

    def __init__(self, reader: Reader, records: Records) -> None:
        self.numbers, self.exact_times = records.numbers, records.exact_times
        self.texts = [text.encode() for text in records.texts]
        self._reader, self._records = reader, records

    def event(self, row: int) -> WindowsEvent | None:
        return self._reader.event(self._records, row)


class Block:
    """Records as JSON texts, those of one kind together. ``shapes`` keeps what was learnt of each kind for the blocks that
    follow."""

    def __init__(self, records: Texts, wanted: frozenset[str] | None, shapes: dict[bytes, Any]) -> None:
        self._records = records
        self._wanted = wanted
        self._alone: list[int] = []
        self._kinds: list[tuple[list[int], _Kind]] = []
        rows_of: dict[bytes, list[int]] = {}
        for row, text in enumerate(records.texts):
            rows_of.setdefault(kind_of(text), []).append(row)
        for text, rows in rows_of.items():
            if not text or len(rows) < FEWEST:
                self._alone.extend(rows)
                continue
            try:
                self._kinds.append(
                    (rows, _Kind(text, [records.texts[row] for row in rows], wanted, shapes, records.is_whole))
                )
            except Unsuitable:
                self._alone.extend(rows)

    def parts(self) -> list[Part]:
        """The records of each kind, and those that are read one by one."""
        made: list[Part] = []
        for rows, kind in self._kinds:
            try:
                made.append(self._together(rows, kind, kind.lines.columns()))
            except Unsuitable:
                self._alone.extend(rows)
        rows = sorted(self._alone)
        events = [
            (self._records.numbers[row], event) for row in rows if (event := self._records.event(row)) is not None
        ]
        return made + windows_kinds.parts(events, self._wanted)

    def _together(self, rows: list[int], kind: _Kind, columns: EventColumns) -> Part:
        own = None if kind.aim.plan is None else kind.aim.plan.data_time
        if columns.time is not None and (own is None or own not in columns.data or columns.data[own].null_count):
            columns.time = self._records.exact_times(rows, columns.time)
        numbers = np.array([self._records.numbers[row] for row in rows], np.int64)
        return Part(numbers, kind.aim.fields(columns))


class _Kind:
    """Records of one kind as texts. Raises ``Unsuitable``."""

    def __init__(
        self, text: bytes, texts: list[bytes], wanted: frozenset[str] | None, shapes: dict[bytes, Any], is_whole: bool
    ) -> None:
        head = head_of(text, texts[0])
        self.aim = Aim(head, wanted)
        self.lines = Lines(head, text, texts, None if is_whole else self.aim.needs.names, shapes)
