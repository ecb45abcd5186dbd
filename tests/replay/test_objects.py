"""Nested queries: each object of a nested field is asked alone, as Elasticsearch does; the pairing of its values counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from falselight.case.importing import import_paths
from falselight.ecs import release
from falselight.engines import duckdb as engine
from falselight.hunting import hunt
from falselight.replay import joining, objects
from falselight.rules import Pack, Rule
from falselight.rules.exceptions import Item, Reference

FIELD = "process.Ext.code_signature"
SIGNATURES: list[Any] = [
    [{"subject_name": "Good", "trusted": True}, {"subject_name": "Other", "trusted": False}],
    [{"subject_name": "Good", "trusted": False}, {"subject_name": "Other", "trusted": True}],
    {"subject_name": "Good", "trusted": "true"},
    [],
    None,
    [{"subject_name": ["Good", "Also"], "trusted": True}],
    [[{"subject_name": "Good"}], {"trusted": True}],
    {"subject_name": "good", "trusted": True},
]


def match(field: str, value: str, operator: str = "included") -> dict[str, Any]:
    return {"field": field, "type": "match", "value": value, "operator": operator}


def nested(*entries: dict[str, Any], field: str = FIELD) -> dict[str, Any]:
    return {"field": field, "type": "nested", "entries": list(entries)}


def document(number: int, found: Any, below: str = FIELD) -> dict[str, Any]:
    whole: Any = found
    for part in reversed(below.split(".")):
        whole = {part: whole}
    time = f"2026-03-11T09:{number // 60:02d}:{number % 60:02d}Z"
    return {"@timestamp": time, "event": {"category": "process"}, "agent": {"id": str(number)}, **whole}


def written(folder: Path, found: list[Any], below: str = FIELD) -> Path:
    path = folder / "events.ndjson"
    path.write_text("".join(json.dumps(document(n, each, below)) + "\n" for n, each in enumerate(found)))
    return path


def left(
    path: Path, *items: list[dict[str, Any]], filters: list[dict[str, Any]] | None = None, as_scheduled: bool = False
) -> tuple[list[int], list[str]]:
    """The records that the exceptions leave, and the codes of what is told."""
    rule = Rule(
        id="a", name="a", query="process where true", exceptions_list=[Reference(list_id="l")], filters=filters or [],
        interval="5m", from_="now-1d", max_signals=100_000,
    )  # fmt: skip
    made = [Item.model_validate({"item_id": str(n), "list_id": "l", "entries": each}) for n, each in enumerate(items)]
    told: list[str] = []
    result = hunt(
        [path],
        [rule],
        pack=Pack([rule], items=made),
        report=lambda each: told.append(each.code),
        as_scheduled=as_scheduled,
    )
    (run,) = result.rules
    if as_scheduled:
        assert run.replay is not None
        return sorted(int(kept.alert["agent"]["id"]) for kept in run.replay.kept), told
    if run.plan is None:
        return [], [each.code for each in run.diagnostics]
    return [each.positions[0] or 0 for each in engine.run(run.plan, result.table).sequences], told


@pytest.mark.parametrize("as_scheduled", [False, True])
@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([match("subject_name", "Good"), match("trusted", "true")], [1, 3, 4, 6, 7]),
        ([match("subject_name", "Good"), match("trusted", "true", "excluded")], [0, 2, 3, 4, 5, 7]),
        ([match("trusted", "true", "excluded")], [2, 3, 4, 5, 7]),
        ([{"field": "trusted", "type": "exists", "operator": "excluded"}], [0, 1, 2, 3, 4, 5, 7]),
        ([{"field": "trusted", "type": "exists", "operator": "included"}], [3, 4]),
        ([{"field": "subject_name", "type": "match_any", "value": ["Also", "good"], "operator": "included"}], [0, 1, 2, 3, 4, 6]),
        ([match("no_such_field", "x")], [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)  # fmt: skip
def test_each_object_is_asked_alone(
    entries: list[dict[str, Any]], expected: list[int], as_scheduled: bool, tmp_path: Path
) -> None:
    assert left(written(tmp_path, SIGNATURES), [nested(*entries)], as_scheduled=as_scheduled) == (expected, [])


def test_the_other_entries_of_an_exception_hold_beside_it(tmp_path: Path) -> None:
    path = written(tmp_path, SIGNATURES)
    entries = [nested(match("subject_name", "Good"), match("trusted", "true")), match("agent.id", "2", "excluded")]
    assert left(path, entries) == ([1, 2, 3, 4, 6, 7], [])
    assert left(path, entries, [match("agent.id", "2")]) == ([1, 3, 4, 6, 7], [])


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (match(f"{FIELD}.subject_name", "Good"), list(range(8))),
        ({"field": FIELD, "type": "exists"}, list(range(8))),
        ({"field": FIELD, "type": "exists", "operator": "excluded"}, []),
    ],
)
def test_the_values_of_objects_are_not_those_of_their_event(
    entry: dict[str, Any], expected: list[int], tmp_path: Path
) -> None:
    assert left(written(tmp_path, SIGNATURES), [entry]) == (expected, [])


def test_a_field_of_another_type_has_no_objects(tmp_path: Path) -> None:
    path = written(tmp_path, SIGNATURES)
    for field in ("agent", "no.such"):
        assert left(path, [nested(match("id", "1"), field=field)]) == (list(range(8)), ["W0621", "W0614"])


def test_objects_below_objects_are_asked_alone_too(tmp_path: Path) -> None:
    field = "file.Ext.malware_signature.primary.signature.hash"
    whole = [
        {"primary": {"signature": {"hash": [{"sha256": "a"}, {"sha256": "b"}]}}},
        [{"primary": [{"signature.hash": {"sha256": "c"}}, {"signature": [{"hash": {"sha256": "a"}}]}]}],
        {"primary": {"signature": {"hash": {"sha256": "b"}}}},
    ]
    path = written(tmp_path, whole, "file.Ext.malware_signature")
    assert left(path, [nested(match("sha256", "a"), field=field)]) == ([2], [])
    assert left(path, [nested(match("sha256", "a", "excluded"), field=field)]) == ([], [])


def test_a_rule_has_nested_filters(tmp_path: Path) -> None:
    path = written(tmp_path, SIGNATURES)
    asked = {"path": FIELD, "query": {"bool": {"must": [{"term": {f"{FIELD}.trusted": True}}]}}, "score_mode": "none"}
    assert left(path, filters=[{"query": {"nested": asked}}]) == ([0, 1, 2, 5, 6, 7], [])
    assert left(path, filters=[{"meta": {"negate": True}, "query": {"nested": asked}}]) == ([3, 4], [])
    other = {"path": "agent", "query": {"term": {"agent.id": "1"}}}
    assert left(path, filters=[{"query": {"nested": {**other, "ignore_unmapped": True}}}]) == ([], [])
    assert left(path, filters=[{"query": {"nested": other}}]) == ([], ["E0302"])


def test_many_objects_and_many_exceptions_are_joined(tmp_path: Path) -> None:
    found = [[{"subject_name": f"S{n}", "trusted": n % 3 == 0}, {"subject_name": f"S{n + 1}"}] for n in range(600)]
    path = written(tmp_path, found)
    untrusted = [n for n in range(600) if n % 3]
    assert 600 - len(untrusted) > objects.FEW
    assert left(path, [nested(match("trusted", "true"))]) == (untrusted, [])
    items = [[nested(match("subject_name", f"S{n}"), match("trusted", "true"))] for n in range(2 * joining.LEAST)]
    assert left(path, *items) == ([n for n in range(600) if n % 3 or n >= 2 * joining.LEAST], [])


def test_a_case_keeps_objects(tmp_path: Path) -> None:
    case = tmp_path / "case"
    import_paths([written(tmp_path, SIGNATURES)], case, release.schema(), report=lambda _: None)
    entries = [nested(match("subject_name", "Good"), match("trusted", "true"))]
    for as_scheduled in (False, True):
        assert left(case, entries, as_scheduled=as_scheduled) == ([1, 3, 4, 6, 7], [])


def test_an_alert_shows_objects(tmp_path: Path) -> None:
    rule = Rule(id="a", name="a", query="process where true", interval="5m", from_="now-1d")
    (run,) = hunt([written(tmp_path, SIGNATURES)], [rule], report=lambda _: None, as_scheduled=True).rules
    assert run.replay is not None
    shown = [each.alert.get("process", {}).get("Ext", {}).get("code_signature") for each in run.replay.kept]
    assert shown[0] == SIGNATURES[0] and shown[2] == [SIGNATURES[2]] and shown[3] is None
    assert shown[6] == [{"subject_name": "Good"}, {"trusted": True}]


def test_what_is_no_object_is_counted(tmp_path: Path) -> None:
    path = written(tmp_path, ["Good", {"subject_name": "Good"}])
    rule = Rule(id="a", name="a", query="process where true")
    result = hunt([path], [rule], report=lambda _: None, also=[FIELD])
    assert result.table.malformed == {FIELD: 1}
