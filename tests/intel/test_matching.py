"""The join of indicators with events, beside a comparison one by one; and feeds that mean harm."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from bench import feeds
from falselight import ingest
from falselight.cli.main import cli
from falselight.ecs import release
from falselight.ecs.schema import column
from falselight.intel import matching, observed, scoring, store
from falselight.intel.model import Kind
from falselight.store import EventTable, connect

Named = set[tuple[str, str, str, str]]
Network = IPv4Network | IPv6Network
KINDS = {"ip", "network", "domain", "url", "file hash", "ja3", "ja4"}


def named(table: EventTable) -> Named:
    """Kind and value of the indicator, role and value of the event, of all hits."""
    sql = "SELECT i.kind, i.value, h.role, h.value FROM hits h JOIN indicators i ON i.id = h.indicator"
    return set(table.connection.execute(sql).fetchall())


def narrowest(networks: dict[str, list[Network]], address: str) -> Iterator[Network]:
    """Of each source the narrowest network that holds the address."""
    for own in networks.values():
        holding = [one for one in own if ip_address(address) in one]
        if holding:
            yield max(holding, key=lambda one: one.prefixlen)


def one_by_one(table: EventTable) -> Named:
    """The same, each value of each event beside each indicator of its kind."""
    known: dict[str, set[str]] = {}
    for kind, value in table.connection.execute("SELECT kind, value FROM indicators").fetchall():
        known.setdefault(kind, set()).add(value)
    networks: dict[str, list[Network]] = {}
    for value, source in table.connection.execute(
        "SELECT value, source FROM indicators WHERE kind = 'network'"
    ).fetchall():
        networks.setdefault(source, []).append(ip_network(value))
    found: Named = set()
    for kind, fields in observed.FIELDS.items():
        for field in (name for name in fields if (entry := table.schema.find(name)) and entry.filled):
            rows = table.connection.execute(f'SELECT DISTINCT "{column(field)}" FROM events').fetchall()
            listed = [one if isinstance(one, list) else [one] for (one,) in rows if one is not None]
            for value in {each for values in listed for each in values}:
                if kind is Kind.DOMAIN:
                    labels = value.split(".")
                    suffixes = [".".join(labels[at:]) for at in range(len(labels))]
                    found |= {(kind, own, field, value) for own in suffixes if own in known[kind]}
                elif value in known.get(kind, ()):
                    found.add((kind, value, field, value))
                if kind is Kind.IP:
                    found |= {(Kind.NETWORK, str(one), field, value) for one in narrowest(networks, value)}
    return found


def test_the_join_finds_what_a_comparison_one_by_one_finds(tmp_path: Path) -> None:
    connection = connect()
    feeds.event_table(connection, 4_000, 7)
    feeds.feeds(connection, tmp_path, 4_000, 4_000, 7, known=10)
    # Among so few servers only wide networks hold any.
    (tmp_path / "wide.txt").write_text(
        "".join(f"{number}.{number * 5}.0.0/{8 + number % 5}\n" for number in range(11, 51))
    )
    table = EventTable(connection, feeds.SCHEMA, rows=4_000)
    loaded = store.load(connection, [tmp_path], lambda _: None)
    assert loaded.count > 3_600 and not any(loaded.skipped.values())
    observed.build(table)
    matching.build(table)
    found = named(table)
    assert found == one_by_one(table) and {kind for kind, *_ in found} == {
        "ip",
        "network",
        "domain",
        "url",
        "file hash",
        "ja3",
        "ja4",
    }


def test_the_narrowest_network_of_both_families_is_found() -> None:
    draw = random.Random(4)
    texts = [f"10.{draw.randrange(4)}.{draw.randrange(4)}.0/{draw.randrange(8, 33)}" for _ in range(60)]
    texts += [f"2001:db8:{draw.randrange(4)}::/{draw.randrange(20, 129)}" for _ in range(60)] + ["0.0.0.0/0", "::/0"]
    networks = [ip_network(text, strict=False) for text in texts]
    addresses = [f"10.{draw.randrange(5)}.{draw.randrange(5)}.{draw.randrange(3)}" for _ in range(200)]
    addresses += [f"2001:db8:{draw.randrange(5):x}::{draw.randrange(3)}" for _ in range(200)]
    connection = connect()
    connection.execute("CREATE TABLE indicators (id BIGINT, kind VARCHAR, value VARCHAR, source VARCHAR, port BIGINT)")
    listed = sorted(set(map(str, networks)))
    connection.executemany("INSERT INTO indicators VALUES (?, 'network', ?, 'one', NULL)", list(enumerate(listed)))
    table = EventTable(connection, release.schema())
    observed.build(table)
    canonical = sorted({str(ip_address(text)) for text in addresses})
    connection.executemany(
        f"INSERT INTO {observed.BESIDE} BY NAME SELECT 'ip' AS kind, ? AS value, value AS raw, 'scan' AS role, 1 AS count",
        [[text] for text in canonical],
    )
    matching.build(table)
    found = {value: own for _, own, _, value in named(table)}
    for text in canonical:
        assert [found[text]] == [str(one) for one in narrowest({"one": networks}, text)]


@pytest.mark.parametrize(
    "text",
    ["#fields\tindicator_type\nIntel::ADDR\n", ",evil.example\n", "ip,port\n203.0.113.7,99999999999999999999\n",
     f"ip,confidence\n203.0.113.7,{'9' * 5000}\n", 'ip,port\n"' + "x" * 200_000 + '",1\n203.0.113.7,443\n',
     '{"threat": {"indicator": {"ip": "203.0.113.7", "confidence": 18446744073709551615}}}',
     '{"Event": {"Attribute": [{"type": "ip-dst|port", "value": "203.0.113.7|99999999999999999999"}]}}'],
    ids=["no value", "empty", "port", "confidence", "long cell", "large number", "misp port"],
)  # fmt: skip
def test_a_feed_that_means_harm_is_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "feed"
    path.write_text(text)
    connection = connect()
    store.load(connection, [path], lambda _: None)
    values = connection.execute("SELECT value, port, confidence FROM indicators WHERE source = 'feed'").fetchall()
    assert set(values) <= {("203.0.113.7", None, None), ("203.0.113.7", 443, None), ("evil.example", None, None)}


def test_a_lookup_names_the_address_that_it_found_and_not_the_resolver(tmp_path: Path) -> None:
    asked = {"question": {"name": "evil.example"}, "resolved_ip": ["203.0.113.7"]}
    event = {
        "@timestamp": "2026-03-11T09:00:00Z",
        "host": {"name": "ws03"},
        "destination": {"ip": "10.0.0.53"},
        "dns": asked,
    }
    (tmp_path / "events.ndjson").write_text(json.dumps(event) + "\n")
    (tmp_path / "list").write_text("203.0.113.7\nevil.example\n")
    table = ingest.read_events(
        [tmp_path / "events.ndjson"], release.schema(), wanted=observed.WANTED, report=lambda _: None
    )
    store.load(table.connection, [tmp_path / "list"], lambda _: None)
    observed.build(table)
    matching.build(table)
    found = scoring.servers(table)
    assert {(one.address, one.names) for one in found} == {
        ("203.0.113.7", ("evil.example",)),
        (None, ("evil.example",)),
    }
    assert all("only looked up" in one.hits[0].text for one in found)


def test_damaged_feeds_end_with_4_and_what_is_not_meant_for_detection_does_not(tmp_path: Path) -> None:
    event = {"@timestamp": "2026-03-11T09:00:00Z", "host": {"name": "ws03"}, "destination": {"ip": "203.0.113.7"}}
    (tmp_path / "events.ndjson").write_text(json.dumps(event) + "\n")
    attributes = [{"type": "ip-dst", "value": "203.0.113.7"}, {"type": "filename", "value": "a.exe"},
                  {"type": "ip-dst", "value": "203.0.113.8", "to_ids": False}]  # fmt: skip
    feeds_ = {"whole": "203.0.113.7\n", "broken": "203.0.113.7\n\x00;nonsense\n", "none": "nothing here\n",
              "misp": json.dumps({"Event": {"Attribute": attributes}})}  # fmt: skip
    codes = {}
    for name, text in feeds_.items():
        (tmp_path / name).write_text(text)
        for verb in ("intel", "hunt"):
            words = [verb, str(tmp_path / "events.ndjson"), "-i", str(tmp_path / name), "--format", "ndjson"]
            done = CliRunner().invoke(cli, words, standalone_mode=False)
            codes[name, verb] = done.return_value
            assert ("W0544" in done.stderr) == (name == "misp") and ("203.0.113.7" in done.stdout) == (name != "none")
    assert codes == {
        (name, verb): 4 if name in ("broken", "none") else 0 for name in feeds_ for verb in ("intel", "hunt")
    }


def test_feeds_of_a_benchmark_are_the_same_for_a_seed(tmp_path: Path) -> None:
    for name, seed in (("one", 7), ("two", 7), ("other", 8)):
        (tmp_path / name).mkdir()
        with duckdb.connect() as connection:
            feeds.feeds(connection, tmp_path / name, 2_000, 4_000, seed)
    one, two, other = ([(tmp_path / name / file).read_text() for file in ("plain.txt", "feed.csv", "ja3.csv")]
                       for name in ("one", "two", "other"))  # fmt: skip
    assert one == two and one != other and sum(text.count("\n") for text in one) == 2_000 + 2
