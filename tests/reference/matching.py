"""Sequences and samples, event by event: groups of prefixes per stage, as Elasticsearch keeps them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from reference.mapped import Document

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Ordinal:
    """Timestamp, tiebreaker (missing ones last), position."""

    time: int
    tiebreaker: Any
    position: int

    def sort(self) -> tuple[Any, ...]:
        missing = self.tiebreaker is None
        return (self.time, missing, 0 if missing else self.tiebreaker, self.position)

    def __lt__(self, other: Ordinal) -> bool:
        return self.sort() < other.sort()

    def __le__(self, other: Ordinal) -> bool:
        return self.sort() <= other.sort()


@dataclass(frozen=True)
class Event:
    ordinal: Ordinal
    document: Document


@dataclass
class Stage:
    """One place. events: those that fit, with the keys under which they count."""

    events: list[tuple[Event, set[Key]]]
    missing: bool = False


def keys_of(document: Document, names: list[str | None], optional: list[bool]) -> set[Key]:
    """The cartesian product of the keys' distinct values; empty where a key that must be there is missing."""
    parts = []
    for name, may_be_null in zip(names, optional, strict=True):
        values = document.values.get(name, []) if name is not None else []
        if not values and not may_be_null:
            return set()
        parts.append(list(dict.fromkeys(values)) or [None])
    return set(product(*parts))


def sequences(
    stages: list[Stage], until: Stage | None, maxspan: int | None, unit: int
) -> list[tuple[Key, list[Event | None]]]:
    """Every sequence with its key, in the order of the last event (then the first event, then the key). maxspan in the
    unit of the timestamps, of which ``unit`` make a millisecond."""
    positive = [stage for stage in stages if not stage.missing]
    keys = dict.fromkeys(key for _, found in positive[0].events for key in found)
    made = []
    for key in keys:
        for sequence in _of_key(positive, until, maxspan, key):
            if _allowed(stages, sequence, maxspan, key, unit):
                rest = iter(sequence)
                made.append((key, [None if stage.missing else next(rest) for stage in stages]))
    return sorted(made, key=_place)


def _place(entry: tuple[Key, list[Event | None]]) -> tuple[Any, ...]:
    events = [event for event in entry[1] if event is not None]
    return (events[-1].ordinal.sort(), events[0].ordinal.position, tuple((v is not None, v) for v in entry[0]))


def _events(stage: Stage, key: Key) -> list[Event]:
    return sorted((event for event, keys in stage.events if key in keys), key=lambda event: event.ordinal.sort())


def _of_key(positive: list[Stage], until: Stage | None, maxspan: int | None, key: Key) -> Iterator[list[Event]]:
    stops = [event.ordinal for event in _events(until, key)] if until else []
    prefixes = [[event] for event in _events(positive[0], key)]
    for stage in positive[1:]:
        grown = []
        for event in _events(stage, key):
            before = [prefix for prefix in prefixes if prefix[-1].ordinal < event.ordinal]
            if not before:
                continue
            taken = before[-1]
            prefixes = [prefix for prefix in prefixes if taken[-1].ordinal < prefix[-1].ordinal]
            if maxspan is not None and event.ordinal.time - taken[0].ordinal.time > maxspan:
                continue
            if any(taken[-1].ordinal <= stop and stop < event.ordinal for stop in stops):
                continue
            grown.append([*taken, event])
        prefixes = grown
    yield from prefixes


def _allowed(stages: list[Stage], sequence: list[Event], maxspan: int | None, key: Key, unit: int) -> bool:
    times = [event.ordinal.time // unit for event in sequence]
    before = 0
    leading: list[int] = []
    trailing: list[int] = []
    has_leading = has_trailing = False
    for stage in stages:
        if not stage.missing:
            before += 1
            continue
        absent = [event.ordinal.time // unit for event in _events(stage, key)]
        if before == 0:
            has_leading = True
            leading += [max(time for time in absent if time < times[0])] if any(t < times[0] for t in absent) else []
        elif before == len(sequence):
            has_trailing = True
            trailing += [min(time for time in absent if time > times[-1])] if any(t > times[-1] for t in absent) else []
        elif any(times[before - 1] < time < times[before] for time in absent):
            return False
    span = (maxspan or 0) // unit
    if has_leading and has_trailing:
        return not leading or not trailing or min(trailing) - max(leading) > span
    if has_leading:
        return not leading or times[-1] - max(leading) > span
    if has_trailing:
        return not trailing or min(trailing) - times[0] > span
    return True


def samples(
    stages: list[Stage], most: int, size: int | None, order: Callable[[Key], Any]
) -> list[tuple[Key, list[Event]]]:
    """Samples by key in ascending order: the first choices of distinct documents, one for each stage."""
    common = set.intersection(*({key for _, keys in stage.events for key in keys} for stage in stages))
    made: list[tuple[Key, list[Event]]] = []
    for key in sorted(common, key=order):
        lists = [[event for event, keys in stage.events if key in keys][: len(stages) * most] for stage in stages]
        found = 0
        for choice in product(*lists):
            if found == most:
                break
            if len({event.document.position for event in choice}) == len(choice):
                made.append((key, list(choice)))
                found += 1
    return made if size is None else made[:size]
