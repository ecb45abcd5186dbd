"""A whole rule explained: its query, what each filter and exception took from each stage, and what its schedule, cap and
suppression left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from falselight.engines import duckdb as engine
from falselight.eql.checker import Options
from falselight.explaining import Explanation, explain
from falselight.plan import narrow, nodes
from falselight.replay import restricting
from falselight.replay.run import RuleReplay, replay
from falselight.rules.model import Rule
from falselight.rules.pack import Pack, Report
from falselight.searching import plan
from falselight.source import Source
from falselight.sql.predicates import condition
from falselight.store import EventTable, quoted

AT_ONCE = 100


@dataclass(frozen=True)
class Effect:
    """One filter or exception. ``status``: holds, expired, or not applied (its value list cannot be used, or a field of it
    is not read). ``taken``: for each
    stage (``until`` last; one for an event query) how many of its events this alone takes away; ``matches``: how many matches
    the query has with this alone; None where it does not hold."""

    kind: str
    name: str
    status: str
    taken: tuple[int, ...] = ()
    matches: int | None = None


@dataclass(frozen=True)
class RuleExplanation:
    """``query`` is explained without filters and exceptions, of which ``effects`` tell. ``replay`` holds what is left of the
    matches with all of them, and what the schedule makes of those."""

    rule: Rule
    query: Explanation
    effects: tuple[Effect, ...]
    replay: RuleReplay

    def to_dict(self) -> dict[str, Any]:
        return {
            **self.query.to_dict(),
            "rule": {"id": self.rule.id, "name": self.rule.name},
            "effects": [asdict(effect) for effect in self.effects],
            "replay": self.replay.to_dict(),
        }


def explain_rule(rule: Rule, options: Options, pack: Pack, table: EventTable, report: Report) -> RuleExplanation:
    """Explain a rule over events with all their fields. ``options`` are those that the rule is run with. Raises ``EqlError`` for
    a query, filter or schedule that is none."""
    source = Source(rule.query, rule.name)
    query = explain(source, table, options)
    whole = plan(source, table.schema, options)
    at = last_time(table)
    restricted = restricting.restricted(rule, whole, pack, table, at, report)
    asked = _Asked(whole, table)
    for number, each in enumerate(rule.filters, start=1):
        name = str((each.get("meta") or {}).get("alias") or f"filter {number}")
        asked.add("filter", name, nodes.Not(restricting.of_filter(each, table)))
    for item in pack.items_of(rule):
        name = item.name or item.item_id
        if item.expire_time is not None and item.expire_time <= at:
            asked.add("exception", name, None, "expired")
        else:
            asked.add("exception", name, restricting.of_item(item, pack, table, _silent))
    return RuleExplanation(rule, query, tuple(asked.effects()), replay(rule, restricted, table))


def last_time(table: EventTable) -> datetime:
    """The time of the last event, or now where none has a time: exceptions that expired before do not hold."""
    ((last,),) = engine.execute(table, f"SELECT max(_time) FROM {quoted(table.name)}").fetchall()
    return datetime.now(UTC) if last is None else datetime.fromtimestamp(last / 1e9, UTC)


def _silent(_: object) -> None:
    """What an exception cannot do was told when the whole rule was restricted."""


class _Asked:
    """Filters and exceptions in their order, with what each leaves out; None for one that does not hold."""

    def __init__(self, whole: nodes.Plan, table: EventTable) -> None:
        self.whole, self.table = whole, table
        self.all: list[tuple[str, str, nodes.Predicate | None, str]] = []

    def add(self, kind: str, name: str, left_out: nodes.Predicate | None, status: str = "not applied") -> None:
        self.all.append((kind, name, left_out, status))

    def effects(self) -> Iterator[Effect]:
        """What each does alone. Only one that takes an event away can change the matches."""
        left_out = [each for _, _, each, _ in self.all if each is not None]
        counts = iter(self._counts(left_out))
        unchanged: int | None = None
        for kind, name, predicate, status in self.all:
            if predicate is None:
                yield Effect(kind, name, status)
                continue
            taken = next(counts)
            if any(taken) or unchanged is None:
                matches = len(engine.run(restricting.without(self.whole, predicate), self.table).sequences)
                unchanged = matches if not any(taken) else unchanged
            else:
                matches = unchanged
            yield Effect(kind, name, "holds", taken, matches)

    def _counts(self, left_out: Sequence[nodes.Predicate]) -> Iterator[tuple[int, ...]]:
        """For each of these, how many events of each stage it takes; so many are asked about at once."""
        stages = narrow.predicates(self.whole)
        for start in range(0, len(left_out), AT_ONCE):
            some = left_out[start : start + AT_ONCE]
            counts = [
                f"count(*) FILTER (WHERE {condition(nodes.And((stage, each)))})" for each in some for stage in stages
            ]
            row = engine.execute(self.table, f"SELECT {', '.join(counts)} FROM {quoted(self.table.name)}").fetchall()[0]
            yield from (row[at : at + len(stages)] for at in range(0, len(row), len(stages)))
