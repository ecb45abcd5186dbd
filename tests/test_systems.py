"""Autonomous systems from a user's database: in indicators, in lookups, and on the ranked list."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from maxmind import write

from falselight.cli.main import cli
from falselight.diagnostics import FalselightError
from falselight.systems import System, systems

SERVER, POLLED = "203.0.113.77", "198.51.100.9"


def run(*words: str | Path) -> list[dict[str, Any]]:
    done = CliRunner().invoke(cli, [*map(str, words), "--format", "ndjson"], standalone_mode=False)
    assert done.exception is None and done.return_value == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def lines(path: Path, documents: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in documents))
    return path


def called(minute: int, host: int, server: str) -> dict[str, Any]:
    return {
        "@timestamp": f"2026-03-11T{8 + minute // 60:02d}:{minute % 60:02d}:{host:02d}Z", "host": {"name": f"ws{host}"},
        "event": {"category": ["network"], "type": ["start"]}, "network": {"direction": "egress"},
        "source": {"ip": f"10.4.0.{host}"}, "destination": {"ip": server, "port": 443},
    }  # fmt: skip


def test_a_database_tells_systems_and_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    path = write(
        tmp_path / "asn.mmdb", {"203.0.113.0/24": (14061, "DigitalOcean, LLC"), "198.51.100.0/25": (64500, "x" * 40)}
    )
    found = systems(path, [SERVER, POLLED, "192.0.2.1", "2001:db8::1"])
    assert found == {SERVER: System(14061, "DigitalOcean, LLC"), POLLED: System(64500, "x" * 40)}
    assert found[SERVER].text == "AS14061 (DigitalOcean, LLC)"
    for damaged in (b"no database", path.read_bytes()[:-20]):
        (tmp_path / "bad").write_bytes(damaged)
        with pytest.raises(FalselightError) as told:
            systems(tmp_path / "bad", [SERVER])
        assert [each.code for each in told.value.diagnostics] == ["E0545"]


def test_the_class_of_hosting_counts_for_what_few_hosts_call(tmp_path: Path) -> None:
    events = [called(minute, 1, SERVER) for minute in range(0, 600, 5)]
    events += [called(minute, host, POLLED) for host in range(1, 7) for minute in range(0, 600, 10)]
    data = lines(tmp_path / "events.ndjson", sorted(events, key=lambda each: each["@timestamp"]))
    rented = write(
        tmp_path / "asn.mmdb", {"203.0.113.0/24": (14061, "DigitalOcean"), "198.51.100.0/24": (20473, "Vultr")}
    )
    (tmp_path / "list").write_text("AS14061\n")

    def reasons(*words: str | Path) -> dict[str, set[str]]:
        rows = run("hunt", data, "--rules", "@page", "--rank", "--min-risk", "0", *words)
        ranked = [row for row in rows if row["falselight"]["kind"] != "alert"]
        return {row["destination"]["ip"]: {each["text"] for each in row["falselight"]["reasons"]} for row in ranked}

    before, after = reasons(), reasons("--asn", rented)
    assert after[SERVER] - before[SERVER] == {"hosting: VPS, by AS14061 (DigitalOcean)"}
    assert after[POLLED] == before[POLLED], "six hosts call it"
    hits = reasons("--asn", rented, "-i", tmp_path / "list")[SERVER] - after[SERVER]
    assert len(hits) == 1 and "asn 14061, listed by list" in hits.pop()


def test_other_hosts_on_the_network_of_an_address_lower_it(tmp_path: Path) -> None:
    alone = [called(minute, 1, SERVER) for minute in range(0, 600, 5)]
    others = [called(minute, host, f"203.0.113.{host}") for host in range(2, 9) for minute in (7, 333)]
    elsewhere = [called(minute, host, f"198.51.{host}.1") for host in range(2, 9) for minute in (7, 333)]
    texts = []
    for name, more in (("others", others), ("elsewhere", elsewhere)):
        data = lines(tmp_path / name, sorted([*alone, *more], key=lambda each: each["@timestamp"]))
        row = next(row for row in run("beacons", data, "--min-risk", "0") if row["destination"]["ip"] == SERVER)
        texts.append([each["text"] for each in row["falselight"]["reasons"] if each["factor"] == "network"])
    assert texts == [["8 hosts contact its network 203.0.113.0/24, 1 of them this address"], []]


def test_fast_flux_is_counted_in_systems_where_they_are_known(tmp_path: Path) -> None:
    addresses = [f"{first}.{second}.0.1" for first in (11, 12, 13, 14) for second in (1, 60, 200)]
    asked = {"question": {"name": "flux.example", "type": "A"}, "answers": [{"data": one, "ttl": 60} for one in addresses],
             "resolved_ip": addresses, "response_code": "NOERROR"}  # fmt: skip
    event = {
        "@timestamp": "2026-03-11T09:00:00Z",
        "host": {"name": "ws1"},
        "event": {"category": ["network"]},
        "dns": asked,
    }
    data = lines(tmp_path / "events.ndjson", [event])
    one = write(tmp_path / "one.mmdb", {f"{first}.0.0.0/8": (64500, "a content network") for first in (11, 12, 13, 14)})
    many = write(tmp_path / "many.mmdb", {f"{first}.0.0.0/8": (64500 + first, "access") for first in (11, 12, 13, 14)})

    def flux(*words: str | Path) -> list[str]:
        (row,) = [row for row in run("dns", data, "--min-risk", "0", *words) if "destination" in row]
        return [each["text"] for each in row["falselight"]["reasons"] if each["factor"] == "fast flux"]

    assert flux() == ["12 addresses in 12 networks, kept for 60 s at most"]
    assert flux("--asn", one) == []
    assert flux("--asn", many) == ["12 addresses in 12 networks of 4 autonomous systems, kept for 60 s at most"]
