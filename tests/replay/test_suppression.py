"""Suppression run by run: a slow loop over all runs, which searches and suppresses as Kibana does, writes the same alerts."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from falselight.hunting import hunt
from falselight.replay.run import RuleReplay
from falselight.rules import Rule

START = datetime(2026, 3, 11, 9, tzinfo=UTC)


PAIRS = "sequence by host.name [network where true] [network where true]"


@dataclass(frozen=True)
class Happened:
    """An event: minutes from the start, its host and user, and how much later it was ingested."""

    minute: float
    host: str | None
    user: str | None = None
    late: float = 0


def stamp(minute: float) -> str:
    return (START + timedelta(minutes=minute)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def document(each: Happened) -> dict[str, Any]:
    ingested = {"ingested": stamp(each.minute + each.late)} if each.late else {}
    made: dict[str, Any] = {"@timestamp": stamp(each.minute), "event": {"category": ["network"], **ingested}}
    made |= {"host": {"name": each.host}} if each.host else {}
    return made | ({"user": {"name": each.user}} if each.user else {})


def replayed(folder: Path, events: list[Happened], rule: Rule) -> RuleReplay:
    path = folder / "events.ndjson"
    path.write_text("".join(json.dumps(document(each)) + "\n" for each in events))
    (run,) = hunt([path], [rule], as_scheduled=True, report=lambda _: None).rules
    assert run.replay is not None
    return run.replay


def rule(
    look_back: int, suppression: dict[str, Any], max_signals: int = 100, query: str = "network where true", **more: Any
) -> Rule:
    given = {"query": query, "interval": "5m", "from_": f"now-{look_back}m", "max_signals": max_signals, **more}
    return Rule.model_validate(
        {"id": "a", "name": "a", **given, "alert_suppression": {"group_by": ["host.name"], **suppression}}
    )


def minutes(text: str) -> float:
    return round((datetime.fromisoformat(text) - START).total_seconds() / 60, 3)


@dataclass
class Alert:
    run: float
    events: tuple[int, ...]
    group: Any
    end: float
    docs: int = 0
    blocks: int = 0

    def told(self) -> tuple[Any, ...]:
        return round(self.run), self.events, self.docs, self.blocks, None if self.group is None else round(self.end, 3)


class Loop:
    """Every run from the first event's to the last one's, each in full: search, look up what is written, suppress, cap."""

    def __init__(self, events: list[Happened], given: Rule, pairs: bool) -> None:
        assert given.alert_suppression is not None
        self.events, self.rule, self.plan, self.pairs = events, given, given.alert_suppression, pairs
        self.look_back = int(given.from_.strip("now-m"))
        self.alerts: list[Alert] = []
        self.taken: set[tuple[int, ...]] = set()
        self.duration = self.plan.duration.nanoseconds / 60e9 if self.plan.duration else None
        seen = [max(each.minute, each.minute + each.late) for each in events]
        run = -(-min(each.minute for each in events) // 5) * 5
        while run <= -(-max(seen) // 5) * 5:
            self.run(run)
            run += 5

    def search(self, run: float) -> list[tuple[int, ...]]:
        """The newest matches among the events that the run sees."""
        seen = [
            number
            for number, each in enumerate(self.events)
            if run - self.look_back <= each.minute <= run and each.minute + each.late <= run
        ]
        if not self.pairs:
            return [(number,) for number in seen][-self.rule.max_signals :]
        found = []
        for host in {self.events[number].host for number in seen} - {None}:
            own = [number for number in seen if self.events[number].host == host]
            found += list(pairwise(own))
        return sorted(found, key=lambda pair: pair[1])[-self.rule.max_signals :]

    def group(self, match: tuple[int, ...]) -> tuple[Any, ...]:
        """What all events of a match have in the fields of suppression."""
        values = []
        for name in self.plan.group_by:
            found = {getattr(self.events[number], name.split(".")[0]) for number in match}
            values.append(found.pop() if len(found) == 1 else None)
        return tuple(values)

    def run(self, run: float) -> None:
        matches = self.search(run)
        apart = (
            [each for each in matches if None in self.group(each)]
            if self.plan.missing_fields_strategy != "suppress"
            else []
        )
        left, created = self.rule.max_signals, 0
        for match in apart:
            known = next((each for each in self.alerts if each.events == match), None)
            for block in range(-1, len(match) if self.pairs else 0):
                if block == -1:
                    if known is None and left:
                        known, left, created = Alert(run, match, None, 0), left - 1, created + 1
                        self.alerts.append(known)
                elif known is not None and known.blocks == block and left:
                    known.blocks, left = block + 1, left - 1
        self.suppress(run, [each for each in matches if each not in apart], self.rule.max_signals - created)

    def suppress(self, run: float, matches: list[tuple[int, ...]], most: int) -> None:
        written = {each.events for each in self.alerts}
        since = run - (self.look_back if self.duration is None else self.duration)
        groups: dict[Any, list[tuple[float, tuple[int, ...]]]] = {}
        known: dict[Any, Alert] = {}
        for match in matches:
            group, time = self.group(match), run if self.pairs else self.events[match[0]].minute
            open_alerts = [each for each in self.alerts if each.group == group and each.run >= since]
            if open_alerts:
                known[group] = open_alerts[-1]
            if match not in written and not (group in known and known[group].end >= time):
                groups.setdefault(group, []).append((time, match))
        documents: list[tuple[Alert, bool]] = []
        order = sorted(groups, key=lambda group: min(time for time, _ in groups[group]))
        for group in order:
            own = sorted(groups[group], key=lambda each: each[0])
            if group in known and self.duration is not None:
                known[group].docs += len(own)
                known[group].end = own[-1][0]
                continue
            made = Alert(run, own[0][1], group, own[-1][0], len(own) - 1)
            documents += [(made, False), *[(made, True)] * (len(own[0][1]) if self.pairs else 0)]
        for made, is_block in documents[: most or None]:
            if is_block:
                made.blocks += 1
            else:
                self.alerts.append(made)


def told(made: RuleReplay) -> list[tuple[Any, ...]]:
    found = []
    for each in made.kept:
        ancestors = each.alert["kibana.alert.ancestors"]
        events = tuple(int(one["id"]) for one in ancestors if one["type"] == "event")
        end = each.alert.get("kibana.alert.suppression.end")
        run = round((each.run - START.timestamp() * 1e9) / 60e9)
        assert each.alert.get("kibana.alert.suppression.docs_count", 0) == each.suppressed
        found.append((run, events, each.suppressed, len(each.blocks), None if end is None else minutes(end)))
    return sorted(found)


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("seed", range(40))
def test_the_loop_writes_the_same_alerts(seed: int, pairs: bool, tmp_path: Path) -> None:
    draw = random.Random(seed)
    late = draw.random() < 0.3
    events = sorted(
        (
            Happened(
                round(draw.uniform(0, 150), 2),
                draw.choice(["a", "b", "c"] if pairs else ["a", "b", "c", None]),
                draw.choice(["u", "u", "u", "v", None]),
                draw.choice([0, 7, 23]) if late else 0,
            )
            for _ in range(draw.choice([3, 5, 20, 50]))
        ),
        key=lambda each: each.minute,
    )
    duration = draw.choice([None, 7, 20, 45, 300])
    suppression: dict[str, Any] = {"missing_fields_strategy": draw.choice(["suppress", "doNotSuppress"])}
    if duration is not None:
        suppression["duration"] = {"value": duration, "unit": "m"}
    if draw.random() < 0.5:
        suppression["group_by"] = ["host.name", "user.name"]
    given = rule(
        draw.choice([6, 10, 31, 70, 140]),
        suppression,
        draw.choice([2, 3, 10, 100]),
        PAIRS if pairs else "network where true",
    )
    assert told(replayed(tmp_path, events, given)) == sorted(each.told() for each in Loop(events, given, pairs).alerts)


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("duration", [None, 5, 20, 22, 60, 600])
@pytest.mark.parametrize("most", [2, 4, 100])
def test_runs_that_find_the_same_are_done_at_once(duration: int | None, pairs: bool, most: int, tmp_path: Path) -> None:
    events = [*(Happened(minute, "a") for minute in (1, 2, 3, 4, 31)), Happened(180, "b")]
    suppression = {} if duration is None else {"duration": {"value": duration, "unit": "m"}}
    given = rule(150, suppression, most, PAIRS if pairs else "network where true")
    assert told(replayed(tmp_path, events, given)) == sorted(each.told() for each in Loop(events, given, pairs).alerts)


def event(minute: float, host: str | None) -> Happened:
    return Happened(minute, host)


def test_what_is_suppressed_is_an_alert_again_where_runs_look_back_further(tmp_path: Path) -> None:
    events = [event(1, "a"), event(2, "a"), event(3, "a"), event(59, "b")]
    half = {"duration": {"value": 30, "unit": "m"}}
    made = replayed(tmp_path, events, rule(60, half))
    assert [each.alert["kibana.alert.original_time"][14:16] for each in made.kept] == ["01", "02", "59"]
    assert [each.suppressed for each in made.kept] == [2, 1, 0] and made.suppressed == 1
    assert len(replayed(tmp_path, events, rule(30, half)).kept) == 2


def test_a_sequence_is_counted_by_each_run_that_finds_it(tmp_path: Path) -> None:
    events = [*(Happened(minute, "a") for minute in (1, 2, 3)), Happened(29, "b")]
    hour = replayed(tmp_path, events, rule(60, {"duration": {"value": 1, "unit": "h"}}, query=PAIRS))
    (kept,) = hour.kept
    # Six runs, from 5 to 30 minutes: the second pair is found by each of them.
    assert (kept.suppressed, hour.suppressed) == (6, 1)
    assert kept.alert["kibana.alert.suppression.docs_count"] == 6
    assert minutes(kept.alert["kibana.alert.suppression.start"]) == 5
    assert (
        minutes(kept.alert["kibana.alert.suppression.end"]) == minutes(kept.alert["kibana.alert.last_detected"]) == 30
    )


def test_without_a_duration_each_run_makes_an_alert_of_the_next_sequence(tmp_path: Path) -> None:
    events = [*(Happened(minute, "a") for minute in (1, 2, 3, 4)), Happened(29, "b")]
    made = replayed(tmp_path, events, rule(60, {}, query=PAIRS))
    assert told(made) == [(5, (0, 1), 2, 2, 5.0), (10, (1, 2), 1, 2, 10.0), (15, (2, 3), 0, 2, 15.0)]
    events_alone = replayed(tmp_path, events, rule(60, {}))
    assert [each.suppressed for each in events_alone.kept] == [3, 0]


def test_the_cap_counts_blocks(tmp_path: Path) -> None:
    events = [Happened(1 + n / 10, host) for n, host in enumerate("abcabc")]
    made = replayed(tmp_path, events, rule(4, {}, 5, PAIRS))
    assert told(made) == [(5, (0, 3), 0, 2, 5.0), (5, (1, 4), 0, 1, 5.0)]
    assert (made.over, made.incomplete, made.suppressed, len(made.schedule.found)) == (1, 1, 0, 3)
    assert made.to_dict()["cut_for_blocks"] == 1 and made.to_dict()["without_all_blocks"] == 1
    # The next run finds what was not written, but not the block of a shell that was.
    again = replayed(tmp_path, [*events, Happened(9, "d")], rule(9, {}, 5, PAIRS))
    assert told(again) == [*told(made), (10, (2, 5), 0, 2, 10.0)]
    apart = replayed(
        tmp_path,
        [*events, Happened(9, "d")],
        rule(9, {"missing_fields_strategy": "doNotSuppress", "group_by": ["user.name"]}, 5, PAIRS),
    )
    assert [(each.run % 60e10 // 60e9, len(each.blocks)) for each in apart.kept] == [(5, 2), (5, 2), (0, 2)]


def test_times_of_suppression_are_those_that_the_rule_searches_by(tmp_path: Path) -> None:
    events = [Happened(1, "a", late=2), Happened(2, "a", late=8), Happened(3, "a", late=1)]
    day = {"duration": {"value": 1, "unit": "h"}}
    (kept,) = replayed(tmp_path, events, rule(60, day, timestamp_override="event.ingested")).kept
    told_times = [minutes(kept.alert[f"kibana.alert.suppression.{name}"]) for name in ("start", "end")]
    assert told_times == [3, 10] and kept.suppressed == 2
    # By @timestamp the event that comes late is older than what was suppressed already: Kibana leaves it out uncounted.
    made = replayed(tmp_path, events, rule(60, day))
    assert [each.suppressed for each in made.kept] == [1] and made.suppressed == 2
