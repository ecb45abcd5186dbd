"""A third background: many programs that only one host has, homes and small offices among the network's places, and pages that
poll for as long as they are open. No weight, line or allowance was fitted to it, and no factor was chosen by it alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from falselight.lab import laws, timing
from falselight.lab.callers import Caller, apart, call
from falselight.lab.drawn import BRIEF, LOOKUP, Drawn
from falselight.lab.laws import Law

_PAGE = "C:\\Users\\u\\AppData\\Local\\Viewer\\Application\\viewer.exe"
_PROGRAMS = "C:\\Program Files\\"
_SYSTEM = "C:\\Windows\\System32\\"
# Common programs: name, law, period in seconds, share of the hosts, then what is not usual.
CALLERS: tuple[Caller, ...] = (
    Caller("time.north-stratum.example", laws.wandering, 256, 0.8, _SYSTEM + "svchost.exe", 123, "udp", 76, 76, 0.0),
    Caller("push.platform.example", laws.retrying, 1680, 0.9, life=1500.0, sent=700, received=500),
    Caller("telemetry.platform.example", laws.flushed, 1200, 0.9, sent=6000, received=300, variation=0.9),
    Caller("delivery.platform.example", laws.scheduled, 21_600, 0.9, received=400_000, variation=1.5),
    Caller("check.connectivity.example", laws.clockwork, 300, 0.7, _SYSTEM + "nlasvc.exe", 80, "tcp", 150, 220, 0.0),
    Caller("cloud.endpoint-guard.example", laws.jittered, 55, 0.9, _PROGRAMS + "Guard\\guard.exe", variation=0.2),
    Caller("fleet.endpoint-guard.example", laws.clockwork, 600, 0.9, _PROGRAMS + "Guard\\guard.exe", own=True, variation=0.05),
    Caller("agent.assets.example", laws.scheduled, 14_400, 0.8, _PROGRAMS + "Assets\\inventory.exe", sent=30_000),
    Caller("tunnel.access.example", laws.clockwork, 25, 0.3, _PROGRAMS + "Access\\tunnel.exe", 4500, "udp", 112, 96, 0.0),
    Caller("calls.meet.example", laws.alternating, 120, 0.6, _PROGRAMS + "Meet\\meet.exe", attended=True, variation=0.8),
    Caller("boxes.post.example", laws.jittered, 180, 0.7, _PROGRAMS + "Post\\post.exe", 993, attended=True, variation=0.5),
    Caller("notes.wiki.example", laws.jittered, 15, 0.3, _PAGE, attended=True, variation=0.3),
    Caller("metrics.pixel.example", laws.clockwork, 60, 0.7, _PAGE, attended=True, variation=0.1),
    Caller("sync.photos.example", laws.wandering, 900, 0.3, _PROGRAMS + "Photos\\sync.exe", variation=1.2),
    Caller("list.blocking.example", laws.flushed, 200, 0.2, _PROGRAMS + "Filter\\filter.exe", 53, LOOKUP),
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """What one host has and few others: how it calls, and on which ports; ``direct`` is the share that has no name, ``shared``
    that stands below a content network; ``many`` servers at most for one program. Sizes in bytes: medians of what is drawn."""

    laws: tuple[Law, ...]
    periods: tuple[float, ...]
    ports: tuple[int, ...] = (443,)
    transport: str = "tcp"
    process: str = _PROGRAMS + "{0}\\{0}.exe"
    sent: float = 900.0
    received: float = 2500.0
    variations: tuple[float, ...] = (0.05, 0.4, 1.0)
    direct: float = 0.0
    shared: float = 0.15
    many: int = 1
    life: float = BRIEF
    attended: bool = False


_OWN = "C:\\Users\\u\\AppData\\Local\\{0}\\{0}.exe"
RARE: tuple[Kind, ...] = (
    Kind((laws.jittered, laws.clockwork), (30, 60, 300, 900, 3600)),  # an agent of some service
    Kind((laws.scheduled,), (3600, 14_400, 21_600, 43_200), received=3000.0, variations=(0.02, 0.2), process=_OWN),  # updater
    Kind((laws.wandering,), (64, 128, 512, 1024), (123,), "udp", _SYSTEM + "svchost.exe", 76, 76, (0.0,), 0.6, 0.0),  # clock
    Kind((laws.retrying,), (600, 1800), (8333, 9735, 30_303), sent=4000, received=9000, variations=(1.0,), direct=1.0, many=8,
         life=5000.0, process=_OWN, shared=0.0),  # wallet
    Kind((laws.retrying, laws.clockwork), (60, 120), (8883, 1883), sent=300, received=250, variations=(0.02,), direct=0.2,
         life=1800.0, process=_PROGRAMS + "{0}\\bridge.exe"),  # devices of a home
    Kind((laws.clockwork,), (60, 300), (443, 8086, 9443), sent=600, received=180, variations=(0.01, 0.1), direct=0.3,
         process="C:\\Python312\\python.exe"),  # a measuring station that reports
    Kind((laws.scheduled,), (86_400,), (443, 22), sent=5e6, received=20_000, variations=(1.0,), many=2),  # backup
    Kind((laws.clockwork, laws.scheduled), (300, 600), (80, 443), sent=160, received=220, variations=(0.0,)),  # address updater
    Kind((laws.scheduled,), (1800, 2700), (80, 443, 6969), sent=420, received=900, variations=(0.1, 0.5), many=4,
         process=_OWN, shared=0.0),  # tracker
    Kind((laws.alternating, laws.jittered), (10, 20, 45), sent=700, received=900, variations=(0.2,), attended=True,
         process=_PAGE),  # an open board
    Kind((laws.flushed,), (120, 600), sent=4000, received=200, variations=(0.6,), process=_OWN),  # usage statistics
    Kind((laws.jittered,), (600, 1800, 7200), received=30_000, variations=(0.6, 1.0), process=_OWN),  # feeds
)  # fmt: skip
FRESH = 0.15  # share of them that begin within the scored days


def presence(draw: np.random.Generator, days: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When a host is on, and when its user works: offices, homes in the evening and at the weekend, and servers."""
    kind = draw.choice(["office", "home", "server"], p=[0.5, 0.35, 0.15])
    on: list[tuple[float, float]] = []
    for day in range(days):
        weekend = day % 7 >= 5
        if kind == "office" and draw.random() > (0.95 if weekend else 0.05):
            first = day * timing.DAY + draw.normal(9.0, 0.8) * 3600
            on.append((first, first + draw.normal(8.5, 0.9) * 3600))
        elif kind == "home" and draw.random() < (0.9 if weekend else 0.75):
            first = day * timing.DAY + draw.normal(11.0 if weekend else 18.0, 1.2) * 3600
            on.append((first, first + draw.gamma(6, 0.8 if weekend else 0.5) * 3600))
    work = apart(on)
    return (np.array([[0.0, days * timing.DAY]]), np.array([[0.0, 0.0]])) if kind == "server" else (work, work)


def draw_background(lab: Drawn, pages: float, rare_share: float, scored_days: int) -> list[str]:
    """All that is benign; gives the servers of the rare programs, of which there are seven times ``rare_share`` a host."""
    for caller in CALLERS:
        place = lab.address()
        for host in np.flatnonzero(lab.draw.random(lab.hosts) < caller.share).tolist():
            name = f"{lab.draw.integers(16**6):x}.{caller.domain}" if caller.own else caller.domain
            call(lab, Caller(**{**vars(caller), "domain": name}), host, 0.0, place)
    _pages(lab, pages)
    found: list[str] = []
    for _ in range(int(7 * rare_share * lab.hosts)):
        found += _rare(lab, scored_days)
    return found


def _rare(lab: Drawn, scored_days: int) -> list[str]:
    """One program on one host, at times on up to five."""
    kind = RARE[int(lab.draw.integers(len(RARE)))]
    word = lab.name("").rstrip(".")
    fresh = lab.draw.random() < FRESH
    begin = (lab.days - scored_days * lab.draw.random()) * timing.DAY if fresh else 0.0
    law, period = kind.laws[int(lab.draw.integers(len(kind.laws)))], float(lab.draw.choice(kind.periods))
    variation = float(lab.draw.choice(kind.variations))
    sizes = [int(value * lab.draw.lognormal(0, 0.5)) for value in (kind.sent, kind.received)]
    count = 1 if lab.draw.random() < 0.8 else int(lab.draw.integers(2, 6))
    hosts = lab.draw.choice(lab.hosts, min(count, lab.hosts), replace=False).tolist()
    found = []
    for number in range(int(lab.draw.integers(1, kind.many + 1))):
        chosen = lab.draw.random()
        domain, place = f"{lab.draw.choice(['api', 'in', 'hub', 'u'])}{number}.{word}.app", lab.address()
        if chosen < kind.direct:
            domain = ""
        elif chosen < kind.direct + kind.shared:
            domain, place = lab.shared_name()
        for host in hosts:
            port = int(lab.draw.choice(kind.ports))
            caller = Caller(domain, law, period, 0.0, kind.process.format(word), port, kind.transport, sizes[0], sizes[1],
                            variation, attended=kind.attended, life=kind.life)  # fmt: skip
            call(lab, caller, host, begin, place)
        found.append(domain or place)
    return found


SITES, TICKERS = 12_000, 900


def _pages(lab: Drawn, pages: float) -> None:
    """Pages of a long tail of sites. One in six stays open, and then its own server and one of a few hundred others are
    polled at a rhythm of the page's own, with a little jitter, for minutes or an hour."""
    sites = np.array([lab.server(f"place{k}", f"www.place{k}.example", f"172.67.{k % 200}.{k // 200 + 1}", 443, "tcp")
                      for k in range(SITES)])  # fmt: skip
    others = np.array([lab.server(f"ticker{k}", f"t{k}.cdn{k % 37}.example", f"151.101.{k % 200}.{k % 250 + 1}", 443, "tcp")
                       for k in range(TICKERS)])  # fmt: skip
    for host in range(lab.hosts):
        mean = 36_000 / max(pages * lab.draw.lognormal(0, 0.7), 1.0)
        parts = [laws.visited(lab.draw, mean, low, high) for low, high in lab.work[host].tolist() if high > low]
        times = np.concatenate(parts) if parts else np.empty(0)
        own = (lab.draw.pareto(0.8, 30) * 60).astype(np.int64) % SITES
        chosen = np.where(lab.draw.random(len(times)) < 0.55, own[lab.draw.integers(0, 30, len(times))],
                          (lab.draw.pareto(0.5, len(times)) * 15).astype(np.int64) % SITES)  # fmt: skip
        moments, servers = [times], [sites[chosen]]
        for at in np.flatnonzero(lab.draw.random(len(times)) < 1 / 6).tolist():
            site = int(chosen[at])
            period = (5.0, 10.0, 15.0, 30.0, 30.0, 60.0, 120.0)[site % 7]
            count = int(min(lab.draw.exponential(900.0), 7200.0) / period)
            polls = times[at] + np.cumsum(period * lab.draw.uniform(0.97, 1.08, count))
            moments.append(polls)
            servers.append(np.full(count, sites[site] if site % 3 else others[site % TICKERS]))
        loaded = lab.draw.poisson(5, len(times))
        which = np.repeat(chosen, loaded) * 31 + lab.draw.integers(0, 7, int(loaded.sum())) * 97
        moments.append(np.repeat(times, loaded) + lab.draw.gamma(2, 0.5, int(loaded.sum())))
        servers.append(others[((which * 48_271 % 65_536 / 65_536) ** 2 * TICKERS).astype(np.int64)])
        lab.add(host, np.concatenate(moments), np.concatenate(servers), _PAGE, 2000, 15_000, 1.3, 20.0)
