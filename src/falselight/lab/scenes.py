"""Servers met once or fed: staging servers and uploads as implants have them, and what is benign and looks alike.

Benign: installers that people download and that then call their vendor, package managers, updaters, developers' one-off
downloads; backups (a vendor's, one's own, one begun anew), meetings, drives, attachments, one-off uploads to portals, pushes of
developers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from falselight.lab import timing
from falselight.lab.drawn import BROWSER, WORDS, Drawn
from falselight.lab.profiles import Implant

STAGING, UPLOAD = "staging", "upload"
_SYSTEM = "C:\\Windows\\System32\\"
_POWERSHELL = _SYSTEM + "WindowsPowerShell\\v1.0\\powershell.exe"
_LOADERS = (_POWERSHELL, _POWERSHELL, _SYSTEM + "mshta.exe", _SYSTEM + "certutil.exe", _SYSTEM + "curl.exe",
            _SYSTEM + "rundll32.exe", _SYSTEM + "wscript.exe", _SYSTEM + "regsvr32.exe")  # fmt: skip
_DROPPED = ("C:\\Users\\Public\\{}.exe", "C:\\ProgramData\\{}.exe", "C:\\Users\\u\\AppData\\Local\\Temp\\{}.exe",
            "C:\\Users\\u\\AppData\\Roaming\\{0}\\{0}.exe")  # fmt: skip
_STAGES = (("/a.ps1", "text/plain"), ("/update.exe", "application/x-dosexec"), ("/x.hta", "text/html"),
           ("/s.bin", "application/octet-stream"), ("/p.dll", "application/x-dosexec"))  # fmt: skip
_SENDERS = ("C:\\Users\\Public\\rclone.exe", "C:\\ProgramData\\{}.exe", _POWERSHELL, _SYSTEM + "curl.exe",
            "C:\\Users\\u\\AppData\\Local\\Temp\\{}.exe", "C:\\Program Files (x86)\\WinSCP\\WinSCP.exe", BROWSER)  # fmt: skip


@dataclass(frozen=True)
class Placed:
    """A server that is an implant's: what kind, whose, when first (seconds), what it is called. ``known``: others use it too."""

    kind: str
    host: int
    server: str
    address: str
    first: float
    process: str
    known: bool = False


def place(lab: Drawn, staging: int, uploads: int, scored_days: int) -> list[Placed]:
    """Adds benign look-alikes to all hosts and so many implants of both kinds in the last ``scored_days``, each on a host of its
    own as long as there are enough."""
    begin = max(lab.days - scored_days, 0)
    _installers(lab, begin)
    _developers(lab, begin)
    _updaters(lab)
    _backups(lab, begin)
    _sending(lab, begin)
    order = lab.draw.permutation(lab.hosts)
    found = [_staging(lab, int(order[k % lab.hosts]), k, begin) for k in range(staging)]
    return found + [_upload(lab, int(order[-1 - k % lab.hosts]), k, begin) for k in range(uploads)]


def _moment(lab: Drawn, host: int, begin: int) -> float:
    """Some moment of a host's working time from a day on."""
    spans = [
        (max(low, begin * timing.DAY), high)
        for low, high in lab.work[host].tolist()
        if high > begin * timing.DAY + 3600
    ]
    if not spans:
        return float(lab.draw.uniform(begin, lab.days) * timing.DAY)
    low, high = spans[int(lab.draw.integers(len(spans)))]
    return float(lab.draw.uniform(low, max(low + 60, high - 1800)))


def _calls(
    lab: Drawn, host: int, times: Sequence[float], server: int, process: str, sent: float, received: float,
    variation: float = 0.2,
) -> None:  # fmt: skip
    kept = np.array([time for time in times if time < lab.days * timing.DAY])
    lab.add(host, kept, np.full(len(kept), server), process, sent, received, variation)


def _amount(lab: Drawn, low: float, high: float) -> float:
    """Bytes, even on a logarithmic scale."""
    return float(np.exp(lab.draw.uniform(np.log(low), np.log(high))))


def _staging(lab: Drawn, host: int, number: int, begin: int) -> Placed:
    time = _moment(lab, host, begin)
    lured = lab.draw.random() < 0.2
    loader = BROWSER if lured else str(lab.draw.choice(_LOADERS))
    direct = lab.draw.random() < 0.3
    domain, address = "" if direct else lab.name(str(lab.draw.choice(["com", "top", "xyz", "site"]))), lab.address()
    port = int(lab.draw.choice([443, 80, 8080], p=[0.5, 0.35, 0.15]))
    server = lab.server(f"stage{number}", domain, address, port, "tcp")
    count = int(lab.draw.integers(1, 4))
    if port != 443:
        lab.details[len(lab.parts)] = _STAGES[int(lab.draw.integers(len(_STAGES)))]
    _calls(
        lab,
        host,
        (time + np.cumsum(lab.draw.exponential(3.0, count))).tolist(),
        server,
        loader,
        500,
        _amount(lab, 2e4, 8e6),
    )
    chosen = lab.draw.random()
    caller = loader if chosen < 0.4 and not lured else _SYSTEM + "rundll32.exe" if chosen < 0.6 else str(
        lab.draw.choice(_DROPPED)).format(lab.draw.choice(WORDS))  # fmt: skip
    later = time + float(lab.draw.uniform(3, 240))
    if caller != loader:
        lab.starts.append((host, later - 1.0, caller, loader))
    second = lab.server(
        f"second{number}", "" if lab.draw.random() < 0.3 else lab.name("net"), lab.address(), 443, "tcp"
    )
    sleep = float(lab.draw.choice([5, 30, 60, 300, 900, 3600]))
    awake = np.array([[later, lab.days * timing.DAY]]) if lab.draw.random() < 0.5 else lab.on[host]
    profile = Implant("staged", sleep, float(lab.draw.choice([0.0, 0.2, 0.37])), drop=0.0)
    polls = timing.implant(lab.draw, profile, later, lab.days * timing.DAY, awake)
    _calls(lab, host, [later, *polls.tolist()], second, caller, 700, 500, 0.05)
    return Placed(STAGING, host, domain or address, address, time, loader)


def _upload(lab: Drawn, host: int, number: int, begin: int) -> Placed:
    time = _moment(lab, host, begin)
    known = bool(lab.draw.random() < 0.15) and "sync.drive.example" in lab.numbers
    direct = not known and lab.draw.random() < 0.3
    domain, address = ("", lab.address()) if direct else (lab.name("com"), lab.address())
    process = str(lab.draw.choice(_SENDERS)).format(lab.draw.choice(WORDS))
    port = 22 if process.endswith("WinSCP.exe") else 443 if lab.draw.random() < 0.85 else 8443
    server = lab.server(f"upload{number}", domain, address, port, "tcp")
    if known:
        domain, address = "sync.drive.example", lab.servers["sync.drive.example"][1]
        server = lab.numbers["sync.drive.example"]
    count, days = int(lab.draw.integers(1, 150)), 1 if lab.draw.random() < 0.8 else 3
    total = _amount(lab, 5e7, 2e10)
    times = [
        time + turn * timing.DAY + float(lab.draw.uniform(0, 300 + 40 * count))
        for turn in range(days)
        for _ in range(count)
    ]
    _calls(lab, host, sorted(times), server, process, total / (count * days), 4000 + total / (count * days) * 0.01, 0.3)
    return Placed(UPLOAD, host, domain or address, address, min(times), process, known)


def _installers(lab: Drawn, begin: int) -> None:
    """Programs that people fetch with a browser, start, and keep: half of them popular in the house, the others on one host."""
    for host in range(lab.hosts):
        for _ in range(int(lab.draw.poisson(0.5))):
            time, popular = _moment(lab, host, begin), lab.draw.random() < 0.5
            word = f"tool{lab.draw.integers(40)}" if popular else f"{lab.draw.choice(WORDS)}{lab.draw.integers(10_000)}"
            site = lab.server(f"site-{word}", f"www.{word}-soft.example", lab.address(), 443, "tcp")
            _calls(lab, host, [time, time + 4, time + 9], site, BROWSER, 900, _amount(lab, 2e5, 1e8))
            folder = "C:\\Program Files" if lab.draw.random() < 0.6 else "C:\\Users\\u\\AppData\\Local"
            program, later = f"{folder}\\{word}\\{word}.exe", time + float(lab.draw.uniform(30, 400))
            lab.starts.append((host, later - 2, program, BROWSER))
            vendor = lab.server(f"api-{word}", f"api.{word}-cloud.example", lab.address(), 443, "tcp")
            calls = timing.implant(lab.draw, Implant("benign", float(lab.draw.choice([600, 3600, 86_400])), 0.2), later,
                                   lab.days * timing.DAY, lab.on[host])  # fmt: skip
            _calls(lab, host, [later, *calls.tolist()], vendor, program, 900, 6000, 0.6)


def _developers(lab: Drawn, begin: int) -> None:
    """One host in five: packages from places that others use, one-off downloads by scripts from places that nobody else does."""
    tools = (_SYSTEM + "curl.exe", _POWERSHELL, "C:\\Python\\python.exe", "C:\\Program Files\\Git\\git.exe")
    for host in np.flatnonzero(lab.draw.random(lab.hosts) < 0.2).tolist():
        for _ in range(int(lab.draw.poisson(0.5 * lab.days))):
            place = int(lab.draw.integers(15))
            server = lab.server(f"packages{place}", f"files.packages{place}.example", lab.address(), 443, "tcp")
            _calls(lab, host, [_moment(lab, host, 0)], server, str(lab.draw.choice(tools)), 700, _amount(lab, 1e5, 5e7))
        for _ in range(int(lab.draw.poisson(0.4))):
            time, word = _moment(lab, host, begin), lab.name("io")
            server = lab.server(word, f"dl.{word}", lab.address(), 443, "tcp")
            _calls(lab, host, [time], server, str(lab.draw.choice(tools)), 700, _amount(lab, 1e4, 5e7))
            if lab.draw.random() < 0.3:
                mirror = lab.server(f"mirror-{word}", f"mirror.{lab.name('org')}", lab.address(), 443, "tcp")
                _calls(lab, host, [time + 5.0], mirror, tools[0], 700, _amount(lab, 1e5, 5e7))
        for _ in range(int(lab.draw.poisson(0.6))):
            server = lab.server(f"push{host}", f"registry.{lab.name('dev')}", lab.address(), 443, "tcp")
            _calls(lab, host, [_moment(lab, host, 0)], server, tools[3], _amount(lab, 1e6, 5e8), 20_000)


def _updaters(lab: Drawn) -> None:
    """Programs of the house and of the few that fetch executables over plain HTTP."""
    every = lab.server("http-update", "download.example-os.net", lab.address(), 80, "tcp")
    for host in range(lab.hosts):
        times = [_moment(lab, host, 0) for _ in range(int(lab.draw.poisson(0.3 * lab.days)))]
        lab.details[len(lab.parts)] = ("/update.cab", "application/vnd.ms-cab-compressed")
        _calls(lab, host, sorted(times), every, _SYSTEM + "svchost.exe", 400, 5e6, 1.0)
    for host in np.flatnonzero(lab.draw.random(lab.hosts) < 0.1).tolist():
        word = lab.name("net")
        server = lab.server(f"niche-{word}", f"update.{word}", lab.address(), 80, "tcp")
        times = [_moment(lab, host, 0) for _ in range(int(lab.draw.integers(1, 5)))]
        lab.details[len(lab.parts)] = ("/setup.exe", "application/x-dosexec")
        _calls(lab, host, sorted(times), server, f"C:\\Program Files\\{word}\\updater.exe", 400, 8e6, 0.5)


def _backups(lab: Drawn, begin: int) -> None:
    vendor = lab.server("backup", "store.backup-vendor.example", lab.address(), 443, "tcp")
    for host in range(lab.hosts):
        own = lab.draw.random() < 0.05
        if not own and lab.draw.random() > 0.3:
            continue
        word = lab.name("net")
        server = lab.server(f"nas{host}", f"nas.{word}", lab.address(), 443, "tcp") if own else vendor
        program = "C:\\Program Files\\Backup\\backup.exe" if not own else f"C:\\Program Files\\{word}\\sync.exe"
        first = begin + int(lab.draw.integers(7)) if own and lab.draw.random() < 0.5 else 0
        hour, size = float(lab.draw.uniform(10, 17)), _amount(lab, 2e7, 2e9)
        times = [(day + hour / 24) * timing.DAY + float(lab.draw.uniform(0, 900)) for day in range(first, lab.days)
                 for _ in range(4)]  # fmt: skip
        kept = np.array(sorted(times))
        _calls(
            lab,
            host,
            kept[timing.within(kept, lab.on[host])].tolist() if len(kept) else [],
            server,
            program,
            size / 4,
            60_000,
            0.5,
        )


def _sending(lab: Drawn, begin: int) -> None:
    """Meetings, drives, attachments by all; one-off uploads with a browser to places of which half are known in the house."""
    meeting = lab.server("meeting", "media.meeting-vendor.example", lab.address(), 443, "udp")
    mail = lab.server("submission", "smtp.mail.example", lab.address(), 587, "tcp")
    drive = lab.server("sync.drive.example", "sync.drive.example", lab.address(), 443, "tcp")
    office = "C:\\Program Files\\Office\\outlook.exe"
    for host in range(lab.hosts):
        for _ in range(int(lab.draw.poisson(0.4 * lab.days))):
            size = _amount(lab, 5e7, 9e8)
            _calls(lab, host, [_moment(lab, host, 0)], meeting, "C:\\Program Files\\Meet\\meet.exe", size,
                   size * float(lab.draw.uniform(0.5, 3)))  # fmt: skip
        for _ in range(int(lab.draw.poisson(0.5 * lab.days))):
            _calls(lab, host, [_moment(lab, host, 0)], mail, office, _amount(lab, 1e5, 2.5e7), 3000)
        for _ in range(int(lab.draw.poisson(0.05 * lab.days))):
            _calls(
                lab,
                host,
                [_moment(lab, host, 0)],
                drive,
                "C:\\Program Files\\Drive\\sync.exe",
                _amount(lab, 1e8, 5e9),
                90_000,
            )
        for _ in range(int(lab.draw.poisson(0.15))):
            known = lab.draw.random() < 0.5
            word = f"portal{lab.draw.integers(8)}" if known else f"{lab.draw.choice(WORDS)}{lab.draw.integers(10_000)}"
            server = lab.server(f"portal-{word}", f"upload.{word}-print.example", lab.address(), 443, "tcp")
            time = _moment(lab, host, begin)
            times = time + np.cumsum(lab.draw.exponential(20.0, int(lab.draw.integers(1, 30))))
            _calls(lab, host, times.tolist(), server, BROWSER, _amount(lab, 2e7, 2e9) / len(times), 30_000)
