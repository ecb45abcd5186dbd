"""Rules with their lists, in and out again: nothing is lost on the way through Kibana's NDJSON or detection-rules' TOML."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from falselight.cli.main import cli
from falselight.diagnostics import Diagnostic
from falselight.rules import Pack, Rule, bundled_pack, exporting, load_pack
from falselight.rules.exceptions import Item

SHARED = Path(os.environ.get("FALSELIGHT_SHARED", Path(__file__).parents[3] / "shared"))

RULE: dict[str, Any] = {
    "id": "5e1c9a52-0000-4000-8000-000000000001", "rule_id": "beacon", "name": "A rule", "description": "d", "risk_score": 47,
    "severity": "medium", "type": "eql", "language": "eql", "query": "any where true", "version": 3, "enabled": False,
    "interval": "10m", "from": "now-20m", "to": "now", "max_signals": 50, "immutable": False,
    "created_at": "2026-01-01T00:00:00.000Z",
    "exceptions_list": [{"id": "x", "list_id": "mine", "type": "detection", "namespace_type": "single"}], 
    "meta": {"from": "5m"},
    "alert_suppression": {"group_by": ["host.name"], "duration": {"value": 5, "unit": "h"},
                          "missing_fields_strategy": "suppress"},
    "severity_mapping": [{"field": "event.severity", "operator": "equals", "value": "9", "severity": "high"}],
}  # fmt: skip
LIST = {
    "list_id": "mine",
    "name": "Mine",
    "type": "detection",
    "namespace_type": "single",
    "description": "",
    "id": "x",
    "_version": "a",
}
ITEM: dict[str, Any] = {
    "item_id": "one", "list_id": "mine", "name": "Updater", "description": "", "type": "simple", "namespace_type": "single",
    "os_types": ["windows"],
    "entries": [{"field": "process.name", "operator": "included", "type": "match", "value": "updater.exe"},
                {"field": "destination.ip", "operator": "excluded", "type": "list", "list": {"id": "bad.txt", "type": "ip"}}],
    "expire_time": "2027-01-01T00:00:00.000Z",
}  # fmt: skip
CONNECTOR = {"id": "c", "type": "action", "attributes": {"name": "mail"}}
SUMMARY = {"exported_count": 4, "exported_rules_count": 1}


def export(folder: Path, *lines: Any) -> Path:
    path = folder / "rules.ndjson"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def loaded(path: Path) -> tuple[Pack, list[Diagnostic]]:
    told: list[Diagnostic] = []
    return load_pack([str(path)], told.append), told


def test_an_export_loads_whole(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text("203.0.113.7\n\n203.0.113.8\n")
    pack, told = loaded(export(tmp_path, RULE, LIST, ITEM, CONNECTOR, SUMMARY))
    (rule,) = pack.rules
    assert told == [] and rule.id == "beacon" and rule.version == 3 and rule.max_signals == 50
    assert rule.alert_suppression is not None and rule.alert_suppression.duration is not None
    assert rule.alert_suppression.duration.nanoseconds == 5 * 3600 * 10**9
    assert [item.item_id for item in pack.items_of(rule)] == ["one"] and list(pack.lists) == [("single", "mine")]
    assert list(pack.values["bad.txt"].values()) == ["203.0.113.7", "203.0.113.8"]


def test_it_comes_out_as_it_went_in(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text("203.0.113.7\n")
    pack, _ = loaded(export(tmp_path, RULE, LIST, ITEM, CONNECTOR, SUMMARY))
    rules, values = exporting.to_kibana(pack, pytest.fail)
    lines = [json.loads(line) for line in rules.text.splitlines()]
    assert lines[:4] == [RULE, LIST, ITEM, CONNECTOR]
    assert lines[4]["exported_rules_count"] == 1 and lines[4]["exported_exception_list_item_count"] == 1
    assert (values.name, values.text) == ("bad.txt", "203.0.113.7\n")


def test_a_broken_line_among_many_is_one_diagnostic(tmp_path: Path) -> None:
    bad = {**RULE, "rule_id": "bad", "risk_score": 1000}
    worse = {**ITEM, "item_id": "two", "entries": [{"field": "a", "type": "match", "operator": "included"}]}
    pack, told = loaded(export(tmp_path, RULE, "{nonsense", bad, worse, LIST, ITEM))
    assert [each.code for each in told] == ["E0602", "E0602", "E0602", "E0608"]
    assert (
        "line 3: risk_score" in told[1].message
        and [rule.id for rule in pack.rules] == ["beacon"]
        and len(pack.items) == 1
    )


def test_lists_that_are_not_here_are_told_and_no_path_is_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x\n")
    folder = tmp_path / "in"
    folder.mkdir()
    thief = {
        **ITEM,
        "entries": [
            {"field": "a", "operator": "included", "type": "list", "list": {"id": "../secret", "type": "keyword"}}
        ],
    }
    pack, told = loaded(export(folder, RULE, thief))
    assert pack.values == {} and [each.code for each in told] == ["E0608"]
    _, told = loaded(export(folder, RULE))
    assert [each.code for each in told] == ["E0607"] and "it runs without" in told[0].message


def test_a_rule_that_is_not_run_does_not_run_without_its_list(tmp_path: Path) -> None:
    _, told = loaded(export(tmp_path, {**RULE, "type": "query", "language": "kuery"}))
    assert [each.code for each in told] == ["E0607"] and "runs" not in told[0].message


def test_two_rules_with_one_id_are_told(tmp_path: Path) -> None:
    pack, told = loaded(export(tmp_path, {**RULE, "exceptions_list": []}, {**RULE, "exceptions_list": []}))
    assert len(pack.rules) == 1 and [each.code for each in told] == ["E0604"]


def test_rules_that_are_not_run_pass_through(tmp_path: Path) -> None:
    other = {"rule_id": "t", "name": "T", "type": "threshold", "language": "kuery", "query": "*", "risk_score": 1,
             "severity": "low",
             "threshold": {"field": ["host.name"], "value": 5}, "description": "d"}  # fmt: skip
    pack, told = loaded(export(tmp_path, other))
    (rules,) = exporting.to_kibana(pack, pytest.fail)
    assert told == [] and json.loads(rules.text.splitlines()[0]) == other


def test_suppression_of_another_rule_type_and_nulls_load_and_pass_through(tmp_path: Path) -> None:
    other = {**RULE, "type": "threshold", "alert_suppression": {"duration": {"value": 5, "unit": "h"}}, "note": None,
             "exceptions_list": [], "meta": {"a": [None, 1]}}  # fmt: skip
    pack, told = loaded(export(tmp_path, other))
    (rules,) = exporting.to_kibana(pack, pytest.fail)
    assert told == [] and json.loads(rules.text.splitlines()[0]) == other
    (file,) = exporting.to_detection_rules(pack, told.append)
    assert "note" not in tomllib.loads(file.text)["rule"] and {each.code for each in told} == {"N0611"}
    (tmp_path / "toml").mkdir()
    (tmp_path / "toml" / file.name).write_text(file.text)
    again, told = loaded(tmp_path / "toml")
    assert told == [] and again.rules[0].raw == other


def test_a_rule_that_cannot_be_written_is_told_and_the_rest_is_written() -> None:
    deep: Any = 1
    for _ in range(2000):
        deep = [deep]
    bad = Rule(id="bad", name="bad", raw={"name": "bad", "x": deep})
    good = Rule(id="good", name="good", raw={"name": "good"})
    for target in (exporting.to_kibana, exporting.to_detection_rules):
        told: list[Diagnostic] = []
        (file,) = target(Pack([bad, good]), told.append)
        assert [each.code for each in told][:1] == ["E0613"] and "good" in file.text and "bad" not in file.text


def test_a_broken_first_line_hides_nothing(tmp_path: Path) -> None:
    plain = {**RULE, "exceptions_list": []}
    pack, told = loaded(export(tmp_path, "{nonsense", plain).parent)
    assert [each.code for each in told] == ["E0602"] and [rule.id for rule in pack.rules] == ["beacon"]


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = export(tmp_path, {**RULE, "exceptions_list": []})
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    pack, told = loaded(path)
    assert told == [] and len(pack.rules) == 1


def test_ndjson_that_is_no_export_is_told(tmp_path: Path) -> None:
    path = export(tmp_path, {"@timestamp": "2026-01-01T00:00:00Z"})
    _, told = loaded(path)
    assert [each.code for each in told] == ["E0602"] and "no export" in told[0].message
    _, told = loaded(tmp_path)
    assert [each.code for each in told] == ["E0603"]


def test_lists_that_lead_in_a_circle_are_told(tmp_path: Path) -> None:
    def leading(item: str, mine: str, other: str) -> dict[str, Any]:
        entry = {"field": "a", "operator": "included", "type": "list", "list": {"id": other, "type": "keyword"}}
        return {**ITEM, "item_id": item, "list_id": mine, "entries": [entry]}

    lines = [leading("1", "a", "b"), leading("2", "b", "a"), leading("3", "c", "a"), leading("4", "d", "d")]
    _, told = loaded(export(tmp_path, {**RULE, "exceptions_list": []}, *lines))
    circles = [each.message for each in told if each.code == "E0610"]
    assert len(circles) == 2 and "[a] → [b] → [a]" in circles[0] and "[d] → [d]" in circles[1]
    assert all("not of values" in each.message for each in told if each.code == "E0608")


def test_one_exception_twice_is_one_and_two_of_one_id_are_told(tmp_path: Path) -> None:
    item = {**ITEM, "entries": ITEM["entries"][:1]}
    pack, told = loaded(export(tmp_path, RULE, LIST, LIST, item, item))
    assert told == [] and len(pack.items) == 1
    pack, told = loaded(export(tmp_path, RULE, LIST, {**LIST, "name": "b"}, item, {**item, "name": "b"}))
    assert [each.code for each in told] == ["E0609", "E0609"] and pack.items[0].name == "Updater"


def test_a_list_of_every_space_is_not_the_one_of_this_space(tmp_path: Path) -> None:
    item = {**ITEM, "entries": ITEM["entries"][:1], "namespace_type": "agnostic"}
    pack, told = loaded(export(tmp_path, RULE, item))
    assert pack.items_of(pack.rules[0]) == []
    assert [each.code for each in told] == ["E0607"] and "with namespace_type single" in told[0].message


def test_lists_of_one_id_in_two_namespaces_are_two(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text("203.0.113.7\n")
    lines = [RULE, LIST, {**LIST, "namespace_type": "agnostic", "name": "Of all spaces"}, ITEM]
    pack, told = loaded(export(tmp_path, *lines))
    assert told == []
    rules, _ = exporting.to_kibana(pack, told.append)
    assert [json.loads(line) for line in rules.text.splitlines()[:-1]] == lines and [each.code for each in told] == [
        "W0619"
    ]


@pytest.mark.parametrize("own", ["x", {"rule": [1]}, {"beside": 3}, None])
def test_a_strange_meta_is_left_as_it_is(own: Any, tmp_path: Path) -> None:
    rule = {**RULE, "exceptions_list": [], "meta": {"falselight": own}}
    pack, told = loaded(export(tmp_path, rule))
    (rules,) = exporting.to_kibana(pack, pytest.fail)
    assert told == [] and json.loads(rules.text.splitlines()[0]) == rule


@pytest.mark.parametrize(
    "entry",
    [{"type": "nested", "field": "a", "entries": []}, {"type": "list", "field": "a"}, {"type": "x", "field": "a"}],
)
def test_entries_that_are_none(entry: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"entries|entry"):
        Item.model_validate({**ITEM, "entries": [entry]})


def through(pack: Pack, folder: Path) -> Pack:
    """TOML → Kibana → TOML → here again."""
    told: list[Diagnostic] = []
    for file in exporting.to_kibana(pack, told.append):
        (folder / file.name).write_text(file.text)
    again = load_pack([str(folder / "rules.ndjson")], pytest.fail)
    (folder / "toml").mkdir()
    for file in exporting.to_detection_rules(again, told.append):
        (folder / "toml" / file.name).write_text(file.text)
    assert not [each for each in told if each.severity != "note"]
    return load_pack([str(folder / "toml")], pytest.fail)


def whole(pack: Pack, *without: str) -> dict[str, Any]:
    return {
        rule.id: ({k: v for k, v in rule.raw.items() if k not in ("rule_id", "id", *without)}, rule.beside)
        for rule in pack.rules
    }


def test_the_bundled_pack_survives_the_way_through_kibana(tmp_path: Path) -> None:
    pack = bundled_pack(pytest.fail)
    again = through(pack, tmp_path)
    assert whole(again) == whole(pack)
    assert [rule.fires for rule in again.rules if rule.fires]


def test_a_kibana_rule_survives_the_way_through_toml(tmp_path: Path) -> None:
    rule = {**RULE, "exceptions_list": []}
    pack, _ = loaded(export(tmp_path, rule))
    (file,) = exporting.to_detection_rules(pack, lambda _: None)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / file.name).write_text(file.text)
    again, told = loaded(tmp_path / "a")
    assert told == [] and again.rules[0].raw == rule and again.rules[0].beside == {}


def test_toml_has_only_what_detection_rules_knows(tmp_path: Path) -> None:
    known = {"author", "description", "false_positives", "from", "index", "interval", "language", "max_signals", "meta", "name",
             "query", "references", "risk_score", "rule_id", "severity", "tags", "threat", "type", "note", "setup",
             "related_integrations", "building_block_type", "timestamp_override", "alert_suppression",
             "required_fields"}  # fmt: skip
    for file in exporting.to_detection_rules(bundled_pack(pytest.fail), lambda _: None):
        table = tomllib.loads(file.text)
        assert table.keys() == {"metadata", "rule"} and table["metadata"]["maturity"] == "development"
        assert table["rule"].keys() <= known and {"author", "rule_id", "type"} <= table["rule"].keys()
        assert len(table["metadata"]["creation_date"]) == len("2026/03/11")


@pytest.mark.skipif(not SHARED.is_dir(), reason="Elastic's rules are not here")
def test_elastics_rules_survive_the_way_through_kibana(tmp_path: Path) -> None:
    pack = load_pack([str(SHARED / "rules" / "elastic-eql")], lambda _: None)
    again = through(pack, tmp_path)
    assert len(pack.rules) == 615 and whole(again) == whole(pack)


def test_a_look_back_too_short_is_lengthened_for_own_rules_and_told_of_others(tmp_path: Path) -> None:
    query = "sequence by host.name with maxspan=1h [any where true] [any where true]"
    (tmp_path / "own.toml").write_text(
        f"[rule]\nid = 'a'\nname = 'a'\nfrom = 'now-25m'\ninterval = '10m'\nquery = '{query}'\n"
    )
    for path, written, code in (
        (tmp_path / "own.toml", "now-80m", "N0611"),
        (export(tmp_path, {**RULE, "exceptions_list": [], "query": query}), RULE["from"], "N0618"),
    ):
        pack, _ = loaded(path)
        told: list[Diagnostic] = []
        (rules,) = exporting.to_kibana(pack, told.append)
        assert json.loads(rules.text.splitlines()[0])["from"] == written and [each.code for each in told] == [code]


def test_the_command_writes_what_kibana_imports_and_toml(tmp_path: Path) -> None:
    runner = CliRunner()
    result = runner.invoke(
        cli, ["export", "--to", "kibana", "-o", str(tmp_path / "out" / "pack.ndjson")], standalone_mode=False
    )
    assert result.return_value == 0
    lines = [json.loads(line) for line in (tmp_path / "out" / "pack.ndjson").read_text().splitlines()]
    assert lines[-1]["exported_rules_count"] == len(lines) - 1 == 8
    for line in lines[:-1]:
        assert {"rule_id", "name", "description", "risk_score", "severity", "type", "query", "language"} <= line.keys()
        assert "blind_spots" not in line and line["meta"]["falselight"]
    assert runner.invoke(cli, ["export", "--to", "detection-rules"]).exit_code == 2
    result = runner.invoke(cli, ["export", "@page", "--to", "detection-rules"], standalone_mode=False)
    assert tomllib.loads(result.stdout)["rule"]["name"].startswith("Ten connections")


def test_a_hunt_says_that_exceptions_leave_nothing(tmp_path: Path) -> None:
    item = {**ITEM, "os_types": [], "entries": [{"field": "host.name", "type": "exists", "operator": "included"}]}
    path = export(tmp_path, {**RULE, "query": "network where true"}, LIST, item)
    events = tmp_path / "events.ndjson"
    events.write_text('{"@timestamp":"2026-03-11T09:00:00Z","event":{"category":"network"},"host":{"name":"a"}}\n')
    result = CliRunner().invoke(
        cli, ["hunt", str(events), "--rules", str(path), "--format", "table"], standalone_mode=False
    )
    assert "leave out whatever matches (1)" in result.stderr
