"""One rule replayed on its schedule over an event table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from falselight.ecs.schema import Field, column
from falselight.engines import duckdb as engine
from falselight.plan import nodes
from falselight.plan.limits import Window, combine
from falselight.rebuild import documents
from falselight.replay import alerts, partial, schedule
from falselight.replay.alerts import Event
from falselight.replay.clock import Clock, Sight, clock
from falselight.replay.partial import Runs
from falselight.replay.schedule import NO_PIPES, Match, Schedule
from falselight.replay.suppression import Build, Kept, suppress
from falselight.rules.model import Rule
from falselight.store import EventTable, quoted


@dataclass
class RuleReplay:
    """What the schedule of one rule made of its matches. ``matches`` are those of all the data at once; ``untimed`` of them have
    no time by which a run searches, ``late`` came after the last run that looks so far back. ``pipes``: the part of its matches
    that the query's ``head`` and ``tail`` leave a run. ``kept`` are the alerts that are written, of events or the shells of
    sequences; ``suppressed`` counts matches that one of them stands for, ``over`` those that became none since the blocks of
    others used up the cap."""

    rule: Rule
    schedule: Schedule = field(default_factory=Schedule)
    matches: int = 0
    untimed: int = 0
    late: int = 0
    pipes: Window = NO_PIPES
    kept: list[Kept] = field(default_factory=list)
    suppressed: int = 0
    over: int = 0

    @property
    def partial(self) -> int:
        """Matches that became alerts only because a run saw a part of the data."""
        return sum(each.match.partial for each in self.schedule.found)

    @property
    def block_count(self) -> int:
        """Blocks that are written: those of suppressed sequences are not."""
        return sum(len(each.blocks) for each in self.kept)

    @property
    def incomplete(self) -> int:
        """Shells of which the cap cut blocks off."""
        return sum(each.cut > 0 for each in self.kept)

    def documents(self) -> Iterator[dict[str, Any]]:
        """All alerts in the order of writing: the blocks of a sequence, then its shell."""
        for kept in self.kept:
            yield from kept.blocks
            yield kept.alert

    def to_dict(self) -> dict[str, Any]:
        """The figures."""
        return {
            "rule": {"id": self.rule.id, "name": self.rule.name},
            "runs": self.schedule.runs,
            "matches": self.matches,
            "never_within_one_run": len(self.schedule.unseen),
            "ingested_too_late": self.late,
            "only_of_partial_runs": self.partial,
            "cut_by_max_signals": len(self.schedule.cut),
            "cut_for_blocks": self.over,
            "without_all_blocks": self.incomplete,
            "most_matches_of_one_run": self.schedule.busiest,
            "runs_at_max_signals": self.schedule.capped_runs,
            "alerts": len(self.kept),
            "building_blocks": self.block_count,
            "suppressed": self.suppressed,
        }


# The first and the last run of a clock over one table: rules of one schedule share them.
Spans = dict[Clock, tuple[int, int] | None]


def replay(
    rule: Rule, plan: nodes.Plan, table: EventTable, *, spans: Spans | None = None, starved: bool = False
) -> RuleReplay:
    """Run a rule as its schedule would have over the table's time. ``plan`` is restricted by exceptions already. ``spans`` is
    kept by who replays many rules over one table; ``starved``: that no event can satisfy the rule is known. Raises
    ``EqlError`` where the schedule is no schedule, or the engine cannot answer."""
    times, spans = clock(rule, table), {} if spans is None else spans
    if times not in spans:
        spans[times] = times.span(table)
    span = spans[times]
    if starved:
        return RuleReplay(rule, Schedule() if span is None else schedule.assign((), rule.max_signals, span))
    pipes = combine(() if isinstance(plan, nodes.SamplePlan) else plan.limits)
    whole = plan if isinstance(plan, nodes.SamplePlan) else replace(plan, limits=())
    found = engine.run(whole, table).sequences
    result = RuleReplay(rule, matches=len(found), pipes=pipes)
    of_runs = _seen(result, whole, times, table, found)
    all_data = set(found)
    matches = [
        Match(each.positions, _joined(of_runs[each]), order, each not in all_data)
        for order, each in enumerate(_ordered(whole, table, of_runs))
    ]
    if span is not None:
        result.schedule = schedule.assign(matches, rule.max_signals, span, pipes=pipes)
        build = _builder(result, table)
        if rule.alert_suppression is None:
            for each in result.schedule.found:
                run = each.run * times.interval
                alert, blocks = build(each.match, run)
                result.kept.append(Kept(alert, run, blocks))
        else:
            _suppress(result, schedule.stretches(matches, rule.max_signals, span[1], pipes), times.interval, build)
    return result


def _suppress(result: RuleReplay, stretches: Iterable[schedule.Stretch], interval: int, build: Build) -> None:
    written = suppress(result.rule, stretches, interval, build)
    result.kept = written.kept
    result.suppressed = len(written.absorbed - written.matches)
    result.over = sum(
        each.match not in written.matches and each.match not in written.absorbed for each in result.schedule.found
    )


def _seen(
    result: RuleReplay, plan: nodes.Plan, times: Clock, table: EventTable, found: Sequence[engine.Sequence]
) -> dict[engine.Sequence, list[Runs]]:
    """The runs that find each match: those of all the data, which are given, and those that only runs find."""
    of_runs: dict[engine.Sequence, list[Runs]] = {each: [] for each in found}
    asked: dict[tuple[Any, ...], list[Runs]] = defaultdict(list)
    if not isinstance(plan, nodes.EventPlan) and (partial.always(plan) or not times.in_order(plan)):
        for segment in partial.segments(plan, table, times):
            asked[segment.keys].append(segment.runs)
            for each in segment.found:
                of_runs.setdefault(each, []).append(segment.runs)
    sights = times.sights(table, {s for each in found for s in each.positions if s is not None})
    for each in found:
        runs = _sight(result, [sights[s] for s in each.positions if s is not None])
        if runs is not None and not partial.always(plan):
            of_runs[each].extend(_without(runs, asked.get(each.keys, ())))
    return of_runs


def _sight(result: RuleReplay, sights: list[Sight]) -> Runs | None:
    """The runs that see all these events; counts matches that none sees for their times."""
    lasts = [each.last for each in sights if each.last is not None]
    if len(lasts) < len(sights):
        result.untimed += 1
        return None
    last = min(lasts)
    first = max(each.first for each in sights if each.first is not None)
    if first <= last:
        return first, last
    result.late += max(each.on_time for each in sights if each.on_time is not None) <= last
    return None


def _without(runs: Runs, taken: Iterable[Runs]) -> Iterator[Runs]:
    """What is left of a stretch of runs without others, which are in order."""
    start, end = runs
    for first, last in taken:
        if last < start or first > end:
            continue
        if first > start:
            yield start, first - 1
        start = last + 1
    if start <= end:
        yield start, end


def _joined(stretches: Iterable[Runs]) -> tuple[Runs, ...]:
    """Stretches of runs in order; those that follow each other are one."""
    joined: list[Runs] = []
    for first, last in sorted(stretches):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return tuple(joined)


def _ordered(plan: nodes.Plan, table: EventTable, found: Iterable[engine.Sequence]) -> list[engine.Sequence]:
    """Matches from the oldest to the newest: by the place of their last event, then their first one and their keys. Of samples
    the engine gives those with the first keys, which count as the newest."""

    def keys(match: engine.Sequence) -> list[tuple[bool, Any]]:
        return [(value is not None, value) for value in match.keys]

    if isinstance(plan, nodes.SamplePlan):
        return sorted(found, key=keys, reverse=True)
    events = {each: [s for s in each.positions if s is not None] for each in found}
    places = _places(plan, table, sorted({own[-1] for own in events.values()}))
    return sorted(events, key=lambda each: (places[events[each][-1]], events[each][0], keys(each)))


def _places(plan: nodes.EventPlan | nodes.SequencePlan, table: EventTable, positions: list[int]) -> dict[int, int]:
    """The rank of events by timestamp, tiebreaker and ingest position."""
    if not positions:
        return {}
    by = ["_seq"]
    for each in (plan.order.tiebreaker, plan.order.timestamp):
        if each is not None and each.filled:
            by.insert(0, f"{_column(each)} NULLS LAST")
    wanted = pa.table({"s": pa.array(positions, pa.int64())})
    with engine.registered(table, "wanted_positions", wanted):
        rows = engine.execute(
            table,
            f"SELECT _seq FROM {quoted(table.name)} JOIN wanted_positions ON s = _seq ORDER BY {', '.join(by)}",
        ).fetchall()
    return {s: rank for rank, (s,) in enumerate(rows)}


def _column(entry: Field) -> str:
    return quoted(column(entry.name))


def _builder(result: RuleReplay, table: EventTable) -> Build:
    """What builds the alerts that Kibana would write for the matches that were found: an event's, or a sequence's shell and its
    blocks, at the time of a run (epoch nanoseconds)."""
    positions = sorted({s for each in result.schedule.found for s in each.match.positions if s is not None})
    events = {s: Event(index, id, document) for s, index, id, document in documents(table, positions)}

    def build(match: Match, run: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        own = [events[s] for s in match.positions if s is not None]
        if len(match.positions) == 1:
            return alerts.of_event(result.rule, own[0], run), []
        return alerts.of_sequence(result.rule, own, run)

    return build
