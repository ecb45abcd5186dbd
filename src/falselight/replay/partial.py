"""What runs find that see a part of the data, where that is no matter of looking at the matches of all data.

A run finds those sequences of all the data that lie whole within its sight, as long as the events that it sees of a key follow
each other without a gap. Events that come late, or that are searched by another time than they are ordered by, leave gaps; and
the end of a range can look like the absence of an event. There the query is asked of exactly what each run sees: per key, the
runs between two that gain or lose an event see the same and are asked once (a segment), and all segments of a key in one query,
whose first join key is the segment's number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from falselight.ecs.schema import Field, column
from falselight.engines import duckdb as engine
from falselight.plan import nodes
from falselight.replay.clock import Clock
from falselight.sql.emit import same_keys
from falselight.sql.stages import key_names, ordering, place, stage_relation
from falselight.store import EventTable, quoted

Runs = tuple[int, int]
# So many events of all segments together are asked about at once.
EVENTS_AT_ONCE = 2_000_000
_SEGMENT = Field("falselight.segment", "long", filled=True)
_STAGE, _SIGHT, _CHANGES, _SPANS, _SEGMENTS, _EVENTS, _SEEN = (
    f"replay {name}" for name in ("stage", "sight", "changes", "spans", "segments", "events", "seen")
)


@dataclass(frozen=True)
class Segment:
    """Runs that see the same events of a key, and the matches that they find."""

    runs: Runs
    keys: tuple[Any, ...]
    found: list[engine.Sequence]


def segments(plan: nodes.SequencePlan | nodes.SamplePlan, table: EventTable, clock: Clock) -> Iterator[Segment]:
    """All segments whose matches may differ from those of all the data that lie within its runs: for a sample or a sequence
    with missing events every one. Those without an event for each stage match nothing and are left out."""
    asked = _Asked(plan, table)
    try:
        asked.look(clock)
        for part in range(asked.choose(every=always(plan))):
            yield from asked.part(part)
    finally:
        asked.drop()


def always(plan: nodes.Plan) -> bool:
    """Whether what is found always depends on where the sight of a run ends."""
    return isinstance(plan, nodes.SamplePlan) or (
        isinstance(plan, nodes.SequencePlan) and any(stage.missing for stage in plan.stages)
    )


class _Asked:
    """The temporary relations of one plan, each built on those before it."""

    def __init__(self, plan: nodes.SequencePlan | nodes.SamplePlan, table: EventTable) -> None:
        self.plan, self.table = plan, table
        self.keys = key_names(plan.stages[0])
        self.made: list[str] = []
        self.stages: dict[str, str] = {}
        self.partition = f"PARTITION BY {', '.join(self.keys)} " if self.keys else ""

    def make(self, name: str, select: str) -> None:
        engine.execute(self.table, f"CREATE OR REPLACE TEMP TABLE {quoted(name)} AS {select}")
        self.made.append(name)

    def drop(self) -> None:
        for name in self.made:
            engine.execute(self.table, f"DROP TABLE IF EXISTS {quoted(name)}")

    def stage(self, stage: nodes.Stage) -> str:
        """The relation of a stage's events, made once for equal stages."""
        select = stage_relation(stage, self.plan, self.table.name, mandatory=stage is not self.plan.until)
        if select not in self.stages:
            self.stages[select] = f"{_STAGE} {len(self.stages)}"
            self.make(self.stages[select], f"SELECT *, s AS _seq FROM ({select})")
        return self.stages[select]

    def look(self, clock: Clock) -> None:
        """Every event of every stage: its place among those of its key, and the segments whose runs see it (``low`` to before
        ``high``). ``p0…`` tell which stages that must be there it can fill."""
        plan, needed = self.plan, list(dict.fromkeys(map(self.stage, _positive(self.plan))))
        every = dict.fromkeys(map(self.stage, (*plan.stages, *([plan.until] if plan.until is not None else []))))
        columns, partition = ", ".join([*self.keys, *place(plan.order)]), self.partition
        union = " UNION ALL ".join(f"SELECT {columns}, '{name}' AS stage FROM {quoted(name)}" for name in every)
        flags = "".join(f", bool_or(stage = '{name}') AS p{number}" for number, name in enumerate(needed))
        self.flags = [f"p{number}" for number in range(len(needed))]
        self.make(
            _SIGHT,
            f"SELECT e.*, c.first, c.last, row_number() OVER ({partition}ORDER BY {ordering(plan.order)}) AS i "
            f"FROM (SELECT {columns}{flags} FROM ({union}) GROUP BY {columns}) e "
            f"JOIN ({clock.relation(self.table)}) c ON c._seq = e.s",
        )
        listed, seen = "".join(f"{key}, " for key in self.keys), f"FROM {quoted(_SIGHT)} WHERE first <= last"
        self.make(
            _CHANGES,
            f"SELECT *, row_number() OVER (ORDER BY {listed}run) AS n, lead(run) OVER ({partition}ORDER BY run) AS following "
            f"FROM (SELECT {listed}first AS run {seen} UNION SELECT {listed}last + 1 AS run {seen})",
        )
        self.make(
            _SPANS,
            f"SELECT {', '.join(['e.s', 'e.i', *self.flags])}, a.n AS low, z.n AS high FROM {quoted(_SIGHT)} e "
            f"JOIN {quoted(_CHANGES)} a ON {same_keys('a', 'e', self.keys)} AND a.run = e.first "
            f"JOIN {quoted(_CHANGES)} z ON {same_keys('z', 'e', self.keys)} AND z.run = e.last + 1 WHERE e.first <= e.last",
        )

    def choose(self, *, every: bool) -> int:
        """Which segments are asked; gives into how many parts they are divided."""
        able = " AND ".join(f"bool_or({flag})" for flag in self.flags)
        gap = "" if every else " AND max(i) - min(i) + 1 <> count(*)"
        self.make(
            _SEGMENTS,
            f"SELECT segment, (sum(size) OVER (ORDER BY segment) // {EVENTS_AT_ONCE})::BIGINT AS part FROM "
            f"(SELECT segment, count(*) AS size FROM (SELECT * EXCLUDE (low, high), unnest(range(low, high)) AS segment "
            f"FROM {quoted(_SPANS)}) GROUP BY segment HAVING {able}{gap})",
        )
        columns = dict.fromkeys(["_seq", *_columns(self.plan)])
        self.make(
            _EVENTS,
            f"SELECT {', '.join(map(quoted, columns))} FROM {quoted(self.table.name)} "
            f"WHERE _seq IN (SELECT s FROM {quoted(_SPANS)})",
        )
        ((last,),) = engine.execute(self.table, f"SELECT max(part) FROM {quoted(_SEGMENTS)}").fetchall()
        return 0 if last is None else last + 1

    def part(self, part: int) -> Iterator[Segment]:
        """The segments of one part."""
        listed = "".join(f", {key}" for key in self.keys)
        rows = engine.execute(
            self.table,
            f"SELECT n, run, following - 1{listed} FROM {quoted(_CHANGES)} JOIN {quoted(_SEGMENTS)} ON segment = n "
            f"WHERE part = {part} ORDER BY n",
        ).fetchall()
        if not rows:
            return
        made = {number: Segment((first, last), tuple(keys), []) for number, first, last, *keys in rows}
        low, high = rows[0][0], rows[-1][0] + 1
        self.make(
            _SEEN,
            f"SELECT v.*, x.segment AS {quoted(column(_SEGMENT.name))} FROM (SELECT s, "
            f"unnest(range(greatest(low, {low}), least(high, {high}))) AS segment FROM {quoted(_SPANS)} "
            f"WHERE low < {high} AND high > {low}) x JOIN {quoted(_SEGMENTS)} g ON g.segment = x.segment "
            f"JOIN {quoted(_EVENTS)} v ON v._seq = x.s",
        )
        for sequence in engine.run(self.by_segment(), self.table).sequences:
            number, *keys = sequence.keys
            # An event with several keys is there for all of them, but whole only for those of the segment.
            if made[number].keys == tuple(keys):
                made[number].found.append(replace(sequence, keys=tuple(keys)))
        yield from made.values()

    def by_segment(self) -> nodes.Plan:
        """The plan over the events that the segments see, parted by their number."""
        plan = self.plan
        texts = (False, *plan.key_texts) if plan.key_texts else ()
        stages = tuple(map(self._seen, plan.stages))
        if isinstance(plan, nodes.SamplePlan):
            return replace(plan, stages=stages, key_texts=texts)
        until = None if plan.until is None else self._seen(plan.until)
        return replace(plan, stages=stages, until=until, key_texts=texts, limits=())

    def _seen(self, stage: nodes.Stage) -> nodes.Stage:
        keys = (nodes.Key(_SEGMENT, False), *stage.keys)
        return replace(stage, predicate=nodes.Rows(self.stage(stage)), keys=keys, source=quoted(_SEEN))


def _positive(plan: nodes.SequencePlan | nodes.SamplePlan) -> tuple[nodes.Stage, ...]:
    return plan.positive if isinstance(plan, nodes.SequencePlan) else plan.stages


def _columns(plan: nodes.SequencePlan | nodes.SamplePlan) -> Iterator[str]:
    """Columns that keys and order are read from."""
    until = [plan.until] if plan.until is not None else []
    fields = [key.field for stage in (*plan.stages, *until) for key in stage.keys]
    for field in (*fields, plan.order.timestamp, plan.order.tiebreaker):
        if field is not None and field.filled:
            yield column(field.name)
