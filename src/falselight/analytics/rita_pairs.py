"""RITA's unit of analysis over the connections relation: who is scored, in which window, from which connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np

from falselight.analytics import rita
from falselight.analytics.connections import NAME
from falselight.analytics.series import Series, group
from falselight.store import quoted

DAY = 86_400
SECOND = 1_000_000_000


@dataclass(frozen=True)
class Pair:
    """One scored pair: the source's address, the server's name or address, and RITA's figures."""

    source: str
    server: str
    named: bool
    events: int
    beacon: float
    final: float
    timestamp: float
    size: float
    duration: float
    histogram: float
    prevalence: float


@dataclass(frozen=True)
class Report:
    """Pairs in descending score; the window in epoch seconds."""

    low: int
    high: int
    pairs: list[Pair]


def score(
    connection: duckdb.DuckDBPyConnection, name: str = NAME, *, use_prevalence: bool = True, until: int | None = None
) -> Report:
    """RITA's beacons of the newest 24 hours (before ``until``, epoch seconds). ``use_prevalence`` applies the shipped
    configuration's ± 0.15."""
    table = quoted(name)
    before = "" if until is None else f" AND time < {int(until) * SECOND}"
    mask = f"inward AND outward AND source IS NOT NULL AND NOT again{before}"
    kept = f"(SELECT *, time // {SECOND} AS second FROM {table} WHERE {mask})"
    bounds = connection.execute(f"SELECT min(second), max(second), count(DISTINCT source) FROM {kept}").fetchone()
    if bounds is None or bounds[0] is None:
        return Report(0, 0, [])
    high = int(bounds[1])
    low = max(int(bounds[0]), high - DAY)
    cutoff = low - low % 3600
    keys = _keys(connection, kept, cutoff)
    columns = connection.execute(
        "SELECT pair, second, coalesce(sent, 0) AS sent FROM rita_rows ORDER BY pair, second, sent"
    ).fetchnumpy()
    owners = columns["pair"].astype(np.int64)
    count = len(keys)
    times = group(owners, columns["second"].astype(np.int64), count)
    sizes = Series(columns["sent"].astype(np.float64), times.starts)
    found = rita.score(times, sizes, low, high)
    prevalence = np.array([key[4] for key in keys], dtype=np.float64) / max(int(bounds[2]), 1)
    finals = rita.final(found.beacon, prevalence if use_prevalence else None)
    lengths = times.lengths
    pairs = [
        Pair(
            str(keys[k][1]), str(keys[k][2]), bool(keys[k][3]), int(lengths[k]), float(found.beacon[k]), float(finals[k]),
            float(found.timestamp[k]), float(found.size[k]), float(found.duration[k]), float(found.histogram[k]),
            float(prevalence[k]),
        )
        for k in np.flatnonzero(~np.isnan(found.beacon))
    ]  # fmt: skip
    pairs.sort(key=lambda pair: (-pair.final, -pair.beacon, pair.source, pair.server))
    return Report(low, high, pairs)


def _keys(connection: duckdb.DuckDBPyConnection, kept: str, cutoff: int) -> list[tuple[Any, ...]]:
    """Numbers the pairs and puts their connections into ``rita_rows``; a name takes precedence over its address."""
    connection.execute(f"""
    CREATE OR REPLACE TEMP TABLE rita_pairs AS
    SELECT row_number() OVER (ORDER BY source, server, named) - 1 AS pair, source, server, named,
      count(*) OVER (PARTITION BY server, named) AS hosts
    FROM (SELECT DISTINCT source, coalesce(name, address) AS server, name IS NOT NULL AS named
          FROM {kept} WHERE second >= {cutoff} AND coalesce(name, address) IS NOT NULL)
    """)
    connection.execute(f"""
    CREATE OR REPLACE TEMP TABLE rita_rows AS
    SELECT p.pair, k.second, k.sent FROM {kept} k JOIN rita_pairs p
      ON p.source = k.source AND p.server = coalesce(k.name, k.address) AND p.named = (k.name IS NOT NULL)
    WHERE k.second >= {cutoff}
    """)
    return connection.execute("SELECT pair, source, server, named, hosts FROM rita_pairs ORDER BY pair").fetchall()
