"""Rules against their own cases: what must fire fires, with the matches and keys that its author expects; what must stay
silent does."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from falselight.diagnostics import EqlError
from falselight.drawing import visible
from falselight.eql import walk
from falselight.eql.checker import Options
from falselight.eql.parser import parse
from falselight.rules import Case, Rule
from falselight.searching import Hit, answer, plan
from falselight.source import Source
from falselight.sources import load

MOST_SHOWN = 5


@dataclass(frozen=True)
class CaseResult:
    """One case of one rule. ``differences`` say in words what was expected and what was found instead; empty where the
    case passed. ``error`` is set where the rule or the case could not be run."""

    rule: Rule
    case: Case
    fires: bool
    matches: int = 0
    differences: tuple[str, ...] = ()
    error: str | None = None

    @property
    def passed(self) -> bool:
        return self.error is None and not self.differences

    def to_dict(self) -> dict[str, Any]:
        return {
            "rule": {"id": self.rule.id, "name": self.rule.name},
            "case": self.case.name,
            "kind": "fires" if self.fires else "stays_silent",
            "passed": self.passed,
            "matches": self.matches,
            "differences": list(self.differences),
            **({"error": self.error} if self.error is not None else {}),
        }


def run(rules: Iterable[Rule]) -> Iterator[CaseResult]:
    """All cases of the rules that are EQL; a rule without cases gives none."""
    for rule in rules:
        if rule.is_eql:
            yield from (run_case(rule, case, fires=True) for case in rule.fires)
            yield from (run_case(rule, case, fires=False) for case in rule.stays_silent)


def run_case(rule: Rule, case: Case, *, fires: bool) -> CaseResult:
    """One case. What the rule's query or the case's events do wrong is the result's ``error``."""
    source = Source(rule.query, rule.name)
    try:
        loaded = load(case.documents(), None, extra=(rule.timestamp_field, rule.tiebreaker_field))
        options = Options(rule.timestamp_field, rule.event_category_override, rule.tiebreaker_field, size=None)
        hits = answer(plan(source, loaded.table.schema, options), loaded).hits
        names = walk.key_names(parse(source))
    except EqlError as fault:
        return CaseResult(rule, case, fires, error="; ".join(each.message for each in fault.diagnostics))
    except ValueError as fault:
        return CaseResult(rule, case, fires, error=str(fault))
    return CaseResult(rule, case, fires, len(hits), tuple(_differences(case, fires, hits, names)))


def _differences(case: Case, fires: bool, hits: tuple[Hit, ...], names: list[str]) -> Iterator[str]:
    keys = [dict(zip(names, hit.join_keys, strict=False)) for hit in hits]
    found = _told(hits, keys)
    if not fires:
        if hits:
            yield f"must stay silent, matched {len(hits)} times: {found}"
        return
    if case.matches is not None and len(hits) != case.matches:
        yield f"expected {case.matches} matches, found {len(hits)}" + (f": {found}" if hits else "")
    elif case.matches is None and not hits:
        yield "expected a match, found none"
    if case.keys is not None and hits and not any(_has(each, case.keys) for each in keys):
        yield f"expected keys {_shown(case.keys)}, found {found}"


def _has(found: dict[str, Any], expected: dict[str, Any]) -> bool:
    return all(str(found.get(name)) == str(value) for name, value in expected.items())


def _told(hits: tuple[Hit, ...], keys: list[dict[str, Any]]) -> str:
    """The keys of matches, or the times of their events where there are none."""
    shown = [
        _shown(each) if each else ", ".join(str(event.source.get("@timestamp")) for event in hit.events)
        for hit, each in zip(hits, keys, strict=True)
    ]
    distinct = list(dict.fromkeys(shown))
    more = f" and {len(distinct) - MOST_SHOWN} more" if len(distinct) > MOST_SHOWN else ""
    return "; ".join(distinct[:MOST_SHOWN]) + more


def _shown(keys: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in keys.items())


def junit(results: Iterable[CaseResult]) -> str:
    """The results as JUnit's XML, one suite a rule."""
    root = ET.Element("testsuites", name="falselight test")
    suites: dict[str, ET.Element] = {}
    for result in results:
        suite = suites.get(result.rule.id)
        if suite is None:
            suite = suites[result.rule.id] = ET.SubElement(root, "testsuite", name=visible(result.rule.name))
        kind = "fires" if result.fires else "stays silent"
        case = ET.SubElement(
            suite, "testcase", name=visible(f"{kind}: {result.case.name}"), classname=visible(result.rule.id)
        )
        if result.error is not None:
            ET.SubElement(case, "error", message=visible(result.error))
        elif not result.passed:
            ET.SubElement(case, "failure", message=visible("; ".join(result.differences)))
    for suite in suites.values():
        cases = suite.findall("testcase")
        suite.set("tests", str(len(cases)))
        suite.set("failures", str(sum(case.find("failure") is not None for case in cases)))
        suite.set("errors", str(sum(case.find("error") is not None for case in cases)))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
