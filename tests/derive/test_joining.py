"""``read --events`` has the names that a hunt has: of lookups and handshakes, marked, whatever the order of the inputs."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from falselight import ingest
from falselight.cli.main import cli
from falselight.ecs import release
from falselight.store import EventTable

CONN = (
    '{"_path":"conn","ts":1772784010.5,"uid":"C%d","id.orig_h":"10.4.0.1","id.orig_p":%d,"id.resp_h":"%s",'
    '"id.resp_p":443,"proto":"tcp","conn_state":"SF"}\n'
)
DNS = (
    '{"_path":"dns","ts":1772784009.5,"uid":"D1","id.orig_h":"10.4.0.1","id.orig_p":4000,"id.resp_h":"10.4.0.53",'
    '"id.resp_p":53,"proto":"udp","query":"cdn.wrack.example","qtype_name":"A","answers":["203.0.113.9"],"TTLs":[60.0]}\n'
)
SSL = (
    '{"_path":"ssl","ts":1772784012.5,"uid":"C3","id.orig_h":"10.4.0.1","id.orig_p":4003,"id.resp_h":"203.0.113.10",'
    '"id.resp_p":443,"server_name":"sni.wrack.example"}\n'
)
FLOWS = {
    "time": "2026-03-06T08:00:30Z", "category": "NetworkSecurityGroupFlowEvent",
    "properties": {"Version": 2, "flows": [{"rule": "r", "flows": [{"mac": "000D3AF87856", "flowTuples": [
        "1772784020,10.4.0.1,203.0.113.8,4000,443,T,O,A,B,,,,", "1772784021,10.4.0.1,203.0.113.9,4001,443,T,O,A,B,,,,",
    ]}]}]},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "logs"
    made.mkdir()
    lines = [CONN % (number, 4000 + number, address) for number, address in enumerate(("203.0.113.9", "192.0.2.1"))]
    (made / "a.json").write_text("".join([*lines, SSL, CONN % (3, 4003, "203.0.113.10")]))
    (made / "b.json").write_text(DNS)
    (made / "c.json").write_text(json.dumps({"records": [FLOWS]}))
    return made


def events(*given: object, stdin: str | None = None) -> list[dict[str, Any]]:
    result = CliRunner().invoke(cli, ["read", *map(str, given), "--events"], input=stdin, standalone_mode=False)
    assert result.exception is None, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def names(found: list[dict[str, Any]]) -> dict[str, tuple[str | None, Any]]:
    """By address and port of the source: the name of the server, and what is marked."""
    return {
        f"{event['destination']['ip']} {event['source']['port']}": (
            event["destination"].get("domain"), "destination.domain" in event.get("falselight", {}).get("derived", []),
        )
        for event in found
        if event.get("network", {}).get("protocol") != "dns"
    }  # fmt: skip


EXPECTED = {
    "203.0.113.9 4000": ("cdn.wrack.example", True),
    "192.0.2.1 4001": (None, False),
    "203.0.113.10 4003": ("sni.wrack.example", True),
    "203.0.113.8 4000": (None, False),
    "203.0.113.9 4001": ("cdn.wrack.example", True),
}
GIVEN = {key: name for key, (name, _) in EXPECTED.items() if name is not None}


def test_names_of_later_inputs_and_of_one_record_of_several_events(folder: Path) -> None:
    assert names(events(folder)) == EXPECTED


def test_names_of_a_case(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text(CONN % (9, 4009, "203.0.113.9"))
    case = tmp_path / "case"
    assert (
        CliRunner().invoke(cli, ["import", str(folder), "--case", str(case)], standalone_mode=False).exception is None
    )
    found = names(events(tmp_path / "own.json", case))
    assert found == {"203.0.113.9 4009": ("cdn.wrack.example", True)} | EXPECTED
    table = ingest.read_events([case], release.schema(), report=lambda _: None)
    assert table_names(table) == GIVEN


def table_names(table: EventTable) -> dict[str, str]:
    rows = table.connection.execute(
        'SELECT "destination.ip" || \' \' || "source.port", "destination.domain" FROM events WHERE "destination.domain" '
        "IS NOT NULL AND \"network.protocol\" IS DISTINCT FROM 'dns'"
    ).fetchall()
    return dict(rows)


def test_they_are_those_of_the_event_table(folder: Path) -> None:
    assert table_names(ingest.read_events([folder], release.schema(), report=lambda _: None)) == GIVEN


def test_what_a_source_gives_stays_and_documents_stay_as_they_were_written(folder: Path) -> None:
    document = {
        "@timestamp": "2026-03-06T08:00:40.000Z",
        "source": {"ip": "10.4.0.1"},
        "destination": {"ip": "203.0.113.9"},
    }
    (folder / "d.ndjson").write_text(json.dumps(document) + "\n")
    assert events(folder)[-1] == document


def test_what_comes_once_has_none_but_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "falselight.readers.places._stdin", lambda: io.BytesIO((CONN % (9, 4009, "203.0.113.9")).encode())
    )
    found = names(events("-", folder))
    assert found == {"203.0.113.9 4009": (None, False)} | EXPECTED
