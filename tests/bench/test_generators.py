"""The benchmarks' events: the same for a seed, in the event table's form, and the hand-written rule counts them rightly."""

from __future__ import annotations

import json
from collections import defaultdict
from ipaddress import ip_address, ip_network
from pathlib import Path

import duckdb
import pytest

from bench import generators, rule
from bench.engine import FIELDS
from falselight.ecs.schema import Schema
from falselight.eql.checker import Options
from falselight.plan import nodes
from falselight.searching import plan
from falselight.sql import emit

EVENTS = 4_000


@pytest.fixture(params=[1, 5, 2_000])
def connection(request: pytest.FixtureRequest) -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    generators.event_table(made, EVENTS, request.param, 7)
    return made


def counted_one_by_one(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], int]:
    """The rule's windows by key, event by event."""
    rows = connection.execute(
        'SELECT "@timestamp", "event.type", "network.direction", "host.name", "destination.ip", "destination.domain", '
        '"process.name" FROM events ORDER BY _seq'
    ).fetchall()
    times: dict[tuple[str, str], list[int]] = defaultdict(list)
    for ms, kinds, direction, host, server, domain, process in rows:
        named = domain is not None and domain.endswith(tuple(rule.DOMAINS))
        private = ip_address(server) in ip_network("10.0.0.0/8")
        if "start" in kinds and direction == "egress" and not private and not named and process not in rule.PROCESSES:
            times[host, server].append(ms)
    counts = {
        key: sum(last - first <= rule.HOUR for first, last in zip(moments, moments[9:], strict=False))
        for key, moments in times.items()
    }
    return {key: count for key, count in counts.items() if count}


def test_by_hand_and_falselight_count_as_a_plain_loop_does(connection: duckdb.DuckDBPyConnection) -> None:
    expected = counted_one_by_one(connection)
    by_hand = connection.execute(rule.by_hand("events")).fetchall()
    assert {(host, server): windows for host, server, windows in by_hand} == expected
    made = plan(rule.eql(), Schema(FIELDS), Options(size=None))
    assert isinstance(made, nodes.SequencePlan)
    ours = connection.execute(f"SELECT k0, k1, sequences FROM ({emit.per_key(made, 'events')})").fetchall()
    found = {(host, connection_text(server)): windows for host, server, windows in ours}
    assert found == expected


def connection_text(key: str | bytes) -> str:
    return str(ip_address(key[12:])) if isinstance(key, bytes) else key


def test_a_seed_gives_one_table_and_another_seed_another() -> None:
    tables = []
    for seed in (7, 7, 8):
        connection = duckdb.connect()
        generators.event_table(connection, 500, 50, seed)
        tables.append(connection.execute("FROM events ORDER BY _seq").fetchall())
    assert tables[0] == tables[1] != tables[2]


def test_address_bytes_are_those_of_the_text(connection: duckdb.DuckDBPyConnection) -> None:
    rows = connection.execute('SELECT DISTINCT "destination.ip", "destination.ip#ip" FROM events').fetchall()
    assert all(packed == b"\0" * 10 + b"\xff\xff" + ip_address(text).packed for text, packed in rows)


def test_documents_are_nested_ecs(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    size = generators.ndjson(path, 300, 20, 7)
    lines = path.read_text("utf-8").splitlines()
    assert size == path.stat().st_size and len(lines) == 300
    first = json.loads(lines[0])
    assert first["event"]["category"] == ["network"] and "start" in first["event"]["type"]
    assert [json.loads(line)["event"]["sequence"] for line in lines] == list(range(300))
