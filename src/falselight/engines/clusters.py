"""Events with the same values of a few fields are one cluster; a copy of the event table in which clusters stand together.

Many rules ask the same of those few fields (category, system, program). Each asks once for every cluster instead of for every
event, and then reads only the clusters that are left, from a copy of those events that some rule is left with. What a rule
demands of other fields is asked of the events as ever, so that answers are those of the table itself."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from falselight.diagnostics import EqlError
from falselight.ecs.schema import EXACT_STRING_TYPES, Field, column
from falselight.engines import clustering
from falselight.engines import duckdb as engine
from falselight.engines.clustering import GROUPS, SAMPLE, WHOLE, Part, Ranges
from falselight.engines.sieve import MOST_RANGES, coarse, sift
from falselight.plan import narrow, nodes
from falselight.sql.predicates import condition
from falselight.store import EventTable, quoted

# A cluster is judged as an event is: there must be far fewer. A field more must leave them few.
EVENTS_PER_CLUSTER, MOST_CLUSTERS, MOST_FIELDS = 50, 40_000, 12
# Conditions that one statement asks of every cluster.
AT_ONCE = 50


@dataclass
class Clusters:
    """The clusters of an event table. ``fields``: those whose values a cluster's events share, the first of which parts them."""

    table: EventTable
    fields: list[Field]
    parts: list[Part]
    _apart: frozenset[nodes.Predicate] = frozenset()
    _ranges: dict[str, Ranges] = field(default_factory=dict, repr=False)

    @property
    def known(self) -> frozenset[str]:
        return frozenset(entry.name for entry in self.fields)

    def can_match(self, plan: nodes.Plan) -> bool:
        """Whether some cluster satisfies every stage that must be there, as far as the known fields tell."""
        if isinstance(plan, nodes.EventPlan):
            return bool(self.of(plan.predicate))
        return all(stage.missing or self.of(stage.predicate) for stage in plan.stages)

    def narrowed(self, plan: nodes.Plan) -> nodes.Plan:
        """A plan of ``copy``'s over the clusters that its conditions leave: run on the table, it has the same matches."""
        if isinstance(plan, nodes.EventPlan):
            predicate, source = self._read(plan.predicate)
            return replace(plan, predicate=predicate, source=source)
        stages = tuple(self._stage(stage) for stage in plan.stages)
        if isinstance(plan, nodes.SamplePlan):
            return replace(plan, stages=stages)
        until = None if plan.until is None else self._stage(plan.until)
        apart = [stage.predicate in self._apart for stage in plan.positive]
        return replace(
            plan, stages=stages, until=until, rare=apart.index(False) if 0 < sum(apart) < len(apart) else None
        )

    def _stage(self, stage: nodes.Stage) -> nodes.Stage:
        predicate, source = self._read(stage.predicate)
        return replace(stage, predicate=predicate, source=source)

    def _read(self, predicate: nodes.Predicate) -> tuple[nodes.Predicate, str | None]:
        """The same events of the copy, and the part (or all of it) that holds them; or of the table itself."""
        if predicate in self._apart:
            return predicate, None
        found = self.of(predicate)
        if not found:
            return nodes.NEVER, None
        low, high = found[0][0], found[-1][1]
        source = next((part.relation for part in self.parts if part.first <= low and high <= part.last), WHOLE)
        if len(found) <= MOST_RANGES:
            return nodes.And((nodes.Clusters(found), *narrow.undecided(predicate, self.known))), source
        return nodes.And((nodes.Clusters(coarse(found)), predicate)), source

    def of(self, predicate: nodes.Predicate) -> Ranges:
        """Ranges of the clusters whose events may satisfy a predicate; others do not."""
        asked = condition(narrow.relaxed(predicate, self.known))
        if asked not in self._ranges:
            self._ask([asked])
        return self._ranges[asked]

    def judge(self, plans: Iterable[nodes.Plan]) -> None:
        """Asks what ``of`` tells of these plans' predicates, of many in one statement. Where the engine cannot answer all of
        them together, nothing is known of them yet: each will be asked alone."""
        relaxed = [narrow.relaxed(predicate, self.known) for plan in plans for predicate in narrow.predicates(plan)]
        asked = [each for each in dict.fromkeys(map(condition, relaxed)) if each not in self._ranges]
        for start in range(0, len(asked), AT_ONCE):
            with suppress(EqlError):
                self._ask(asked[start : start + AT_ONCE])

    def _ask(self, asked: Sequence[str]) -> None:
        listed = ", ".join(f"({each}) IS TRUE AS _{number}" for number, each in enumerate(asked))
        found = engine.execute(self.table, f"SELECT {listed} FROM {quoted(GROUPS)} ORDER BY _cluster").fetchnumpy()
        for number, each in enumerate(asked):
            self._ranges[each] = _stretches(np.asarray(found[f"_{number}"], dtype=np.bool_))

    def copy(self, plans: Iterable[nodes.Plan], also: Iterable[str]) -> None:
        """Copies the events that these plans may match, with the fields that they ask of them; ``also`` names fields that are
        read of matches. A copy made before in the same connection goes."""
        plans = list(plans)
        found = {predicate: self.of(predicate) for plan in plans for predicate in narrow.predicates(plan)}
        counts = engine.execute(self.table, f"SELECT _events FROM {quoted(GROUPS)} ORDER BY _cluster").fetchnumpy()
        before = np.concatenate(([0], np.cumsum(counts["_events"])))

        def share(ranges: Ranges) -> float:
            return float(sum(before[high] - before[low - 1] for low, high in ranges) / max(self.table.rows, 1))

        sieve = sift(self.table, self.known, found, share)
        self._apart = sieve.apart
        wanted: dict[str, set[str]] = {part.relation: {"@timestamp", *also} for part in self.parts}
        for plan in plans:
            always = _ordering(plan)
            for predicate in narrow.predicates(plan):
                ranges = found[predicate]
                rest = [predicate] if len(ranges) > MOST_RANGES else narrow.undecided(predicate, self.known)
                read = always.union(*map(narrow.names, rest))
                for part in self.parts:
                    if any(low <= part.last and high >= part.first for low, high in ranges):
                        wanted[part.relation] |= read
        clustering.copy(self.table, self.fields, self.parts, sieve, wanted)


def cluster(table: EventTable, plans: Iterable[nodes.Plan]) -> Clusters | None:
    """The clusters of a table by the fields that most of these plans compare; None where no field leaves few, or where
    clusters cannot be told apart. Raises ``EqlError`` where the engine cannot answer."""
    uses: Counter[str] = Counter()
    for plan in plans:
        uses.update({name for predicate in narrow.predicates(plan) for name in narrow.names(predicate)})
    clustering.sample(table, uses)
    known = _chosen(table, [name for name, _ in uses.most_common()])
    if not known:
        return None
    parts = clustering.group(table, known)
    return Clusters(table, known, parts) if parts else None


def _stretches(members: NDArray[np.bool_]) -> Ranges:
    """The numbers (from 1) of the members that stand together: first and last of each stretch."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], members, [False])).astype(np.int8)))
    return tuple((int(start) + 1, int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True))


def _ordering(plan: nodes.Plan) -> set[str]:
    """The fields of keys and order."""
    keys = [key.field for stage in narrow.stages(plan) for key in stage.keys]
    return {entry.name for entry in (*keys, plan.order.timestamp, plan.order.tiebreaker) if entry is not None}


def _chosen(table: EventTable, by_use: Sequence[str]) -> list[Field]:
    """The most used fields that leave few clusters: a field with too many values beside those before it is passed over.

    How many clusters a table has is estimated by those of a sample: the ones met once stand for the square root of the
    sampled share's inverse (Charikar et al. 2000, Towards estimation error guarantees for distinct values)."""
    most = min(MOST_CLUSTERS, table.rows // EVENTS_PER_CLUSTER)
    chosen: list[Field] = []
    for name in by_use:
        entry = table.schema.find(name)
        if entry is None or not entry.filled or entry.type not in EXACT_STRING_TYPES or entry in chosen:
            continue
        values = ", ".join(quoted(column(each.name)) for each in (*chosen, entry))
        sql = (
            "SELECT count(*) FILTER (events > 1), count(*) FILTER (events = 1), coalesce(sum(events), 0) "
            f"FROM (SELECT count(*) AS events FROM {quoted(SAMPLE)} GROUP BY {values})"
        )
        ((often, once, sampled),) = engine.execute(table, sql).fetchall()
        if often + once * math.sqrt(table.rows / max(sampled, 1)) <= most:
            chosen.append(entry)
        if len(chosen) == MOST_FIELDS:
            break
    return chosen
