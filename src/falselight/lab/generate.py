"""A whole lab by seed: one Arrow table of connection starts and the labels of what is adversary-run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from falselight.lab import browsing, timing
from falselight.lab.profiles import POLLERS, Implant, Poller

EPOCH = 1_767_571_200  # Monday 2026-01-05 00:00 UTC, seconds
_BROWSER = "C:\\Program Files\\Browser\\browser.exe"
_WORDS = ("north", "blue", "metric", "sync", "hub", "field", "stone", "cloud", "panel", "track", "wave", "port", "data")
_RARE_PROCESSES = ("C:\\Program Files\\{}\\{}.exe", "C:\\Users\\u\\AppData\\Local\\{}\\{}.exe")
_BAD_PROCESSES = (
    "C:\\Windows\\System32\\rundll32.exe", "C:\\Windows\\System32\\svchost.exe", "C:\\Users\\Public\\{}.exe",
    "C:\\ProgramData\\{}.exe", "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe", "C:\\Windows\\explorer.exe",
)  # fmt: skip


@dataclass(frozen=True)
class Label:
    """One (host, server) that is an implant's, and how it was drawn. Times in epoch nanoseconds."""

    host: str
    server: str
    address: str
    first: int
    events: int
    profile: Implant


@dataclass(frozen=True)
class Lab:
    """``events``: host, source, address, domain, port, transport, process, sent, received, duration, time (ns), in
    order of time. ``rare`` holds the servers of rare benign pollers."""

    events: pa.Table
    labels: list[Label]
    rare: list[str]
    hosts: int
    days: int
    seed: int

    @property
    def digest(self) -> str:
        """SHA-256 over times and hosts: the same seed gives the same lab."""
        found = hashlib.sha256(self.events.column("time").combine_chunks().to_numpy().tobytes())
        found.update("\n".join(label.host + label.server for label in self.labels).encode())
        return found.hexdigest()


class _Lab:
    """The lab being drawn: parts of arrays, one per (host, caller)."""

    def __init__(self, seed: int, hosts: int, days: int) -> None:
        self.draw = np.random.default_rng(seed)
        self.hosts, self.days = hosts, days
        kinds = self.draw.choice(["always", "laptop"], hosts, p=[0.3, 0.7])
        self.on = [timing.presence(self.draw, days, str(kind)) for kind in kinds]
        self.work = [timing.presence(self.draw, days, "laptop") for _ in range(hosts)]
        self.parts: list[tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]] = []
        self.owner: list[int] = []
        self.servers: dict[str, tuple[str, str, int, str]] = {}
        self.numbers: dict[str, int] = {}
        self.processes: list[str] = []

    def server(self, key: str, domain: str, address: str, port: int, transport: str) -> int:
        self.servers.setdefault(key, (domain, address, port, transport))
        return self.numbers.setdefault(key, len(self.numbers))

    def add(
        self, host: int, times: NDArray[np.float64], servers: NDArray[np.int64], process: str, sent: float,
        received: float, variation: float,
    ) -> None:  # fmt: skip
        size = np.exp(self.draw.normal(0, 1, len(times)) * variation)
        self.parts.append((times, servers, (sent * size).astype(np.int64),
                           (received * np.exp(self.draw.normal(0, 1, len(times)) * variation)).astype(np.int64)))  # fmt: skip
        self.owner.append(host)
        self.processes.append(process)

    def name(self, ending: str = "com") -> str:
        left, right = self.draw.choice(_WORDS, 2)
        return f"{left}{right}{self.draw.integers(10, 9999)}.{ending}"

    def address(self) -> str:
        a, b, c = self.draw.integers(1, 255, 3)
        return f"{self.draw.choice([45, 51, 95, 104, 139, 159, 185, 193])}.{a}.{b}.{c}"


def generate(
    seed: int, hosts: int = 200, days: int = 21, implants: list[Implant] | None = None, *, scored_days: int = 7,
    rare_share: float = 0.15, pages: float = 60.0,
) -> Lab:  # fmt: skip
    """A lab: background for ``days``, each implant on a host of its own (hosts are used again when there are more
    implants) from the first day of the last ``scored_days``. ``rare_share`` times hosts rare pollers are benign, half of
    them new in the scored days; ``pages`` are read on a working day."""
    lab = _Lab(seed, hosts, days)
    _browsing(lab, pages)
    for poller in POLLERS:
        for host in np.flatnonzero(lab.draw.random(hosts) < poller.share).tolist():
            _poller(lab, poller, host, 0.0, lab.servers.get(poller.domain))
    rare = _rare(lab, int(rare_share * hosts), scored_days)
    _habits(lab, int(2 * rare_share * hosts), scored_days)
    order = lab.draw.permutation(hosts)
    labels = [
        _implant(lab, profile, int(order[k % hosts]), max(days - scored_days, 0), k)
        for k, profile in enumerate(implants or [])
    ]
    return Lab(_table(lab), [label for label in labels if label.events], rare, hosts, days, seed)


def host_name(host: int) -> str:
    return f"ws{host:04d}"


def _browsing(lab: _Lab, pages: float) -> None:
    sites = np.array([
        lab.server(f"site{k}", f"www.site{k}.example", f"198.{18 + k % 2}.{k // 250 % 250}.{k % 250 + 1}", 443, "tcp")
        if k < browsing.SITES
        else lab.server(f"cdn{k}", f"s{k}.cdn{k % 37}.example", f"151.101.{k % 200}.{k % 250 + 1}", 443, "tcp")
        for k in range(browsing.SITES + browsing.THIRD_PARTIES)
    ])  # fmt: skip
    for host in range(lab.hosts):
        found = browsing.browse(lab.draw, lab.work[host], lab.days, pages * lab.draw.lognormal(0, 0.5))
        lab.add(host, found.times, sites[found.servers], _BROWSER, 1800, 24_000, 1.2)


def _poller(
    lab: _Lab,
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


def _rare(lab: _Lab, count: int, scored_days: int) -> list[str]:
    """Benign pollers of one or two hosts: niche updaters, open dashboards, hobby devices; half new in the scored days."""
    found = []
    for number in range(count):
        fresh = number % 2 == 1
        page = lab.draw.random() < 0.4
        name = f"{lab.draw.choice(_WORDS)}{lab.draw.integers(10, 999)}"
        poller = Poller(
            "rare", "api." + lab.name("io"), float(lab.draw.choice([5, 10, 15, 30, 60, 300, 600, 900, 3600, 14_400])),
            float(lab.draw.choice([0.0, 0.02, 0.1, 0.3])), 0.0,
            process=_BROWSER if page else str(lab.draw.choice(_RARE_PROCESSES)).format(name, name),
            sent=int(lab.draw.integers(300, 3000)), received=int(lab.draw.integers(200, 30_000)),
            variation=float(lab.draw.choice([0.02, 0.3, 0.8])), duty="work" if page else "laptop",
        )  # fmt: skip
        begin = (lab.days - scored_days * lab.draw.random()) * timing.DAY if fresh else 0.0
        for host in lab.draw.choice(lab.hosts, int(lab.draw.integers(1, 3)), replace=False).tolist():
            _poller(lab, poller, host, begin, lab.servers.get(poller.domain))
        found.append(poller.domain)
    return found


def _habits(lab: _Lab, count: int, scored_days: int) -> None:
    """Servers that one or two people use day by day without regularity, some of them new: a project's site, a small
    messenger, a repository. Visits come in clusters; between them any time passes."""
    for number in range(count):
        begin = (lab.days - scored_days * lab.draw.random()) * timing.DAY if number % 2 else 0.0
        word = f"{lab.draw.choice(_WORDS)}{lab.draw.integers(10, 999)}"
        process = _BROWSER if lab.draw.random() < 0.5 else str(lab.draw.choice(_RARE_PROCESSES)).format(word, word)
        domain = "" if lab.draw.random() < 0.05 else "www." + lab.name("org")
        server = lab.server(f"habit{number}", domain, lab.address(), 443, "tcp")
        for host in lab.draw.choice(lab.hosts, int(lab.draw.integers(1, 3)), replace=False).tolist():
            on = lab.work[host] if lab.draw.random() < 0.7 else lab.on[host]
            mean = lab.draw.uniform(60, 1800)
            steps = lab.draw.lognormal(0, lab.draw.uniform(1.2, 2.0), int((lab.days * timing.DAY - begin) / mean) + 1)
            times = begin + np.cumsum(steps * mean)
            times = times[times < lab.days * timing.DAY]
            times = times[timing.within(times, on)]
            lab.add(
                host, times, np.full(len(times), server), process, 1500.0, 9000.0, float(lab.draw.uniform(0.05, 1.0))
            )


def _implant(lab: _Lab, profile: Implant, host: int, first_day: int, number: int) -> Label:
    begin = (first_day + lab.draw.uniform(0.0, 0.6)) * timing.DAY
    if profile.duty == "work":
        on = timing.presence(lab.draw, lab.days, "work")
    else:
        on = lab.on[host] if profile.duty == "laptop" else np.array([[0.0, lab.days * timing.DAY]])
    times = timing.implant(lab.draw, replace(profile), begin, lab.days * timing.DAY, on)
    direct = lab.draw.random() < 0.25
    domain = "" if direct else lab.name(str(lab.draw.choice(["com", "net", "online", "xyz"])))
    turns = 3 if profile.channel == "rotation" else 1
    places = [lab.address() for _ in range(turns)]
    numbers = [lab.server(f"bad{number}.{k}", domain, place, 443 if lab.draw.random() < 0.8 else 80, "tcp")
               for k, place in enumerate(places)]  # fmt: skip
    process = str(lab.draw.choice(_BAD_PROCESSES)).format(lab.draw.choice(_WORDS))
    size = float(lab.draw.integers(400, 1500))
    lab.add(host, times, np.resize(np.array(numbers), len(times)), process, size, size * 0.7,
            0.01 + profile.data_jitter / (4 * size + profile.data_jitter))  # fmt: skip
    first = EPOCH * 10**9 + int(times[0] * 1e9) if len(times) else 0
    return Label(host_name(host), domain or places[0], places[0], first, len(times), profile)


def _table(lab: _Lab) -> pa.Table:
    times = np.concatenate([part[0] for part in lab.parts])
    lengths = [len(part[0]) for part in lab.parts]
    owner = np.repeat(np.array(lab.owner), lengths)
    servers = np.concatenate([part[1] for part in lab.parts])
    order = np.lexsort((servers, owner, times))
    listed = list(lab.servers.values())
    names = np.array([lab_name or None for lab_name, *_ in listed], dtype=object)

    def picked(values: list[object] | NDArray[np.object_], which: NDArray[np.int64]) -> pa.Array:
        return pa.DictionaryArray.from_arrays(pa.array(which.astype(np.int32)), pa.array(values, pa.string()))

    hosts, places = owner[order], servers[order]
    process_of = np.repeat(np.arange(len(lab.parts)), lengths)[order]
    ports = np.array([entry[2] for entry in listed], dtype=np.int64)
    return pa.table({
        "host": picked([host_name(k) for k in range(lab.hosts)], hosts),
        "source": picked([f"10.1.{k // 250}.{k % 250 + 1}" for k in range(lab.hosts)], hosts),
        "address": picked([entry[1] for entry in listed], places),
        "domain": picked(names, places),
        "port": pa.array(ports[places]),
        "transport": picked([entry[3] for entry in listed], places),
        "process": picked(list(lab.processes), process_of),
        "sent": pa.array(np.concatenate([part[2] for part in lab.parts])[order]),
        "received": pa.array(np.concatenate([part[3] for part in lab.parts])[order]),
        "time": pa.array(EPOCH * 10**9 + (times[order] * 1e9).astype(np.int64)),
    })  # fmt: skip
