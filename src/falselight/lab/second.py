"""A second background, by other laws, habits and programs than the first: what is fitted to one is judged by the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from falselight.lab import laws, timing
from falselight.lab.callers import Caller, apart, call, on_some
from falselight.lab.drawn import LOOKUP, WORDS, Drawn
from falselight.lab.laws import Law

_OPENED = "C:\\Program Files\\Mozilla Firefox\\firefox.exe"
_RARE_PROCESSES = (
    "C:\\Program Files\\{}\\{}.exe", "C:\\Program Files (x86)\\{}\\bin\\{}.exe",
    "C:\\Users\\u\\AppData\\Local\\Programs\\{}\\{}.exe",
    "C:\\Users\\u\\AppData\\Roaming\\{}\\{}.exe", "C:\\ProgramData\\{}\\{}.exe", "C:\\Python312\\python.exe",
    "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe", "C:\\Windows\\System32\\svchost.exe",
)  # fmt: skip
_RARE_SHARES = (0.34, 0.12, 0.14, 0.08, 0.06, 0.08, 0.06, 0.12)
_LAWS: tuple[Law, ...] = (
    laws.retrying, laws.scheduled, laws.flushed, laws.wandering, laws.alternating, laws.jittered, laws.clockwork,
)  # fmt: skip
_PERIODS = (7, 20, 45, 90, 150, 400, 1200, 2700, 5400, 10_800, 21_600)


_PROGRAMS = "C:\\Program Files\\"
CALLERS: tuple[Caller, ...] = (
    Caller("pool.clock.example", laws.wandering, 700, 1.0, port=123, transport="udp", sent=90, received=90, variation=0.0),
    Caller("notify.system-vendor.example", laws.retrying, 9000, 0.95, life=8000.0, sent=3000, received=6000, variation=0.9),
    Caller("collect.system-vendor.example", laws.flushed, 500, 0.95, sent=9000, received=700, variation=1.1),
    Caller("catalog.system-vendor.example", laws.scheduled, 43_200, 1.0, received=90_000, variation=1.3),
    Caller("revocation.trust.example", laws.visited, 2000, 0.9, "C:\\Windows\\System32\\lsass.exe", 80, sent=400, received=1800),
    Caller("cloud.protection.example", laws.alternating, 40, 0.98, _PROGRAMS + "Protection\\guard.exe", variation=0.7),
    Caller("tenant.protection.example", laws.clockwork, 240, 0.98, _PROGRAMS + "Protection\\report.exe", own=True),
    Caller("manage.device-vendor.example", laws.scheduled, 28_800, 0.9, _PROGRAMS + "Device\\manage.exe"),
    Caller("remote.helpdesk.example", laws.clockwork, 30, 0.5, _PROGRAMS + "Helpdesk\\agent.exe", 8443, variation=0.0),
    Caller("sites.backup.example", laws.retrying, 600, 0.4, _PROGRAMS + "Backup\\agent.exe", own=True, variation=0.05),
    Caller("exchange.mailhost.example", laws.alternating, 60, 0.85, _PROGRAMS + "Mail\\mail.exe", attended=True, variation=0.9),
    Caller("gateway.talk.example", laws.retrying, 3600, 0.7, "C:\\Users\\u\\AppData\\Local\\Talk\\talk.exe", life=3000.0),
    Caller("presence.talk.example", laws.jittered, 75, 0.7, "C:\\Users\\u\\AppData\\Local\\Talk\\talk.exe", attended=True),
    Caller("files.share.example", laws.wandering, 120, 0.45, _PROGRAMS + "Share\\share.exe", variation=0.8),
    Caller("beacon.measure.example", laws.clockwork, 20, 0.6, _OPENED, attended=True, variation=0.2),
    Caller("live.board.example", laws.jittered, 10, 0.12, _OPENED, attended=True, variation=0.4),
    Caller("feed.news.example", laws.scheduled, 300, 0.3, _OPENED, attended=True, variation=0.5),
    Caller("license.design.example", laws.scheduled, 3600, 0.06, _PROGRAMS + "Design\\license.exe", 5053, variation=0.01),
    Caller("store.printing.example", laws.clockwork, 900, 0.08, _PROGRAMS + "Printing\\spool.exe", own=True),
    Caller("door.sensors.example", laws.jittered, 60, 0.04, _PROGRAMS + "Door\\door.exe", 8883, own=True, variation=0.02),
    Caller("hash.reputation.example", laws.visited, 120, 0.6, _PROGRAMS + "Protection\\guard.exe", 53, LOOKUP),
    Caller("lists.sender-check.example", laws.flushed, 300, 0.03, _PROGRAMS + "Mail\\filter.exe", 53, LOOKUP),
)  # fmt: skip


def presence(draw: np.random.Generator, days: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When a host is on, and when its user works: desktops that stay on, portable ones that wake in the evening too, and a
    shift by night."""
    kind = draw.choice(["desktop", "portable", "shift"], p=[0.5, 0.4, 0.1])
    on: list[tuple[float, float]] = []
    work: list[tuple[float, float]] = []
    for day in range(days):
        away = draw.random() < (0.06 if day % 7 < 5 else 0.9)
        first = day * timing.DAY + (draw.gamma(20, 0.4) if kind != "shift" else draw.normal(15, 0.4)) * 3600
        last = first + draw.gamma(60, 0.14) * 3600
        if not away:
            work.append((first, last))
            on.append((first, last))
        if kind == "portable" and draw.random() < 0.5:
            evening = max(day * timing.DAY + draw.normal(20.5, 0.7) * 3600, last + 600)
            on.append((evening, evening + draw.exponential(1.2) * 3600))
    if kind == "desktop":
        on = [(0.0, days * timing.DAY)]
    return apart(on), apart(work)


def draw_background(lab: Drawn, pages: float, rare_share: float, scored_days: int) -> list[str]:
    """All that is benign; gives the servers of the rare pollers."""
    for caller in CALLERS:
        place = lab.address()
        for host in np.flatnonzero(lab.draw.random(lab.hosts) < caller.share).tolist():
            own = replace(caller, domain=f"{lab.draw.integers(16**9):x}.{caller.domain}") if caller.own else caller
            call(lab, own, host, 0.0, place)
    _browse(lab, pages)
    rare = [_rare(lab, number, scored_days) for number in range(int(rare_share * lab.hosts))]
    for number in range(int(2 * rare_share * lab.hosts)):
        begin = (lab.days - scored_days * lab.draw.random()) * timing.DAY if number % 2 else 0.0
        caller = Caller("" if lab.draw.random() < 0.08 else lab.name("net"), laws.visited, lab.draw.uniform(120, 3000), 0.0,
                        process=_program(lab, 0.4), variation=lab.draw.uniform(0.05, 1.0), attended=True)  # fmt: skip
        on_some(lab, caller, begin, lab.address())
    return rare


def _program(lab: Drawn, opened: float) -> str:
    if lab.draw.random() < opened:
        return _OPENED
    word = f"{lab.draw.choice(WORDS)}{lab.draw.choice(WORDS)}"
    return str(lab.draw.choice(_RARE_PROCESSES, p=_RARE_SHARES)).format(word, word)


def _rare(lab: Drawn, number: int, scored_days: int) -> str:
    """A poller of one to three hosts, every other one new; some without a name, below a content network, or only looked up."""
    begin = (lab.days - scored_days * lab.draw.random()) * timing.DAY if number % 2 else 0.0
    kind = lab.draw.choice(["named", "shared", "direct", "lookup"], p=[0.7, 0.17, 0.08, 0.05])
    domain, place = lab.shared_name() if kind == "shared" else ("app." + lab.name("dev"), lab.address())
    process = _program(lab, 0.3)
    law = _LAWS[int(lab.draw.integers(len(_LAWS)))]
    caller = Caller(
        "" if kind == "direct" else domain, law, float(lab.draw.choice(_PERIODS)), 0.0, process,
        53 if kind == "lookup" else int(lab.draw.choice([443, 443, 443, 80, 8080])), LOOKUP if kind == "lookup" else "tcp",
        int(lab.draw.lognormal(6.8, 0.8)), int(lab.draw.lognormal(7.5, 1.5)), float(lab.draw.choice([0.0, 0.01, 0.1, 0.5, 1.0])),
        attended=process == _OPENED,
    )  # fmt: skip
    on_some(lab, caller, begin, place)
    return caller.domain or place


SITES, EMBEDDED, KEPT_OPEN = 8000, 250, 90.0


def _browse(lab: Drawn, pages: float) -> None:
    """Pages of sites by a power law, each with the third parties that it always has; a connection that is open is used
    again for a minute and a half."""
    sites = np.array([lab.server(f"page{k}", f"www.page{k}.example", f"146.75.{k % 250}.{k // 250 + 1}", 443, "tcp")
                      for k in range(SITES)])  # fmt: skip
    parts = np.array([
        lab.server(f"part{k}", f"p{k}.cdn{k % 37}.example", f"151.101.{k % 200}.{k % 250 + 1}", 443, "tcp")
        for k in range(EMBEDDED)
    ])  # fmt: skip
    for host in range(lab.hosts):
        mean = 30_000 / max(pages * lab.draw.gamma(3, 1 / 3), 1.0)
        moments = [laws.visited(lab.draw, mean, low, high) for low, high in lab.work[host].tolist() if high > low]
        times = np.concatenate(moments) if moments else np.empty(0)
        own = (lab.draw.pareto(0.7, 25) * 40).astype(np.int64) % SITES
        site = np.where(lab.draw.random(len(times)) < 0.5, own[lab.draw.integers(0, 25, len(times))],
                        (lab.draw.pareto(0.6, len(times)) * 10).astype(np.int64) % SITES)  # fmt: skip
        load = 3 + site * 31 % 9
        which = np.repeat(site, load) * 13 + _turns(load) * 17
        third = ((which * 2_654_435_761 % 65_536 / 65_536) ** 2 * EMBEDDED).astype(np.int64)
        moved = np.repeat(times, load) + lab.draw.gamma(2, 0.4, int(load.sum()))
        servers = np.concatenate([sites[site], parts[third]])
        moments_of = np.concatenate([times, moved])
        kept = _opened(moments_of, servers)
        lab.add(host, moments_of[kept], servers[kept], _OPENED, 2200, 18_000, 1.4, 30.0)


def _turns(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, … within each group."""
    found: NDArray[np.int64] = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return found


def _opened(times: NDArray[np.float64], servers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places of those that find no connection to their server open."""
    order = np.lexsort((times, servers))
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (np.diff(times[order]) > KEPT_OPEN) | (np.diff(servers[order]) != 0)
    found: NDArray[np.int64] = np.sort(order[new])
    return found
