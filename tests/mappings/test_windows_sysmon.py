"""Sysmon's events as Elastic's sysmon pipelines index them."""

from __future__ import annotations

from typing import Any

import pytest

from falselight.mappings.apply import nested
from falselight.mappings.plans import table
from falselight.readers.windows_event import WindowsEvent, epoch_nanoseconds

ALL = [*range(1, 30), 255]


def made(event_id: int, **data: str) -> dict[str, Any]:
    time = epoch_nanoseconds("2026-01-02T03:04:05.678901Z")
    provider = "Microsoft-Windows-Sysmon"
    return nested(WindowsEvent(provider, f"{provider}/Operational", event_id, time=time, event_data=data))


def test_every_event_is_known() -> None:
    assert sorted(map(int, table("windows_sysmon")["events"])) == ALL


@pytest.mark.parametrize("event_id", ALL)
def test_every_event_has_its_kind(event_id: int) -> None:
    event = made(event_id, RuleName="technique_id=T1059", UtcTime="2026-01-02 03:04:05.100")["event"]
    assert event["module"] == "sysmon" and event["action"]
    assert isinstance(event.get("type", []), list) and isinstance(event.get("category", []), list)
    assert event["created"] == "2026-01-02T03:04:05.678Z"


def test_the_events_own_time_counts() -> None:
    assert made(3, UtcTime="2026-01-02 03:04:05.100")["@timestamp"] == "2026-01-02T03:04:05.100Z"
    assert made(3)["@timestamp"] == "2026-01-02T03:04:05.678901Z"


@pytest.mark.parametrize(
    ("details", "kind", "text"),
    [
        ("DWORD (0x0000000a)", "SZ_DWORD", "10"),
        ("QWORD (0x00000001-0x0000000A)", "SZ_QWORD", str((1 << 8) + 10)),
        ("Binary Data", "REG_BINARY", "Binary Data"),
        (r"C:\Users\eve\run.exe", "REG_SZ", r"C:\Users\eve\run.exe"),
    ],
)
def test_registry_values(details: str, kind: str, text: str) -> None:
    document = made(13, TargetObject=r"HKLM\Software\Run\x", Details=details)
    assert document["registry"] == {
        "path": r"HKLM\Software\Run\x", "hive": "HKLM", "key": r"Software\Run\x", "value": "x",
        "data": {"type": kind, "strings": [text]},
    }  # fmt: skip
    assert document["winlog"]["event_data"]["Details"] == details


def test_a_query() -> None:
    results = "type:  5 edge.example.net;type:  65;::ffff:192.0.2.1;2001:db8::1;nonsense;"
    document = made(22, QueryName="cdn.shop.example.co.uk", QueryStatus="9003", QueryResults=results)
    assert document["dns"]["question"] == {
        "name": "cdn.shop.example.co.uk", "registered_domain": "example.co.uk", "subdomain": "cdn.shop",
        "top_level_domain": "co.uk",
    }  # fmt: skip
    assert document["dns"]["answers"] == [
        {"type": "CNAME", "data": "edge.example.net"}, {"type": "A", "data": "192.0.2.1"},
        {"type": "AAAA", "data": "2001:db8::1"},
    ]  # fmt: skip
    assert document["dns"]["resolved_ip"] == ["192.0.2.1", "2001:db8::1"]
    assert document["sysmon"]["dns"]["status"] == "DNS_ERROR_RCODE_NAME_ERROR"
    assert document["network"]["protocol"] == "dns"
    assert document["related"]["hosts"] == ["edge.example.net", "cdn.shop.example.co.uk"]


@pytest.mark.parametrize(
    ("status", "name"), [("0", "SUCCESS"), ("9652", "DNS_ERROR_INVALID_DATAFILE_NAME"), ("77", "77")]
)
def test_status_of_queries(status: str, name: str) -> None:
    assert made(22, QueryStatus=status)["sysmon"]["dns"]["status"] == name


def test_a_deleted_file_has_its_hash_on_both_sides() -> None:
    document = made(26, Hashes="SHA256=AB,IMPHASH=CD", TargetFilename=r"C:\t\a.exe", Image=r"C:\w\del.exe")
    assert document["file"]["hash"] == document["process"]["hash"] == {"sha256": "ab"}
    assert document["file"]["extension"] == "exe" and document["process"]["name"] == "del.exe"


def test_a_target_process_has_one_name_for_its_id() -> None:
    identifier = "{11111111-2222-3333-4444-555555555555}"
    data = made(8, TargetProcessGuid=identifier)["winlog"]["event_data"]
    assert data["TargetProcessGUID"] == identifier
