"""Hits → for each host and server the risk that known-bad indicators give, with each one's part in words."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from ipaddress import ip_address
from typing import Any

from falselight.analytics.networks import INTERNAL, Network, inside, parse
from falselight.expressions import Expressions
from falselight.intel import observed
from falselight.intel.matching import HITS
from falselight.intel.model import Kind, is_shared
from falselight.intel.store import TABLE as INDICATORS
from falselight.mappings.network import domain_parts
from falselight.plan.dates import iso
from falselight.risks import Alarm, Reason, destination, false_alarm, head, moments, rated
from falselight.store import EventTable

_DAY = 86_400_000_000_000
_KINDS = {kind.value: kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class Hit:
    """One indicator that one host met at one server. ``probability`` that the server is an adversary's by this hit alone;
    ``text`` says why in words. Times are epoch nanoseconds."""

    indicator: str
    kind: Kind
    source: str
    role: str
    value: str
    probability: float
    text: str
    count: int
    first: int | None
    last: int | None


@dataclass(frozen=True, slots=True)
class Server:
    """A host's hits at one server: by address, or by name where it was only looked up. Strongest hit first."""

    host: str
    address: str | None
    names: tuple[str, ...]
    ports: tuple[int, ...]
    hits: tuple[Hit, ...]
    alarm: Alarm | None = None

    @property
    def probability(self) -> float:
        return joint(self.hits)

    @property
    def risk(self) -> int:
        return round(100 * self.probability)

    def to_document(self) -> dict[str, Any]:
        """The finding document (specs/findings.md), of kind ``intel``."""
        firsts = [hit.first for hit in self.hits if hit.first is not None]
        lasts = [hit.last for hit in self.hits if hit.last is not None]
        first, last = min(firsts, default=None), max(lasts, default=None)
        document = head("falselight-intel", "Known-bad server", last)
        document["host"] = {"name": self.host}
        document["destination"] = destination(self.address, self.names, self.ports)
        own = rated("intel", self.risk, (Reason(f"intel: {hit.kind}", hit.probability, hit.text) for hit in self.hits))
        own |= false_alarm(() if self.alarm is None else (self.alarm,), "no host met it")
        events = sum(hit.count for hit in self.hits)
        document["falselight"] = {**own, "events": events, **moments(first, last, first)}
        return document


def joint(hits: Iterable[Hit]) -> float:
    """The probability by the strongest hit of each source: a feed that lists an address and its name says one thing twice."""
    strongest: dict[str, float] = {}
    for hit in hits:
        strongest[hit.source] = max(strongest.get(hit.source, 0.0), hit.probability)
    innocent = 1.0
    for probability in sorted(strongest.values()):
        innocent *= 1.0 - probability
    return min(1.0 - innocent, float(_parameters()["factors"]["most"]))


def servers(table: EventTable, internal: Sequence[Network] = ()) -> list[Server]:
    """All servers with a hit, highest risk first, then by host and server. ``internal``: networks of the user's own, the private
    ones without; hosts without a name are counted there. A hit that neither tells host nor server (a certificate that was logged
    beside its connection) stands only where no server has the same."""
    shared = _shared_addresses(table)
    grouped: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    every = table.connection.execute(_SQL).fetchall()
    shared |= _shared_fingerprints(every)
    own = tuple(internal) or parse(INTERNAL)
    for row in (_turned(each, own) for each in every):
        host, address, name = row[0], row[1], row[2]
        grouped.setdefault((host, address or name or ""), []).append(row)
    found = []
    for (host, _), rows in grouped.items():
        hits = sorted(
            _hits(rows, shared), key=lambda hit: (-hit.probability, hit.kind, hit.indicator, hit.source, hit.role)
        )
        found.append(
            Server(
                host,
                next((row[1] for row in rows if row[1]), None),
                tuple(sorted({row[2] for row in rows if row[2]})),
                tuple(sorted({row[3] for row in rows if row[3] is not None})),
                tuple({(hit.kind, hit.indicator, hit.source): hit for hit in reversed(hits)}.values())[::-1],
            )
        )
    placed = {_what(hit) for server in found if _is_placed(server) for hit in server.hits}
    found = [one for one in found if _is_placed(one) or not all(_what(hit) in placed for hit in one.hits)]
    found.sort(key=lambda server: (-server.risk, server.host, server.address or "", server.names))
    return _alarmed(found, _host_days(table, own))


def _is_placed(server: Server) -> bool:
    return bool(server.host or server.address or server.names)


def _what(hit: Hit) -> tuple[str, str, str]:
    return hit.kind, hit.indicator, hit.source


def _turned(row: tuple[Any, ...], own: Sequence[Network]) -> tuple[Any, ...]:
    """A hit of what came from a server that has no host's name, as a file in an answer has it: the receiver is the host."""
    host, address, role = row[0], row[1], row[4]
    if address is None or role == "destination.ip" or not _lies_in(address, own):
        return row
    return row if _lies_in(host, own) is not False else (address, host, row[2], None, *row[4:])


def _lies_in(text: str, networks: Sequence[Network]) -> bool | None:
    """Whether an address lies in one of the networks; None of what is no address."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return any(address in network for network in networks)


def _alarmed(found: list[Server], host_days: int) -> list[Server]:
    """With how many of the servers of as high a risk are benign if the indicators are as good as they are taken for."""
    wrong, by_risk = 0.0, {}
    for server in found:
        wrong += 1 - server.probability
        by_risk[server.risk] = wrong / host_days
    text = f"by the stated confidence of indicators, over {host_days:,} days of hosts"
    return [replace(server, alarm=Alarm(by_risk[server.risk], text)) for server in found]


def _host_days(table: EventTable, internal: Sequence[Network]) -> int:
    """On how many days how many hosts had events; at least one."""
    read = Expressions(table)
    named = f"CASE WHEN {inside(read.bytes('source.ip'), internal)} THEN {read.text('source.ip')} END"
    sql = f"SELECT DISTINCT coalesce({read.text('host.name')}, {named}) AS host, _time // {_DAY} FROM {read.table}"
    ((days,),) = table.connection.execute(f"SELECT count(*) FROM ({sql}) WHERE host IS NOT NULL").fetchall()
    return max(int(days), 1)


_SQL = f"""SELECT h.host, h.address, h.name, h.port, h.role, h.value, h.exact, h.count, h.first, h.last, i.kind, i.value,
  i.source, i.description, i.first_seen, i.last_seen, i.expires, i.confidence, i.port
  FROM {HITS} h JOIN {INDICATORS} i ON i.id = h.indicator ORDER BY ALL"""


def _hits(rows: list[tuple[Any, ...]], shared: dict[str, int]) -> Iterator[Hit]:
    """``shared``: names by address, and servers by fingerprint."""
    for row in rows:
        _, address, _, _, role, value, exact, count, first, last, kind_text, indicator, source, about, *state = row
        kind = _KINDS[kind_text]
        probability, because = _weighed(kind, indicator, address, role, exact, last, state, shared)
        text = f"{kind} {indicator}, listed by {source}" + (f" ({about})" if about else "") + f", seen in {role}"
        text += f" as {value}" if value != indicator else ""
        yield Hit(indicator, kind, source, role, value, probability, ". ".join([text, *because]), count, first, last)


def _weighed(
    kind: Kind,
    indicator: str,
    address: str | None,
    role: str,
    exact: bool,
    last: int | None,
    state: list[Any],
    shared: dict[str, int],
) -> tuple[float, list[str]]:
    """The probability of a hit, and what raised or lowered it."""
    factors = _parameters()["factors"]
    _, last_seen, expires, confidence, port = state
    probability = _parameters()["kinds"][kind] * (factors["unstated"] if confidence is None else confidence / 100)
    because = ["The source states no confidence"] if confidence is None else []
    if port is not None:
        probability *= factors["port"]
    if expires is not None and last is not None and last >= expires:
        probability *= factors["expired"]
        because.append(f"It expired on {iso(expires)[:10]}")
    elif (
        kind in (Kind.IP, Kind.NETWORK)
        and last_seen is not None
        and last is not None
        and last - last_seen > factors["old_days"] * _DAY
    ):
        probability *= factors["old"]
        because.append(f"The source saw it last on {iso(last_seen)[:10]}")
    if kind in factors["fingerprints"] and (met := shared.get(indicator, 1)) > 1:
        probability /= met
        because.append(f"It is met at {met} servers here")
    if kind is Kind.DOMAIN and is_shared(indicator):
        probability *= factors["shared_name"]
        because.append("Strangers register names below it")
    elif kind is Kind.DOMAIN and not exact:
        probability *= factors["parent"]
    if kind in (Kind.IP, Kind.NETWORK) and shared.get(address or "", 0) >= factors["shared_names"]:
        probability *= factors["shared_address"]
        because.append(f"The address bears {shared[address or '']} registered domains here: shared hosting")
    if role in observed.LOOKED_UP:
        probability *= factors["looked_up"]
        because.append("It was only looked up")
    return min(probability, factors["most"]), because


def _shared_addresses(table: EventTable) -> dict[str, int]:
    """Distinct registered domains by address, for addresses that indicators name."""
    connection = table.connection
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE hit_addresses AS SELECT DISTINCT h.address FROM {HITS} h JOIN {INDICATORS} i "
        f"ON i.id = h.indicator WHERE i.kind IN ('{Kind.IP}', '{Kind.NETWORK}') AND h.address IS NOT NULL"
    )
    parts = [f"SELECT address, name FROM {observed.BESIDE} JOIN hit_addresses USING (address)"]
    parts += [
        f"SELECT address, name FROM ({observed.rows(table, each, joined='JOIN hit_addresses h ON h.address = s.raw')})"
        for each in observed.shown(table)
        if each.kind is Kind.IP
    ]
    rows = connection.execute(
        f"SELECT DISTINCT address, name FROM ({' UNION ALL '.join(parts)}) WHERE name IS NOT NULL"
    ).fetchall()
    domains: dict[str, set[str]] = {}
    for address, name in rows:
        domains.setdefault(address, set()).add(domain_parts(name)[0] or name)
    return {address: len(names) for address, names in domains.items()}


def _shared_fingerprints(rows: Iterable[tuple[Any, ...]]) -> dict[str, int]:
    """At how many registered domains, or addresses without a name, each fingerprint was met."""
    kinds, servers = _parameters()["factors"]["fingerprints"], dict[str, set[str]]()
    for row in rows:
        address, name, kind, indicator = row[1], row[2], row[10], row[11]
        if kind in kinds and (name or address):
            servers.setdefault(indicator, set()).add(domain_parts(name)[0] or name if name else address)
    return {indicator: len(met) for indicator, met in servers.items()}


def is_weak(hit: Hit) -> bool:
    """Whether a hit is too weak to be known-bad by itself."""
    return hit.probability < float(_parameters()["factors"]["weak"])


@cache
def _parameters() -> dict[str, Any]:
    return tomllib.loads(files("falselight.intel").joinpath("parameters.toml").read_text(encoding="utf-8"))
