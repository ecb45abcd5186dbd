"""Rows leave the engine some at a time."""

from __future__ import annotations

import pytest

from falselight.diagnostics import EqlError
from falselight.ecs import release
from falselight.engines import duckdb as engine
from falselight.store import EventTable, connect

MANY = "SELECT range AS number FROM range(100000)"


def table() -> EventTable:
    return EventTable(connect(), release.schema())


def test_rows_come_in_order() -> None:
    assert [number for (number,) in engine.rows(table(), MANY)] == list(range(100_000))


def test_who_stops_early_leaves_the_connection_free() -> None:
    events = table()
    found = engine.rows(events, MANY)
    assert next(found) == (0,)
    found.close()
    assert events.connection.execute("SELECT 5").fetchall() == [(5,)]


def test_what_fails_on_the_way_is_told() -> None:
    found = engine.rows(table(), "SELECT CASE WHEN range = 90000 THEN error('gone') ELSE range END FROM range(100000)")
    with pytest.raises(EqlError, match="gone"):
        list(found)
