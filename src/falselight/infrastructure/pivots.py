"""Servers of the telemetry × all servers known: what they share, weighed by how few share it.

Relation ``links``: server, other, trait, value, shared (servers that have the value). Values that too many have are no
links: a product's default, shared hosting, a content network's certificate. Nothing is compared that no file knows of."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import duckdb

from falselight.infrastructure.contacts import FACTS, TELEMETRY
from falselight.infrastructure.facts import Trait
from falselight.infrastructure.hosting import CONTENT_NETWORK, Hosting
from falselight.infrastructure.parameters import parameters

TABLE = "links"
_LONGEST = 24
_LEAST = 0.1
# Links that are kept of one server for each that is told: they are chosen before all traits are looked at.
_KEPT = 2
STRONG, FAIR, WEAK = "strong", "fair", "weak"


@dataclass(frozen=True)
class Shared:
    """One value that two servers share; ``servers`` have it in all."""

    trait: str
    value: str
    servers: int
    weight: float

    @property
    def text(self) -> str:
        """In words, such as: the same ssh host key 05:af (shared by 3 servers)."""
        value = self.value if len(self.value) <= _LONGEST else self.value[: _LONGEST - 1] + "…"
        others = f"{self.servers} servers have it" if self.servers > 2 else "no third server has it"
        return f"the same {self.trait} {value} ({others})"


@dataclass(frozen=True)
class Link:
    """Another server that shares something, strongest value first. ``hosts`` of the telemetry contacted it as well."""

    other: str
    shared: tuple[Shared, ...]
    weight: float
    hosts: tuple[str, ...]
    crowded: str = ""

    @property
    def strength(self) -> str:
        """strong, fair or weak."""
        bounds = parameters()["sharing"]
        return STRONG if self.weight >= bounds["strong"] else FAIR if self.weight >= bounds["fair"] else WEAK


def build(connection: duckdb.DuckDBPyConnection, focus: Collection[str], bad: Collection[str] = ()) -> None:
    """Make the relation for these servers, and ``link_counts``: server, links. Of each server the strongest links are kept, the
    strongest to contacted servers, and all to servers that are known to be ``bad`` or have a signature. Needs the relations of
    ``contacts``."""
    own = parameters()["sharing"]
    asked = ", ".join(
        f"('{trait.replace(chr(39), chr(39) * 2)}', {one['weight']}, {one['most']}, {str(one.get('alone', True)).upper()})"
        for trait, one in parameters()["pivots"].items()
    )
    for name, servers in (("focus", focus), ("bad_servers", bad)):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} (server VARCHAR)")
        if servers:
            connection.execute(f"INSERT INTO {name} SELECT unnest(?)", [sorted(servers)])
    connection.execute(f"INSERT INTO bad_servers SELECT server FROM {FACTS} WHERE trait = '{Trait.SIGNATURE}'")
    connection.execute(f"""CREATE OR REPLACE TEMP TABLE comparable AS
      SELECT DISTINCT f.server, f.trait, f.value, v.servers, k.alone,
        greatest(k.weight - {own["doubling"]} * log2(v.servers / 2), {_LEAST}) AS weight
      FROM {FACTS} f JOIN (VALUES {asked}) k(trait, weight, most, alone) USING (trait)
        JOIN (SELECT trait, value, count(DISTINCT server) AS servers, bool_or(source <> '{TELEMETRY}') AS known
              FROM {FACTS} GROUP BY ALL) v ON v.trait = f.trait AND v.value = f.value
      WHERE v.known AND v.servers BETWEEN 2 AND k.most""")
    connection.execute("""CREATE OR REPLACE TEMP TABLE pairs AS
      SELECT server, other, round(sum(weight), 6) AS weight, other IN (SELECT server FROM contacts) AS met FROM (
        SELECT a.server, b.server AS other, a.trait, max(a.weight) AS weight FROM comparable a SEMI JOIN focus USING (server)
          JOIN comparable b ON a.trait = b.trait AND a.value = b.value AND a.server <> b.server WHERE a.alone GROUP BY ALL)
      GROUP BY server, other""")
    connection.execute(f"""CREATE OR REPLACE TEMP TABLE {TABLE} AS
      WITH kept AS (SELECT server, other FROM pairs QUALIFY other IN (SELECT server FROM bad_servers)
        OR row_number() OVER (PARTITION BY server, met ORDER BY weight DESC, other) <= {_KEPT * own["shown"]})
      SELECT p.server, p.other, a.trait, a.value, a.servers AS shared
      FROM kept p JOIN comparable a ON a.server = p.server
        JOIN comparable b ON b.server = p.other AND a.trait = b.trait AND a.value = b.value
      UNION ALL
      SELECT a.server, f.value, '{Trait.ADDRESS}', a.server, 2
      FROM focus a JOIN {FACTS} f ON f.server = a.server AND f.trait = '{Trait.ADDRESS}' WHERE f.value <> a.server""")
    connection.execute(f"""CREATE OR REPLACE TEMP TABLE link_counts AS SELECT server, count(DISTINCT other) AS links FROM (
      SELECT server, other FROM pairs UNION ALL SELECT server, other FROM {TABLE}) GROUP BY server""")


def links(connection: duckdb.DuckDBPyConnection, hosting: Mapping[str, Hosting]) -> dict[str, list[Link]]:
    """By server its links, strongest first. Of each trait the rarest value counts; a registered domain, or pattern, adds nothing
    to a name that is the same, nor a key to its certificate."""
    contacted = dict(connection.execute(
        "SELECT server, list(DISTINCT host ORDER BY host) FROM contacts GROUP BY server"
    ).fetchall())  # fmt: skip
    crowds = dict(connection.execute(
        f"SELECT server, count(DISTINCT value) FROM {FACTS} WHERE trait = '{Trait.DOMAIN}' GROUP BY server"
    ).fetchall())  # fmt: skip
    bounds = parameters()["sharing"]
    grouped: dict[tuple[str, str], list[Shared]] = {}
    for server, other, trait, value, servers in connection.execute(
        f"SELECT server, other, trait, value, shared FROM {TABLE} ORDER BY ALL"
    ).fetchall():
        grouped.setdefault((server, other), []).append(Shared(trait, value, servers, _weight(trait, servers)))
    found: dict[str, list[Link]] = {}
    for (server, other), every in grouped.items():
        shared = _apart(every)
        why = next(filter(None, (_crowded(one, crowds, hosting) for one in (server, other))), "")
        weight = math.fsum(one.weight for one in shared)
        if why:
            weight = min(weight * bounds["crowded_share"], bounds["crowded_most"])
        link = Link(other, shared, round(weight, 3), tuple(contacted.get(other, ())), why)
        found.setdefault(server, []).append(link)
    return {server: sorted(own, key=lambda link: (-link.weight, link.other)) for server, own in found.items()}


def _weight(trait: str, servers: int) -> float:
    own = float(parameters()["pivots"][trait]["weight"])
    return max(own - float(parameters()["sharing"]["doubling"]) * math.log2(max(servers, 2) / 2), _LEAST)


_SAME = {
    Trait.SERIAL: (Trait.CERTIFICATE,), Trait.KEY: (Trait.CERTIFICATE, Trait.SERIAL),
    Trait.SELF_SIGNED: (Trait.CERTIFICATE, Trait.SERIAL, Trait.KEY), Trait.DOMAIN: (Trait.NAME,),
    Trait.PATTERN: (Trait.NAME, Trait.DOMAIN), Trait.SYSTEM: (Trait.NETWORK,), Trait.JA3S: (Trait.JARM, Trait.JA4S),
    Trait.JA4S: (Trait.JARM,), Trait.TITLE: (Trait.PAGE,),
}  # fmt: skip


def _apart(every: list[Shared]) -> tuple[Shared, ...]:
    """The rarest value of each trait, without traits that another one implies; strongest first."""
    rarest: dict[str, Shared] = {}
    for one in sorted(every, key=lambda shared: (-shared.weight, shared.trait, -len(shared.value), shared.value)):
        rarest.setdefault(one.trait, one)
    kept = [one for one in rarest.values() if not any(other in rarest for other in _SAME.get(Trait(one.trait), ()))]
    return tuple(sorted(kept, key=lambda shared: (-shared.weight, shared.trait, shared.value)))


def _crowded(server: str, crowds: Mapping[str, int], hosting: Mapping[str, Hosting]) -> str:
    """Why what a server shares says little; empty where it does not."""
    if server in hosting and hosting[server].kind == CONTENT_NETWORK:
        return f"{server} belongs to a content network"
    domains = crowds.get(server, 0)
    return f"{server} bears {domains} registered domains" if domains >= parameters()["sharing"]["crowded"] else ""
