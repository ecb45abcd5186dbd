"""Alert suppression: alerts of one rule with the same values become one, within a run or for a while.

What is suppressed is not written, so that a run finds it again while it is in its sight. An alert that is open then has taken it
already; once the duration is over, it becomes an alert again (elastic/kibana, alert_with_suppression)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from falselight.plan.dates import iso
from falselight.replay.alerts import SPACE, uuid, value
from falselight.replay.schedule import Found, Match, Schedule
from falselight.rules.exceptions import Suppression
from falselight.rules.model import Rule

Document = dict[str, Any]
Build = Callable[[Match, int], Document]


@dataclass
class Kept:
    """An alert that is written, at which run (epoch nanoseconds), and how many it stands for beside itself."""

    alert: Document
    run: int
    suppressed: int = 0


@dataclass
class _Instance:
    """Alerts with the same values: the one that is open, and the matches that it took, which later runs may find again."""

    terms: list[Document]
    id: str
    open: Kept | None = None
    taken: list[Match] = field(default_factory=list)


def suppress(rule: Rule, schedule: Schedule, interval: int, build: Build) -> list[Kept]:
    """The alerts of what the schedule's runs found, in order of writing. ``build`` makes the alert of an event, or the shell of
    a sequence, that is written at a time. Those that suppression keeps get ``kibana.alert.suppression.*``."""
    if rule.alert_suppression is None:
        return [Kept(build(found.match, found.run * interval), found.run * interval) for found in schedule.found]
    return _Suppression(rule, rule.alert_suppression, schedule, interval, build).kept


class _Suppression:
    def __init__(self, rule: Rule, plan: Suppression, schedule: Schedule, interval: int, build: Build) -> None:
        self.rule, self.plan, self.schedule, self.interval, self.build = rule, plan, schedule, interval, build
        self.kept: list[Kept] = []
        self.instances: dict[str, _Instance] = {}
        # Runs at which an open alert takes no more, while some run still finds what it took.
        self.ends: list[tuple[int, str]] = []
        for run, found in _by_run(schedule.found):
            self._over_before(run)
            self._written(run, found)
        self._over_before(None)

    def _written(self, run: int, found: Sequence[Found]) -> None:
        """What one run finds for the first time."""
        groups: dict[str, list[tuple[Match, Document]]] = {}
        for each in found:
            alert = self.build(each.match, run * self.interval)
            terms = [{"field": name, "value": _terms(alert, name)} for name in self.plan.group_by]
            if self.plan.missing_fields_strategy == "doNotSuppress" and any(term["value"] is None for term in terms):
                self.kept.append(Kept(alert, run * self.interval))
                continue
            id = _instance(self.rule, terms)
            self.instances.setdefault(id, _Instance(terms, id))
            groups.setdefault(id, []).append((each.match, alert))
        for id, own in groups.items():
            instance = self.instances[id]
            if instance.open is not None and self._takes(instance.open, run):
                self._take(instance, run, own)
            else:
                again = [(match, self.build(match, run * self.interval)) for match in self._seen(instance, run)]
                self._open(instance, run, [*again, *own])

    def _over_before(self, run: int | None) -> None:
        """New alerts of what open ones had taken, at the runs before this one at which they take no more."""
        while self.ends and (run is None or self.ends[0][0] < run):
            at, id = heappop(self.ends)
            instance = self.instances[id]
            if instance.open is None or self._takes(instance.open, at) or at > self.schedule.last:
                continue
            if matches := self._seen(instance, at):
                self._open(instance, at, [(match, self.build(match, at * self.interval)) for match in matches])

    def _takes(self, known: Kept, run: int) -> bool:
        """Whether an open alert takes what a run finds: within its own run, or for the duration since it was written."""
        if self.plan.duration is None:
            return known.run == run * self.interval
        return known.run >= run * self.interval - self.plan.duration.nanoseconds

    def _seen(self, instance: _Instance, run: int) -> list[Match]:
        """What was taken and is found by this run again. Without a duration Kibana knows it by the time of the last alert."""
        if self.plan.duration is None:
            return []
        return [match for match in instance.taken if self.schedule.finds(run, match)]

    def _open(self, instance: _Instance, run: int, found: Sequence[tuple[Match, Document]]) -> None:
        first, *rest = sorted(found, key=lambda each: _time(each[1]))
        made = Kept({**first[1], **_fields(first[1], instance)}, run * self.interval)
        instance.open, instance.taken = made, []
        self.kept.append(made)
        self._take(instance, run, rest)
        if self.plan.duration is not None:
            heappush(self.ends, ((made.run + self.plan.duration.nanoseconds) // self.interval + 1, instance.id))

    def _take(self, instance: _Instance, run: int, found: Sequence[tuple[Match, Document]]) -> None:
        known = instance.open
        assert known is not None
        for match, alert in found:
            instance.taken.append(match)
            end = max(_time(known.alert, "kibana.alert.suppression.end"), _time(alert))
            known.suppressed += 1
            known.alert["kibana.alert.suppression.docs_count"] = known.suppressed
            known.alert["kibana.alert.suppression.end"] = end or None
            known.alert["kibana.alert.last_detected"] = iso(run * self.interval)


def _by_run(found: Sequence[Found]) -> list[tuple[int, list[Found]]]:
    runs: dict[int, list[Found]] = {}
    for each in found:
        runs.setdefault(each.run, []).append(each)
    return sorted(runs.items())


def _time(alert: Mapping[str, Any], name: str = "kibana.alert.original_time") -> str:
    found = alert.get(name)
    return "" if found is None else str(found[0] if isinstance(found, list) and found else found)


def _terms(alert: Mapping[str, Any], name: str) -> list[str] | None:
    found = value(alert, name)
    if found is None or found == []:
        return None
    return sorted(str(each) for each in (found if isinstance(found, list) else [found]))


def _instance(rule: Rule, terms: list[Document]) -> str:
    return hashlib.sha256(json.dumps([terms, uuid(rule), SPACE], sort_keys=True).encode()).hexdigest()


def _fields(alert: Mapping[str, Any], instance: _Instance) -> Document:
    when = alert.get("kibana.alert.original_time")
    return {
        "kibana.alert.instance.id": instance.id,
        "kibana.alert.suppression.terms": instance.terms,
        "kibana.alert.suppression.start": when,
        "kibana.alert.suppression.end": when,
        "kibana.alert.suppression.docs_count": 0,
    }
