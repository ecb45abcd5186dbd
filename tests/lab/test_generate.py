"""Labs are the same for a seed, and implants call as their profile says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from falselight.analytics import connections
from falselight.ecs.release import schema
from falselight.ingest import read_events
from falselight.lab import Implant, generate, laws, seen, timing, writing
from falselight.lab.generate import host_name

IMPLANTS = [Implant("test", 60, 0.2), Implant("test", 300, 0.5, "symmetric", "work", drop=0.2)]


def test_a_seed_makes_a_lab() -> None:
    first, again, other = (generate(seed, 5, 3, IMPLANTS, scored_days=2) for seed in (7, 7, 8))
    assert first.events.equals(again.events) and first.labels == again.labels
    assert first.digest == again.digest != other.digest
    times = first.events.column("time").to_numpy()
    assert (np.diff(times) >= 0).all()


@pytest.mark.parametrize(
    ("law", "low", "high"),
    [("one_sided", 30, 60), ("symmetric", 30, 90), ("additive", 60, 90), ("whole", 30, 91)],
)
def test_gaps_lie_within_the_law(law: str, low: float, high: float) -> None:
    gaps = timing.gaps(np.random.default_rng(1), law, 60, 0.5, 2000)  # type: ignore[arg-type]
    assert low <= gaps.min() < low * 1.1 and high * 0.9 < gaps.max() <= high


def test_backing_off_goes_from_ten_milliseconds_to_the_cap() -> None:
    gaps = timing.gaps(np.random.default_rng(1), "backoff", 10, 0, 200)
    assert gaps[:3].tolist() == [0, 0.01, 0.02] and gaps[10] == 1.0 and gaps[-1] == 10


def test_one_server_is_called_by_several_hosts_and_some_hide_below_a_content_network() -> None:
    profiles = [
        Implant("test", 300, hosts=3),
        Implant("test", 300, channel="fronted"),
        Implant("test", 300, channel="rotation"),
    ]
    lab = generate(5, 12, 2, profiles, scored_days=2, pages=2)
    shared, fronted, rotating = lab.labels[:3], lab.labels[3], lab.labels[4]
    assert len({label.host for label in shared}) == 3 and len({label.server for label in shared}) == 1
    own = fronted.server.split(".", 1)[1]
    rows = lab.events.to_pylist()
    others = {row["host"] for row in rows if (row["domain"] or "").endswith(own)} - {fronted.host}
    assert others and not any(row["domain"] == fronted.server and row["host"] != fronted.host for row in rows)
    assert len({row["address"] for row in rows if row["domain"] == rotating.server}) == 3


def test_working_hours_are_kept() -> None:
    lab = generate(3, 4, 8, [Implant("test", 300, 0.1, duty="work")], scored_days=7, pages=1)
    (label,) = lab.labels
    rows = lab.events.to_pylist()
    seconds = [row["time"] // 10**9 for row in rows if row["address"] == label.address]
    assert len(seconds) == label.events > 100
    assert all(9 <= at % 86_400 // 3600 < 17 for at in seconds)


def test_zeek_and_sysmon_hold_every_connection(tmp_path: Path) -> None:
    lab = generate(4, 2, 1, [Implant("test", 600)], scored_days=1, pages=5)
    conn, ssl = writing.write_zeek(lab, tmp_path)
    records = [json.loads(line) for line in conn.read_text().splitlines()]
    assert len(records) == lab.events.num_rows == len({record["uid"] for record in records})
    named = [json.loads(line) for line in ssl.read_text().splitlines()]
    assert {record["uid"] for record in named} <= {record["uid"] for record in records}
    (sysmon,) = writing.write_sysmon(lab, tmp_path)
    events = read_events([sysmon], schema(), report=lambda found: pytest.fail(found.message))
    assert connections.build(events) == lab.events.num_rows


def test_staging_servers_and_uploads_are_placed_and_without_them_nothing_changes(tmp_path: Path) -> None:
    plain, scenes = (
        generate(6, 12, 4, IMPLANTS, scored_days=3, pages=5, staging=count, uploads=count) for count in (0, 3)
    )
    again = generate(6, 12, 4, IMPLANTS, scored_days=3, pages=5, staging=3, uploads=3)
    assert not plain.placed and not len(plain.starts) and plain.events.column("path").null_count == len(plain.events)
    assert scenes.events.equals(again.events) and scenes.placed == again.placed and scenes.starts.equals(again.starts)
    assert [one.kind for one in scenes.placed] == ["staging"] * 3 + ["upload"] * 3
    events = scenes.events.to_pylist()
    for one in scenes.placed:
        own = [row for row in events if row["address"] == one.address and row["host"] == host_name(one.host)]
        assert own and sum(row["received" if one.kind == "staging" else "sent"] for row in own) >= 20_000
    names = [path.name for path in (*writing.write_zeek(scenes, tmp_path), *writing.write_sysmon(scenes, tmp_path))]
    assert names == ["conn.log", "ssl.log", "http.log", "sysmon.json", "sysmon_starts.json"]
    read = read_events(
        [tmp_path / "http.log", tmp_path / "sysmon_starts.json"],
        schema(),
        report=lambda told: pytest.fail(told.message),
    )
    assert read.rows == sum(row["path"] is not None for row in events) + len(scenes.starts)


def test_lookups_and_long_connections_are_written_and_read(tmp_path: Path) -> None:
    profiles = [Implant("test", 60, channel="dns"), Implant("test", 60, channel="websocket")]
    lab = generate(6, 3, 2, profiles, scored_days=2, pages=2)
    asked, standing = lab.labels
    conn, _, dns = writing.write_zeek(lab, tmp_path)
    queries = [json.loads(line) for line in dns.read_text().splitlines()]
    assert len(queries) == asked.events and len({record["query"] for record in queries}) == asked.events
    stood = [record["duration"] for line in conn.read_text().splitlines()
             if (record := json.loads(line))["id.resp_h"] == standing.address]  # fmt: skip
    assert len(stood) == standing.events and max(stood) > 3600
    sysmon = writing.write_sysmon(lab, tmp_path)
    for paths in ([conn, dns], sysmon):
        events = read_events(paths, schema(), report=lambda found: pytest.fail(found.message))
        connections.build(events)
        found = events.connection.execute(
            "SELECT count(*) FROM connections WHERE queried AND domain = ?", [asked.server]
        ).fetchone()
        assert found == (asked.events,)


@pytest.mark.parametrize("other", ["second", "third"])
def test_the_other_backgrounds_are_others(other: str) -> None:
    first, second, again = (
        generate(7, 6, 3, IMPLANTS, scored_days=2, background=which) for which in ("first", other, other)
    )
    assert second.events.equals(again.events) and second.digest != first.digest
    domains = [set(lab.events.column("domain").to_pylist()) for lab in (first, second)]
    implants = {label.server for lab in (first, second) for label in lab.labels}
    shared = {name for name in domains[0] & domains[1] - implants if name}
    assert all(".cdn" in name for name in shared) and len(second.labels) == 2


@pytest.mark.parametrize(
    "law",
    [laws.retrying, laws.scheduled, laws.flushed, laws.wandering, laws.alternating, laws.jittered, laws.clockwork,
     laws.visited],
)  # fmt: skip
def test_a_law_keeps_its_stretch_and_about_its_period(law: laws.Law) -> None:
    times = law(np.random.default_rng(2), 300.0, 1000.0, 1000.0 + 40 * 86_400)
    assert times.min() >= 1000 and times.max() < 1000 + 40 * 86_400 and (np.diff(times) >= 0).all()
    assert 0.1 < 300 * len(times) / (40 * 86_400) < 1.3


def test_a_schedule_keeps_its_minute_and_a_poller_backs_off() -> None:
    draw = np.random.default_rng(3)
    minutes = laws.scheduled(draw, 3600.0, 0.0, 20 * 86_400) % 3600
    assert np.ptp(np.quantile(minutes, [0.05, 0.95])) < 90
    gaps = np.diff(laws.retrying(draw, 60.0, 0.0, 20 * 86_400))
    assert np.median(gaps) == pytest.approx(60, rel=0.05) and {2, 4, 8} <= set(np.rint(gaps / 60).astype(int).tolist())


def test_gaps_about_a_sleep_and_gaps_without_any() -> None:
    draw = np.random.default_rng(4)
    about = timing.gaps(draw, "gaussian", 60, 0.2, 5000)
    assert about.mean() == pytest.approx(60, rel=0.01) and about.std() == pytest.approx(6, rel=0.05)
    without = timing.gaps(draw, "exponential", 60, 0.2, 5000)
    assert without.mean() == pytest.approx(60, rel=0.05) and without.std() == pytest.approx(60, rel=0.05)


def test_three_names_stand_at_one_address_and_nights_are_kept() -> None:
    lab = generate(6, 4, 5, [Implant("test", 300, duty="night", channel="names")], scored_days=4, pages=1)
    (label,) = lab.labels
    rows = [row for row in lab.events.to_pylist() if row["address"] == label.address]
    assert len({row["domain"] for row in rows}) == 3 and {row["domain"] for row in rows} == set(label.names)
    assert all(not 6 <= row["time"] // 10**9 % 86_400 // 3600 < 22 for row in rows)


def test_sensors_on_the_network_see_addresses() -> None:
    lab = generate(6, 10, 3, [Implant("test", 600)], scored_days=2, pages=2)
    (label,) = lab.labels
    events = lab.events.num_rows
    for name, hosts, sources in (("plain", 10, 1), ("proxy", 10, 1), ("nat", 2, 1), ("dhcp", 10, 3)):
        found = seen.SIGHTS[name](lab)
        rows = found.events.to_pylist()
        assert len(rows) == events and len({row["host"] for row in rows}) == hosts
        assert len(found.labels[0].sources) == sources
        own = [row for row in rows if label.server in (row["domain"], row["address"])]
        assert len(own) == label.events and {row["host"] for row in own} <= set(found.labels[0].sources)


def test_a_proxy_is_asked_for_every_server(tmp_path: Path) -> None:
    lab = seen.proxied(generate(6, 6, 2, [Implant("test", 600)], scored_days=2, pages=5))
    paths = writing.write_zeek(lab, tmp_path)
    assert [path.name for path in paths] == ["conn.log", "http.log"]
    events = read_events(paths, schema(), report=lambda found: pytest.fail(found.message))
    connections.build(events)
    (label,) = lab.labels
    found = events.connection.execute(
        "SELECT count(*), bool_and(proxied) FROM connections WHERE domain = ?", [label.server]
    ).fetchone()
    assert found == (label.events, True)
