"""Windows events as JSON lines in blocks against the same lines one by one."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import pytest
from mappings.limited import limited

from falselight.diagnostics import Diagnostic
from falselight.mappings import parts, windows_batches, windows_kinds, windows_lines
from falselight.readers import windows_columns, windows_json
from falselight.readers.windows_event import text_of

SYSMON, SECURITY = "Microsoft-Windows-Sysmon", "Microsoft-Windows-Security-Auditing"
POWERSHELL = "Microsoft-Windows-PowerShell"
WANTED = (
    None,
    frozenset({"event.category", "process.name", "related.user", "host.name", "message", "event.created"}),
    frozenset({"winlog.event_data.Image", "agent.name", "user.id", "winlog.user.name", "log.level", "labels.x"}),
    frozenset({"user.name"}),
)
DATA: dict[str, list[Any]] = {
    "UtcTime": ["2024-05-01 10:00:00.123", "no time"],
    "Image": ["C:\\Windows\\a.exe", "-", "C:\\b\\\u0130.exe"],
    "User": ["LAB\\mallory", "mallory"],
    "ProcessGuid": ["747F3D96-D6EB-5D31-0000-0010E0252500"],
    "CommandLine": ['"C:\\a b\\x.exe" /c', "two\r\nlines\r\n"],
    "Hashes": ["SHA1=AB,MD5=CD,IMPHASH=00", "-"],
    "SourceIp": ["10.0.0.1", "0:0:0:0:0:0:0:1", "nonsense"],
    "SubjectUserName": ["alice", "-"],
    "TargetUserSid": ["S-1-5-18", "S-1-5-21-1-2-3-1104"],
    "ContextInfo": [
        "Severity = Info\r\nUser = LAB\\eve\r\nConnected User = LAB\\dan\r\n",
        "User = LAB\\eve\r\nConnected User = \r\n",
        "Host Name = ConsoleHost",
    ],
    "param1": ["x", "7"],
}
KINDS = ((SYSMON, 1), (SYSMON, 3), (SECURITY, 4624), (POWERSHELL, 4103), ("Own", 7))


def data(draw: random.Random) -> dict[str, Any]:
    return {name: draw.choice(DATA[name]) for name in draw.sample(sorted(DATA), draw.randrange(3, 8))}


def tree(draw: random.Random, provider: str, event_id: int) -> dict[str, Any]:
    system = {
        "Provider": {"#attributes": {"Name": provider}}, "EventID": event_id, "Version": 2, "Level": 4, "Task": 1,
        "Opcode": 0, "Keywords": "0x8020000000000000",
        "TimeCreated": {"#attributes": {"SystemTime": f"2024-05-01T10:00:{draw.randrange(60):02d}.000001Z"}},
        "EventRecordID": draw.randrange(1_000), "Correlation": None,
        "Execution": {"#attributes": {"ProcessID": 4, "ThreadID": 8}}, "Channel": provider, "Computer": "WS1",
        "Security": draw.choice([None, {"#attributes": {"UserID": "S-1-5-18"}}]),
    }  # fmt: skip
    return {"Event": {"System": system, "EventData": data(draw)}}


def flat(draw: random.Random, provider: str, event_id: int) -> dict[str, Any]:
    document = {
        "SourceName": provider, "Channel": provider, "EventID": event_id, "Hostname": draw.choice(["WS1", "WS2"]),
        "EventTime": f"2024-05-01 10:00:{draw.randrange(60):02d}", "Severity": "INFO", "SeverityValue": 2,
        "RecordNumber": draw.randrange(1_000), "Keywords": -9223372036854775808, "ExecutionProcessID": 4, **data(draw),
    }  # fmt: skip
    if draw.random() < 0.5:
        document |= {"UserID": "S-1-5-21-9", "AccountName": "eve", "Domain": "LAB", "AccountType": "User"}
    if draw.random() < 0.3:
        document |= {"Message": draw.choice(["said\r\nso", "x"]), "Version": draw.choice([1, ""])}
    return document


def beat(draw: random.Random, provider: str, event_id: int) -> dict[str, Any]:
    winlog = {
        "provider_name": provider, "channel": provider, "event_id": event_id, "record_id": draw.randrange(1_000),
        "computer_name": draw.choice(["WS1", "WS2.lab"]), "process": {"pid": 4, "thread": {"id": 2**70}},
        "event_data": data(draw), "user": {"identifier": "S-1-5-18", "name": "SYSTEM"}, "opcode": "Info",
        "keywords": ["Audit Success"], "task": draw.choice(["Logon", "Process Create"]),
    }  # fmt: skip
    document = {
        "@timestamp": f"2024-05-01T10:00:{draw.randrange(60):02d}.123Z", "winlog": winlog,
        "event": {"created": "2024-05-01T10:00:59Z", "kind": draw.choice(["event", "signal"]), "type": "info"},
        "agent": {"name": "a", "version": "8.1"}, "host": {"name": "WS2", "ip": ["10.0.0.9", "::1"]},
        "labels": {"x": draw.choice(["7", 7, True, ["a", 1]]), "n": draw.choice([7, 7.5])},
        "log": {"level": draw.choice(["error", 3])},
        "tags": draw.choice(["one", ["one", "two"]]),
    }  # fmt: skip
    if draw.random() < 0.1:
        document["related"] = {"user": ["known"]}
    return document


def beat_6(draw: random.Random, provider: str, event_id: int) -> dict[str, Any]:
    return {
        "@timestamp": "2018-05-01T10:00:00Z", "source_name": provider, "log_name": provider, "event_id": event_id,
        "computer_name": "WS1", "record_number": str(draw.randrange(99)), "event_data": data(draw), "host": "WS1",
        "beat": {"name": "b"}, "level": "Information",
    }  # fmt: skip


def ready(draw: random.Random, provider: str, event_id: int) -> dict[str, Any]:
    return {
        "@timestamp": "2024-05-01T10:00:00Z",
        "event": {"code": str(event_id), "category": ["process"]},
        "host": {"name": provider},
    }


SHAPES = (tree, flat, beat, beat_6, ready)


def drawn(draw: random.Random, count: int) -> list[bytes]:
    lines = []
    for _ in range(count):
        document = draw.choice(SHAPES)(draw, *draw.choice(KINDS))
        if draw.random() < 0.2:
            document = {"_index": "i", "_id": str(draw.randrange(9)), "_source": document}
        lines.append(json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode())
    return lines


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row without nulls; a value and a list of that value are the same, and so are a number and its text where a field has
    both: whether it is text depends on what else is in the batch."""
    row = {name: text_of(value).split(",") if name in {"labels.x", "log.level"} and value is not None else value
           for name, value in row.items()}  # fmt: skip
    dense = {name: [each for each in value if each is not None] if isinstance(value, list) else [value]
             for name, value in row.items()}  # fmt: skip
    return {name: values for name, values in dense.items() if values not in ([], [None])}


def check(lines: list[bytes], wanted: frozenset[str] | None) -> int:
    """Compares both ways; gives how many tables there were."""
    told: tuple[list[Diagnostic], list[Diagnostic]] = [], []
    skipped: tuple[Counter[str], Counter[str]] = Counter(), Counter()
    chunks = list(windows_json.read_lines(enumerate(lines), told[0].append, "x", skipped[0]))
    expected = [plain(row) for chunk in chunks for row in limited(chunk, wanted)]
    tables = list(windows_lines.read_lines(enumerate(lines), told[1].append, "x", skipped[1], wanted=wanted))
    made = [plain(row) for table in tables for row in table.to_pylist()]
    assert [row["_record"] for row in made] == [row["_record"] for row in expected]
    differing = [
        {name: (one.get(name), other.get(name)) for name in {*one, *other} if one.get(name) != other.get(name)}
        for one, other in zip(made, expected, strict=True)
    ]
    assert not any(differing), next(each for each in differing if each)
    assert told[0] == told[1]
    assert skipped[0] == skipped[1]
    return len(tables)


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows_batches, "FEWEST", 2)
    monkeypatch.setattr(windows_kinds, "FEWEST", 2)


@pytest.mark.usefixtures("together")
@pytest.mark.parametrize("wanted", WANTED, ids=["all", "some", "others", "users"])
@pytest.mark.parametrize("seed", range(6))
def test_events_of_all_shapes(seed: int, wanted: frozenset[str] | None) -> None:
    draw = random.Random(seed)
    lines = drawn(draw, 300)
    # One type each, so that nothing of a kind is left to the way that takes events one by one.
    for shape in SHAPES:
        lines += [json.dumps(shape(draw, SYSMON, 1), separators=(",", ":")).encode() for _ in range(20)]
    check(lines, wanted)


@pytest.mark.usefixtures("together")
@pytest.mark.parametrize("wanted", WANTED, ids=["all", "some", "others", "users"])
def test_lines_that_are_damaged_or_odd(wanted: frozenset[str] | None) -> None:
    draw = random.Random(7)
    lines = [json.dumps(tree(draw, SYSMON, 1), separators=(",", ":")).encode() for _ in range(40)]
    lines[3] = lines[3][:-9]
    lines[5] = lines[5].replace(b'"Correlation":null', b'"EventID":null')
    lines[7] = lines[7].replace(b'"Correlation":null', b'"EventID":3')
    lines[9] = lines[9].replace(b'"Correlation":null', b'"Computer":"twice"')
    lines[11] = lines[11][:-1] + b',"_source":{}}'
    lines[13] = lines[13][:-1] + b',"Event":{}}'
    lines[15] += lines[15]
    lines[17] = lines[17].replace(b"WS1", b"WS\xff")
    lines[19] = lines[19].replace(b"WS1", b"\\ud800")
    lines[21] = b"\xef\xbb\xbf" + lines[21]
    lines[23] = lines[23].replace(b'"EventData":{', b'"EventData":{"_record":"1","Data":["a",null],')
    lines[25] = lines[25].replace(b'"EventData":{', b'"EventData":{"Real":1.5,"Whole":18446744073709551615,"No":null,')
    lines[27] = lines[27].replace(b'{"Event":{', b'{"Event":{"#attributes":{"xmlns":"y"},')
    lines[29] = b'{"Event":{"System":"x"}}'
    lines[31] = b'{"Event":{'
    lines[33] = b"[]"
    lines[35] = b'"TimeCreated"'
    for line in list(lines):
        check([line] * 3, wanted)
    check(lines, wanted)


@pytest.mark.usefixtures("together")
@pytest.mark.parametrize(
    "end", [b"\n", b"\r\n", b" \t\n", b"", b"\x0b\n", b"\xc2\xa0\n", b"\x1c\n", b"x\n", b"}\n", b"\xff\n"]
)
def test_ends_of_lines(end: bytes) -> None:
    draw = random.Random(3)
    lines = [json.dumps(tree(draw, SYSMON, 1), separators=(",", ":"), ensure_ascii=False).encode() for _ in range(30)]
    check([line + end for line in lines], None)
    check([line + (end if place % 7 == 3 else b"\n") for place, line in enumerate(lines)], None)


@pytest.mark.parametrize("wanted", WANTED, ids=["all", "some", "others", "users"])
def test_what_few_of_a_kind_hold_leaves_none_of_them_to_be_read_alone(
    wanted: frozenset[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(3)
    documents = [tree(draw, SYSMON, 1) for _ in range(windows_columns._SAMPLES * 9)]
    documents[31]["Event"]["EventData"]["OriginalFileName"] = "a.exe"
    lines = [json.dumps(document, separators=(",", ":")).encode() for document in documents]
    check(lines, wanted)
    monkeypatch.setattr(windows_json.Reader, "event", None)
    (table,) = windows_lines.read_lines(enumerate(lines), print, "x", Counter(), wanted=wanted)
    assert table.num_rows == len(lines)


@pytest.mark.usefixtures("together")
def test_blocks_and_tables_of_few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = drawn(random.Random(1), 120)
    assert check(lines, None) == 1
    monkeypatch.setattr(windows_lines, "LINES_AT_ONCE", 30)
    assert check(lines, None) == 4
    monkeypatch.setattr(parts, "_MOST_CELLS", 10)
    monkeypatch.setattr(parts, "_FEW_ROWS", 7)
    assert check(lines, None) > 12
    monkeypatch.setattr(windows_kinds, "_MOST_CELLS", 10)
    check(lines, None)
    monkeypatch.setattr(windows_lines, "BYTES_AT_ONCE", 1)
    check(lines, None)
