from __future__ import annotations

import json
from typing import Any

import pytest

from falselight.diagnostics import Diagnostic
from falselight.mappings.apply import apply, nested
from falselight.mappings.conversions import split_command_line
from falselight.readers import windows_json
from falselight.readers.windows_event import WindowsEvent, epoch_nanoseconds

SYSMON = {
    "SourceName": "Microsoft-Windows-Sysmon",
    "Channel": "Microsoft-Windows-Sysmon/Operational",
    "Hostname": "WS1",
}
CONNECTION = {
    **SYSMON,
    "EventID": 3,
    "UtcTime": "2024-05-01 10:00:00.123",
    "Image": "C:\\Tools\\beacon.exe",
    "Initiated": "true",
    "Protocol": "tcp",
    "SourceIp": "0:0:0:0:0:0:0:1",
    "SourceIsIpv6": "true",
    "SourcePort": "50000",
    "DestinationIp": "0:0:0:0:0:0:0:2",
    "DestinationPort": "443",
    "DestinationHostname": "-",
    "User": "LAB\\mallory",
}


def events(*documents: dict[str, Any]) -> list[tuple[int, WindowsEvent]]:
    reported: list[Diagnostic] = []
    lines = iter([(number, json.dumps(document).encode()) for number, document in enumerate(documents)])
    found = [pair for chunk in windows_json.read_lines(lines, reported.append) for pair in chunk]
    assert reported == []
    return found


def test_sysmon_connection() -> None:
    batch = apply(events(CONNECTION, {**CONNECTION, "Initiated": "false", "DestinationHostname": "c2.example"}))
    rows = batch.to_pylist()
    assert rows[0]["event.category"] == ["network"]
    assert rows[0]["event.type"] == ["start", "connection", "protocol"]
    assert [row["network.direction"] for row in rows] == ["egress", "ingress"]
    assert [row["destination.domain"] for row in rows] == [None, "c2.example"]
    assert rows[0]["process.name"] == "beacon.exe"
    assert (rows[0]["source.ip"], rows[0]["source.port"]) == ("0:0:0:0:0:0:0:1", 50000)
    assert (rows[0]["network.type"], rows[0]["network.transport"]) == ("ipv6", "tcp")
    assert (rows[0]["user.domain"], rows[0]["user.name"]) == ("LAB", "mallory")
    assert rows[0]["_time"] == epoch_nanoseconds("2024-05-01T10:00:00.123Z")
    assert rows[0]["host.name"] == "WS1"


def test_only_wanted_fields_are_built() -> None:
    batch = apply(events(CONNECTION), frozenset({"process.name"}))
    assert batch.schema.names == ["_record", "_time", "process.name"]


def test_sysmon_dns_answers() -> None:
    query = {**SYSMON, "EventID": 22, "QueryName": "a.example", "QueryResults": "type:  5 b.example;::ffff:192.0.2.1;"}
    row = apply(events(query)).to_pylist()[0]
    assert row["dns.question.name"] == "a.example"
    assert row["dns.resolved_ip"] == ["192.0.2.1"]
    assert row["dns.answers.type"] == ["CNAME", "A"]
    assert row["related.hosts"] == ["b.example", "a.example"]


def test_filtering_platform_as_the_integration_indexes_it() -> None:
    allowed = {
        "EventID": 5156,
        "Channel": "Security",
        "SourceName": "Microsoft-Windows-Security-Auditing",
        "Keywords": "0x8020000000000000",
        "Task": "12810",
        "SourceAddress": "10.0.0.5",
        "SourcePort": "50123",
        "DestAddress": "192.0.2.7",
        "DestPort": "443",
        "Protocol": "6",
        "Direction": "%%14593",
        "LayerName": "%%14611",
        "Application": "\\device\\harddiskvolume2\\a.exe",
    }
    document = nested(events(allowed)[0][1])
    assert document["event"] == {
        "action": "windows-firewall-connection",
        "category": ["network"],
        "code": "5156",
        "dataset": "system.security",
        "kind": "event",
        "module": "security",
        "outcome": "success",
        "provider": "Microsoft-Windows-Security-Auditing",
        "type": ["connection", "info", "allowed"],
    }
    assert document["destination"] == {"ip": "192.0.2.7", "port": 443}
    assert document["source"] == {"ip": "10.0.0.5", "port": 50123}
    assert document["network"]["direction"] == "outbound"
    assert (document["network"]["iana_number"], document["network"]["transport"]) == ("6", "tcp")
    assert document["network"]["community_id"].startswith("1:")
    assert document["process"] == {"executable": "\\device\\harddiskvolume2\\a.exe", "name": "a.exe"}
    assert document["related"]["ip"] == ["192.0.2.7", "10.0.0.5"]
    kept = {"Protocol": "6", "Direction": "%%14593", "LayerName": "%%14611", "LayerNameDescription": "Connect"}
    kept["DirectionDescription"] = "Outbound"
    assert document["winlog"]["event_data"] == kept


def test_port_binding_is_no_connection() -> None:
    bound = {
        "EventID": 5158,
        "Channel": "Security",
        "SourceName": "Microsoft-Windows-Security-Auditing",
        "SourceAddress": "::",
        "SourcePort": "55878",
        "Protocol": "17",
        "Application": "-",
    }
    document = nested(events(bound)[0][1])
    assert (document["event"]["category"], document["event"]["type"]) == (["network"], ["info"])
    assert document["source"] == {"ip": "::", "port": 55878}
    assert "process" not in document and "destination" not in document


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ('"C:\\a b\\x.exe" ', ["C:\\a b\\x.exe"]),
        ("a  b\tc", ["a", "b", "c"]),
        ('a "b""c d', ["a", 'b"c', "d"]),
        ('a \\\\"b c" \\"', ["a", "\\b c", '"']),
        ('a ""', ["a", ""]),
    ],
)
def test_command_lines_split_as_windows_does(line: str, arguments: list[str]) -> None:
    assert split_command_line(line) == arguments
