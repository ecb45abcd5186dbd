"""``hunt``: rules over files. Reads only the columns that the rules and their findings need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from falselight import findings, ingest
from falselight.diagnostics import Diagnostic, EqlError
from falselight.ecs import release
from falselight.engines import duckdb as engine
from falselight.eql import syntax, walk
from falselight.eql.checker import Options
from falselight.eql.parser import parse
from falselight.findings import Finding
from falselight.plan import nodes
from falselight.plan.limits import Window
from falselight.rebuild import documents
from falselight.rules import Rule
from falselight.search import plan
from falselight.source import Source
from falselight.store import EventTable

LEVELS = ("low", "medium", "high", "critical")
ALWAYS_READ = frozenset({"@timestamp", "event.category", "event.type", *findings.DETAILS})


@dataclass
class RuleRun:
    """What became of one rule: its findings, or the diagnostics that say why it did not run; and what it could not see."""

    rule: Rule
    plan: nodes.Plan | None = None
    findings: list[Finding] = field(default_factory=list)
    diagnostics: tuple[Diagnostic, ...] = ()
    unseen: list[str] = field(default_factory=list)


@dataclass
class HuntResult:
    """All rules' runs over one event table."""

    table: EventTable
    rules: list[RuleRun]

    @property
    def findings(self) -> list[Finding]:
        """Highest severity first, then most windows, then keys."""
        found = [finding for run in self.rules for finding in run.findings]
        return sorted(found, key=lambda f: (-LEVELS.index(f.severity), -f.risk, -f.windows, str(f.keys)))

    def sequences(self, finding: Finding) -> list[list[dict[str, Any]]]:
        """The windows of a finding in order of their ends, each a list of its events as ECS documents with ``_input`` and
        ``_record``."""
        made = next(run.plan for run in self.rules if run.rule is finding.rule and finding in run.findings)
        return windows_of(made, self.table, finding)


def windows_of(made: nodes.Plan | None, table: EventTable, finding: Finding) -> list[list[dict[str, Any]]]:
    """See ``HuntResult.sequences``."""
    if not isinstance(made, nodes.SequencePlan):
        return []
    found = engine.matched(made, table, Window(False, None))
    keys = [f"k{position}" for position in range(len(made.stages[0].keys))]
    wanted = list(finding.raw_keys)
    rows = [number for number, row in enumerate(found.select(keys).to_pylist()) if [row[key] for key in keys] == wanted]
    sequences = engine.sequences(made, table, found.take(pa.array(rows, pa.int64())))
    positions = sorted({s for sequence in sequences for s in sequence.positions if s is not None})
    events = {s: dict(document) for s, _, _, document in documents(table, positions)}
    return [[events[s] if s is not None else {"missing": True} for s in sequence.positions] for sequence in sequences]


def hunt(
    paths: Sequence[Path],
    rules: Sequence[Rule],
    *,
    since: int | None = None,
    until: int | None = None,
    report: Callable[[Diagnostic], None],
    progress: Callable[[int, int, int], None] | None = None,
) -> HuntResult:
    """Read the paths once and run every rule. since, until: epoch nanoseconds, both inclusive. Damage of inputs and faults
    of rules go to ``report``; the rest runs."""
    parsed = [_parsed(rule) for rule in rules]
    wanted = ALWAYS_READ | {name for _, tree in parsed if tree is not None for name in walk.field_names(tree)}
    table = ingest.read_events(
        list(paths),
        release.schema(),
        wanted=frozenset(wanted),
        since_ns=since,
        until_ns=until,
        report=report,
        progress=progress,
    )
    result = HuntResult(table, [run for run, _ in parsed])
    for run, tree in parsed:
        if tree is not None:
            _run(run, tree, table)
        for diagnostic in run.diagnostics:
            report(diagnostic)
    return result


def _parsed(rule: Rule) -> tuple[RuleRun, syntax.Query | None]:
    try:
        return RuleRun(rule), parse(Source(rule.query, rule.name))
    except EqlError as fault:
        return RuleRun(rule, diagnostics=fault.diagnostics), None


def _run(run: RuleRun, tree: syntax.Query, table: EventTable) -> None:
    try:
        run.plan = plan(Source(run.rule.query, run.rule.name), table.schema, Options(size=None))
        run.findings = list(findings.build(run.rule, run.plan, walk.key_names(tree), table))
    except EqlError as fault:
        run.diagnostics = fault.diagnostics
    run.unseen = unseen(walk.field_names(tree), table)


def unseen(names: Iterable[str], table: EventTable) -> list[str]:
    """The fields that no event of this data fills, in the order of the query."""
    known = {name: table.schema.find(name) for name in dict.fromkeys(names)}
    return [name for name, entry in known.items() if entry is None or not entry.filled]
