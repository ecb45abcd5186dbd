"""Staging servers and uploads: implants of both kinds are found, in the lab and by hand; look-alikes and captures are not."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bench.kinds import load
from falselight import ingest
from falselight.analytics import connections
from falselight.ecs import release
from falselight.fusion import ranking
from falselight.fusion.rows import ServerRisk
from falselight.infrastructure import signs, staging, uploads
from falselight.infrastructure.staging import Staged
from falselight.infrastructure.uploads import Upload
from falselight.lab import Lab, generate
from falselight.lab.generate import host_name
from falselight.lab.scenes import STAGING, UPLOAD
from falselight.readers.settings import Settings

DATA = Path(os.environ.get("FALSELIGHT_SHARED", Path(__file__).parents[3] / "shared")) / "data"
START = datetime(2026, 3, 9, 8, tzinfo=UTC)
POWERSHELL = "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe"
BROWSER = "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe"


def risk(one: Staged | Upload) -> float:
    return 100 / (1 + math.exp(-one.odds))


@pytest.fixture(scope="module")
def lab() -> Lab:
    return generate(931, 40, 10, [], pages=30.0, staging=20, uploads=20)


@pytest.mark.parametrize(
    ("sensor", "kind", "recall", "noise"),
    [("both", STAGING, 0.7, 2), ("endpoint", STAGING, 0.6, 2), ("network", STAGING, 0.15, 2),
     ("both", UPLOAD, 0.6, 4), ("network", UPLOAD, 0.6, 12)],
)  # fmt: skip
def test_implants_of_the_lab_are_found_and_little_else(
    lab: Lab, sensor: str, kind: str, recall: float, noise: int
) -> None:
    """At a risk of 50, on 400 days of hosts."""
    connection = load(lab, sensor)
    signs.of_connections(connection)
    score = staging.score if kind == STAGING else uploads.score
    shown = {(one.host, place) for one in score(connection) if risk(one) >= 50 for place in (one.server, one.address)}
    shown = {(host, place) for host, place in shown if place is not None}
    own = [one for one in lab.placed if one.kind == kind]
    hits = [one for one in own if {(host_name(one.host), one.server), (host_name(one.host), one.address)} & shown]
    placed = {(host_name(one.host), place) for one in lab.placed for place in (one.server, one.address)}
    wrong = {host for host, place in shown if (host, place) not in placed and place[0].isalpha()}
    assert len(hits) / len(own) >= recall and len(wrong) <= noise


def test_scores_are_the_same_on_one_thread_and_on_four(lab: Lab) -> None:
    def scored(threads: int) -> list[object]:
        connection = load(lab, "both")
        connection.execute(f"SET threads = {threads}")
        signs.of_connections(connection)
        return [staging.score(connection), uploads.score(connection)]

    assert scored(1) == scored(4)


def call(
    host: str, minute: float, address: str, domain: str | None = None, process: str | None = BROWSER, *, port: int = 443,
    sent: int | None = 900, received: int | None = 9_000, path: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    event: dict[str, Any] = {
        "@timestamp": (START + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z"), "host": {"name": host},
        "event": {"category": ["network"], "type": ["connection", "start"]}, "network": {"transport": "tcp"},
        "source": {"ip": f"10.0.0.{int(host[2:])}", **({"bytes": sent} if sent is not None else {})},
        "destination": {"ip": address, "port": port, **({"bytes": received} if received is not None else {}),
                        **({"domain": domain} if domain is not None else {})},
    }  # fmt: skip
    if process is not None:
        event["process"] = {"executable": process}
    if path is not None:
        event["url"] = {"path": path}
    return event


def start(host: str, minute: float, process: str) -> dict[str, Any]:
    time = (START + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z")
    return {"@timestamp": time, "host": {"name": host}, "event": {"category": ["process"], "type": ["start"]},
            "process": {"executable": process}}  # fmt: skip


def background(days: int = 4) -> Iterator[dict[str, Any]]:
    """Six hosts that call three servers known to all, through the day."""
    for host in range(1, 7):
        for hour in range(days * 24):
            if 8 <= hour % 24 <= 16:
                for number in range(3):
                    yield call(
                        f"ws{host}", hour * 60 + host + 7 * number, f"198.51.100.{number}", f"www.known{number}.com"
                    )


def ranked(folder: Path, *events: dict[str, Any]) -> dict[tuple[str, str], ServerRisk]:
    data = folder / "events.ndjson"
    data.write_text("".join(json.dumps(event) + "\n" for event in (*background(), *events)))
    table = ingest.read_events([data], release.schema(), wanted=ranking.WANTED, report=pytest.fail)
    return {(row.host, row.server): row for row in ranking.rank(table, Settings(), once=True)}


NOON = 2 * 24 * 60 + 4 * 60.0
STAGE = call("ws3", NOON, "203.0.113.7", None, POWERSHELL, port=8080, received=400_000, path="/a.ps1")
SECOND = [
    call("ws3", NOON + 0.5 + 10 * k, "203.0.113.99", "status.second-hop.net", "C:\\Users\\Public\\svc.exe")
    for k in range(30)
]


def test_a_stage_fetched_by_an_interpreter_and_what_follows(tmp_path: Path) -> None:
    found = ranked(tmp_path, STAGE, start("ws3", NOON + 0.2, "C:\\Users\\Public\\svc.exe"), *SECOND)
    row = found["ws3", "203.0.113.7"]
    assert row.risk > 90 and row.kind == "staging" and row.names == () and row.ports == (8080,)
    document = row.to_document()["falselight"]
    texts = {reason["factor"]: reason["text"] for reason in document["reasons"]}
    assert document["kind"] == "staging" and texts["staging: loader"] == "it was called by powershell.exe"
    assert "status.second-hop.net" in texts["staging: second"] and "svc.exe started" in texts["staging: program"]
    assert document["detected_at"] == "2026-03-11T12:00:30.000Z"
    second = found["ws3", "status.second-hop.net"]
    assert any(reason.factor == "staging: second" for reason in second.reasons)
    alone = ranked(tmp_path, STAGE)
    assert alone["ws3", "203.0.113.7"].risk < row.risk - 20
    assert ("ws3", "status.second-hop.net") not in alone


@pytest.mark.parametrize(
    ("why", "events"),
    [("a browser's download", [call("ws3", NOON, "203.0.113.7", "www.tool.com", BROWSER, received=4_000_000),
                               call("ws3", NOON + 3, "203.0.113.99", "api.tool-cloud.com", "C:\\Program Files\\tool\\tool.exe")]),
     ("a server that all know", [call(f"ws{k}", NOON + k, "203.0.113.7", "pkg.mirror.com", POWERSHELL, received=400_000)
                                 for k in range(1, 7)]),
     ("nothing came of it", [call("ws3", NOON, "203.0.113.7", "api.some.com", POWERSHELL, received=800)]),
     ("the host was new", [call("ws9", NOON, "203.0.113.7", "dl.some.com", None, received=400_000)])],
)  # fmt: skip
def test_what_is_no_staging_server(tmp_path: Path, why: str, events: list[dict[str, Any]]) -> None:
    rows = [row for row in ranked(tmp_path, *events).values() if "staging" in row.found_by]
    assert all(row.risk < 20 for row in rows), why


def test_nothing_is_staged_by_a_page_s_own_servers_or_by_mail(tmp_path: Path) -> None:
    """What a page loads comes at once, unless a program of its own calls it; mail brings no program that is run."""

    def followed(*events: dict[str, Any]) -> bool:
        reasons = [reason.factor for row in ranked(tmp_path, *events).values() for reason in row.reasons]
        return "staging: second" in reasons

    def parts(seconds: float, process: str | None = None, port: int = 443) -> list[dict[str, Any]]:
        times = [NOON + seconds / 60 + 10 * k for k in range(30)]
        return [call("ws3", time, "203.0.113.99", "cdn.parts.com", process, port=port) for time in times]

    fetched = call("ws3", NOON, "203.0.113.7", None, POWERSHELL, received=400_000, path="/a.ps1")
    mail = call("ws3", NOON, "203.0.113.7", None, POWERSHELL, received=400_000, port=25, path="/a.ps1")
    assert followed(fetched, *parts(20)) and not followed(fetched, *parts(1))
    assert followed(fetched, *parts(1, POWERSHELL)) and not followed(fetched, *parts(1, BROWSER))
    assert not followed(mail, *parts(20)) and not followed(fetched, *parts(20, port=587))


def test_an_address_without_a_name_says_as_much_as_names_are_known(tmp_path: Path) -> None:
    def weight(*more: dict[str, Any]) -> float:
        reasons = ranked(tmp_path, STAGE, *SECOND, *more)["ws3", "203.0.113.7"].reasons
        return next((reason.weight for reason in reasons if reason.factor == "staging: direct"), 0.0)

    nameless = [call("ws3", NOON - 60 - number, f"192.0.2.{number}", None) for number in range(1, 16)]
    assert weight() == pytest.approx(0.8) and weight(*nameless) == pytest.approx(0.2)


def send(host: str, minute: float, server: str, process: str = BROWSER, **more: Any) -> list[dict[str, Any]]:
    return [
        call(host, minute + k, "203.0.113.50", server, process, sent=40_000_000, received=4_000, **more)
        for k in range(8)
    ]


def test_an_upload_to_a_rare_server(tmp_path: Path) -> None:
    row = ranked(tmp_path, *send("ws4", NOON + 24 * 60, "files.drop-here.net", "C:\\ProgramData\\rclone.exe"))[
        "ws4", "files.drop-here.net"
    ]
    assert row.risk >= 50 and "upload" in row.found_by
    texts = {reason.factor: reason.text for reason in row.reasons}
    assert (
        texts["upload: amount"] == "it sent 320 MB on 2026-03-12" and texts["upload: program"] == "sent by rclone.exe"
    )


@pytest.mark.parametrize(
    ("why", "events"),
    [("mail", send("ws4", NOON, "smtp.some-mail.net", port=587)),
     ("known to all", [event for host in range(1, 7) for event in send(f"ws{host}", NOON, "store.backup-vendor.com")]),
     ("every day", [event for day in range(4)
                    for event in send("ws4", 240 + day * 1440, "nas.own-box.net", "C:\\Program Files\\B\\b.exe")]),
     ("as much comes back", [call("ws4", NOON, "203.0.113.50", "media.some.net", None, sent=300_000_000,
                                  received=290_000_000)]),
     ("little", [call("ws4", NOON, "203.0.113.50", "form.some.net", "C:\\ProgramData\\a.exe", sent=2_000_000)]),
     ("bytes are not known", [call("ws4", NOON, "203.0.113.50", "x.some.net", "C:\\ProgramData\\a.exe", sent=None,
                                   received=None)])],
)  # fmt: skip
def test_what_is_no_upload(tmp_path: Path, why: str, events: list[dict[str, Any]]) -> None:
    rows = [row for row in ranked(tmp_path, *events).values() if "upload" in row.found_by]
    assert all(row.risk < 20 for row in rows), why


def captured(name: str) -> tuple[list[Staged], list[Upload]]:
    if not (DATA / name).exists():
        pytest.skip("the captures are not beside the project")
    table = ingest.read_events([DATA / name], release.schema(), wanted=ranking.WANTED, report=lambda _: None)
    connections.build(table, connections.Scope())
    signs.build(table)
    return staging.score(table.connection), uploads.score(table.connection)


@pytest.mark.parametrize(
    "name",
    ["zeek/ctu-normal-40-day1", "zeek/rita-proxy_rolling", "zeek/slips-test9-mixed", "zeek/slips-test10-mixed", "zeek/zat-json",
     "zeek/rita-json_with_all_fields", "zeek/wrccdc-2018", "zeek/ctu-355-1-simda-dga"],
)  # fmt: skip
def test_ordinary_captures_do_not_rise(name: str) -> None:
    staged, sent = captured(name)
    assert all(risk(one) < 20 for one in (*staged, *sent))


def test_a_stage_of_real_captures_ranks_first() -> None:
    """A loader by mshta among attack samples; and the download that Emotet came by, of which only the network is seen."""
    staged, _ = captured("evtx")
    assert (staged[0].server, staged[0].second) == ("gator4243.hostgator.com", "aka112.inwitelecom.net") and risk(
        staged[0]
    ) > 50
    staged, _ = captured("suricata/emotet-2022-02-08-eve.json")
    assert (staged[0].server, staged[0].second) == ("tonysommers.net", "185.248.140.40")
