"""The connections relation as numbered units, and what the score needs to know of each.

A unit is a host with a server: a name over all its addresses (an address where there is no name), an address over all its
names, or one process's share of either where several processes call the same server."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from falselight.analytics import signers
from falselight.analytics.connections import NAME, RESOLVERS
from falselight.analytics.domains import registered
from falselight.analytics.series import Floats, Ints, Mask, Series, Sorted, median, texts
from falselight.analytics.signers import Signers
from falselight.store import quoted

_RELATIONS = ("beacon_groups", "beacon_ends", "beacon_domains", "beacon_past", "beacon_pairs")
HOUR = 3_600 * 10**9
DAY = 24 * HOUR
# Values that are worked on at once, so that what is made on the way stays small.
VALUES_AT_ONCE = 1 << 20
_FACTS = ("first", "quiet", "begin", "last", "events", "open", "held", "port", "hosts", "domain_hosts", "program_hosts",
          "process_hosts", "process_servers", "named", "naming", "resolver", "queried", "past_days")  # fmt: skip


class View(IntEnum):
    """What a unit's server is: its name or else address, an address with several names, or one process's calls."""

    SERVER = 0
    ADDRESS = 1
    PROCESS = 2


@dataclass(frozen=True)
class Pairs:
    """Units in the order of host, server, view and process. ``facts`` by name, one value a unit (nan where unknown): first,
    begin and last in ns (ever, in the window, in the window), ``quiet`` seconds from the host's first connection to the first
    that any host made to the server, events, ``open`` seconds of connections in the window, ``held`` those
    of the long ones, port,
    hosts of the server and of its registered domain, hosts on which this process calls that domain, hosts and servers of
    the process, named, naming (the share of the host's servers that have a name), resolver (asked for names of many domains),
    queried (known from lookups only), days of activity before the window; active hours and days in the window; median and MAD
    of bytes sent (middle, spread) and received (answer, answer_spread). ``times`` are the connections' starts in the window,
    microseconds from ``low``; ``domains`` numbers the registered domains;
    ``signers`` tell of the programs' signatures."""

    hosts: NDArray[Any]
    servers: NDArray[Any]
    views: Ints
    processes: NDArray[Any]
    addresses: NDArray[Any]
    facts: dict[str, Floats]
    domains: Ints
    times: Series
    low: int
    high: int
    oldest: int
    network: int
    signers: Signers

    @property
    def domain_hosts(self) -> Ints:
        return self.facts["domain_hosts"].astype(np.int64)

    def known(self, name: str) -> Mask:
        mask: Mask = ~np.isnan(self.facts[name])
        return mask


def collect(
    connection: duckdb.DuckDBPyConnection, window_days: float, least: int, name: str = NAME, long_hours: float = 1.0
) -> Pairs | None:
    """The units with at least ``least`` connections, or ``long_hours`` of open ones, in the newest ``window_days``; None if
    there is none. Only calls outward count."""
    table = quoted(name)
    _rows(connection, table)
    ((oldest, high),) = connection.execute("SELECT min(time), max(time) FROM beacon_rows").fetchall()
    if oldest is None:
        return None
    low = max(oldest, high - int(window_days * DAY))
    _groups(connection, low)
    _units(connection, least, long_hours)
    numbers = ", ".join(("view", "domain", *_FACTS))
    found = connection.execute(f"SELECT {numbers} FROM beacon_pairs ORDER BY pair").fetchnumpy()
    count = len(found["view"])
    if not count:
        return None
    # A source that calls one server only (a scanner of ours, say) does not make the network larger.
    ((members,),) = connection.execute(
        "SELECT count(*) FROM (SELECT host FROM beacon_ends GROUP BY host HAVING min(server) <> max(server))"
    ).fetchall()
    facts = {key: _floats(found[key]) for key in _FACTS}
    times, measured = _series(connection, count, low)
    named = connection.sql("SELECT host, server, process, address FROM beacon_pairs ORDER BY pair").to_arrow_table()
    hosts, servers, processes, addresses = map(texts, named.columns)
    made = Pairs(
        hosts, servers, found["view"].astype(np.int64), processes, addresses, facts | measured,
        found["domain"].astype(np.int64), times, low, high, oldest, max(members, 1), signers.collect(connection, count),
    )  # fmt: skip
    for table in _RELATIONS:
        connection.execute(f"DROP TABLE {table}")
    return made


def _rows(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """A lookup counts where its host never connected to the name's registered domain by name."""
    known = {row[0] for row in connection.execute(f"DESCRIBE {table}").fetchall()}
    optional = {name: name if name in known else f"CAST(NULL AS {kind})" for name, kind in _OPTIONAL.items()}
    chosen = ", ".join(f"{value} AS {name}" for name, value in optional.items())
    connection.execute(f"""
    CREATE OR REPLACE TEMP VIEW beacon_rows AS
    SELECT host, coalesce(domain, address) AS server, domain IS NOT NULL AS named, {chosen}, time,
      {"CASE WHEN proxied THEN NULL ELSE address END" if "proxied" in known else "address"} AS address
    FROM {table} WHERE {"(outward OR queried)" if "queried" in known else "outward"} AND coalesce(domain, address) IS NOT NULL
    """)


# Nanoseconds from which a connection is long: ten minutes, in which nothing else needs to be sent.
_LONG = 600 * 10**9
# An address that a request names in place of a name.
_LITERAL = "^[0-9]{1,3}([.][0-9]{1,3}){3}$|:"
_OPTIONAL = {"process": "VARCHAR", "port": "BIGINT", "sent": "BIGINT", "received": "BIGINT", "duration": "BIGINT",
             "queried": "BOOLEAN"}  # fmt: skip


def _groups(connection: duckdb.DuckDBPyConnection, low: int) -> None:
    """One pass over the connections; all else is counted from these groups."""
    connection.execute(f"""
    CREATE OR REPLACE TEMP TABLE beacon_groups AS
    SELECT host, server, address, process, min(time) AS first, min(time) FILTER (time >= {low}) AS begin, max(time) AS last,
      count(*) FILTER (time >= {low}) AS events, coalesce(sum(duration) FILTER (time >= {low}), 0) AS open,
      coalesce(sum(duration) FILTER (time >= {low} AND duration >= {_LONG}), 0) AS held,
      min(port) AS port, bool_or(named) AND NOT regexp_matches(server, '{_LITERAL}') AS named,
      bool_and(coalesce(queried, FALSE)) AS queried
    FROM beacon_rows GROUP BY host, server, address, process
    """)
    connection.execute("""
    CREATE OR REPLACE TEMP TABLE beacon_ends AS
    SELECT host, server, bool_or(named) AS named FROM beacon_groups GROUP BY ALL
    """)
    servers = connection.execute(
        "SELECT server, bool_or(named) FROM beacon_ends GROUP BY server ORDER BY server"
    ).fetchall()
    domains = [registered(server) if named else server for server, named in servers]
    numbers = {domain: number for number, domain in enumerate(dict.fromkeys(domains))}
    connection.register("beacon_registered", pa.table({
        "server": pa.array([server for server, _ in servers], pa.string()),
        "domain": pa.array([numbers[domain] for domain in domains], pa.int64()),
    }))  # fmt: skip
    connection.execute("CREATE OR REPLACE TEMP TABLE beacon_domains AS SELECT * FROM beacon_registered")
    connection.unregister("beacon_registered")
    connection.execute(f"""
    CREATE OR REPLACE TEMP TABLE beacon_past AS
    SELECT host, server, count(*) AS past_days
    FROM (SELECT DISTINCT host, server, time // {DAY} FROM beacon_rows WHERE time < {low}) GROUP BY ALL
    """)


_SUMS = """min(first) AS first, min(begin) AS begin, max(last) AS last, sum(events)::BIGINT AS events,
  sum(open) / 1e9 AS open, sum(held) / 1e9 AS held, min(port) AS port, bool_or(named) AS named, bool_and(queried) AS queried,
  max({'events': events, 'process': process}) FILTER (process IS NOT NULL) AS most"""


def _units(connection: duckdb.DuckDBPyConnection, least: int, long_hours: float) -> None:
    enough = f"events >= {int(least)} OR open >= {float(long_hours) * 3600}"
    known = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", [RESOLVERS]).fetchone()
    resolver = f"coalesce(u.address IN (FROM {RESOLVERS}), FALSE)" if known and known[0] else "FALSE"
    connection.execute(f"""
    CREATE OR REPLACE TEMP TABLE beacon_pairs AS
    WITH servers AS (
      SELECT host, server, 0 AS view, min(address) AS address, {_SUMS}, min(process) < max(process) AS mixed
      FROM beacon_groups GROUP BY host, server),
    addresses AS (
      SELECT host, address AS server, 1 AS view, address, {_SUMS}, FALSE AS mixed
      FROM beacon_groups WHERE address IS NOT NULL GROUP BY host, address HAVING min(server) < max(server)),
    programs AS (
      SELECT g.host, g.server, 2 AS view, min(g.address) AS address, {_SUMS}, FALSE AS mixed
      FROM beacon_groups g SEMI JOIN (SELECT * FROM servers WHERE mixed) s ON s.host = g.host AND s.server = g.server
      WHERE process IS NOT NULL GROUP BY g.host, g.server, g.process),
    units AS (SELECT *, most.process AS process FROM
      (FROM servers UNION ALL FROM addresses UNION ALL FROM programs) WHERE {enough}),
    by_server AS (SELECT server, count(DISTINCT host) AS hosts, min(first) AS sight FROM beacon_groups GROUP BY server),
    by_address AS (SELECT address AS server, count(DISTINCT host) AS hosts, min(first) AS sight FROM beacon_groups
      GROUP BY address),
    by_host AS (SELECT host, min(first) AS appeared FROM beacon_groups GROUP BY host),
    by_names AS (SELECT host, avg(named::INTEGER) AS naming FROM beacon_ends GROUP BY host),
    by_domain AS (SELECT domain, count(DISTINCT host) AS domain_hosts FROM beacon_ends JOIN beacon_domains USING (server)
      GROUP BY domain),
    by_program AS (SELECT domain, process, count(DISTINCT host) AS program_hosts
      FROM beacon_groups JOIN beacon_domains USING (server) GROUP BY ALL),
    by_process AS (SELECT process, count(DISTINCT host) AS process_hosts, count(DISTINCT server) AS process_servers
      FROM beacon_groups WHERE process IS NOT NULL GROUP BY process)
    SELECT row_number() OVER (ORDER BY u.host, u.server, u.view, u.process) - 1 AS pair, u.*,
      CASE WHEN view = 1 THEN a.hosts ELSE s.hosts END AS hosts,
      CASE WHEN view = 1 THEN a.hosts ELSE d.domain_hosts END AS domain_hosts,
      CASE WHEN view = 1 THEN NULL ELSE g.program_hosts END AS program_hosts, p.process_hosts, p.process_servers,
      n.naming, {resolver} AS resolver, greatest(CASE WHEN view = 1 THEN a.sight ELSE s.sight END - o.appeared, 0) / 1e9 AS quiet,
      coalesce(b.domain, -1) AS domain, coalesce(h.past_days, 0) AS past_days
    FROM units u LEFT JOIN by_server s USING (server) LEFT JOIN by_address a ON a.server = u.server
      LEFT JOIN beacon_domains b ON b.server = u.server LEFT JOIN by_domain d ON d.domain = b.domain
      LEFT JOIN by_host o ON o.host = u.host LEFT JOIN by_names n ON n.host = u.host
      LEFT JOIN by_program g ON g.domain = b.domain AND g.process = u.process
      LEFT JOIN by_process p ON p.process = u.process
      LEFT JOIN beacon_past h ON h.host = u.host AND h.server = u.server AND u.view <> 1
    """)


def _series(connection: duckdb.DuckDBPyConnection, count: int, low: int) -> tuple[Series, dict[str, Floats]]:
    bytes_ = ", ".join(f"CAST(CASE WHEN {name} >= 0 THEN {name} END AS {kind}) AS {name}"
                       for name, kind in _kinds(connection, low).items())  # fmt: skip
    connection.execute(f"""
    CREATE OR REPLACE TEMP TABLE beacon_starts AS
    WITH rows AS NOT MATERIALIZED (SELECT *, (time - {low}) // 1000 AS micro FROM beacon_rows WHERE time >= {low})
    SELECT CAST(pair AS UINTEGER) AS pair, micro, {bytes_} FROM (
      SELECT pair, micro, sent, received FROM rows r
        JOIN beacon_pairs p ON p.view = 0 AND p.host = r.host AND p.server = r.server
      UNION ALL SELECT pair, micro, sent, received FROM rows r
        JOIN beacon_pairs p ON p.view = 1 AND p.host = r.host AND p.server = r.address
      UNION ALL SELECT pair, micro, sent, received FROM rows r
        JOIN beacon_pairs p ON p.view = 2 AND p.host = r.host AND p.server = r.server AND p.process = r.process)
    """)
    middle, spread = _sizes(_fetched(connection, "sent", count))
    answer, answer_spread = _sizes(_fetched(connection, "received", count))
    times, offset = _fetched(connection, "micro", count), low // 1000
    connection.execute("DROP TABLE beacon_starts")
    return times, {
        "hours": _different(times, offset, HOUR // 1000), "days": _different(times, offset, DAY // 1000), "middle": middle,
        "spread": spread, "answer": answer, "answer_spread": answer_spread,
    }  # fmt: skip


def _kinds(connection: duckdb.DuckDBPyConnection, low: int) -> dict[str, str]:
    """The narrowest types that hold the bytes: of ten million connections that saves what would be spilled."""
    largest = f"SELECT coalesce(max(sent), 0), coalesce(max(received), 0) FROM beacon_rows WHERE time >= {low}"
    ((sent, received),) = connection.execute(largest).fetchall()
    return {name: "UINTEGER" if most < 1 << 32 else "BIGINT" for name, most in (("sent", sent), ("received", received))}


def _fetched(connection: duckdb.DuckDBPyConnection, column: str, count: int) -> Series:
    """The known values of a column, ascending for each unit: unit and value leave the database as one integer."""
    ((largest, held),) = connection.execute(
        f"SELECT coalesce(max({column}), 0), count({column}) FROM beacon_starts"
    ).fetchall()
    bits = max(int(largest), 1).bit_length()
    shift = max(bits + count.bit_length() - 62, 0)
    bits -= shift
    keys, filled = np.empty(held, dtype=np.int64), 0
    query = f"""SELECT (CAST(pair AS BIGINT) << {bits}) | (CAST({column} AS BIGINT) >> {shift}) AS key
      FROM beacon_starts WHERE {column} IS NOT NULL"""
    for batch in connection.sql(query).to_arrow_reader(VALUES_AT_ONCE):
        keys[filled : filled + batch.num_rows] = batch.column(0).to_numpy()
        filled += batch.num_rows
    keys.sort()
    starts = np.searchsorted(keys, np.arange(count + 1, dtype=np.int64) << bits).astype(np.int64)
    np.bitwise_and(keys, (1 << bits) - 1, out=keys)
    np.left_shift(keys, shift, out=keys)
    return Series(keys, starts)


def _sizes(found: Series) -> tuple[Floats, Floats]:
    """Median and median absolute deviation of each ascending series."""
    middle, spread = [], []
    for part in found.parts(VALUES_AT_ONCE):
        middle.append(median(part))
        apart = np.abs(part.values - np.repeat(np.nan_to_num(middle[-1]), part.lengths)).astype(np.int64)
        spread.append(Sorted.of(Series(apart, part.starts)).middle())
    return np.concatenate(middle), np.concatenate(spread)


def _different(times: Series, offset: int, unit: int) -> Floats:
    """How many different hours, or days, each series has."""
    return np.concatenate([_changes(part, offset, unit) for part in times.parts(VALUES_AT_ONCE)])


def _changes(times: Series, offset: int, unit: int) -> Floats:
    slots = (times.values + offset) // unit
    new = np.ones(len(slots), dtype=np.bool_)
    new[1:] = slots[1:] != slots[:-1]
    new[times.starts[:-1][times.lengths > 0]] = True
    return Series(new, times.starts).total().astype(np.float64)


def _floats(values: Any) -> Floats:
    if isinstance(values, np.ma.MaskedArray):
        return np.asarray(np.ma.filled(values.astype(np.float64), np.nan))
    return np.asarray(values, dtype=np.float64)
