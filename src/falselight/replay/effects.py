"""A whole rule explained: its query, what each filter and exception took from each stage, and what its schedule, cap and
suppression left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from falselight.engines import duckdb as engine
from falselight.eql.checker import Options
from falselight.explain import Explanation, explain
from falselight.plan import narrow, nodes
from falselight.replay import restricting
from falselight.replay.run import RuleReplay, replay
from falselight.rules.model import Rule
from falselight.rules.pack import Pack, Report
from falselight.search import plan
from falselight.source import Source
from falselight.sql.predicates import condition
from falselight.store import EventTable, quoted


@dataclass(frozen=True)
class Effect:
    """One filter or exception. ``status``: holds, expired, or not applied (its value list cannot be used). ``taken``: for each
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
    effects = [
        _effect(
            "filter", str((each.get("meta") or {}).get("alias") or f"filter {number}"), nodes.Not(made), whole, table
        )
        for number, each in enumerate(rule.filters, start=1)
        for made in [restricting.of_filter(each, table)]
    ]
    for item in pack.items_of(rule):
        name = item.name or item.item_id
        if item.expire_time is not None and item.expire_time <= at:
            effects.append(Effect("exception", name, "expired"))
            continue
        made = restricting.of_item(item, pack, table, _silent)
        effects.append(
            Effect("exception", name, "not applied") if made is None else _effect("exception", name, made, whole, table)
        )
    return RuleExplanation(rule, query, tuple(effects), replay(rule, restricted, table))


def last_time(table: EventTable) -> datetime:
    """The time of the last event, or now where none has a time: exceptions that expired before do not hold."""
    ((last,),) = engine.execute(table, f"SELECT max(_time) FROM {quoted(table.name)}").fetchall()
    return datetime.now(UTC) if last is None else datetime.fromtimestamp(last / 1e9, UTC)


def _silent(_: object) -> None:
    """What an exception cannot do was told when the whole rule was restricted."""


def _effect(kind: str, name: str, left_out: nodes.Predicate, whole: nodes.Plan, table: EventTable) -> Effect:
    stages = narrow.predicates(whole)
    counts = engine.execute(table, _taken(stages, left_out, table)).fetchall()[0]
    rest = restricting.without(whole, left_out)
    return Effect(kind, name, "holds", tuple(counts), len(engine.run(rest, table).sequences))


def _taken(stages: Sequence[nodes.Predicate], left_out: nodes.Predicate, table: EventTable) -> str:
    counts = (f"count(*) FILTER (WHERE {condition(nodes.And((stage, left_out)))})" for stage in stages)
    return f"SELECT {', '.join(counts)} FROM {quoted(table.name)}"
