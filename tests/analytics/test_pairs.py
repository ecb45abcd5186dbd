"""Units of the beacon score hold the connections that are theirs, whatever their number."""

from __future__ import annotations

import statistics

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from falselight.analytics import pairs
from falselight.analytics.pairs import Pairs, View
from falselight.store import connect

SECOND = 10**9


def load(rows: list[dict[str, object]]) -> duckdb.DuckDBPyConnection:
    connection = connect()
    kinds = {"host": pa.string(), "domain": pa.string(), "address": pa.string(), "process": pa.string(), "port": pa.int64(),
             "sent": pa.int64(), "received": pa.int64(), "time": pa.int64(), "outward": pa.bool_()}  # fmt: skip
    made = pa.table({name: pa.array([row[name] for row in rows], kind) for name, kind in kinds.items()})
    connection.register("made", made)
    connection.execute("CREATE TEMP TABLE connections AS SELECT * FROM made")
    return connection


def collected(connection: duckdb.DuckDBPyConnection) -> Pairs:
    found = pairs.collect(connection, 7.0, 3)
    assert found is not None
    return found


def drawn(most: int = 9_000_000_000) -> list[dict[str, object]]:
    """Connections of few hosts to few servers, some without a name, a process or bytes."""
    draw = np.random.default_rng(11)
    rows = []
    for _ in range(900):
        name, process, sent = int(draw.integers(0, 6)), int(draw.integers(0, 4)), int(draw.integers(-2, 5))
        rows.append({
            "host": f"h{draw.integers(0, 4)}", "domain": f"n{name}.example" if name else None,
            "address": f"192.0.2.{draw.integers(0, 3)}", "process": f"p{process}" if process else None, "port": 443,
            "sent": sent * (most // 4) if sent else None, "received": int(draw.integers(0, 900)),
            "time": int(draw.integers(0, 86_400)) * SECOND, "outward": bool(draw.random() < 0.9),
        })  # fmt: skip
    return rows


def belongs(row: dict[str, object], found: Pairs, k: int) -> bool:
    server = row["address"] if found.views[k] == View.ADDRESS else row["domain"] or row["address"]
    own = found.views[k] != View.PROCESS or row["process"] == found.processes[k]
    return bool(row["outward"] and row["host"] == found.hosts[k] and server == found.servers[k] and own)


@pytest.mark.parametrize("most", [900, 9_000_000_000])
def test_a_unit_holds_its_connections_and_their_bytes(most: int) -> None:
    rows = drawn(most)
    found = collected(load(rows))
    assert set(found.views.tolist()) == set(View)
    for k in range(len(found.hosts)):
        own = [row for row in rows if belongs(row, found, k)]
        times = found.times.values[found.times.starts[k] : found.times.starts[k + 1]]
        assert [found.low + 1000 * time for time in times.tolist()] == sorted(int(str(row["time"])) for row in own)
        for column, middle, spread in (("sent", "middle", "spread"), ("received", "answer", "answer_spread")):
            known = [int(str(row[column])) for row in own if row[column] is not None]
            known = [value for value in known if value >= 0]
            centre = statistics.median(known) if known else float("nan")
            assert found.facts[middle][k] == pytest.approx(centre, nan_ok=True)
            apart = statistics.median([int(abs(value - centre)) for value in known]) if known else float("nan")
            assert found.facts[spread][k] == pytest.approx(apart, nan_ok=True)


def test_values_are_worked_on_in_parts_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = collected(load(drawn()))
    monkeypatch.setattr(pairs, "VALUES_AT_ONCE", 7)
    parted = collected(load(drawn()))
    assert parted.times.values.tobytes() == whole.times.values.tobytes()
    assert {name: values.tobytes() for name, values in parted.facts.items()} == {
        name: values.tobytes() for name, values in whole.facts.items()
    }


def test_nothing_but_the_connections_stays_in_the_database() -> None:
    connection = load(drawn())
    collected(connection)
    assert connection.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("connections",)]
