"""One rule replayed on its schedule over an event table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from falselight.diagnostics import Diagnostic, EqlError, Severity
from falselight.ecs.schema import Field, column
from falselight.engines import duckdb as engine
from falselight.plan import nodes
from falselight.rebuild import documents
from falselight.replay import alerts, schedule
from falselight.replay.alerts import Event
from falselight.replay.schedule import Found, Match, Schedule
from falselight.replay.suppression import Kept, suppress
from falselight.rules.model import Rule, distance
from falselight.rules.pack import Report
from falselight.store import EventTable, quoted

UNSCHEDULED, MISSING_AT_END, LATE_WITHIN = "E0617", "N0618", "N0619"


@dataclass
class RuleReplay:
    """What the schedule of one rule made of its matches. ``kept`` are the alerts of events, or the shells of sequences, that
    stay after suppression; ``blocks`` those of each shell."""

    rule: Rule
    schedule: Schedule = field(default_factory=Schedule)
    matches: int = 0
    untimed: int = 0
    kept: list[Kept] = field(default_factory=list)
    blocks: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def suppressed(self) -> int:
        return sum(each.suppressed for each in self.kept)

    @property
    def block_count(self) -> int:
        """Blocks that are written: those of suppressed sequences are not."""
        return sum(len(self._blocks_of(each)) for each in self.kept)

    def _blocks_of(self, kept: Kept) -> list[dict[str, Any]]:
        return self.blocks.get(kept.alert["kibana.alert.uuid"], [])

    def documents(self) -> Iterator[dict[str, Any]]:
        """All alerts in the order of writing: the blocks of a sequence, then its shell."""
        for kept in self.kept:
            yield from self._blocks_of(kept)
            yield kept.alert

    def to_dict(self) -> dict[str, Any]:
        """The figures."""
        return {
            "rule": {"id": self.rule.id, "name": self.rule.name},
            "runs": self.schedule.runs,
            "matches": self.matches,
            "never_within_one_run": len(self.schedule.unseen),
            "cut_by_max_signals": len(self.schedule.cut),
            "most_matches_of_one_run": self.schedule.busiest,
            "runs_at_max_signals": self.schedule.capped_runs,
            "alerts": len(self.kept),
            "building_blocks": self.block_count,
            "suppressed": self.suppressed,
        }


def replay(rule: Rule, plan: nodes.Plan, table: EventTable, report: Report) -> RuleReplay:
    """Run a rule as its schedule would have over the table's time. ``plan`` is restricted by exceptions already. Raises
    ``EqlError`` where the schedule is no schedule, or the engine cannot answer."""
    every, look_back, until = rule.every, rule.look_back, distance(rule.to)
    if not every or look_back is None or until is None:
        written = f"interval {rule.interval}, from {rule.from_}, to {rule.to}"
        message = f"Rule [{rule.name}]: {written} are no schedule of spans before now"
        raise EqlError([Diagnostic(UNSCHEDULED, Severity.ERROR, message, path=rule.path)])
    if isinstance(plan, nodes.SequencePlan) and any(stage.missing for stage in plan.stages):
        message = (
            f"Rule [{rule.name}] has missing events: a run may take the end of its range for one, which is not replayed"
        )
        report(Diagnostic(MISSING_AT_END, Severity.NOTE, message, path=rule.path))
    if isinstance(plan, nodes.SequencePlan) and _some_late(rule, table):
        message = (
            f"Rule [{rule.name}] finds events by {rule.timestamp_override}, in another order than their own: a run may see a "
            "sequence without the late events within it, which is not replayed"
        )
        report(Diagnostic(LATE_WITHIN, Severity.NOTE, message, path=rule.path))
    found = engine.run(plan, table).sequences
    result = RuleReplay(rule, matches=len(found))
    times = _times(rule, table, {s for sequence in found for s in sequence.positions if s is not None})
    matches = []
    for order, sequence in enumerate(found):
        own = [times.get(s) for s in sequence.positions if s is not None]
        known = [time for time in own if time is not None]
        if len(known) < len(own) or not known:
            result.untimed += 1
        else:
            matches.append(Match(sequence.positions, min(known), max(known), order))
    begin, end = _span(rule, table)
    if table.rows:
        result.schedule = schedule.assign(matches, every, look_back, until, rule.max_signals, begin, end)
    _alerts(result, table)
    return result


def _range_time(rule: Rule, table: EventTable) -> str:
    """The time by which a run's range finds an event, epoch nanoseconds."""
    own = "_time"
    name = rule.timestamp_override
    if name is None or name == "@timestamp":
        return own
    entry = table.schema.find(name)
    if entry is None or not entry.filled:
        return own if not rule.timestamp_override_fallback_disabled else "CAST(NULL AS BIGINT)"
    override = _nanoseconds(entry)
    return override if rule.timestamp_override_fallback_disabled else f"coalesce({override}, {own})"


def _some_late(rule: Rule, table: EventTable) -> bool:
    """Whether events come to the rule's ranges in another order than that of their times."""
    time = _range_time(rule, table)
    if time == "_time":
        return False
    sql = f"SELECT t < max(t) OVER (ORDER BY _time ROWS UNBOUNDED PRECEDING) AS late FROM (SELECT _time, {time} AS t FROM "
    ((late,),) = table.connection.execute(
        f"SELECT coalesce(bool_or(late), FALSE) FROM ({sql}{quoted(table.name)}))"
    ).fetchall()
    return bool(late)


def _nanoseconds(entry: Field) -> str:
    value = quoted(column(entry.name))
    value = f"list_max({value})" if entry.many else value
    return f"({value})" if entry.type == "date_nanos" else f"({value} * 1000000)"


def _times(rule: Rule, table: EventTable, positions: set[int]) -> dict[int, int | None]:
    if not positions:
        return {}
    wanted = pa.table({"s": pa.array(sorted(positions), pa.int64())})
    with engine.registered(table, "wanted_positions", wanted):
        rows = table.connection.execute(
            f"SELECT e._seq, {_range_time(rule, table)} FROM {quoted(table.name)} e JOIN wanted_positions w ON w.s = e._seq"
        ).fetchall()
    return dict(rows)


def _span(rule: Rule, table: EventTable) -> tuple[int, int]:
    time = _range_time(rule, table)
    begin, end = table.connection.execute(f"SELECT min({time}), max({time}) FROM {quoted(table.name)}").fetchall()[0]
    return begin or 0, end or 0


def _alerts(result: RuleReplay, table: EventTable) -> None:
    """Build what Kibana would write for the matches that were found, and suppress."""
    found = result.schedule.found
    positions = sorted({s for each in found for s in each.match.positions if s is not None})
    events = {s: Event(index, id, document) for s, index, id, document in documents(table, positions)}
    written = [_alert(result, each, events) for each in found]
    result.kept = suppress(result.rule, written)


def _alert(result: RuleReplay, found: Found, events: dict[int, Event]) -> tuple[dict[str, Any], int]:
    own = [events[s] for s in found.match.positions if s is not None]
    if len(found.match.positions) == 1:
        return alerts.of_event(result.rule, own[0], found.run), found.run
    shell, blocks = alerts.of_sequence(result.rule, own, found.run)
    result.blocks[shell["kibana.alert.uuid"]] = blocks
    return shell, found.run
