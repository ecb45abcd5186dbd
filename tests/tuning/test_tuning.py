"""The page's three classes of false positive are tuned away to zero alerts, and no implant is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from falselight.cli.main import cli
from falselight.hunting import HuntResult, hunt
from falselight.lab import false_positives
from falselight.rules import load, load_pack
from falselight.rules.loading import content
from falselight.tuning import causes, labels, writing
from falselight.tuning.proposals import Proposal, propose
from falselight.tuning.trial import attempt, costs

PAGE = load(["@page"], pytest.fail)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[tuple[str, str]]]:
    path = tmp_path_factory.mktemp("lab") / "sysmon.json"
    placed = false_positives.write(path, hosts=10, hours=2)
    return path, {(host, program.image) for host, program in placed}


@pytest.fixture(scope="module")
def result(lab: tuple[Path, Any]) -> HuntResult:
    return hunt([lab[0]], PAGE, report=pytest.fail, also=causes.FIELDS)


def is_implant(proposal: Proposal) -> bool:
    return any((proposal.cause.executable, next(iter(proposal.cause.names))) == (program.image, program.server)
               for program in false_positives.IMPLANTS)  # fmt: skip


@pytest.fixture(scope="module")
def proposals(result: HuntResult) -> list[Proposal]:
    return propose(causes.causes(result, {}))


def test_every_program_is_a_cause_of_its_own(proposals: list[Proposal]) -> None:
    found = {(proposal.cause.executable, proposal.cause.server) for proposal in proposals}
    assert len(found) == len(proposals) == len(false_positives.BENIGN) + len(false_positives.IMPLANTS)
    by_name = {proposal.item.name: proposal for proposal in proposals}
    assert by_name["client.exe to corp-gateway.example"].parts == (
        "the program's path",
        "the server's name",
        "the port",
    )


def test_tuned_away_to_zero_with_no_implant_lost(
    result: HuntResult, proposals: list[Proposal], lab: tuple[Path, set[tuple[str, str]]]
) -> None:
    accepted = [proposal for proposal in proposals if not is_implant(proposal)]
    trial = attempt(result.rules[0], accepted, result, (60, 300))
    assert trial.before > 1_000
    still = {(finding.hosts[0], process) for finding in trial.left for process in finding.processes}
    assert still == {(host, image.rsplit("\\", 1)[-1]) for host, image in lab[1]}
    assert len(trial.implants) >= 4 * len(accepted) and all(each.found for each in trial.implants) and trial.lost == ()


def test_a_name_alone_would_hide_implants(result: HuntResult, proposals: list[Proposal]) -> None:
    chosen = next(proposal for proposal in proposals if proposal.item.name.startswith("updater.exe to vendor-cloud"))
    entries = tuple(entry for entry in chosen.item.entries if entry.field == "process.executable")
    loose = Proposal(1, chosen.cause, chosen.item.model_copy(update={"entries": entries}), (), "")
    trial = attempt(result.rules[0], [loose], result, (60,))
    assert [each.kind for each in trial.lost] == ["program"]


def test_written_exceptions_hold_in_the_next_hunt_and_in_kibanas_form(
    result: HuntResult, proposals: list[Proposal], lab: tuple[Path, Any], tmp_path: Path
) -> None:
    accepted = [proposal for proposal in proposals if not is_implant(proposal)]
    writing.write(tmp_path, writing.pack_of(accepted, PAGE))
    again = CliRunner().invoke(
        cli, ["hunt", str(lab[0]), "--rules", "@page", "--exceptions", str(tmp_path / "exceptions.ndjson"), "--format", "ndjson"],
        standalone_mode=False,
    )  # fmt: skip
    names = {name for line in again.stdout.splitlines() for name in json.loads(line)["process"]["name"]}
    assert names == {"wuhelper.exe", "rundll32.exe", "updater.exe", "svc.exe"}
    exported = load_pack([str(tmp_path / "rules.ndjson")], pytest.fail)
    assert len(exported.items_of(exported.rules[0])) == len(accepted)
    whole = hunt([lab[0]], exported.rules, pack=exported, report=pytest.fail)
    assert len(whole.findings) == len(again.stdout.splitlines())


def test_verdicts_decide_what_is_accepted_and_malicious_ones_never_are(
    lab: tuple[Path, Any], result: HuntResult, tmp_path: Path
) -> None:
    findings = tmp_path / "findings.ndjson"
    documents = [finding.to_document() for finding in result.findings]
    findings.write_text("".join(json.dumps(document) + "\n" for document in documents))
    runner = CliRunner()
    bad = next(number for number, each in enumerate(documents, 1) if each["process"]["name"] == ["wuhelper.exe"])
    good = next(number for number, each in enumerate(documents, 1) if each["process"]["name"] == ["nscp.exe"])
    for number, verdict in ((bad, "malicious"), (good, "open"), (good, "benign")):
        given = [
            "label",
            str(findings),
            verdict,
            "--number",
            str(number),
            "--labels",
            str(tmp_path / "labels.ndjson"),
            "--note",
            "seen",
        ]
        assert runner.invoke(cli, given, standalone_mode=False).return_value == 0
    assert sorted(labels.read(tmp_path / "labels.ndjson").values()) == ["benign", "malicious"]
    given = ["tune", str(lab[0]), "--labels", str(tmp_path), "--accept", "benign", "--format", "json", "--sleep", "60"]
    tuned = runner.invoke(cli, given, standalone_mode=False)
    made = json.loads(tuned.stdout)
    assert [each["name"] for each in made["proposals"] if each["accepted"]] == ["nscp.exe to monitoring-host.example"]
    everything = runner.invoke(cli, [*given[:5], "all", *given[6:]], standalone_mode=False)
    assert "wuhelper.exe to wu-helper.example" not in [
        each["name"] for each in json.loads(everything.stdout)["proposals"] if each["accepted"]
    ]


def test_a_broken_label_is_told_with_its_line(tmp_path: Path, lab: tuple[Path, Any]) -> None:
    path = tmp_path / "labels.ndjson"
    path.write_text('{"finding": "a", "verdict": "perhaps"}\n')
    result = CliRunner().invoke(cli, ["tune", str(lab[0]), "--labels", str(path)])
    assert result.exit_code == 2 and "line 1" in result.output


def test_many_names_become_a_wildcard_at_a_dot_and_bare_addresses_one_cause(tmp_path: Path) -> None:
    lines = []
    for minute in range(50):
        for number in range(2):
            name = {"domain": f"n{minute}.many.example"} if number else {}
            event = {"category": ["network"], "type": ["start"]}
            lines.append({"@timestamp": f"2026-03-11T09:{minute:02d}:00Z", "event": event, "host": {"name": "ws01"},
                          "network": {"direction": "egress"}, "process": {"name": "a.exe"},
                          "destination": {"ip": f"198.51.100.{number + 1}", **name}})  # fmt: skip
    path = tmp_path / "events.ndjson"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    made = propose(causes.causes(hunt([path], PAGE, report=pytest.fail, also=causes.FIELDS), {}))
    entries = {proposal.cause.by_name: proposal.item.raw["entries"] for proposal in made}
    assert {
        "field": "destination.domain",
        "operator": "included",
        "type": "wildcard",
        "value": "*.many.example",
    } in entries[True]
    assert entries[False][1] == {
        "field": "destination.ip",
        "operator": "included",
        "type": "match",
        "value": "198.51.100.1",
    }


def test_names_that_are_asked_are_tuned_by_the_question_and_costs_are_measured(tmp_path: Path) -> None:
    process = {"entity_id": "{p1}", "name": "powershell.exe", "executable": "C:\\Tools\\powershell.exe"}
    lines = [
        {"@timestamp": f"2026-03-11T09:00:{second:02d}Z", "event": {"category": ["network"]}, "host": {"name": "ws01"},
         "process": process, "dns": {"question": {"name": f"n{second}.monitor.example"}}}
        for second in range(12)
    ]  # fmt: skip
    path = tmp_path / "events.ndjson"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    rules = load([str(content("rules", "command_and_control_dns_queries_of_a_script_interpreter.toml"))], pytest.fail)
    found = hunt([path], rules, report=pytest.fail, also=causes.FIELDS)
    (proposal,) = made = propose(causes.causes(found, {}))
    assert proposal.item.raw["entries"][-1]["field"] == "dns.question.name"
    (cost,) = costs(found.rules[0], made, found, (60,)).values()
    # Of the three only the one with an interpreter's own name can fire this rule; its other names are not excepted.
    assert (cost.removes, cost.found, cost.hidden) == (8, 1, ())


def test_what_an_exception_removes_is_measured_and_not_the_alerts_it_has_a_part_in(tmp_path: Path) -> None:
    lines = [
        {"@timestamp": f"2026-03-11T09:{minute:02d}:00Z", "event": {"category": ["network"], "type": ["start"]},
         "host": {"name": "ws01"}, "network": {"direction": "egress"}, "destination": {"ip": "198.51.100.1"},
         "process": {"name": "few.exe" if minute == 0 else "many.exe"}}
        for minute in range(20)
    ]  # fmt: skip
    path = tmp_path / "events.ndjson"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = hunt([path], PAGE, report=pytest.fail, also=causes.FIELDS)
    made = propose(causes.causes(found, {}))
    removed = {each.cause.process: costs(found.rules[0], made, found, (60,))[each.number].removes for each in made}
    assert {each.cause.alerts for each in made} == {11} and removed == {"few.exe": 1, "many.exe": 11}
