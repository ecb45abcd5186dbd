from __future__ import annotations

import json
from collections import Counter
from typing import Any

from falselight.diagnostics import Diagnostic
from falselight.mappings.apply import apply
from falselight.readers import windows_json
from falselight.readers.windows_event import epoch_nanoseconds

TREE = {"Event": {"System": {"EventID": 7045, "Provider": {"#attributes": {"Name": "Service Control Manager"}}}}}
BEAT: dict[str, Any] = {"@timestamp": "2024-01-01T00:00:00.1234567Z", "winlog": {"event_id": "1", "provider_name": "P"}}


def test_shapes_are_told_apart() -> None:
    assert windows_json.recognise(TREE) == "event-tree"
    assert windows_json.recognise({"EventID": 1, "Channel": "Security"}) == "flat"
    assert windows_json.recognise(BEAT) == "winlogbeat"
    assert windows_json.recognise({"winlog.event_id": 1}) == "winlogbeat"
    assert windows_json.recognise({"event_id": 1, "source_name": "P", "log_name": "L"}) == "winlogbeat-6"
    assert windows_json.recognise({**BEAT, "event": {"category": ["process"]}}) is None
    assert windows_json.recognise({"@timestamp": "2024-01-01"}) is None


def test_a_level_may_stand_beside_the_event_or_in_it() -> None:
    for told in ({"log": {"level": "error"}}, {"winlog": {**BEAT["winlog"], "level": "error"}}):
        event = windows_json.event_of({**BEAT, **told})
        assert event is not None and event.level_name == "error"
    assert event.around["winlog.level"] == "error"


def test_guids_stay_as_they_were_shipped() -> None:
    guids = {
        "provider_guid": "{54849625-5478-4994-A5BA-3E3B0328C30D}",
        "activity_id": "11cd958a-c507-4ef3-b3f2-5fd9dfbd2c78",
    }
    event = windows_json.event_of({**BEAT, "winlog": {**BEAT["winlog"], **guids}})
    assert event is not None
    (row,) = apply([(0, event)]).to_pylist()
    assert {name: row[f"winlog.{name}"] for name in guids} == guids


def test_local_event_time_is_put_right_by_the_relays_stamps() -> None:
    document = {
        "EventID": 1,
        "Channel": "Application",
        "EventTime": "2020-09-21 03:15:25",
        "EventReceivedTime": "2020-09-21 03:15:27",
        "@timestamp": "2020-09-21T07:15:27.705Z",
    }
    event = windows_json.event_of(document)
    assert event is not None and event.time == epoch_nanoseconds("2020-09-21T07:15:25Z")


def test_damage_is_reported_and_odd_values_are_kept_as_text() -> None:
    odd: list[Any] = [None, 2**70, 1.5, [1, "a"], {"a": 1}, "-", "\\", "0xzz", "9" * 5000, "\ud83d\ude00"]
    names = ("ProcessId", "Image", "Hashes", "CommandLine", "DestinationIp", "User", "Keywords", "Task", "Version")
    lines = [b"nope", b"{}", b'{"EventID":1,"Channel":"\\ud800","Image":"\xff"}']
    for value in odd:
        document = {
            "EventID": 1,
            "Channel": "x",
            "SourceName": "Microsoft-Windows-Sysmon",
            **dict.fromkeys(names, value),
        }
        lines.append(json.dumps(document).encode())
    reported: list[Diagnostic] = []
    rows = sum(apply(chunk).num_rows for chunk in windows_json.read_lines(iter(enumerate(lines)), reported.append))
    assert rows == len(odd) + 1
    assert [(fault.code, fault.record) for fault in reported] == [("E0508", 0), ("E0508", 1)]


def test_every_line_left_out_is_counted_though_only_the_first_are_told_one_by_one() -> None:
    lines = [b"nope", b"[1]", b"{}"] * 20
    reported: list[Diagnostic] = []
    skipped: Counter[str] = Counter()
    assert list(windows_json.read_lines(iter(enumerate(lines)), reported.append, "a.json", skipped)) == []
    assert skipped == {"not JSON": 40, "not a Windows event": 20}
    assert len(reported) == 20
    assert (reported[4].path, reported[4].record) == ("a.json", 4)
    assert "a.json, line 5" in reported[4].message
    assert reported[-1].message.endswith("further lines like it are only counted")
