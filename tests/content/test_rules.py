"""Every rule of the pack proves that it fires and that it stays silent, and says what its reader needs."""

from __future__ import annotations

import pytest

from falselight import testing
from falselight.eql.parser import parse
from falselight.rules import Rule, bundled, load
from falselight.rules.loading import content
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
