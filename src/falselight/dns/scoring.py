"""Events → ranked registered domains and hosts, each with its risk and reasons."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from falselight.analytics.networks import Network
from falselight.dns import lookups
from falselight.dns.factors import excess, of_domain, of_host
from falselight.dns.hosts import Host, hosts, is_address, reach
from falselight.dns.measures import Domain, data, domains
from falselight.dns.parameters import parameters
from falselight.risks import Alarm, Reason, false_alarm, head, moments, per_host_day, rated
from falselight.store import EventTable

# Why there is no false_alarm of a host.
UNMEASURED = "what benign hosts fail to look up in a day has not been measured"


@dataclass(frozen=True)
class Score:
    """A registered domain with the hosts that look it up, or (``domain`` None) one host. Reasons with the greatest weight
    come first, what any has to begin with last. ``detected`` is when the least that its group of names, or tunnel, needs had been
    seen. Times are epoch nanoseconds."""

    domain: str | None
    hosts: tuple[str, ...]
    reasons: tuple[Reason, ...]
    lookups: int
    first: int | None
    last: int | None
    detected: int | None = None

    @property
    def odds(self) -> float:
        """The sum of the reasons, within bounds."""
        most = float(parameters()["start"]["most"])
        return max(-most, min(most, math.fsum(reason.weight for reason in self.reasons)))

    @property
    def risk(self) -> int:
        """0 to 100."""
        return round(100 / (1 + math.exp(-self.odds)))

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """How often benign domains look as bad; of hosts nothing is known."""
        if self.domain is None:
            return ()
        return (Alarm(per_host_day(self.odds, parameters()["false_alarm"]), "by popular names that rank as high"),)

    def to_document(self) -> dict[str, Any]:
        """The finding document (specs/findings.md), of kind ``dns``."""
        whose = "domain" if self.domain is not None else "host"
        name = "Suspicious domain" if self.domain is not None else "Suspicious lookups of a host"
        document = head(f"falselight-dns-{whose}", name, self.last)
        named = [host for host in self.hosts if not is_address(host)]
        addresses = [host for host in self.hosts if is_address(host)]
        if named:
            document["host"] = {"name": named if len(named) > 1 else named[0]}
        if addresses:
            document["source"] = {"ip": addresses if len(addresses) > 1 else addresses[0]}
        if self.domain is not None:
            document["destination"] = {"domain": self.domain}
            document["dns"] = {"question": {"registered_domain": self.domain}}
        own = rated("dns", self.risk, self.reasons) | false_alarm(self.alarms, UNMEASURED)
        document["falselight"] = {**own, "events": self.lookups, **moments(self.first, self.last, self.detected)}
        return document


def scores(
    table: EventTable, internal: Sequence[Network] = (), external: Sequence[Network] = (), asn: Path | None = None
) -> list[Score]:
    """All registered domains and hosts with a lookup, highest risk first, then hosts before domains, by name. ``asn``: a MaxMind
    database of autonomous systems."""
    lookups.build(table)
    extent = data(table.connection)
    reach(table, internal, external)
    measured = domains(table.connection, asn)
    seen = hosts(table)
    groups = {host.host: excess(host) for host in seen}
    enough = {host.host: host.enough for host in seen}
    found = [_of_domain(domain, _ordered(of_domain(domain, extent, groups)), enough) for domain in measured]
    found += [_of_host(host, _ordered(of_host(host))) for host in seen]
    return sorted(found, key=lambda score: (-score.risk, -score.odds, score.domain or "", score.hosts))


def _of_domain(domain: Domain, reasons: tuple[Reason, ...], enough: Mapping[str, int | None]) -> Score:
    factors = {reason.factor for reason in reasons}
    detected = domain.enough if "tunnel: names" in factors else None
    if detected is None and "generated: group" in factors and domain.first is not None:
        whole = [moment for host in domain.hosts if (moment := enough[host]) is not None]
        detected = max(domain.first, min(whole)) if whole else None
    return Score(domain.domain, domain.hosts, reasons, domain.times, domain.first, domain.last, detected)


def _of_host(host: Host, reasons: tuple[Reason, ...]) -> Score:
    grouped = any(reason.factor == "generated: group" for reason in reasons)
    return Score(None, (host.host,), reasons, host.times, host.first, host.last, host.enough if grouped else None)


def _ordered(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted(reasons, key=lambda reason: (reason.factor == "start", -abs(reason.weight), reason.factor)))
