"""Windows event logs as ECS batches: records of one kind as columns, the rest one by one, in the file's order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from operator import itemgetter
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from falselight.mappings import windows_columns
from falselight.mappings.apply import apply
from falselight.mappings.columnar import flat
from falselight.mappings.plans import plan
from falselight.mappings.windows_wanted import Needs
from falselight.readers import Report
from falselight.readers.evtx import CHUNK_BYTES, Reader, Records
from falselight.readers.evtx_kinds import Definitions, Intact, Kind
from falselight.readers.evtx_values import Numbers
from falselight.readers.windows_columns import EventColumns, Lines, head_of, kind_of
from falselight.readers.windows_event import Unsuitable, WindowsEvent

# Below so many records the work for each column outweighs that for each record.
FEWEST = 32


def read_evtx(
    stream: BinaryIO, path: str, report: Report, skipped: Counter[str], wanted: frozenset[str] | None = None
) -> Iterator[pa.Table | pa.RecordBatch]:
    """Batches as ``mappings.apply.apply`` makes them, of the readable records of an EVTX stream.

    ``path`` is for the reports. What is damaged is reported (E0504, E0508) and counted in ``skipped``."""
    reader = Reader(stream, path, report, skipped)
    definitions = Definitions()
    shapes: dict[str, Any] = {}
    for chunks in reader.blocks():
        made = _Chunks(reader, chunks, wanted, definitions, shapes).tables()
        if made:
            yield in_order(made)


class _Chunks:
    """Some chunks: what is intact and usual as columns straight from its binary form, the rest by the general parser."""

    def __init__(
        self,
        reader: Reader,
        chunks: bytes,
        wanted: frozenset[str] | None,
        definitions: Definitions,
        shapes: dict[str, Any],
    ) -> None:
        self._reader = reader
        self._wanted = wanted
        self._events: list[tuple[int, WindowsEvent]] = []
        self._columns: list[tuple[Numbers, pa.Table]] = []
        intact = Intact(chunks, definitions)
        left = intact.left.tolist()
        for kind in intact.kinds:
            left += self._read(kind)
        self._intact = intact
        self._firsts = np.full(len(intact.starts), -1, np.int64)
        self._rest = Block(reader, self._general(chunks, left), wanted, shapes)

    def tables(self) -> list[pa.Table]:
        """The records of each kind, and those that are read one by one."""
        made = self._rest.tables()
        for rows, table in self._columns:
            numbers, kept = self._numbers(rows)
            table = table.append_column("_record", pa.array(numbers))
            made.append(table if kept.all() else table.filter(pa.array(kept)))
        self._events.sort(key=itemgetter(0))
        numbers, kept = self._numbers(np.array([row for row, _ in self._events], np.int64))
        events = [
            (number, event)
            for number, good, (_, event) in zip(numbers.tolist(), kept, self._events, strict=True)
            if good
        ]
        if events:
            made.append(pa.Table.from_batches([apply(events, self._wanted)]))
        return made

    def _read(self, kind: Kind) -> list[int]:
        """Reads the records of a kind; gives those that it must leave to the general parser."""
        rows: list[int] = kind.rows.tolist()
        if len(rows) < FEWEST:
            return [row for place, row in enumerate(rows) if not self._read_alone(kind, place, row)]
        try:
            head = kind.head()
            aim = _Aim(head, self._wanted)
            columns = kind.columns(head, aim.needs.names, aim.needs.system)
            self._columns.append((kind.rows, _table(columns, aim)))
        except Unsuitable:
            return rows
        return []

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
        found = Records(b"", [], [], [])
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
                found.add(self._reader.records(chunks[at - damaged * CHUNK_BYTES : at]))
                damaged = 0
            if number < len(self._firsts):
                self._firsts[number] = first = self._reader.passed(len(starts))
                if sure is not None:
                    found.add(sure.some(some, first))
        return found


class _Aim:
    """What is to be made of the records of a kind. Raises ``Unsuitable``."""

    def __init__(self, head: WindowsEvent, wanted: frozenset[str] | None) -> None:
        self.plan = plan(head.provider, head.channel, head.event_id)
        if self.plan is not None and self.plan.split_context is not None:
            raise Unsuitable("data within data")
        self.needs = Needs(self.plan, wanted)


def _table(columns: EventColumns, aim: _Aim) -> pa.Table:
    """The fields of records of one kind, and ``_time``."""
    if "ConnectedUser" in columns.data:
        raise Unsuitable("users that change places from event to event")
    arrays = windows_columns.fields(columns, aim.plan, aim.needs)
    times = arrays.pop("_time", None)
    times = pa.nulls(columns.rows, pa.int64()) if times is None else times
    return pa.table({"_time": times, **arrays})


class Block:
    """Records as the general parser gives them, those of one kind together. ``shapes`` keeps what was learnt of each
    kind for the blocks that follow."""

    def __init__(
        self,
        reader: Reader,
        records: Records,
        wanted: frozenset[str] | None,
        shapes: dict[str, Any],
    ) -> None:
        self._reader = reader
        self._records = records
        self._wanted = wanted
        self._alone: list[int] = []
        self._kinds: list[tuple[list[int], _Kind]] = []
        rows_of: dict[str, list[int]] = {}
        for row, text in enumerate(records.texts):
            rows_of.setdefault(kind_of(text), []).append(row)
        for text, rows in rows_of.items():
            if not text or len(rows) < FEWEST:
                self._alone.extend(rows)
                continue
            try:
                self._kinds.append((rows, _Kind(text, [records.texts[row] for row in rows], wanted, shapes)))
            except Unsuitable:
                self._alone.extend(rows)

    def tables(self) -> list[pa.Table]:
        """The records of each kind, and those that are read one by one."""
        made: list[pa.Table] = []
        for rows, kind in self._kinds:
            try:
                made.append(self._together(rows, kind, kind.lines.columns()))
            except Unsuitable:
                self._alone.extend(rows)
        events = _alone(self._reader, self._records, sorted(self._alone))
        if events:
            made.append(pa.Table.from_batches([apply(events, self._wanted)]))
        return made

    def _together(self, rows: list[int], kind: _Kind, columns: EventColumns) -> pa.Table:
        own = None if kind.aim.plan is None else kind.aim.plan.data_time
        if columns.time is not None and (own is None or own not in columns.data or columns.data[own].null_count):
            columns.time = self._records.exact_times(rows, columns.time)
        numbers = pa.array([self._records.numbers[row] for row in rows], pa.int64())
        return _table(columns, kind.aim).append_column("_record", numbers)


class _Kind:
    """Records of one kind as the general parser gives them. Raises ``Unsuitable``."""

    def __init__(self, text: str, texts: list[str], wanted: frozenset[str] | None, shapes: dict[str, Any]) -> None:
        head = head_of(text, texts[0])
        self.aim = _Aim(head, wanted)
        self.lines = Lines(head, text, texts, self.aim.needs.names, shapes)


def _alone(reader: Reader, block: Records, rows: list[int]) -> list[tuple[int, WindowsEvent]]:
    events = []
    for row in rows:
        event = reader.event(block, row)
        if event is not None:
            events.append((block.numbers[row], event))
    return events


def in_order(tables: list[pa.Table]) -> pa.Table:
    """One table of all, sorted by record. A field that is a list somewhere is a list everywhere."""
    if len(tables) == 1:
        return tables[0]
    starts = np.cumsum([0, *(each.num_rows for each in tables)])
    numbers = np.concatenate([np.asarray(each["_record"]) for each in tables])
    rows = np.empty(len(numbers), np.int64)
    rows[np.argsort(numbers, kind="stable")] = np.arange(len(numbers))
    parts: dict[str, list[tuple[int, pa.Array]]] = {}
    for place, each in enumerate(tables):
        for name, column in zip(each.schema.names, each.columns, strict=True):
            parts.setdefault(name, []).append((place, flat(column)))
    return pa.table({name: _spread(found, starts, rows) for name, found in parts.items()})


def _spread(found: list[tuple[int, pa.Array]], starts: Numbers, rows: Numbers) -> pa.Array:
    """A column of some of the tables, at the places that all their rows have; null where a table has no such column."""
    if any(pa.types.is_list(values.type) for _, values in found):
        found = [(place, windows_columns.listed(values)) for place, values in found]
    joined = pa.concat_arrays([values for _, values in found]) if len(found) > 1 else found[0][1]
    origin = np.full(len(rows), -1, np.int64)
    at = 0
    for place, values in found:
        origin[rows[starts[place] : starts[place] + len(values)]] = np.arange(at, at + len(values))
        at += len(values)
    if at == len(rows):
        return joined.take(pa.array(origin))
    filled = origin >= 0
    dense = joined.take(pa.array(origin[filled]))
    if not (pa.types.is_string(dense.type) or pa.types.is_list(dense.type)):
        return dense.take(pa.array(np.cumsum(filled) - 1, mask=~filled))
    # Rows without the field are empty stretches between the others.
    lengths = np.zeros(len(rows) + 1, np.int32)
    offsets = np.frombuffer(dense.buffers()[1], np.int32, len(dense) + 1, 4 * dense.offset)
    lengths[1:][filled] = np.diff(offsets)
    lengths[0] = offsets[0]
    if dense.null_count:
        filled[filled] = np.asarray(dense.is_valid())
    validity = pa.py_buffer(np.packbits(filled, bitorder="little"))
    ends = pa.py_buffer(np.cumsum(lengths, dtype=np.int32))
    if pa.types.is_list(dense.type):
        return pa.Array.from_buffers(dense.type, len(rows), [validity, ends], children=[dense.values])
    return pa.Array.from_buffers(dense.type, len(rows), [validity, ends, dense.buffers()[2]])
