"""Two versions of a rule or a pack on the same data: which findings the new one gains, and which it loses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from falselight import hunting
from falselight.findings import Finding
from falselight.hunting import HuntResult
from falselight.readers.settings import DEFAULTS, Settings
from falselight.rules import Pack, Rule
from falselight.rules.pack import Report

Identity = tuple[Any, ...]


@dataclass(frozen=True)
class RuleChange:
    """One rule by its id. A finding is the same in both when its rule and its keys are (for an event query its event);
    ``changed`` are those of which the windows or events differ: pairs of old and new."""

    id: str
    name: str
    gained: tuple[Finding, ...]
    lost: tuple[Finding, ...]
    changed: tuple[tuple[Finding, Finding], ...]
    same: int
    only: str | None = None
    faults: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        return bool(self.gained or self.lost or self.changed or self.faults)

    def to_dict(self) -> dict[str, Any]:
        return {
            "rule": {"id": self.id, "name": self.name},
            "only_in": self.only,
            "gained": [finding.to_document() for finding in self.gained],
            "lost": [finding.to_document() for finding in self.lost],
            "changed": [
                {"keys": new.keys, "windows": [old.windows, new.windows], "events": [old.events, new.events]}
                for old, new in self.changed
            ],
            "same": self.same,
            "faults": list(self.faults),
        }


def both(
    paths: Sequence[str | Path], old: Pack, new: Pack, *, report: Report, settings: Settings = DEFAULTS
) -> tuple[HuntResult, HuntResult]:
    """Hunt with both packs over events that are read once. Rules that both have, with all that they use, run once."""
    known = {rule.id: rule for rule in new.rules}
    same = {rule.id for rule in old.rules if rule.id in known and _is_same(rule, known[rule.id], old, new)}
    rest = replace(old, rules=[rule for rule in old.rules if rule.id not in same])
    before, after = hunting.hunt_packs(paths, [rest, new], report=report, settings=settings)
    runs = {run.rule.id: run for run in (*after.rules, *before.rules)}
    before.rules = [runs[rule.id] for rule in old.rules]
    return before, after


def _is_same(rule: Rule, other: Rule, old: Pack, new: Pack) -> bool:
    """Whether rules find the same: all but their places is equal, their exceptions as well. Value lists are in files, which may
    differ."""
    items, others = old.items_of(rule), new.items_of(other)
    return (
        rule.model_dump(exclude={"path"}) == other.model_dump(exclude={"path"})
        and items == others
        and not any(entry.value_list is not None for item in items for entry in item.entries)
    )


def compare(old: HuntResult, new: HuntResult) -> list[RuleChange]:
    """Rule by rule, in the order of the new ones, then those that are gone. Both results are of the same inputs."""
    before = {run.rule.id: run for run in old.rules}
    after = {run.rule.id: run for run in new.rules}
    changes = []
    for key in dict.fromkeys((*after, *before)):
        mine, theirs = before.get(key), after.get(key)
        was, now = _by_identity(mine.findings if mine else ()), _by_identity(theirs.findings if theirs else ())
        both = [(was[each], now[each]) for each in now if each in was]
        changed = tuple(pair for pair in both if (pair[0].windows, pair[0].events) != (pair[1].windows, pair[1].events))
        run = theirs or mine
        assert run is not None
        faults = [
            f"{where}: {each.message}"
            for where, run_ in (("old", mine), ("new", theirs))
            if run_ and run_.rule.is_eql
            for each in run_.diagnostics
        ]
        changes.append(
            RuleChange(
                key,
                run.rule.name,
                tuple(finding for each, finding in now.items() if each not in was),
                tuple(finding for each, finding in was.items() if each not in now),
                changed,
                len(both) - len(changed),
                "old" if theirs is None else "new" if mine is None else None,
                tuple(faults),
            )
        )
    return changes


def _by_identity(findings: Iterable[Finding]) -> dict[Identity, Finding]:
    return {_identity(finding): finding for finding in findings}


def _identity(finding: Finding) -> Identity:
    """Keys, or the events themselves where there are none. Inputs are named, since each reading numbers them anew."""
    if finding.keys:
        return tuple(sorted((name, str(value)) for name, value in finding.keys.items()))
    return tuple((str(finding.inputs[each.input]), each.record) for each in finding.evidence)
