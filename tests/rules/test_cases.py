"""The cases of a rule as documents."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from falselight.rules import Case

AT = "2026-03-11T09:00:00Z"


def test_an_event_repeats_at_its_pace_and_all_stand_in_order() -> None:
    events = [
        {"@timestamp": AT, "repeat": 3, "every": "1.5m", "a": 1},
        {"@timestamp": "2026-03-11T09:00:01.000Z", "a": 2},
    ]
    documents = Case(events=events, common={"host.name": "h"}).documents()
    assert [(each["@timestamp"][14:19], each["a"]) for each in documents] == [
        ("00:00", 1),
        ("00:01", 2),
        ("01:30", 1),
        ("03:00", 1),
    ]
    assert all(each["host.name"] == "h" for each in documents)


def test_a_time_of_toml_is_one_of_json() -> None:
    (document,) = Case(events=[{"@timestamp": datetime(2026, 3, 11, 9, tzinfo=UTC)}]).documents()
    assert document["@timestamp"] == "2026-03-11T09:00:00.000Z"


@pytest.mark.parametrize(
    "event",
    [
        {"@timestamp": AT, "repeat": ["x"]},
        {"@timestamp": AT, "repeat": 0},
        {"@timestamp": AT, "repeat": 100_001, "every": "1s"},
        {"@timestamp": AT, "repeat": 2},
        {"@timestamp": AT, "repeat": 2, "every": "soon"},
        {"@timestamp": AT, "repeat": 2, "every": "9" * 30 + "d"},
        {"@timestamp": AT, "repeat": 100_000, "every": "9999d"},
        {"repeat": 2, "every": "1s"},
        {"@timestamp": 5, "repeat": 2, "every": "1s"},
    ],
)
def test_repetitions_that_are_none(event: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Case(events=[event]).documents()
