"""What is counted of an input is told once, of one as of one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from falselight import ingest
from falselight.diagnostics import Diagnostic
from falselight.ecs import release
from falselight.readers import tallies

LINE = (
    "<134>Mar  6 08:00:00 gw %ASA-6-302013: Built outbound TCP connection 1 for outside:203.0.113.9/443 (203.0.113.9/443) "
    "to inside:10.4.0.1/4000 (10.4.0.1/4000)\n"
)


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (1, "x: 1 line is none of this log and was left out"),
        (2, "x: 2 lines are none of this log and were left out"),
    ],
)
def test_one_and_several(count: int, said: str) -> None:
    told: list[Diagnostic] = []
    skipped: Counter[str] = Counter()
    tallies.tell_unread(count, "line", "x", "x", told.append, skipped)
    assert [each.message for each in told] == [said] and skipped == {"not a line of this log": count}


def test_nothing_is_told_of_none() -> None:
    told: list[Diagnostic] = []
    tallies.tell_unread(0, "line", "x", "x", told.append, Counter())
    tallies.tell_mended(0, "line", "x", "x", told.append)
    tallies.tell_malformed({"destination.port": 0}, "x", "x", told.append)
    assert told == []


def test_segments_of_one_input_are_told_in_one_sum(tmp_path: Path) -> None:
    """A single one in each of two segments is two."""
    path = tmp_path / "a.ndjson"
    document = b'{"@timestamp":"2026-01-01T00:00:00Z","message":"\xff"}\n'
    path.write_bytes((document + LINE.encode()) * 2)
    told: list[Diagnostic] = []
    ingest.read_events([path], release.schema(), report=told.append)
    assert [each.message for each in told if each.code == "W0511"] == [
        f"{path}: 2 lines hold bytes that are no valid UTF-8, shown as replacement characters"
    ]
    path.write_bytes(document + LINE.encode())
    told.clear()
    ingest.read_events([path], release.schema(), report=told.append)
    assert [each.message for each in told if each.code == "W0511"] == [
        f"{path}: 1 line holds bytes that are no valid UTF-8, shown as replacement characters"
    ]
