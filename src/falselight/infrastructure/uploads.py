"""Upload servers: within a day a host sends far more than it receives to a server that few know, against everyone's and its own
history. All weights are of ``parameters.toml``; one statement scores all days."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import duckdb

from falselight.analytics.beacons import parameters as of_beacons
from falselight.analytics.wording import contacts, duration
from falselight.diagnostics import plural
from falselight.infrastructure.hosting import by_name
from falselight.infrastructure.parameters import parameters
from falselight.infrastructure.signs import DAY, NETWORK, ends, lies_in, told
from falselight.plan.dates import iso
from falselight.risks import Reason

KIND = "upload"
_MAIL, _TRANSFER = "(25, 465, 587, 993, 995)", "(20, 21, 22, 989, 990, 873, 2222)"


@dataclass(frozen=True)
class Upload:
    """One host and one server that it sent much to: its day of most. Times are epoch nanoseconds."""

    host: str
    server: str
    address: str | None
    named: bool
    port: int | None
    process: str | None
    first: int
    last: int
    sent: int
    received: int
    odds: float
    reasons: tuple[Reason, ...]


def score(connection: duckdb.DuckDBPyConnection) -> list[Upload]:
    """All pairs whose risk reaches ``told``, highest odds first. Needs the relations of ``signs``."""
    made = map(_upload, told(connection, _sql, parameters()["upload"]["told"]))
    return sorted(made, key=lambda one: (-one.odds, one.host, one.server))


_FACTORS = (
    "everyone",
    "own",
    "amount",
    "ratio",
    "alone",
    "hosts",
    "habit",
    "age",
    "program",
    "service",
    "port_class",
    "direct",
)


def _sql(least: float) -> str:
    own, programs, writable = parameters()["upload"], parameters()["programs"], of_beacons()["process"]["writable"]
    strange = " OR ".join((
        ends("d.process", [*programs["movers"], *programs["loaders"]]), lies_in("d.process", writable)
    ))  # fmt: skip
    words = " OR ".join(f"contains(lower(d.process), '{word}')" for word in own["service_words"])
    names = ", ".join(f"'{name}'" for name in own["service_names"])
    return f"""
    WITH network AS ({NETWORK}),
    seen AS (SELECT host, min(first) AS first, avg(named::INT) AS naming FROM met GROUP BY host),
    of_domains AS (SELECT domain, count(DISTINCT host) AS hosts FROM met GROUP BY domain),
    pairs AS (SELECT host, domain, min(first) AS first FROM met GROUP BY host, domain),
    ranked AS (SELECT *, rank() OVER (ORDER BY sent DESC) AS everyone_rank, count(*) OVER () AS everyone_days,
        rank() OVER (PARTITION BY host ORDER BY sent DESC) AS own_rank, count(*) OVER (PARTITION BY host) AS own_days,
        rank() OVER (PARTITION BY domain ORDER BY sent DESC) AS domain_rank, count(*) OVER (PARTITION BY domain) AS domain_days,
        rank() OVER (PARTITION BY host, domain ORDER BY sent DESC) AS pair_rank, count(*) OVER (PARTITION BY host, domain) AS days
      FROM sent_days WHERE sent IS NOT NULL),
    heavy AS (SELECT * FROM ranked WHERE sent >= {own["least_bytes"]} AND sent >= {own["least_ratio"]} * coalesce(received, 0)
      QUALIFY row_number() OVER (PARTITION BY host, domain ORDER BY sent DESC, day) = 1),
    habits AS (SELECT h.host, h.domain, count(*) - 1 AS others FROM heavy h JOIN sent_days s ON s.host = h.host
      AND s.domain = h.domain AND s.sent * 10 >= h.sent GROUP BY ALL),
    judged AS (SELECT d.*, network.hosts AS network, o.hosts AS domain_hosts, habits.others, pairs.first AS pair_first,
        coalesce(u.hosts = 1 AND ({strange}), FALSE) AS stranger,
        (d.everyone_rank - d.domain_rank + 1) / (d.everyone_days - d.domain_days + 1) AS everyone_share,
        (d.own_rank - d.pair_rank + 1) / (d.own_days - d.days + 1) AS own_share,
        seen.naming, (pairs.first - seen.first) / {DAY} AS before_days, d.day - pairs.first // {DAY} AS known_days
      FROM heavy d CROSS JOIN network JOIN seen USING (host) JOIN of_domains o USING (domain) JOIN pairs USING (host, domain)
        JOIN habits USING (host, domain)
        LEFT JOIN users u ON u.domain = d.domain AND u.program = lower(regexp_extract(d.process, '[^/\\\\]*$'))),
    weighed AS (SELECT d.*, least(-ln(everyone_share) * {own["everyone_share"]}, {own["everyone_most"]}) AS everyone,
        least(-ln(own_share) * {own["own_share"]}, {own["own_most"]}) AS own,
        least(ln(sent / {own["least_bytes"]}) * {own["amount_share"]}, {own["amount_most"]}) AS amount,
        least(ln(sent / greatest(coalesce(received, 0), 1)) * {own["ratio_share"]}, {own["ratio_most"]}) AS ratio,
        CASE WHEN domain_hosts = 1 THEN least({own["alone_share"]} * ln(network), {own["alone_most"]}) ELSE 0.0 END AS alone,
        {own["hosts"]} * ln(domain_hosts) * CASE WHEN stranger THEN {own["stranger_share"]} ELSE 1.0 END AS hosts,
        greatest({own["habit"]} * others, {own["habit_least"]}) AS habit,
        CASE WHEN known_days < 2 THEN {own["fresh"]} * least(before_days / {own["fresh_days"]}, 1.0)
          WHEN known_days >= 5 THEN {own["old"]} ELSE 0.0 END AS age,
        CASE WHEN {ends("d.process", programs["movers"])} THEN {own["mover"]}
          WHEN {ends("d.process", programs["loaders"])} THEN {own["loader"]}
          WHEN {ends("d.process", programs["browsers"])} THEN {own["browser"]}
          WHEN {lies_in("d.process", writable)} THEN {own["writable"]} ELSE 0.0 END AS program,
        CASE WHEN domain IN ({names}) OR (coalesce({words}, FALSE) AND NOT {lies_in("d.process", writable)})
          THEN {own["service"]} ELSE 0.0 END AS service,
        CASE WHEN port IN {_MAIL} THEN {own["mail_port"]} WHEN port IN {_TRANSFER} THEN {own["transfer_port"]} ELSE 0.0 END
          AS port_class,
        CASE WHEN NOT named THEN {own["direct"]} * naming ELSE 0.0 END AS direct FROM judged d),
    summed AS (SELECT *, {own["start"]} + {" + ".join(f"coalesce({factor}, 0)" for factor in _FACTORS)} AS odds FROM weighed)
    SELECT * FROM summed WHERE odds >= {least} ORDER BY odds DESC, host, server"""


def _upload(row: dict[str, Any]) -> Upload:
    own = parameters()["upload"]
    day, process = iso(row["day"] * DAY)[:10], (row["process"] or "?").replace("\\", "/").rpartition("/")[2]
    texts = {
        "everyone": f"{100 * row['everyone_share']:.2g} % of what any host sent to any server in a day is as much",
        "own": f"{100 * row['own_share']:.2g} % of what this host sent to any server in a day is as much",
        "amount": f"it sent {row['sent'] / 1e6:,.0f} MB on {day}",
        "ratio": f"{row['sent'] / max(row['received'] or 0, 1):,.0f} bytes out for each that came in",
        "alone": contacts(1, row["network"], "it"),
        "hosts": contacts(row["domain_hosts"], row["network"], "it")
        + (f", but no other with {process}" if row["stranger"] else ""),
        "habit": f"it sends much there on {row['others']} other days as well",
        "age": f"first contacted {duration(row['before_days'] * 86_400)} after this host's first connection" if row["age"] > 0
        else f"contacted for {plural(row['known_days'], 'day')} before",
        "program": f"sent by {process}",
        "service": "its name or its program's is that of mail, backup, a drive or meetings",
        "port_class": f"port {row['port']} is one of " + ("mail" if row["port_class"] < 0 else "file transfer"),
        "direct": "by its address, without a name",
    }  # fmt: skip
    reasons = [Reason(f"{KIND}: {factor}", float(row[factor]), texts[factor]) for factor in _FACTORS if row[factor]]
    reasons += by_name(KIND, row["server"])
    reasons.sort(key=lambda reason: -abs(reason.weight))
    reasons.append(Reason("start", own["start"], "what any server has that much is sent to"))
    most = own["most_odds"]
    return Upload(
        row["host"], row["server"], row["address"], row["named"], row["port"], row["process"], row["first"], row["last"],
        row["sent"], row["received"] or 0, max(-most, min(most, math.fsum(reason.weight for reason in reasons))), tuple(reasons),
    )  # fmt: skip
