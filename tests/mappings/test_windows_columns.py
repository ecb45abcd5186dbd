"""Whole columns of Windows events against the same events one by one."""

from __future__ import annotations

import io
import itertools
import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from mappings.limited import limited

from falselight.diagnostics import Diagnostic
from falselight.mappings import windows_batches, windows_columns
from falselight.mappings.parts import in_order
from falselight.mappings.windows_batches import Block
from falselight.readers import evtx
from falselight.readers.windows_columns import clock
from falselight.readers.windows_event import WindowsEvent, epoch_nanoseconds
from falselight.readers.windows_tree import event_of_tree

SHARED = Path(os.environ.get("FALSELIGHT_SHARED", Path(__file__).parents[3] / "shared"))
LOGS = sorted((SHARED / "data").glob("**/*.evtx"), key=lambda path: path.stat().st_size)
SYSMON, SECURITY = "Microsoft-Windows-Sysmon", "Microsoft-Windows-Security-Auditing"
WANTED = (
    None,
    frozenset({"event.category", "process.name", "destination.ip", "related.user", "related.ip", "host.name"}),
    frozenset({"winlog.event_data.ProcessId", "winlog.user_data.xml_name", "dns.answers.type", "user.id", "file.name"}),
    frozenset({"winlog.event_data.AccessMaskDescription", "winlog.event_data.NewSdDacl0", "winlog.event_data.SubCategory",
               "winlog.event_data.SidListDesc", "file.target_path", "file.path", "winlog.logon.failure.sub_status"}),
)  # fmt: skip
VALUES: dict[str, list[Any]] = {
    "UtcTime": ["2024-05-01 10:00:00.123", "2024-05-01 10:00:00", "no time", "9999-12-31 23:59:59.999"],
    "ProcessGuid": ["747F3D96-D6EB-5D31-0000-0010E0252500", "00000000-0000-0000-0000-000000000000"],
    "ProcessId": [4, 5828, 2**63 - 1],
    "Image": ["C:\\Windows\\a.exe", "-", "", "x", "C:\\b\\\u0130.exe"],
    "ParentImage": ["C:\\Windows\\a.exe", "-"],
    "CommandLine": ['"C:\\a b\\x.exe" /c', "one", "", "two\r\nlines\r\n"],
    "User": ["LAB\\mallory", "mallory", "NT AUTHORITY\\SYSTEM"],
    "Hashes": ["SHA1=AB,MD5=CD,IMPHASH=00", "MD5=EF", "-"],
    "Protocol": ["tcp", "udp", "6"],
    "Initiated": [True, False],
    "SourceIp": ["10.0.0.1", "0:0:0:0:0:0:0:1", "nonsense"],
    "SourcePort": [0, 50_000],
    "DestinationIp": ["192.0.2.1", "::ffff:192.0.2.9", "10.0.0.1"],
    "DestinationPort": [443, 53],
    "DestinationHostname": ["-", "", "c2.example"],
    "QueryName": ["a.example", "-"],
    "QueryResults": ["type:  5 b.example;::ffff:192.0.2.1;", "-", "192.0.2.1;192.0.2.1;"],
    "TargetObject": ["HKLM\\Software\\x", "HKU\\y"],
    "TargetFilename": ["C:\\t\\a.txt", "a", "C:\\t\\a"],
    "SubjectUserSid": ["S-1-5-18", "S-1-5-21-1-2-3-500"],
    "SubjectUserName": ["alice", "-"],
    "TargetUserName": ["bob@LAB", "bob", "-"],
    "TargetUserSid": ["S-1-5-21-1-2-3-1104", "-"],
    "MemberName": ["CN=carol,OU=x,DC=a,DC=b", "-"],
    "NewProcessId": ["0x1a4", "zz"],
    "NewProcessName": ["C:\\c.exe"],
    "PrivilegeList": ["SeDebugPrivilege\r\n\t\t\tSeTcbPrivilege", "-"],
    "IpAddress": ["::1", "-", "LOCAL"],
    "IpPort": ["0", "445", "-"],
    "Application": ["\\device\\x\\lsass.exe", "-"],
    "DestAddress": ["192.0.2.7", "-"],
    "SourceAddress": ["10.0.0.5"],
    "Direction": ["%%14592", "%%14593", "%%1"],
    "OldTargetUserName": ["dora"],
    "NewTargetUserName": ["dan", "-"],
    "Odd name.with\tdots": ["kept"],
    "Big": [1, 2**64 - 1],
    "AccessMask": ["0x10", "%%1537 %%7688", "  ", "Control Access", "-"],
    "AccessList": ["%%4416\r\n\t\t\t\t%%4417", "%%1", " ", "-"],
    "AuditPolicyChanges": ["%%8448, %%8450", "%%1,%%8449"],
    "FailureReason": ["%%2313", "%%1"],
    "Status": ["0xc000006d", "0x0", "0x18", "0x1F"],
    "SubStatus": ["0xc000006a", "0x1"],
    "NewSd": ["D:(A;;GA;;;SY)S:(AU;;0x1;;;S-1-5-21-1-500)", "O:SY", "nothing"],
    "SidList": ["\n\t\t%{S-1-5-32-544}", "x y", " "],
    "SubcategoryGuid": ["0cce9210-69ae-11d9-bed3-505054503030", "-"],
    "NewUacValue": ["0x210", "-", "0x0"],
    "UserAccountControl": ["\n\t\t%%2080\n\t\t%%2082", " \n ", "-"],
    "TicketOptions": ["0x40810010", "often"],
    "TdoType": [2, 9],
    "ShareName": ["\\\\*\\C$", "-"],
    "ShareLocalPath": ["\\??\\C:\\", ""],
    "RelativeTargetName": ["a\\b.txt", "", "b"],
    "ClientAddress": ["LOCAL", "Unknown", "10.1.2.3"],
    "AccountName": ["erin", "-"],
}


class Together:
    """Records that no file holds."""

    def __init__(self, texts: list[str], is_whole: bool) -> None:
        self.numbers = list(range(len(texts)))
        self.texts = [text.encode() for text in texts]
        self.is_whole = is_whole

    def event(self, row: int) -> WindowsEvent | None:
        return event_of_tree(json.loads(self.texts[row])["Event"])

    def exact_times(self, rows: list[int], times: pa.Array) -> pa.Array:
        return times


def record(random_of: random.Random, provider: str, channel: str, event_id: int, names: list[str]) -> str:
    data = {name: random_of.choice(VALUES[name]) for name in names}
    system: dict[str, Any] = {
        "Provider": {"#attributes": {"Name": provider, "Guid": "5770385F-C22A-43E0-BF4C-06F5698FFBD9"}},
        "EventID": event_id,
        "Version": 2,
        "Level": 4,
        "Task": 1,
        "Opcode": 0,
        "Keywords": random_of.choice(["0x8020000000000000", "0x8010000000000000"]),
        "TimeCreated": {"#attributes": {"SystemTime": f"2024-05-01T10:00:{random_of.randrange(60):02d}.000001Z"}},
        "EventRecordID": random_of.randrange(1_000),
        "Correlation": random_of.choice(
            [None, {"#attributes": {"ActivityID": "747F3D96-D6EB-5D31-0000-0010E0252500"}}]
        ),
        "Execution": {"#attributes": {"ProcessID": 4, "ThreadID": 8}},
        "Channel": channel,
        "Computer": random_of.choice(["WS1", "WS2"]),
        "Security": {"#attributes": {"UserID": random_of.choice(["S-1-5-18", "S-1-5-21-9"])}},
    }
    return json.dumps({"Event": {"System": system, "EventData": data}}, separators=(",", ":"), ensure_ascii=False)


def rows(batches: list[pa.Table | pa.RecordBatch]) -> list[dict[str, Any]]:
    return [plain(row) for batch in batches for row in batch.to_pylist()]


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row without nulls; a value and a list of that value are the same."""
    kept = {name: value if isinstance(value, list) or name.startswith("_") else [value] for name, value in row.items()}
    dense = {
        name: [each for each in value if each is not None] if isinstance(value, list) else value
        for name, value in kept.items()
    }
    return {name: value for name, value in dense.items() if value not in ([], None)}


def both(texts: list[str], wanted: frozenset[str] | None) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    records = Together(texts, wanted is not None and "host.name" in wanted)
    parts = Block(records, wanted, {}).parts()
    together = [in_order(parts)] if parts else []
    events = [(row, event) for row in range(len(texts)) if (event := records.event(row)) is not None]
    return rows(together), [plain(row) for row in limited(events, wanted)]


@pytest.fixture(autouse=True)
def every_kind_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows_batches, "FEWEST", 1)


@pytest.mark.parametrize("wanted", WANTED, ids=["all", "some", "others", "codes"])
@pytest.mark.parametrize("seed", range(12))
def test_columns_equal_the_events_one_by_one(seed: int, wanted: frozenset[str] | None) -> None:
    draw = random.Random(seed)
    kinds = [
        (SYSMON, SYSMON + "/Operational", draw.choice([1, 3, 5, 7, 10, 11, 12, 13, 22, 23, 26])),
        (
            SECURITY,
            "Security",
            draw.choice(
                [
                    4624,
                    4625,
                    4648,
                    4662,
                    4670,
                    4672,
                    4688,
                    4706,
                    4719,
                    4732,
                    4738,
                    4768,
                    4776,
                    4778,
                    4781,
                    4908,
                    5140,
                    5145,
                    5156,
                ]
            ),
        ),
        ("Microsoft-Windows-Unheard-Of", "Other", 1),
    ]
    texts = []
    for provider, channel, event_id in kinds:
        names = draw.sample(sorted(VALUES), draw.randrange(4, len(VALUES)))
        for _ in range(draw.randrange(1, 60)):
            texts.append(record(draw, provider, channel, event_id, names if draw.random() < 0.95 else names[:3]))
    draw.shuffle(texts)
    made, expected = both(texts, wanted)
    assert made == expected


def damaged(text: str, change: dict[str, Any]) -> str:
    document = json.loads(text)
    for place, value in change.items():
        *parents, last = place.split("/")
        inner = document["Event"]
        for parent in parents:
            inner = inner[parent]
        inner[last] = value
    return json.dumps(document, separators=(",", ":"))


@pytest.mark.parametrize(
    "change",
    [
        {"EventData/Image": 7},
        {"EventData/Image": ["a", "b"]},
        {"EventData/Image": {"#text": "a"}},
        {"EventData/Image": 1.5},
        {"EventData/New": "x"},
        {"EventData/Data": ["a", "b"]},
        {"EventData": None},
        {"UserData": {"A": {"x": "1", "y": 2}}},
        {"System/Channel": "Elsewhere"},
        {"System/Channel": None},
        {"System/Computer": 9},
        {"System/Execution": None},
        {"System/TimeCreated": None},
        {"System/TimeCreated": {"#attributes": {"SystemTime": "never"}}},
        {"System/Provider": {"#attributes": {"Name": 'a"TimeCreated":'}}},
        {"System/EventID": {"#attributes": {"Qualifiers": 0}, "#text": 1}},
        {"System/EventID": None},
        {"RenderingInfo": {"Message": "m"}},
    ],
)
@pytest.mark.parametrize("wanted", WANTED, ids=["all", "some", "others", "codes"])
@pytest.mark.parametrize("all_of_them", [False, True])
def test_what_departs_from_the_rest_is_read_alike(
    change: dict[str, Any], wanted: frozenset[str] | None, all_of_them: bool
) -> None:
    draw = random.Random(1)
    names = ["UtcTime", "Image", "ProcessId", "User", "CommandLine"]
    texts = [record(draw, SYSMON, SYSMON + "/Operational", 1, names) for _ in range(60)]
    for place in range(60) if all_of_them else (37,):
        texts[place] = damaged(texts[place], change)
    made, expected = both(texts, wanted)
    assert made == expected


@pytest.mark.parametrize("wanted", WANTED, ids=["all", "some", "others", "codes"])
def test_user_data(wanted: frozenset[str] | None) -> None:
    draw = random.Random(2)
    texts = []
    for number in range(50):
        text = record(draw, "Microsoft-Windows-Eventlog", "Security", 1102, ["User"])
        inner = {
            "#attributes": {"xmlns": "x"},
            "SubjectUserName": f"u{number % 3}",
            "SubjectLogonId": "0x1",
            "Empty": "",
        }
        texts.append(damaged(text, {"EventData": None, "UserData": {"LogFileCleared": inner}}))
    made, expected = both(texts, wanted)
    assert made == expected


@pytest.mark.skipif(not LOGS, reason="no shared data beside the project")
@pytest.mark.parametrize("wanted", WANTED, ids=["all", "some", "others", "codes"])
def test_published_logs(wanted: frozenset[str] | None) -> None:
    for path in LOGS[:60]:
        reported: list[Diagnostic] = []
        skipped: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        data = path.read_bytes()
        made = list(windows_batches.read_evtx(io.BytesIO(data), path.name, reported.append, skipped[0], wanted))
        events = evtx.read_stream(io.BytesIO(data), path.name, reported.append, skipped[1])
        assert rows(made) == [plain(row) for chunk in events for row in limited(chunk, wanted)], path.name
        assert skipped[0] == skipped[1]


def test_texts_that_stand_for_nothing_become_null_whatever_stands_beside_them() -> None:
    missing = frozenset({"", "-", "é" * 200})
    texts = ["x", None, "-", "", "é" * 200, "e" * 400, "--", None, "y"]
    values = pa.array(texts, pa.string())
    for start, end in itertools.combinations(range(len(texts) + 1), 2):
        made = windows_columns.without(values.slice(start, end - start), missing)
        assert made.to_pylist() == [None if text in missing else text for text in texts[start:end]]
    assert windows_columns.without(values, frozenset()) is values


@pytest.mark.parametrize(
    "other", ["2026-01-02T03:04:05.678", "2026-01-02 03:04:60.000", "2026-01-02 03:04:05.67Z", "x" * 23, "é" * 11 + "x"]
)
def test_clocks_of_one_length_are_what_each_is_alone(other: str) -> None:
    texts = ["2026-01-02 03:04:05.678", other, "1969-12-31 23:59:59.999"]
    assert clock(pa.array(texts, pa.string())).to_pylist() == [epoch_nanoseconds(text) for text in texts]
