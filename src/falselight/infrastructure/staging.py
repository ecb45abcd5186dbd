"""Staging servers: a host meets a server for the first time, fetches something, and soon afterwards something else is new: a
second server, a program. All weights are of ``parameters.toml``; one statement scores all pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import duckdb

from falselight.analytics.beacons import parameters as of_beacons
from falselight.analytics.wording import contacts, duration
from falselight.infrastructure.hosting import by_name
from falselight.infrastructure.parameters import parameters
from falselight.infrastructure.signs import NETWORK, ends, lies_in, steps, told
from falselight.risks import Reason

KIND = "staging"
_SECOND = 1_000_000_000


@dataclass(frozen=True)
class Staged:
    """One host and one server that it may have fetched a stage from. ``second`` is the new server that followed best. Times are
    epoch nanoseconds; ``detected`` is when the last of what is told had happened."""

    host: str
    server: str
    address: str | None
    named: bool
    port: int | None
    process: str | None
    first: int
    last: int
    second: str | None
    detected: int
    odds: float
    reasons: tuple[Reason, ...]


def score(connection: duckdb.DuckDBPyConnection) -> list[Staged]:
    """All pairs whose risk reaches ``told``, highest odds first. Needs the relations of ``signs``."""
    made = map(_staged, told(connection, _sql, parameters()["staging"]["told"]))
    return sorted(made, key=lambda one: (-one.odds, one.host, one.server))


# The factors in the order in which they are computed; each is a column of the statement.
_FACTORS = ("watched", "gone", "alone", "hosts", "fetched", "loader", "size", "direct", "port", "second", "kept", "caller",
            "second_place", "program")  # fmt: skip


_HOUR, _MINUTE = 3600 * _SECOND, 60 * _SECOND


# A server at such a port may be fetched from, and may be what a fetched program calls.
_FETCHES = f"coalesce({{0}}.port NOT IN ({', '.join(map(str, parameters()['staging']['talks']))}), TRUE)"


def _sql(least: float) -> str:
    own = parameters()["staging"]
    window = own["window_minutes"] * _MINUTE
    return f"""
    WITH {_candidates()},
    weighed AS (SELECT c.host, c.domain, c.server, c.address, c.named, c.port AS opened, c.process, c.first, c.last, c.largest,
        c.hosts AS domain_hosts, network.hosts AS network, c.executable, c.extension, f.server AS following, f.first AS followed,
        f.process AS caller_process, p.process AS new_program, p.first AS program_start, {_chance()} AS chance,
        (c.first - seen.first) / {_HOUR} AS before_hours, (seen.last - c.last) / {_HOUR} AS after_hours,
        {_itself()}, {_following()}
      FROM candidates c CROSS JOIN network JOIN seen USING (host)
        LEFT JOIN young f ON f.host = c.host AND f.domain <> c.domain AND f.first > c.first AND f.first <= c.first + {window}
          AND {_FETCHES.format("f")} AND (f.first >= c.first + {round(own["soonest_seconds"] * _SECOND)}
            OR (f.process IS NOT NULL AND NOT {ends("f.process", parameters()["programs"]["browsers"])}))
        LEFT JOIN callers k ON k.host = f.host AND k.process = f.process
        LEFT JOIN new_programs p ON p.host = c.host AND p.first > c.first AND p.first <= c.first + {window}),
    summed AS (SELECT *, {own["start"]} + {" + ".join(f"coalesce({factor}, 0)" for factor in _FACTORS)} AS odds FROM weighed)
    SELECT * FROM summed WHERE odds >= {least}
    QUALIFY row_number() OVER (PARTITION BY host, domain ORDER BY odds DESC, followed, following, program_start, new_program) = 1
    ORDER BY odds DESC, host, server"""


def _candidates() -> str:
    """``young``: what few hosts meet, by host and registered domain; ``candidates`` of these were left within the hour and gave
    something; ``new_programs`` no other host started."""
    own, programs = parameters()["staging"], parameters()["programs"]
    around = own["around_hours"] * _HOUR
    return f"""network AS ({NETWORK}),
    seen AS (SELECT host, min(first) AS first, max(last) AS last, avg(named::INT) AS naming FROM met GROUP BY host),
    of_domains AS (SELECT domain, count(DISTINCT host) AS hosts FROM met GROUP BY domain),
    firsts AS (SELECT host, domain, min(first) AS first, max(last) AS last, sum(times)::BIGINT AS times, max(largest) AS largest,
        bool_or(measured) AS measured, bool_or(named) AS named, min({{'first': m.first, 'server': server, 'address': address,
        'port': port, 'process': process}}) AS met, list(server ORDER BY server) AS servers FROM met m GROUP BY host, domain),
    young AS (SELECT f.* EXCLUDE (met), met.server, met.address, met.port, met.process, d.hosts,
        count(*) OVER (PARTITION BY host ORDER BY f.first RANGE BETWEEN {around} PRECEDING AND {around} FOLLOWING) AS around
      FROM firsts f JOIN of_domains d USING (domain) WHERE d.hosts <= {own["few_hosts"]}),
    signed AS (SELECT y.host, y.domain, bool_or(executable) AS executable, bool_or(extension) AS extension
      FROM (SELECT host, domain, unnest(servers) AS server FROM young) y JOIN fetched USING (host, server) GROUP BY ALL),
    new_programs AS (SELECT host, process, first FROM started WHERE hosts = 1),
    once AS (SELECT y.*, coalesce(s.executable, FALSE) AS executable, coalesce(s.extension, FALSE) AS extension,
        {ends("y.process", programs["loaders"])} AS loads, {lies_in("y.process", _writable())} AS dropped
      FROM young y LEFT JOIN signed s USING (host, domain)
      WHERE y.last - y.first <= {own["brief_minutes"] * _MINUTE} AND y.times <= {own["most_contacts"]}
        AND {_FETCHES.format("y")}),
    candidates AS (SELECT * FROM once WHERE executable OR extension OR loads OR dropped OR largest >= {own["size_bytes"]})"""


def _chance() -> str:
    """The probability that a host which meets new servers as often as in these hours meets one so soon."""
    hours = 2 * parameters()["staging"]["around_hours"]
    rate = f"(greatest(c.around - 1 - (f.domain IS NOT NULL)::INT, 0) + 0.5) / {hours * 3600}"
    return f"(1 - exp(-{rate} * greatest((f.first - c.first) / {_SECOND}, 1.0)))"


def _itself() -> str:
    """The factors of the server itself (``c``), with their weights."""
    own, programs = parameters()["staging"], parameters()["programs"]
    browser = ends("c.process", programs["browsers"])
    return f"""{steps(f"(c.first - seen.first) / {_HOUR}", own["watched"])} AS watched,
        {steps(f"(seen.last - c.last) / {_HOUR}", own["gone"])} AS gone,
        CASE WHEN c.hosts = 1 THEN least({own["alone_share"]} * ln(network.hosts), {own["alone_most"]}) ELSE 0.0 END AS alone,
        {own["hosts"]} * ln(c.hosts) AS hosts,
        CASE WHEN c.executable THEN {own["executable"]} WHEN c.extension THEN {own["extension"]} ELSE 0.0 END
          * CASE WHEN {browser} THEN {own["browser_share"]} ELSE 1.0 END AS fetched,
        CASE WHEN c.loads THEN {own["loader"]} WHEN {browser} THEN {own["browser"]} WHEN c.dropped THEN {own["writable"]}
          ELSE 0.0 END AS loader,
        CASE WHEN c.largest >= {own["size_bytes"]} THEN {own["size"]} WHEN c.measured AND NOT c.executable AND NOT c.extension
          AND coalesce(c.largest, 0) < {own["nothing_bytes"]} THEN {own["nothing"]} ELSE 0.0 END AS size,
        CASE WHEN NOT c.named THEN {own["direct"]} * seen.naming ELSE 0.0 END AS direct,
        CASE WHEN c.port NOT IN (80, 443) THEN {own["port"]} ELSE 0.0 END AS port"""


def _following() -> str:
    """The factors of what follows: the second server (``f``), and the program (``p``)."""
    own, programs = parameters()["staging"], parameters()["programs"]
    enough, long = f"f.times >= {own['kept_contacts']}", own["kept_minutes"] * _MINUTE
    return f"""CASE WHEN f.domain IS NULL THEN 0.0
          ELSE least(-ln({_chance()}) * {own["second_share"]}, {own["second_most"]}) END AS second,
        CASE WHEN {enough} AND f.last - f.first >= {long} THEN {own["kept"]}
          WHEN NOT {enough} AND seen.last - f.last >= {long} THEN {own["dropped"]} ELSE 0.0 END AS kept,
        CASE WHEN {ends("f.process", programs["browsers"])} THEN {own["second_browser"]}
          WHEN f.process = c.process AND c.loads THEN {own["same_loader"]}
          WHEN f.process <> c.process AND k.first >= c.first THEN {own["caller"]} ELSE 0.0 END AS caller,
        CASE WHEN {lies_in("f.process", _writable())} THEN {own["second_writable"]} ELSE 0.0 END AS second_place,
        CASE WHEN p.process IS NOT NULL THEN {own["program"]} ELSE 0.0 END AS program"""


def _writable() -> list[str]:
    folders: list[str] = of_beacons()["process"]["writable"]
    return folders


def _staged(row: dict[str, Any]) -> Staged:
    own = parameters()["staging"]
    texts = {
        "watched": f"the host was seen for {duration(row['before_hours'] * 3600)} before without it",
        "gone": f"and for {duration(row['after_hours'] * 3600)} after, never again",
        "alone": contacts(1, row["network"], "it"),
        "hosts": contacts(row["domain_hosts"], row["network"], "it"),
        "fetched": "it gave a program or script, by its type"
        if row["executable"]
        else "the path ends as a program's or script's",
        "loader": f"it was called by {_name(row['process'])}",
        "size": f"it gave {_bytes(row['largest'])} at once",
        "direct": "by its address, without a name",
        "port": f"at port {row['opened']}",
        "second": f"{duration(_seconds(row, 'followed'))} later a second new server, {row['following']}; so soon by chance: "
        f"{row['chance']:.2g}",
        "kept": f"{row['following']} was {'' if (row['kept'] or 0) > 0 else 'not '}called on from then",
        "caller": _caller(row),
        "second_place": f"{_name(row['caller_process'])} lies in a folder that every user may write to",
        "program": f"{duration(_seconds(row, 'program_start'))} later {_name(row['new_program'])} started, which no host "
        "had started before",
    }
    reasons = [Reason(f"{KIND}: {factor}", float(row[factor]), texts[factor]) for factor in _FACTORS if row[factor]]
    reasons += by_name(KIND, row["server"])
    reasons.sort(key=lambda reason: -abs(reason.weight))
    reasons.append(Reason("start", own["start"], "what any server has that a host meets for the first time"))
    times = [row[key] for key in ("first", "followed", "program_start") if row[key] is not None]
    most = own["most_odds"]
    return Staged(
        row["host"], row["server"], row["address"], row["named"], row["opened"], row["process"], row["first"], row["last"],
        row["following"], max(times), max(-most, min(most, math.fsum(reason.weight for reason in reasons))), tuple(reasons),
    )  # fmt: skip


def _caller(row: dict[str, Any]) -> str:
    if row["caller_process"] == row["process"]:
        return f"{_name(row['process'])} calls it as well"
    new = ", which never called out on this host before" if (row["caller"] or 0) > 0 else ""
    return f"{_name(row['caller_process'])} calls it{new}"


def _seconds(row: dict[str, Any], key: str) -> float:
    return (row[key] - row["first"]) / _SECOND if row[key] is not None else 0.0


def _name(path: str | None) -> str:
    return (path or "?").replace("\\", "/").rpartition("/")[2]


def _bytes(count: int | None) -> str:
    return f"{(count or 0) / 1e6:.1f} MB" if (count or 0) >= 100_000 else f"{(count or 0) / 1e3:.0f} kB"
