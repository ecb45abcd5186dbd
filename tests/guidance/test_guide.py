"""The guide tells a finding's own facts, in every language without a way out of its quotes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from falselight import ingest
from falselight.cli.main import cli
from falselight.ecs import release
from falselight.eql.parser import parse
from falselight.guidance import facts, quoting, write
from falselight.source import Source

HOST, SERVER = "ws03", "203.0.113.77"
HOSTILE = [
    'say "x" or true',
    "back\\slash",
    "`code` | cell",
    "line\nbreak",
    "<script>alert(1)</script>",
    "\x1b[31mred",
    "o'clock --",
    "x‮evil",
]
EVENTS: list[dict[str, Any]] = [
    {
        "event": {"category": ["process"], "type": ["start"]},
        "process": {"entity_id": "a", "name": "explorer.exe", "pid": 10},
    },
    {
        "event": {"category": ["process"], "type": ["start"]},
        "process": {
            "entity_id": "b",
            "name": "helper.exe",
            "pid": 11,
            "command_line": "helper.exe /x",
            "parent": {"entity_id": "a"},
            "hash": {"sha256": "ab" * 32},
        },
        "user": {"name": "t.wrack"},
    },
    {
        "event": {"category": ["process"], "type": ["start"]},
        "process": {"entity_id": "c", "name": "whoami.exe", "parent": {"entity_id": "b"}},
    },
    {
        "event": {"category": ["network"]},
        "process": {"entity_id": "b"},
        "destination": {"ip": SERVER, "domain": "cdn.wu-helper.example", "port": 443},
        "source": {"bytes": 100},
    },
    {
        "event": {"category": ["network"]},
        "process": {"entity_id": "b"},
        "destination": {"ip": SERVER, "port": 443},
        "source": {"bytes": 20},
    },
    {
        "event": {"category": ["network"]},
        "host": {"name": "ws09"},
        "destination": {"ip": SERVER, "port": 443},
        "tls": {"server": {"subject": "CN=evil"}},
    },
]


def gathered(folder: Path, document: dict[str, Any]) -> facts.Facts:
    lines = [
        {"@timestamp": f"2026-03-11T09:00:0{n}Z", "host": {"name": HOST}, **event} for n, event in enumerate(EVENTS)
    ]
    path = folder / "events.ndjson"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    table = ingest.read_events([path], release.schema(), wanted=frozenset(facts.FIELDS), report=lambda _: None)
    return facts.gather(document, table)


def finding(**more: Any) -> dict[str, Any]:
    return {"rule": {"name": "A rule"}, "host": {"name": HOST}, "destination": {"ip": SERVER}, "falselight": {}, **more}


def test_the_events_tell_tree_hosts_names_certificates_and_volumes(tmp_path: Path) -> None:
    known = gathered(tmp_path, finding())
    assert [[process.name for process in line] for line in known.trees] == [["explorer.exe", "helper.exe"]]
    assert [process.name for process in known.children] == ["whoami.exe"]
    assert known.connections == 2 and known.sent == 120 and known.received is None
    assert known.names == ("cdn.wu-helper.example",) and known.certificates == ("CN=evil",)
    assert known.other_hosts == (("ws09", 1, "2026-03-11T09:00:05.000Z"),)
    assert known.first_sight == "2026-03-11T09:00:03.000Z"
    text = write.guide("investigation", known)
    for told in ("`helper.exe /x`", "ab" * 32, "`whoami.exe`", "`ws09`", "`CN=evil`", "120"):
        assert told in text


def test_general_documents_need_no_finding() -> None:
    for part in write.PARTS:
        text = write.guide(part)
        assert text.startswith("# ") and "{{" not in text and "None" not in text


@pytest.mark.parametrize("value", HOSTILE)
def test_no_value_leaves_its_quotes(value: str) -> None:
    document = finding(host={"name": value}, destination={"domain": [value]})
    known = facts.of_document(document)
    for part in write.PARTS:
        text = write.guide(part, known)
        assert "\x1b" not in text and "‮" not in text
        assert "<script>" not in re.sub(r"`+[^`]*`+", "", re.sub(r"```.*?```", "", text, flags=re.S))
    query = re.search(r"```eql\n(.*?)\n```", write.guide("investigation", known), re.S)
    assert query is not None
    parse(Source(query.group(1)))
    assert eql_constants(query.group(1)) == {quoting.eql(value)}


def eql_constants(query: str) -> set[str]:
    return set(re.findall(r'"(?:[^"\\]|\\.)*"', query))


def test_a_value_in_code_never_closes_its_fence() -> None:
    assert quoting.code("a`b``c") == "```a`b``c```"
    assert quoting.code("`x`") == "`` `x` ``"


def test_the_command_fills_the_guide_from_the_findings_own_inputs(tmp_path: Path) -> None:
    gathered(tmp_path, finding())
    evidence = [{"input": str(tmp_path / "events.ndjson"), "sha256": "0" * 64, "records": [3, 4]}]
    path = tmp_path / "findings.ndjson"
    path.write_text(json.dumps(finding(falselight={"evidence": evidence})) + "\n")
    result = CliRunner().invoke(cli, ["guide", str(path)], standalone_mode=False)
    assert result.return_value == 0 and "helper.exe" in result.output and "2 records" in result.output


@pytest.mark.parametrize(
    ("text", "number", "told"),
    [
        ("", 1, "0 findings"),
        ("{}\n", 1, "no finding"),
        ("nonsense\n", 1, "not JSON"),
        ('{"falselight": {}}\n', 2, "1 finding"),
    ],
)
def test_what_is_no_finding_is_told(tmp_path: Path, text: str, number: int, told: str) -> None:
    path = tmp_path / "findings.ndjson"
    path.write_text(text)
    result = CliRunner().invoke(cli, ["guide", str(path), "--number", str(number)])
    assert result.exit_code == 2 and told in result.output


def test_exported_rules_of_the_pack_carry_guide_and_playbook(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        cli, ["export", "--to", "kibana", "-o", str(tmp_path / "pack.ndjson")], standalone_mode=False
    )
    assert result.return_value == 0
    rules = [json.loads(line) for line in (tmp_path / "pack.ndjson").read_text().splitlines()[:-1]]
    assert all("# Investigation guide" in rule["note"] and "# Response playbook" in rule["note"] for rule in rules)


def test_a_folder_that_hunt_wrote_is_read_as_its_findings(tmp_path: Path) -> None:
    (tmp_path / "findings.ndjson").write_text('{"falselight": {"kind": "alert"}, "host": {"name": "ws77"}}\n')
    for given in (["guide", str(tmp_path)], ["label", str(tmp_path), "benign", "--labels", str(tmp_path)]):
        result = CliRunner().invoke(cli, given, standalone_mode=False)
        assert result.return_value == 0 and "ws77" in result.output
    assert (tmp_path / "labels.ndjson").is_file()
    (tmp_path / "servers.ndjson").write_text('{"falselight": {"kind": "beacon"}, "host": {"name": "ws78"}}\n')
    second = CliRunner().invoke(cli, ["guide", str(tmp_path), "--number", "2"], standalone_mode=False)
    assert "ws78" in second.output, "ranked servers follow the findings"
    (tmp_path / "findings.ndjson").write_text("")
    only = CliRunner().invoke(cli, ["guide", str(tmp_path)], standalone_mode=False)
    assert "ws78" in only.output


def test_a_finding_of_a_domain_alone_asks_for_the_names_below_it() -> None:
    text = write.guide("investigation", facts.of_document({"destination": {"domain": "marlfinch.example"}}))
    for query in (
        'OR dns.question.name IN ("marlfinch.example") OR dns.question.registered_domain IN ("marlfinch.example")',
        'or ?dns.question.registered_domain in~ ("marlfinch.example")',
    ):
        assert query in text
    parse(Source(re.findall(r"```eql\n(.*?)```", text, re.DOTALL)[0]))


def test_without_telemetry_nothing_is_said_of_what_it_holds() -> None:
    text = write.guide("investigation", facts.of_document({"destination": {"ip": "203.0.113.77"}}))
    assert "| connections of this host | – |" in text
    assert "No other host" not in text and "This telemetry does not tell" not in text
