"""Sequences as window functions: no loop over events, no state per key.

Per key, the prefixes of one stage (at their last event), the events of the next and the ``until`` events are put in one
order. An event extends a prefix iff the prefix stands immediately before it, and only within maxspan; else the prefix is
lost. Ties: event of the stage < prefix < until. A stage of N runs is N equal stages: after its first event only the next
events of the same stage can follow, so its end is ``lead(N - 1)`` among them. (Elasticsearch's SequenceMatcher, restated.)

Columns: ``k0…`` keys · ``t b s`` timestamp, tiebreaker (if any) and ingest position of the last event · ``t0`` timestamp of the
first event · ``e0…`` ingest position of the first event of each stage · ``a0… z0…`` timestamps of the first and last event
of each stage, where missing events need them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from falselight.plan import nodes
from falselight.sql import missing
from falselight.sql.stages import Relation, key_names, ordering, place, stage_relation

STAGE, PREFIX, UNTIL = 0, 1, 2
SAMPLE_PERCENT = 2


@dataclass
class _Emitter:
    plan: nodes.SequencePlan
    table: str
    relations: list[Relation]
    sparse: bool = False

    def __post_init__(self) -> None:
        self.keys = key_names(self.plan.stages[0])
        self.place = place(self.plan.order)
        self.head = ", ".join([*self.keys, *self.place])
        partition = f"PARTITION BY {', '.join(self.keys)} " if self.keys else ""
        self.by_event = f"{partition}ORDER BY {ordering(self.plan.order)}"
        self.by_kind = f"{self.by_event}, kind"
        self.timed = len(self.plan.positive) < len(self.plan.stages)

    def add(self, name: str, select: str) -> str:
        self.relations.append(Relation(name, select))
        return name

    def moved(self, prefix: str) -> str:
        """Keys, and the place of the run's end instead of its beginning."""
        return ", ".join([*self.keys, *(f"{prefix}{column} AS {column}" for column in self.place)])

    def times(self, number: int, last: str) -> str:
        """First and last timestamp of a stage, carried where missing events are measured from them."""
        return f", t AS a{number}, {last} AS z{number}" if self.timed else ""

    def carried(self, number: int) -> list[str]:
        """What the prefixes of ``number`` stages bring along."""
        times = [f"{side}{k}" for k in range(number) for side in "az"] if self.timed else []
        return ["t0", *(f"e{k}" for k in range(number)), *times]

    def within(self, last: str, first: str) -> str:
        return "" if self.plan.maxspan is None else f" AND {last} - {first} <= {self.plan.maxspan}"


def relations(plan: nodes.SequencePlan, table: str, *, sparse: bool = False) -> list[Relation]:
    """The relations of a sequence, each built on those before it; the last holds one row for every sequence. sparse: most
    keys have fewer events than the first run needs (the answer is the same, the way to it another)."""
    emitter = _Emitter(plan, table, [], sparse)
    if plan.until is not None:
        emitter.add("u", stage_relation(plan.until, plan, table, mandatory=False))
    if plan.rare is not None and emitter.keys:
        few = f"SELECT {', '.join(emitter.keys)} FROM ({stage_relation(plan.positive[plan.rare], plan, table)})"
        emitter.relations.append(Relation("few", few, kept=True))
    current = _first(emitter, plan.positive[0])
    for number, stage in enumerate(plan.positive[1:], start=1):
        current = _next(emitter, number, stage)
    if emitter.timed:
        missing.check(emitter.add, plan, table, current)
    return emitter.relations


def _events(emitter: _Emitter, number: int) -> str:
    """The events of a stage, of the keys alone that the rare stage has, where there is one: no other key has a sequence."""
    stage, rare = emitter.plan.positive[number], emitter.plan.rare
    select = stage_relation(stage, emitter.plan, emitter.table)
    if rare in (None, number) or not emitter.keys:
        return select
    same = " AND ".join(
        f"x.{name} {'IS NOT DISTINCT FROM' if key.optional else '='} few.{name}"
        for name, key in zip(emitter.keys, stage.keys, strict=True)
    )
    return f"SELECT x.* FROM ({select}) x SEMI JOIN few ON {same}"


def _first(emitter: _Emitter, stage: nodes.Stage) -> str:
    events = _enough(emitter, stage, _events(emitter, 0))
    if stage.runs == 1:
        return emitter.add("p0", f"SELECT {emitter.head}, t AS t0, s AS e0{emitter.times(0, 't')} FROM {events}")
    run = _run(emitter, 0, stage, events)
    return emitter.add(
        "p0",
        f"SELECT {emitter.moved('r')}, t AS t0, s AS e0{emitter.times(0, 'rt')} FROM {run} "
        f"WHERE rt IS NOT NULL{emitter.within('rt', 't')}",
    )


def _enough(emitter: _Emitter, stage: nodes.Stage, select: str) -> str:
    """The first stage's events. Where most keys have fewer than a run needs, those are dropped before the sort, which is the
    larger cost. Two keys with one hash only let a few events through in vain."""
    if not emitter.sparse or stage.runs == 1 or not emitter.keys:
        return emitter.add("s0", select)
    hashed = f"SELECT *, hash({', '.join(emitter.keys)}) AS h FROM ({select})"
    emitter.relations.append(Relation("s0", hashed, kept=True))
    emitter.add("h0", f"SELECT h FROM s0 GROUP BY h HAVING count(*) >= {stage.runs}")
    return emitter.add("d0", f"SELECT {emitter.head} FROM s0 WHERE h IN (SELECT h FROM h0)")


def sample(plan: nodes.SequencePlan, table: str) -> str:
    """SELECT events, keys: how many of a sample of the table fit the first stage, and of how many keys they are."""
    keys = ", ".join(key_names(plan.stages[0]))
    stage = plan.positive[0]
    part = f"(SELECT * FROM {stage.source or table} TABLESAMPLE system({SAMPLE_PERCENT}%) REPEATABLE (1))"
    select = stage_relation(replace(stage, source=None), plan, part)
    return f"SELECT count(*), approx_count_distinct(hash({keys})) FROM ({select})"


def ordered(plan: nodes.SequencePlan, table: str, number: int) -> Relation:
    """``o<number>``: the events of a stage among prefixes and untils, each with what stands before it (``kind_``, …)."""
    emitter = _Emitter(plan, table, [])
    return Relation(f"o{number}", _ordered(emitter, number, plan.positive[number].runs > 1))


def _ordered(emitter: _Emitter, number: int, run: bool) -> str:
    events = f"r{number}" if run else f"s{number}"
    ends = [f"r{column}" for column in emitter.place] if run else []
    carried = emitter.carried(number)
    parts = [
        _arm(emitter.head, STAGE, ends, carried, events, given=ends),
        _arm(emitter.head, PREFIX, ends, carried, f"p{number - 1}", given=carried),
    ]
    if emitter.plan.until is not None:
        parts.append(_arm(emitter.head, UNTIL, ends, carried, "u", given=[]))
    lags = "".join(f", lag({column}) OVER w AS {column}_" for column in ("kind", *carried))
    return (
        f"SELECT {', '.join([emitter.head, 'kind', *ends])}{lags} FROM ({' UNION ALL '.join(parts)}) "
        f"WINDOW w AS ({emitter.by_kind})"
    )


def _next(emitter: _Emitter, number: int, stage: nodes.Stage) -> str:
    """The prefixes that this stage makes of the prefixes before it."""
    events = emitter.add(f"s{number}", _events(emitter, number))
    run = stage.runs > 1
    if run:
        _run(emitter, number, stage, events)
    last = "rt" if run else "t"
    chain = ", ".join(f"{column}_ AS {column}" for column in emitter.carried(number))
    complete = " AND rt IS NOT NULL" if run else ""
    return emitter.add(
        f"p{number}",
        f"SELECT {emitter.moved('r') if run else emitter.head}, {chain}, s AS e{number}{emitter.times(number, last)} "
        f"FROM ({_ordered(emitter, number, run)}) "
        f"WHERE kind = {STAGE} AND kind_ = {PREFIX}{complete}{emitter.within(last, 't0_')}",
    )


def _arm(head: str, kind: int, ends: list[str], carried: list[str], source: str, *, given: list[str]) -> str:
    """One arm of the union: the columns that this kind of row does not have are NULL."""
    rest = "".join(f", {column}" if column in given else f", NULL AS {column}" for column in (*ends, *carried))
    return f"SELECT {head}, {kind} AS kind{rest} FROM {source}"


def _run(emitter: _Emitter, number: int, stage: nodes.Stage, events: str) -> str:
    """Each event with the end (rt, rb, rs) of the run of N that it begins; no end where there are too few or where an
    until event comes in between."""
    ahead = stage.runs - 1
    leads = ", ".join(f"lead({column}, {ahead}) OVER w AS r{column}" for column in emitter.place)
    window = f"WINDOW w AS ({emitter.by_event})"
    if emitter.plan.until is None:
        return emitter.add(f"r{number}", f"SELECT {emitter.head}, {leads} FROM {events} {window}")
    counted = emitter.add(
        f"c{number}",
        f"SELECT *, count(*) FILTER (kind = {UNTIL}) OVER ({emitter.by_kind} ROWS UNBOUNDED PRECEDING) AS untils "
        f"FROM (SELECT {emitter.head}, {STAGE} AS kind FROM {events} UNION ALL "
        f"SELECT {emitter.head}, {UNTIL} AS kind FROM u)",
    )
    rest = "".join(f", r{column}" for column in emitter.place if column != "t")
    return emitter.add(
        f"r{number}",
        f"SELECT {emitter.head}, CASE WHEN untils = later THEN rt END AS rt{rest} FROM (SELECT *, "
        f"lead(untils, {ahead}) OVER w AS later, {leads} FROM {counted} WHERE kind = {STAGE} {window})",
    )
