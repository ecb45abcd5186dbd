"""Windows event logs as ECS batches: records of one kind as columns, the rest one by one, in the file's order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from falselight.mappings import windows_columns
from falselight.mappings.apply import apply
from falselight.mappings.columnar import flat
from falselight.mappings.plans import plan
from falselight.mappings.windows_wanted import Needs
from falselight.readers import Report
from falselight.readers.evtx import Reader, Records
from falselight.readers.windows_columns import EventColumns, Lines, Unsuitable, head_of, kind_of
from falselight.readers.windows_event import WindowsEvent

# Below so many records the work for each column outweighs that for each record.
FEWEST = 48
_LARGE = 2_000


def read_evtx(
    stream: BinaryIO, path: str, report: Report, skipped: Counter[str], wanted: frozenset[str] | None = None
) -> Iterator[pa.Table | pa.RecordBatch]:
    """Batches as ``mappings.apply.apply`` makes them, of the readable records of an EVTX stream.

    ``path`` is for the reports. What is damaged is reported (E0504, E0508) and counted in ``skipped``. While a large
    file's next block is taken out of its binary form, the JSON of the one before becomes columns in another thread."""
    reader = Reader(stream, path, report, skipped)
    before: Block | None = None
    shapes: dict[str, Any] = {}
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="falselight-evtx") as pool:
        for records in reader.blocks():
            large = len(records.texts) >= _LARGE
            block = Block(reader, records, wanted, shapes, pool if large else None)
            if before is not None:
                yield from before.batches()
            before = block
        if before is not None:
            yield from before.batches()


class Block:
    """The records of some chunks, those of one kind together; the parsing of their JSON has begun, in the pool if there
    is one. ``shapes`` keeps what was learnt of each kind for the blocks that follow."""

    def __init__(
        self,
        reader: Reader,
        records: Records,
        wanted: frozenset[str] | None,
        shapes: dict[str, Any],
        pool: ThreadPoolExecutor | None = None,
    ) -> None:
        self._reader = reader
        self._records = records
        self._wanted = wanted
        self._alone: list[int] = []
        self._kinds: list[tuple[list[int], _Kind, Callable[[], pa.Table | Unsuitable]]] = []
        rows_of: dict[str, list[int]] = {}
        for row, text in enumerate(records.texts):
            rows_of.setdefault(kind_of(text), []).append(row)
        for text, rows in rows_of.items():
            if not text or len(rows) < FEWEST:
                self._alone.extend(rows)
                continue
            try:
                kind = _Kind(text, [records.texts[row] for row in rows], wanted, shapes)
            except Unsuitable:
                self._alone.extend(rows)
                continue
            read = kind.lines.read if pool is None else pool.submit(kind.lines.read).result
            self._kinds.append((rows, kind, read))

    def batches(self) -> Iterator[pa.Table | pa.RecordBatch]:
        """The records in their order; nothing if none is an event."""
        made: list[pa.Table] = []
        for rows, kind, read in self._kinds:
            try:
                made.append(self._together(rows, kind, kind.lines.columns(read())))
            except Unsuitable:
                self._alone.extend(rows)
        events = _alone(self._reader, self._records, sorted(self._alone))
        if events:
            batch = apply(events, self._wanted)
            made.append(pa.Table.from_batches([batch]))
        if made:
            yield _in_order(made)

    def _together(self, rows: list[int], kind: _Kind, columns: EventColumns) -> pa.Table:
        if "ConnectedUser" in columns.data:
            raise Unsuitable("users that change places from event to event")
        own = None if kind.plan is None else kind.plan.data_time
        if columns.time is not None and (own is None or own not in columns.data or columns.data[own].null_count):
            columns.time = self._records.exact_times(rows, columns.time)
        arrays = windows_columns.fields(columns, kind.plan, kind.needs)
        times = arrays.pop("_time", None)
        numbers = pa.array([self._records.numbers[row] for row in rows], pa.int64())
        times = pa.nulls(len(rows), pa.int64()) if times is None else times
        return pa.table({"_record": numbers, "_time": times, **arrays})


class _Kind:
    """What is to be made of the records of one kind. Raises ``Unsuitable``."""

    def __init__(self, text: str, texts: list[str], wanted: frozenset[str] | None, shapes: dict[str, Any]) -> None:
        head = head_of(text, texts[0])
        self.plan = plan(head.provider, head.channel, head.event_id)
        if self.plan is not None and self.plan.split_context is not None:
            raise Unsuitable("data within data")
        self.needs = Needs(self.plan, wanted)
        self.lines = Lines(head, text, texts, self.needs.names, shapes)


def _alone(reader: Reader, block: Records, rows: list[int]) -> list[tuple[int, WindowsEvent]]:
    events = []
    for row in rows:
        event = reader.event(block, row)
        if event is not None:
            events.append((block.numbers[row], event))
    return events


def _in_order(tables: list[pa.Table]) -> pa.Table:
    """One table of all, sorted by record. A field that is a list somewhere is a list everywhere."""
    if len(tables) == 1:
        return tables[0]
    starts = np.cumsum([0, *(each.num_rows for each in tables)])
    order = pc.sort_indices(pa.chunked_array([each["_record"].combine_chunks() for each in tables])).to_numpy()
    parts: dict[str, list[tuple[int, pa.Array]]] = {}
    for place, each in enumerate(tables):
        for name, column in zip(each.schema.names, each.columns, strict=True):
            parts.setdefault(name, []).append((place, flat(column)))
    return pa.table({name: _spread(found, starts, order) for name, found in parts.items()})


def _spread(found: list[tuple[int, pa.Array]], starts: np.ndarray[Any, Any], order: np.ndarray[Any, Any]) -> pa.Array:
    """A column of some of the tables, in the order of all their rows; null where a table has no such column."""
    if any(pa.types.is_list(values.type) for _, values in found):
        found = [(place, windows_columns.listed(values)) for place, values in found]
    joined = pa.concat_arrays([values for _, values in found]) if len(found) > 1 else found[0][1]
    if len(joined) == len(order):
        return joined.take(pa.array(order))
    # Where each row of all tables stands in the joined column; the last place, which is none, means nowhere.
    places = np.full(len(order), len(joined), np.int64)
    at = 0
    for place, values in found:
        places[starts[place] : starts[place] + len(values)] = np.arange(at, at + len(values))
        at += len(values)
    places = places[order]
    return joined.take(pa.array(places, mask=places == len(joined)))
