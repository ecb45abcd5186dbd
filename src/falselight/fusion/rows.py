"""One row of the ranked list: a host and a server, with all that is known of them together."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from falselight.analytics import beacons
from falselight.dns.scoring import UNMEASURED
from falselight.risks import Alarm, Reason, destination, false_alarm, head, moments, rated

KIND_BEACON, KIND_INTEL, KIND_DNS, KIND_FUSED = "beacon", "intel", "dns", "fused"


@dataclass(frozen=True)
class ServerRisk:
    """One host and one server. ``risk`` is 0 to 100, ``odds`` the log-odds without indicators, ``known_bad`` the probability
    that indicators give. Times are epoch nanoseconds. ``rhythm`` is its beacon score, whose reasons come with ``evidence``, what
    all else says; ``indicators`` are what gives ``known_bad``, each with its probability; ``found_by`` are kinds beside rhythm,
    indicators, lookups and rules; ``alarms`` tell of each kind of evidence how often it is as strong without an adversary."""

    host: str
    server: str
    address: str | None
    names: tuple[str, ...]
    ports: tuple[int, ...]
    process: str | None
    odds: float
    known_bad: float
    first_seen: int | None
    last_seen: int | None
    detected_at: int | None
    rhythm: beacons.Row | None
    evidence: tuple[Reason, ...]
    rules: tuple[str, ...] = ()
    allowed: bool = False
    looked_up: bool = False
    found_by: tuple[str, ...] = ()
    indicators: tuple[Reason, ...] = ()
    alarms: tuple[Alarm, ...] = ()

    @property
    def risk(self) -> float:
        return round(100 * (1 - (1 - sigmoid(self.odds)) * (1 - self.known_bad)), 1)

    @property
    def beacon(self) -> beacons.Beacon | None:
        return None if self.rhythm is None else self.rhythm.beacon

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """All reasons, the greatest first. Of an indicator the weight is what it adds to the log-odds of all else."""
        told = (Reason(each.factor, self._gain(each.weight), each.text) for each in self.indicators)
        every = (*told, *self.evidence, *(() if self.rhythm is None else self.rhythm.reasons))
        return tuple(sorted(every, key=lambda reason: (reason.factor == "start", -abs(reason.weight))))

    def _gain(self, probability: float) -> float:
        """How much likelier an adversary is, in log-odds, by an indicator of this probability than without one."""
        odds, bounded = math.exp(max(self.odds, -700.0)), min(probability, 1 - 1e-6)
        return round(math.log((odds + bounded) / odds / (1 - bounded)), 3)

    @property
    def lever(self) -> tuple[str, ...]:
        """What would raise the risk, and what would lower it, in words."""
        found = []
        if self.known_bad < 0.5:
            raised = changed(self, known_bad=1 - (1 - self.known_bad) * 0.15)
            found.append(f"a trusted indicator of its name would raise the risk to {raised.risk:.0f}")
        if self.rhythm is not None:
            lowered = changed(self, odds=self.odds + 3 * float(beacons.parameters()["weights"]["prevalence"]))
            if lowered.risk < self.risk - 1:
                found.append(f"eight times as many hosts that contact it would lower it to {lowered.risk:.0f}")
        if self.known_bad >= 0.5:
            found.append("only the expiry or withdrawal of its indicators would lower it")
        return tuple(found)

    @property
    def kind(self) -> str:
        kinds = {KIND_BEACON: self.rhythm is not None, KIND_INTEL: self.known_bad > 0, KIND_DNS: self.looked_up}
        found = list(dict.fromkeys([*(kind for kind, present in kinds.items() if present), *self.found_by]))
        return found[0] if len(found) == 1 and not self.rules else KIND_FUSED

    @property
    def _unmeasured(self) -> str:
        return UNMEASURED if self.looked_up else "how often rules match benign events depends on the network"

    def to_document(self) -> dict[str, Any]:
        """The finding document (specs/findings.md)."""
        own = rated(self.kind, self.risk, self.reasons)
        own |= false_alarm(self.alarms, self._unmeasured)
        own |= moments(self.first_seen, self.last_seen, self.detected_at)
        if (beacon := self.beacon) is not None:
            own["beacon"] = {name: value for name, value in vars(beacon).items() if value == value}
        if self.lever:
            own["lever"] = list(self.lever)
        document = head("falselight-ranking", "Ranked server", self.last_seen)
        if self.host:
            document["host"] = {"name": self.host}
        document["destination"] = destination(self.address, self.names, self.ports)
        if self.process:
            document["process"] = {
                "name": [self.process.rsplit("\\", 1)[-1].rsplit("/", 1)[-1]],
                "executable": self.process,
            }
        return {**document, "falselight": own}


Key = tuple[str, str]


def changed(row: ServerRisk, **values: Any) -> ServerRisk:
    """The row with other values, as ``dataclasses.replace`` gives it, without a look at every field."""
    made = object.__new__(ServerRisk)
    made.__dict__.update(row.__dict__, **values)
    return made


class Pairs(dict[Key, ServerRisk]):
    """Rows by host and server. A row may be replaced by one of the same address, never taken out. ``start`` is the log-odds of
    a pair that is too seldom seen to be scored: judged as cautiously as those that are."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.start = start
        self._by_address: dict[Key, list[Key]] = {}

    def __setitem__(self, key: Key, row: ServerRisk) -> None:
        if key not in self and row.address is not None:
            self._by_address.setdefault((key[0], row.address), []).append(key)
        super().__setitem__(key, row)

    def at(self, host: str, address: str) -> list[Key]:
        """The rows of a host whose server has this address."""
        return self._by_address.get((host, address), [])


def sigmoid(odds: float) -> float:
    return 1 / (1 + math.exp(-odds)) if odds > -700 else 0.0


def earliest(*times: int | None) -> int | None:
    return min((time for time in times if time is not None), default=None)


def latest(*times: int | None) -> int | None:
    return max((time for time in times if time is not None), default=None)


def same(found: Pairs, host: str, address: str | None, names: Iterable[str]) -> list[Key]:
    """The pairs of the host that are this server, by one of its names or else by its address."""
    by_name = [(host, name) for name in names if (host, name) in found]
    if by_name:
        return by_name
    if address is None:
        return []
    if (host, address) in found:
        return [(host, address)]
    return found.at(host, address)
