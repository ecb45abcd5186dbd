"""The schedule: every run as Kibana would do it, against one that really goes through all runs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from falselight.replay.schedule import Match, assign

MINUTE = 60_000_000_000


def by_hand(matches: list[Match], interval: int, look_back: int, until: int, most: int) -> dict[int, int]:
    """order → run, by searching at every run."""
    written: dict[int, int] = {}
    if not matches:
        return written
    run = min(match.first for match in matches) // interval * interval
    while run <= max(match.last for match in matches) + until + look_back + interval:
        seen = [match for match in matches if run - look_back <= match.first and match.last <= run - until]
        for match in sorted(seen, key=lambda match: match.order)[-most:]:
            written.setdefault(match.order, run)
        run += interval
    return written


@st.composite
def drawn(draw: st.DrawFn) -> tuple[list[Match], int, int, int, int]:
    late = draw(st.booleans())
    spans = draw(st.lists(st.tuples(st.integers(0, 120), st.integers(0, 40)), max_size=25))
    ends = sorted((start + length, start) for start, length in spans)
    if late:
        ends = draw(st.permutations(ends))
    matches = [Match((n,), start * MINUTE, end * MINUTE, n) for n, (end, start) in enumerate(ends)]
    interval, look_back, until = draw(st.integers(1, 15)), draw(st.integers(1, 60)), draw(st.sampled_from((0, 0, 3)))
    return matches, interval * MINUTE, look_back * MINUTE, until * MINUTE, draw(st.integers(1, 6))


@given(drawn())
def test_one_pass_finds_what_every_run_finds(case: tuple[list[Match], int, int, int, int]) -> None:
    matches, interval, look_back, until, most = case
    begin, end = min((m.first for m in matches), default=0), max((m.last for m in matches), default=0)
    schedule = assign(matches, interval, look_back, until, most, begin, end)
    assert {found.match.order: found.run for found in schedule.found} == by_hand(
        matches, interval, look_back, until, most
    )
    rest = {match.order for match in (*schedule.unseen, *schedule.cut)}
    assert rest == {match.order for match in matches} - {found.match.order for found in schedule.found}
    assert len(schedule.unseen) + len(schedule.cut) == len(rest)
