"""Alert suppression: alerts of one rule with the same values become one, within a run or for a while.

Run by run as Kibana does it (elastic/kibana: bulk_create_suppressed_alerts_in_memory, create_persistence_rule_type_wrapper).
Only what is written is known to the next run, which finds again all that was not. An event counts once, since the open alert
tells the time up to which it suppressed. A sequence has the time of the run, so that every run that finds it counts it again,
and without a duration makes an alert of the next one. The cap on alerts counts blocks here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from falselight import timestamps
from falselight.plan.dates import iso
from falselight.replay.alerts import SPACE, uuid, value
from falselight.replay.schedule import Match, Stretch
from falselight.rules.model import Rule

Document = dict[str, Any]
# An alert that is written at a time, and its blocks.
Build = Callable[[Match, int], tuple[Document, list[Document]]]
TIMESTAMP, MILLISECOND = "@timestamp", 1_000_000
# Kibana's own limit for a run (xpack.alerting.rules.run.alerts.max).
MOST_ALERTS = 1_000


@dataclass
class Kept:
    """An alert that is written, at which run (epoch nanoseconds), its blocks, and how often it took another alert's place.
    ``cut``: how many of its blocks the cap left out."""

    alert: Document
    run: int
    blocks: list[Document] = field(default_factory=list)
    suppressed: int = 0
    cut: int = 0


@dataclass
class Written:
    """Alerts in order of writing, the matches that they are of, and those that one of them took the place of."""

    kept: list[Kept] = field(default_factory=list)
    matches: set[Match] = field(default_factory=set)
    absorbed: set[Match] = field(default_factory=set)


@dataclass(frozen=True)
class _Terms:
    """What suppression knows of a match: the values that it is grouped by, their id, and its time in epoch milliseconds (None:
    that of the run). ``apart``: it lacks a value and is not suppressed."""

    values: list[Document]
    id: str
    time: int | None
    apart: bool


def suppress(rule: Rule, stretches: Iterable[Stretch], interval: int, build: Build) -> Written:
    """What the runs of a rule that suppresses write. Alerts for which others may be suppressed get
    ``kibana.alert.suppression.*``."""
    runs = _Runs(rule, interval, build)
    for stretch in stretches:
        runs.over(stretch)
    return runs.written


class _Runs:
    def __init__(self, rule: Rule, interval: int, build: Build) -> None:
        assert rule.alert_suppression is not None
        self.rule, self.plan, self.interval, self.build = rule, rule.alert_suppression, interval, build
        duration = rule.alert_suppression.duration
        # How long an alert is open. Without a duration it only tells what it took, for as long as a run sees that.
        self.window = (rule.look_back or 0) if duration is None else duration.nanoseconds
        self.most = min(rule.max_signals, MOST_ALERTS)
        self.written = Written()
        self.terms: dict[Match, _Terms] = {}
        self.apart: dict[Match, Kept] = {}
        self.last: dict[str, Kept] = {}
        self.ends: dict[str, int] = {}
        self.built: dict[Match, tuple[Document, list[Document]]] = {}

    def over(self, stretch: Stretch) -> None:
        """All runs of a stretch. Those that only count again what the run before them counted are done at once."""
        run, before = stretch.first, None
        while run <= stretch.last:
            counted = self._run(run * self.interval, stretch.taken)
            following = run + 1
            if counted is not None and counted == before:
                following = max(following, min(stretch.last + 1, self._closing(stretch.taken, run)))
                for id, count in counted.items():
                    last = (following - 1) * self.interval
                    self._take(id, count * (following - 1 - run), last, last // MILLISECOND)
            run, before = following, counted

    def _closing(self, taken: Iterable[Match], run: int) -> int:
        """The first run after this one at which an alert of these groups is open no more; beyond all runs without one."""
        open = filter(None, (self._open(self.terms[match].id, run * self.interval) for match in taken))
        return min(((each.run + self.window) // self.interval + 1 for each in open), default=1 << 62)

    def _run(self, at: int, taken: Sequence[Match]) -> dict[str, int] | None:
        """One run at a time. Gives how many each open alert took, None where something was written."""
        self.built.clear()
        for match in taken:
            if match not in self.terms:
                self.terms[match] = self._terms(match, at)
        shells, documents = self._write_apart([match for match in taken if self.terms[match].apart], at)
        # Kibana takes a cap of none for no cap.
        left = self.most - shells or None
        counted: dict[str, int] = {}
        for id, own in self._groups(taken, at).items():
            if self.plan.duration is not None and self._open(id, at) is not None:
                self._take(id, len(own), at, max(self._time(match, at) for match in own))
                self.written.absorbed.update(own)
                counted[id] = len(own)
                continue
            made = self._write(id, own, at, left)
            left = None if left is None else left - made
            documents += made
        return None if documents else counted

    def _groups(self, taken: Sequence[Match], at: int) -> dict[str, list[Match]]:
        """What is not written and no open alert knows, the oldest first, by group."""
        found = []
        for match in taken:
            if self.terms[match].apart or match in self.written.matches:
                continue
            id = self.terms[match].id
            if self._open(id, at) is not None and self.ends[id] >= self._time(match, at):
                self.written.absorbed.add(match)
            else:
                found.append(match)
        groups: dict[str, list[Match]] = {}
        for match in sorted(found, key=lambda match: self._time(match, at)):
            groups.setdefault(self.terms[match].id, []).append(match)
        return groups

    def _open(self, id: str, at: int) -> Kept | None:
        """The last alert of a group, where it is open at a time."""
        known = self.last.get(id)
        return known if known is not None and known.run >= at - self.window else None

    def _time(self, match: Match, at: int) -> int:
        own = self.terms[match].time
        return at // MILLISECOND if own is None else own

    def _take(self, id: str, count: int, at: int, end: int) -> None:
        """The open alert of a group takes the place of so many more, up to a time."""
        known = self.last[id]
        self.ends[id] = max(self.ends[id], end)
        known.suppressed += count
        known.alert["kibana.alert.suppression.docs_count"] = known.suppressed
        known.alert["kibana.alert.suppression.end"] = iso(self.ends[id] * MILLISECOND)
        known.alert["kibana.alert.last_detected"] = iso(at)

    def _write(self, id: str, own: Sequence[Match], at: int, left: int | None) -> int:
        """Write the first of a group, for all of it, as far as the cap leaves documents. Gives how many there are."""
        first, *rest = own
        if left == 0:
            return 0
        alert, blocks = self._built(first, at)
        kept = blocks[: None if left is None else left - 1]
        start, end = self._time(first, at), max(self._time(match, at) for match in own)
        fields = {
            "kibana.alert.instance.id": id,
            "kibana.alert.suppression.terms": self.terms[first].values,
            "kibana.alert.suppression.start": iso(start * MILLISECOND),
            "kibana.alert.suppression.end": iso(end * MILLISECOND),
            "kibana.alert.suppression.docs_count": len(rest),
        }
        self.last[id], self.ends[id] = Kept({**alert, **fields}, at, kept, len(rest), len(blocks) - len(kept)), end
        self.written.kept.append(self.last[id])
        self.written.matches.add(first)
        self.written.absorbed.update(rest)
        return 1 + len(kept)

    def _write_apart(self, matches: Sequence[Match], at: int) -> tuple[int, int]:
        """Write what is not suppressed, as far as the cap leaves documents: blocks that it cut off before, too. Gives how many
        alerts there are, and how many documents."""
        left, alerts = self.most, 0
        for match in matches:
            known = self.apart.get(match)
            if left == 0 or (known is not None and not known.cut):
                continue
            alert, blocks = self._built(match, at)
            if known is None:
                known = self.apart[match] = Kept(alert, at)
                self.written.kept.append(known)
                self.written.matches.add(match)
                left, alerts = left - 1, alerts + 1
            more = blocks[len(known.blocks) :][:left]
            known.blocks.extend(more)
            left, known.cut = left - len(more), len(blocks) - len(known.blocks)
        return alerts, self.most - left

    def _built(self, match: Match, at: int) -> tuple[Document, list[Document]]:
        if match not in self.built:
            self.built[match] = self.build(match, at)
        return self.built[match]

    def _terms(self, match: Match, at: int) -> _Terms:
        """Of an event Kibana takes values as lists; of a sequence as all its events have them."""
        alert, blocks = self._built(match, at)
        found = [value(alert, name) for name in self.plan.group_by]
        found = [None if not blocks and each == [] else each for each in found]
        values = [
            {"field": name, "value": _ordered(each, bool(blocks))}
            for name, each in zip(self.plan.group_by, found, strict=True)
        ]
        apart = self.plan.missing_fields_strategy == "doNotSuppress" and None in found
        hashed = json.dumps([values, uuid(self.rule), SPACE], sort_keys=True)
        return _Terms(values, hashlib.sha256(hashed.encode()).hexdigest(), self._own_time(alert, bool(blocks)), apart)

    def _own_time(self, alert: Mapping[str, Any], is_shell: bool) -> int | None:
        override = self.rule.timestamp_override
        if override is not None and override != TIMESTAMP:
            time = _milliseconds(value(alert, override))
            if time is not None or self.rule.timestamp_override_fallback_disabled:
                return time
        # The shell's own time is that of the run.
        return None if is_shell else _milliseconds(alert.get("kibana.alert.original_time"))


def _ordered(found: Any, is_shell: bool) -> Any:
    if isinstance(found, list):
        return sorted(found, key=lambda each: (str(type(each)), each))
    return found if is_shell or found is None else [found]


def _milliseconds(found: Any) -> int | None:
    first = found[0] if isinstance(found, list) and found else found
    nanoseconds = timestamps.parse(first, timestamps.DEFAULT_FORMAT) if isinstance(first, str) else None
    return None if nanoseconds is None else nanoseconds // MILLISECOND
