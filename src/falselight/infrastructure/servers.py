"""Contacted servers with what scans, certificates and passive DNS know of them, their links, and the risk that comes of it.

risk = 1 - (1 - sigmoid(odds)) · (1 - p): the odds and probabilities that ``weighing`` gives."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from falselight.analytics.connections import Scope
from falselight.infrastructure import contacts, facts, pivots, weighing
from falselight.infrastructure.contacts import CONTACTS, FACTS, TELEMETRY
from falselight.infrastructure.facts import Subject, Trait
from falselight.infrastructure.hosting import Hosting, hosting
from falselight.infrastructure.parameters import parameters
from falselight.infrastructure.pivots import Link
from falselight.infrastructure.weighing import Hits, Known
from falselight.intel import matching, scoring
from falselight.mappings.network import is_ip
from falselight.plan.dates import iso
from falselight.risks import Reason, destination, false_alarm, head, moments, rated
from falselight.store import EventTable

KIND = "infrastructure"
_MOST = 0.99
_LISTED = (Trait.NAME, Trait.JARM, Trait.JA3S, Trait.JA4S, Trait.SSH_KEY, Trait.FAVICON)


@dataclass(frozen=True)
class Server:
    """One contacted server. ``known`` are its facts by trait (value, port, first, last, source), ``bad`` the probability that
    hits and signatures give, ``odds`` the rest. ``links`` are the strongest, ``omitted`` more there are.
    Times are epoch nanoseconds."""

    server: str
    address: str | None
    names: tuple[str, ...]
    ports: tuple[int, ...]
    hosts: tuple[str, ...]
    first: int
    last: int
    times: int
    known: Known
    hosting: Hosting
    links: tuple[Link, ...]
    odds: float
    bad: float
    reasons: tuple[Reason, ...]
    certificates: tuple[dict[str, Any], ...]
    omitted: int

    @property
    def risk(self) -> float:
        return round(100 * (1 - (1 - 1 / (1 + math.exp(-self.odds))) * (1 - self.bad)), 1)

    def to_document(self) -> dict[str, Any]:
        """The finding document (specs/findings.md), of kind ``infrastructure``."""
        document = head("falselight-infrastructure", "Server's infrastructure", self.last)
        document["host"] = {"name": list(self.hosts) if len(self.hosts) != 1 else self.hosts[0]}
        document["destination"] = destination(self.address, self.names, self.ports)
        own = rated(KIND, self.risk, self.reasons) | false_alarm((), "scans tell of servers, not of days of hosts")
        own |= {"events": self.times, **moments(self.first, self.last, None)}
        own["infrastructure"] = {
            "hosting": self.hosting.kind, **self._system(),
            "services": [{"port": port, "service": value, "seen": iso(last) if last is not None else None, "source": source}
                         for value, port, _, last, source in self.known.get(Trait.SERVICE, ())],
            "certificates": list(self.certificates),
            **{trait.replace(" ", "_"): self._values(trait) for trait in _LISTED if trait in self.known},
            "links": [_link(link) for link in self.links], "links_omitted": self.omitted,
        }  # fmt: skip
        return {**document, "falselight": own}

    def _values(self, trait: Trait) -> list[str]:
        return sorted({row[0] for row in self.known[trait]})

    def _system(self) -> dict[str, Any]:
        number, holder = self.hosting.system, self.hosting.organisation
        return {"as": {"number": number, "organization": {"name": holder}}} if number is not None or holder else {}


def _link(link: Link) -> dict[str, Any]:
    return {
        "server": link.other, "strength": link.strength, "weight": link.weight,
        "shared": [{"trait": one.trait, "value": one.value, "servers": one.servers} for one in link.shared],
        "contacted_by": list(link.hosts), **({"crowded": link.crowded} if link.crowded else {}),
    }  # fmt: skip


def servers(
    table: EventTable, scope: Scope, *, only: Collection[str] = (), systems: Path | None = None
) -> list[Server]:
    """The contacted servers that some file knows of, or that are linked to another one; highest risk first, then those whose
    strongest link goes to a server that was contacted as well. ``only`` these addresses and names, contacted or not.

    Needs ``scan_facts`` (``facts.load``) and the relation of ``intel.store.load`` in the table's database."""
    contacts.build(table, scope, systems)
    matching.build(table, systems)
    hits = _hits(table)
    focus = _focus(table, only)
    pivots.build(table.connection, focus, hits)
    known = _known(table)
    places = {server: _hosting(own) for server, own in known.items()}
    linked = pivots.links(table.connection, places)
    counts = dict(table.connection.execute("SELECT server, links FROM link_counts").fetchall())
    certificates = _certificates(table)
    found = [
        _server(
            row, known, places.get(row[0], Hosting()), linked.get(row[0], []), hits, certificates, counts.get(row[0], 0)
        )
        for row in _met(table, focus)
    ]
    told = [one for one in found if only or one.links or any(_of_files(one.known)) or one.bad > 0]
    return sorted(told, key=lambda one: (-one.risk, -_both(one), one.server))


def _both(server: Server) -> float:
    """The weight of the strongest link to a server that was contacted as well."""
    return max((link.weight for link in server.links if link.hosts), default=0.0)


def _of_files(known: Known) -> Iterator[bool]:
    yield from (row[4] not in (TELEMETRY, "address", "--asn") for rows in known.values() for row in rows)


def _focus(table: EventTable, only: Collection[str]) -> set[str]:
    """The servers asked for: by address, or by a name that they have; without any, all that were contacted. A name that passive
    DNS alone knows stands for itself only where no address is known to bear it."""
    met = table.connection.execute(f"SELECT DISTINCT server, name FROM {CONTACTS}").fetchall()
    contacted = {server for server, _ in met}
    if not only:
        return contacted
    asked = {one.strip().lower().rstrip(".") for one in only}
    every = table.connection.execute(
        f"SELECT DISTINCT server, CASE WHEN trait = '{Trait.NAME}' THEN value END FROM {FACTS}"
    ).fetchall()
    bearing = {server for server, name in (*met, *every) if name in asked}
    return bearing | {server for server in contacted & asked} | {
        server for server, _ in every if server in asked and (not bearing or is_ip(server))
    }  # fmt: skip


def _met(table: EventTable, focus: Collection[str]) -> list[tuple[Any, ...]]:
    """server, address, names, ports, hosts, first, last, times; of a server that was not contacted, no hosts."""
    rows = table.connection.execute(f"""SELECT server, min(address), list(DISTINCT name ORDER BY name) FILTER (name IS NOT NULL),
        list(DISTINCT port ORDER BY port) FILTER (port IS NOT NULL), list(DISTINCT host ORDER BY host), min(first), max(last),
        sum(times)::BIGINT FROM {CONTACTS} SEMI JOIN focus USING (server) GROUP BY server ORDER BY server""").fetchall()
    seen = {row[0] for row in rows}
    addresses = {row[0] for row in table.connection.execute(
        f"SELECT DISTINCT server FROM {FACTS} WHERE subject = '{Subject.ADDRESS}'").fetchall()}  # fmt: skip
    rows += [(one, one if one in addresses else None, [], [], [], None, None, 0) for one in sorted(set(focus) - seen)]
    return rows


def _known(table: EventTable) -> Mapping[str, Known]:
    """By server and trait what is known of the servers in focus; of those they are linked to, what rates them."""
    rating = ", ".join(f"'{trait}'" for trait in (Trait.NAME, Trait.SYSTEM, Trait.ORGANISATION, Trait.SIGNATURE))
    found: dict[str, dict[str, list[tuple[Any, ...]]]] = {}
    for server, trait, *row in table.connection.execute(
        f"""SELECT DISTINCT server, trait, value, port, first, last, source FROM {FACTS}
          WHERE server IN (SELECT server FROM focus)
            OR (trait IN ({rating}) AND server IN (SELECT other FROM {pivots.TABLE})) ORDER BY ALL"""
    ).fetchall():
        found.setdefault(server, {}).setdefault(trait, []).append(tuple(row))
    return found


def _hosting(known: Known) -> Hosting:
    numbers = [int(row[0]) for row in known.get(Trait.SYSTEM, []) if row[0].isdecimal()]
    holders = [row[0] for row in known.get(Trait.ORGANISATION, [])]
    named = {row[0] for row in known.get(Trait.NAME, [])}
    return hosting(named, numbers[0] if numbers else None, holders[0] if holders else None)


def _certificates(table: EventTable) -> dict[str, dict[str, Any]]:
    """What files say of each certificate, by its hash."""
    found: dict[str, dict[str, Any]] = {}
    names = {Trait.SUBJECT: "subject", Trait.ISSUER: "issuer", Trait.NUMBER: "serial_number"}
    for key, trait, value, first, last in table.connection.execute(
        f"SELECT server, trait, value, min(first), max(last) FROM {facts.TABLE} WHERE subject = '{Subject.CERTIFICATE}' "
        "GROUP BY ALL ORDER BY ALL"
    ).fetchall():
        own = found.setdefault(key, {})
        if trait in names:
            own[names[Trait(trait)]] = value
        elif trait == Trait.NAME:
            own.setdefault("names", []).append(value)
        elif trait == Trait.SELF_SIGNED:
            own["self_signed"] = True
        elif trait == Trait.VALIDITY:
            own |= {key: iso(time) for key, time in (("not_before", first), ("not_after", last)) if time is not None}
    return found


def _held(known: Known, certificates: Mapping[str, dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """The certificates that a server presents, each once with all its hashes, the longest first."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for key in sorted({row[0] for row in known.get(Trait.CERTIFICATE, ())}, key=lambda key: (-len(key), key)):
        if key in certificates:
            own = certificates[key]
            same = (own["issuer"], own["serial_number"]) if "issuer" in own and "serial_number" in own else (key,)
            found.setdefault(same, {"hash": [], **own})["hash"].append(key)
    return tuple(found.values())


def _hits(table: EventTable) -> Hits:
    """Indicators' hits by server, each indicator of each source once."""
    found: dict[str, dict[tuple[str, str, str], scoring.Hit]] = {}
    for server in scoring.servers(table):
        for place in (server.address,) if server.address is not None else server.names:
            for hit in server.hits:
                known = found.setdefault(place, {})
                key = (hit.kind, hit.indicator, hit.source)
                if key not in known or hit.probability > known[key].probability:
                    known[key] = hit
    return {place: sorted(hits.values(), key=lambda hit: (-hit.probability, hit.text)) for place, hits in found.items()}


def _server(
    row: tuple[Any, ...], every: Mapping[str, Known], place: Hosting, links: Sequence[Link], hits: Hits,
    certificates: Mapping[str, dict[str, Any]], count: int,
) -> Server:  # fmt: skip
    server, address, names, ports, hosts, first, last, times = row
    known = every.get(server, {})
    held = _held(known, certificates)
    bad = [*weighing.known_bad(server, known, hits), *weighing.linked(links, every, hits)]
    odds = [*weighing.odds(known, place, held, first), *weighing.contacted(links)]
    told = (
        sorted(bad, key=lambda one: -one.weight) + sorted(odds, key=lambda one: -abs(one.weight)) + [weighing.start()]
    )
    bounds = parameters()["sharing"]
    shown = tuple(link for link in links if link.weight >= bounds["least"])[: bounds["shown"]]
    return Server(
        server, address, tuple(names or ()), tuple(ports or ()), tuple(hosts), first, last, times, known, place, shown,
        math.fsum(one.weight for one in (*odds, weighing.start())), min(1 - math.prod(1 - one.weight for one in bad), _MOST),
        tuple(told), held, count - len(shown),
    )  # fmt: skip
