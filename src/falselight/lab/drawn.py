"""A lab while it is drawn: who is on when, which servers there are, and the connections of each caller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from falselight.lab import timing
from falselight.lab.profiles import Implant, Poller

BROWSER = "C:\\Program Files\\Browser\\browser.exe"
WORDS = ("north", "blue", "metric", "sync", "hub", "field", "stone", "cloud", "panel", "track", "wave", "port", "data")
CONTENT_NETWORKS = 37


LOOKUP = "dns"  # transport of a server that is looked up and never called
BRIEF = 0.2  # seconds that a connection lasts unless told otherwise

Presence = Callable[[np.random.Generator, int], tuple[NDArray[np.float64], NDArray[np.float64]]]


@dataclass(frozen=True)
class Part:
    """One caller's connections on one host: a value each."""

    host: int
    process: str
    times: NDArray[np.float64]
    servers: NDArray[np.int64]
    sent: NDArray[np.int64]
    received: NDArray[np.int64]
    durations: NDArray[np.float64]


class Drawn:
    """Parts of arrays, one per (host, caller). ``on`` is when a host runs, ``work`` when its user works; ``presence`` draws
    both for one host by another law, and then the rest is ``other`` too."""

    def __init__(self, seed: int, hosts: int, days: int, presence: Presence | None = None) -> None:
        self.draw = np.random.default_rng(seed)
        self.hosts, self.days, self.other = hosts, days, presence is not None
        if presence is not None:
            both = [presence(self.draw, days) for _ in range(hosts)]
            self.on, self.work = [on for on, _ in both], [work for _, work in both]
        else:
            kinds = self.draw.choice(["always", "laptop"], hosts, p=[0.3, 0.7])
            self.on = [timing.presence(self.draw, days, str(kind)) for kind in kinds]
            self.work = [timing.presence(self.draw, days, "laptop") for _ in range(hosts)]
        self.parts: list[Part] = []
        self.servers: dict[str, tuple[str, str, int, str]] = {}
        self.numbers: dict[str, int] = {}
        # Path and MIME type of what a part fetches over plain HTTP, by the part's number; starts of programs.
        self.details: dict[int, tuple[str, str]] = {}
        self.starts: list[tuple[int, float, str, str]] = []

    def server(self, key: str, domain: str, address: str, port: int, transport: str) -> int:
        self.servers.setdefault(key, (domain, address, port, transport))
        return self.numbers.setdefault(key, len(self.numbers))

    def add(
        self, host: int, times: NDArray[np.float64], servers: NDArray[np.int64], process: str, sent: float,
        received: float, variation: float, seconds: float | NDArray[np.float64] = BRIEF,
    ) -> None:  # fmt: skip
        size = sent * np.exp(self.draw.normal(0, 1, len(times)) * variation)
        answer = received * np.exp(self.draw.normal(0, 1, len(times)) * variation)
        self.parts.append(Part(host, process, times, servers, size.astype(np.int64), answer.astype(np.int64),
                               np.broadcast_to(seconds, len(times))))  # fmt: skip

    def name(self, ending: str = "com") -> str:
        left, right = self.draw.choice(WORDS, 2)
        return f"{left}{right}{self.draw.integers(10, 9999)}.{ending}"

    def address(self) -> str:
        a, b, c = self.draw.integers(1, 255, 3)
        return f"{self.draw.choice([45, 51, 95, 104, 139, 159, 185, 193])}.{a}.{b}.{c}"

    def shared_name(self) -> tuple[str, str]:
        """A customer's name below a content network's domain, and an address of that network."""
        network = int(self.draw.integers(CONTENT_NETWORKS))
        label = self.draw.integers(16**8, 16**9)
        return f"d{label:x}.cdn{network}.example", f"151.101.{self.draw.integers(200)}.{self.draw.integers(1, 251)}"


def poll(
    lab: Drawn,
    poller: Poller,
    host: int,
    begin: float,
    known: tuple[str, str, int, str] | None,
    process: str | None = None,
) -> None:
    place = "10.0.250.9" if poller.internal else lab.address() if known is None else known[1]
    number = lab.server(poller.domain, poller.domain, place, poller.port, poller.transport)
    on = lab.work[host] if poller.duty == "work" else lab.on[host]
    profile = Implant("benign", poller.period, poller.jitter, "symmetric", drop=0.01)
    times = timing.implant(lab.draw, profile, begin, lab.days * timing.DAY, on)
    lab.add(host, times, np.full(len(times), number), process or poller.process, poller.sent, poller.received,
            poller.variation)  # fmt: skip
