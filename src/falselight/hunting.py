"""``hunt``: rules over files. Reads only the columns that the rules and their findings need."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from falselight import collector, findings, ingest
from falselight.diagnostics import Diagnostic, EqlError, Severity
from falselight.ecs import release
from falselight.engines import duckdb as engine
from falselight.engines.clusters import Clusters, cluster
from falselight.eql import syntax, walk
from falselight.eql.checker import Options
from falselight.eql.parser import parse
from falselight.findings import Finding
from falselight.plan import narrow, nodes
from falselight.plan.limits import combine
from falselight.readers.settings import DEFAULTS, Settings
from falselight.rebuild import documents
from falselight.replay import restricting
from falselight.replay.effects import last_time
from falselight.replay.run import RuleReplay, Spans, replay
from falselight.rules import LEVELS, Pack, Rule
from falselight.searching import plan
from falselight.source import Source
from falselight.sql.stages import key_names as sql_keys
from falselight.store import EventTable

# Beyond so many rules and events a copy in clusters costs less than it saves: as much as some 150 rules in time order.
MANY_RULES, MANY_EVENTS = 200, 200_000
ALWAYS_READ = frozenset({"@timestamp", "event.category", "event.type", *findings.DETAILS})


@dataclass
class RuleRun:
    """What became of one rule: its findings, or the diagnostics that say why it did not run; and what it could not see.
    ``starved``: no event of this data could satisfy it, so that it was not asked."""

    rule: Rule
    plan: nodes.Plan | None = None
    findings: list[Finding] = field(default_factory=list)
    diagnostics: tuple[Diagnostic, ...] = ()
    unseen: list[str] = field(default_factory=list)
    starved: bool = False
    replay: RuleReplay | None = None


@dataclass
class HuntResult:
    """All rules' runs over one event table. Without ``building_blocks`` the findings of such rules are counted in
    ``hidden`` only: they support others, as in Kibana. ``layout_seconds``: what judging and copying clusters took."""

    table: EventTable
    rules: list[RuleRun]
    settings: Settings = DEFAULTS
    building_blocks: bool = True
    layout_seconds: float = 0.0
    _windows: dict[str, _Windows] = field(default_factory=dict, repr=False)

    @property
    def findings(self) -> list[Finding]:
        """Highest severity first, then most windows, then keys."""
        found = [finding for run in self.rules if self._shows(run.rule) for finding in run.findings]
        return sorted(found, key=lambda f: (-LEVELS.index(f.severity), -f.risk, -f.windows, str(f.keys)))

    @property
    def hidden(self) -> int:
        """Findings of building-block rules that are not shown."""
        return sum(len(run.findings) for run in self.rules if not self._shows(run.rule))

    def _shows(self, rule: Rule) -> bool:
        return self.building_blocks or not rule.is_building_block

    def sequences(self, finding: Finding) -> list[list[dict[str, Any]]]:
        """The windows of a finding in order of their ends, each a list of its events as ECS documents with ``_input``
        and ``_record``; an event that must be missing is ``{"missing": true}``."""
        plan = next((run.plan for run in self.rules if run.rule is finding.rule), None)
        if not isinstance(plan, nodes.SequencePlan):
            return []
        windows = self._windows.get(finding.rule.id)
        if windows is None:
            windows = self._windows[finding.rule.id] = windows_by_key(plan, self.table)
        found = engine.sequences(plan, self.table, windows.get(finding.raw_keys))
        positions = sorted({s for sequence in found for s in sequence.positions if s is not None})
        events = dict(zip(positions, referenced(self.table, positions), strict=True))
        return [[{"missing": True} if s is None else events[s] for s in sequence.positions] for sequence in found]


class _Windows:
    """The matched rows of one rule, by the values of their join keys."""

    def __init__(self, rows: pa.Table, keys: list[str]) -> None:
        self.rows = rows
        self.places: dict[tuple[Any, ...], list[int]] = {}
        columns = [rows.column(key).to_pylist() for key in keys]
        for number, key in enumerate(zip(*columns, strict=True) if columns else [()] * rows.num_rows):
            self.places.setdefault(key, []).append(number)

    def get(self, key: tuple[Any, ...]) -> pa.Table:
        return self.rows.take(pa.array(self.places.get(key, []), pa.int64()))


def windows_by_key(plan: nodes.SequencePlan, table: EventTable) -> _Windows:
    """The sequences of a plan in order of their ends, to be looked up by key."""
    return _Windows(engine.matched(plan, table, combine(plan.limits)), sql_keys(plan.stages[0]))


def referenced(table: EventTable, positions: list[int]) -> list[dict[str, Any]]:
    """The events at these ingest positions as ECS documents that tell where each came from."""
    return [
        {"_input": index, "_record": int(record), **document}
        for _, index, record, document in documents(table, positions)
    ]


def hunt(
    paths: Sequence[str | Path],
    rules: Sequence[Rule],
    *,
    since: int | None = None,
    until: int | None = None,
    report: Callable[[Diagnostic], None] | None = None,
    progress: Callable[[int, int, int], None] | None = None,
    settings: Settings = DEFAULTS,
    pack: Pack | None = None,
    as_scheduled: bool = False,
    also: Iterable[str] = (),
    clustered: bool | None = None,
) -> HuntResult:
    """Read the paths once and run every rule. since (inclusive), until (exclusive): epoch nanoseconds. Damage of inputs
    and faults of rules go to ``report``, or become Python warnings without it; the rest runs.

    ``pack`` holds the rules' exception lists. ``as_scheduled`` replays each rule's schedule as well (``RuleRun.replay``), and
    then all fields are read, since alerts show them. ``also`` names fields to read that no rule does. ``clustered``: whether the
    events are copied in an order that many rules read fast (``engines.clusters``); None: where that pays."""
    report = report or _warn
    pack = pack or Pack(list(rules))
    parsed = [_parsed(rule) for rule in rules]
    table = ingest.read_events(
        list(paths),
        release.schema(),
        wanted=None if as_scheduled else frozenset({*also, *_wanted(parsed, pack)}),
        since_ns=since,
        until_ns=until,
        report=report,
        progress=progress,
        settings=settings,
    )
    return _over(table, parsed, report, settings, pack, as_scheduled, clustered)


def hunt_packs(
    paths: Sequence[str | Path],
    packs: Sequence[Pack],
    *,
    report: Callable[[Diagnostic], None] | None = None,
    settings: Settings = DEFAULTS,
) -> list[HuntResult]:
    """``hunt`` of several packs over the same events, which are read once."""
    report = report or _warn
    parsed = [[_parsed(rule) for rule in pack.rules] for pack in packs]
    wanted = frozenset().union(*map(_wanted, parsed, packs))
    table = ingest.read_events(list(paths), release.schema(), wanted=wanted, report=report, settings=settings)
    return [_over(table, own, report, settings, pack, False, None) for own, pack in zip(parsed, packs, strict=True)]


def _wanted(parsed: Sequence[tuple[RuleRun, syntax.Query | None]], pack: Pack) -> set[str]:
    """The fields that rules read, and that findings show."""
    running = [(run.rule, tree) for run, tree in parsed if tree is not None]
    wanted = {*ALWAYS_READ, *restricting.fields((rule for rule, _ in running), pack, release.schema())}
    for rule, tree in running:
        wanted.update(walk.field_names(tree), _named_fields(rule))
    return wanted


def hunt_table(
    table: EventTable,
    rules: Sequence[Rule],
    *,
    report: Callable[[Diagnostic], None] | None = None,
    pack: Pack | None = None,
    clustered: bool | None = None,
) -> HuntResult:
    """``hunt`` over events that are read already; they must have the fields that a hunt reads."""
    parsed = [_parsed(rule) for rule in rules]
    return _over(table, parsed, report or _warn, DEFAULTS, pack or Pack(list(rules)), False, clustered)


def _over(
    table: EventTable,
    parsed: Sequence[tuple[RuleRun, syntax.Query | None]],
    report: Callable[[Diagnostic], None],
    settings: Settings,
    pack: Pack,
    as_scheduled: bool,
    clustered: bool | None,
) -> HuntResult:
    result = HuntResult(table, [run for run, _ in parsed], settings)
    now, known = _now(table, as_scheduled), restricting.Known()
    spans = Spans() if as_scheduled else None
    with collector.paused():
        for run, tree in parsed:
            if tree is not None:
                _plan(run, tree, table, pack, now, report, known)
        planned = [(run, run.plan) for run in result.rules if run.plan is not None]
        started = time.perf_counter()
        clusters = _clustered(planned, table, clustered)
        result.layout_seconds = time.perf_counter() - started
        for run, tree in parsed:
            if tree is not None and run.plan is not None:
                _run(run, tree, run.plan, table, clusters, spans)
            for diagnostic in run.diagnostics if run.rule.is_eql else ():
                report(diagnostic)
    for diagnostic in _of_other_types([run for run in result.rules if not run.rule.is_eql]):
        report(diagnostic)
    return result


def _of_other_types(runs: Iterable[RuleRun]) -> Iterator[Diagnostic]:
    """One message for a type, however many rules are of it; a single rule has its own."""
    by_type: dict[str, list[RuleRun]] = {}
    for run in runs:
        by_type.setdefault(run.rule.type, []).append(run)
    for type, same in by_type.items():
        if len(same) == 1:
            yield from same[0].diagnostics
            continue
        message = f"{len(same)} rules are of type [{type}], such as [{same[0].rule.name}]; only EQL rules are run"
        help = "hunt -o FOLDER lists each in summary.json"
        yield Diagnostic("W0605", Severity.WARNING, message, path=same[0].rule.path, help=help)


def _warn(diagnostic: Diagnostic) -> None:
    warnings.warn(diagnostic.message, stacklevel=3)


def options(rule: Rule) -> Options:
    """What a rule is run with: the fields that it names, and no limit of results."""
    return Options(rule.timestamp_field, rule.event_category_override, rule.tiebreaker_field, size=None)


def _named_fields(rule: Rule) -> list[str]:
    named = (rule.timestamp_field, rule.event_category_override, rule.tiebreaker_field)
    return [name for name in named if name is not None]


def _parsed(rule: Rule) -> tuple[RuleRun, syntax.Query | None]:
    if not rule.is_eql:
        language = f", language [{rule.raw['language']}]" if "language" in rule.raw else ""
        message = f"Rule [{rule.name}] is of type [{rule.type}]{language}; only EQL rules are run"
        return RuleRun(rule, diagnostics=(Diagnostic("W0605", Severity.WARNING, message, path=rule.path),)), None
    try:
        return RuleRun(rule), parse(Source(rule.query, rule.name))
    except EqlError as fault:
        return RuleRun(rule, diagnostics=fault.diagnostics), None


def _plan(
    run: RuleRun,
    tree: syntax.Query,
    table: EventTable,
    pack: Pack,
    now: datetime,
    report: Callable[[Diagnostic], None],
    known: restricting.Known,
) -> None:
    try:
        made = plan(Source(run.rule.query, run.rule.name), table.schema, options(run.rule))
        run.plan = restricting.restricted(run.rule, made, pack, table, now, report, known)
    except EqlError as fault:
        run.diagnostics = fault.diagnostics
    run.unseen = unseen(walk.field_names(tree), table)


def _clustered(
    planned: Sequence[tuple[RuleRun, nodes.Plan]], table: EventTable, wanted: bool | None
) -> Clusters | None:
    """The clusters of the table where they are wanted or pay, with a copy for the rules that can match; marks the others."""
    for run, made in planned:
        run.starved = not narrow.can_match(made)
    fed = [(run, made) for run, made in planned if not run.starved]
    pays = len(fed) >= MANY_RULES and table.rows >= MANY_EVENTS
    if not fed or wanted is False or (wanted is None and not pays):
        return None
    clusters = cluster(table, [made for _, made in fed])
    if clusters is None:
        return None
    clusters.judge(made for _, made in fed)
    for run, made in fed:
        run.starved = not clusters.can_match(made)
    able = [made for run, made in fed if not run.starved]
    if able:
        clusters.copy(able, findings.DETAILS)
    return clusters


def _run(
    run: RuleRun,
    tree: syntax.Query,
    made: nodes.Plan,
    table: EventTable,
    clusters: Clusters | None,
    spans: Spans | None,
) -> None:
    """``spans``: the rule is replayed as well."""
    narrowed = made if clusters is None or run.starved else clusters.narrowed(made)
    try:
        if spans is not None:
            run.replay = replay(run.rule, narrowed, table, spans=spans, starved=run.starved)
        if not run.starved:
            run.findings = list(findings.build(run.rule, narrowed, walk.key_names(tree), table))
    except EqlError as fault:
        run.diagnostics = fault.diagnostics


def _now(table: EventTable, as_scheduled: bool) -> datetime:
    """When exceptions must not have expired: now, or at the last event of a replay."""
    return last_time(table) if as_scheduled else datetime.now(UTC)


def unseen(names: Iterable[str], table: EventTable) -> list[str]:
    """The fields that no event of this data fills, in the order of the query."""
    known = {name: table.schema.find(name) for name in dict.fromkeys(names)}
    return [name for name, entry in known.items() if entry is None or not entry.filled]
