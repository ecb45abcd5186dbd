"""A rhythm counts as far as it fills the time: what keeps it, what replaces it, and whose company tells against it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from falselight.analytics import beacons, regularity
from falselight.analytics.connections import RESOLVERS
from falselight.analytics.series import Floats, Series
from falselight.lab import timing
from falselight.store import connect

HOUR, SECOND = 3600, 10**9


def calls(
    host: str, server: str, times: Floats, address: str = "203.0.113.9", port: int = 443, seconds: float = 0.2
) -> pa.Table:
    count = len(times)
    return pa.table({
        "host": [host] * count, "domain": pa.array([server or None] * count, pa.string()), "address": [address] * count,
        "port": [port] * count, "duration": [int(seconds * SECOND)] * count, "outward": [True] * count,
        "time": (np.sort(times) * SECOND).astype(np.int64),
    })  # fmt: skip


def scored(*parts: pa.Table, resolvers: tuple[str, ...] = ()) -> dict[tuple[str, str], tuple[beacons.Scores, int]]:
    connection = connect()
    connection.register("drawn", pa.concat_tables(parts))
    connection.execute("CREATE TEMP TABLE connections AS FROM drawn")
    connection.execute(f"CREATE TEMP TABLE {RESOLVERS} (address VARCHAR)")
    for each in resolvers:
        connection.execute(f"INSERT INTO {RESOLVERS} VALUES (?)", [each])
    found = beacons.score(connection)
    assert found is not None
    return {(str(found.pairs.hosts[k]), str(found.pairs.servers[k])): (found, k) for k in found.ranking()}


def factor(found: tuple[beacons.Scores, int], name: str) -> float:
    return float(found[0].factors[name][found[1]])


def test_the_rhythm_of_bursts_does_not_hide_the_sleep() -> None:
    draw = np.random.default_rng(1)
    beats = timing.poll(draw, "one_sided", 900, 0.5, 0, 5 * 24 * HOUR)
    bursts = [beats[k] + np.cumsum(draw.uniform(4, 6, 120)) for k in range(5, 400, 100)]
    moments = (np.sort(np.concatenate([beats, *bursts])) * 1e6).astype(np.int64)
    own = beacons.parameters()["timing"]
    found = regularity.measure(Series(moments, np.array([0, len(moments)])), own["merge_seconds"], own["widths"], 5, 60)
    assert 450 <= found.sleep[0] <= 950 and found.chance[0] < -6


def test_hosts_that_are_regular_for_a_while_are_no_peers() -> None:
    draw = np.random.default_rng(2)
    beacon = calls("bad", "a.shared.com", timing.poll(draw, "one_sided", 30, 0.1, 0, 24 * HOUR))

    def others(stretches: int, length: float) -> list[pa.Table]:
        begins = np.arange(stretches) * 24 * HOUR / stretches
        return [
            calls(f"h{k}", f"n{k}.shared.com", np.concatenate([timing.poll(draw, "symmetric", 30, 0.1, at, at + length)
                                                               for at in begins]))
            for k in range(8)
        ]  # fmt: skip

    passing = scored(beacon, *others(12, 180))["bad", "a.shared.com"]
    steady = scored(beacon, *others(1, 24 * HOUR))["bad", "a.shared.com"]
    assert factor(passing, "peers") == 0 and factor(passing, "lone") > 3
    assert factor(steady, "peers") > 3 and factor(steady, "lone") < 0.2


def test_long_connections_fill_the_time_between_beats() -> None:
    draw = np.random.default_rng(3)
    beats = timing.poll(draw, "symmetric", 20, 0.05, 6 * HOUR, 6 * HOUR + 400)
    before = np.array([60.0, 2 * HOUR, 4 * HOUR])
    brief, held = (
        scored(calls("bad", "", np.concatenate([beats, before[:2]])), calls("bad", "", before, seconds=seconds))
        for seconds in (0.2, 1.9 * HOUR)
    )
    (less,), (more,) = brief.values(), held.values()
    assert factor(more, "kept") > -0.5 > -4 > factor(less, "kept")


def test_an_open_connection_adds_nothing_to_a_rhythm() -> None:
    draw = np.random.default_rng(4)
    regular = calls("a", "one.com", timing.poll(draw, "symmetric", 600, 0.02, 0, 48 * HOUR), seconds=590)
    without = calls("b", "two.com", np.sort(draw.uniform(0, 48 * HOUR, 6)), seconds=4 * HOUR)
    found = scored(regular, without)
    assert factor(found["a", "one.com"], "open") < 0.1 and factor(found["b", "two.com"], "open") > 3


def test_clocks_and_resolvers_are_polled_by_their_nature() -> None:
    draw = np.random.default_rng(5)
    times = timing.poll(draw, "symmetric", 64, 0.05, 0, 8 * HOUR)
    clock = calls("a", "", times, "203.0.113.1", 123)
    resolver, tunnel = (calls("a", "", times, place, 53) for place in ("203.0.113.2", "203.0.113.3"))
    found = scored(clock, resolver, tunnel, resolvers=("203.0.113.2",))
    assert [factor(found["a", f"203.0.113.{k}"], "service") for k in (1, 2, 3)] == [2, 1, 0]


def test_to_call_by_address_tells_where_others_are_called_by_name() -> None:
    draw = np.random.default_rng(6)
    times = timing.poll(draw, "symmetric", 64, 0.05, 0, 8 * HOUR)
    bad = calls("a", "203.0.113.1", times, "203.0.113.1")
    named = [calls("a", f"www.site{k}.com", times[:3]) for k in range(9)]
    unnamed = [calls("a", "", times[:3], f"198.51.100.{k}") for k in range(9)]
    direct = [factor(scored(bad, *others)["a", "203.0.113.1"], "direct") for others in (named, unnamed)]
    assert direct[0] > 0.85 and direct[1] == 0
