"""The manual of rules (specs/rules.md): its rule passes its cases, its export loads whole, its codes are all there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from falselight import testing
from falselight.rules import load, load_pack

ROOT = Path(__file__).parents[2]
MANUAL = (ROOT / "specs" / "rules.md").read_text(encoding="utf-8")


def example(fence: str) -> str:
    (found,) = re.findall(rf"```{fence}\n(.*?)```", MANUAL, re.DOTALL)
    assert isinstance(found, str)
    return found


def test_the_rule_passes_its_cases(tmp_path: Path) -> None:
    (tmp_path / "rule.toml").write_text(example("toml rule"), encoding="utf-8")
    results = list(testing.run(load([str(tmp_path)], pytest.fail)))
    assert [(result.fires, result.passed) for result in results] == [(True, True), (False, True)]


def test_the_export_loads_whole(tmp_path: Path) -> None:
    (tmp_path / "rules.ndjson").write_text(example("json export"), encoding="utf-8")
    (tmp_path / "servers.txt").write_text("203.0.113.7\n", encoding="utf-8")
    pack = load_pack([str(tmp_path)], pytest.fail)
    (rule,) = pack.rules
    (item,) = pack.items_of(rule)
    assert [entry.type for entry in item.entries] == ["match_any", "list"] and list(pack.values) == ["servers.txt"]


def test_every_code_of_loading_and_export_is_told() -> None:
    modules = (path.read_text(encoding="utf-8") for path in (ROOT / "src" / "falselight" / "rules").glob("*.py"))
    raised = {code for text in modules for code in re.findall(r'"([ENW]06\d\d)"', text)}
    told = re.findall(r"^\| ([ENW]06\d\d) \|", MANUAL, re.MULTILINE)
    assert raised <= set(told) and len(told) == len(set(told))
