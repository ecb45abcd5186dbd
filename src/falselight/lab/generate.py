"""A whole lab by seed: one Arrow table of connection starts and the labels of what is adversary-run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from falselight.lab import background as first
from falselight.lab import scenes, second, third, timing
from falselight.lab.drawn import BRIEF, LOOKUP, WORDS, Drawn, Presence
from falselight.lab.profiles import Implant

EPOCH = 1_767_571_200  # Monday 2026-01-05 00:00 UTC, seconds
_BAD_PROCESSES = (
    "C:\\Windows\\System32\\rundll32.exe", "C:\\Windows\\System32\\svchost.exe", "C:\\Users\\Public\\{}.exe",
    "C:\\ProgramData\\{}.exe", "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe", "C:\\Windows\\explorer.exe",
)  # fmt: skip
# Where implants of the second background live besides.
_BAD_ELSEWHERE = ("C:\\Users\\u\\AppData\\Local\\{}\\{}.exe", "C:\\Users\\u\\AppData\\Roaming\\{}.exe",
                  "C:\\Program Files\\{}\\{}.exe", "C:\\Users\\u\\Downloads\\{}.exe")  # fmt: skip

# What is benign, by name: when hosts are on and people work, and what they do.
BACKGROUNDS: dict[str, tuple[Presence | None, Callable[[Drawn, float, float, int], list[str]]]] = {
    "first": (None, first.draw_background),
    "second": (second.presence, second.draw_background),
    "third": (third.presence, third.draw_background),
}


@dataclass(frozen=True)
class Label:
    """One (host, server) that is an implant's, and how it was drawn. Times in epoch nanoseconds; ``addresses`` and ``names`` are
    all that the server has, ``sources`` the addresses as which sensors on the network see the host (``lab.seen``)."""

    host: str
    server: str
    address: str
    first: int
    events: int
    profile: Implant
    addresses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lab:
    """``events``: host, source, address, domain, port, transport, process, sent, received, path and mime of what is fetched over
    plain HTTP, duration and time (ns), queried (a lookup, which has no address and no duration), proxied (the address
    is a proxy's), in order of time. ``starts`` of
    programs: host, time, process, parent. ``rare`` holds the servers of rare benign pollers, ``placed`` the staging and upload
    servers."""

    events: pa.Table
    labels: list[Label]
    rare: list[str]
    hosts: int
    days: int
    seed: int
    starts: pa.Table
    placed: tuple[scenes.Placed, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 over times and hosts: the same seed gives the same lab."""
        found = hashlib.sha256(self.events.column("time").combine_chunks().to_numpy().tobytes())
        found.update("\n".join(label.host + label.server for label in self.labels).encode())
        return found.hexdigest()


def generate(
    seed: int, hosts: int = 200, days: int = 21, implants: list[Implant] | None = None, *, scored_days: int = 7,
    rare_share: float = 0.15, pages: float = 60.0, together: bool = False, background: str = "first",
    staging: int = 0, uploads: int = 0,
) -> Lab:  # fmt: skip
    """A lab: background for ``days``, each implant on as many hosts as its profile says (hosts are used again when there
    are more implants) from the first two days of the last ``scored_days``. ``rare_share`` times hosts rare pollers are
    benign, half of them new in the scored days; ``pages`` are read on a working day. ``together``: all implants
    begin on the first of these days, within a quarter of an hour from 10:00. ``background`` is one of ``BACKGROUNDS``.
    ``staging`` and ``uploads`` servers are an implant's among benign ones that look alike (``scenes``); without any there is
    neither."""
    presence, drawn = BACKGROUNDS[background]
    lab = Drawn(seed, hosts, days, presence=presence)
    rare = drawn(lab, pages, rare_share, scored_days)
    order = lab.draw.permutation(hosts)
    labels: list[Label] = []
    for number, profile in enumerate(implants or []):
        own = [int(order[(number + turn * 7) % hosts]) for turn in range(min(profile.hosts, hosts))]
        labels += _implant(lab, profile, list(dict.fromkeys(own)), max(days - scored_days, 0), number, together)
    placed = scenes.place(lab, staging, uploads, scored_days) if staging or uploads else []
    kept = [label for label in labels if label.events]
    return Lab(_table(lab), kept, rare, hosts, days, seed, _starts(lab), tuple(placed))


def host_name(host: int) -> str:
    return f"ws{host:04d}"


def _implant(
    lab: Drawn, profile: Implant, hosts: list[int], first_day: int, number: int, together: bool
) -> list[Label]:
    """One campaign: the same server, process and sizes on each of the hosts, each begun at its own time."""
    direct = lab.draw.random() < 0.25 and profile.channel == "tcp"
    domain = "" if direct else lab.name(str(lab.draw.choice(["com", "net", "online", "xyz"])))
    places = [lab.address() for _ in range(3 if profile.channel == "rotation" else 1)]
    if profile.channel in ("fronted", "shared"):
        below, places[0] = lab.shared_name()
        domain = below if profile.channel == "fronted" else domain
    port, transport = 443 if lab.draw.random() < 0.8 or profile.channel == "fronted" else 80, "tcp"
    if profile.channel == "dns":
        places, port, transport = [""], 53, LOOKUP
    names = [domain] * len(places)
    if profile.channel == "names":
        names, places = [domain, lab.name("org"), lab.name("co")], places * 3
    numbers = [lab.server(f"bad{number}.{k}", name, place, port, transport)
               for k, (name, place) in enumerate(zip(names, places, strict=True))]  # fmt: skip
    process = str(lab.draw.choice(_BAD_PROCESSES)).format(lab.draw.choice(WORDS))
    size = float(lab.draw.integers(400, 1500))
    answer = size * 0.7
    if lab.other:
        process = str(lab.draw.choice(_BAD_PROCESSES + _BAD_ELSEWHERE)).format(*lab.draw.choice(WORDS, 2))
        answer = float(lab.draw.lognormal(6.0, 1.0))
    found = []
    for host in hosts:
        late = lab.draw.uniform(0.0, 2.0 if profile.sleep <= 300 else 0.6)
        begin = (first_day + (late / 200 + 10 / 24 if together else late)) * timing.DAY
        times = timing.implant(lab.draw, profile, begin, lab.days * timing.DAY, _awake(lab, profile, host))
        seconds = timing.open_for(profile, times, BRIEF)
        lab.add(host, times, np.resize(np.array(numbers), len(times)), process, size, answer,
                0.01 + profile.data_jitter / (4 * size + profile.data_jitter), seconds)  # fmt: skip
        first = EPOCH * 10**9 + int(times[0] * 1e9) if len(times) else 0
        found.append(Label(host_name(host), domain or places[0], places[0], first, len(times), profile,
                           tuple(dict.fromkeys(places)), tuple(names) if domain else ()))  # fmt: skip
    return found


def _awake(lab: Drawn, profile: Implant, host: int) -> NDArray[np.float64]:
    if profile.duty in ("work", "night"):
        return timing.presence(lab.draw, lab.days, profile.duty)
    return lab.on[host] if profile.duty == "laptop" else np.array([[0.0, lab.days * timing.DAY]])


def moment(seconds: float) -> int:
    """Epoch nanoseconds of a moment of the lab."""
    return EPOCH * 10**9 + int(seconds * 1e9)


def _starts(lab: Drawn) -> pa.Table:
    rows = sorted(lab.starts, key=lambda row: (row[1], row[0], row[2]))
    return pa.table({
        "host": pa.array([host_name(host) for host, *_ in rows], pa.string()),
        "time": pa.array([moment(time) for _, time, *_ in rows], pa.int64()),
        "process": pa.array([image for *_, image, _ in rows], pa.string()),
        "parent": pa.array([parent for *_, parent in rows], pa.string()),
    })  # fmt: skip


def _table(lab: Drawn) -> pa.Table:
    times = np.concatenate([part.times for part in lab.parts])
    lengths = [len(part.times) for part in lab.parts]
    owner = np.repeat(np.array([part.host for part in lab.parts]), lengths)
    servers = np.concatenate([part.servers for part in lab.parts])
    order = np.lexsort((servers, owner, times))
    listed = list(lab.servers.values())
    names = np.array([lab_name or None for lab_name, *_ in listed], dtype=object)
    lookups = np.array([entry[3] == LOOKUP for entry in listed])

    def picked(values: list[object] | NDArray[np.object_], which: NDArray[np.int64]) -> pa.Array:
        return pa.DictionaryArray.from_arrays(pa.array(which.astype(np.int32)), pa.array(values, pa.string()))

    hosts, places = owner[order], servers[order]
    process_of = np.repeat(np.arange(len(lab.parts)), lengths)[order]
    ports = np.array([entry[2] for entry in listed], dtype=np.int64)
    durations = (np.concatenate([part.durations for part in lab.parts])[order] * 1e9).astype(np.int64)
    return pa.table({
        "host": picked([host_name(k) for k in range(lab.hosts)], hosts),
        "source": picked([f"10.1.{k // 250}.{k % 250 + 1}" for k in range(lab.hosts)], hosts),
        "address": picked([entry[1] or None for entry in listed], places),
        "domain": picked(names, places),
        "port": pa.array(ports[places]),
        "transport": picked([entry[3] if entry[3] != LOOKUP else "udp" for entry in listed], places),
        "process": picked([part.process for part in lab.parts], process_of),
        "sent": pa.array(np.concatenate([part.sent for part in lab.parts])[order]),
        "received": pa.array(np.concatenate([part.received for part in lab.parts])[order]),
        "path": _details(lab, 0, process_of),
        "mime": _details(lab, 1, process_of),
        "duration": pa.array(durations, mask=lookups[places]),
        "queried": pa.array(lookups[places]),
        "proxied": pa.repeat(False, len(places)),
        "time": pa.array(EPOCH * 10**9 + (times[order] * 1e9).astype(np.int64)),
    })  # fmt: skip


def _details(lab: Drawn, which: int, part_of: NDArray[np.int64]) -> pa.Array:
    """Path (0) or MIME type (1) of each row, where its part has one."""
    values = sorted({detail[which] for detail in lab.details.values()})
    by_part = np.full(len(lab.parts), -1, dtype=np.int32)
    for part, detail in lab.details.items():
        by_part[part] = values.index(detail[which])
    numbers = by_part[part_of]
    return pa.DictionaryArray.from_arrays(pa.array(numbers, mask=numbers < 0), pa.array(values, pa.string()))
