"""The package's proof: every promised cell of the matrix holds, through the real readers, and no other rule fires."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from falselight import ingest, search
from falselight.cli import errors
from falselight.cli.main import cli
from falselight.ecs import release
from falselight.rules import bundled
from falselight.validation import atomics, execute, matrix, scenarios, signals
from falselight.validation.network import network, unavailable
from falselight.validation.servers import answer

RULES = bundled(lambda _: None)
PAGE = "b1b5a0d6-3f1c-4d5e-9b8f-7a6f1583004a"
SHARED = Path(os.environ.get("FALSELIGHT_SHARED", Path(__file__).parents[3] / "shared"))


def told(diagnostic: object) -> None:
    raise AssertionError(diagnostic)


@pytest.mark.parametrize("number", scenarios.numbers())
def test_every_cell_holds(number: int) -> None:
    row = matrix.of_scenario(atomics.test(number), RULES, told)
    assert [cell for cell in row.signals if not cell.holds] == []
    assert [(cell.name, cell.windows) for cell in row.detections if not cell.holds] == []
    assert all(cell.windows or cell.reasons for cell in row.detections), "a blank cell has its reason"


def test_the_pages_own_tests_cannot_fire_its_rule_and_the_variants_do() -> None:
    fired = {}
    for number in scenarios.numbers():
        row = matrix.of_scenario(atomics.test(number), RULES, told)
        fired[number] = next(cell.windows for cell in row.detections if cell.rule == PAGE)
    assert [number for number, windows in fired.items() if windows] == [5, 6, 7, 8]
    assert fired == {1: 0, 2: 0, 3: 0, 4: 0, 5: 3, 6: 1, 7: 3, 8: 3}


def test_the_first_tests_reasons_are_both_of_the_pages_faults() -> None:
    row = matrix.of_scenario(atomics.test(1), RULES, told)
    reasons = " ".join(next(cell.reasons for cell in row.detections if cell.rule == PAGE))
    assert "127.0.0.1 (5)" in reasons and "5 of 10" in reasons


def test_a_promised_cell_that_is_blank_fails() -> None:
    weaker = replace(atomics.test(5), inputs={**atomics.test(5).inputs, "count": "9"})
    row = matrix.of_scenario(weaker, RULES, told)
    assert not row.holds and not next(cell for cell in row.detections if cell.rule == PAGE).holds
    without = matrix.of_scenario(atomics.test(5), [rule for rule in RULES if rule.id != PAGE], told)
    assert not without.holds


def test_the_command_shows_the_matrix_and_fails_where_it_must() -> None:
    good = CliRunner().invoke(cli, ["validate", "--test", "5"], standalone_mode=False)
    assert good.return_value == 0 and "fires 3 times, as promised" in good.output
    bad = CliRunner().invoke(
        cli, ["validate", "--test", "5", "--input", "count=9", "--format", "json"], standalone_mode=False
    )
    assert bad.return_value == 1
    rows = json.loads(bad.stdout)
    assert rows[0]["holds"] is False and rows[0]["signals"][0]["holds"] is True
    refused = CliRunner().invoke(cli, ["validate", "--input", 'server=" or true'])
    assert refused.exit_code == 2


def test_recorded_telemetry_without_the_test_is_told_as_not_run(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    path.write_text('{"@timestamp":"2026-03-11T09:00:00Z","event":{"category":["network"]}}\n')
    result = CliRunner().invoke(cli, ["validate", str(path), "--test", "1"], standalone_mode=False)
    assert result.return_value == 1 and "was not run, or not recorded" in result.output


def test_tests_that_were_recorded_together_may_fire_each_others_rules(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    both = [record for number in (1, 5) for record in scenarios.records(atomics.test(number))]
    path.write_text("".join(json.dumps(record) + "\n" for record in both))
    result = CliRunner().invoke(cli, ["validate", str(path), "--timezone", "UTC"], standalone_mode=False)
    assert result.return_value == 0, result.output
    assert "2 of 2 tests hold" in result.output and "by this test or something else that was recorded" in result.output
    assert "not seen" in result.output
    with path.open("a") as stream:
        stream.write("{broken\n")
    damaged = CliRunner().invoke(cli, ["validate", str(path)], standalone_mode=False)
    assert damaged.return_value == errors.DAMAGED


@pytest.mark.skipif(not SHARED.is_dir(), reason="the recorded telemetry is not here")
def test_recorded_mappings_are_held_by_recorded_events() -> None:
    """What ``signals.toml`` calls recorded: an event of that id and provider is in the recordings, mapped to its fields."""
    table = ingest.read_events(
        [SHARED / "data" / "evtx", SHARED / "data" / "windows-json", SHARED / "data" / "golden" / "winlogbeat-security"],
        release.schema(),
        wanted=frozenset({"event.code", "event.provider", "event.category", "process.name", "destination.ip", "destination.port",
                          "dns.question.name", "powershell.file.script_block_text", "user.name"}),
        report=lambda _: None,
    )  # fmt: skip
    sysmon = 'event.provider == "Microsoft-Windows-Sysmon" and event.code =='
    held = {
        "Sysmon 1": f'process where {sysmon} "1" and process.name != null',
        "Sysmon 3": f'network where {sysmon} "3" and destination.port != null',
        "Sysmon 22": f'network where {sysmon} "22" and dns.question.name != null',
        "PowerShell 4104": 'any where event.code == "4104" and powershell.file.script_block_text != null',
        "Security 4698": 'iam where event.code == "4698" and user.name != null',
    }
    recorded = {
        event
        for test in atomics.tests()
        for s in signals.expectation(test).signals
        if s.recorded
        for event in [s.event]
    }
    assert recorded - {"capture"} == held.keys()
    for event, query in held.items():
        assert len(search(query, table, size=1).hits) == 1, event


def test_atomics_are_whole() -> None:
    tests = atomics.tests()
    assert len({test.guid for test in tests}) == len({test.name for test in tests}) == 16
    for test in tests:
        command, cleanup = test.filled()
        assert "#{" not in command + cleanup, test.name
        signals.expectation(test)
    for number in range(1, 5):
        server = atomics.test(number).inputs.get("server", "127.0.0.1")
        assert server == "127.0.0.1", "the page's own tests stay on loopback"


def question(name: str, kind: int = 1) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + labels + b"\x00" + bytes([0, kind, 0, 1])


def test_the_resolver_answers_its_zone_and_nothing_else() -> None:
    known = answer(question("cdn.zone.example"), "zone.example", "203.0.113.10")
    assert known is not None and known.endswith(bytes([203, 0, 113, 10])) and known[3] & 0x0F == 0
    unknown = answer(question("cdn.other.example"), "zone.example", "203.0.113.10")
    assert unknown is not None and unknown[3] & 0x0F == 3
    for broken in (
        b"",
        b"\x00" * 12,
        question("a.b")[:-3],
        b"\x12\x34\x81\x80" + question("a.b")[4:],
        question("a.b")[:12] + b"\xff",
    ):
        assert answer(broken, "zone.example", "203.0.113.10") is None


NETWORK = unavailable()


@pytest.mark.skipif(NETWORK is not None, reason=f"no network namespaces here: {NETWORK}")
def test_the_linux_forms_run_in_truth_and_fire() -> None:
    with network() as made:
        made.listen(execute.WEB, execute.OTHER_PORTS)
        for number in (11, 13, 14):
            row = execute.of_execution(atomics.test(number), made, RULES, lambda _: None)
            assert row.present and row.holds, row
