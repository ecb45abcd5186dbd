"""Many small tables made few: each costs as much as thousands of rows, whatever is done with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from falselight.documents import TIMESTAMP

# Columns beside a batch's own: no field can have such a name.
INPUT, POSITION = "\0input", "\0seq"
# Rows, bytes and tables that wait for one another.
ROWS_AT_ONCE, BYTES_AT_ONCE, BATCHES_AT_ONCE = 16_384, 96 << 20, 256


class Gatherer:
    """Joins normalised batches, of whatever inputs, in their order. What it gives has ``INPUT`` and ``_record``."""

    def __init__(self, rows_at_once: int = ROWS_AT_ONCE) -> None:
        self.rows = 0
        self._bytes = 0
        self._rows_at_once = rows_at_once
        self._types: dict[str, pa.DataType] = {}
        self._waiting: list[pa.Table] = []

    def add(self, batch: pa.RecordBatch | pa.Table, input_index: int) -> Iterator[pa.Table]:
        """Takes a batch of an input; gives what need not wait any longer."""
        yield from self.add_numbered(numbered(batch, input_index))

    def add_numbered(self, table: pa.Table) -> Iterator[pa.Table]:
        """Takes a batch that tells its input; gives what need not wait any longer."""
        table = self._plain(table)
        types = {entry.name: entry.type for entry in table.schema}
        if self._waiting and not self._fits(types):
            yield from self.flush()
        self._types.update({name: kind for name, kind in types.items() if self._types.get(name) != pa.list_(kind)})
        self._waiting.append(table)
        self.rows += table.num_rows
        self._bytes += table.nbytes
        full = self.rows >= self._rows_at_once or self._bytes >= BYTES_AT_ONCE
        if full or len(self._waiting) >= BATCHES_AT_ONCE:
            yield from self.flush()

    def flush(self) -> Iterator[pa.Table]:
        """What still waits, as one table."""
        waiting, self._waiting, self._types, self.rows = self._waiting, [], {}, 0
        self._bytes = 0
        if waiting:
            yield together(waiting)

    def _plain(self, table: pa.Table) -> pa.Table:
        """The table, plain where it has values by their place in a dictionary and those that wait have plain ones."""
        for place, entry in enumerate(table.schema):
            if pa.types.is_dictionary(entry.type) and self._types.get(entry.name) == entry.type.value_type:
                table = table.set_column(place, entry.name, table.column(place).cast(entry.type.value_type))
        return table

    def _fits(self, types: dict[str, pa.DataType]) -> bool:
        """Whether no column has another type than before, but for lists of it. Without ``@timestamp`` a batch means it to
        come of ``_time``."""
        if (TIMESTAMP in types) != (TIMESTAMP in self._types):
            return False
        pairs = ((self._types.get(name, kind), kind) for name, kind in types.items())
        return all(known == kind or known == pa.list_(kind) or kind == pa.list_(known) for known, kind in pairs)


def numbered(batch: pa.RecordBatch | pa.Table, input_index: int) -> pa.Table:
    """A batch with ``INPUT``, and with ``_record`` where it has none; without columns that hold nothing."""
    table = pa.Table.from_batches([batch]) if isinstance(batch, pa.RecordBatch) else batch
    empty = [entry.name for entry in table.schema if pa.types.is_null(entry.type) or entry.name in (INPUT, POSITION)]
    table = table.drop_columns(empty) if empty else table
    if "_record" not in table.schema.names:
        table = table.append_column("_record", pa.array(np.arange(table.num_rows, dtype=np.int64)))
    return table.append_column(INPUT, pa.array(np.full(table.num_rows, input_index, dtype=np.int32)))


def positions(tables: Sequence[pa.Table], start: int) -> list[npt.NDArray[np.int64]]:
    """Ingest positions from ``start`` on for the rows of one input: of one table in its order, of several in the order of
    their records across the tables."""
    if len(tables) < 2:
        return [np.arange(start, start + table.num_rows, dtype=np.int64) for table in tables]
    records = np.concatenate([table.column("_record").to_numpy() for table in tables])
    ranks = np.empty(len(records), np.int64)
    ranks[np.argsort(records, kind="stable")] = np.arange(start, start + len(records))
    return np.split(ranks, np.cumsum([table.num_rows for table in tables])[:-1])


def together(tables: Sequence[pa.Table]) -> pa.Table:
    """Tables one after another: a column that some lack is null there, one that holds lists in some
    holds lists of one where they have single values."""
    if len(tables) == 1:
        return tables[0]
    many = {entry.name for table in tables for entry in table.schema if pa.types.is_list(entry.type)}
    same = [_listed(table, many) for table in tables]
    return pa.concat_tables(same, promote_options="default")


def _listed(table: pa.Table, many: set[str]) -> pa.Table:
    for place, entry in enumerate(table.schema):
        if entry.name in many and not pa.types.is_list(entry.type):
            table = table.set_column(place, entry.name, as_lists(table.column(place)))
    return table


def as_lists(values: pa.ChunkedArray) -> pa.Array:
    """Each value as a list of one; null stays null."""
    flat = pa.concat_arrays(values.chunks) if values.num_chunks != 1 else values.chunk(0)
    ends = pc.cumulative_sum(pc.cast(pc.is_valid(flat), pa.int32()))
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends])
    return pa.ListArray.from_arrays(offsets, flat.drop_null(), mask=pc.is_null(flat))
