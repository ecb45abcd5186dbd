"""``lookups`` → what each host did: failed lookups, groups of generated names, encrypted resolvers, direct connections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from falselight.analytics.networks import INTERNAL, NEVER, Network, bounds, inside, parse
from falselight.dns.measures import HOUR
from falselight.dns.parameters import parameters
from falselight.expressions import Expressions
from falselight.store import EventTable

MOST_SHOWN = 5


@dataclass(frozen=True)
class Host:
    """A host.

    ``generated`` of its ``domains`` look generated, ``failed_generated`` of the ``failed`` ones that do not exist. In the
    worst hour ``burst`` distinct domains failed, and ``burst_failures`` of ``burst_answers`` answers. ``direct`` of its
    ``public`` addresses no answer named; ``shown`` are some of these, with ports. ``enough`` is when as many generated names
    had been seen as make a group. Times are epoch nanoseconds."""

    host: str
    domains: int
    generated: int
    failed: int
    failed_generated: int
    times: int
    first: int | None
    last: int | None
    burst: int
    burst_answers: int
    burst_failures: int
    burst_hour: int | None
    resolvers: tuple[str, ...]
    resolved: int
    public: int
    direct: int
    shown: tuple[str, ...]
    enough: int | None


def reach(table: EventTable, internal: Sequence[Network] = (), external: Sequence[Network] = ()) -> None:
    """Make ``reached``: host, address, shown, direct: the public addresses a host connected to."""
    sql = _reached(Expressions(table), internal, external)
    table.connection.execute(f"CREATE OR REPLACE TEMP TABLE reached AS {sql}")


def hosts(table: EventTable) -> list[Host]:
    """All hosts that look names up, by name. Needs ``reach`` and ``measures.domains`` before it."""
    connection = table.connection
    own = parameters()["generated"]
    ratio, fewest = float(own["ratio"]), int(own["fewest"])
    connection.execute(f"CREATE OR REPLACE TEMP TABLE bursts AS {_BURSTS}")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE encrypted AS {_encrypted(Expressions(table))}")
    rows = connection.execute(
        f"""WITH pairs AS (SELECT host, domain, sum(failures) > 0 AND sum(failures) = sum(answers) AS failed,
          sum(times) AS times, min(first) AS first, max(last) AS last FROM lookups GROUP BY host, domain),
        plain AS (SELECT host, count(*) AS domains, count(*) FILTER (ratio > {ratio}) AS generated,
          count(*) FILTER (failed) AS failed, count(*) FILTER (failed AND ratio > {ratio}) AS failed_generated,
          sum(times) AS times, min(first) AS first, max(last) AS last,
          list(first ORDER BY first) FILTER (ratio > {ratio})[{fewest}] AS enough
          FROM pairs JOIN labelled USING (domain) GROUP BY host),
        answered AS (SELECT host, count(DISTINCT address) AS resolved FROM resolved GROUP BY host),
        straight AS (SELECT host, count(DISTINCT address) AS public, count(DISTINCT address) FILTER (direct) AS direct,
          list(DISTINCT shown ORDER BY shown) FILTER (direct) AS shown FROM reached GROUP BY host)
        SELECT host, domains, generated, failed, failed_generated, times, first, last, coalesce(burst, 0),
          coalesce(burst_answers, 0), coalesce(burst_failures, 0), hour, coalesce(resolvers, []), coalesce(resolved, 0),
          coalesce(public, 0), coalesce(direct, 0), coalesce(shown[1:{MOST_SHOWN}], []), enough
        FROM plain LEFT JOIN bursts USING (host) LEFT JOIN encrypted USING (host) LEFT JOIN answered USING (host)
          LEFT JOIN straight USING (host) ORDER BY host"""
    ).fetchall()
    return [_host(row) for row in rows]


def _host(row: tuple[Any, ...]) -> Host:
    *counts, resolvers, resolved, public, direct, shown, enough = row
    host, seen, generated, failed, failed_generated, times, first, last, burst, answers, failures, hour = counts
    return Host(
        host, seen, generated, failed, failed_generated, int(times), first, last, burst, answers, failures, hour,
        tuple(resolvers), resolved, public, direct, tuple(shown), enough,
    )  # fmt: skip


# The hour in which most distinct domains failed; the earliest of equal ones.
_BURSTS = f"""SELECT host, burst, burst_answers, burst_failures, hour FROM (
    SELECT host, time // {HOUR} * {HOUR} AS hour, count(DISTINCT domain) FILTER (failed) AS burst,
      count(*) FILTER (answer) AS burst_answers, count(*) FILTER (failed) AS burst_failures
    FROM asked JOIN domains USING (name) WHERE host IS NOT NULL GROUP BY ALL)
    WHERE burst > 0 QUALIFY row_number() OVER (PARTITION BY host ORDER BY burst DESC, hour) = 1"""


def _encrypted(read: Expressions) -> str:
    """host, resolvers: known DNS-over-HTTPS servers that it looked up, or reached at port 443."""
    known = parameters()["resolvers"]
    names = ", ".join(f"'{name}'" for name in known["names"])
    packed = [bounds(parse([text])[0])[0].hex() for text in known["addresses"]]
    addresses = ", ".join(f"from_hex('{value}')" for value in packed)
    host = f"coalesce({read.text('host.name')}, {read.text('source.ip')})"
    return f"""SELECT host, list(DISTINCT resolver ORDER BY resolver) AS resolvers FROM (
      SELECT host, name AS resolver FROM lookups WHERE name IN ({names}) UNION ALL
      SELECT {host} AS host, {read.text("destination.ip")} AS resolver FROM {read.table}
      WHERE {read.number("destination.port")} = 443 AND {read.bytes("destination.ip")} IN ({addresses}))
      WHERE host IS NOT NULL GROUP BY host"""


def _reached(read: Expressions, internal: Sequence[Network], external: Sequence[Network]) -> str:
    """``direct``: neither an answer to the host nor a name in any of its connections told of the address."""
    own = tuple(internal) or parse(INTERNAL)
    never = parse(NEVER)
    source, destination = read.bytes("source.ip"), read.bytes("destination.ip")

    def ours(value: str) -> str:
        inner = f"coalesce({inside(value, own)}, FALSE)"
        return f"({inner} AND NOT {inside(value, external)})" if external else inner

    apart = ", ".join(str(int(port)) for port in parameters()["direct"]["ports_apart"])
    named = " OR ".join(
        f"{read.text(field)} IS NOT NULL" for field in ("tls.client.server_name", "url.domain", "destination.domain")
    )
    return f"""WITH met AS (SELECT coalesce({read.text("host.name")}, {read.text("source.ip")}) AS host,
        {destination} AS address, {read.text("destination.ip")} AS text,
        {read.number("destination.port")} AS port, {named} AS named
      FROM {read.table} WHERE {destination} IS NOT NULL AND {read.text("dns.question.name")} IS NULL
        AND {ours(source)} AND NOT {ours(destination)} AND NOT coalesce({inside(destination, never)}, FALSE)
        AND {read.number("destination.port")} NOT IN ({apart})
        AND coalesce({read.text("network.transport")} IN ('tcp', 'udp'), TRUE)),
      whole AS (SELECT host, address, min(text) || ':' || min(port) AS shown, bool_or(named) AS named FROM met
        WHERE host IS NOT NULL GROUP BY host, address)
      SELECT host, address, shown, NOT coalesce(named, FALSE) AND NOT EXISTS (
        SELECT 1 FROM resolved WHERE resolved.host = whole.host AND resolved.address = whole.address) AS direct FROM whole"""


def is_address(text: str) -> bool:
    """Whether a host is told by its address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
