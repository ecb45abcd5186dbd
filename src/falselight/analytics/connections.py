"""Event table in, one relation of connection starts out: who opened what, to which server, when.

One row is one connection (Zeek uid, Suricata flow id) or one record of a source without such ids, for each name that was
asked for in it: a proxy connection that carries three hosts gives three rows with one ``session``. Columns:

| column | meaning |
|---|---|
| host | host.name, else the source's address |
| source, address | addresses as text; null where the source does not know |
| domain | server name without port and final dot, lower case: SNI, HTTP Host or CONNECT, destination.domain |
| name | the same as the record has it |
| process, port, transport, protocol | as in ECS, port BIGINT |
| sent, received | bytes from the source and to it, BIGINT |
| duration | nanoseconds, BIGINT |
| time | start, epoch nanoseconds, BIGINT |
| session | the sensor's id of the connection |
| proxied | it went to a proxy (CONNECT, a proxy's log, an inner address that serves many domains), whose ``address`` it is |
| inward, outward | source is internal; the server is external (for a proxied request: always) |
| queried | no connection but a lookup: ``domain`` is the registered domain, which this host never called by name |
| again | no connection but a further request for this name within one: an open connection's own activity |
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from falselight.analytics import flows, signers
from falselight.analytics.domains import public, registered
from falselight.analytics.networks import INTERNAL, NEVER, Network, inside, parse
from falselight.ecs.schema import DATE_TYPES
from falselight.expressions import Expressions
from falselight.store import EventTable, quoted

NAME = "connections"
# Servers that were asked for names of so many registered domains: they resolve for others, whoever runs them.
RESOLVERS, _RESOLVED_DOMAINS = "resolvers", 5
# The sensor's id of a connection. community_id is none: it repeats when a port is used again.
_SESSIONS = ("zeek.session_id", "suricata.eve.flow_id")
_NAMES = ("tls.client.server_name", "zeek.ssl.server.name", "suricata.eve.tls.sni", "url.domain", "destination.domain")
# Requests at one inner address and port for so many registered domains: it is a proxy.
_PROXY_DOMAINS = 5
_INNER = "^(10|127|192[.]168|172[.](1[6-9]|2[0-9]|3[01]))[.][0-9.]+$"
# Devices whose records name the process that logs, which is none of the host's.
_LOGGERS = ("cisco", "pfsense")
# Start and end of one connection tell its start in whole seconds each, and so differ by so many nanoseconds at most.
_TOGETHER = 2_000_000_000
# Records of sessions, until they are joined; those without are the connections from the first.
_RECORDS = "connection_records"
_ONLY_RECORDS = ("source_port", "ended", "until", "flow", "request", "named")
_OUTWARD = "(coalesce(outward, FALSE) OR (proxied AND domain LIKE '%_._%' AND NOT regexp_matches(domain, ?)))"
# What a reading must bring: all that ``build`` looks at.
WANTED = frozenset({
    "@timestamp", "host.name", "source.ip", "destination.ip", "destination.port", "process.executable", "process.name",
    "network.transport", "network.protocol", "source.bytes", "destination.bytes", "event.duration", "event.start", "event.end",
    "event.type", "event.action", "event.module", "http.request.method", "dns.question.name", "dns.type", "source.port",
    "network.direction", *_SESSIONS, *_NAMES, *signers.WANTED,
})  # fmt: skip


@dataclass(frozen=True)
class Scope:
    """Which networks are ours. ``external`` overrides ``internal``; ``never`` are left out as either end."""

    internal: tuple[Network, ...] = field(default_factory=lambda: parse(INTERNAL))
    external: tuple[Network, ...] = ()
    never: tuple[Network, ...] = field(default_factory=lambda: parse(NEVER))

    def is_internal(self, expression: str) -> str:
        """SQL condition over the 16 bytes of an address: not null unless they are."""
        own = inside(expression, self.internal)
        return f"({own} AND NOT {inside(expression, self.external)})" if self.external else own


def build(events: EventTable, scope: Scope | None = None, name: str = NAME) -> int:
    """Makes the temporary tables ``name`` of connections, ``signers`` and ``RESOLVERS`` in the event table's database; gives the
    number of connections.

    A table without source or destination fields gives an empty relation."""
    reader = _Columns(events)
    scope = scope or Scope()
    connection = events.connection
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {quoted(name)} AS {_records(reader, scope, sessions=False)}")
    any_session = any(reader.filled(each) for each in _SESSIONS)
    records = _records(reader, scope, sessions=True) if any_session else f"FROM {quoted(name)} LIMIT 0"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {_RECORDS} AS {records}")
    _told_twice(connection, quoted(name))
    _turned_round(connection)
    flows.join_parts(connection, quoted(name))
    _through_proxies(connection, quoted(name))
    for column in _ONLY_RECORDS:
        connection.execute(f"ALTER TABLE {quoted(name)} DROP COLUMN {column}")
    _join_sessions(connection, quoted(name))
    _leave_outsiders(connection, name)
    _add_lookups(connection, reader, scope, name)
    signers.build(events)
    found = connection.execute(f"SELECT count(*) FROM {quoted(name)}").fetchone()
    return int(found[0]) if found else 0


def _leave_outsiders(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Where hosts have public addresses, who calls them is no host of ours: a source that calls nothing but addresses which
    themselves call more servers than it does. Hosts that are told by name are ours."""
    connection.execute(f"""
    UPDATE {quoted(name)} SET outward = FALSE WHERE outward AND NOT inward AND NOT proxied AND host = source AND source IN (
      WITH calls AS (SELECT DISTINCT source, address FROM {quoted(name)}
          WHERE outward AND NOT inward AND NOT proxied AND host = source AND address IS NOT NULL),
        spread AS (SELECT source, count(*) AS servers FROM calls GROUP BY source)
      SELECT calls.source FROM calls JOIN spread AS own ON own.source = calls.source
        LEFT JOIN spread AS theirs ON theirs.source = calls.address
      GROUP BY calls.source HAVING bool_and(coalesce(theirs.servers > own.servers, FALSE)))
    """)


def _join_sessions(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Adds each session of the records, once for each name that it asked for, and its further requests."""
    connection.execute(
        f"""
    INSERT INTO {name} BY NAME
    WITH sessions AS (
      SELECT session, min(host) AS host, min(source) AS source, min(address) AS address, min(process) AS process,
        min(port) AS port, min(transport) AS transport, min(protocol) AS protocol, max(sent) AS sent,
        max(received) AS received, max(duration) AS duration, coalesce(min(time) FILTER (NOT named), min(time)) AS time,
        bool_or(proxied) AS proxied, bool_or(inward) AS inward, bool_or(outward) AS outward
      FROM {_RECORDS} GROUP BY session),
    names AS (SELECT DISTINCT session, name, domain FROM {_RECORDS} WHERE domain IS NOT NULL)
    SELECT host, source, address, domain, name, process, port, transport, protocol, sent, received, duration, time,
      s.session AS session, proxied, inward, {_OUTWARD} AS outward, FALSE AS queried, FALSE AS again
    FROM sessions s LEFT JOIN names n ON s.session = n.session
    UNION ALL
    SELECT host, source, address, domain, name, process, port, transport, protocol, NULL, NULL, NULL, time,
      session, proxied, inward, {_OUTWARD}, FALSE, TRUE
    FROM {_RECORDS} WHERE request AND domain IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY session, domain ORDER BY time, name) > 1
    """,
        [_INNER, _INNER],
    )
    connection.execute(f"DROP TABLE {_RECORDS}")


def _told_twice(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Firewalls log a connection at its start and at its end: where both are there, the end stays, which has its sums."""
    connection.execute(f"""
    DELETE FROM {name} WHERE rowid IN (
      SELECT b.rowid FROM {name} b JOIN {name} e ON e.ended AND NOT b.ended
        AND b.source = e.source AND b.source_port = e.source_port
        AND b.address = e.address AND b.port = e.port AND abs(b.time - e.time) <= {_TOGETHER})
    """)


def _turned_round(connection: duckdb.DuckDBPyConnection) -> None:
    """Of a connection's records some name the server as their source, as Suricata's of what comes back: they take the ends of
    the record that has sums, else of one that has a name."""
    connection.execute(f"""
    UPDATE {_RECORDS} SET host = own.host, source = own.source, address = own.address, port = own.port,
      inward = own.inward, outward = own.outward
    FROM (SELECT session, min({{'sums': duration IS NULL, 'named': NOT named, 'time': time, 'host': host, 'source': source,
        'address': address, 'port': port, 'inward': inward, 'outward': outward}}) AS own
      FROM {_RECORDS} WHERE session IN (
        SELECT session FROM {_RECORDS} GROUP BY session HAVING min(address) < max(address))
      GROUP BY session) AS first
    WHERE {_RECORDS}.session = first.session AND {_RECORDS}.address = own.source
    """)


def _through_proxies(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Marks requests to inner addresses that serve many registered domains, or any CONNECT; what goes through a proxy goes
    outward."""
    candidates = connection.execute(f"""
    SELECT address, port, domain, bool_or(proxied) FROM (FROM {name} UNION ALL FROM {_RECORDS})
    WHERE request AND NOT outward AND domain IS NOT NULL AND address IS NOT NULL GROUP BY ALL
    """).fetchall()
    served: dict[tuple[str, int | None], set[str]] = {}
    proxies = {(address, port) for address, port, _, proxied in candidates if proxied}
    for address, port, domain, _ in candidates:
        served.setdefault((address, port), set()).add(registered(domain))
    proxies |= {place for place, domains in served.items() if len(domains) >= _PROXY_DOMAINS}
    for address, port in sorted(proxies, key=str):
        for table in (name, _RECORDS):
            connection.execute(
                f"UPDATE {table} SET proxied = TRUE "
                "WHERE request AND address = ? AND port IS NOT DISTINCT FROM ? AND domain IS NOT NULL", [address, port]
            )  # fmt: skip
    connection.execute(
        f"UPDATE {name} SET outward = {_OUTWARD} WHERE outward IS DISTINCT FROM {_OUTWARD}", [_INNER] * 2
    )


def _add_lookups(connection: duckdb.DuckDBPyConnection, read: _Columns, scope: Scope, name: str) -> None:
    """A row for each lookup of a registered domain that its host never called by name. Zeek and captures have one record for
    question and answer; others write an answer as a record of its own, which counts once with its question."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {RESOLVERS} (address VARCHAR)")
    if read.filled("dns.question.name") is None:
        return
    source = read.bytes("source.ip")
    connection.execute(f"""
    CREATE OR REPLACE TEMP TABLE connection_lookups AS
    SELECT coalesce({read.text("host.name")}, {read.text("source.ip")}) AS host, {read.text("source.ip")} AS source,
      {read.text("destination.ip")} AS asked, lower(rtrim({read.text("dns.question.name")}, '.')) AS question,
      {read.text("process.executable", "process.name")}
      AS process, _time AS time, {scope.is_internal(source)} AS inward
    FROM {read.table} WHERE {read.text("dns.question.name")} IS NOT NULL AND _time IS NOT NULL
      AND ({read.text("dns.type")} IS DISTINCT FROM 'answer' OR {read.text("event.module")} IN ('zeek', 'pcap'))
    """)
    questions = [row[0] for row in connection.execute("SELECT DISTINCT question FROM connection_lookups").fetchall()]
    called = connection.execute(f"SELECT DISTINCT host, domain FROM {quoted(name)} WHERE domain IS NOT NULL").fetchall()
    owned = [(question, domain) for question in questions if (domain := public(question)) is not None]
    with _shown(connection, "lookup_domains", ("question", "domain"), owned):
        connection.execute(f"""CREATE OR REPLACE TEMP TABLE {RESOLVERS} AS SELECT asked AS address
          FROM connection_lookups JOIN lookup_domains USING (question) WHERE asked IS NOT NULL
          GROUP BY asked HAVING count(DISTINCT domain) >= {_RESOLVED_DOMAINS}""")
        with _shown(connection, "called_domains", ("host", "domain"), sorted({(h, registered(d)) for h, d in called})):
            connection.execute(f"""
            INSERT INTO {quoted(name)} BY NAME
            SELECT l.host, l.source, q.domain, q.domain AS name, l.process, 'dns' AS protocol, l.time, FALSE AS proxied, l.inward,
              FALSE AS outward, TRUE AS queried, FALSE AS again
            FROM connection_lookups l JOIN lookup_domains q USING (question)
              ANTI JOIN called_domains c ON c.host = l.host AND c.domain = q.domain
            WHERE l.host IS NOT NULL
            """)
    connection.execute("DROP TABLE connection_lookups")


@contextmanager
def _shown(
    connection: duckdb.DuckDBPyConnection, name: str, columns: tuple[str, str], rows: list[tuple[str, str]]
) -> Iterator[None]:
    made = pa.table({column: pa.array([row[at] for row in rows], pa.string()) for at, column in enumerate(columns)})
    connection.register(name, made)
    try:
        yield
    finally:
        connection.unregister(name)


def _records(read: _Columns, scope: Scope, sessions: bool) -> str:
    """One row per record that tells of a connection, with or without a session: not DNS answers, not mere ends of connections."""
    raw = read.text(*_NAMES)
    source, destination = read.bytes("source.ip"), read.bytes("destination.ip")
    never = f"coalesce({inside(source, scope.never)}, FALSE) OR coalesce({inside(destination, scope.never)}, FALSE)"
    # Cisco's messages name the outer end first, whoever opened the connection; who did is in their direction.
    turned = f"""coalesce({read.text("event.module")} = 'cisco' AND {read.text("network.direction")} = 'outbound'
      AND NOT {scope.is_internal(source)} AND {scope.is_internal(destination)}, FALSE)"""

    def end(near: str, far: str) -> str:
        return f"CASE WHEN {turned} THEN {far} ELSE {near} END"

    address, opener = read.text("destination.ip"), read.text("source.ip")
    session = " AND ".join(f"{read.text(name)} IS NULL" for name in _SESSIONS)
    left, right = (f"CAST({read.number(name)} AS BIGINT)" for name in ("source.port", "destination.port"))
    sent, received = (f"CAST({read.number(name)} AS BIGINT)" for name in ("source.bytes", "destination.bytes"))
    return f"""
    SELECT *, coalesce(name IS NOT NULL OR request, FALSE) AS named,
      nullif(lower(rtrim(regexp_replace(name, ':[0-9]{{1,5}}$', ''), '.')), '') AS domain
    FROM (SELECT coalesce({read.text("host.name")}, {end(opener, address)}) AS host, {end(opener, address)} AS source,
      {end(address, opener)} AS address, {raw} AS name,
      CASE WHEN {read.text("event.module")} IN {_LOGGERS} THEN NULL
        ELSE coalesce({read.text("process.executable", "process.name")}) END AS process,
      {end(right, left)} AS port, {end(left, right)} AS source_port, {read.text("network.transport")} AS transport,
      {read.text("network.protocol")} AS protocol, {end(sent, received)} AS sent, {end(received, sent)} AS received,
      CAST({read.number("event.duration")} AS BIGINT) AS duration, {read.start()} AS time,
      {read.text(*_SESSIONS)} AS session, {read.ends()} AS ended, {read.until()} AS until,
      coalesce({read.text("event.module")} IN {flows.MODULES}, FALSE) AS flow,
      coalesce(upper({read.text("http.request.method")}) = 'CONNECT', FALSE)
        OR ({raw} IS NOT NULL AND {address} IS NULL)
        OR coalesce({read.text("event.module")} = 'squid', FALSE) AS proxied,
      {read.text("http.request.method")} IS NOT NULL AS request,
      {turned} OR {scope.is_internal(source)} AS inward, {turned} OR NOT {scope.is_internal(destination)} AS outward,
      FALSE AS queried, FALSE AS again
    FROM {read.table}
    WHERE {"NOT " if sessions else ""}({session}) AND ({address} IS NOT NULL OR {raw} IS NOT NULL)
      AND {read.text("dns.question.name")} IS NULL AND NOT ({read.only_ends()}) AND NOT ({never}))
    WHERE host IS NOT NULL AND time IS NOT NULL
    """


class _Columns(Expressions):
    """What only connections ask for."""

    def start(self) -> str:
        """Epoch nanoseconds: a flow record is written at its end and has event.start."""
        return self._date("event.start")

    def until(self) -> str:
        """Epoch nanoseconds of the end, as far as it is told."""
        lasted = f"CAST({self.start()} AS HUGEINT) + coalesce({self.number('event.duration')}, 0)"
        return f"greatest({self._date('event.end')}, {lasted})"

    def _date(self, name: str) -> str:
        """A date in epoch nanoseconds, else the event's time."""
        entry = self.filled(name, DATE_TYPES)
        if entry is None:
            return "_time"
        factor = 1 if entry.type == "date_nanos" else 1_000_000
        value = f"CAST({self.first(entry)} AS HUGEINT) * {factor}"
        return f"coalesce(TRY_CAST({value} AS BIGINT), _time)"

    def ends(self) -> str:
        """Whether event.type tells of an end and of no start."""
        values = self.all("event.type")
        return f"coalesce(list_contains({values}, 'end') AND NOT list_contains({values}, 'start'), FALSE)"

    def only_ends(self) -> str:
        """Endpoint sensors and Azure tell of the end of a connection apart from its start; flow sensors write one record."""
        own = [self.text(name) + " IS NULL" for name in (*_SESSIONS, "event.start")]
        further = f"coalesce({self.text('event.action')} IN ('disconnect_received', 'flow-continued'), FALSE)"
        return f"({self.ends()} AND {' AND '.join(own)}) OR {further}"


def rows(events: EventTable, columns: Sequence[str], name: str = NAME) -> list[tuple[object, ...]]:
    """The relation's rows with these columns, in the order of time, host, server."""
    chosen = ", ".join(quoted(each) for each in columns)
    found = events.connection.execute(
        f"SELECT {chosen} FROM {quoted(name)} ORDER BY time, host, address, domain, session"
    )
    return [tuple(row) for row in found.fetchall()]
