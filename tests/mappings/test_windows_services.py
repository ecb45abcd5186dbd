"""The DNS server's analytical log and the background transfer service's."""

from __future__ import annotations

from typing import Any

import pytest

from falselight.mappings.apply import nested
from falselight.readers.windows_event import WindowsEvent

DNS, ANALYTICAL = "Microsoft-Windows-DNSServer", "Microsoft-Windows-DNSServer/Analytical"
BITS, OPERATIONAL = "Microsoft-Windows-Bits-Client", "Microsoft-Windows-Bits-Client/Operational"
ANSWER = {
    "TCP": "0", "InterfaceIP": "10.20.0.3", "Destination": "10.4.0.13", "AA": "0", "AD": "0", "QNAME": "cdn.wrack.example.",
    "QTYPE": "28", "XID": "4711", "DNSSEC": "0", "RCODE": "3", "Port": "50211", "Flags": "33155", "Scope": "Default",
    "Zone": "..Cache", "PolicyName": "NULL", "PacketData": "0x126781", "BufferSize": "120", "ElapsedTime": "7",
}  # fmt: skip


def made(provider: str, channel: str, event_id: int, task: int | None = None, **data: str) -> dict[str, Any]:
    return nested(WindowsEvent(provider, channel, event_id, task=task, process_id=852, thread_id=3668, event_data=data))


@pytest.mark.parametrize("channel", [ANALYTICAL, "16"])
def test_an_answer_that_the_dns_server_gives(channel: str) -> None:
    document = made(DNS, channel, 258, 1, **ANSWER)
    assert document["dns"] == {
        "id": "4711", "question": {"name": "cdn.wrack.example.", "type": "AAAA"}, "response_code": "NXDomain",
    }  # fmt: skip
    assert document["destination"] == {"ip": "10.4.0.13", "port": 50211} and "source" not in document
    assert document["network"] == {"bytes": 120, "transport": "udp", "protocol": "dns", "direction": "egress"}
    assert document["related"]["ip"] == ["10.4.0.13", "10.20.0.3"]
    assert document["event"]["category"] == ["network"] and document["event"]["type"] == ["protocol"]
    assert (document["event"]["action"], document["event"]["outcome"]) == ("LOOK_UP", "failure")
    assert document["event"]["dataset"] == document["data_stream"]["dataset"] == "microsoft_dnsserver.analytical"
    assert document["process"] == {"pid": 852, "thread": {"id": 3668}}
    assert document["winlog"]["keywords"] == ["RESPONSE_FAILURE"] and "event_data" not in document["winlog"]
    assert document["microsoft_dnsserver"]["analytical"] == {
        "description": "Response failure", "interface_ip": "10.20.0.3", "dnssec": "0", "scope": "Default", "zone": "..Cache",
        "packet_data": "0x126781", "elapsed_time": "7",
    }  # fmt: skip


def test_a_query_that_the_dns_server_receives() -> None:
    data = {
        "TCP": "1",
        "Source": "10.4.0.13",
        "Port": "50211",
        "RD": "1",
        "QNAME": "a.example.",
        "QTYPE": "1",
        "XID": "6",
    }
    document = made(DNS, ANALYTICAL, 256, 1, **data, InterfaceIP="no address")
    assert document["source"] == {"ip": "10.4.0.13", "port": 50211} and "destination" not in document
    assert document["network"] == {"transport": "tcp", "protocol": "dns", "direction": "ingress"}
    assert document["dns"]["header_flags"] == ["RD"] and "outcome" not in document["event"]


def test_other_logs_of_the_dns_server_are_left_as_they_are() -> None:
    document = made(DNS, "Microsoft-Windows-DNSServer/Audit", 515, NAME="a")
    assert document["winlog"]["event_data"] == {"NAME": "a"} and "category" not in document["event"]


def test_a_transfer_in_the_background() -> None:
    url = "http://203.0.113.77:8080/p/a.exe?x=1"
    document = made(BITS, OPERATIONAL, 60, url=url, hr="0", bytesTransferred="4096", name="job")
    assert document["url"] == {
        "original": url, "domain": "203.0.113.77", "port": 8080, "path": "/p/a.exe", "extension": "exe", "query": "x=1",
        "scheme": "http",
    }  # fmt: skip
    assert document["event"]["category"] == ["network"] and document["event"]["type"] == ["connection", "end"]
    assert (document["event"]["action"], document["event"]["outcome"]) == ("bits-transfer-stopped", "success")
    assert document["network"] == {"bytes": 4096} and document["winlog"]["event_data"]["url"] == url
    failed = made(BITS, OPERATIONAL, 61, url="\\\\server\\share", hr="2147954407", bytesTransferred="0")
    assert failed["event"]["outcome"] == "failure" and failed["url"] == {"original": "\\\\server\\share"}


def test_a_job_of_the_background_service() -> None:
    data = {"processPath": "C:\\t\\a.exe", "processId": "3616", "jobOwner": "LAB\\eve", "jobTitle": "x"}
    document = made(BITS, OPERATIONAL, 3, **data)
    assert document["process"] == {"executable": "C:\\t\\a.exe", "name": "a.exe", "pid": 3616}
    assert document["user"] == {"domain": "LAB", "name": "eve"} and document["related"]["user"] == ["eve"]
    assert document["winlog"]["event_data"] == data
