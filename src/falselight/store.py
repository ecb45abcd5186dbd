"""The event table: Arrow batches with ECS columns in, a DuckDB table out.

Physical form of a field of type T (``ecs.schema.column`` names the column):

| T | column |
|---|---|
| keyword, wildcard, constant_keyword, text, match_only_text | VARCHAR |
| ip | VARCHAR, canonical as Elasticsearch prints it, and beside it ``…#ip`` BLOB of 16 bytes |
| version | VARCHAR, and beside it ``…#order`` BLOB |
| long, integer, short, byte · unsigned_long | BIGINT · UBIGINT |
| double, half_float, scaled_float · float | DOUBLE · FLOAT |
| boolean | BOOLEAN |
| nested | VARCHAR, an object as JSON |
| date · date_nanos | BIGINT, epoch milliseconds · nanoseconds |

A field is a list of these (T[]) when any event holds several values; a list never is empty and never holds a null: no
value is NULL. Beside the fields each row has ``_seq`` BIGINT (ingest position from 0, unique), ``_input`` INTEGER
(index into ``inputs``), ``_record`` BIGINT (number of the record in its input, from 0) and ``_time`` BIGINT
(@timestamp in epoch nanoseconds, exact).
"""

from __future__ import annotations

import os
import re
import shutil
import weakref
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from falselight import spilling
from falselight.batches import INPUT, POSITION, Gatherer, numbered, positions
from falselight.columns import duckdb_type, is_reserved, physical
from falselight.diagnostics import Diagnostic, FalselightError, Severity
from falselight.documents import METADATA, TIMESTAMP, subfields
from falselight.ecs.dynamic import KEYWORD_LIMIT
from falselight.ecs.schema import Field, Schema, column

OUTSIDE, UNTIMED = "outside the time range", "without @timestamp"
# Rows inserted at once: some of DuckDB's row groups, since part of a group is copied twice.
ROWS_AT_ONCE = 2 * 122_880
MEMORY, MEMORY_LIMIT = "FALSELIGHT_MEMORY", "1600MB"
_AMOUNT = re.compile(r"[0-9]{1,9}(?:\.[0-9]+)? ?(?:[KMGT]i?B|%)")


@dataclass(frozen=True)
class Input:
    """One file that was read. sha256 and size are of the file's bytes; member is the path inside an archive. ``kind``
    is what ``readers.detect`` found. ``kept`` is where the file's bytes can be read again, if that is not ``path``."""

    path: str
    member: str | None = None
    sha256: str | None = None
    size: int | None = None
    kind: str | None = None
    kept: str | None = None


@dataclass
class Counts:
    """What became of one input's records: events kept, and records left out by reason."""

    events: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    bytes: int = 0


@dataclass
class EventTable:
    """Events in DuckDB. ``name`` is the table or view; schema tells for each field whether it is filled and many.
    ``counts`` runs beside ``inputs``; ``malformed`` counts the values that their field's type rejected, by field. ``objects``:
    those of nested fields by path, where they were asked for."""

    connection: duckdb.DuckDBPyConnection
    schema: Schema
    name: str = "events"
    inputs: list[Input] = field(default_factory=list)
    rows: int = 0
    counts: list[Counts] = field(default_factory=list)
    malformed: Counter[str] = field(default_factory=Counter)
    objects: dict[str, EventTable] = field(default_factory=dict, repr=False)


def limit() -> str:
    """What the engine may hold before it spills: ``FALSELIGHT_MEMORY`` of the environment, else 1.6 gigabytes. Raises
    ``FalselightError`` (E0403) where that is no amount."""
    text = os.environ.get(MEMORY, "").strip()
    if not text:
        return MEMORY_LIMIT
    if _AMOUNT.fullmatch(text) is None:
        message = f"{MEMORY} is {text!r}, which is no amount of memory"
        raise FalselightError([Diagnostic("E0403", Severity.ERROR, message, help="write 4GB, or 800MiB")])
    return text


def connect(
    memory_limit: str | None = None, temp_directory: str | None = None, threads: int | None = None
) -> duckdb.DuckDBPyConnection:
    """A private in-memory DuckDB that downloads nothing and spills to a folder of its own, removed with the connection (see
    ``spilling``).

    ``memory_limit`` as DuckDB writes it (``4GB``), else what ``limit`` says; ``temp_directory`` is where the private folder is
    made."""
    spill = spilling.folder(temp_directory)
    settings: dict[str, Any] = {
        "temp_directory": spill,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "memory_limit": memory_limit or limit(),
        # A checkpoint has nothing to make safe here, and writes what changed a second time.
        "checkpoint_threshold": "1000TB",
        # What is freed goes back to the system soon, not when its thread next asks for memory.
        "allocator_background_threads": True,
    }
    if threads is not None:
        settings["threads"] = threads
    try:
        connection = duckdb.connect(":memory:", config=settings)
    except duckdb.Error:
        shutil.rmtree(spill, ignore_errors=True)
        raise
    weakref.finalize(connection, shutil.rmtree, spill, ignore_errors=True)
    # DuckDB takes some programs for a person at a prompt, and would draw its own bar into what they write.
    connection.execute("SET enable_progress_bar = false")
    return connection


class Shaper:
    """Normalised batches (see ``columns``) in, tables of physical columns out; the schema widens by what comes.

    A batch's columns are dotted field names, ``_record`` (int64) and ``_time`` (int64 nanoseconds), optionally ``_id``
    and ``_index``. Without ``@timestamp`` it is made from ``_time``. A field the schema lacks is mapped by its Arrow type.
    """

    def __init__(self, schema: Schema) -> None:
        self.malformed: Counter[str] = Counter()
        self.schema = schema
        self.filled: dict[str, bool] = {}
        self.rows = 0
        self.position = 0
        self._adopted: Schema | None = None

    def adopt(self, schema: Schema) -> None:
        """Takes over fields that a reader has mapped; those known here keep their types."""
        if schema is self._adopted:
            return
        added = schema.beyond(self.schema)
        if added:
            self.schema = self.schema.with_fields(added)
        self._adopted = schema

    def shape(self, batch: pa.Table) -> pa.Table:
        """The rows of a gathered batch in order, with ``_seq`` from ``POSITION`` or running on. A value its field cannot take is
        null and counted."""
        arrays = self._system(batch)
        for name in batch.schema.names:
            if name in {"_record", "_time", INPUT, POSITION, *METADATA}:
                continue
            arrays.update(self._field(name, batch.column(name)))
        if TIMESTAMP not in batch.schema.names:
            arrays.update(self._field(TIMESTAMP, timestamps(batch, self.schema)))
        self.rows += batch.num_rows
        self.position += batch.num_rows
        return pa.table(arrays)

    def truth(self) -> Schema:
        """The schema with ``filled`` and ``many`` true to what came."""
        known: dict[str, Field] = {}
        told = [entry for entry in self.schema if entry.filled or entry.many or entry.name in self.filled]
        for entry in told:
            filled, many = entry.name in self.filled, self.filled.get(entry.name, False)
            if (entry.filled, entry.many) != (filled, many):
                known[entry.name] = replace(entry, filled=filled, many=many)
        return self.schema.with_fields(known)

    def _system(self, batch: pa.Table) -> dict[str, pa.Array]:
        count = batch.num_rows
        names = batch.schema.names
        own = pa.array(np.arange(self.position, self.position + count, dtype=np.int64))
        arrays: dict[str, pa.Array] = {
            "_seq": batch.column(POSITION) if POSITION in names else own,
            "_input": batch.column(INPUT),
            "_record": batch.column("_record"),
            "_time": batch.column("_time") if "_time" in names else pa.nulls(count, pa.int64()),
        }
        arrays.update({name: batch.column(name) for name in METADATA if name in names})
        return arrays

    def _field(self, name: str, values: pa.Array | pa.ChunkedArray) -> dict[str, pa.Array]:
        if values.null_count == len(values):
            return {}
        entry = self.schema.find(name)
        if entry is None:
            if is_reserved(name):
                self.malformed[name] += len(values) - values.null_count
                return {}
            entry = _mapped(name, values.type)
            self.schema = self.schema.with_fields({name: entry})
        arrays: dict[str, pa.Array] = {}
        for each in (entry, *subfields(self.schema, entry.name)):
            made = physical(values, each, self.malformed)
            if made:
                many = pa.types.is_list(made[column(each.name)].type)
                self.filled[each.name] = self.filled.get(each.name, False) or many
                arrays.update(made)
        return arrays


class Builder:
    """Grows an event table from normalised batches (see ``Shaper``). Small batches wait for one another: the table is
    whole once ``flush`` or ``finish`` has been called."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, schema: Schema, name: str = "events") -> None:
        self.connection = connection
        self._shaper = Shaper(schema)
        self.name = name
        self._gatherer = Gatherer(ROWS_AT_ONCE)
        self._types = {"_seq": "BIGINT", "_input": "INTEGER", "_record": "BIGINT", "_time": "BIGINT"}
        definition = ", ".join(f"{quoted(key)} {kind}" for key, kind in self._types.items())
        connection.execute(f"CREATE OR REPLACE TABLE {quoted(name)} ({definition})")

    @property
    def rows(self) -> int:
        return self._shaper.rows + self._gatherer.rows

    @property
    def malformed(self) -> Counter[str]:
        """Values that their field's type rejected, by field."""
        return self._shaper.malformed

    @property
    def schema(self) -> Schema:
        """The schema as widened so far."""
        return self._shaper.schema

    def adopt(self, schema: Schema) -> None:
        """Takes over fields that a reader has mapped; those known here keep their types."""
        self._shaper.adopt(schema)

    def append(self, batch: pa.RecordBatch | pa.Table, input_index: int) -> int:
        """Adds the batch's rows in order; gives how many. A value its field cannot take is null and counted."""
        return self.append_numbered(numbered(batch, input_index))

    def append_numbered(self, batch: pa.Table) -> int:
        """``append`` of rows that tell their inputs, and their records (``batches.numbered``)."""
        if batch.num_rows:
            for table in self._gatherer.add_numbered(batch):
                self._insert(self._shaper.shape(table))
        return int(batch.num_rows)

    def append_among(self, tables: Sequence[pa.Table]) -> None:
        """``append_numbered`` of the rows of one input, in the order of their records across the tables."""
        self.flush()
        for table, own in zip(tables, positions(tables, self._shaper.position), strict=True):
            self.append_numbered(table.append_column(POSITION, pa.array(own)))
        self.flush()

    def flush(self) -> None:
        """Puts all rows that wait into the table."""
        for table in self._gatherer.flush():
            self._insert(self._shaper.shape(table))

    def prepare(self, columns: Mapping[str, str], filled: Mapping[str, bool]) -> Mapping[str, str]:
        """Makes room for physical columns of these DuckDB types; ``filled`` tells the fields they fill, and whether with
        lists. Gives the types that all columns of the table have then: a column may hold lists where these do not."""
        self.flush()
        for name, many in filled.items():
            self._shaper.filled[name] = self._shaper.filled.get(name, False) or many
        for name, kind in columns.items():
            self._widen(name, kind)
        return self._types

    def take(self, select: str, parameters: Mapping[str, Any]) -> None:
        """Adds the rows of a SELECT over other relations of the connection, with ``_seq`` at or beyond ``position``. Its
        columns are those that ``prepare`` made room for."""
        insert = f"INSERT INTO {quoted(self.name)} BY NAME {select}"
        ((count,),) = self.connection.execute(insert, parameters).fetchall()
        self._shaper.rows += int(count)

    def put(self, table: pa.Table, filled: Mapping[str, bool]) -> None:
        """Adds rows of physical columns, as ``take`` does; ``filled`` tells which more fields they fill."""
        for name, many in filled.items():
            self._shaper.filled[name] = self._shaper.filled.get(name, False) or many
        self._insert(table)
        self._shaper.rows += table.num_rows

    def forget(self, rows: int) -> None:
        """Counts back rows that were rolled back."""
        self._shaper.rows -= rows

    def passed(self, positions: int) -> None:
        """Leaves so many ingest positions to rows that were taken."""
        self._shaper.position += positions

    @property
    def position(self) -> int:
        """The first ingest position that no row has."""
        return self._shaper.position

    def finish(self) -> EventTable:
        """The table, and the schema with ``filled`` and ``many`` true to it."""
        self.flush()
        return EventTable(
            self.connection,
            self._shaper.truth(),
            self.name,
            rows=self.rows,
            malformed=self.malformed,
        )

    def _insert(self, table: pa.Table) -> None:
        selected = []
        for entry in table.schema:
            kind = duckdb_type(entry.type)
            self._widen(entry.name, kind)
            own = self._types[entry.name] == kind + "[]"
            selected.append(f"{wrapped(entry.name)} AS {quoted(entry.name)}" if own else quoted(entry.name))
        view = "incoming " + self.name
        self.connection.register(view, table)
        try:
            self.connection.execute(
                f"INSERT INTO {quoted(self.name)} BY NAME SELECT {', '.join(selected)} FROM {quoted(view)}"
            )
        finally:
            self.connection.unregister(view)

    def _widen(self, name: str, kind: str) -> None:
        """Makes room in the table for a column of this type."""
        known = self._types.get(name)
        if known is None:
            self._types[name] = kind
            self._alter(f"ADD COLUMN {quoted(name)} {kind}")
        elif kind == known + "[]":
            self._types[name] = kind
            self._alter(f"ALTER COLUMN {quoted(name)} TYPE {kind} USING {wrapped(name)}")

    def _alter(self, change: str) -> None:
        self.connection.execute(f"ALTER TABLE {quoted(self.name)} {change}")


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def wrapped(name: str) -> str:
    """A scalar column as a list of one, in SQL."""
    return f"CASE WHEN {quoted(name)} IS NULL THEN NULL ELSE [{quoted(name)}] END"


def _mapped(name: str, kind: pa.DataType) -> Field:
    while pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_boolean(kind):
        return Field(name, "boolean")
    if kind == pa.uint64():
        return Field(name, "unsigned_long")
    if pa.types.is_integer(kind):
        return Field(name, "long")
    if pa.types.is_floating(kind):
        return Field(name, "double")
    return Field(name, "keyword", ignore_above=KEYWORD_LIMIT)


def timestamps(batch: pa.RecordBatch | pa.Table, schema: Schema) -> pa.Array | pa.ChunkedArray:
    """``@timestamp`` in the unit of its field, from ``_time``. Arrow's division cuts towards zero, a date floors."""
    if "_time" not in batch.schema.names:
        return pa.nulls(batch.num_rows, pa.int64())
    times = batch.column("_time")
    entry = schema.find(TIMESTAMP)
    if entry is not None and entry.type == "date_nanos":
        return times
    cut = pc.divide(times, 1_000_000)
    below = pc.less(pc.subtract(times, pc.multiply(cut, 1_000_000)), 0)
    return pc.subtract(cut, pc.cast(below, pa.int64()))
