"""Every rule of the pack proves that it fires and that it stays silent, and says what its reader needs."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from falselight import ingest, testing
from falselight.ecs import release
from falselight.eql.parser import parse
from falselight.fusion import ranking
from falselight.hunting import hunt
from falselight.readers.settings import Settings
from falselight.rules import Rule, bundled, load
from falselight.rules.loading import content
from falselight.rules.model import LEVELS
from falselight.source import Source

RULES = bundled(lambda diagnostic: pytest.fail(str(diagnostic)))


def test_the_pack_loads_without_a_word() -> None:
    told: list[object] = []
    names = [str(content("rules").joinpath(entry.name)) for entry in content("rules").iterdir()]
    assert len(load(names, told.append)) == len(RULES) == 8 and told == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_says_all_that_its_reader_needs(rule: Rule) -> None:
    parse(Source(rule.query))
    for value in (
        rule.description,
        rule.severity_reason,
        rule.data_needed,
        rule.blind_spots,
        rule.false_positives,
        rule.references,
    ):
        assert value
    assert rule.index and rule.tags and rule.fires and rule.stays_silent
    techniques = {sub.id for threat in rule.threat for technique in threat.technique for sub in technique.subtechnique}
    assert "T1583.004" in techniques


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_fires_and_stays_silent(rule: Rule) -> None:
    failed = [result.to_dict() for result in testing.run([rule]) if not result.passed]
    assert failed == []


ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("FALSELIGHT_SHARED", ROOT.parent / "shared")) / "data"
BENIGN = DATA / "zeek" / "ctu-normal-40-day1"
# What the document calls each capture, where it lies, and the highest severity of what fires on it.
CAPTURES = {
    "ctu-normal-40": (BENIGN, "low"),
    "rita-proxy_rolling": (DATA / "zeek" / "rita-proxy_rolling", "low"),
    "empire_ninjacopy_dumping_ntds_dit_file": (
        DATA / "windows-json" / "empire_ninjacopy_dumping_ntds_dit_file.zip", "medium",
    ),
    "empire_dllinjection_LoadLibrary_CreateRemoteThread": (
        DATA / "windows-json" / "empire_dllinjection_LoadLibrary_CreateRemoteThread.zip", "medium",
    ),
}  # fmt: skip


@pytest.mark.skipif(not BENIGN.is_dir(), reason="the captures are not here")
@pytest.mark.parametrize("name", CAPTURES)
def test_every_finding_on_benign_telemetry_is_written_down_with_its_cause_and_none_is_high(name: str) -> None:
    text = (ROOT / "specs" / "package.md").read_text(encoding="utf-8")
    section = re.split(r"^(?:#|`empire)", text.split(f"`{name}`", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    told = re.findall(r"^\| (Ten [^|]+) \| (\S+) \| ([\d, ]+) \| (\d+) \| \w", section, re.MULTILINE)
    path, highest = CAPTURES[name]
    result = hunt([path], RULES, report=lambda _: None)
    found = [(f.rule.name, f.servers[0], ", ".join(map(str, f.ports)), str(f.windows)) for f in result.findings]
    assert sorted(found) == sorted(told) and max((f.severity for f in result.findings), key=LEVELS.index) == highest


@pytest.mark.skipif(not BENIGN.is_dir(), reason="the captures are not here")
def test_the_ranking_calls_nothing_of_a_benign_day_an_adversary() -> None:
    table = ingest.read_events([BENIGN], release.schema(), wanted=ranking.WANTED, report=lambda _: None)
    rows = ranking.rank(table, Settings())
    assert max(row.risk for row in rows) < 40
    poll = next(row for row in rows if row.server == "91.228.167.171")
    assert poll.beacon is not None and 295 < poll.beacon.sleep_s < 310 and poll.risk < 22
