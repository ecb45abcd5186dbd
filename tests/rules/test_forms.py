"""Where Kibana and detection-rules say a thing differently, each gets its own words, and the way back loses nothing."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from falselight.rules import Pack, exporting, forms, load_pack

NEW_TERMS = """
[metadata]
creation_date = "2026/03/11"
maturity = "production"
updated_date = "2026/03/11"

[[transform.osquery]]
label = "Services"
query = "SELECT * FROM services"

[rule]
rule_id = "n"
name = "New"
description = "d"
risk_score = 1
severity = "low"
type = "new_terms"
language = "kuery"
query = "*"
note = "Ask: $osquery_0, ${osquery_0} or $osquery_7"

[rule.new_terms]
field = "new_terms_fields"
value = ["host.id"]
[[rule.new_terms.history_window_start]]
field = "history_window_start"
value = "now-14d"
"""
THERE = '!{osquery{"label":"Services","query":"SELECT * FROM services"}}'


def loaded(folder: Path, name: str, text: str) -> Pack:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return load_pack([str(folder)], pytest.fail)


def kibana(pack: Pack) -> dict[str, Any]:
    (file,) = exporting.to_kibana(pack, pytest.fail)
    return json.loads(file.text.splitlines()[0])  # type: ignore[no-any-return]


def toml(pack: Pack) -> dict[str, Any]:
    (file,) = exporting.to_detection_rules(pack, lambda _: None)
    return tomllib.loads(file.text)


def test_a_rule_of_the_repository_becomes_what_kibana_takes_and_comes_back(tmp_path: Path) -> None:
    pack = loaded(tmp_path / "a", "n.toml", NEW_TERMS)
    line = kibana(pack)
    assert (
        line["new_terms_fields"] == ["host.id"]
        and line["history_window_start"] == "now-14d"
        and "new_terms" not in line
    )
    assert line["version"] == 1 and line["note"] == f"Ask: {THERE}, {THERE} or $osquery_7"
    again = loaded(tmp_path / "b", "rules.ndjson", json.dumps(line))
    assert toml(again) == tomllib.loads(NEW_TERMS)


def test_a_rule_of_kibana_becomes_what_detection_rules_takes_and_comes_back(tmp_path: Path) -> None:
    line = {"rule_id": "n", "name": "New", "description": "d", "risk_score": 1, "severity": "low", "type": "new_terms",
            "language": "kuery", "query": "*", "new_terms_fields": ["host.id"], "history_window_start": "now-14d",
            "version": 3, "revision": 2, "output_index": "", "tomorrow": {"a": [None, {"b": None}, 1, None]},
            "actions": [{"id": "1", "frequency": {"throttle": None, "summary": True}}]}  # fmt: skip
    pack = load_pack([str(written(tmp_path, line))], lambda _: None)
    table = toml(pack)
    rule = table["rule"]
    assert (
        rule["new_terms"]["value"] == ["host.id"] and rule["new_terms"]["history_window_start"][0]["value"] == "now-14d"
    )
    assert rule.keys() <= forms.KNOWN
    (file,) = exporting.to_detection_rules(pack, lambda _: None)
    (tmp_path / "toml").mkdir()
    (tmp_path / "toml" / "n.toml").write_text(file.text, encoding="utf-8")
    assert kibana(load_pack([str(tmp_path / "toml")], lambda _: None)) == line


def written(folder: Path, *lines: dict[str, Any]) -> Path:
    path = folder / "rules.ndjson"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_what_has_no_place_in_toml_is_told(tmp_path: Path) -> None:
    rule = {"rule_id": "a", "name": "a", "query": "any where true", "risk_score": 1, "namespace": "x",
            "exceptions_list": [{"list_id": "l"}]}  # fmt: skip
    item = {"item_id": "i", "list_id": "l", "entries": [{"field": "a", "type": "exists", "operator": "included"}]}
    pack = load_pack([str(written(tmp_path, rule, {"list_id": "l"}, item, {"attributes": {}}))], pytest.fail)
    told: list[str] = []
    list(exporting.to_detection_rules(pack, lambda each: told.append(each.message)))
    assert any("namespace" in each for each in told) and any(
        "UUIDs as rule_id, which [a] is not" in each for each in told
    )
    assert any("1 exception, 1 exception list, 1 connector have no place" in each for each in told)


def test_a_building_block_that_runs_often_says_that_it_means_it(tmp_path: Path) -> None:
    often = "[rule]\nid = 'a'\nname = 'a'\nquery = 'any where true'\nbuilding_block_type = 'default'\n"
    assert toml(loaded(tmp_path / "a", "a.toml", often))["metadata"]["bypass_bbr_timing"] is True
    seldom = often + "interval = '60m'\nfrom = 'now-119m'\n"
    assert "bypass_bbr_timing" not in toml(loaded(tmp_path / "b", "b.toml", seldom))["metadata"]


@pytest.mark.parametrize("places", [3, [3], [""], ["a"], ["/x/y"], ["/a/9"], ["/a/b"], ["/a/-1"], ["/a/²"], [None]])
def test_places_of_nulls_that_are_none_change_nothing(places: Any) -> None:
    assert forms.with_null({"a": [1]}, places) == {"a": [1]}


def test_nulls_find_their_places_again() -> None:
    table = {"a": [None, {"b/~": None}, 1, None, [None]], "c": {}, "d": None}
    bare, places = forms.without_null(table)
    assert bare == {"a": [{}, 1, []], "c": {}} and len(places) == 5
    assert forms.with_null(bare, places) == table


def test_an_exception_without_its_list_and_a_list_without_a_rule_are_told_and_kept(tmp_path: Path) -> None:
    entries = [{"field": "a", "type": "exists", "operator": "included"}]
    rule = {
        "rule_id": "a",
        "name": "a",
        "query": "any where true",
        "exceptions_list": [{"list_id": "used"}, {"list_id": "gone"}],
    }
    lines = [rule, {"list_id": "used"}, {"list_id": "unused"}]
    items = [
        {"item_id": str(n), "list_id": name, "entries": entries} for n, name in enumerate(("used", "lost", "lost"))
    ]
    pack = load_pack([str(written(tmp_path, *lines, *items))], lambda _: None)
    told: list[str] = []
    (file,) = exporting.to_kibana(pack, lambda each: told.append(each.message))
    out = [json.loads(line) for line in file.text.splitlines()]
    assert [each["item_id"] for each in out if "item_id" in each] == ["0", "1", "2"]
    assert out[-1]["missing_exception_lists"] == [{"list_id": "gone"}] and out[-1]["missing_exception_lists_count"] == 1
    assert len(told) == 2 and "[lost] is not here: Kibana's import refuses its 2 exceptions" in told[0]
    assert "[unused] is used by no rule" in told[1]
