"""``lookups`` → what is known of each registered domain and each host, in numbers.

All sums are of whole numbers, so that they are the same on any number of threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from falselight.dns.letters import model
from falselight.dns.parameters import parameters
from falselight.systems import systems

DAY, HOUR = 86_400_000_000_000, 3_600_000_000_000
# Types whose answers carry what the server wants, and all that clients usually ask for; any other type is strange.
CARRYING = ("TXT", "CNAME", "MX", "SRV")
USUAL = (
    "A", "AAAA", "PTR", "NS", "SOA", "HTTPS", "SVCB", "DS", "DNSKEY", "RRSIG", "NAPTR", "CAA", "NSEC", "NSEC3", "TLSA",
    "SPF", "ANY", "*", "", *CARRYING,
)  # fmt: skip


@dataclass(frozen=True)
class Domain:
    """A registered domain.

    ``names`` are distinct names below it, ``structured`` those that are reversed addresses, ``digests`` those with one
    label like a hash; ``texts`` are different long texts in answers of TXT and NULL records; ``visited`` are those to whose
    address a host that looked them up connected. ``bits`` is the information of a name; ``ratio`` is of ``letters``.
    ``addresses``, ``networks``, ``apart`` (the networks in which no ordinary domain lies), ``systems`` (autonomous ones, None
    where no database tells them) and ``ttl`` are of the one name with most networks. ``silent`` is the longest silence
    in whole days that ended, ``awoke`` the lookups on the day that ended it; ``enough`` is when as many names had been
    seen as a tunnel needs. Times are epoch nanoseconds."""

    domain: str
    hosts: tuple[str, ...]
    names: int
    structured: int
    digests: int
    visited: int
    bits: float
    times: int
    answers: int
    failures: int
    strange: int
    carrying: int
    texts: int
    size: float
    first: int | None
    last: int | None
    addresses: int
    networks: int
    apart: int
    systems: int | None
    ttl: int | None
    silent: int
    awoke: int
    enough: int | None
    ratio: float


@dataclass(frozen=True)
class Data:
    """What the whole data say: hosts that look names up, first and last lookup."""

    hosts: int
    first: int
    last: int


def data(connection: duckdb.DuckDBPyConnection) -> Data:
    """The extent of the lookups; zeros if there are none."""
    row = connection.execute(
        "SELECT count(DISTINCT host), coalesce(min(first), 0), coalesce(max(last), 0) FROM lookups"
    ).fetchall()[0]
    return Data(*(int(value) for value in row))


def domains(connection: duckdb.DuckDBPyConnection, asn: Path | None = None) -> list[Domain]:
    """All registered domains, by name. Needs ``hosts.reach``; makes the table ``labelled`` (domain, ratio) on the way. ``asn``: a
    MaxMind database of autonomous systems."""
    _systems(connection, asn)
    ratios = _ratios(connection)
    strange = f"kind NOT IN ({', '.join(repr(kind) for kind in USUAL)})"
    fewest = int(parameters()["tunnel"]["fewest_names"])
    carrying = f"kind IN ({', '.join(repr(kind) for kind in CARRYING)})"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE informed AS {_information()}")
    rows = connection.execute(
        f"""WITH plain AS (SELECT domain, list(DISTINCT host ORDER BY host) AS hosts, sum(times) AS times,
          sum(answers) AS answers, sum(failures) AS failures, sum(times) FILTER ({strange}) AS strange,
          sum(times) FILTER ({carrying}) AS carrying, sum(size) AS size, count(size) AS sized, min(first) AS first,
          max(last) AS last FROM lookups GROUP BY domain),
        named AS (SELECT domain, count(*) AS names, count(*) FILTER ({_STRUCTURED}) AS structured,
          count(*) FILTER ({_DIGEST}) AS digests,
          list(first ORDER BY first) FILTER (NOT {_STRUCTURED})[{fewest}] AS enough
          FROM (SELECT domain, below, min(first) AS first FROM lookups WHERE below <> '' GROUP BY ALL) GROUP BY domain),
        told AS (SELECT domain, count(DISTINCT text) AS texts FROM (SELECT domain, unnest(texts) AS text FROM asked
            JOIN domains USING (name) WHERE host IS NOT NULL) WHERE length(text) >= {_LONG} GROUP BY domain),
        visits AS (SELECT domain, count(DISTINCT name) AS visited FROM resolved JOIN reached USING (host, address)
          WHERE domain IS NOT NULL GROUP BY domain),
        lying AS (SELECT domain, name, address, ttl, {_NETWORK} AS network FROM resolved WHERE domain IS NOT NULL),
        shared AS (SELECT DISTINCT network AS shared FROM lying JOIN ({_ORDINARY}) USING (domain)),
        addressed AS (SELECT domain, addresses, networks, apart, systems, ttl FROM (
            SELECT domain, name, count(DISTINCT address) AS addresses, count(DISTINCT network) AS networks,
              count(DISTINCT network) FILTER (shared IS NULL) AS apart,
              {"NULL" if asn is None else "count(DISTINCT system)"} AS systems, max(ttl) AS ttl
            FROM lying LEFT JOIN shared ON shared = network LEFT JOIN resolved_systems USING (address) GROUP BY domain, name)
          QUALIFY row_number() OVER (PARTITION BY domain ORDER BY networks DESC, addresses DESC, name) = 1)
        SELECT domain, hosts, coalesce(names, 0), coalesce(structured, 0), coalesce(digests, 0),
          coalesce(visited, 0), coalesce(centibits, 0), times, answers, failures,
          coalesce(strange, 0), coalesce(carrying, 0), coalesce(texts, 0), coalesce(size, 0), sized, first, last,
          coalesce(addresses, 0),
          coalesce(networks, 0), coalesce(apart, 0), systems, ttl, coalesce(silent, 0), coalesce(awoke, 0), enough
        FROM plain LEFT JOIN named USING (domain) LEFT JOIN informed USING (domain) LEFT JOIN addressed USING (domain)
          LEFT JOIN visits USING (domain) LEFT JOIN told USING (domain)
          LEFT JOIN ({_SILENCE}) USING (domain) ORDER BY domain"""
    ).fetchall()
    return [_domain(row, ratios) for row in rows]


def _systems(connection: duckdb.DuckDBPyConnection, asn: Path | None) -> None:
    """``resolved_systems``: address, system (its number), of names with as many addresses as fast flux needs."""
    fewest = int(parameters()["flux"]["fewest_addresses"])
    known, packed = {}, {}
    if asn is not None:
        found = connection.execute(
            "SELECT DISTINCT address FROM resolved WHERE (domain, name) IN (SELECT (domain, name) FROM resolved "
            f"WHERE domain IS NOT NULL GROUP BY domain, name HAVING count(DISTINCT address) >= {fewest}) ORDER BY address"
        ).fetchall()
        packed = {_text(row[0]): row[0] for row in found}
        known = systems(asn, packed)
    listed = [(packed[text], system.number) for text, system in known.items() if system.number is not None]
    made = pa.table({
        "address": pa.array([address for address, _ in listed], pa.binary()),
        "system": pa.array([number for _, number in listed], pa.int64()),
    })  # fmt: skip
    connection.register("incoming_systems", made)
    connection.execute("CREATE OR REPLACE TEMP TABLE resolved_systems AS SELECT * FROM incoming_systems")
    connection.unregister("incoming_systems")


def _text(packed: bytes) -> str:
    """16 bytes as an address."""
    address = IPv6Address(packed)
    return str(address.ipv4_mapped or address)


def _domain(row: tuple[Any, ...], ratios: Mapping[str, float]) -> Domain:
    (
        domain,
        hosts,
        names,
        structured,
        digests,
        visited,
        centibits,
        times,
        answers,
        failures,
        strange,
        carrying,
        texts,
        *more,
    ) = row
    size, sized, first, last, addresses, networks, apart, systems, ttl, silent, awoke, enough = more
    return Domain(
        domain, tuple(hosts), names, structured, digests, visited, centibits / 100 / names if names else 0.0,
        int(times), int(answers), int(failures), int(strange), int(carrying), texts, int(size) / sized if sized else 0.0,
        first, last, addresses, networks, apart, systems, ttl, silent, awoke, enough, ratios[domain],
    )  # fmt: skip


_LONG = int(parameters()["commands"]["length"])
# A reversed IPv4 address, or the nibbles of an IPv6 one, before what else the name has.
_STRUCTURED = "regexp_full_match(below, '([0-9]{1,3}\\.){3}[0-9]{1,3}(\\..*)?|([0-9a-f]\\.){31}[0-9a-f](\\..*)?')"
_DIGEST = "regexp_full_match('.' || below, '(\\.[^.]{1,20})*\\.([0-9a-f]{32}|[0-9a-f]{40})(\\.[^.]{1,20})*')"
# Domains none of whose names has as many addresses as fast flux needs.
_ORDINARY = f"""SELECT domain FROM (SELECT domain, count(DISTINCT address) AS addresses FROM resolved WHERE domain IS NOT NULL
    GROUP BY domain, name) GROUP BY domain HAVING max(addresses) < {int(parameters()["flux"]["fewest_addresses"])}"""
_NETWORK = "CASE WHEN hex(address) LIKE '00000000000000000000FFFF%' THEN hex(address)[25:28] ELSE hex(address)[1:8] END"
# The longest silence between two days with lookups of a domain, and the lookups on the day after it.
_SILENCE = f"""SELECT domain, max(gap) - 1 AS silent, arg_max(times, gap * 1000000000 + day) AS awoke FROM (
    SELECT domain, day, times, day - lag(day) OVER (PARTITION BY domain ORDER BY day) AS gap FROM (
      SELECT domain, time // {DAY} AS day, count(*) AS times FROM asked JOIN domains USING (name)
      WHERE host IS NOT NULL AND time IS NOT NULL GROUP BY ALL)) WHERE gap > 1 GROUP BY domain"""


def _information() -> str:
    """Hundredths of bits in the distinct labels below each domain: their letters by the letters' entropy. The entropy is
    measured on a sample of labels, the same for the same labels."""
    sampled = int(parameters()["tunnel"]["sampled"])
    return f"""WITH labels AS MATERIALIZED (SELECT DISTINCT domain, label FROM (
        SELECT domain, unnest(string_split(below, '.')) AS label FROM lookups
        WHERE below <> '' AND NOT {_STRUCTURED}) WHERE label <> ''),
      sample AS (SELECT domain, label FROM labels
        QUALIFY row_number() OVER (PARTITION BY domain ORDER BY md5(label)) <= {sampled}),
      letters AS (SELECT domain, letter, count(*) AS n FROM (
        SELECT domain, unnest(string_split(label, '')) AS letter FROM sample) GROUP BY ALL),
      entropies AS (SELECT domain, log2(sum(n)) - sum(CAST(round(n * log2(n) * 1000) AS BIGINT)) / 1000 / sum(n) AS bits
        FROM letters GROUP BY domain),
      lengths AS (SELECT domain, sum(length(label)) AS letters FROM labels GROUP BY domain)
      SELECT domain, CAST(round(100 * letters * bits) AS BIGINT) AS centibits FROM lengths JOIN entropies USING (domain)"""


def _ratios(connection: duckdb.DuckDBPyConnection) -> dict[str, float]:
    """By registered domain, how much likelier a generator made its first label; kept as ``labelled``, too."""
    names = [row[0] for row in connection.execute("SELECT DISTINCT domain FROM lookups ORDER BY domain").fetchall()]
    letters = model()
    ratios = {name: letters.generated(name.partition(".")[0]) for name in names}
    made = pa.table({"domain": pa.array(ratios.keys(), pa.string()), "ratio": pa.array(ratios.values(), pa.float64())})
    connection.register("ratios", made)
    connection.execute("CREATE OR REPLACE TEMP TABLE labelled AS SELECT * FROM ratios")
    connection.unregister("ratios")
    return ratios
