"""The page's rule on real telemetry: what it finds there is known, pair by pair, and all of it is a false positive."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from falselight.hunting import HuntResult, hunt
from falselight.rules import PAGE, load

PANDALAB = {
    "192.112.36.4": (26, 17),
    "192.203.230.10": (26, 17),
    "2001:500:1::53": (27, 18),
    "2001:500:2::c": (26, 17),
    "2001:500:2d::d": (26, 17),
    "2001:500:2f::f": (26, 17),
    "2001:500:84::b": (28, 19),
    "2001:503:ba3e::2:30": (14, 5),
    "2001:dc3::35": (27, 18),
}


def hunted(*paths: Path) -> HuntResult:
    rules = load([PAGE], pytest.fail)
    return hunt(list(paths), rules, report=lambda diagnostic: None)


def test_a_resolver_that_asks_the_root_servers(shared: Path) -> None:
    result = hunted(shared / "data/windows-json/empire_ninjacopy_dumping_ntds_dit_file.zip")
    assert {finding.servers[0]: (finding.events, finding.windows) for finding in result.findings} == PANDALAB
    assert {host for finding in result.findings for host in finding.hosts} == {"DC01.pandalab.com"}
    assert {process for finding in result.findings for process in finding.processes} == {"dns.exe"}


def test_a_domain_controller_that_talks_to_itself(shared: Path) -> None:
    result = hunted(shared / "data/windows-json/empire_dllinjection_LoadLibrary_CreateRemoteThread.zip")
    (finding,) = result.findings
    assert (finding.hosts, finding.servers) == (["MORDORDC.mordor.local"], ["fe80::6c96:34e3:33cb:dbba"])
    assert (finding.events, finding.windows) == (12, 3)


def test_nothing_else_is_found(shared: Path) -> None:
    result = hunted(shared / "data/windows-json", shared / "data/evtx")
    by_input = Counter(Path(result.table.inputs[finding.evidence[0].input].path).name for finding in result.findings)
    assert by_input == {
        "empire_ninjacopy_dumping_ntds_dit_file.zip": 9,
        "empire_dllinjection_LoadLibrary_CreateRemoteThread.zip": 1,
    }


def test_all_of_elastics_rules_run(shared: Path) -> None:
    rules = load([str(shared / "rules" / "elastic-eql")], pytest.fail)
    result = hunt([shared / "data/windows-json/psh_python_webserver.zip"], rules, report=lambda diagnostic: None)
    refused = {run.rule.name: [d.message for d in run.diagnostics] for run in result.rules if run.plan is None}
    assert len(rules) == 615
    assert not refused
