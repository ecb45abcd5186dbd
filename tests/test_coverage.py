"""Which rules data can feed, and what a changed rule gains and loses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from falselight import findings, ingest
from falselight.cli.main import cli
from falselight.comparing import both, compare
from falselight.hunting import HuntResult, hunt
from falselight.rules import Rule, load_pack

TACTIC = '{ id = "TA0011", name = "Command and Control" }'
TECHNIQUE = 'id = "T1071"\nname = "Application Layer Protocol"\n'


def written(folder: Path, **queries: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, query in queries.items():
        threat = f"[[rule.threat]]\ntactic = {TACTIC}\n[[rule.threat.technique]]\n{TECHNIQUE}"
        (folder / f"{name}.toml").write_text(
            f"[rule]\nid = \"{name}\"\nname = \"{name}\"\nquery = '''{query}'''\n{threat}"
        )
    return folder


def events(folder: Path, ports: list[int]) -> Path:
    path = folder / "events.ndjson"
    lines: list[dict[str, Any]] = [
        {"@timestamp": f"2026-03-11T09:00:{n:02d}Z", "event": {"category": ["network"]}, "host": {"name": f"ws{n % 2}"},
         "destination": {"ip": "203.0.113.7", "port": port}} for n, port in enumerate(ports)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_coverage_tells_what_is_fed_what_is_lacking_and_makes_a_layer(tmp_path: Path) -> None:
    rules = written(tmp_path / "rules", fed="network where destination.port == 1", starved='network where tls.client.ja3 == "x"',
                    broken="network where", partly='network where destination.port == 1 and not process.name : "a"')  # fmt: skip
    layer = tmp_path / "layer.json"
    result = CliRunner().invoke(
        cli,
        ["coverage", str(rules), str(events(tmp_path, [1])), "--format", "json", "--navigator", str(layer)],
        standalone_mode=False,
    )
    found = json.loads(result.stdout)
    verdicts = {each["rule"]["id"]: each["verdict"] for each in found["rules"]}
    assert verdicts == {"fed": "fed", "starved": "starved", "broken": "not run", "partly": "partly"}
    starved = next(each for each in found["rules"] if each["rule"]["id"] == "starved")
    assert starved["lacking"] == [["tls.client.ja3"]] and starved["would_be_filled_by"]["tls.client.ja3"]
    assert found["tactics"] == [{"id": "TA0011", "name": "Command and Control", "rules": 3, "fed": 2}]
    (technique,) = json.loads(layer.read_text())["techniques"]
    assert technique["techniqueID"] == "T1071" and technique["score"] == 67


def test_the_layer_opens_techniques_that_have_parts_and_names_what_is_fed(tmp_path: Path) -> None:
    rules = written(
        tmp_path / "rules", fed="network where destination.port == 1", not_fed='network where tls.client.ja3 == "x"'
    )
    for path in rules.iterdir():
        below = '[[rule.threat.technique.subtechnique]]\nid = "T1071.001"\nname = "Web Protocols"\n'
        path.write_text(path.read_text() + below)
    layer = tmp_path / "layer.json"
    result = CliRunner().invoke(cli, ["coverage", str(rules), str(events(tmp_path, [1])), "--navigator", str(layer)])
    assert result.exit_code == 0
    above, below = json.loads(layer.read_text())["techniques"]
    assert above["showSubtechniques"] is True and below["showSubtechniques"] is False
    assert above["comment"] == "1 of 2 rules are fed; fed: fed; not fed: not_fed"


def test_a_category_that_is_not_there_and_fields_of_integrations_are_told(tmp_path: Path) -> None:
    cloud, other = 'any where aws.cloudtrail.error_code == "x"', 'process where process.name == "x"'
    rules = written(tmp_path / "rules", cloud=cloud, other=other, own='any where my.own.field == "x"')
    (rules / "own.toml").write_text(
        (rules / "own.toml").read_text().replace('name = "own"', 'name = "own"\nindex = ["logs-my.own-*"]')
    )
    result = CliRunner().invoke(cli, ["coverage", str(rules), str(events(tmp_path, [1])), "--format", "json"])
    found = {each["rule"]["id"]: each for each in json.loads(result.stdout)["rules"]}
    assert found["cloud"]["would_be_filled_by"] == {"aws.cloudtrail.error_code": ["Elastic's aws.cloudtrail data"]}
    assert found["own"]["would_be_filled_by"] == {"my.own.field": ["index logs-my.own-*"]}
    assert (
        found["other"]["lacking"] == []
        and "Sysmon 1 (process creation)" in found["other"]["lacking_categories"]["process"]
    )
    shown = CliRunner().invoke(cli, ["coverage", str(rules), str(events(tmp_path, [1]))]).stdout
    assert (
        "no event is of category process; these would bring some: Sysmon 1" in shown
        and "Elastic's aws.cloudtrail data" in shown
    )


def test_a_diff_tells_what_both_have_to_tell_once(tmp_path: Path) -> None:
    rules = written(tmp_path / "rules", a="network where")
    result = CliRunner().invoke(cli, ["diff", str(rules), str(rules), str(events(tmp_path, [1]))])
    assert result.stderr.count("error[") == 1


def run(folder: Path, path: Path, *rules: Rule) -> HuntResult:
    return hunt([path], list(rules), report=lambda _: None)


def test_a_changed_rule_gains_and_loses(tmp_path: Path) -> None:
    path = events(tmp_path, [1, 1, 2, 2, 3, 3])
    old = run(tmp_path, path, Rule(id="a", name="a", query="network where destination.port < 3"))
    new = run(tmp_path, path, Rule(id="a", name="a", query="network where destination.port > 1"))
    (change,) = compare(old, new)
    assert (len(change.gained), len(change.lost), change.same) == (2, 2, 2)


def test_windows_of_the_same_keys_are_a_change_and_rules_come_and_go(tmp_path: Path) -> None:
    path = events(tmp_path, [1] * 8)
    query = "sequence by host.name [network where true] with runs={}"
    old = run(
        tmp_path,
        path,
        Rule(id="a", name="a", query=query.format(2)),
        Rule(id="gone", name="gone", query="network where true"),
    )
    new = run(
        tmp_path, path, Rule(id="a", name="a", query=query.format(3)), Rule(id="b", name="b", query="network where")
    )
    first, added, gone = compare(old, new)
    assert len(first.changed) == 2 and not first.gained and not first.lost
    assert added.only == "new" and added.faults and gone.only == "old" and len(gone.lost) == 8


def test_the_command_shows_the_difference(tmp_path: Path) -> None:
    old, new = (
        written(tmp_path / "old", a="network where destination.port == 1"),
        written(tmp_path / "new", a="network where true"),
    )
    path = events(tmp_path, [1, 2])
    result = CliRunner().invoke(cli, ["diff", str(old), str(new), str(path)], standalone_mode=False)
    assert (
        result.return_value == 1
        and "+ host.name ws1" in result.output
        and "1 gained, 0 lost, 0 changed, 1 the same" in result.output
    )
    same = CliRunner().invoke(cli, ["diff", str(new), str(new), str(path)], standalone_mode=False)
    assert same.return_value == 0


def listed(folder: Path, query: str, ports: str) -> Path:
    """A pack of two rules, one of which leaves out a list's ports and one what it names itself."""
    folder.mkdir()
    lists = [
        {"list_id": name, "id": name, "type": "detection", "namespace_type": "single"} for name in ("known", "own")
    ]
    common = {"type": "eql", "language": "eql", "risk_score": 1, "severity": "low", "description": ""}
    lines: list[dict[str, Any]] = [
        {"rule_id": "a", "name": "a", "query": query, "exceptions_list": lists[:1], **common},
        {"rule_id": "b", "name": "b", "query": "network where true", "exceptions_list": lists[1:], **common},
        *({**each, "name": "l"} for each in lists),
        {"item_id": "1", "list_id": "known", "name": "i", "type": "simple", "namespace_type": "single", "entries": [
            {"field": "host.name", "type": "list", "operator": "included", "list": {"id": "hosts", "type": "keyword"}}]},
        {"item_id": "2", "list_id": "own", "name": "i", "type": "simple", "namespace_type": "single", "entries": [
            {"field": "destination.port", "type": "match", "operator": "included", "value": ports.strip()[:1]}]},
    ]  # fmt: skip
    (folder / "rules.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "hosts").write_text(f"ws{ports.strip()[-1]}\n")
    return folder


def test_both_packs_read_the_data_once_and_equal_rules_run_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = events(tmp_path, [1, 2, 3, 4])
    read, ran = [], []
    reading, building = ingest.read_events, findings.build
    monkeypatch.setattr(ingest, "read_events", lambda *given, **more: read.append(1) or reading(*given, **more))
    monkeypatch.setattr(findings, "build", lambda rule, *given: ran.append(rule.id) or building(rule, *given))

    def difference(old: Path, new: Path) -> tuple[list[tuple[str, int, int, int]], list[int], list[str]]:
        read.clear(), ran.clear()
        packs = [load_pack([str(each)], pytest.fail) for each in (old, new)]
        changes = compare(*both([path], *packs, report=pytest.fail))
        return [(each.id, len(each.gained), len(each.lost), each.same) for each in changes], read, ran

    one = listed(tmp_path / "one", "network where true", "1 and 0")
    # The values of lists of one id are those of each pack: hosts ws0 and ws1 are left out.
    other = listed(tmp_path / "other", "network where true", "1 and 1")
    assert difference(one, other) == ([("a", 2, 2, 0), ("b", 0, 0, 3)], [1], ["a", "a", "b"])
    third = listed(tmp_path / "third", "network where destination.port > 2", "2 and 0")
    assert difference(one, third) == ([("a", 0, 1, 1), ("b", 1, 1, 2)], [1], ["a", "b", "a", "b"])


@pytest.mark.parametrize("verb", ["coverage", "diff"])
def test_absent_paths_are_misuse(tmp_path: Path, verb: str) -> None:
    rules = str(written(tmp_path / "rules", a="network where true"))
    given = [verb, rules, *([rules] if verb == "diff" else []), str(tmp_path / "absent")]
    assert CliRunner().invoke(cli, given, standalone_mode=False).return_value == 2
