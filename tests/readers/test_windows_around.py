"""Documents of collectors: what stands around the event stays, and what Elastic's pipelines made passes as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from falselight import ingest
from falselight.diagnostics import Diagnostic
from falselight.ecs import release
from falselight.mappings.apply import nested
from falselight.readers import windows_json
from falselight.rebuild import documents

SYSMON = "Microsoft-Windows-Sysmon"
DATA = {
    "Image": r"C:\w\a.exe",
    "ProcessId": "77",
    "RuleName": "-",
    "User": r"LAB\eve",
    "UtcTime": "2026-01-02 03:04:05.100",
}
RAW: dict[str, Any] = {
    "@timestamp": "2026-01-02T03:04:05.678Z",
    "agent": {"type": "winlogbeat", "version": "8.17.0"},
    "ecs": {"version": "8.0.0"},
    "event": {"code": "5", "kind": "event", "provider": SYSMON, "created": "2026-01-02T03:04:09.000Z", "action": "x"},
    "host": {"name": "collector", "ip": ["10.0.0.9", "fe80::1"], "os": {"type": "windows", "build": "19044.1"}},
    "log": {"level": "information"},
    "tags": ["forwarded"],
    "winlog": {
        "api": "wineventlog", "channel": SYSMON + "/Operational", "computer_name": "ws1", "event_id": "5",
        "provider_name": SYSMON, "record_id": 12, "event_data": DATA, "process": {"pid": 4, "thread": {"id": 8}},
    },
}  # fmt: skip
AGENT = {
    **RAW,
    "event": {**RAW["event"], "dataset": "windows.sysmon_operational", "module": "windows"},
    "data_stream": {"type": "logs", "dataset": "windows.sysmon_operational", "namespace": "default"},
}
FLAT = {
    "@timestamp": "2026-01-02T03:04:05.678Z", "SourceName": SYSMON, "Channel": SYSMON + "/Operational", "EventID": 5,
    "Hostname": "ws1", "RecordNumber": 12, "TimeCreated": "2026-01-02T03:04:05.678Z", **DATA,
}  # fmt: skip
BEAT_6 = {
    "@timestamp": "2026-01-02T03:04:05.678Z", "source_name": SYSMON, "log_name": SYSMON + "/Operational", "event_id": 5,
    "computer_name": "ws1", "record_number": "12", "event_data": DATA, "beat": {"version": "6.8.0"}, "host": "ws1",
}  # fmt: skip
TREE = {
    "Event": {
        "System": {
            "Provider": {"#attributes": {"Name": SYSMON}}, "EventID": 5, "Channel": SYSMON + "/Operational", "Computer": "ws1",
            "EventRecordID": 12, "TimeCreated": {"#attributes": {"SystemTime": "2026-01-02T03:04:05.678Z"}},
        },
        "EventData": DATA,
    }
}  # fmt: skip
# Defend, packetbeat, auditbeat: documents of an index.
MAPPED: list[dict[str, Any]] = [
    {"@timestamp": "2026-01-02T03:04:05.123456Z", "event": {"kind": "event", "category": ["process"], "type": ["start"],
      "action": "exec", "dataset": "endpoint.events.process", "module": "endpoint"}, "agent": {"type": "endpoint"},
     "process": {"pid": 7, "name": "sh", "args": ["sh", "-c", "x"], "Ext": {"ancestry": ["a", "b"]},
                 "parent": {"pid": 1, "thread": {"capabilities": {"effective": ["CAP_KILL"]}}}}, "host": {"ip": ["10.0.0.1"]}},
    {"@timestamp": "2026-01-02T03:04:05.000Z", "type": "tls", "event": {"category": ["network"], "dataset": "tls", "duration": 5},
     "network": {"bytes": 9, "community_id": "1:x"}, "tls": {"established": True, "version": "1.3"}, "status": "OK",
     "destination": {"ip": "192.0.2.1", "port": 443}},
    {"@timestamp": "2026-01-02T03:04:05.000Z", "event": {"module": "auditd", "category": ["process"], "sequence": 3},
     "auditd": {"result": "success", "data": {"syscall": "execve"}}, "user": {"id": "0", "audit": {"id": "1000"}}},
]  # fmt: skip


def stripped(document: dict[str, Any]) -> dict[str, Any]:
    """Lists of one are that one; times by their milliseconds."""
    found: dict[str, Any] = {}
    for name, value in document.items():
        inner = value[0] if isinstance(value, list) and len(value) == 1 else value
        found[name] = stripped(inner) if isinstance(inner, dict) else inner
    return found


def read(path: Path, lines: list[Any]) -> list[dict[str, Any]]:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    told: list[Diagnostic] = []
    table = ingest.read_events([path], release.schema(), report=told.append)
    assert told == []
    return [stripped(document) for *_, document in documents(table, list(range(table.rows)))]


@pytest.mark.parametrize("document", [RAW, AGENT, FLAT, BEAT_6, TREE], ids=["beat", "agent", "flat", "beat-6", "tree"])
def test_the_same_event_from_every_sender(tmp_path: Path, document: dict[str, Any]) -> None:
    (found,) = read(tmp_path / "x.json", [document])
    assert found["@timestamp"].startswith("2026-01-02T03:04:05.1")
    assert found["process"] == {"executable": r"C:\w\a.exe", "name": "a.exe", "pid": 77}
    assert found["event"]["category"] == "process" and found["event"]["type"] == "end"
    assert found["event"]["created"].startswith("2026-01-02T03:04:05.678")
    assert found["user"] == {"domain": "LAB", "name": "eve"}
    assert found["winlog"]["record_id"] == "12" and found["winlog"]["computer_name"] == "ws1"


def test_what_stands_around_the_event_stays() -> None:
    event = windows_json.event_of(RAW)
    assert event is not None
    document = nested(event)
    for name in ("agent", "tags"):
        assert document[name] == RAW[name]
    assert document["host"] == {"name": "ws1", "os": {"type": "windows"}}
    assert document["observer"]["name"] == "collector" and document["observer"]["os"]["build"] == "19044.1"
    assert document["observer"]["ip"] == ["10.0.0.9", "fe80::1"]
    assert document["winlog"]["process"] == {"pid": 4, "thread": {"id": 8}}


def test_a_host_that_collects_its_own_events_is_the_host() -> None:
    event = windows_json.event_of({**RAW, "host": {"name": "WS1", "ip": ["10.0.0.9"]}})
    assert event is not None
    assert nested(event)["host"] == {"name": "WS1", "ip": ["10.0.0.9"], "os": {"type": "windows"}}


def test_a_dump_of_mixed_documents(tmp_path: Path) -> None:
    lines = [
        {"_index": "logs-1", "_id": f"i{number}", "_source": source}
        for number, source in enumerate([RAW, *MAPPED, AGENT])
    ]
    found = read(tmp_path / "dump.json", lines)
    assert [document["event"]["category"] for document in found] == [
        "process",
        "process",
        "network",
        "process",
        "process",
    ]
    assert found[1]["process"]["parent"]["thread"]["capabilities"]["effective"] == "CAP_KILL"
    assert found[2]["tls"] == {"established": True, "version": "1.3"} and found[2]["destination"]["port"] == 443


@pytest.mark.parametrize("many", [2, 500])
def test_a_response_of_raw_and_mapped_documents(tmp_path: Path, many: int) -> None:
    hits = [
        {"_index": "i", "_id": str(number), "_source": source}
        for number, source in enumerate([*MAPPED, RAW, BEAT_6] * many)
    ]
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"took": 1, "hits": {"total": {"value": len(hits)}, "hits": hits}}, indent=1))
    table = ingest.read_events([path], release.schema(), report=pytest.fail)
    found = [dict(document) for *_, document in documents(table, [0, 3, 4])]
    assert table.rows == len(hits)
    assert [document["process"]["name"] for document in found] == ["sh", "a.exe", "a.exe"]


@pytest.mark.parametrize("form", ["lines", "array", "hits", "response"])
def test_documents_of_an_index_pass_unchanged(tmp_path: Path, form: str) -> None:
    hits = [{"_index": "i", "_id": str(number), "_source": source} for number, source in enumerate(MAPPED)]
    forms: dict[str, Any] = {
        "lines": MAPPED, "array": [MAPPED], "hits": hits, "response": [{"took": 1, "hits": {"total": 3, "hits": hits}}],
    }  # fmt: skip
    found = read(tmp_path / "x.json", forms[form])
    for document, source in zip(found, MAPPED, strict=True):
        document.pop("_id", None), document.pop("_index", None)
        expected = stripped(source)
        assert document.pop("@timestamp")[:23] == expected.pop("@timestamp")[:23]
        assert document == expected


def test_senders_may_differ_in_what_a_field_is(tmp_path: Path) -> None:
    odd = [
        {**RAW, "labels": labels}
        for labels in ({"a": 1}, {"a": "x"}, {"a": [1.5, True]}, {"a": None}, {"a": {}}, {"_time": 1})
    ]
    found = read(tmp_path / "x.json", odd)
    assert len(found) == len(odd)
    assert all(document["process"]["name"] == "a.exe" for document in found)


def test_a_long_first_line_is_recognised(tmp_path: Path) -> None:
    long = {"Event": {"System": TREE["Event"]["System"], "EventData": {"CommandLine": "x" * 100_000}}}
    (found,) = read(tmp_path / "x.json", [long])
    assert len(found["process"]["command_line"]) == 100_000
