"""Elasticsearch's own EQL cases as its quality suite runs them: indices, requests and how answers compare."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Group:
    """Which cases run on which indices, with which id and tiebreaker field."""

    cases: str
    indices: tuple[str, ...]
    id: str
    tiebreaker: str | None
    left_out: frozenset[str] = frozenset()


GROUPS = (
    Group("test_queries", ("endgame-140",), "serial_event_id", "serial_event_id"),
    Group("additional_test_queries", ("endgame-140",), "serial_event_id", "serial_event_id"),
    Group("test_queries_date", ("endgame-140",), "serial_event_id", "serial_event_id"),
    Group("test_queries_date_nanos", ("endgame-140-nanos",), "serial_event_id", "serial_event_id"),
    Group(
        "test_queries",
        ("endgame-140-nanos",),
        "serial_event_id",
        "serial_event_id",
        # Spans shrink a hundredfold there.
        frozenset({"sequencesOnDifferentEventTypes7"}),
    ),
    Group("test_extra", ("extra",), "sequence", "sequence"),
    Group("test_missing_events", ("missing-events",), "sequence", "sequence"),
    Group("test_sample", ("sample1", "sample2", "sample3"), "id", None),
    Group("test_sample_multi", ("sample-multi",), "id", None),
)
DEFAULT_SIZE = 50


def folder(shared: Path) -> Path:
    return shared / "conformance"


def documents(shared: Path, index: str) -> list[dict[str, Any]]:
    text = (folder(shared) / "indices" / f"{index}.ndjson").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def mapping(shared: Path, index: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((folder(shared) / "indices" / f"{index}.mapping.json").read_text())
    return result


def cases(shared: Path, group: Group) -> list[dict[str, Any]]:
    loaded = tomllib.loads((folder(shared) / "cases" / f"{group.cases}.toml").read_text(encoding="utf-8"))
    return [case for case in loaded["queries"] if case["name"] not in group.left_out]


def ids(answer: dict[str, Any], field: str) -> list[Any]:
    """The ids of all events of an answer, sequence after sequence; -1 where an event is missing."""
    hits = answer["hits"]
    events = hits["events"] if "events" in hits else [event for each in hits["sequences"] for event in each["events"]]
    return [-1 if event.get("missing") else event["_source"][field] for event in events]


def join_keys(answer: dict[str, Any]) -> list[str]:
    """All join keys of an answer as text."""
    keys = [key for each in answer["hits"].get("sequences", ()) for key in each.get("join_keys", ())]
    return ["null" if key is None else str(key).lower() if isinstance(key, bool) else str(key) for key in keys]


def right(case: dict[str, Any]) -> list[list[Any]]:
    """The answers that are right: one, or several where Elasticsearch's choice is not fixed."""
    expected = case["expected_event_ids"]
    return expected if expected and isinstance(expected[0], list) else [expected]
