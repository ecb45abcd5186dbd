"""Which events of the clusters that rules are left with can match at all: the rest need not be copied.

A rule that is left with few events has all of them copied. One that is left with many gives a guard, a condition of its own
that the events it matches satisfy and few others do. Guards over the same clusters are joined, so that a hundred rules ask
their texts of a field in one pattern. A guard must let through what matches, no more: each rule asks the rest of the copy.
A rule that matches many events reads the table itself.

So a guard may ask the values of a list all at once, as one text (``texts``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

from falselight.ecs.schema import EXACT_STRING_TYPES
from falselight.engines import duckdb as engine
from falselight.engines import texts
from falselight.engines.clustering import SAMPLE, Ranges, Sieve
from falselight.eql.patterns import escape
from falselight.plan import narrow, nodes
from falselight.plan.merge import merged
from falselight.sql.predicates import condition
from falselight.store import EventTable, quoted

# Shares of all events. What is left with more has a guard; what matches more reads the table itself; a single condition that
# leaves so many more than all conditions together do is not enough of a guard.
GUARDED, APART, WEAK = 0.02, 0.03, 0.01
# More ranges than these cost more to test than the conditions that they stand for.
MOST_RANGES = 24
# Conditions that one statement counts; of so many sampled events one is asked.
AT_ONCE, JUDGED = 100, 5
# Leaves whose evaluation cannot fail and reads nothing else.
PLAIN = (nodes.Equal, nodes.Range, nodes.Within, nodes.Like, nodes.Regex, nodes.Cidr, nodes.Exists, nodes.Fixed)


def sift(
    table: EventTable,
    known: frozenset[str],
    found: Mapping[nodes.Predicate, Ranges],
    share: Callable[[Ranges], float],
) -> Sieve:
    """The sieve for predicates by the clusters that they are left with. ``share``: the share of events in clusters."""
    whole: set[tuple[int, int]] = set()
    choices: dict[nodes.Predicate, list[nodes.Predicate]] = {}
    for predicate, ranges in found.items():
        if ranges and share(ranges) > GUARDED:
            choices[predicate] = _choices(predicate, known)
        else:
            whole.update(ranges)
    shares = _shares(table, {(guard, found[predicate]) for predicate, some in choices.items() for guard in some})
    joined: dict[Ranges, list[nodes.Predicate]] = {}
    apart: set[nodes.Predicate] = set()
    for predicate, some in choices.items():
        ranges = found[predicate]
        left = {guard: shares[guard, ranges] for guard in some}
        if left[some[-1]] > APART:
            apart.add(predicate)
            continue
        best = min(some, key=left.__getitem__)
        joined.setdefault(ranges, []).append(best if left[best] <= left[some[-1]] + WEAK else some[-1])
    return Sieve(
        frozenset(whole), {key: merged(nodes.Or(tuple(some))) for key, some in joined.items()}, frozenset(apart)
    )


def coarse(ranges: Ranges) -> Ranges:
    """Few ranges that hold all of these: the narrowest gaps are closed."""
    by_gap = sorted(range(1, len(ranges)), key=lambda number: ranges[number - 1][1] - ranges[number][0])
    cuts = [0, *sorted(by_gap[: MOST_RANGES - 1]), len(ranges)]
    return tuple((ranges[start][0], ranges[end - 1][1]) for start, end in pairwise(cuts))


def _choices(predicate: nodes.Predicate, known: frozenset[str]) -> list[nodes.Predicate]:
    """Conditions that hold wherever a predicate does: each that the known fields leave open, and last all of them."""
    single = [
        _weakened(part)
        for part in narrow.undecided(predicate, known)
        if all(isinstance(leaf, PLAIN) for leaf in narrow.leaves(part))
    ]
    return [*single, nodes.And(tuple(single))]


def _weakened(predicate: nodes.Predicate) -> nodes.Predicate:
    """A predicate that holds wherever this one does, and asks the values of lists as one text."""
    match predicate:
        case nodes.And(operands) | nodes.Or(operands):
            return type(predicate)(tuple(map(_weakened, operands)))
        case nodes.Like(field, patterns) if field.many:
            return texts.like(field, patterns)
        case nodes.Equal(field, values) if field.many and field.type in EXACT_STRING_TYPES and len(values) > 2:
            return texts.like(field, (escape(str(value)) for value in values))
    return predicate


def _shares(
    table: EventTable, asked: set[tuple[nodes.Predicate, Ranges]]
) -> dict[tuple[nodes.Predicate, Ranges], float]:
    """The share of events that lie in some clusters and satisfy a condition, by the sample. Its events are asked in the order of
    their clusters: the engine asks blocks of events, and is done with one at once where a condition's clusters have none."""
    columns = ", ".join(["*", *texts.columns(guard for guard, _ in asked)])
    judged = f"SELECT {columns} FROM {quoted(SAMPLE)} WHERE _seq % {JUDGED} = 0 ORDER BY _cluster"
    engine.execute(table, f"CREATE OR REPLACE TEMP TABLE judged_events AS {judged}")
    ((events,),) = engine.execute(table, "SELECT count(*) FROM judged_events").fetchall()
    shares: dict[tuple[nodes.Predicate, Ranges], float] = {}
    listed = list(asked)
    for start in range(0, len(listed), AT_ONCE):
        some = listed[start : start + AT_ONCE]
        held = [condition(nodes.And((nodes.Clusters(coarse(ranges)), guard))) for guard, ranges in some]
        # CASE stops at the first condition that fails; a filtered aggregate asks all of them.
        counted = ", ".join(f"count(CASE WHEN {each} THEN 1 END)" for each in held)
        (counts,) = engine.execute(table, f"SELECT {counted} FROM judged_events").fetchall()
        shares.update((key, count / max(events, 1)) for key, count in zip(some, counts, strict=True))
    return shares
