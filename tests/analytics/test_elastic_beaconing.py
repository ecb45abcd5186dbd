"""Our reading of Elastic's beaconing features does what the formulas say of clean series."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest

from falselight.analytics import elastic_beaconing
from falselight.analytics.elastic_beaconing import BUCKETS, features


def series(*minutes: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.bincount(minutes, minlength=BUCKETS)[:BUCKETS].astype(np.float64)[None, :]


@pytest.mark.parametrize("minutes", [1, 5, 10, 30, 45])
def test_exact_sleeps_are_periodic(minutes: int) -> None:
    counts = series(*range(0, BUCKETS, minutes))
    found = features(counts, counts * 0 + 100.0, counts * 0 + 50.0)
    assert found.periodic[0] and found.correlation[0] == pytest.approx(1.0) and found.score[0] == 3


def test_an_hourly_sleep_is_never_evaluated() -> None:
    counts = series(*range(0, BUCKETS, 60))
    found = features(counts, counts * 0 + 100.0, counts * 0 + 50.0)
    assert not found.evaluated[0] and not found.beaconing[0] and found.score[0] == 0


def test_jitter_ends_periodicity_and_steady_bytes_alone_still_score() -> None:
    draw = np.random.default_rng(5)
    minutes = np.cumsum(draw.integers(3, 9, 50))
    counts = series(*minutes[minutes < BUCKETS].tolist())
    steady = features(counts, np.full_like(counts, 100.0), np.full_like(counts, 50.0))
    assert not steady.periodic[0] and steady.score[0] == 2
    varied = features(counts, draw.lognormal(6, 1, counts.shape), draw.lognormal(6, 1, counts.shape))
    assert not varied.steady_sent[0] and not varied.steady_received[0]


def test_two_servers_of_one_process_are_one_series() -> None:
    connection = duckdb.connect()
    connection.execute("""CREATE TABLE connections AS SELECT 'h' AS host, 'p' AS process, TRUE AS outward, 100 AS sent,
      50 AS received, (k * 300 * 1000000000)::BIGINT AS time FROM range(0, 72) t(k)""")
    found = elastic_beaconing.best_scores(connection, 0, 21_600 * 10**9)
    assert found == {("h", "p"): (3, 1.0)}
