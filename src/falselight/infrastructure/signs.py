"""The event table → the relations that staging servers and uploads are read from.

| relation | columns |
|---|---|
| met | host, server, domain, address, named, port, process, first, last, times, sent, received, largest, measured |
| callers | host, process, first |
| fetched | host, server, executable, extension |
| users | domain, program (its file's name), hosts |
| started | host, process, first, hosts |
| sent_days | host, domain, day, sent, received, times, named, port, process, server, address, first, last |

``domain`` is the registered domain of a server, or its address; ``largest`` the most that one connection received; ``measured``
whether bytes are known. Times are epoch nanoseconds. Needs the relation ``connections``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pyarrow as pa

from falselight.analytics.domains import registered
from falselight.expressions import Expressions
from falselight.infrastructure.parameters import parameters
from falselight.store import EventTable

# Fields that tell the type of what an answer brought.
_TYPES = (
    "zeek.http.resp_mime_types",
    "http.response.mime_type",
    "suricata.eve.http.http_content_type",
    "file.mime_type",
)
DAY = 86_400_000_000_000
WANTED = frozenset({
    "@timestamp", "host.name", "source.ip", "destination.ip", "url.domain", "destination.domain", "tls.client.server_name",
    "url.path", "url.original", "url.extension", "event.category", "event.type", "process.executable", *_TYPES,
})  # fmt: skip
# What of the connections counts: calls outward, but lookups, clocks and announcements, which bring and take nothing.
_OWN = (
    "outward AND NOT queried AND NOT again AND coalesce(domain, address) IS NOT NULL "
    "AND coalesce(port NOT IN (53, 123, 137, 138, 1900, 5353, 5355), TRUE)"
)
# A request may name its server by the address alone.
_NAMED = "coalesce(NOT regexp_matches(domain, '^[0-9.]+$|:'), FALSE)"
# How many hosts there are; a source that meets one server only (a scanner of ours, say) does not make the network larger.
NETWORK = """SELECT greatest(count(*), 1) AS hosts FROM (SELECT host FROM met GROUP BY host HAVING min(domain) <> max(domain))"""


def told(connection: duckdb.DuckDBPyConnection, sql: Callable[[float], str], risk: float) -> Iterator[dict[str, Any]]:
    """The rows, by column, of a statement that asks for the log-odds of a risk (in per cent) or more."""
    found = connection.execute(sql(math.log(risk / (100 - risk))))
    names = [column[0] for column in found.description or ()]
    return (dict(zip(names, row, strict=True)) for row in found.fetchall())


def build(table: EventTable) -> None:
    """Make all relations."""
    read = Expressions(table)
    connection = table.connection
    connection.execute(f"CREATE OR REPLACE TEMP TABLE fetched AS {_fetched(read)}")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE started AS {_started(read)}")
    of_connections(connection)


def of_connections(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the relations that need nothing but ``connections``; one pass over it, and one over its days."""
    connection.execute(f"""CREATE OR REPLACE TEMP TABLE calls AS
      SELECT host, coalesce(domain, address) AS server, {_NAMED} AS named, process, time // {DAY} AS day,
        min(CASE WHEN proxied THEN NULL ELSE address END) AS address, min(port) AS port,
        min(time) AS first, max(time) AS last, count(*) AS times, sum(sent)::BIGINT AS sent, sum(received)::BIGINT AS received,
        max(received) AS largest, count(coalesce(sent, received)) > 0 AS measured
      FROM connections WHERE {_OWN} GROUP BY ALL""")
    _register_domains(connection)
    process = "min({'time': first, 'process': process}) FILTER (process IS NOT NULL)"
    connection.execute(f"""CREATE OR REPLACE TEMP TABLE met AS
      SELECT host, server, domain, min(address) AS address, bool_or(named) AS named, min(port) AS port,
        {process}.process AS process, min(first) AS first, max(last) AS last, sum(times)::BIGINT AS times,
        sum(sent)::BIGINT AS sent, sum(received)::BIGINT AS received, max(largest) AS largest, bool_or(measured) AS measured
      FROM calls JOIN met_domains USING (server) GROUP BY ALL""")
    connection.execute("""CREATE OR REPLACE TEMP TABLE sent_days AS
      SELECT host, domain, day, sum(sent)::BIGINT AS sent, sum(received)::BIGINT AS received, sum(times)::BIGINT AS times,
        bool_or(named) AS named, max({'sent': coalesce(sent, 0), 'port': port}).port AS port,
        max({'sent': coalesce(sent, 0), 'process': process}) FILTER (process IS NOT NULL).process AS process,
        max({'sent': coalesce(sent, 0), 'server': server}).server AS server, min(address) AS address, min(first) AS first,
        max(last) AS last FROM calls JOIN met_domains USING (server) WHERE measured GROUP BY host, domain, day""")
    connection.execute("""CREATE OR REPLACE TEMP TABLE callers AS
      SELECT host, process, min(first) AS first FROM calls WHERE process IS NOT NULL GROUP BY ALL""")
    connection.execute("""CREATE OR REPLACE TEMP TABLE users AS
      SELECT domain, program, count(DISTINCT host) AS hosts FROM (
        SELECT DISTINCT host, domain, lower(regexp_extract(process, '[^/\\\\]*$')) AS program FROM calls JOIN met_domains
        USING (server) WHERE process IS NOT NULL) GROUP BY ALL""")
    connection.execute("DROP TABLE calls")


def _register_domains(connection: duckdb.DuckDBPyConnection) -> None:
    found = connection.execute("SELECT server, bool_or(named) FROM calls GROUP BY server ORDER BY server").fetchall()
    made = pa.table({
        "server": pa.array([server for server, _ in found], pa.string()),
        "domain": pa.array([registered(server) if named else server for server, named in found], pa.string()),
    })  # fmt: skip
    connection.register("incoming_domains", made)
    connection.execute("CREATE OR REPLACE TEMP TABLE met_domains AS SELECT * FROM incoming_domains")
    connection.unregister("incoming_domains")


def _fetched(read: Expressions) -> str:
    """Pairs whose requests brought a program or script, by the MIME type of the answer or the end of the path."""
    own = parameters()["staging"]
    types = _listed(own["types"])
    mime = " OR ".join(f"lower(string_split({read.text(field)}, ';')[1]) IN ({types})" for field in _TYPES)
    path = f"regexp_replace(coalesce({read.text('url.path')}, {read.text('url.original')}), '[?#].*$', '')"
    ending = (
        f"lower(coalesce({read.text('url.extension')}, regexp_extract({path}, '/[^/]*[.]([A-Za-z0-9]{{1,5}})$', 1)))"
    )
    name = (
        f"coalesce({read.text('tls.client.server_name')}, {read.text('url.domain')}, {read.text('destination.domain')})"
    )
    bare = f"nullif(lower(rtrim(regexp_replace({name}, ':[0-9]{{1,5}}$', ''), '.')), '')"
    return f"""SELECT host, server, bool_or(mime) AS executable, bool_or(ending) AS extension FROM (
      SELECT coalesce({read.text("host.name")}, {read.text("source.ip")}) AS host,
        coalesce({bare}, {read.text("destination.ip")}) AS server,
        coalesce({mime}, FALSE) AS mime, coalesce({ending} IN ({_listed(own["extensions"])}), FALSE) AS ending
      FROM {read.table}) WHERE (mime OR ending) AND host IS NOT NULL AND server IS NOT NULL GROUP BY ALL"""


def _started(read: Expressions) -> str:
    """Programs by their first start on each host, and on how many hosts they started."""
    return f"""SELECT host, process, min(time) AS first, count(*) OVER (PARTITION BY process) AS hosts FROM (
      SELECT {read.text("host.name")} AS host, lower({read.text("process.executable")}) AS process, _time AS time
      FROM {read.table} WHERE list_contains({read.all("event.category", "VARCHAR")}, 'process')
        AND list_contains({read.all("event.type", "VARCHAR")}, 'start'))
      WHERE host IS NOT NULL AND process IS NOT NULL AND time IS NOT NULL GROUP BY host, process"""


def _listed(values: list[str]) -> str:
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)


def ends(expression: str, endings: list[str]) -> str:
    """SQL condition: a path ends in one of these, whatever its case. Null is false."""
    parts = " OR ".join(f"ends_with(lower({expression}), '{ending}')" for ending in endings)
    return f"coalesce({parts}, FALSE)"


def lies_in(expression: str, folders: list[str]) -> str:
    """SQL condition: a path holds one of these folders. Null is false."""
    plain = f"lower(replace({expression}, '\\', '/'))"
    return "coalesce(" + " OR ".join(f"contains({plain}, '{folder}')" for folder in folders) + ", FALSE)"


def steps(expression: str, table: list[list[float]]) -> str:
    """SQL: the value of the last step whose bound (ascending) the expression reaches, else 0."""
    parts = " ".join(f"WHEN {expression} >= {bound} THEN {value}" for bound, value in reversed(table))
    return f"CASE {parts} ELSE 0.0 END"
