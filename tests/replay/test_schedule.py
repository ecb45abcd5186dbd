"""The schedule, against a loop that goes through all runs: over matches, and over events with a table cut for each run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference.interpreter import Request, search

from falselight.eql.parser import parse
from falselight.eql.typed import Limit
from falselight.hunting import options
from falselight.plan.limits import Window, combine
from falselight.replay.run import RuleReplay, replay
from falselight.replay.schedule import Match, assign
from falselight.rules import Rule
from falselight.searching import plan
from falselight.source import Source
from falselight.sources import load

MINUTE = 60_000_000_000


def by_hand(matches: list[Match], last: int, most: int, pipes: Window) -> tuple[dict[int, int], int, int]:
    """order → run, by searching at every run; the most matches of one run, and the runs that had ``most``."""
    written: dict[int, int] = {}
    busiest = capped = 0
    for run in range(200):
        seen = sorted(
            (match for match in matches if any(a <= run <= z for a, z in match.runs)), key=lambda match: match.order
        )
        seen = pipes.view(seen[::-1] if pipes.descending else seen)
        busiest, capped = max(busiest, len(seen)), capped + (len(seen) >= most and run <= last)
        for match in seen[-most:]:
            written.setdefault(match.order, run)
    return written, busiest, capped


limits = st.lists(st.builds(Limit, st.sampled_from(("head", "tail")), st.integers(1, 5)), max_size=2)


@st.composite
def drawn(draw: st.DrawFn) -> list[Match]:
    stretches = st.lists(st.integers(0, 150), max_size=4, unique=True).map(sorted)
    made = draw(st.lists(stretches, max_size=25))
    pairs = [tuple((each[at], each[at + 1]) for at in range(0, len(each) - 1, 2)) for each in made]
    return [Match((n,), runs, n) for n, runs in enumerate(pairs)]


@given(drawn(), st.integers(1, 6), st.integers(50, 160), limits)
def test_one_pass_finds_what_every_run_finds(matches: list[Match], most: int, last: int, written: list[Limit]) -> None:
    schedule = assign(matches, most, (0, last), pipes=combine(written))
    found = {each.match.order: each.run for each in schedule.found}
    assert (found, schedule.busiest, schedule.capped_runs) == by_hand(matches, last, most, combine(written))
    rest = [match.order for match in (*schedule.unseen, *schedule.cut)]
    assert sorted(rest) == sorted({match.order for match in matches} - found.keys())
    assert all(not match.runs for match in schedule.unseen) and all(match.runs for match in schedule.cut)


MAPPING = {
    "properties": {
        "@timestamp": {"type": "date"},
        "event.category": {"type": "keyword"},
        "event.ingested": {"type": "date"},
        "event.created": {"type": "date"},
        "event.start": {"type": "date"},
        "event.sequence": {"type": "long"},
        "host.name": {"type": "keyword"},
        "user.name": {"type": "keyword"},
    }
}
QUERIES = (
    "any where user.name : \"?\"",
    "sequence by host.name with maxspan=8m [process where true] [file where true]",
    "sequence by host.name [process where true] [file where true] [process where true] until [network where true]",
    "sequence by host.name, user.name with maxspan=6m [process where true] with runs=3",
    "sequence [process where true] with runs=2 [file where true] until [network where true]",
    "sequence with maxspan=5m [process where true] by user.name [file where true] by host.name",
    "sequence by host.name with maxspan=5m [process where true] ![file where true]",
    "sequence by host.name with maxspan=5m ![file where true] [process where true] [process where true]",
    "sequence by host.name with maxspan=9m [process where true] ![file where true] [network where true] "
    'until [any where user.name == "b"]',
    "sequence by ?user.name with maxspan=4m [process where true] [file where true]",
    "sample by host.name [process where true] [file where true]",
    "sample by host.name, user.name [any where true] [any where true]",
)  # fmt: skip
PIPES = ("", "", "", " | head 2", " | tail 3", " | head 4 | tail 2")


@dataclass(frozen=True)
class Plot:
    """A rule, its events, and whether their order in time is that of their ingestion."""

    rule: Rule
    events: list[dict[str, Any]]


def stamp(minutes: float) -> str:
    return datetime.fromtimestamp(1_773_219_600 + round(minutes * 60), UTC).isoformat().replace("+00:00", "Z")


@st.composite
def plots(draw: st.DrawFn) -> Plot:
    query = draw(st.sampled_from(QUERIES))
    if not query.startswith("sample"):
        query += draw(st.sampled_from(PIPES))
    late, override = draw(st.booleans()), draw(st.sampled_from((None, None, "event.ingested", "event.created")))
    rule = Rule(
        id="one",
        name="one",
        query=query,
        interval=f"{draw(st.integers(1, 6))}m",
        from_=f"now-{draw(st.integers(1, 25))}m",
        to=draw(st.sampled_from(("now", "now", "now-2m"))),
        max_signals=draw(st.sampled_from((1, 3, 100))),
        timestamp_override=override,
        timestamp_override_fallback_disabled=draw(st.booleans()),
        timestamp_field=draw(st.sampled_from(("@timestamp", "@timestamp", "event.start"))),
        tiebreaker_field=draw(st.sampled_from((None, "event.sequence"))),
    )
    return Plot(rule, [_event(draw, late) for _ in range(draw(st.integers(3, 14)))])


def _event(draw: st.DrawFn, late: bool) -> dict[str, Any]:
    minute = draw(st.integers(0, 20)) + draw(st.sampled_from((0, 0, 0.5)))
    event: dict[str, Any] = {"category": draw(st.sampled_from(("process", "process", "file", "file", "network")))}
    if late and draw(st.booleans()):
        event["ingested"] = stamp(minute + draw(st.integers(0, 20)))
    if draw(st.booleans()):
        event["created"] = stamp(minute + draw(st.integers(-8, 8)))
    event["start"] = stamp(minute + draw(st.sampled_from((0, 0, -3, 2))))
    event["sequence"] = draw(st.integers(0, 3))
    names = st.sampled_from(("a", "a", "a", "b", ["a", "b"]))
    made: dict[str, Any] = {"@timestamp": stamp(minute), "event": event, "host": {"name": draw(names)}}
    if draw(st.booleans()):
        made["user"] = {"name": draw(names)}
    return made


def seconds(event: dict[str, Any], name: str) -> int | None:
    found = event.get("@timestamp") if name == "@timestamp" else event["event"].get(name.removeprefix("event."))
    return None if found is None else int(datetime.fromisoformat(found).timestamp())


def sees(rule: Rule, event: dict[str, Any], run: int) -> bool:
    """Whether a run at a time finds an event."""
    time = seconds(event, rule.timestamp_override or "@timestamp")
    if time is None and not rule.timestamp_override_fallback_disabled:
        time = seconds(event, "@timestamp")
    arrived = seconds(event, "event.ingested")
    if time is None or (arrived is not None and arrived > run):
        return False
    assert rule.look_back is not None
    until = 120 if rule.to == "now-2m" else 0
    return run - rule.look_back // 1_000_000_000 <= time <= run - until


def searched(rule: Rule, events: list[dict[str, Any]]) -> list[tuple[int | None, ...]]:
    """What one search by the reference interpreter gives that asks for ``max_signals``, as the numbers of the events."""
    request = Request(rule.timestamp_field, rule.event_category_override, rule.tiebreaker_field, size=None)
    found = [tuple(positions) for _, positions in search(parse(Source(rule.query)), events, MAPPING, request)]
    return found[: rule.max_signals] if rule.query.startswith("sample") else found[-rule.max_signals :]


def every_run(case: Plot) -> dict[tuple[int | None, ...], int]:
    """Matches by the numbers of their events → the time of the run that alerts, by cutting the events for every run."""
    assert case.rule.every is not None
    step = case.rule.every // 1_000_000_000
    written: dict[tuple[int | None, ...], int] = {}
    start = 1_773_219_600 - 30 * 60
    before: list[int] = []
    for run in range(-(-start // step) * step, start + 140 * 60, step):
        seen = [number for number, event in enumerate(case.events) if sees(case.rule, event, run)]
        if not seen or seen == before:
            continue
        before = seen
        for positions in searched(case.rule, [case.events[number] for number in seen]):
            written.setdefault(tuple(None if s is None else seen[s] for s in positions), run)
    return written


def replayed(case: Plot) -> RuleReplay:
    table = load(case.events, MAPPING).table
    return replay(case.rule, plan(Source(case.rule.query), table.schema, options(case.rule)), table)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(plots())
def test_the_replay_is_what_every_run_finds_in_the_events_that_it_sees(case: Plot) -> None:
    made = replayed(case).schedule
    assert {each.match.positions: each.run * case.rule.every // 1_000_000_000 for each in made.found} == every_run(case)  # type: ignore[operator]
