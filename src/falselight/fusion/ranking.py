"""Evidence of all kinds → a risk for each host and server, with reasons.

The beacon score gives log-odds; a rule's finding adds to them by its severity (``fusion.toml``). An indicator is independent of
all that: risk = 1 - (1 - sigmoid(odds)) · (1 - p), with p the probability that the indicators give. An allow-list lowers the
odds, and never an indicator's part."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from falselight import collector
from falselight.analytics import beacons, connections, networks
from falselight.analytics.domains import is_own
from falselight.dns import lookups
from falselight.dns import scoring as scoring_of_lookups
from falselight.dns.scoring import Score
from falselight.findings import Finding
from falselight.fusion import indicators as indicators_of
from falselight.fusion import kinds, places, rules, traits
from falselight.fusion.rows import Pairs, ServerRisk, changed, earliest, same
from falselight.infrastructure import signs
from falselight.intel import observed
from falselight.mappings.network import domain_parts
from falselight.readers.settings import Settings
from falselight.risks import Alarm, Reason
from falselight.store import EventTable

# The server of a row about what a host does as a whole, as its lookups of generated names.
HOST = "(lookups of a host)"


@dataclass(frozen=True)
class ServerTotal:
    """One server over all hosts: a poller on 500 hosts is one of these."""

    server: str
    hosts: int
    risk: float
    worst: ServerRisk


def scope(settings: Settings) -> connections.Scope:
    """The networks that the user names, the private ranges without."""
    internal = settings.internal or networks.parse(networks.INTERNAL)
    return connections.Scope(internal=tuple(internal), external=tuple(settings.external))


def rank(
    table: EventTable,
    settings: Settings,
    *,
    findings: Sequence[Finding] = (),
    indicators: bool = False,
    allowed: Iterable[str] = (),
    once: bool = False,
    asn: Path | None = None,
) -> list[ServerRisk]:
    """All scored pairs, highest risk first; ties in the order of host and server. ``indicators``: the relation of
    ``intel.store.load`` is in the table's database. ``allowed``: names (with all below them) and addresses. ``once``: staging
    servers and uploads as well, which are met without rhythm. ``asn``: a MaxMind database of autonomous systems."""
    with collector.paused():
        found = _beacons(table, settings)
        if once:
            kinds.add(found, table)
        if indicators:
            indicators_of.add(found, table, settings, asn, float(parameters()["unscored_odds"]))
        _add_lookups(found, table, settings, asn)
        _add_traits(found, table)
        places.add(found, table, parameters(), asn)
        for finding in findings:
            rules.add(found, finding, parameters())
        permitted = frozenset(each.strip().lower().rstrip(".") for each in allowed if each.strip())
        rows = [_dated(_permitted(row, permitted)) for row in found.values()]
        return sorted(rows, key=lambda row: (-row.risk, -row.odds, row.host, row.server))


def totals(rows: Sequence[ServerRisk]) -> list[ServerTotal]:
    """The servers over their hosts, highest risk first; what a host does as a whole is its own."""
    grouped: dict[tuple[str, str], list[ServerRisk]] = {}
    for row in rows:
        grouped.setdefault((row.server, row.host if row.server == HOST else ""), []).append(row)
    made = [ServerTotal(server, len(own), own[0].risk, own[0]) for (server, _), own in grouped.items()]
    return sorted(made, key=lambda total: (-total.risk, total.server, total.worst.host))


def _beacons(table: EventTable, settings: Settings) -> Pairs:
    connections.build(table, scope(settings))
    scores = beacons.score(table.connection)
    found = Pairs(float(parameters()["unscored_odds"]) + (0.0 if scores is None else scores.allowance))
    for row in scores.settled().rows(scores.ranking()) if scores is not None else ():
        is_name = row.server != row.address
        if row.address is None and is_own(row.server):
            continue  # looked up as a printer or a reversed address is: no server of an adversary
        found[row.host, row.server] = ServerRisk(
            row.host,
            row.server,
            row.address,
            (row.server,) if is_name else (),
            (row.port,) if row.port is not None else (),
            row.process,
            row.odds,
            0.0,
            row.first_seen,
            row.last_seen,
            row.detected_at,
            row,
            (),
            alarms=(Alarm(row.false_alarm, "by the rhythm of the lab's benign pairs"),),
        )
    return found


def _add_lookups(found: Pairs, table: EventTable, settings: Settings, asn: Path | None) -> None:
    """What lookups say of a registered domain adds to each host's servers below it, within bounds, and is the least of their
    odds; a domain of a host that never connected to it stands by itself if its lookups alone are suspicious, and so does what
    a host does."""
    bounds = parameters()["lookups"]
    by_domain: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for key in found:
        by_domain.setdefault((key[0], domain_parts(key[1])[0] or key[1]), []).append(key)
    for score in scoring_of_lookups.scores(table, settings.internal, settings.external, asn):
        told = [each for each in score.reasons if each.factor != "start" and abs(each.weight) >= bounds["least"]]
        weight = min(math.fsum(reason.weight for reason in told) * bounds["share"], bounds["most"])
        for host in score.hosts:
            keys = by_domain.get((host, score.domain), []) if score.domain is not None else []
            for key in keys if weight > 0 else []:
                row = found[key]
                found[key] = changed(
                    row,
                    odds=max(row.odds + weight, score.odds),
                    evidence=(*_of_lookups(told, bounds["share"]), *row.evidence),
                    detected_at=earliest(row.detected_at, score.detected),
                    looked_up=True,
                    alarms=(*row.alarms, *score.alarms),
                )
            if not keys and score.risk >= bounds["alone"]:
                found[host, score.domain or HOST] = _looked_up(host, score)


def _of_lookups(reasons: Iterable[Reason], share: float = 1.0) -> tuple[Reason, ...]:
    return tuple(Reason(f"dns: {each.factor}", round(each.weight * share, 3), each.text) for each in reasons)


def _looked_up(host: str, score: Score) -> ServerRisk:
    """A row for a domain that a host never connected to, or for what the host does as a whole."""
    names = (score.domain,) if score.domain is not None else ()
    return ServerRisk(
        host, score.domain or HOST, None, names, (), None, score.odds, 0.0, score.first, score.last, score.detected,
        None, _of_lookups(score.reasons), looked_up=True, alarms=score.alarms,
    )  # fmt: skip


def _add_traits(found: Pairs, table: EventTable) -> None:
    """What handshakes say adds to the pairs that have a rank."""
    for trait in traits.traits(table, parameters()["tls"]):
        for key in same(found, trait.host, trait.address, trait.names):
            row = found[key]
            odds = row.odds + math.fsum(reason.weight for reason in trait.reasons)
            found[key] = changed(row, odds=odds, evidence=(*trait.reasons, *row.evidence))


def _permitted(row: ServerRisk, allowed: frozenset[str]) -> ServerRisk:
    """An allowed server's odds are lowered; what indicators say of it stays."""
    if not allowed:
        return row
    labels = row.server.split(".")
    suffixes = {".".join(labels[at:]) for at in range(len(labels))}
    if not (suffixes & allowed or row.address in allowed):
        return row
    weight = float(parameters()["allowed"])
    reason = Reason("allowed", weight, "its name or address is on the allow-list")
    return changed(row, odds=row.odds + weight, evidence=(*row.evidence, reason), allowed=True)


def _dated(row: ServerRisk) -> ServerRisk:
    """Where only several kinds of evidence together reach the alert line, the data up to the last event are known to suffice."""
    if row.detected_at is not None or row.risk < float(parameters()["alert_line"]):
        return row
    return changed(row, detected_at=row.last_seen)


@cache
def parameters() -> dict[str, Any]:
    """The parameters as shipped."""
    return tomllib.loads(files("falselight.fusion").joinpath("fusion.toml").read_text("utf-8"))


# What a reading must bring for the ranking: the fields of connections and of indicators.
WANTED = observed.WANTED | lookups.WANTED | connections.WANTED | signs.WANTED | traits.WANTED
