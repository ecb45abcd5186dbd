"""Windows events as XML, and Sysmon for Linux in syslog, the journal, and documents of agents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest

from falselight import ingest
from falselight.diagnostics import Diagnostic
from falselight.ecs import release
from falselight.mappings.apply import nested
from falselight.readers import windows_json
from falselight.readers.detect import Kind, detect
from falselight.readers.windows_xml import event_of_xml
from falselight.rebuild import documents

DATA = {
    "RuleName": "-", "UtcTime": "2026-01-02 03:04:05.100", "ProcessGuid": "{d65774de-8d10-6175-0000-000000000001}",
    "ProcessId": "3100", "Image": "/usr/bin/curl", "CommandLine": 'curl -s "http://a.example/?x=1&y=2"', "User": "root",
    "Hashes": "SHA256=AB", "ParentImage": "/usr/bin/bash", "ParentProcessId": "1", "CurrentDirectory": "/root",
}  # fmt: skip
HEADER = "Jan  2 03:04:05 web1 sysmon: "


def linux(event_id: int, **data: str) -> str:
    named = "".join(f'<Data Name="{name}">{escape(value)}</Data>' for name, value in data.items())
    return (
        '<Event><System><Provider Name="Linux-Sysmon" Guid="{ff032593-a8d3-4f13-b0d6-01fc615a0f97}"/>'
        f"<EventID>{event_id}</EventID><Version>5</Version><Level>4</Level><Task>1</Task><Opcode>0</Opcode>"
        '<Keywords>0x8000000000000000</Keywords><TimeCreated SystemTime="2026-01-02T03:04:05.412320000Z"/>'
        '<EventRecordID>7</EventRecordID><Correlation/><Execution ProcessID="99" ThreadID="98"/>'
        '<Channel>Linux-Sysmon/Operational</Channel><Computer>web1</Computer><Security UserId="0"/></System>'
        f"<EventData>{named}</EventData></Event>"
    )


WINDOWS = """<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>
<Provider Name='Service Control Manager' Guid='{555908d1-a6d7-4695-8e1e-26931d2012f4}' EventSourceName='x'/>
<EventID Qualifiers='16384'>7045</EventID><Level>4</Level><Keywords>0x8080000000000000</Keywords>
<TimeCreated SystemTime='2026-01-02T03:04:05.1234567Z'/><EventRecordID>12</EventRecordID><Channel>System</Channel>
<Computer>dc01</Computer><Security UserID='S-1-5-18'/></System><EventData><Data Name='ServiceName'>evil &amp; co</Data>
<Data Name='ImagePath'>C:\\\\t\\\\x.exe</Data></EventData>
<RenderingInfo Culture='en-US'><Message>A service was installed.</Message><Level>Information</Level></RenderingInfo></Event>
"""


def read(path: Path, text: str) -> tuple[list[dict[str, Any]], list[Diagnostic]]:
    path.write_text(text)
    told: list[Diagnostic] = []
    table = ingest.read_events([path], release.schema(), report=told.append)
    return [dict(document) for *_, document in documents(table, list(range(table.rows)))], told


def test_a_process_of_linux(tmp_path: Path) -> None:
    (document,), told = read(tmp_path / "syslog", HEADER + linux(1, **DATA) + "\n")
    assert told == []
    assert document["@timestamp"].startswith("2026-01-02T03:04:05.412")
    assert document["event"]["category"] == "process" and document["event"]["type"] == "start"
    assert document["event"]["action"] == "log" and document["event"]["dataset"] == "sysmon_linux.log"
    process = document["process"]
    assert (process["executable"], process["name"], process["pid"]) == ("/usr/bin/curl", "curl", 3100)
    assert process["args"] == ["curl", "-s", "http://a.example/?x=1&y=2"] and process["hash"] == {"sha256": "ab"}
    assert process["parent"] == {"executable": "/usr/bin/bash", "name": "bash", "pid": 1}
    assert document["user"] == {"id": "0", "name": "root"} and document["related"]["user"] == "root"
    assert document["host"] == {"name": "web1", "hostname": "web1", "os": {"type": "linux"}}
    assert document["winlog"]["process"] == {"pid": 99, "thread": {"id": 98}}


def test_a_file_of_linux() -> None:
    event = event_of_xml(linux(11, Image="/usr/bin/cp", TargetFilename="/etc/cron.d/x.sh"))
    assert event is not None
    assert nested(event)["file"] == {
        "path": "/etc/cron.d/x.sh", "name": "x.sh", "directory": "/etc/cron.d", "extension": "sh",
    }  # fmt: skip


def test_a_connection_of_linux() -> None:
    data = {"Protocol": "tcp", "Initiated": "true", "SourceIp": "10.0.0.5", "SourcePort": "5000", "DestinationIp": "192.0.2.1",
            "DestinationPort": "443", "SourceIsIpv6": "false"}  # fmt: skip
    event = event_of_xml(linux(3, **data))
    assert event is not None
    document = nested(event)
    assert document["network"]["direction"] == "egress" and document["network"]["community_id"].startswith("1:")
    assert document["related"]["ip"] == ["10.0.0.5", "192.0.2.1"]


def test_the_same_event_from_the_journal_and_from_an_agent(tmp_path: Path) -> None:
    text = linux(1, **DATA)
    (plain,), _ = read(tmp_path / "a", HEADER + text + "\n")
    (journal,), _ = read(tmp_path / "b", json.dumps({"MESSAGE": text, "SYSLOG_IDENTIFIER": "sysmon"}) + "\n")
    assert journal == plain
    agent = {
        "@timestamp": "2026-01-02T03:04:05.000Z", "event": {"kind": "event", "code": "1", "provider": "Linux-Sysmon"},
        "log": {"level": "information"}, "host": {"name": "web1"},
        "winlog": {"provider_name": "Linux-Sysmon", "channel": "Linux-Sysmon/Operational", "event_id": "1", "event_data": DATA,
                   "time_created": "2026-01-02T03:04:05.41232Z", "computer_name": "web1", "record_id": "7", "version": 5,
                   "provider_guid": "{ff032593-a8d3-4f13-b0d6-01fc615a0f97}", "process": {"pid": 99, "thread": {"id": 98}},
                   "user": {"identifier": "0"}, "opcode": "Info"},
    }  # fmt: skip
    (document,), _ = read(tmp_path / "c", json.dumps(agent) + "\n")
    assert document["winlog"].pop("time_created") == "2026-01-02T03:04:05.412Z"
    assert document == plain


def test_what_sysmon_says_of_itself_is_an_event_too(tmp_path: Path) -> None:
    lines = ["Jan  2 03:04:04 web1 sysmon[41]: Sysmon v1.3.3 - Monitors system events", HEADER + linux(4, State="Started"),
             "Jan  2 03:04:05 web1 CRON[3]: (root) CMD (x)"]  # fmt: skip
    found, told = read(tmp_path / "syslog", "\n".join(lines) + "\n")
    assert [document["event"]["action"] for document in found] == ["log", "log"]
    assert found[0]["message"] == "Sysmon v1.3.3 - Monitors system events" and found[0]["process"] == {
        "name": "sysmon",
        "pid": 41,
    }
    assert [(each.code, each.record) for each in told if each.code == "E0508"] == [("E0508", 2)]


@pytest.mark.parametrize("frame", ["{}", "<?xml version='1.0'?>\n<Events>\n{}</Events>\n", "\ufeff{}"])
def test_events_of_windows_over_several_lines(tmp_path: Path, frame: str) -> None:
    found, told = read(tmp_path / "x.xml", frame.replace("{}", WINDOWS + WINDOWS))
    assert told == [] and len(found) == 2
    assert found[0]["event"]["code"] == "7045" and found[0]["winlog"]["event_data"]["ServiceName"] == "evil & co"
    assert found[0]["message"] == "A service was installed." and found[0]["winlog"]["user"]["name"] == "SYSTEM"


def test_detected() -> None:
    assert detect((HEADER + linux(1)).encode()) is Kind.WINDOWS_XML
    assert detect(WINDOWS.encode()) is Kind.WINDOWS_XML
    assert detect(b"<Events><Event><Name>x</Name></Event></Events>") is Kind.UNKNOWN
    assert detect(b"<Events>\n<Event>\n<Name>x</Name>\n</Event>\n</Events>") is Kind.UNKNOWN
    assert windows_json.recognise({"MESSAGE": linux(1)}) == "journal"


def test_damage_is_told_and_no_entity_is_expanded(tmp_path: Path) -> None:
    whole = HEADER + linux(5, Image="/bin/a")
    bombs = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Event><System>&b;</System></Event>'
    lines = [whole, whole[:300], bombs, "<Event>" * 50_000, "<Event>" + "<a>" * 20_000, "</Event></Event>", whole]
    found, told = read(tmp_path / "x.log", "\n".join(lines) + "\n")
    assert [document["process"]["name"] for document in found] == ["a", "a"]
    assert {each.code for each in told} == {"E0508"}
