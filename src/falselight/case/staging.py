"""Events of inputs on their way into a case: some megabytes in memory, the rest written aside."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from falselight.batches import POSITION, ROWS_AT_ONCE, Gatherer, numbered, positions, together
from falselight.case import reader
from falselight.case.manifest import CaseInput, Manifest
from falselight.case.writer import Part, Writer
from falselight.ecs.schema import Field, Schema, column
from falselight.store import Shaper

MOST_ROWS, MOST_BYTES = 400_000, 96 << 20
# Rows times columns: a column that few rows fill takes its room in all of them.
MOST_CELLS = 16_000_000
_SMALL_TABLES = 64


class Staging:
    """Takes the batches of one input after another. ``end`` makes an input complete, ``drop`` forgets it; complete inputs
    become part of the case in commits of some size, and with ``commit``."""

    def __init__(self, writer: Writer, schema: Schema) -> None:
        self.shaper = Shaper(reader.schema_of(writer.manifest, schema))
        self.position = writer.manifest.positions
        self.rejected: Counter[str] = Counter()
        self.whole: dict[str, int] = {}
        self.changed = False
        self._broken = False
        self._writer = writer
        self._done = Tables()
        self._inputs: list[CaseInput] = []
        self._gatherer = Gatherer()
        self._waiting: list[pa.Table] = []
        self._rows_waiting = 0
        self._open = Tables()
        self._parts: list[Part] = []
        self._again: CaseInput | None = None
        self._stored = np.empty(0, np.int64), np.empty(0, np.int64)
        self._moved = False
        self._places = self._events = self._untimed = 0

    def again(self, entry: CaseInput) -> None:
        """The input that is read next is this one of the case, some of whose events are lost."""
        self._again = entry
        self._stored = self._writer.stored(self.number)
        self._moved = False

    @property
    def number(self) -> int:
        """The number of the input that is being read."""
        if self._again is not None:
            return self._writer.manifest.inputs.index(self._again)
        return len(self._writer.manifest.inputs) + len(self._inputs)

    def append(self, batches: Sequence[pa.RecordBatch | pa.Table]) -> int:
        """Takes some records of the input that is being read, of several batches those that stand among one another; gives
        how many events are new."""
        tables = [numbered(batch, self.number) for batch in batches if batch.num_rows]
        places = positions(tables, self._places)
        self._places += sum(map(len, places))
        return sum(map(self._append, tables, places))

    def _append(self, table: pa.Table, places: npt.NDArray[np.int64]) -> int:
        if self._again is None:
            places = places + self.position
        else:
            # All events of a record stand in one batch, and so in one file.
            lost = ~np.isin(table.column("_record").to_numpy(), self._stored[0])
            table, places = table.filter(pa.array(lost)), self._free(self._again, places[lost])
        if not table.num_rows:
            return 0
        table = table.append_column(POSITION, pa.array(places))
        self._events += table.num_rows
        self._untimed += table.column("_time").null_count if "_time" in table.schema.names else table.num_rows
        self._waiting.append(table)
        self._rows_waiting += table.num_rows
        if self._rows_waiting >= ROWS_AT_ONCE:
            self._shape_waiting()
        return int(table.num_rows)

    def _free(self, entry: CaseInput, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The ingest positions of lost events: those they had, or, where the input is not read as it was then, new ones."""
        had = places + entry.base
        self._moved |= bool((places >= entry.places).any() or np.isin(had, self._stored[1]).any())
        if not self._moved:
            return had
        self.position += len(places)
        return np.arange(self.position - len(places), self.position, dtype=np.int64)

    def _shape_waiting(self) -> None:
        """Makes what waits of the input that is being read physical, and makes room."""
        gatherer = Gatherer()
        for table in self._given_up():
            self._open.extend(self._shaped(gatherer.add_numbered(table)))
        self._open.extend(self._shaped(gatherer.flush()))
        if self._open.full:
            # Complete inputs go first, so that what is written of this one holds nothing else.
            self.commit()
            self._parts.append(self._writer.write_part(self._open.take()))

    def _given_up(self) -> list[pa.Table]:
        waiting, self._waiting, self._rows_waiting = self._waiting, [], 0
        return waiting

    def _shaped(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        return map(self.shaper.shape, tables)

    def end(self, entry: CaseInput) -> None:
        """The input is complete."""
        if self._again is not None:
            self._restored(entry)
        else:
            entry.events, entry.untimed = self._events, self._untimed
            entry.base, entry.places = self.position, self._places
            self.position += self._places
            self._inputs.append(entry)
        self._places = self._events = self._untimed = 0
        if self._parts:
            self._shape_waiting()
            if self._open.rows:
                self._parts.append(self._writer.write_part(self._open.take()))
            self.commit()
            return
        self._done.extend(self._open.given_up())
        for table in self._given_up():
            self._done.extend(self._shaped(self._gatherer.add_numbered(table)))
        if self._done.full:
            self.commit()

    def _restored(self, entry: CaseInput) -> None:
        """What was lost of an input of the case is there again."""
        known, self._again = self._again, None
        if known is not None:
            known.events, known.untimed = known.events + self._events, known.untimed + self._untimed
            known.skipped, known.place = entry.skipped, entry.place
            known.copies, known.lacking = 0, False
        self.changed = True

    def drop(self) -> None:
        """Forgets what came of the input that is being read."""
        for part in self._parts:
            part.path.unlink()
        self._parts = []
        self._open.clear()
        self._given_up()
        self._places = self._events = self._untimed = 0
        self._again = None

    def commit(self) -> None:
        """Makes all complete inputs part of the case, and what is known of files that were read to their end. After a
        commit that failed there is none any more: the case stays as it was."""
        if self._broken or not (self._inputs or self.changed):
            return
        self._broken = True
        self._done.extend(self._shaped(self._gatherer.flush()))
        before = self._writer.manifest
        parts = [*self._parts, *([self._writer.write_part(self._done.take())] if self._done.rows else [])]
        manifest = copy.copy(before)
        manifest.inputs, manifest.files = list(before.inputs), list(before.files)
        manifest.whole = {**before.whole, **self.whole}
        manifest.malformed = before.malformed + self.shaper.malformed
        manifest.positions = self.position
        manifest.fields = self._fields(parts)
        self._writer.commit(parts, self._inputs, manifest)
        self.rejected.update(self.shaper.malformed)
        self.shaper.malformed.clear()
        self._inputs, self.whole, self._parts, self.changed = [], {}, [], False
        self._broken = False

    def _fields(self, parts: list[Part]) -> dict[str, Field]:
        """The case's fields with these parts: what holds lists in one file holds lists in all."""
        fields = dict(self._writer.manifest.fields)
        for name in self.shaper.filled:
            entry = self.shaper.schema.find(name)
            stored = [part.columns[column(name)] for part in parts if column(name) in part.columns]
            if stored and entry is not None:
                many = any(stored) or (name in fields and fields[name].many)
                fields[name] = replace(entry, filled=True, many=many)
        return fields

    @property
    def manifest(self) -> Manifest:
        """The case as of the last commit."""
        return self._writer.manifest


class Tables:
    """Tables that wait; small ones are joined, since each array of each of them costs as much as many values."""

    def __init__(self) -> None:
        self.rows = 0
        self._bytes = 0
        self._columns: set[str] = set()
        self._joined: list[pa.Table] = []
        self._small: list[pa.Table] = []

    @property
    def full(self) -> bool:
        """Whether there is enough for a file."""
        return self.rows >= MOST_ROWS or self._bytes >= MOST_BYTES or self.rows * len(self._columns) >= MOST_CELLS

    def add(self, table: pa.Table) -> None:
        """Takes one more table."""
        self.rows += table.num_rows
        self._bytes += table.nbytes
        self._columns.update(table.column_names)
        self._small.append(table)
        if len(self._small) >= _SMALL_TABLES:
            self._joined.append(together(self._small).combine_chunks())
            self._small = []

    def extend(self, tables: Iterable[pa.Table]) -> None:
        """Takes more tables."""
        for table in tables:
            self.add(table)

    def given_up(self) -> list[pa.Table]:
        """All tables as they are; nothing waits then."""
        tables = [*self._joined, *self._small]
        self.clear()
        return tables

    def take(self) -> pa.Table:
        """All of it; nothing waits then."""
        return together(self.given_up())

    def clear(self) -> None:
        """Forgets all tables."""
        self.rows, self._bytes, self._joined, self._small = 0, 0, [], []
        self._columns.clear()
