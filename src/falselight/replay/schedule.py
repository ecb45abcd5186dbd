"""Matches and the runs that find them → when each becomes an alert, and what pipes and the cap let through.

At each run the matches in its sight are what the query finds there; its pipes (``head``, ``tail``) take their part of them, and
Kibana the newest ``max_signals`` of that. Between two runs at which a match comes or goes nothing new can become an alert."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from falselight.plan.limits import Window

NO_PIPES = Window(False, None)


@dataclass(frozen=True, slots=True)
class Match:
    """One match: ingest positions (None for a missing event), by which an alert is known; the runs that find it (first and last
    of each stretch, in order); its place in the order of the answer (later is newer). ``partial``: not a match of all the data,
    found only by runs that see a part of them."""

    positions: tuple[int | None, ...]
    runs: tuple[tuple[int, int], ...]
    order: int
    partial: bool = False


@dataclass(frozen=True)
class Found:
    """A match that became alerts, and the run that found it."""

    match: Match
    run: int


@dataclass
class Schedule:
    """What became of all matches. ``runs`` counts the runs over the data's time, ``busiest`` is the most matches that one of
    them found, ``capped_runs`` how many found ``max_signals`` or more. ``unseen`` are found by no run; ``cut`` were left out by
    the query's pipes or were never among the newest ``max_signals``."""

    found: list[Found] = field(default_factory=list)
    unseen: list[Match] = field(default_factory=list)
    cut: list[Match] = field(default_factory=list)
    runs: int = 0
    capped_runs: int = 0
    busiest: int = 0


@dataclass(frozen=True)
class Stretch:
    """Runs that find the same: from a first to a last one, how many matches they find, and which of these they take, the newest
    last."""

    first: int
    last: int
    found: int
    taken: Sequence[Match]


def stretches(matches: Sequence[Match], max_signals: int, end: int, pipes: Window = NO_PIPES) -> Iterator[Stretch]:
    """All runs that find something, up to the last one over the data. What the query's pipes leave of it counts as found."""
    come: dict[int, list[Match]] = defaultdict(list)
    go: dict[int, list[Match]] = defaultdict(list)
    for match in matches:
        for first, last in match.runs:
            come[first].append(match)
            go[last + 1].append(match)
    open_matches: list[Match] = []
    for run, following in pairwise([*sorted(come.keys() | go.keys()), end + 1]):
        _leave(open_matches, go.get(run, []))
        if new := come.get(run):
            open_matches.extend(new)
            open_matches.sort(key=_order)
        found = open_matches
        if pipes.count is not None:
            found = pipes.view(found[::-1] if pipes.descending else found)
        if found:
            yield Stretch(run, min(following - 1, end), len(found), found[-max_signals:])


def assign(matches: Sequence[Match], max_signals: int, span: tuple[int, int], *, pipes: Window = NO_PIPES) -> Schedule:
    """``matches`` have different orders; ``span`` is the first and the last run over the data."""
    schedule = Schedule(runs=span[1] - span[0] + 1)
    alerted: set[tuple[int | None, ...]] = set()
    for stretch in stretches(matches, max_signals, span[1], pipes):
        schedule.busiest = max(schedule.busiest, stretch.found)
        if stretch.found >= max_signals:
            schedule.capped_runs += max(0, stretch.last - stretch.first + 1)
        for match in stretch.taken:
            if match.positions not in alerted:
                alerted.add(match.positions)
                schedule.found.append(Found(match, stretch.first))
    for match in matches:
        if match.positions not in alerted:
            (schedule.cut if match.runs else schedule.unseen).append(match)
    return schedule


def _order(match: Match) -> int:
    return match.order


def _leave(open_matches: list[Match], gone: Sequence[Match]) -> None:
    """Remove these from matches in order; mostly they are the oldest, side by side."""
    if not gone:
        return
    orders = sorted(map(_order, gone))
    start = bisect_left(open_matches, orders[0], key=_order)
    if open_matches[start + len(orders) - 1].order == orders[-1]:
        del open_matches[start : start + len(orders)]
    else:
        left = set(orders)
        open_matches[:] = [match for match in open_matches if match.order not in left]
