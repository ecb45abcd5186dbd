"""Each kind of evidence counts once, adds up in the reasons that are told, and says nothing of what is ordinary."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from falselight.fusion import indicators, ranking
from falselight.fusion.rows import ServerRisk, sigmoid
from falselight.hunting import hunt
from falselight.intel import store
from falselight.readers.settings import Settings
from falselight.rules import load

WINDOWS_CLIENT = "a0e9f5d64349fb13191bc781f81f42e1"


def event(second: int, server: str, host: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "@timestamp": f"2026-03-11T{8 + second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z",
        "host": {"name": f"ws{host}"}, "source": {"ip": f"10.4.0.{host}"}, "network": {"direction": "egress"},
        "event": {"category": ["network"], "type": ["start"]}, "destination": {"ip": server, "port": 443}, **more,
    }  # fmt: skip


def ranked(folder: Path, events: list[dict[str, Any]], listed: str = "", rule: str = "") -> list[ServerRisk]:
    (folder / "events.ndjson").write_text("".join(json.dumps(each) + "\n" for each in events))
    (folder / "listed").write_text(listed)
    (folder / "rule.toml").write_text(rule)
    rules = load([str(folder / "rule.toml")] if rule else ["@page"], pytest.fail)
    found = hunt([folder / "events.ndjson"], rules, report=pytest.fail, also=ranking.WANTED)
    store.load(found.table.connection, [folder / "listed"] if listed else [], pytest.fail)
    return ranking.rank(found.table, Settings(), findings=found.findings, indicators=True)


def of(rows: list[ServerRisk], server: str) -> ServerRisk:
    return next(row for row in rows if row.server == server)


def test_the_addresses_of_one_listed_name_are_one_hit(tmp_path: Path) -> None:
    named = {"tls": {"client": {"server_name": "cdn.evil.example"}}}
    events = [event(60 * n, f"203.0.113.{n % 3 + 1}", **named) for n in range(12)]
    row = of(ranked(tmp_path, events, "cdn.evil.example\n"), "cdn.evil.example")
    assert row.known_bad == pytest.approx(0.85 * 0.7)
    (told,) = [reason for reason in row.reasons if reason.factor.startswith("intel")]
    assert "listed by listed" in told.text
    without = sigmoid(row.odds)
    assert told.weight == pytest.approx(
        math.log((1 - (1 - without) * (1 - row.known_bad)) / ((1 - without) * (1 - row.known_bad))) - row.odds, abs=0.01
    )


def test_a_fingerprint_that_several_servers_show_is_no_indicator_of_any(tmp_path: Path) -> None:
    tls = {"tls": {"client": {"ja3": WINDOWS_CLIENT}}}
    (alone,) = ranked(tmp_path, [event(0, "203.0.113.1", **tls)])
    several = ranked(tmp_path, [event(n, f"203.0.113.{n}", **tls) for n in range(1, 4)])
    assert alone.kind == "intel" and alone.known_bad == 0 and 0 < alone.reasons[0].weight < 1
    assert len(several) == 3 and all("It is met at 3 servers here" in row.reasons[0].text for row in several)
    assert all(row.reasons[0].weight == 0 and row.kind == "intel" for row in several)


def test_a_certificate_beside_its_connection_is_no_second_server(tmp_path: Path) -> None:
    logged = {
        "@timestamp": "2026-03-11T08:00:00Z", "event": {"category": ["file"]},
        "file": {"x509": {"subject": {"common_name": "AsyncRAT Server"}}},
    }  # fmt: skip
    met = event(0, "203.0.113.1", tls={"server": {"subject": "CN=AsyncRAT Server"}})
    (row,) = ranked(tmp_path, [met, logged])
    assert row.server == "203.0.113.1" and row.risk > 80
    (row,) = ranked(tmp_path, [logged])
    assert row.server == indicators.NOWHERE and "host" not in row.to_document() and row.risk > 80


def test_what_a_server_sent_was_met_by_its_receiver(tmp_path: Path) -> None:
    sent = {
        "@timestamp": "2026-03-11T08:00:00Z", "source": {"ip": "203.0.113.1", "port": 80},
        "destination": {"ip": "10.4.0.7", "port": 50001}, "url": {"original": "/bad/loader.dll"},
    }  # fmt: skip
    (row,) = ranked(tmp_path, [sent], "http://203.0.113.1/x\n/bad/loader.dll\n")
    assert (row.host, row.server, row.ports) == ("10.4.0.7", "203.0.113.1", ()) and row.known_bad > 0.5


def test_names_tell_of_hosting_and_of_providers(tmp_path: Path) -> None:
    """Two servers that are too seldom called for a rhythm, by what their names end in."""
    ja3 = {"client": {"ja3": WINDOWS_CLIENT}}
    rented, known = "home.duckdns.org", "login.live.com"
    events = [event(n, f"203.0.113.{n}", tls={"client": {**ja3["client"], "server_name": name}})
              for n, name in enumerate((rented, known), 1)]  # fmt: skip
    first, second = ranked(tmp_path, events)
    assert (first.names, second.names) == ((rented,), (known,))
    assert "hosting" in {each.factor for each in first.reasons} and "known" in {each.factor for each in second.reasons}
    assert first.odds - second.odds == pytest.approx(1.8)


RULE = """[rule]
id = "r"
name = "A call"
severity = "{severity}"
query = 'network where destination.ip == "198.51.100.9"'
"""


def test_a_weak_rule_alone_is_no_more_than_a_rhythm_and_a_grave_one_is(tmp_path: Path) -> None:
    events = [event(60 * n, "203.0.113.1") for n in range(60)] + [event(7, "198.51.100.9")]
    beacon, ruled = ranked(tmp_path, events, rule=RULE.format(severity="medium"))
    assert (beacon.server, ruled.server) == ("203.0.113.1", "198.51.100.9")
    assert math.fsum(reason.weight for reason in ruled.reasons) == pytest.approx(ruled.odds)
    grave = ranked(tmp_path, events, rule=RULE.format(severity="critical"))[0]
    assert grave.server == "198.51.100.9" and grave.risk == pytest.approx(100 * sigmoid(-0.5), abs=0.1)


def test_what_is_not_known_of_a_server_is_absent(tmp_path: Path) -> None:
    asked = {
        "dns": {"question": {"name": "c2.evil.example"}, "type": "query"},
        "destination": {"ip": "10.0.0.53", "port": 53},
    }
    printer = {**asked, "dns": {"question": {"name": "printer._tcp.local"}, "type": "query"}}
    rows = ranked(tmp_path, [event(60 * n, "10.0.0.53", **each) for n in range(30) for each in (asked, printer)])
    row = of(rows, "evil.example")
    assert [row.server for row in rows] == ["evil.example"], "nobody can rent a name below local"
    document = row.to_document()
    assert row.address is None and row.process is None
    assert "ip" not in document["destination"] and "process" not in document
    assert math.fsum(reason.weight for reason in row.reasons) == pytest.approx(row.odds, abs=0.3)


def test_hosts_are_counted_in_words_that_agree(tmp_path: Path) -> None:
    few = [event(60 * n + k, f"203.0.113.{k}") for n in range(30) for k in range(1, 4)]
    others = [event(60 * n + k, "203.0.113.1", k) for n in range(30) for k in range(2, 6)]
    told = str(of(ranked(tmp_path, few + others), "203.0.113.1").reasons)
    assert "5 of 5 hosts contact the server" in told, "four call nothing else, and are no part of the network"
