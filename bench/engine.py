"""Falselight as the benchmarks call it: an event table kept in a database file, and a rule over it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import duckdb

from bench import rule
from bench.generators import event_table
from falselight.ecs.schema import Field, Schema
from falselight.engines import duckdb as engine
from falselight.eql.checker import Options
from falselight.plan import nodes
from falselight.searching import plan
from falselight.sql import emit
from falselight.store import EventTable, connect

FIELDS = {
    "@timestamp": Field("@timestamp", "date", filled=True),
    "event.category": Field("event.category", "keyword", many=True, filled=True),
    "event.type": Field("event.type", "keyword", many=True, filled=True),
    "network.direction": Field("network.direction", "keyword", filled=True),
    "host.name": Field("host.name", "keyword", filled=True),
    "process.name": Field("process.name", "keyword", filled=True),
    "destination.ip": Field("destination.ip", "ip", filled=True),
    "destination.domain": Field("destination.domain", "keyword", filled=True),
    "destination.port": Field("destination.port", "long", filled=True),
}


def make(database: str, events: int, keys: int, seed: int) -> dict[str, Any]:
    """Generates the event table in a database file."""
    started = time.perf_counter()
    with duckdb.connect(database) as connection:
        event_table(connection, events, keys, seed)
    return {"seconds": time.perf_counter() - started, "bytes": Path(database).stat().st_size}


def opened(database: str, memory_limit: str | None, spill: str | None) -> duckdb.DuckDBPyConnection:
    """Falselight's own connection, with the file's table as the view ``events``."""
    connection = connect(memory_limit, spill)
    escaped = database.replace("'", "''")
    connection.execute(f"ATTACH '{escaped}' AS stored (READ_ONLY)")
    connection.execute("CREATE VIEW events AS FROM stored.events")
    return connection


def timed(connection: duckdb.DuckDBPyConnection, sql: str, warm: bool) -> tuple[float, list[tuple[Any, ...]]]:
    """Seconds and rows of a query; ``warm`` runs it once before, so that the file's pages are in memory."""
    if warm:
        connection.execute(sql).fetchall()
    started = time.perf_counter()
    rows = connection.execute(sql).fetchall()
    return time.perf_counter() - started, rows


def by_falselight(
    database: str, query: str, warm: bool = True, memory_limit: str | None = None, spill: str | None = None
) -> dict[str, Any]:
    """Text to answer: the query is compiled and run; one row for every key with its number of sequences."""
    connection = opened(database, memory_limit, spill)
    ((rows,),) = connection.execute("SELECT count(*) FROM events").fetchall()
    table = EventTable(connection, Schema(FIELDS), rows=rows)
    started = time.perf_counter()
    made = plan(query, table.schema, Options(size=None))
    if not isinstance(made, nodes.SequencePlan):
        raise TypeError("the benchmark's query is a sequence")
    keys = emit.per_key(made, table.name, sparse=engine.is_sparse(made, table))
    sql = f"SELECT count(*), coalesce(sum(sequences), 0) FROM ({keys})"
    compiled = time.perf_counter() - started
    if warm:
        engine.execute(table, sql).fetchall()
    started = time.perf_counter()
    keys, windows = engine.execute(table, sql).fetchall()[0]
    return {"seconds": time.perf_counter() - started + compiled, "keys": keys, "windows": int(windows)}


def by_hand(database: str) -> dict[str, Any]:
    """The page's rule as a hand-written query over the same table."""
    sql = f"SELECT count(*), coalesce(sum(windows), 0) FROM ({rule.by_hand('events')})"
    seconds, rows = timed(opened(database, None, None), sql, warm=True)
    return {"seconds": seconds, "keys": rows[0][0], "windows": int(rows[0][1])}
