"""What leaves for Kibana is what its import takes: the keys that it requires of each kind of line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from falselight.rules import bundled_pack, exporting, load_pack

# Keys that Kibana's import refuses a line without, and their JSON types (elastic/kibana: RuleToImport, BaseCreateProps and the
# properties of each type; importExceptionListItemSchema; importExceptionsListSchema).
RULE = {"rule_id": str, "name": str, "description": str, "risk_score": int, "severity": str, "type": str}
TYPES: dict[str, dict[str, type | tuple[type, ...]]] = {
    "eql": {"query": str, "language": str},
    "esql": {"query": str, "language": str},
    "machine_learning": {"anomaly_threshold": int, "machine_learning_job_id": (str, list)},
    "new_terms": {"query": str, "new_terms_fields": list, "history_window_start": str},
    "query": {},
    "saved_query": {"saved_id": str},
    "threat_match": {"query": str, "threat_query": str, "threat_mapping": list, "threat_index": list},
    "threshold": {"query": str, "threshold": dict},
}
ATTACK = {"id": str, "name": str, "reference": str}
LIST = {"list_id": str, "name": str, "description": str, "type": str}
ITEM = {"item_id": str, "list_id": str, "name": str, "description": str, "type": str, "entries": list}
PARTS = {
    "exceptions_list": {"id": str, "list_id": str, "type": str, "namespace_type": str},
    "severity_mapping": {"field": str, "operator": str, "value": str, "severity": str},
    "risk_score_mapping": {"field": str, "operator": str, "value": str},
}


def lacking(line: dict[str, Any], keys: dict[str, Any], place: str) -> Iterator[str]:
    yield from (f"{place}: {key}" for key, kind in keys.items() if not isinstance(line.get(key), kind))


def refused(line: dict[str, Any]) -> Iterator[str]:
    """What the import would refuse of one line."""
    if "item_id" in line or "entries" in line:
        yield from lacking(line, ITEM, "exception")
    elif "list_id" in line:
        yield from lacking(line, LIST, "list")
    elif "attributes" not in line:
        yield from lacking(line, {**RULE, **TYPES[line["type"]]}, "rule")
        for key, keys in PARTS.items():
            for part in line.get(key, []):
                yield from lacking(part, keys, key)
        for block in line.get("threat", []):
            yield from lacking(block, {"framework": str, "tactic": dict}, "threat")
            techniques = block.get("technique", [])
            for each in (
                block["tactic"],
                *techniques,
                *(sub for one in techniques for sub in one.get("subtechnique", [])),
            ):
                yield from lacking(each, ATTACK, "attack")


def exported(names: list[str], folder: Path) -> list[dict[str, Any]]:
    pack = load_pack(names, lambda _: None) if names else bundled_pack(pytest.fail)
    for file in exporting.to_kibana(pack, lambda _: None):
        (folder / file.name).write_text(file.text)
    return [json.loads(line) for line in (folder / "rules.ndjson").read_text().split("\n") if line]


def count(summary: dict[str, Any], lines: list[dict[str, Any]]) -> None:
    """The summary counts what stands before it."""
    items = sum("item_id" in line for line in lines)
    lists = sum("list_id" in line for line in lines) - items
    connectors = sum("attributes" in line for line in lines)
    assert summary["exported_count"] == len(lines)
    assert summary["exported_rules_count"] == len(lines) - items - lists - connectors
    assert summary["exported_exception_list_count"] == lists
    assert summary["exported_exception_list_item_count"] == items
    assert summary["exported_action_connector_count"] == connectors


def test_the_bundled_pack_is_what_an_import_takes(tmp_path: Path) -> None:
    *lines, summary = exported([], tmp_path)
    assert [fault for line in lines for fault in refused(line)] == []
    count(summary, lines)


def test_elastics_rules_are_what_an_import_takes(shared: Path, tmp_path: Path) -> None:
    *lines, summary = exported([str(shared / "rules" / "elastic-eql")], tmp_path)
    assert len(lines) == 615 and [fault for line in lines for fault in refused(line)] == []
    count(summary, lines)


SHORT = """
[rule]
id = "short"
name = "What an author leaves out"
query = "process where true"
exceptions_list = [{ list_id = "known" }]
severity_mapping = [{ field = "event.severity", value = "9", severity = "high" }]
risk_score_mapping = [{ field = "event.risk_score" }]

[[rule.threat]]
tactic = { id = "TA0011", name = "Command and Control" }
technique = [{ id = "T1071", name = "Application Layer Protocol", subtechnique = [{ id = "T1071.001", name = "Web Protocols" }] }]
"""


def test_what_an_author_left_out_is_completed_and_taken_out_again(tmp_path: Path) -> None:
    (tmp_path / "short.toml").write_text(SHORT)
    entries = [{"type": "exists", "field": "user.name"}]
    lists = [{"list_id": "known"}, {"item_id": "one", "list_id": "known", "entries": entries}]
    (tmp_path / "lists.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lists))
    out = tmp_path / "out"
    out.mkdir()
    *lines, summary = exported([str(tmp_path / "short.toml"), str(tmp_path / "lists.ndjson")], out)
    assert [fault for line in lines for fault in refused(line)] == [] and len(lines) == 3
    count(summary, lines)
    (block,) = lines[0]["threat"]
    assert block["tactic"]["reference"] == "https://attack.mitre.org/tactics/TA0011/"
    assert block["technique"][0]["subtechnique"][0]["reference"] == "https://attack.mitre.org/techniques/T1071/001/"
    (before,), (after,) = (
        load_pack([str(path)], lambda _: None).rules for path in (tmp_path / "short.toml", out / "rules.ndjson")
    )
    assert after.raw == before.raw


OTHERS: list[dict[str, Any]] = [
    {"type": "query", "language": "kuery", "query": "process.name : cmd.exe", "alert_suppression": {"group_by": ["host.name"]}},
    {"type": "query", "language": "lucene", "query": "process.name:cmd*"},
    {"type": "saved_query", "saved_id": "s"},
    {"type": "threshold", "language": "kuery", "query": "*:*", "threshold": {"field": ["source.ip"], "value": 10},
     "alert_suppression": {"duration": {"value": 5, "unit": "m"}}},
    {"type": "new_terms", "language": "kuery", "query": "*:*", "new_terms_fields": ["host.name"],
     "history_window_start": "now-14d"},
    {"type": "threat_match", "language": "kuery", "query": "*:*", "threat_query": "*:*", "threat_index": ["ti-*"],
     "threat_mapping": [{"entries": [{"field": "destination.ip", "type": "mapping", "value": "threat.indicator.ip"}]}]},
    {"type": "esql", "language": "esql", "query": "from logs-* metadata _id | limit 1"},
    {"type": "machine_learning", "anomaly_threshold": 75, "machine_learning_job_id": ["v3_linux_rare"]},
]  # fmt: skip


def test_rules_of_every_other_type_leave_as_they_came(tmp_path: Path) -> None:
    common = {
        "description": "d",
        "risk_score": 21,
        "severity": "low",
        "meta": {"from": "1h"},
        "rule_source": {"type": "internal"},
    }
    rules = [{**common, **each, "rule_id": f"r{n}", "name": f"Rule {n}"} for n, each in enumerate(OTHERS)]
    (tmp_path / "in.ndjson").write_text("".join(json.dumps(rule) + "\n" for rule in rules))
    out = tmp_path / "out"
    out.mkdir()
    *lines, _ = exported([str(tmp_path / "in.ndjson")], out)
    assert lines == rules and [fault for line in lines for fault in refused(line)] == []
    toml = tmp_path / "toml"
    toml.mkdir()
    for file in exporting.to_detection_rules(load_pack([str(tmp_path / "in.ndjson")], pytest.fail), lambda _: None):
        (toml / file.name).write_text(file.text)
    again = load_pack([str(toml)], pytest.fail)
    back = tmp_path / "back"
    back.mkdir()
    assert sorted((rule.raw for rule in again.rules), key=lambda raw: raw["rule_id"]) == rules
