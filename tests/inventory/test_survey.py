"""The inventory: what it tells of events whose answers are known."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from falselight import ingest
from falselight.cli import inventory as drawn
from falselight.ecs import release
from falselight.eql import syntax
from falselight.eql.parser import parse
from falselight.inventory import Inventory, survey
from falselight.inventory.feeding import lacking
from falselight.plan.dates import span
from falselight.rules import Rule
from falselight.source import Source

NOW = span("2026-03-10T00:00:00Z", nanoseconds=True)[0]
RULES = [
    Rule(id="a", name="fed", query='network where destination.port == 443 and not process.name : "x"'),
    Rule(id="b", name="partly", query='network where destination.port == 443 and not destination.domain : "x"'),
    Rule(id="c", name="starved", query='sequence by host.name [network where true] [dns where dns.question.name != null]'),
    Rule(id="f", name="or", query='any where (source.ip == "1.1.1.1" or user.name : "x") and host.name != null'),
    Rule(id="d", name="kql", query="process.name: x", language="kuery", type="query"),
    Rule(id="e", name="broken", query="network where"),
]  # fmt: skip


def event(minute: int, host: str = "h1", **more: Any) -> dict[str, Any]:
    return {
        "@timestamp": f"2026-03-01T{minute // 60:02d}:{minute % 60:02d}:00.000Z",
        "event": {"category": ["network"], "dataset": "endpoint.network"},
        "host": {"name": host},
        "process": {"name": "p"},
        "destination": {"ip": "203.0.113.9", "port": 443},
        **more,
    }


def inventory(folder: Path, *files: list[Any]) -> Inventory:
    for number, documents in enumerate(files):
        lines = "".join((each if isinstance(each, str) else json.dumps(each)) + "\n" for each in documents)
        (folder / f"{number}.ndjson").write_text(lines, encoding="utf-8")
    table = ingest.read_events([folder], release.schema(), report=lambda told: None)
    return survey(table, RULES, NOW)


def test_sources_times_gaps_hosts_and_categories(tmp_path: Path) -> None:
    other = {"@timestamp": "2026-03-02T00:00:00Z", "event": {"module": "zeek", "category": ["network", "web"]}}
    found = inventory(tmp_path, [event(0), event(1, "h2"), event(121), "{broken"], [other])
    assert (found.events, [(k.kind, k.inputs, k.events, k.skipped) for k in found.kinds]) == (
        4,
        [("ecs-lines", 2, 4, 1)],
    )
    assert [(each.name, each.events) for each in found.datasets] == [("endpoint.network", 3), ("zeek", 1)]
    assert found.categories == {"network": 4, "web": 1}
    told = found.to_dict()
    assert (told["first"], told["last"]) == ("2026-03-01T00:00:00.000Z", "2026-03-02T00:00:00.000Z")
    assert told["gaps"] == [
        {"dataset": "endpoint.network", "start": "2026-03-01T00:02:00.000Z", "end": "2026-03-01T02:01:00.000Z"}
    ]
    assert [(each.name, each.events) for each in found.hosts] == [("h1", 2), ("h2", 1)] and found.host_count == 2
    assert list(found.left_out.values()) == [{"not JSON": 1}]
    ports = next(each for each in found.fields if each.name == "destination.port")
    assert (ports.events, ports.datasets) == (3, {"endpoint.network": 3})


def test_odd_clocks(tmp_path: Path) -> None:
    def delayed(number: int, host: str, seconds: int) -> dict[str, Any]:
        made = event(number, host)
        made["event"] = {**made["event"], "created": f"2026-03-01T00:{number:02d}:{seconds:02d}.000Z"}
        return made

    ahead = [delayed(number, "fast", 0) | {"@timestamp": f"2026-03-01T00:{number + 5:02d}:00Z"} for number in range(12)]
    sound = [delayed(number, host, 2) for host in ("h1", "h2") for number in range(12)]
    odd = [event(0) | {"@timestamp": time} for time in ("1970-01-01T00:00:05Z", "2026-04-01T00:00:00Z")]
    back = [event(180), event(60), event(61)]
    untimed = {"event": {"dataset": "endpoint.network"}, "ecs": {"version": "8.0"}}
    found = inventory(tmp_path, ahead, sound, odd, back, [untimed])
    clocks = found.clocks
    assert clocks.future == clocks.early == clocks.untimed == {"endpoint.network": 1}
    assert [(found.labels[jump.input][-8:], jump.count, jump.longest) for jump in clocks.jumps] == [
        ("3.ndjson", 1, 2 * 3600 * 10**9)
    ]
    (host,) = clocks.hosts
    assert (host.host, host.offset, host.records, host.witness) == ("fast", 302 * 10**9, 12, "event.created")


def test_a_hosts_clock_beside_a_sensors(tmp_path: Path) -> None:
    connections = range(12)
    sensed = [
        {"@timestamp": f"2026-03-01T00:{n:02d}:30Z", "event": {"module": "zeek"}, "network": {"community_id": f"1:{n}"}}
        for n in connections
    ]
    told = [event(n + 10, network={"community_id": f"1:{n}"}) for n in connections]
    (host,) = inventory(tmp_path, sensed, told).clocks.hosts
    assert (host.host, host.offset, host.witness) == ("h1", 570 * 10**9, "sensor")


def test_which_rules_the_data_can_feed(tmp_path: Path) -> None:
    feeds = {feed.name: feed for feed in inventory(tmp_path, [event(0), event(1)]).feeds}
    assert {name: feed.verdict for name, feed in feeds.items()} == {
        "fed": "fed", "partly": "partly", "starved": "starved", "or": "starved", "kql": "not run", "broken": "not run",
    }  # fmt: skip
    assert feeds["starved"].lacking == [("dns.question.name",), ("host.name",)]
    assert feeds["partly"].stages[0].useful == ("destination.domain",)
    assert feeds["fed"].stages[0].able == 2
    assert feeds["or"].lacking == [("source.ip", "user.name")] and feeds["or"].stages[0].able == 0


@pytest.mark.parametrize(
    ("condition", "empty", "groups"),
    [
        ('a == 1 and (b : "x" or (b : "y" and c == 2))', "ab", [("a",), ("b",)]),
        ('a == 1 and (b : "x" or (b : "y" and c == 2))', "c", []),
        ('a : "x" or b : "x" or c in ("x", "y")', "abc", [("a", "b", "c")]),
        ('a : "x" or b : "x" or c in ("x", "y")', "ab", []),
        ("not a == 1 and b == null and c != null and d != 1", "abcd", [("c",)]),
        ('a in ("x", "y") and b not in ("x") and cidrMatch(c, "10.0.0.0/8")', "abc", [("a",), ("c",)]),
        ("a == b", "ab", [("a",), ("b",)]),
        ("true", "", []),
    ],
)
def test_what_a_condition_cannot_do_without(condition: str, empty: str, groups: list[tuple[str, ...]]) -> None:
    query = parse(Source(f"any where {condition}"))
    assert isinstance(query, syntax.EventQuery)
    assert lacking(query.filter.condition, frozenset(empty)) == groups


def test_nothing_of_a_log_is_obeyed(tmp_path: Path) -> None:
    nasty = "\x1b[31mred\u202e"
    named = event(0, nasty, own={nasty: 1}, event={"category": [nasty], "dataset": nasty})
    found = inventory(tmp_path, [named, event(1000) | {"host": {"name": nasty}}])
    for every in (True, False):
        stream = io.StringIO()
        drawn.show(found, stream, colour=False, every_field=every)
        assert "\x1b" not in stream.getvalue() and "\u202e" not in stream.getvalue() and "red" in stream.getvalue()


def test_no_events_at_all(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    found = inventory(tmp_path)
    stream = io.StringIO()
    drawn.show(found, stream, colour=False, every_field=False)
    assert found.events == 0 and found.span is None and found.to_dict()["fields"] == []
    assert stream.getvalue().startswith("0 events in 1 input")
