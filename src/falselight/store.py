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
| date · date_nanos | BIGINT, epoch milliseconds · nanoseconds |

A field is a list of these (T[]) when any event holds several values; a list never is empty and never holds a null: no
value is NULL. Beside the fields each row has ``_seq`` BIGINT (ingest position from 0, unique), ``_input`` INTEGER
(index into ``inputs``), ``_record`` BIGINT (number of the record in its input, from 0) and ``_time`` BIGINT
(@timestamp in epoch nanoseconds, exact).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import duckdb

from falselight.ecs.schema import Schema


@dataclass(frozen=True)
class Input:
    """One file that was read. sha256 and size are of the file's bytes; member is the path inside an archive."""

    path: str
    member: str | None = None
    sha256: str | None = None
    size: int | None = None


@dataclass
class EventTable:
    """Events in DuckDB. ``name`` is the table or view; schema tells for each field whether it is filled and many."""

    connection: duckdb.DuckDBPyConnection
    schema: Schema
    name: str = "events"
    inputs: list[Input] = field(default_factory=list)
    rows: int = 0
