"""Inputs of several kinds: each line to its own reader, in the order of the lines, and nothing lost."""

from __future__ import annotations

import io
import json
import random
from itertools import zip_longest
from pathlib import Path
from typing import Any, cast

import pytest

from falselight import ingest
from falselight.cli.read import _in_order
from falselight.diagnostics import Diagnostic
from falselight.ecs import release
from falselight.ecs.schema import column
from falselight.readers import routing, text_signs
from falselight.readers.containers import HEAD_BYTES
from falselight.readers.detect import Kind, detect
from falselight.readers.settings import Settings
from falselight.store import Counts, quoted

DATA = Path(__file__).parents[1] / "data" / "readers"
DAY = Path(__file__).parents[2] / "examples" / "day"
DEVICES = (
    "cisco_asa", "iptables", "dns_server", "fortinet", "squid", "cef", "panos", "checkpoint", "juniper_srx",
    "sophos_xg", "windows_dns",
)  # fmt: skip
SESSION = b"<30>Mar 11 09:00:01 host systemd[1]: Started Session 1 of user root."


def sample(name: str) -> list[bytes]:
    """A reader's sample, without lines that nothing but their neighbours tells the kind of."""
    path = next(path for path in (DATA / name).iterdir() if path.name != "expected.ndjson")
    return [line for line in path.read_bytes().splitlines() if line.startswith(b"{") or text_signs.of_line(line)]


def json_lines() -> list[list[bytes]]:
    conn = [b'{"ts":1772784000.5,"uid":"C%d","id.orig_h":"10.4.0.1","id.orig_p":4000,"id.resp_h":"203.0.113.9",'
            b'"id.resp_p":443,"proto":"tcp","conn_state":"SF"}' % number for number in range(4)]  # fmt: skip
    return [
        (DATA / "suricata" / "eve.json").read_bytes().splitlines()[:4],
        conn,
        (DAY / "laptops-elastic-defend.ndjson").read_bytes().splitlines()[:5],
        (DAY / "fs01-nxlog.json").read_bytes().splitlines()[:5],
        sample("wazuh")[:2],
        sample("cisco_asa")[:3],
    ]


def events(path: Path) -> tuple[list[dict[str, Any]], list[Diagnostic], Counts]:
    told: list[Diagnostic] = []
    counts: dict[int, Counts] = {}
    schema = release.schema()
    found = ingest.stream([path], schema, report=told.append, settings=Settings(year=2026))
    lines = [json.loads(line) for lines in _in_order(found, schema, counts) for line in lines]
    (count,) = counts.values()
    return lines, told, count


def flat(value: Any) -> Any:
    """Without lists of one and types of fields that no schema knows, which depend on what a batch holds besides."""
    if isinstance(value, dict):
        return {name: flat(below) for name, below in value.items()}
    if isinstance(value, list):
        return flat(value[0]) if len(value) == 1 else [flat(each) for each in value]
    return str(value)


def texts(found: list[dict[str, Any]]) -> list[str]:
    return [json.dumps(flat(event), sort_keys=True) for event in found]


def among(groups: list[list[bytes]]) -> list[bytes]:
    return [line for lines in zip_longest(*groups) for line in lines if line is not None]


@pytest.fixture(params=[routing.BLOCK_BYTES, 3_000], ids=["one block", "many blocks"])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "BLOCK_BYTES", request.param)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("groups", [[sample(name) for name in DEVICES], json_lines()], ids=["devices", "json"])
def test_each_line_is_read_as_it_would_be_in_a_file_of_its_kind(groups: list[list[bytes]], tmp_path: Path) -> None:
    alone: list[str] = []
    for number, lines in enumerate(groups):
        path = tmp_path / str(number)
        path.write_bytes(b"\n".join(lines) + b"\n")
        alone += texts(events(path)[0])
    mixed = tmp_path / "mixed"
    mixed.write_bytes(b"\n".join(among(groups)) + b"\n")
    found, told, _ = events(mixed)
    assert sorted(texts(found)) == sorted(alone)
    assert not [each for each in told if each.code == "W0514"]


@pytest.mark.usefixtures("blocks")
def test_events_stand_in_the_order_of_their_lines(tmp_path: Path) -> None:
    lines = among([sample(name) for name in DEVICES])
    path = tmp_path / "mixed"
    path.write_bytes(b"\n".join(lines))
    originals = [event["event"]["original"] for event in events(path)[0] if "original" in event.get("event", {})]
    written = [line.decode() for line in lines]
    assert len(originals) > 40
    places = [next(n for n, line in enumerate(written) if original in line) for original in originals]
    assert places == sorted(places)
    table = ingest.read_events([path], release.schema(), report=lambda _: None, settings=Settings(year=2026))
    rows = table.connection.execute("SELECT _seq, _record FROM events ORDER BY _seq").fetchall()
    assert [seq for seq, _ in rows] == list(range(table.rows))
    assert [record for _, record in rows] == sorted(record for _, record in rows)
    assert str(table.inputs[0].kind).split(", ")[:3] == ["cisco-asa", "iptables", "dns-server-log"]


@pytest.mark.usefixtures("blocks")
def test_what_none_claims_is_counted_and_told_once(tmp_path: Path) -> None:
    lines = among([sample("cisco_asa"), sample("fortinet"), [SESSION] * 40])
    path = tmp_path / "mixed"
    path.write_bytes(b"\n".join(lines))
    _, told, counts = events(path)
    assert counts.skipped["not a line of this log"] == 40
    assert [each.message for each in told if each.code == "W0514"] == [
        f"{path}: 40 lines are none of this log and were left out"
    ]


@pytest.mark.usefixtures("blocks")
def test_damage_is_told_by_the_number_of_its_line(tmp_path: Path) -> None:
    eve, _, ecs, *_ = json_lines()
    lines = [*ecs[:2], *eve[:2], b'{"event_type":"dns","timestamp":', *ecs[2:], *eve[2:]] * 3
    path = tmp_path / "mixed"
    path.write_bytes(b"\n".join(lines))
    _, told, counts = events(path)
    bad = [number for number, line in enumerate(lines) if line.endswith(b":")]
    assert counts.skipped["not JSON"] == 3
    assert [each.record for each in told] == bad
    assert all(f"line {number + 1} " in each.message for each, number in zip(told, bad, strict=True))


def test_a_small_file_of_ecs_lines_may_hold_other_records(tmp_path: Path) -> None:
    eve, _, ecs, *_ = json_lines()
    (tmp_path / "mixed").write_bytes(b"\n".join([*ecs, *eve]))
    (tmp_path / "other").write_bytes(b"\n".join(ecs))
    wanted = frozenset({"event.module", "source.ip"})
    table = ingest.read_events([tmp_path], release.schema(), report=lambda _: None, wanted=wanted)
    module = quoted(column("event.module"))
    found = table.connection.execute(f"SELECT _input, count(*) FROM events WHERE {module} = 'suricata' GROUP BY 1")
    assert found.fetchall() == [(0, 4)] and table.rows == 14


def test_a_long_line_is_not_parsed_to_be_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    eve, _, ecs, *_ = json_lines()
    long = b'{"long":"' + b"x" * 3_000_000 + b'"}'
    looked_at: list[int] = []
    monkeypatch.setattr(routing, "of_document", lambda document: looked_at.append(len(str(document))))
    assert routing.is_uniform(b"\n".join([*ecs, long, *eve]), Kind.ECS_LINES)
    assert looked_at and max(looked_at) < 100_000


def test_the_records_of_one_audit_event_stay_together(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    audit, asa = sample("auditd"), sample("cisco_asa")
    path = tmp_path / "alone"
    path.write_bytes(b"\n".join(audit))
    count = len(events(path)[0])
    path = tmp_path / "mixed"
    for order in ([*asa, *audit], among([asa, audit])):
        path.write_bytes(b"\n".join(order))
        for size in range(500, 3_000, 97):
            monkeypatch.setattr(routing, "BLOCK_BYTES", size)
            assert len(events(path)[0]) == count + len(asa)


@pytest.mark.parametrize("path", [*DATA.glob("*/sample"), DATA / "suricata" / "eve.json", *DAY.glob("*json")], ids=str)
def test_an_input_of_one_kind_has_one_reader(path: Path) -> None:
    data = path.read_bytes()
    stream = cast(Any, io.BufferedReader(cast(Any, io.BytesIO(data)), HEAD_BYTES))
    kind = detect(data[:HEAD_BYTES])
    found = []
    for parts in routing.segments(stream, kind):
        found += [(part.kind, part.numbers, part.stream.read()) for part in parts]
    assert found == [(kind, 0, data)]


@pytest.mark.parametrize("seed", range(8))
def test_lines_go_right_into_a_readers_buffer_as_long_as_they_are_of_its_kind(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(seed)
    eve, _, ecs, *_ = json_lines()
    lines = [
        line
        for _ in range(6)
        for line in [*draw.choices(ecs, k=draw.randint(5, 60)), *draw.choices(eve, k=draw.randint(0, 3))]
    ]
    lines[7] = b'{"@timestamp":"2026-01-01T00:00:00Z","text":"' + b"x" * 9_000 + b'"}'
    data = b"\n".join(lines) + b"\n" * (seed % 2)

    def read() -> list[tuple[Kind, int, bytes]]:
        stream = cast(Any, io.BufferedReader(cast(Any, io.BytesIO(data)), HEAD_BYTES))
        found = []
        for parts in routing.segments(stream, Kind.ECS_LINES):
            for part in parts:
                own = b"".join(iter(lambda: part.stream.read(draw.choice([900, 70_000])), b"")).splitlines()  # noqa: B023
                found += [(part.kind, part.number(at), line) for at, line in enumerate(own)]
        return sorted(found, key=lambda each: each[1])

    expected = read()
    assert [line for _, _, line in expected] == lines
    filled: list[int] = []
    fill = routing._Router.fill

    def watched(self: routing._Router, buffer: memoryview) -> int:
        filled.append(fill(self, buffer))
        return filled[-1]

    monkeypatch.setattr(routing._Router, "fill", watched)
    monkeypatch.setattr(routing, "_MUCH", 500)
    monkeypatch.setattr(routing, "BLOCK_BYTES", draw.choice([3_000, 8_000]))
    assert read() == expected
    assert any(filled) and not all(filled)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(20))
def test_mixtures_of_any_order_lose_nothing(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(seed)
    monkeypatch.setattr(routing, "BLOCK_BYTES", draw.choice([500, 2_000, 20_000]))
    lines = [line for group in json_lines() for line in group] * 6
    lines += [line for name in DEVICES for line in sample(name)] * 3
    draw.shuffle(lines)
    path = tmp_path / "mixed"
    path.write_bytes(b"\n".join(lines))
    found, told, counts = events(path)
    assert len(found) + counts.skipped.total() == len(lines) and not told
