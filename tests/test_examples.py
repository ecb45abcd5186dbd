"""The bundled example: reproducible, and by an independent count one pair alone is what the page's rule looks for."""

from __future__ import annotations

import gzip
import importlib
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from bench import rule
from falselight import ingest
from falselight.ecs import release
from falselight.engines import duckdb as engine
from falselight.eql.checker import Options
from falselight.plan import nodes
from falselight.searching import plan
from falselight.sql import emit

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
DAY = EXAMPLES / "day"
IMPLANT = ("ws03.marlfinch.example", "203.0.113.77")
RESERVED = [
    ip_network(text)
    for text in (
        "192.0.2.0/24",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "2001:db8::/32",
        "10.20.0.0/16",
        "224.0.0.252",
        "ff02::/16",
    )
]
INTERNAL = [ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "::1")]
VENDORS = ("microsoft.com", "windowsupdate.com", "amazonaws.com", "googleapis.com", "digicert.com")
BROWSERS = {"msedge.exe", "chrome.exe", "firefox.exe", "teams.exe"}


def lines(path: Path) -> Iterator[dict[str, Any]]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    yield from map(json.loads, data.splitlines())


def network_starts() -> Iterator[tuple[str, str, str, str, str]]:
    """Time, host, process, destination and domain of every started connection, read without Falselight."""
    for path in sorted(DAY.iterdir()):
        for line in lines(path):
            if "network" in line:
                if line["network"].get("direction") == "egress" and "start" in line["event"]["type"]:
                    yield (
                        line["@timestamp"],
                        line["host"]["name"],
                        line["process"]["name"],
                        line["destination"]["ip"],
                        "",
                    )
                continue
            fields = line.get("event_data", line)
            if fields.get("Initiated") == "true":
                domain = fields["DestinationHostname"]
                host = line.get("computer_name") or line["Hostname"]
                image = fields["Image"].rsplit("\\", 1)[-1]
                yield line["@timestamp"], host, image, fields["DestinationIp"], "" if domain == "-" else domain


def test_generator_gives_the_committed_files(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(EXAMPLES / "generate.py"), "--output", str(tmp_path)], check=True, timeout=60)
    made, committed = sorted(tmp_path.iterdir()), sorted(DAY.iterdir())
    assert [path.name for path in made] == [path.name for path in committed]
    for ours, theirs in zip(made, committed, strict=True):
        assert list(lines(ours)) == list(lines(theirs)), ours.name
        if ours.suffix == ".gz":  # flags and time: the header holds no name and no moment
            assert theirs.read_bytes()[3:8] == b"\0" * 5
            assert gzip.decompress(ours.read_bytes()) == gzip.decompress(theirs.read_bytes())
        else:
            assert ours.read_bytes() == theirs.read_bytes()


def test_another_seed_gives_another_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    generate = importlib.import_module("generate")
    assert generate.contents(1) == generate.contents(1)
    assert generate.contents(1) != generate.contents(2)


def test_only_the_implant_beats() -> None:
    times: dict[tuple[str, str], list[str]] = defaultdict(list)
    for at, host, process, destination, domain in network_starts():
        address = ip_address(destination)
        kept = not any(address in net for net in INTERNAL if net.version == address.version)
        if kept and not domain.endswith(VENDORS) and process not in BROWSERS:
            times[host, str(address)].append(at)
    hour = {key: most_in_an_hour(sorted(moments)) for key, moments in times.items()}
    assert {key for key, most in hour.items() if most >= 10} == {IMPLANT}
    assert len(hour) >= 20
    assert any(":" in destination for _, destination in hour)


def most_in_an_hour(moments: list[str]) -> int:
    seconds = [datetime.fromisoformat(text) for text in moments]
    return max(sum(start <= other <= start + timedelta(hours=1) for other in seconds) for start in seconds)


def test_addresses_and_names_are_reserved() -> None:
    for _, host, _, destination, domain in network_starts():
        address = ip_address(destination)
        assert any(address in net for net in RESERVED if net.version == address.version), destination
        assert not domain or domain.endswith((".example", ".example.com", ".example.net", ".example.org", *VENDORS)), (
            domain
        )
        assert host.endswith(".marlfinch.example")


def test_example_is_small() -> None:
    assert sum(path.stat().st_size for path in DAY.iterdir()) < 1_600_000


def test_falselight_finds_the_implant_and_nothing_else() -> None:
    damage: list[object] = []
    table = ingest.read_events([DAY], release.schema(), report=damage.append)
    assert not damage and table.rows == sum(counts.events for counts in table.counts)
    assert not any(counts.skipped for counts in table.counts)
    assert sorted(str(entry.kind) for entry in table.inputs) == ["ecs-lines", "windows-lines", "windows-lines"]
    made = plan(rule.eql(), table.schema, Options(size=None))
    assert isinstance(made, nodes.SequencePlan)
    found = engine.execute(table, emit.per_key(made, table.name)).fetchall()
    beats = sum((host, destination) == IMPLANT for _, host, _, destination, _ in network_starts())
    assert [(host, server, windows) for host, server, windows, *_ in found] == [(*IMPLANT, beats - 9)]
