"""``explain``: why a query matched events, or why it did not.

For each event filter the funnel: how many events are left after each condition, and which values each condition turned
away. For a sequence, stage by stage: events, keys, prefixes and what was lost to order, maxspan and until; and the key that
came nearest to a match.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from falselight import sources
from falselight.ecs.schema import column
from falselight.engines import duckdb as engine
from falselight.eql import syntax, typed, walk
from falselight.eql.checker import Options, check
from falselight.eql.lexer import one_line
from falselight.eql.parser import parse
from falselight.plan import nodes
from falselight.plan.lower import Lowering, lower
from falselight.plan.rewrite import rewrite
from falselight.rebuild import shown
from falselight.source import Source
from falselight.sql import steps
from falselight.sql.predicates import condition
from falselight.sql.spelling import name
from falselight.store import EventTable

MOST_VALUES = 5
NEAREST_KEYS = 3


@dataclass(frozen=True)
class TurnedAway:
    """A value of a field (None: the field is missing) and how many events a condition turned away with it."""

    field: str
    value: Any
    events: int


@dataclass(frozen=True)
class Step:
    """One condition of a funnel: its text, the events left after it, and the most frequent values it turned away."""

    condition: str
    left: int
    turned_away: tuple[TurnedAway, ...] = ()


@dataclass(frozen=True)
class Funnel:
    """The conditions of one event filter in the order of the text. total: events before the first."""

    filter: str
    total: int
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class StageReport:
    """One stage of a sequence (or the run of one). events: events of the stage once per key; keys: their distinct keys;
    prefixes: sequences that reach the end of this stage. lost_*: events that could not go on from the stage before because
    nothing stood before them, an until did, or maxspan had passed."""

    stage: int
    runs: int
    missing: bool
    events: int
    keys: int
    prefixes: int
    lost_order: int = 0
    lost_until: int = 0
    lost_maxspan: int = 0


@dataclass(frozen=True)
class NearMiss:
    """A key that came near. reached of needed events stood within maxspan; span: the least time (milliseconds) in which
    the needed events stood, None if there are not so many."""

    keys: Mapping[str, Any]
    stage: int
    reached: int
    needed: int
    span: int | None


@dataclass(frozen=True)
class Explanation:
    """Why a query matched so many times. unfilled: fields of the query that no event of this data fills."""

    query: str
    matches: int
    funnels: tuple[Funnel, ...]
    stages: tuple[StageReport, ...] = ()
    nearest: tuple[NearMiss, ...] = ()
    maxspan: int | None = None
    unfilled: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def explain(
    query: str | Source,
    data: Any,
    options: Options | None = None,
    *,
    mapping: Mapping[str, Any] | None = None,
    only_emptied: bool = False,
) -> Explanation:
    """Explain one query over data of any form that ``search`` takes. ``only_emptied``: the values that were turned away are
    asked of conditions that leave no event, and of no others. Raises ``EqlError``."""
    table = sources.load(data, mapping).table
    source = query if isinstance(query, Source) else Source(query)
    options = options or Options(size=None)
    tree = parse(source)
    checked = check(tree, table.schema, options)
    plan = lower(rewrite(checked), options)
    lowering = Lowering(source)
    conditions = (
        [checked.condition]
        if isinstance(checked, typed.EventQuery)
        else [stage.condition for stage in (*checked.stages, *_until(checked))]
    )
    funnels = tuple(
        _funnel(source, written, checked_condition, lowering, table, only_emptied)
        for written, checked_condition in zip(walk.filters(tree), conditions, strict=True)
    )
    unfilled = tuple(
        field_name
        for field_name in walk.field_names(tree)
        if (entry := table.schema.find(field_name)) is None or not entry.filled
    )
    if isinstance(plan, nodes.SequencePlan):
        matches, stages = _stages(plan, table)
        nearest = _nearest(plan, walk.key_names(tree), table, stages) if matches == 0 else ()
        span = checked.maxspan if isinstance(checked, typed.SequenceQuery) else None
        return Explanation(source.text, matches, funnels, stages, nearest, span, unfilled)
    return Explanation(source.text, len(engine.run(plan, table).sequences), funnels, unfilled=unfilled)


def _until(query: typed.SequenceQuery | typed.SampleQuery) -> tuple[typed.Stage, ...]:
    return (query.until,) if isinstance(query, typed.SequenceQuery) and query.until else ()


def _funnel(
    source: Source,
    written: syntax.EventFilter,
    checked: typed.Value,
    lowering: Lowering,
    table: EventTable,
    only_emptied: bool,
) -> Funnel:
    parts = checked.operands if isinstance(checked, typed.And) else (checked,)
    texts = [_words(source, written, part) for part in parts]
    conditions = [condition(lowering.predicate(part)) for part in parts]
    counts = engine.execute(table, steps.funnel(conditions, table.name)).fetchall()[0]
    made, left = [], counts[0]
    for number, part in enumerate(parts):
        turned: tuple[TurnedAway, ...] = ()
        if counts[number + 1] < left and not (only_emptied and counts[number + 1]):
            turned = _turned_away(part, conditions[:number], conditions[number], table)
        left = counts[number + 1]
        made.append(Step(texts[number], left, turned))
    return Funnel(one_line(source.text[written.span.start : written.span.end]), counts[0], tuple(made))


def _words(source: Source, written: syntax.EventFilter, part: typed.Value) -> str:
    span = part.span
    if span.start == span.end:
        return f"{written.category} where"
    return one_line(source.text[span.start : span.end])


def _turned_away(part: typed.Value, before: list[str], failing: str, table: EventTable) -> tuple[TurnedAway, ...]:
    names = dict.fromkeys(occurrence.field.name for occurrence in typed.fields(part))
    found: list[TurnedAway] = []
    for field_name in names:
        entry = table.schema.find(field_name)
        if entry is None or not entry.filled:
            continue
        sql = steps.turned_away(name(column(entry.name)), entry.many, before, failing, table.name, MOST_VALUES)
        rows = engine.execute(table, sql).fetchall()
        found.extend(TurnedAway(entry.name, None if v is None else shown(entry, v), count) for v, count in rows)
    return tuple(found)


def _stages(plan: nodes.SequencePlan, table: EventTable) -> tuple[int, tuple[StageReport, ...]]:
    """How many sequences there are, and the report of every stage; prefixes of missing stages are not counted."""
    row = engine.arrow(table, steps.stages(plan, table.name)).to_pylist()[0]
    reports, number = [], 0
    for place, stage in enumerate(plan.stages):
        if stage.missing:
            events, keys = row[f"m{place}_events"], row[f"m{place}_keys"]
            reports.append(StageReport(place, stage.runs, True, events, keys, 0))
            continue
        reports.append(
            StageReport(
                place,
                stage.runs,
                False,
                *(row.get(f"{part}{number}") or 0 for part in ("events", "keys", "prefixes", "order", "until", "span")),
            )
        )
        number += 1
    return row["matches"], tuple(reports)


def _nearest(
    plan: nodes.SequencePlan, names: list[str], table: EventTable, reports: tuple[StageReport, ...]
) -> tuple[NearMiss, ...]:
    """For the first stage that no sequence passes, the keys that came nearest."""
    positive = [report for report in reports if not report.missing]
    stuck = next((number for number, report in enumerate(positive) if report.prefixes == 0), None)
    if stuck is None:
        return ()
    stage = plan.positive[stuck]
    sql = steps.nearest_run(plan, stuck, table.name) if stuck == 0 else steps.nearest_step(plan, stuck, table.name)
    unit = 1_000_000 if plan.order.timestamp.type == "date_nanos" else 1
    rows = engine.execute(table, f"{sql} LIMIT {NEAREST_KEYS}").fetchall()
    needed = stage.runs if stuck == 0 else stuck + 1
    return tuple(
        NearMiss(
            dict(zip(names, row[:-2], strict=True)),
            positive[stuck].stage,
            row[-2],
            needed,
            None if row[-1] is None else row[-1] // unit,
        )
        for row in rows
    )
