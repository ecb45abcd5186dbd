"""Beacons stand out of what is not regular, and every score says why."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from falselight.analytics import beacons, regularity
from falselight.analytics.series import Series
from falselight.lab import Implant, Lab, generate, timing
from falselight.store import connect

MERGES, WIDTHS = [0.0, 2.0, 10.0, 60.0, 600.0], [0.02, 0.06, 0.12, 0.25, 0.4, 0.55, 0.7]


def measure(*each: np.ndarray) -> regularity.Timing:
    micro = np.concatenate([(np.sort(one) * 1e6).astype(np.int64) for one in each])
    starts = np.concatenate([[0], np.cumsum([len(one) for one in each])])
    return regularity.measure(Series(micro, starts), MERGES, WIDTHS, 5, 60)


@pytest.mark.parametrize("sleep", [5, 60, 900, 3600])
@pytest.mark.parametrize("jitter", [0.0, 0.2, 0.37, 0.65])
def test_sleep_and_jitter_are_estimated(sleep: float, jitter: float) -> None:
    draw = np.random.default_rng(3)
    found = measure(timing.poll(draw, "symmetric", sleep, jitter, 0, sleep * 150))
    assert found.chance[0] < -6
    assert found.sleep[0] == pytest.approx(sleep, rel=0.15)
    assert found.jitter[0] == pytest.approx(jitter, abs=0.12)


def test_random_visits_are_rarely_called_regular() -> None:
    draw = np.random.default_rng(4)
    each = [np.cumsum(draw.exponential(draw.uniform(5, 5000), draw.integers(6, 300))) for _ in range(3000)]
    chance = measure(*each).chance
    assert (chance < -2).mean() < 0.01 and (chance < -4).mean() < 0.001


def test_nights_lost_beats_and_bursts_do_not_hide_a_beacon() -> None:
    draw = np.random.default_rng(5)
    days = np.concatenate([timing.poll(draw, "one_sided", 600, 0.3, d * 86_400 + 32_400, d * 86_400 + 61_200)
                           for d in range(5)])  # fmt: skip
    kept = days[draw.random(len(days)) > 0.2]
    bursts = np.concatenate([kept[k] + np.cumsum(draw.exponential(1.0, 300)) for k in (10, 60, 100)])
    assert measure(np.concatenate([kept, bursts])).chance[0] < -4


def scored(lab: Lab, threads: int | None = None) -> beacons.Scores:
    connection = load(lab.events, threads)
    found = beacons.score(connection)
    assert found is not None
    return found


def load(events: pa.Table, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    connection = connect(threads=threads)
    connection.register("lab", events)
    connection.execute("CREATE TEMP TABLE connections AS SELECT *, address NOT LIKE '10.%' AS outward FROM lab")
    return connection


@pytest.fixture(scope="module")
def lab() -> Lab:
    return generate(21, 30, 10, [Implant("test", 60, 0.3), Implant("test", 900, 0.2, duty="work")], pages=20)


def test_implants_come_first_with_reasons(lab: Lab) -> None:
    found = scored(lab)
    order = found.ranking()
    labels = {(label.host, label.server): label for label in lab.labels}
    places = [at for at, k in enumerate(order) if (found.pairs.hosts[k], found.pairs.servers[k]) in labels]
    assert len(places) == 2 and max(places) < 6
    row = found.row(order[places[0]])
    assert row.detected_at is not None and row.first_seen <= row.detected_at <= row.last_seen
    assert {"regular", "prevalence", "fresh"} <= {reason.factor for reason in row.reasons}
    assert row.beacon.law == "bounded" and 0 <= row.risk <= 100
    total = found.parameters["weights"]["base"] + sum(reason.weight for reason in row.reasons)
    assert total == pytest.approx(row.odds, abs=0.3)


def test_the_same_bits_on_one_thread_and_two(lab: Lab) -> None:
    one, two = scored(lab, 1), scored(lab, 2)
    assert one.odds.tobytes() == two.odds.tobytes() and one.ranking() == two.ranking()


def test_known_suffixes_end_at_labels() -> None:
    events = pa.table({
        "host": ["a"] * 20, "source": ["10.0.0.1"] * 20, "address": ["192.0.2.1"] * 20, "port": [443] * 20,
        "domain": ["evilapple.com"] * 10 + ["www.apple.com"] * 10, "transport": ["tcp"] * 20, "process": ["p"] * 20,
        "sent": [1] * 20, "received": [1] * 20, "time": [k * 60 * 10**9 for k in range(20)],
    })  # fmt: skip
    found = beacons.score(load(events))
    assert found is not None
    known = dict(zip(found.pairs.servers, found.factors["known"], strict=True))
    assert known == {"192.0.2.1": 0, "evilapple.com": 0, "www.apple.com": 1}


def test_nothing_to_score_is_none() -> None:
    connection = connect()
    connection.execute(
        "CREATE TEMP TABLE connections (time BIGINT, host VARCHAR, domain VARCHAR, address VARCHAR, outward BOOLEAN)"
    )
    assert beacons.score(connection) is None
