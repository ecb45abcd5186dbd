"""Rules from files: the bundled pack, other people's folders, and what is wrong with some of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from falselight.diagnostics import Diagnostic
from falselight.hunting import hunt
from falselight.rules import PAGE, Rule, bundled, load

ROOT = Path(__file__).parents[2]


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_pages_rule_is_verbatim(shared: Path) -> None:
    page = (shared / "mission" / "detect-server-in-elastic-security.txt").read_text(encoding="utf-8")
    query = re.search(r"sequence by .*?with runs=10", page, re.DOTALL)
    (rule,) = load([PAGE], pytest.fail)
    assert query is not None
    assert rule.query.strip() == query[0]
    assert rule.threat[0].technique[0].subtechnique[0].id == "T1583.004"


def test_the_pack_loads_and_every_rule_says_what_it_cannot_see() -> None:
    rules = bundled(pytest.fail)
    assert rules
    for rule in rules:
        assert rule.blind_spots and rule.false_positives and rule.data_needed


def test_detection_rules_toml(tmp_path: Path) -> None:
    text = """
    [metadata]
    maturity = "production"
    [rule]
    rule_id = "1"
    name = "n"
    type = "eql"
    language = "eql"
    query = "process where true"
    severity = "high"
    risk_score = 73
    from = "now-9m"
    author = ["Elastic"]
    """
    (rule,) = load([str(written(tmp_path, "a.toml", text))], pytest.fail)
    assert (rule.id, rule.severity, rule.from_, rule.extra) == ("1", "high", "now-9m", {"author": ["Elastic"]})


def test_hunts_of_elastics_repository_are_told_once_and_left_out(tmp_path: Path) -> None:
    written(tmp_path, "a.toml", '[rule]\nid = "a"\nname = "a"\nquery = "any where true"\n')
    for name in ("b", "c"):
        written(tmp_path, f"{name}.toml", f'[hunt]\nname = "{name}"\nlanguage = ["EQL"]\nquery = ["any where true"]\n')
    told: list[Diagnostic] = []
    assert [rule.id for rule in load([str(tmp_path)], told.append)] == ["a"]
    assert [each.code for each in told] == ["W0623"] and "b.toml and 1 more hold hunts" in told[0].message


def test_elastic_defends_own_list_need_not_be_there(tmp_path: Path) -> None:
    named = '[{ id = "endpoint_list", list_id = "endpoint_list", namespace_type = "agnostic", type = "endpoint" }]'
    text = f'[rule]\nid = "a"\nname = "a"\nquery = "any where true"\nexceptions_list = {named}\n'
    assert load([str(written(tmp_path, "a.toml", text))], pytest.fail)


def test_broken_files_are_told_and_the_rest_loads(tmp_path: Path) -> None:
    written(tmp_path, "a.toml", '[rule]\nid = "a"\nname = "a"\n')
    written(tmp_path, "b.toml", "[rule\n")
    written(tmp_path, "c.toml", "x = 1\n")
    written(tmp_path, "d.toml", '[rule]\nid = "d"\nname = "d"\nrisk_score = 101\n')
    written(tmp_path, "e.toml", '[rule]\nid = "a"\nname = "again"\n')
    told: list[Diagnostic] = []
    rules = load([str(tmp_path), str(tmp_path / "absent.toml")], told.append)
    assert [rule.name for rule in rules] == ["a"]
    assert [(d.code, Path(d.path or "").name) for d in told] == [
        ("E0602", "b.toml"),
        ("E0602", "c.toml"),
        ("E0602", "d.toml"),
        ("E0601", "absent.toml"),
        ("E0604", "e.toml"),
    ]
    assert "risk_score" in told[2].message


def test_nesting_without_end_is_one_broken_file(tmp_path: Path) -> None:
    written(tmp_path, "a.toml", "[rule]\nid = 'a'\nname = 'a'\nx = " + "[" * 50_000 + "]" * 50_000)
    written(tmp_path, "b.toml", "[rule]\nid = 'b'\nname = 'b'\n")
    told: list[Diagnostic] = []
    assert [rule.id for rule in load([str(tmp_path)], told.append)] == ["b"] and [d.code for d in told] == ["E0602"]


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    told: list[Diagnostic] = []
    assert load([str(tmp_path)], told.append) == []
    assert [d.code for d in told] == ["E0603"]


def test_rules_of_other_languages_are_listed_as_not_run(tmp_path: Path) -> None:
    data = written(tmp_path, "e.ndjson", '{"@timestamp":"2026-01-01T00:00:00Z","event":{"category":"process"}}\n')
    told: list[Diagnostic] = []
    kuery = Rule(id="k", name="k", query="process.name : *", language="kuery", type="query")
    result = hunt([data], [kuery, Rule(id="e", name="e", query="process where true")], report=told.append)
    assert [d.code for d in told] == ["W0605"]
    assert [len(run.findings) for run in result.rules] == [0, 1]


def test_many_rules_of_one_other_type_are_one_message(tmp_path: Path) -> None:
    data = written(tmp_path, "e.ndjson", '{"@timestamp":"2026-01-01T00:00:00Z","event":{"category":"process"}}\n')
    told: list[Diagnostic] = []
    others = [Rule(id=f"{each}", name=f"R{each}", type=kind) for each, kind in enumerate(["query"] * 30 + ["esql"])]
    result = hunt([data], [*others, Rule(id="e", name="e", query="process where true")], report=told.append)
    assert [d.code for d in told] == ["W0605", "W0605"]
    assert "30 rules are of type [query], such as [R0]" in told[0].message and "[R30]" in told[1].message
    assert all(run.diagnostics for run in result.rules[:31]) and len(result.rules[31].findings) == 1


def test_a_key_that_nobody_knows_is_told_once_and_kept(tmp_path: Path) -> None:
    for name in ("a", "b"):
        written(tmp_path, f"{name}.toml", f'[rule]\nid = "{name}"\nname = "{name}"\nseverty = "high"\nlicense = "x"\n')
    told: list[Diagnostic] = []
    rules = load([str(tmp_path)], told.append)
    assert [rule.extra["severty"] for rule in rules] == ["high", "high"]
    (warning,) = told
    assert warning.code == "W0606" and "[severty]" in warning.message and "1 more" in warning.message
    assert warning.help == "did you mean severity?"


def test_elastics_rules_have_no_unknown_key(shared: Path) -> None:
    rules = load([str(shared / "rules" / "elastic-eql")], pytest.fail)
    assert len(rules) > 600 and all(rule.is_eql for rule in rules)


def test_a_rule_is_run_with_the_fields_it_names(tmp_path: Path) -> None:
    event = '{"@timestamp":"2026-01-01T00:00:00Z","event":{"category":"process","type":"start","created":"2026-01-02T00:00:00Z"}}'
    data = written(tmp_path, "e.ndjson", event + "\n")
    common = '[rule]\nname = "r"\nquery = "start where true"\n'
    written(tmp_path, "a.toml", common + 'id = "plain"\n')
    written(tmp_path, "b.toml", common + 'id = "type"\nevent_category_override = "event.type"\n')
    written(
        tmp_path,
        "c.toml",
        common + 'id = "created"\nevent_category_override = "event.type"\ntimestamp_field = "event.created"\n',
    )
    result = hunt([data], load([str(tmp_path)], pytest.fail), report=pytest.fail)
    assert [(run.rule.id, len(run.findings)) for run in result.rules] == [("plain", 0), ("type", 1), ("created", 1)]
