"""Every remark of the manual is made of its rule; Elastic's rules lint; SARIF is whole."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from falselight.cli.main import cli
from falselight.lint import CODES, lint
from falselight.rules import Pack, Rule, load_pack
from falselight.rules.exceptions import Item

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("FALSELIGHT_SHARED", ROOT.parent / "shared"))
EXAMPLES = re.findall(r"```toml (L\d\d)\n(.*?)```", (ROOT / "specs" / "lint.md").read_text(encoding="utf-8"), re.DOTALL)
EVERYTHING = {
    "item_id": "i",
    "list_id": "mine",
    "entries": [{"type": "exists", "field": "@timestamp", "operator": "included"}],
}
SIGNED = {
    "item_id": "s",
    "list_id": "signed",
    "entries": [
        {
            "type": "nested",
            "field": "process.Ext.code_signature",
            "entries": [
                {"type": "match", "field": "subject_name", "operator": "included", "value": "A Ltd"},
                {"type": "match", "field": "trusted", "operator": "included", "value": "true"},
            ],
        }
    ],
}
FLAT = {
    "item_id": "f",
    "list_id": "flat",
    "entries": [
        {"type": "match", "field": "process.Ext.code_signature.subject_name", "operator": "included", "value": "A Ltd"}
    ],
}


def remarked(text: str) -> list[str]:
    table = tomllib.loads(text)
    written = {"id": "x", "name": "x", **table}
    written["from_"] = written.pop("from", "now-6m")
    pack = Pack(
        [Rule.model_validate(written)], items=[Item.model_validate(each) for each in (EVERYTHING, SIGNED, FLAT)]
    )
    return [remark.code for remark in lint(pack)]


@pytest.mark.parametrize(
    ("code", "text"), EXAMPLES, ids=[f"{code} {number}" for number, (code, _) in enumerate(EXAMPLES)]
)
def test_the_manuals_rule_has_its_remark(code: str, text: str) -> None:
    assert code in remarked(text)


def test_every_code_has_its_example() -> None:
    assert {code for code, _ in EXAMPLES} == CODES.keys()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("query = 'network where destination.domain : \"*.apple.com\"'", "L30"),
        ("query = 'network where destination.domain : \"*.amazonaws.com\"'", "L40"),
        ('query = \'process where process.name == "bash"\'\ntags = ["OS: Linux"]', "L31"),
        (
            'query = \'network where not (process.name : "a.exe" and destination.domain : "*.amazonaws.com")\'',
            "L40",
        ),
        ("query = 'any where true'", "L21"),
        ('query = \'any where event.type == "start" and event.type == "end"\'', "L20"),
        ('query = \'process where process.name : "a" or (process.name : "b" and process.args : "x")\'', "L34"),
        ("query = 'any where process.code_signature.trusted == true and event.code == \"1\"'", "L21"),
        ("query = 'sequence by host.name with maxspan=1h [any where true] with runs=10'\nfrom = \"now-70m\"", "L02"),
        ('query = \'any where event.code == "1"\'\nindex = ["logs-*"]', "L10"),
        ("query = 'network where destination.port == 443'\nindex = [\"logs-endpoint.events.network-*\"]", "L12"),
        (
            'query = \'network where destination.port == 443\'\nindex = ["logs-endpoint.events.process-*", "logs-*"]',
            "L12",
        ),
        ("query = 'network where not destination.domain : \"*api.example.com\"'", "L30"),
        ('query = \'network where destination.domain : ("pastebin.*", "*google*")\'', "L30"),
        ("query = 'network where not destination.domain : \"*.cloudflare.com\"'", "L40"),
        ('query = \'process where process.name in ("go", "node")\'', "L31"),
        ('query = \'process where host.os.type == "linux" and process.name == "wine.exe"\'', "L31"),
        ("query = 'process where process.name in~ (\"cmd.exe\")'", "L31"),
        (
            'query = \'process where process.name : "a" or ( /* why */ process.name : "b" and process.args : "x")\'',
            "L34",
        ),
        ("query = '''any where stringContains(process.command_line, \"Principal=\\\\*\")'''", "L36"),
        ("query = '''any where user.email regex \"\"\".*[@]a\\@b\"\"\" '''", "L38"),
        ("query = 'process where process.command_line regex~ \".*-enc .*\"'", "L33"),
        (
            'query = \'process where host.os.type == "windows" and not user.domain : "NT AUTHORITY"\'\n'
            'index = ["logs-endpoint.events.process-*"]',
            "L11",
        ),
        (
            "query = 'sequence by process.parent.pid with maxspan=1m [process where true] "
            "[file where not process.parent.pid == 1]'\n"
            'index = ["logs-endpoint.events.process-*", "logs-endpoint.events.file-*"]\nfrom = "now-20m"',
            "L11",
        ),
        (
            "query = 'sequence by host.name with maxspan=1m [any where true] with runs=5 [process where true]'",
            "L04",
        ),
        ("query = 'sequence with maxspan=1m [any where true] by host.id [process where true] by host.id'", "L07"),
    ],
)
def test_what_is_right_has_no_remark(text: str, code: str) -> None:
    assert code not in remarked(text)


def test_a_look_back_counts_to_where_a_run_stops_looking() -> None:
    query = "query = 'sequence by host.name with maxspan=10m [any where true] [process where true]'\n"
    assert "L02" not in remarked(query + 'from = "now-15m"')
    assert "L02" in remarked(query + 'from = "now-15m"\nto = "now-10m"')
    assert "L03" in remarked(query + 'from = "now-12m"\nto = "now-10m"')


def test_suppression_and_nested_exceptions_that_are_right_have_no_remark() -> None:
    pair = 'query = \'sequence by host.name with maxspan=1m [any where event.code == "1"] [any where event.code == "2"]\'\n'
    hour = 'alert_suppression = { group_by = ["host.name"], duration = { value = 1, unit = "h" } }\n'
    assert not {"L62", "L63", "L64"} & set(remarked(pair + hour))
    signed = 'query = \'process where event.type == "start"\'\nexceptions_list = [{ list_id = "signed" }]\n'
    for index in ('["logs-endpoint.events.process-*"]', '["logs-*", "cluster:logs-endpoint.events.*"]', "[]"):
        assert not {"L65", "L66"} & set(remarked(f"{signed}index = {index}"))


def test_only_a_form_that_has_cases_is_asked_for_them(tmp_path: Path) -> None:
    path = tmp_path / "rules.ndjson"
    path.write_text(
        '{"rule_id": "a", "name": "a", "type": "eql", "query": "any where event.code == \\"1\\""}\n', encoding="utf-8"
    )
    assert not list(lint(load_pack([str(path)], lambda _: None)))


@pytest.mark.skipif(not SHARED.is_dir(), reason="Elastic's rules are not here")
def test_elastics_rules_lint_without_a_refusal() -> None:
    pack = load_pack([str(SHARED / "rules" / "elastic-eql")], lambda _: None)
    codes = [remark.code for remark in lint(pack)]
    assert len(pack.rules) == 615 and 20 < len(codes) < 615 and not {"L01", "L50", "L61"} & set(codes)


def test_sarif_points_into_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a rule.toml"
    path.write_text(
        "[rule]\nid = \"a\"\nname = \"a\"\nquery = '''\nnetwork where\n  destination.domain : \"*apple.com\"\n'''\n"
    )
    result = CliRunner().invoke(cli, ["lint", str(path), "--format", "sarif", "--only", "L30"], standalone_mode=False)
    (run,) = json.loads(result.stdout)["runs"]
    (found,) = run["results"]
    assert found["ruleId"] == "L30" and run["tool"]["driver"]["rules"][found["ruleIndex"]]["id"] == "L30"
    assert found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == path.as_uri()
    region = found["locations"][0]["physicalLocation"]["region"]
    line = path.read_text().splitlines()[region["startLine"] - 1]
    assert line[region["startColumn"] - 1 : region["endColumn"] - 1] == '"*apple.com"'


def regions(path: Path, code: str) -> list[int]:
    result = CliRunner().invoke(cli, ["lint", str(path), "--format", "sarif", "--only", code], standalone_mode=False)
    (run,) = json.loads(result.stdout)["runs"]
    return [each["locations"][0]["physicalLocation"]["region"]["startLine"] for each in run["results"]]


def test_sarif_points_to_the_key_where_no_place_of_the_query_is_meant(tmp_path: Path) -> None:
    path = tmp_path / "rule.toml"
    path.write_text(
        "# from = 1\n[rule]\nid = 'a'\nname = 'a'\n\nfrom = 'now-1m'\nquery = \"any where event.code == \\\"1\\\"\"\n"
        "[[fires]]\nevents = [{ 'event.code' = '2' }]\n"
    )
    assert [regions(path, code) for code in ("L03", "L50")] == [[6], [8]]


def test_sarif_points_to_the_line_of_an_export(tmp_path: Path) -> None:
    path = tmp_path / "rules.ndjson"
    rule = {"type": "eql", "query": 'network where destination.domain : "*apple.com"', "from": "now-1m"}
    lines = [json.dumps({**rule, "rule_id": name, "name": name}) for name in ("a", "b")]
    path.write_text("\n".join(["{nonsense", *lines]) + "\n")
    assert [regions(path, code) for code in ("L03", "L30")] == [[2, 3], [2, 3]]


def test_the_command_fails_where_it_is_asked_to(tmp_path: Path) -> None:
    path = tmp_path / "rule.toml"
    path.write_text('[rule]\nid = "a"\nname = "a"\nquery = \'any where event.code == "1"\'\n')
    runner = CliRunner()
    assert runner.invoke(cli, ["lint", str(path)], standalone_mode=False).return_value == 0
    assert runner.invoke(cli, ["lint", str(path), "--fail-on", "note"], standalone_mode=False).return_value == 1
    assert runner.invoke(cli, ["lint", str(path), "--fail-on", "error"], standalone_mode=False).return_value == 0


def test_a_remark_names_its_rule_with_a_place_and_without(tmp_path: Path) -> None:
    path = tmp_path / "rules.ndjson"
    rule = {"type": "eql", "query": 'network where destination.domain : "*apple.com"', "from": "now-1m"}
    path.write_text(
        "".join(json.dumps({**rule, "rule_id": name, "name": f"Rule {name}"}) + "\n" for name in ("a", "b"))
    )
    shown = CliRunner().invoke(cli, ["lint", str(path)], standalone_mode=False).stdout
    for name in ("a", "b"):
        assert f"Rule [Rule {name}]: it runs every 5m" in shown and f"--> Rule {name}:1:" in shown


def test_a_pack_of_other_types_has_nothing_to_look_at(tmp_path: Path) -> None:
    path = tmp_path / "rules.ndjson"
    path.write_text('{"rule_id": "a", "name": "a", "type": "machine_learning", "anomaly_threshold": 1}\n')
    result = CliRunner().invoke(cli, ["lint", str(path)], standalone_mode=False)
    assert result.return_value == 0 and "1 rule of other languages not looked at" in result.stderr
