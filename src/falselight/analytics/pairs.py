"""The connections relation as numbered (host, server) pairs with what the score needs to know of each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from publicsuffixlist import PublicSuffixList

from falselight.analytics.connections import NAME
from falselight.analytics.series import Floats, Ints, Mask, Series, group
from falselight.store import quoted

DAY = 86_400 * 10**9
_FACTS = ("first", "begin", "last", "events", "hours", "days", "port", "hosts", "process_hosts", "process_servers", "named",
          "past_days", "middle", "spread")  # fmt: skip


@dataclass(frozen=True)
class Pairs:
    """Pairs in the order of host and server. ``facts`` by name, one value per pair (nan where unknown): first, begin and
    last in ns (ever, in the window, in the window), events, active hours and days in the window, port, hosts of the
    server, hosts and servers of the process, named, days of activity before the window, median and MAD of bytes sent.
    ``times`` are the connections' starts in the window, microseconds from ``low``."""

    hosts: NDArray[Any]
    servers: NDArray[Any]
    processes: NDArray[Any]
    addresses: NDArray[Any]
    facts: dict[str, Floats]
    domain_hosts: Ints
    times: Series
    low: int
    high: int
    oldest: int
    network: int

    def known(self, name: str) -> Mask:
        mask: Mask = ~np.isnan(self.facts[name])
        return mask


def collect(connection: duckdb.DuckDBPyConnection, window_days: float, least: int, name: str = NAME) -> Pairs | None:
    """The pairs with at least ``least`` connections in the newest ``window_days``; None if there is none. Only outward
    connections count, and a server is its name, or its address where it has none."""
    table = quoted(name)
    bounds = connection.execute(f"SELECT min(time), max(time) FROM {table} WHERE outward").fetchone()
    if bounds is None or bounds[0] is None:
        return None
    oldest, high = int(bounds[0]), int(bounds[1])
    low = max(oldest, high - int(window_days * DAY))
    _tables(connection, table, low, least)
    # A source that calls one server only (a scanner of ours, say) does not make the network larger.
    members = connection.execute(
        "SELECT count(*) FROM (SELECT host FROM beacon_ends GROUP BY host HAVING count(DISTINCT server) > 1)"
    ).fetchone()
    network = max(int(members[0]) if members else 0, 1)
    found = connection.execute("SELECT * FROM beacon_pairs ORDER BY pair").fetchnumpy()
    count = len(found["pair"])
    if not count:
        return None
    starts = connection.execute("SELECT pair, micro FROM beacon_starts ORDER BY pair, micro").fetchnumpy()
    times = group(starts["pair"].astype(np.int64), starts["micro"].astype(np.int64), count)
    facts = {key: _floats(found[key]) for key in _FACTS}
    return Pairs(
        found["host"], found["server"], _texts(found["process"]), _texts(found["address"]), facts,
        _domain_hosts(connection), times, low, high, oldest, network,
    )  # fmt: skip


def _tables(connection: duckdb.DuckDBPyConnection, table: str, low: int, least: int) -> None:
    connection.execute(f"""
    CREATE OR REPLACE TEMP TABLE beacon_ends AS
    SELECT host, coalesce(domain, address) AS server, min(time) AS first, min(time) FILTER (time >= {low}) AS begin,
      max(time) AS last, count(*) FILTER (time >= {low}) AS events,
      count(DISTINCT time // {DAY // 24}) FILTER (time >= {low}) AS hours,
      count(DISTINCT time // {DAY}) FILTER (time >= {low}) AS days,
      count(DISTINCT time // {DAY}) FILTER (time < {low}) AS past_days, min(port) AS port,
      min(process) AS process, min(address) AS address, bool_or(domain IS NOT NULL) AS named
    FROM {table} WHERE outward AND coalesce(domain, address) IS NOT NULL GROUP BY ALL
    """)
    connection.execute("""
    CREATE OR REPLACE TEMP TABLE beacon_processes AS
    SELECT process, count(DISTINCT host) AS process_hosts, count(DISTINCT server) AS process_servers
    FROM beacon_ends WHERE process IS NOT NULL GROUP BY process
    """)
    connection.execute(f"""
    CREATE OR REPLACE TEMP TABLE beacon_pairs AS
    SELECT row_number() OVER (ORDER BY e.host, e.server) - 1 AS pair, e.*, h.hosts, p.process_hosts, p.process_servers,
      CAST(NULL AS DOUBLE) AS middle, CAST(NULL AS DOUBLE) AS spread
    FROM beacon_ends e
      JOIN (SELECT server, count(*) AS hosts FROM beacon_ends GROUP BY server) h USING (server)
      LEFT JOIN beacon_processes p ON p.process = e.process
    WHERE e.events >= {int(least)}
    """)
    connection.execute(f"""
    CREATE OR REPLACE TEMP TABLE beacon_starts AS
    SELECT p.pair, (c.time - {low}) // 1000 AS micro, c.sent FROM {table} c
      JOIN beacon_pairs p ON p.host = c.host AND p.server = coalesce(c.domain, c.address)
    WHERE c.outward AND c.time >= {low}
    """)
    connection.execute("""
    UPDATE beacon_pairs SET middle = s.middle, spread = s.spread
    FROM (SELECT pair, median(sent) AS middle, mad(sent) AS spread FROM beacon_starts GROUP BY pair) s
    WHERE s.pair = beacon_pairs.pair
    """)


def _domain_hosts(connection: duckdb.DuckDBPyConnection) -> Ints:
    """Hosts that contacted the registered domain of each pair's server (its address where it has no name)."""
    rows = connection.execute(
        "SELECT DISTINCT server, named FROM beacon_ends WHERE server IN (SELECT server FROM beacon_pairs) OR named"
    ).fetchall()
    found = [(server, registered(server) if named else server) for server, named in rows]
    connection.register(
        "beacon_registered", pa.table({"server": [a for a, _ in found], "registered": [b for _, b in found]})
    )
    try:
        result = connection.execute("""
        WITH counted AS (SELECT registered, count(DISTINCT host) AS hosts
          FROM beacon_ends JOIN beacon_registered USING (server) GROUP BY registered)
        SELECT max(c.hosts) AS hosts FROM beacon_pairs p JOIN beacon_registered r USING (server)
          JOIN counted c USING (registered) GROUP BY p.pair ORDER BY p.pair
        """).fetchnumpy()
    finally:
        connection.unregister("beacon_registered")
    hosts: Ints = result["hosts"].astype(np.int64)
    return hosts


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def registered(name: str) -> str:
    """The registered domain of a name by the public suffix list; the name itself where it has none."""
    return _suffixes().privatesuffix(name) or name


def _floats(values: Any) -> Floats:
    if isinstance(values, np.ma.MaskedArray):
        return np.asarray(np.ma.filled(values.astype(np.float64), np.nan))
    return np.asarray(values, dtype=np.float64)


def _texts(values: Any) -> NDArray[Any]:
    return np.ma.filled(values, None) if isinstance(values, np.ma.MaskedArray) else values
