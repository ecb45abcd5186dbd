"""The DNS server's analytical log, the background transfer service's, and what AD FS audits."""

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


AUDIT = """<?xml version="1.0" encoding="utf-16"?>
<!DOCTYPE x [<!ENTITY a "aaaa">]>
<AuditBase xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="FreshCredentialAudit">
  <AuditType>FreshCredentials</AuditType><AuditResult>Failure</AuditResult><FailureType>CredentialValidationError</FailureType>
  <ErrorCode>N/A</ErrorCode>
  <ContextComponents>
    <Component xsi:type="ResourceAuditComponent"><RelyingParty>urn:wrack</RelyingParty><UserId>{user}</UserId></Component>
    <Component xsi:type="AuthNAuditComponent"><MfaPerformed>false</MfaPerformed><MfaMethod>N/A</MfaMethod></Component>
    <Component xsi:type="RequestAuditComponent"><AuthProtocol>OAuth</AuthProtocol><IpAddress>{address}</IpAddress>
      <UserAgentString>tool/1.0</UserAgentString><UserId>later</UserId></Component>
  </ContextComponents>
  <CurrentBadPasswordCount>3</CurrentBadPasswordCount>
</AuditBase>"""


def audit(event_id: int = 1203, user: str = "LAB\\eve", address: str = "203.0.113.7, 10.4.0.1") -> dict[str, Any]:
    xml = AUDIT.format(user=user, address=address)
    return made("AD FS Auditing", "Security", event_id, param1="0f6b", param2=xml)


def test_an_audit_of_ad_fs() -> None:
    document = audit()
    assert document["winlog"]["adfs"] == {
        "activity_id": "0f6b", "audit_type": "FreshCredentials", "audit_result": "Failure",
        "failure_type": "CredentialValidationError", "user_id": "LAB\\eve", "ip_address": "203.0.113.7, 10.4.0.1",
        "relying_party": "urn:wrack", "mfa_performed": False, "auth_protocol": "OAuth", "user_agent": "tool/1.0",
        "current_bad_password_count": 3,
    }  # fmt: skip
    assert document["user"] == {"domain": "LAB", "name": "eve"} and document["source"] == {"ip": "203.0.113.7"}
    assert document["related"]["user"] == ["eve", "LAB\\eve"]
    assert document["event"]["category"] == ["authentication"] and document["event"]["type"] == ["start"]
    assert (document["event"]["action"], document["event"]["outcome"]) == ("adfs-authentication-failed", "failure")
    assert document["winlog"]["event_data"]["param2"].startswith("<?xml")


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("eve@lab.example", {"name": "eve", "domain": "lab.example"}),
        ("S-1-5-21-1", {"id": "S-1-5-21-1"}),
        ("eve", {"name": "eve"}),
        ("\\eve", {"name": "\\eve"}),
    ],
)
def test_users_of_ad_fs(user: str, expected: dict[str, str]) -> None:
    assert audit(user=user)["user"] == expected


def test_what_is_no_address_and_no_audit() -> None:
    assert "source" not in audit(address="unknown, 10.4.0.1")
    for xml in ("<AuditBase><broken", "", "x" * 2_000_000, "<AuditBase>" + "<a>" * 5_000):
        document = made("AD FS Auditing", "Security", 1200, param1="-", param2=xml)
        assert "adfs" not in document["winlog"] and document["event"]["action"] == "adfs-token-issued"
    other = made("AD FS Auditing", "Security", 1000, param1="a")
    assert other["winlog"]["event_data"] == {"param1": "a"} and "action" not in other["event"]


APPLOCKER = "Microsoft-Windows-AppLocker"
BINARY = "O=WRACK, TIDE AND CO, L=LEEDS, C=GB\\KELP\\KELP.EXE\\2.3.0.0"


def applocker(log: str = "EXE and DLL", **data: str) -> dict[str, Any]:
    user = {"name": "eve", "domain": "LAB"}
    event = WindowsEvent(APPLOCKER, f"{APPLOCKER}/{log}", 8003, user_sid="S-1-5-21-7", user=user, user_data=data)
    return nested(event)


def test_what_applocker_tells_of_a_program() -> None:
    document = applocker(Fqbn=BINARY, FullFilePath="C:\\tools\\kelp.exe", FileHash="AB12")
    assert document["file"] == {
        "name": "kelp.exe", "hash": {"sha256": "AB12"},
        "pe": {"product": "KELP", "original_file_name": "KELP.EXE", "file_version": "2.3.0.0"},
        "x509": {"subject": {"organization": "WRACK, TIDE AND CO", "locality": "LEEDS", "country": "GB"}},
    }  # fmt: skip
    assert document["user"] == {"id": "S-1-5-21-7", "name": "eve", "domain": "LAB"}
    assert document["event"]["dataset"] == document["data_stream"]["dataset"] == "windows.applocker_exe_and_dll"
    assert (document["event"]["category"], document["event"]["type"]) == (["process"], ["start"])
    assert document["winlog"]["user_data"]["Fqbn"] == BINARY


@pytest.mark.parametrize("name", ["-", "", "no parts", "O=A\\B\\C", "\\\\\\"])
def test_a_name_of_a_binary_that_tells_nothing(name: str) -> None:
    document = applocker("Unknown log", Fqbn=name, FullFilePath="-")
    assert "file" not in document and "data_stream" not in document


def test_windows_defender_s_user() -> None:
    provider = "Microsoft-Windows-Windows Defender"
    document = nested(WindowsEvent(provider, f"{provider}/Operational", 1116, user_sid="S-1-5-18"))
    assert document["user"]["id"] == "S-1-5-18" and document["event"]["type"] == ["start"]
    assert document["data_stream"]["dataset"] == "windows.windows_defender"
