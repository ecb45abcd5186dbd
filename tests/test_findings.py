"""Real findings have exactly the shape that specs/findings.md makes public."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from falselight.findings import Evidence, Reference
from falselight.hunting import HuntResult, hunt
from falselight.rules import load
from falselight.rules.model import Rule
from falselight.sinks.rows import flat

ROOT = Path(__file__).parents[1]
DATE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,9}Z"


def table() -> dict[str, tuple[str, bool]]:
    text = (ROOT / "specs" / "findings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+?) \| (yes|no) \|", text, re.MULTILINE)
    return {name: (kind, always == "yes") for name, kind, always in rows}


def fits(value: Any, kind: str) -> bool:
    if kind.endswith(" or list"):
        single = kind.removesuffix(" or list")
        return fits(value, single) or (isinstance(value, list) and all(fits(each, single) for each in value))
    if kind.endswith(" list"):
        return isinstance(value, list) and all(fits(each, kind.removesuffix(" list")) for each in value)
    if kind == "date":
        return isinstance(value, str) and re.fullmatch(DATE, value) is not None
    if kind == "object":
        return isinstance(value, dict)
    return isinstance(value, int) if kind == "long" else isinstance(value, str)


def found(rules: list[Rule]) -> HuntResult:
    told: list[Any] = []
    result = hunt([ROOT / "examples" / "day"], rules, report=told.append)
    assert not told
    return result


def rule(query: str) -> Rule:
    return Rule(id="r", name="r", query=query)


@pytest.mark.parametrize(
    "query",
    [
        None,
        'process where process.name : "wuhelper.exe"',
        "sequence by host.name, user.name with maxspan=1h [process where true] [network where true]",
        "sample by host.name [process where true] [network where true]",
    ],
)
def test_documents_fit_the_table(query: str | None) -> None:
    known = table()
    result = found(load(["@page"], lambda diagnostic: None) if query is None else [rule(query)])
    assert result.findings
    for finding in result.findings:
        document = finding.to_document()
        keys = document["falselight"].pop("keys")
        assert isinstance(keys, dict)
        fields = dict(flat(document))
        for name, value in fields.items():
            assert name in known, f"{name} is not in the table"
            assert fits(value, known[name][0]), f"{name} is {value!r}, not {known[name][0]}"
        missing = [name for name, (_, always) in known.items() if always and name not in fields]
        assert missing == ["falselight.keys"]


def test_the_example_has_one_finding_and_its_windows_are_its_events() -> None:
    result = found(load(["@page"], lambda diagnostic: None))
    (finding,) = result.findings
    assert (finding.hosts, finding.servers) == (["ws03.marlfinch.example"], ["203.0.113.77"])
    windows = result.sequences(finding)
    assert len(windows) == finding.windows == 231
    assert all(len(window) == 10 for window in windows)
    inputs = {f"{source.path}!{source.member}" if source.member else source.path for source in result.table.inputs}
    records = {(event["_input"], event["_record"]) for window in windows for event in window}
    assert {source for source, _ in records} <= inputs
    assert len(records) <= finding.events == len(finding.evidence)


def test_unbounded_evidence_is_cut_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("falselight.findings.MOST_EVIDENCE", 7)
    (finding,) = found(load(["@page"], lambda diagnostic: None)).findings
    document = finding.to_document()["falselight"]
    assert sum(len(each["records"]) for each in document["evidence"]) == 7
    assert document["evidence_omitted"] == finding.events - 7


def seen(query: str) -> list[tuple[list[str], int, int]]:
    return [(finding.hosts, finding.windows, finding.first_seen) for finding in found([rule(query)]).findings]


def test_pipes_of_an_event_query_leave_their_part_of_the_findings() -> None:
    everything = sorted(seen("network where true"), key=lambda each: each[2])
    assert sorted(seen("network where true | head 3"), key=lambda each: each[2]) == everything[:3]
    assert sorted(seen("network where true | tail 40 | head 2"), key=lambda each: each[2]) == everything[-40:-38]


def test_pipes_of_a_sequence_leave_their_part_of_its_windows() -> None:
    query = "sequence by host.name with maxspan=1h [process where true] [network where true]"
    everything = sum(windows for _, windows, _ in seen(query))
    assert everything > 3
    for pipe, left in ((" | tail 1", 1), (" | head 3", 3), (f" | head {everything + 1}", everything)):
        result = found([rule(query + pipe)])
        assert sum(finding.windows for finding in result.findings) == left
        assert sum(len(result.sequences(finding)) for finding in result.findings) == left


def test_evidence_refers_to_events_in_order() -> None:
    made = Evidence([2, 0, 2, 1], [7, 5, 3, 1 << 40])
    assert list(made) == [Reference(2, 7), Reference(0, 5), Reference(2, 3), Reference(1, 1 << 40)]
    assert list(made[1:3]) == [Reference(0, 5), Reference(2, 3)] and made[-1] == Reference(1, 1 << 40)
    assert made.by_input() == {2: [7, 3], 0: [5], 1: [1 << 40]} and list(made.by_input()) == [2, 0, 1]
    assert made == Evidence((2, 0, 2, 1), (7, 5, 3, 1 << 40)) and made != Evidence([2, 0, 2, 1], [7, 5, 3, 1])
    assert not Evidence([], [])
