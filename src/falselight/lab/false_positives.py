"""The page's three classes of false positive as Sysmon events: monitoring agents, updaters and telemetry, VPN keep-alives; with
implants among them.

Each program polls a server outside of the names that the page leaves out, on every host that has it, and often enough to
reach ten connections within an hour. The records are those that ``lab.writing`` makes too (event 3 as flat JSON)."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2026, 3, 11, 8, tzinfo=UTC)


@dataclass(frozen=True)
class Program:
    """A program that polls: ``period`` in seconds, ``jitter`` a share of it, ``share`` of the hosts have it."""

    kind: str
    image: str
    server: str
    addresses: tuple[str, ...]
    port: int
    period: float
    jitter: float = 0.05
    share: float = 1.0


_FILES, _CLOUD = "C:\\Program Files\\", "vendor-cloud.example"
_MONITORING, _UPDATER, _VPN = "monitoring agent", "updater and telemetry", "VPN keep-alive"
BENIGN: tuple[Program, ...] = (
    Program(_MONITORING, _FILES + "SolarWinds\\SolarWinds.Agent.Service.exe", "poller.orion-cloud.example",
            ("198.51.100.21",), 17778, 60),
    Program(_MONITORING, _FILES + "NSClient++\\nscp.exe", "nagios.monitoring-host.example",
            ("198.51.100.22",), 5666, 120, share=0.5),
    Program(_MONITORING, "C:\\Windows\\CCM\\CcmExec.exe", "gateway.cmg-host.example", ("198.51.100.23", "198.51.100.24"),
            443, 180, 0.1),
    Program(_UPDATER, _FILES + "Vendor\\Update\\updater.exe", f"update.{_CLOUD}", ("198.51.100.31", "198.51.100.32"),
            443, 240, 0.2),
    Program(_UPDATER, _FILES + "Vendor\\Telemetry\\telemetry.exe", f"events.{_CLOUD}", ("198.51.100.33",), 443, 90, 0.3),
    Program(_VPN, _FILES + "VPN\\client.exe", "vpn.corp-gateway.example", ("198.51.100.41",), 443, 30, 0.0, 0.7),
    Program(_VPN, _FILES + "VPN\\healthcheck.exe", "health.corp-gateway.example", ("198.51.100.42",), 8443, 60, 0.0, 0.7),
)  # fmt: skip
IMPLANTS: tuple[Program, ...] = (
    Program("implant", "C:\\Users\\Public\\wuhelper.exe", "cdn.wu-helper.example", ("203.0.113.77",), 443, 60, 0.2),
    Program("implant", "C:\\Windows\\System32\\rundll32.exe", "api.static-files.example", ("203.0.113.78",), 8443, 300, 0.1),
    # One lives in the updater's own program, one calls from beside the updater's names on the same cloud.
    Program("implant", _FILES + "Vendor\\Update\\updater.exe", "files.rented-servers.example", ("203.0.113.79",), 443, 120, 0.37),
    Program("implant", "C:\\ProgramData\\svc.exe", f"update.{_CLOUD}", ("198.51.100.31",), 443, 60, 0.1),
)  # fmt: skip


def write(path: Path, hosts: int = 12, hours: float = 4, seed: int = 1) -> list[tuple[str, Program]]:
    """Write the records, a JSON line each; gives the implants with their hosts. Each implant is on a host of its own."""
    draw = random.Random(seed)
    placed = [(f"ws{number + 1:02d}.lab.example", program) for number, program in enumerate(IMPLANTS)]
    events = sorted(_events(draw, hosts, hours, placed), key=lambda event: (event[0], event[1]))
    with path.open("w", encoding="utf-8") as stream:
        for number, (time, host, program, address) in enumerate(events):
            stream.write(json.dumps(_record(number, time, host, program, address)) + "\n")
    return placed


def _events(
    draw: random.Random, hosts: int, hours: float, placed: list[tuple[str, Program]]
) -> Iterator[tuple[datetime, str, Program, str]]:
    pairs = [
        (f"ws{host + 1:02d}.lab.example", program)
        for program in BENIGN
        for host in range(hosts)
        if draw.random() < program.share
    ]
    for host, program in (*pairs, *placed):
        elapsed = draw.uniform(0, program.period)
        while elapsed < hours * 3600:
            yield START + timedelta(seconds=elapsed), host, program, draw.choice(program.addresses)
            elapsed += program.period * (1 + program.jitter * draw.uniform(-1, 1))


def _record(number: int, time: datetime, host: str, program: Program, address: str) -> dict[str, object]:
    return {
        "EventID": 3,
        "Channel": "Microsoft-Windows-Sysmon/Operational",
        "SourceName": "Microsoft-Windows-Sysmon",
        "Hostname": host,
        "@timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z",
        "UtcTime": time.strftime("%Y-%m-%d %H:%M:%S.") + f"{time.microsecond // 1000:03d}",
        "RecordNumber": number,
        "Image": program.image,
        "Protocol": "tcp",
        "Initiated": "true",
        "SourceIp": f"10.4.0.{int(host[2:4]) + 10}",
        "SourcePort": str(49152 + number % 16384),
        "DestinationIp": address,
        "DestinationHostname": program.server,
        "DestinationPort": str(program.port),
    }
