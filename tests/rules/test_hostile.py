"""Packs whose exceptions are many or carry names that are none: the rest loads and runs, in a time that can be waited for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from falselight.diagnostics import Diagnostic
from falselight.hunting import hunt
from falselight.lint import lint
from falselight.plan import nodes
from falselight.plan.merge import leaves
from falselight.rules import load_pack

RULE = {
    "rule_id": "a",
    "name": "A",
    "type": "eql",
    "query": "process where true",
    "exceptions_list": [{"list_id": "known"}],
}
LIST = {"list_id": "known", "name": "Known", "type": "detection"}


def exported(folder: Path, *items: dict[str, Any]) -> Path:
    lines = [RULE, LIST, *({"list_id": "known", "type": "simple", **item} for item in items)]
    path = folder / "rules.ndjson"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("together", [True, False])
def test_ten_thousand_values_of_exceptions_are_one_membership(tmp_path: Path, together: bool) -> None:
    names = [f"p{number}.exe" for number in range(10_000)]
    entry = {"field": "process.name", "operator": "included"}
    if together:
        items = [{"item_id": "i", "entries": [{**entry, "type": "match_any", "value": names}]}]
    else:
        items = [{"item_id": name, "entries": [{**entry, "type": "match", "value": name}]} for name in names]
    pack = load_pack([str(exported(tmp_path, *items))], lambda told: pytest.fail(told.message))
    events = tmp_path / "events"
    events.mkdir()
    lines = (
        {"@timestamp": "2026-01-01T00:00:00Z", "event": {"category": "process"}, "process": {"name": name}}
        for name in ("p9999.exe", "other.exe")
    )
    (events / "e.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    (run,) = hunt([events], pack.rules, pack=pack, report=lambda told: pytest.fail(told.message)).rules
    assert [each.record for finding in run.findings for each in finding.evidence] == [1]
    assert isinstance(run.plan, nodes.EventPlan) and leaves(run.plan.predicate) < 10


@pytest.mark.parametrize("name", ["é" * 3000, "a\0b", "../events", "/etc/passwd", ".", " "])
def test_the_id_of_a_value_list_that_is_no_file_name_is_told(tmp_path: Path, name: str) -> None:
    entry = {"field": "destination.ip", "type": "list", "operator": "included", "list": {"id": name, "type": "ip"}}
    told: list[Diagnostic] = []
    pack = load_pack([str(exported(tmp_path, {"item_id": "i", "entries": [entry]}))], told.append)
    assert [rule.id for rule in pack.rules] == ["a"] and not pack.values
    assert [each.code for each in told] == ["E0608"]


def test_the_remarks_of_one_query_share_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    query = " or ".join(f'process.name == "x{number}.exe"' for number in range(50))
    text = f"[rule]\nid = 'a'\nname = 'A'\nquery = 'process where {query}'\n"
    path.write_text(text, encoding="utf-8")
    pack = load_pack([str(path)], lambda told: pytest.fail(told.message))
    sources = {id(remark.diagnostic().source) for remark in lint(pack) if remark.code == "L31"}
    assert len(sources) == 1
