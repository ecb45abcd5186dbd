"""Whatever bytes a Windows log holds, reading ends; damage is told and counted, and costs nothing else."""

from __future__ import annotations

import io
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from readers.evtx_files import Element, event, log

from falselight import ingest
from falselight.diagnostics import Diagnostic
from falselight.ecs import release
from falselight.mappings import windows_batches
from falselight.mappings.apply import apply
from falselight.mappings.windows_batches import read_evtx
from falselight.readers import windows_json, windows_xml
from falselight.readers.settings import Settings
from falselight.rebuild import documents

SYSMON, SECURITY = "Microsoft-Windows-Sysmon", "Microsoft-Windows-Security-Auditing"
ORDINARY, NIGHTLY, AT_ONCE = 300, 10_000, 50
KINDS: list[tuple[int, str, str, dict[str, str]]] = [
    (1, SYSMON, SYSMON + "/Operational", {"UtcTime": "2026-01-01 00:00:00.1", "Image": r"C:\a.exe", "CommandLine": '"a b" c',
                                          "Hashes": "SHA1=AB,IMPHASH=CD", "User": r"LAB\eve"}),
    (22, SYSMON, SYSMON + "/Operational", {"QueryName": "a.example", "QueryResults": "type:  5 b.example;::ffff:192.0.2.1;"}),
    (13, SYSMON, SYSMON + "/Operational", {"TargetObject": r"HKLM\x\y", "Details": "DWORD (0x00000001)"}),
    (4670, SECURITY, "Security", {"NewSd": "D:(A;;GA;;;SY)S:(AU;;0x1;;;BA)", "AccessMask": "%%7688 0x10",
                                  "AccessList": "%%1537"}),
    (4698, SECURITY, "Security", {"TaskContent": "<Task><Actions><Exec><Command>x</Command></Exec></Actions></Task>"}),
    (4732, SECURITY, "Security", {"MemberName": "CN=carol,OU=x,DC=a,DC=b", "TargetUserName": "x@y",
                                  "SidList": "%{S-1-5-32-544}"}),
    (4103, "Microsoft-Windows-PowerShell", "Microsoft-Windows-PowerShell/Operational",
     {"ContextInfo": "Host ID = x\n Severity = y", "Payload": "ParameterBinding(a): name=b; value=c"}),
]  # fmt: skip
HOSTILE: list[Any] = [
    None, True, -1, 0, 2**63, 2**70, 1.5, "", "-", "\0", "\ud83d\ude00", "\u202e", "9" * 400, "0x", "0x" + "f" * 40, "%%",
    "(" * 500,
    "\\" * 99, "::ffff:", "S-1-5-21-", "2026-13-99 99:99:99", "9999-12-31T23:59:59Z", "0000-00-00T00:00:00Z", [], {}, [[]], [{}],
    {"a": {"b": [1, "x", None]}}, ["x", 1, None, {"#text": "y"}], {"#text": 5}, {"#attributes": {"Name": 3}},
]  # fmt: skip


NAMES = ("", "\0", "_time", "_record", "a.b", "#text", "EventID", "event.code", "x" * 300, "\x1b[31m")


@pytest.fixture(autouse=True)
def small_kinds_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows_batches, "FEWEST", 3)


def elements() -> list[Element]:
    return [
        event(code, {**data, "Number": str(number)}, provider, channel, number * 10 + place, number)
        for number in range(5)
        for place, (code, provider, channel, data) in enumerate(KINDS)
    ]


def trees() -> list[dict[str, Any]]:
    def system(code: int, provider: str, channel: str) -> dict[str, Any]:
        return {"Provider": {"#attributes": {"Name": provider}}, "EventID": code, "Channel": channel, "Computer": "ws1",
                "EventRecordID": 7, "Level": 4, "Keywords": "0x8020000000000000",
                "TimeCreated": {"#attributes": {"SystemTime": "2026-01-01T00:00:00.1234567Z"}}}  # fmt: skip

    found: list[dict[str, Any]] = []
    for code, provider, channel, data in KINDS:
        found.append({"Event": {"System": system(code, provider, channel), "EventData": dict(data)}})
        found.append(
            {"EventID": code, "SourceName": provider, "Channel": channel, "EventTime": "2026-01-01 00:00:00", **data}
        )
        beat = {
            "event_id": code,
            "provider_name": provider,
            "channel": channel,
            "event_data": dict(data),
            "computer_name": "a",
        }
        found.append({"@timestamp": "2026-01-01T00:00:00Z", "winlog": beat, "host": {"name": "b", "ip": ["10.0.0.1"]}})
        found.append(
            {"event_id": code, "source_name": provider, "log_name": channel, "event_data": dict(data), "beat": {"x": 1}}
        )
    found.append({"_source": found[0], "_id": "x"})
    found.append({"@timestamp": "2026-01-01T00:00:00Z", "event": {"category": ["process"]}, "process": {"pid": 7}})
    return found


def damaged(chance: random.Random, data: bytes) -> bytes:
    found = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8, 40))):
        at = chance.randrange(len(found))
        kind = chance.randrange(6)
        if kind == 0:
            found[at] = chance.randrange(256)
        elif kind == 1:
            found[at] ^= 1 << chance.randrange(8)
        elif kind == 2:
            found[at : at + 4] = chance.choice((b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"**\0\0"))
        elif kind == 3:
            end = min(at + chance.randrange(1, 400), len(found))
            found[at:end] = chance.randbytes(end - at)
        elif kind == 4:
            start = chance.randrange(len(found))
            found[at : at + 64] = found[start : start + 64]
        elif len(found) > 10_000:
            del found[at : at + chance.randrange(1, 5_000)]
    return bytes(found)


def survives_evtx(data: bytes, wanted: frozenset[str] | None) -> None:
    told: list[Diagnostic] = []
    skipped: Counter[str] = Counter()
    records: list[int] = []
    for batch in read_evtx(io.BytesIO(data), "x.evtx", told.append, skipped, wanted):
        records += batch.column("_record").to_pylist()
        assert batch.num_rows == len(batch.column("_time"))
    assert {each.code for each in told} <= {"E0504", "E0508"} and len(told) <= 20
    assert set(skipped) <= {"damaged chunk", "damaged record"}
    assert records == sorted(set(records))


def mutated(chance: random.Random, value: Any, depth: int = 0) -> Any:
    """The value with something hostile in it."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        found = dict(value)
        name = chance.choice(list(found))
        what = chance.randrange(4)
        if what == 0:
            found[chance.choice(NAMES)] = found[name]
        elif what == 1:
            del found[name]
        else:
            found[name] = mutated(chance, found[name], depth + 1)
        return found
    return chance.choice(HOSTILE)


def lines(chance: random.Random, count: int) -> Iterator[bytes]:
    kept = trees()
    for _ in range(count):
        document = chance.choice(kept)
        for _ in range(chance.choice((1, 1, 2, 5))):
            changed = mutated(chance, document)
            document = changed if isinstance(changed, dict) else document
        line = json.dumps(document, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
        yield damaged(chance, line) if chance.random() < 0.1 else line


def survives_json(written: list[bytes]) -> None:
    told: list[Diagnostic] = []
    skipped: Counter[str] = Counter()
    rows = 0
    for chunk in windows_json.read_lines(iter(enumerate(written)), told.append, "x", skipped, Settings()):
        rows += apply(chunk).num_rows
        for numbered in chunk:
            apply([numbered])
    assert rows + sum(skipped.values()) == len(written)
    assert {each.code for each in told} <= {"E0508"}


def survives_xml(data: bytes) -> None:
    told: list[Diagnostic] = []
    skipped: Counter[str] = Counter()
    for batch in windows_xml.read(io.BytesIO(data), "x", "x", told.append, skipped, None, Settings(year=2026)):
        assert batch.num_rows
    assert {each.code for each in told} <= {"E0508", "W0511"} and len(told) <= 21


def xml() -> bytes:
    found = []
    for code, provider, channel, data in KINDS:
        named = "".join(f'<Data Name="{name}">{text.replace("<", "&lt;")}</Data>' for name, text in data.items())
        found.append(
            f'Jan  2 03:04:05 a sysmon: <Event><System><Provider Name="{provider}"/><EventID>{code}</EventID>'
            f'<TimeCreated SystemTime="2026-01-01T00:00:00Z"/><Channel>{channel}</Channel></System><EventData>{named}'
            "</EventData></Event>"
        )
    return "\n".join(found).encode()


WANTED = (
    None,
    frozenset({"event.category", "process.name", "winlog.event_data.AccessMaskDescription", "related.user"}),
)


def test_the_seeds_are_read_whole() -> None:
    data = log(elements())
    for wanted in WANTED:
        told: list[Diagnostic] = []
        batches = list(read_evtx(io.BytesIO(data), "x", told.append, Counter(), wanted))
        assert sum(batch.num_rows for batch in batches) == len(elements()) and told == []
    table = next(read_evtx(io.BytesIO(data), "x", told.append, Counter()))
    assert {"dns.answers.type", "winlog.scheduled_task.actions.command", "registry.path", "group.name"} <= set(
        table.column_names
    )


@pytest.mark.parametrize("part", range(ORDINARY // AT_ONCE))
def test_damaged_logs(part: int) -> None:
    chance, data = random.Random(part), log(elements())
    for _ in range(AT_ONCE):
        survives_evtx(damaged(chance, data), chance.choice(WANTED))


@pytest.mark.parametrize("part", range(ORDINARY // AT_ONCE))
def test_hostile_lines(part: int) -> None:
    survives_json(list(lines(random.Random(part), AT_ONCE)))


@pytest.mark.parametrize("part", range(ORDINARY // AT_ONCE))
def test_damaged_xml(part: int) -> None:
    chance, data = random.Random(part), xml()
    for _ in range(AT_ONCE):
        survives_xml(damaged(chance, data))


def test_hostile_lines_become_rows_and_documents(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b"\n".join([json.dumps(trees()[0]).encode(), *lines(random.Random(5), 100)]) + b"\n")
    table = ingest.read_events([path], release.schema(), report=[].append)
    assert table.rows > 50
    assert len(list(documents(table, list(range(table.rows))))) == table.rows
    assert sum(each.skipped.total() for each in table.counts) + table.rows == sum(
        bool(line.strip()) for line in path.read_bytes().split(b"\n")
    )


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(NIGHTLY // 500))
def test_many_damaged_logs(part: int) -> None:
    chance, data = random.Random(1_000 + part), log(elements())
    for _ in range(500):
        survives_evtx(damaged(chance, data), chance.choice(WANTED))


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(NIGHTLY // 500))
def test_many_hostile_lines(part: int) -> None:
    survives_json(list(lines(random.Random(1_000 + part), 500)))


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(NIGHTLY // 500))
def test_much_damaged_xml(part: int) -> None:
    chance, data = random.Random(1_000 + part), xml()
    for _ in range(500):
        survives_xml(damaged(chance, data))
