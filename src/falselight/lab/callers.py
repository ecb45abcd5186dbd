"""Benign programs that call by a law of their own, and how they do on one host or a few."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from falselight.lab import timing
from falselight.lab.drawn import BRIEF, LOOKUP, Drawn
from falselight.lab.laws import Law


@dataclass(frozen=True)
class Caller:
    """A benign program: its law and period, and the share of hosts that have it. ``own`` hosts have a name each below the
    domain; ``life`` is for how many seconds a connection stands; ``attended``: only while its user works."""

    domain: str
    law: Law
    period: float
    share: float
    process: str = "C:\\Windows\\System32\\svchost.exe"
    port: int = 443
    transport: str = "tcp"
    sent: int = 1200
    received: int = 4000
    variation: float = 0.3
    own: bool = False
    attended: bool = False
    life: float = BRIEF


def call(lab: Drawn, caller: Caller, host: int, begin: float, place: str) -> None:
    end = lab.days * timing.DAY
    address = "" if caller.transport == LOOKUP else place
    key = caller.domain or place
    number = lab.server(key, caller.domain, address, caller.port, caller.transport)
    on = lab.work[host] if caller.attended else lab.on[host]
    parts = [caller.law(lab.draw, caller.period, low, high) for low, high in timing.clipped(on, begin, end)]
    times = np.concatenate(parts) if parts else np.empty(0)
    seconds = caller.life * lab.draw.weibull(0.8, len(times)) if caller.life > BRIEF else np.full(len(times), BRIEF)
    seconds[:-1] = np.minimum(seconds[:-1], np.maximum(np.diff(times), BRIEF))
    lab.add(
        host,
        times,
        np.full(len(times), number),
        caller.process,
        caller.sent,
        caller.received,
        caller.variation,
        seconds,
    )


def on_some(lab: Drawn, caller: Caller, begin: float, place: str) -> None:
    count = min(int(lab.draw.choice([1, 2, 3], p=[0.65, 0.25, 0.1])), lab.hosts)
    for host in lab.draw.choice(lab.hosts, count, replace=False).tolist():
        call(lab, caller, host, begin + lab.draw.exponential(0.1) * timing.DAY if begin else 0.0, place)


def apart(stretches: list[tuple[float, float]]) -> NDArray[np.float64]:
    """Ascending and without overlap."""
    found: list[tuple[float, float]] = []
    for low, high in sorted(stretches):
        if found and low <= found[-1][1]:
            found[-1] = found[-1][0], max(high, found[-1][1])
        else:
            found.append((low, high))
    return np.array(found or [(0.0, 0.0)])
