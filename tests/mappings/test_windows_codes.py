"""Codes of the Security log are told by their names, on the way of single records and on that of columns alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from falselight import ingest
from falselight.ecs import release
from falselight.mappings.apply import nested
from falselight.readers.windows_event import WindowsEvent
from falselight.rebuild import documents

DATA = "winlog.event_data."


def read(folder: Path, code: int, data: dict[str, str]) -> dict[str, Any]:
    system = {
        "Provider": {"#attributes": {"Name": "Microsoft-Windows-Security-Auditing"}}, "EventID": code, "Channel": "Security",
        "Computer": "dc01", "TimeCreated": {"#attributes": {"SystemTime": "2026-01-01T00:00:00Z"}},
    }  # fmt: skip
    path = folder / "event.json"
    path.write_text(json.dumps({"Event": {"System": system, "EventData": data}}) + "\n")
    table = ingest.read_events([path], release.schema(), report=pytest.fail)
    ((*_, document),) = documents(table, [0])
    return dict(document)


def value(document: dict[str, Any], name: str) -> Any:
    found: Any = document
    for part in name.split("."):
        found = found.get(part, {})
    return found


@pytest.mark.parametrize(
    ("code", "data", "expected"),
    [
        (4768, {"TicketOptions": "0x40810010", "TicketEncryptionType": "0x12", "Status": "0x0"},
         {DATA + "TicketOptionsDescription": ["Renewable-ok", "Name-canonicalize", "Renewable", "Forwardable"],
          DATA + "TicketEncryptionTypeDescription": "AES256-CTS-HMAC-SHA1-96", DATA + "StatusDescription": "KDC_ERR_NONE"}),
        (4771, {"Status": "0x18"}, {DATA + "StatusDescription": "KDC_ERR_PREAUTH_FAILED"}),
        (4720, {"NewUacValue": "0x200", "UserAccountControl": "\n\t\t%%2080\n\t\t%%2082"},
         {DATA + "NewUACList": "USER_DONT_EXPIRE_PASSWORD", DATA + "UserAccountControl": ["2080", "2082"]}),
        (4719, {"SubcategoryGuid": "{0cce9210-69ae-11d9-bed3-505054503030}", "AuditPolicyChanges": "%%8448, %%8450"},
         {DATA + "Category": "System", DATA + "SubCategory": "Security State Change",
          DATA + "AuditPolicyChangesDescription": ["Success removed", "Failure removed"]}),
        (4625, {"FailureReason": "%%2313", "Status": "0xc000006d", "SubStatus": "0xc000006a", "LogonType": "3"},
         {"winlog.logon.failure.reason": "Unknown user name or bad password.", "winlog.logon.type": "Network",
          "winlog.logon.failure.sub_status": "User logon with misspelled or bad password"}),
        (4625, {"FailureReason": "%%9"}, {"winlog.logon.failure.reason": "9"}),
        (4776, {"Status": "0xc0000064"}, {"winlog.logon.failure.status": "User logon with misspelled or bad user account"}),
        (4663, {"AccessList": "%%4416\n\t\t\t\t%%4417\n\t\t\t\t%%9", "AccessMask": "0x3"},
         {DATA + "AccessList": ["4416", "4417", "9"], DATA + "AccessMask": "0x3",
          DATA + "AccessListDescription": ["ReadData (or ListDirectory)", "WriteData (or AddFile)", "9"],
          DATA + "AccessMaskDescription": ["Create Child", "Delete Child"]}),
        (4662, {"AccessMask": "%%7688"}, {DATA + "AccessMask": "Control Access", DATA + "AccessMaskDescription": "SELF"}),
        (4706, {"TdoType": "2", "TdoDirection": "3", "TdoAttributes": "8"},
         {"winlog.trustType": "TRUST_TYPE_UPLEVEL", "winlog.trustDirection": "TRUST_DIRECTION_BIDIRECTIONAL",
          "winlog.trustAttribute": "TRUST_ATTRIBUTE_FOREST_TRANSITIVE"}),
        (5145, {"ShareName": "\\\\*\\SYSVOL", "ShareLocalPath": "\\??\\C:\\SYSVOL", "RelativeTargetName": "x\\scripts.ini"},
         {"file.name": "x\\scripts.ini", "file.directory": "\\??\\C:\\SYSVOL", "file.extension": "ini",
          "file.path": "\\??\\C:\\SYSVOL\\x\\scripts.ini", "file.target_path": "\\\\*\\SYSVOL\\x\\scripts.ini"}),
        (4779, {"ClientAddress": "LOCAL", "AccountName": "erin"},
         {"source.ip": "127.0.0.1", DATA + "ClientAddress": "127.0.0.1", "user.name": "erin", "related.user": "erin"}),
        (4738, {"TargetUserName": "bob@LAB"}, {"user.target.name": "bob", "related.user": ["bob", "bob@LAB"]}),
        (4662, {"AccessMask": "0x10"}, {DATA + "AccessMask": "0x10", DATA + "AccessMaskDescription": "Read Property"}),
        (4670, {"NewSd": "D:(A;;GA;;;SY)"}, {DATA + "NewSdDacl0": "Local system :Access Allowed ([Generic All])"}),
        (4908, {"SidList": "\n\t\t%{S-1-5-32-544}"}, {DATA + "SidListDesc": "Administrators"}),
        (4964, {"SidList": "\n\t\t%{S-1-5-32-544}"}, {DATA + "SidList": "\n\t\t%{S-1-5-32-544}"}),
    ],
)  # fmt: skip
def test_codes_by_their_names(tmp_path: Path, code: int, data: dict[str, str], expected: dict[str, Any]) -> None:
    document = read(tmp_path, code, data)
    assert {name: value(document, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("code", "data", "absent"),
    [(4768, {"Status": "0x99", "TicketOptions": "often"}, (DATA + "StatusDescription", DATA + "TicketOptionsDescription")),
     (4720, {"NewUacValue": "x" * 1000}, (DATA + "NewUACList",)), (4670, {"NewSd": "D:" + "(" * 5000}, (DATA + "NewSdDacl0",)),
     (4719, {"SubcategoryGuid": "{}"}, (DATA + "Category",))],
)  # fmt: skip
def test_what_is_no_code_has_no_name(tmp_path: Path, code: int, data: dict[str, str], absent: tuple[str, ...]) -> None:
    document = read(tmp_path, code, data)
    assert [name for name in absent if value(document, name) != {}] == []


@pytest.mark.parametrize("text", ["D:" + "(" * 60_000 + "*)", "S:(" * 20_000, "S:" * 30_000 + "()*", "%%1 " * 16_000])
def test_long_codes_are_read(text: str) -> None:
    data = {"NewSd": text, "AccessList": text, "AccessMask": text, "SidList": text, "AuditPolicyChanges": text}
    event = WindowsEvent("Microsoft-Windows-Security-Auditing", "Security", 4670, event_data=data)
    assert nested(event)["winlog"]["event_data"]["NewSd"] == text
