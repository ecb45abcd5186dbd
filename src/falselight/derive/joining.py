"""Names of servers for events that are given as they are read: what ``names`` finds out over all events, batch by batch.

An event is known by its input, its record, and how many events of that record came before it."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from falselight.derive import DERIVED, NAME
from falselight.ecs.schema import column
from falselight.store import EventTable, quoted

Batch: TypeAlias = pa.RecordBatch | pa.Table


class Names:
    """The names that were filled into a table, for batches of the same events. The table's events are dropped."""

    def __init__(self, table: EventTable) -> None:
        self._connection = table.connection
        self._last = (-1, -1, 0)
        mark, name = (table.schema.find(each) for each in (DERIVED, NAME))
        self.count = 0
        if mark is not None and mark.filled and name is not None and name.filled:
            value = quoted(column(NAME)) + ("[1]" if name.many else "")
            marked = f"list_contains({quoted(column(DERIVED))}, '{NAME}')"
            numbered = "row_number() OVER (PARTITION BY _input, _record ORDER BY _seq, rowid) - 1"
            self._connection.execute(
                f"CREATE TABLE joined AS SELECT _input AS input, _record AS record, place, name FROM "
                f"(SELECT _input, _record, {numbered} AS place, {value} AS name, {marked} AS marked FROM "
                f"{quoted(table.name)}) WHERE marked ORDER BY input, record, place"
            )
            ((self.count,),) = self._connection.execute("SELECT count(*) FROM joined").fetchall()
        self._connection.execute(f"DROP TABLE {quoted(table.name)}")

    def fill(self, batch: Batch, number: int) -> Batch:
        """The batch, of the input of this number, with the names that its events have and do not give."""
        if not self.count or not batch.num_rows:
            return batch
        records = batch.column("_record").to_numpy()
        places = self._places(records, number)
        found = self._connection.execute(
            "SELECT record, place, name FROM joined WHERE input = ? AND record BETWEEN ? AND ?",
            [number, int(records.min()), int(records.max())],
        ).fetchall()
        if not found:
            return batch
        known: dict[tuple[int, int], str] = {(record, place): name for record, place, name in found}
        rows = zip(records.tolist(), places.tolist(), strict=True)
        return _with_names(batch, [known.get(row) for row in rows])

    def _places(self, records: npt.NDArray[np.int64], number: int) -> npt.NDArray[np.int64]:
        """How many events of its record came before each."""
        order = np.argsort(records, kind="stable")
        ranked = records[order]
        starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
        places = np.empty(len(records), np.int64)
        places[order] = np.arange(len(records)) - np.repeat(starts, np.diff([*starts, len(records)]))
        # A batch may end between the events of one record.
        owner, record, count = self._last
        if owner == number:
            places[records == record] += count
        last = int(records.max())
        self._last = number, last, int(places[records == last].max()) + 1
        return places


def _with_names(batch: Batch, names: list[str | None]) -> Batch:
    made: Any = pa.array(names, pa.string())
    new = pc.is_valid(made)
    if NAME in batch.schema.names:
        known = batch.column(NAME)
        known = known.combine_chunks() if isinstance(known, pa.ChunkedArray) else known
        if pa.types.is_dictionary(known.type):
            known = known.cast(known.type.value_type)
        if pa.types.is_list(known.type):
            made = pa.array([None if name is None else [name] for name in names], known.type)
        new = pc.and_(new, pc.is_null(known))
        made = pc.coalesce(known, made)
    if not pc.any(new).as_py():
        return batch
    marks = batch.column(DERIVED).to_pylist() if DERIVED in batch.schema.names else [None] * batch.num_rows
    rows = zip(marks, new.to_pylist(), strict=True)
    marked = pa.array([[*(old or []), NAME] if is_new else old for old, is_new in rows], pa.list_(pa.string()))
    return _with(_with(batch, NAME, made), DERIVED, marked)


def _with(batch: Batch, name: str, values: pa.Array) -> Batch:
    if name in batch.schema.names:
        return batch.set_column(batch.schema.get_field_index(name), name, values)
    return batch.append_column(name, values)
