"""Writes the bundled example: a day of telemetry in which one machine talks to an intruder's server.

``python examples/generate.py [--output FOLDER] [--seed N]``. The same seed gives the same bytes (inside the gzip file:
the same content; the compressor may differ). Only the standard library.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import shapes
from company import CHROME, IMPLANT, MACHINES, Habit, Implant, Machine
from shapes import Event

DAY = 1_773_187_200_000  # Wednesday 2026-03-11T00:00:00Z, epoch milliseconds
HOUR = 3_600_000
SEED = 1583
EXPLORER = r"C:\Windows\explorer.exe"
POWERSHELL = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"
FILES: dict[str, tuple[str, Callable[[Event, int], dict[str, Any]]]] = {
    "winlogbeat": ("workstations-winlogbeat.json.gz", shapes.winlogbeat),
    "nxlog": ("fs01-nxlog.json", shapes.nxlog),
    "defend": ("laptops-elastic-defend.ndjson", shapes.defend),
}


class Dice:
    """Draws that every Python version makes alike: only ``Random.random`` is promised to stay."""

    def __init__(self, seed: str) -> None:
        self._next = random.Random(seed).random

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * self._next()

    def exponential(self, mean: float) -> float:
        return -mean * math.log1p(-self._next())

    def below(self, count: int) -> int:
        return int(self._next() * count)


def visits(habit: Habit, dice: Dice) -> Iterator[int]:
    """The times of a habit's visits, epoch milliseconds."""
    start, end = (DAY + int(hour * HOUR) for hour in habit.hours)
    at = start + int(dice.uniform(0, habit.gap) * 1000)
    while at < end:
        yield at
        low, high = habit.gap * (1 - habit.jitter), habit.gap * (1 + habit.jitter)
        gap = dice.exponential(habit.gap) if habit.random else dice.uniform(low, high)
        at += max(1, int(gap * 1000))


def connection(
    machine: Machine, dice: Dice, address: str, domain: str, port: int, protocol: str = "tcp"
) -> dict[str, Any]:
    """The detail of a connection that the machine starts."""
    return {
        "protocol": protocol,
        "source": machine.address6 if ":" in address else machine.address,
        "source_port": 49_152 + dice.below(16_384),
        "destination": address,
        "destination_port": port,
        "domain": domain,
        "initiated": True,
    }


def habit_events(machine: Machine, habit: Habit, pid: int, dice: Dice) -> Iterator[Event]:
    user = habit.user or account(machine)
    for at in visits(habit, dice):
        address, domain = habit.servers[dice.below(len(habit.servers))]
        if habit.looked_up:
            asked = {"query": domain, "answers": (address,)}
            yield Event(at - 20 - dice.below(60), 22, machine.name, user, habit.image, pid, asked)
        for _ in range(1 + dice.below(habit.burst)):
            detail = connection(machine, dice, address, domain, habit.port, habit.protocol)
            yield Event(at, 3, machine.name, user, habit.image, pid, detail)
            at += 40 + dice.below(900)


def account(machine: Machine) -> str:
    return machine.user if machine.shape == "defend" else f"MARLFINCH\\{machine.user}"


def starts(machine: Machine, pids: dict[str, int], dice: Dice) -> Iterator[Event]:
    """Process starts of the morning: one for each program of the person at the machine."""
    own = dict.fromkeys(habit.image for habit in machine.habits if not habit.user)
    for image in own:
        at = DAY + int(dice.uniform(7.9, 8.4) * HOUR)
        parent = "/sbin/launchd" if image.startswith("/") else EXPLORER
        detail = {"command": f'"{image}"', "parent": parent, "parent_command": parent}
        yield Event(at, 1, machine.name, account(machine), image, pids[image], detail)


def inbound(machine: Machine, dice: Dice) -> Iterator[Event]:
    """What the file server accepts from the desks: connections that it did not start."""
    at = DAY + 8 * HOUR
    while at < DAY + 18 * HOUR:
        other = MACHINES[dice.below(4)]
        detail = connection(machine, dice, other.address, "", 49_152 + dice.below(16_384))
        detail |= {"source_port": 445, "initiated": False}
        yield Event(at, 3, machine.name, r"NT AUTHORITY\SYSTEM", "System", 4, detail)
        at += int(dice.exponential(480) * 1000) + 1


def implant_events(machine: Machine, implant: Implant, dice: Dice) -> Iterator[Event]:
    """A download in the browser, a start through PowerShell, one look-up, then the beat of its sleep."""
    user, pid = account(machine), 7316
    start, end = (DAY + int(hour * HOUR) for hour in implant.hours)
    arrival = connection(machine, dice, "198.51.100.77", "files.wu-helper.example", 443)
    yield Event(start - 95_000, 3, machine.name, user, CHROME, 5120, arrival)
    shell = f'powershell.exe -NoProfile -WindowStyle Hidden -Command "Start-Process {implant.image}"'
    detail = {"command": shell, "parent": EXPLORER, "parent_command": EXPLORER}
    yield Event(start - 31_000, 1, machine.name, user, POWERSHELL, pid - 412, detail)
    detail = {"command": f'"{implant.image}" /background', "parent": POWERSHELL, "parent_command": shell}
    yield Event(start - 30_200, 1, machine.name, user, implant.image, pid, detail)
    asked = {"query": implant.domain, "answers": (implant.server,)}
    yield Event(start - 29_000, 22, machine.name, user, implant.image, pid, asked)
    at = start
    while at < end:
        domain = implant.domain if dice.uniform(0, 1) < implant.named else ""
        yield Event(
            at, 3, machine.name, user, implant.image, pid, connection(machine, dice, implant.server, domain, 443)
        )
        at += int(dice.uniform(implant.interval * (1 - implant.jitter), implant.interval) * 1000)


def day(seed: int) -> Iterator[tuple[Machine, list[Event]]]:
    """Each machine with its events in order of time. A machine's draws depend on the seed and its name alone."""
    for machine in MACHINES:
        dice = Dice(f"{seed}/{machine.name}")
        images = dict.fromkeys(habit.image for habit in machine.habits)
        pids = {image: 1200 + 4 * (index * 211 + dice.below(200)) for index, image in enumerate(images)}
        events = list(starts(machine, pids, dice))
        for habit in machine.habits:
            events.extend(habit_events(machine, habit, pids[habit.image], dice))
        if machine.shape == "nxlog":
            events.extend(inbound(machine, dice))
        if machine.name == IMPLANT.host:
            events.extend(implant_events(machine, IMPLANT, dice))
        events.sort(key=lambda event: event.at)
        yield machine, events


def contents(seed: int) -> dict[str, bytes]:
    """The files of the example by name, uncompressed."""
    by_shape: dict[str, list[Event]] = {shape: [] for shape in FILES}
    for machine, events in day(seed):
        by_shape[machine.shape].extend(events)
    files = {}
    for shape, events in by_shape.items():
        name, render = FILES[shape]
        events.sort(key=lambda event: (event.at, event.host))
        lines = (
            json.dumps(render(event, number), separators=(",", ":")) for number, event in enumerate(events, 41_007)
        )
        files[name] = "".join(line + "\n" for line in lines).encode()
    return files


def compressed(content: bytes) -> bytes:
    """A gzip member that holds no name and no time, so that it depends on the content alone."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as stream:
        stream.write(content)
    return buffer.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the bundled example day of telemetry.")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "day")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    for name, content in contents(options.seed).items():
        (options.output / name).write_bytes(compressed(content) if name.endswith(".gz") else content)


if __name__ == "__main__":
    main()
