"""Beacons stand out of what is not regular, and every score says why."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
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


def test_a_pair_is_measured_alike_whatever_stands_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(7)
    each = [np.cumsum(draw.exponential(60, draw.integers(1, 80))) for _ in range(60)]
    each += [timing.poll(draw, "symmetric", 60, 0.2, 0, 60 * length) for length in (3, 40, 5000)] + [np.zeros(0)]
    whole = vars(measure(*each))
    for values in (1, 100):
        monkeypatch.setattr(regularity, "VALUES_AT_ONCE", values)
        assert {name: kept.tobytes() for name, kept in vars(measure(*each)).items()} == {
            name: kept.tobytes() for name, kept in whole.items()
        }


def test_nights_lost_beats_and_bursts_do_not_hide_a_beacon() -> None:
    draw = np.random.default_rng(5)
    days = np.concatenate([timing.poll(draw, "one_sided", 600, 0.3, d * 86_400 + 32_400, d * 86_400 + 61_200)
                           for d in range(5)])  # fmt: skip
    kept = days[draw.random(len(days)) > 0.2]
    bursts = np.concatenate([kept[k] + np.cumsum(draw.exponential(1.0, 300)) for k in (10, 60, 100)])
    assert measure(np.concatenate([kept, bursts])).chance[0] < -4


def scored_events(events: pa.Table) -> beacons.Scores:
    found = beacons.score(load(events))
    assert found is not None
    return found


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
    assert row.beacon.law in ("one-sided", "bounded") and 0 <= row.risk <= 100
    assert sum(reason.weight for reason in row.reasons) == pytest.approx(row.odds, abs=0.3)


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


@pytest.mark.parametrize(("law", "expected"), [("one_sided", "one-sided"), ("symmetric", "symmetric")])
def test_the_law_shows_where_one_end_of_the_gaps_is_round(law: str, expected: str) -> None:
    found = measure(timing.poll(np.random.default_rng(6), law, 300, 0.23, 0, 300 * 400))  # type: ignore[arg-type]
    assert beacons.law(found, 0) == expected


def test_detection_is_the_first_moment_that_suffices(lab: Lab) -> None:
    found = scored(lab)
    late = found.pairs.low + found.pairs.times.values[found.pairs.times.starts[1:] - 1] * 1000
    called = found.odds >= found.parameters["alert"]["odds"]
    assert ((found.detected >= 0) == called).all() and (found.detected[called] <= late[called]).all()
    label = min(lab.labels, key=lambda each: each.profile.sleep)
    row = next(row for k in found.ranking() if (row := found.row(k)).server == label.server)
    assert row.detected_at is not None and label.first <= row.detected_at <= label.first + 3600 * 10**9
    # With the data up to a little before, the same connections do not suffice.
    cut = lab.events.filter(pc.less(lab.events.column("time"), row.detected_at - 900 * 10**9))
    before = scored(replace(lab, events=cut))
    assert not any(before.row(k).server == label.server and before.row(k).detected_at for k in before.ranking())


def test_an_address_over_its_names_is_listed_where_no_name_tells_as_much() -> None:
    rows = [("10.0.0.1", "198.51.100.9", f"n{k % 7}.example.com", k * 60) for k in range(400)]
    rows += [("10.0.0.2", "198.51.100.8", "www.other.org", k * 60) for k in range(400)]
    events = pa.table({
        "host": [row[0] for row in rows], "source": [row[0] for row in rows], "address": [row[1] for row in rows],
        "domain": [row[2] for row in rows], "port": [443] * len(rows), "process": ["p"] * len(rows),
        "sent": [100] * len(rows), "received": [100] * len(rows),
        "time": [1_000_000_000 * row[3] + 7_000_000_000_000_000 for row in rows],
    })  # fmt: skip
    found = scored_events(events)
    listed = [found.row(k) for k in found.ranking()]
    best = next(row for row in listed if row.host == "10.0.0.1")
    assert best.server in ("198.51.100.9", *(f"n{k}.example.com" for k in range(7))) and best.beacon.chance_log10 < -6
    assert ("10.0.0.2", "198.51.100.8") not in {(row.host, row.server) for row in listed}


def test_a_beat_fills_its_time_and_a_page_does_not() -> None:
    draw = np.random.default_rng(8)
    beats = timing.poll(draw, "one_sided", 30, 0.3, 0, 8 * 3600)
    reads = np.concatenate([at + np.cumsum(draw.uniform(20, 40, 6)) for at in np.cumsum(draw.exponential(3000, 25))])
    found = measure(beats, reads)
    assert (found.chance < -3).all()
    shares = regularity.filled(found.kept, found.awake)
    assert shares[0] > -0.3 and shares[1] < -2


def test_what_a_few_hosts_show_in_a_day_is_judged_with_more_caution() -> None:
    table = beacons.parameters()["allowance"]
    given = np.array(table["odds"])
    assert (np.diff(given, axis=0) >= 0).all() and (np.diff(given, axis=1) >= 0).all() and given[-1, -1] == 0
    few, many = (generate(31, hosts, 1, [Implant("test", 60, 0.3)], scored_days=1, pages=10) for hosts in (6, 40))
    least = [float(scored(lab).factors["alone"][0]) for lab in (few, many)]
    assert given[0, 0] < least[0] < given[1, 0] < least[1] < given[3, 0]


def test_a_server_that_comes_later_than_its_host_is_told_so(lab: Lab) -> None:
    found = scored(lab)
    labels = {(label.host, label.server): label for label in lab.labels}
    for k in found.ranking():
        label = labels.get((str(found.pairs.hosts[k]), str(found.pairs.servers[k])))
        if label is not None:
            hosts = lab.events.filter(pc.equal(lab.events.column("host"), label.host))
            begin = pc.min(hosts.filter(pc.not_equal(hosts.column("address"), "10.0.250.9")).column("time")).as_py()
            assert found.pairs.facts["quiet"][k] == pytest.approx((label.first - begin) / 1e9, abs=1)


def test_ports_of_time_and_mail_lower_a_score() -> None:
    times = [k * 60 * 10**9 for k in range(60)]
    events = pa.table({
        "host": ["a"] * 120, "source": ["10.0.0.1"] * 120, "address": ["192.0.2.1"] * 60 + ["192.0.2.2"] * 60,
        "port": [123] * 60 + [8443] * 60, "domain": ["time.one.example"] * 60 + ["time.two.example"] * 60,
        "transport": ["udp"] * 120, "process": ["p"] * 120, "sent": [76] * 120, "received": [76] * 120, "time": times * 2,
    })  # fmt: skip
    found = scored_events(events)
    odds = dict(zip(found.pairs.servers.tolist(), found.odds.tolist(), strict=True))
    assert odds["time.one.example"] < odds["time.two.example"] - 1
