"""Matches of a rule over all data → what the runs of its schedule find, when, and what the cap lets through.

A run at T searches from ``T - from`` to ``T - to`` and takes the newest ``max_signals`` of what it finds. A sequence lies
whole within that range or is not found. A sequence that lies within is one of all the data's sequences: an event before the
range could only have begun another prefix, and a later first event takes a prefix's place at its stage anyway. So one run over
all the data, and each match given to the runs that see it whole, is the same as thousands of searches; sequences with missing
events are the exception (the end of a range can look like a missing event), and are told."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Match:
    """One match: ingest positions (None for a missing event), the times by which the range finds its first and last
    event (epoch nanoseconds), and its place in the order of the answer (later is newer)."""

    positions: tuple[int | None, ...]
    first: int
    last: int
    order: int


@dataclass(frozen=True)
class Found:
    """A match that became alerts, and the run (its time, epoch nanoseconds) that found it."""

    match: Match
    run: int


@dataclass
class Schedule:
    """What became of all matches. ``runs`` counts the runs over the data's time, ``busiest`` is the most matches that one of
    them saw. ``unseen`` lay whole in no run's range; ``cut`` were never among the newest ``max_signals``."""

    found: list[Found] = field(default_factory=list)
    unseen: list[Match] = field(default_factory=list)
    cut: list[Match] = field(default_factory=list)
    runs: int = 0
    capped_runs: int = 0
    busiest: int = 0


def assign(
    matches: Sequence[Match], interval: int, look_back: int, until: int, max_signals: int, begin: int, end: int
) -> Schedule:
    """interval, look_back (``from``) and until (``to``) are nanoseconds; begin and end the times of the first and last
    event. Runs stand at whole multiples of the interval since the epoch."""
    schedule = Schedule(
        runs=_run_after(end + until, interval) // interval - _run_after(begin + until, interval) // interval + 1
    )
    by_run: dict[int, list[Match]] = {}
    for match in matches:
        run = _run_after(match.last + until, interval)
        if match.first < run - look_back:
            schedule.unseen.append(match)
        else:
            by_run.setdefault(run, []).append(match)
    _simulate(schedule, by_run, interval, look_back, max_signals)
    schedule.unseen.sort(key=lambda match: match.order)
    schedule.cut.sort(key=lambda match: match.order)
    return schedule


def _run_after(time: int, interval: int) -> int:
    return -(-time // interval) * interval


def _simulate(
    schedule: Schedule, by_run: dict[int, list[Match]], interval: int, look_back: int, max_signals: int
) -> None:
    """Run by run: the matches within the range, the newest of them, those that are not alerts already. A match that is not
    among the newest can become so later, when newer ones have left the range, which late arrivals allow."""
    open_matches: list[Match] = []
    alerted: set[int] = set()
    run = min(by_run, default=0)
    last = max(by_run, default=0)
    while by_run or (open_matches and run <= last + look_back):
        new = by_run.pop(run, [])
        kept = [match for match in (*open_matches, *new) if match.first >= run - look_back]
        schedule.cut.extend(
            match for match in open_matches if match.first < run - look_back and match.order not in alerted
        )
        open_matches = kept
        waiting = [match for match in open_matches if match.order not in alerted]
        if waiting:
            schedule.busiest = max(schedule.busiest, len(open_matches))
            schedule.capped_runs += run <= last and len(open_matches) >= max_signals
            for match in heapq.nlargest(max_signals, open_matches, key=lambda match: match.order)[::-1]:
                if match.order not in alerted:
                    alerted.add(match.order)
                    schedule.found.append(Found(match, run))
            run += interval
        elif by_run:
            run = max(run + interval, min(by_run))
        else:
            break
    schedule.cut.extend(match for match in open_matches if match.order not in alerted)
