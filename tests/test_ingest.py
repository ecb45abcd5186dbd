"""Paths become one event table, with counts and diagnostics for what was left out."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from falselight import ingest, store
from falselight.diagnostics import Diagnostic
from falselight.ecs import release
from falselight.ecs.schema import Schema
from falselight.readers import projected

MAPPING: dict[str, Any] = {
    "properties": {
        "@timestamp": {"type": "date"},
        "event": {"properties": {"category": {"type": "keyword"}}},
        "kind": {"type": "alias", "path": "event.category"},
        "process": {"properties": {"pid": {"type": "long"}, "args": {"type": "keyword"}}},
        "source": {"properties": {"ip": {"type": "ip"}}},
    }
}
SCHEMA = Schema.from_mapping(MAPPING)


def event(second: int, **fields: Any) -> bytes:
    return json.dumps({"@timestamp": f"1970-01-01T00:00:{second:02}Z", **fields}).encode() + b"\n"


def read(*paths: Path, **options: Any) -> tuple[store.EventTable, list[Diagnostic]]:
    diagnostics: list[Diagnostic] = []
    table = ingest.read_events(paths, SCHEMA, report=diagnostics.append, **options)
    return table, diagnostics


def rows(table: store.EventTable, *names: str) -> list[tuple[Any, ...]]:
    columns = ", ".join(store.quoted(name) for name in names)
    return table.connection.execute(f"SELECT {columns} FROM events ORDER BY _seq").fetchall()


def test_nasty_lines_lose_nothing(tmp_path: Path) -> None:
    lines = [
        b"\xef\xbb\xbf" + event(1, process={"pid": 1, "args": "a"}),
        b"\r\n",
        event(2, **{"process.args": ["b", "c"]}, Process={"PID": 9}),
        b"not json\n",
        b'{"@timestamp": 3000, "process": {"pid": 1}, "process": {"pid": 7}}\n',
        b'{"@timestamp": 4000, "late": "\xff", "process": {"args": "\\ud800"}}\n',
        b"[1]\n",
        event(5, late=1).rstrip(b"\n"),
    ]
    (tmp_path / "e").write_bytes(b"".join(lines))
    table, diagnostics = read(tmp_path / "e")
    assert rows(table, "_record", "process.pid", "process.args", "^process.^p^i^d", "late") == [
        (0, 1, ["a"], None, None),
        (2, None, ["b", "c"], 9, None),
        (4, 7, None, None, None),
        (5, None, ["?"], None, "\ufffd"),
        (7, None, None, None, "1"),
    ]
    assert table.counts[0].events == 5 and table.counts[0].skipped == {"not JSON": 2}
    assert [(diagnostic.code, diagnostic.record) for diagnostic in diagnostics] == [
        ("E0508", 3), ("E0508", 6), ("W0511", None),
    ]  # fmt: skip
    assert "e, line 4 is not a JSON object" in diagnostics[0].message


def test_order_is_input_order_and_each_row_knows_its_input(tmp_path: Path) -> None:
    (tmp_path / "b.gz").write_bytes(gzip.compress(event(1) + event(2)))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("in/x.json", event(3))
        archive.writestr("in/readme", b"hello")
    table, diagnostics = read(tmp_path / "b.gz", tmp_path / "a.zip")
    assert rows(table, "_seq", "_input", "_record", "_time") == [
        (0, 0, 0, 10**9), (1, 0, 1, 2 * 10**9), (2, 2, 0, 3 * 10**9),
    ]  # fmt: skip
    assert [entry.member for entry in table.inputs] == [None, "in/readme", "in/x.json"]
    assert [entry.kind for entry in table.inputs] == ["ecs-lines", "unknown", "ecs-lines"]
    assert [diagnostic.code for diagnostic in diagnostics] == ["W0507"]
    assert table.counts[1].skipped == {"unknown format": 1}


def test_wanted_limits_the_columns_and_follows_aliases(tmp_path: Path) -> None:
    (tmp_path / "e").write_bytes(event(1, event={"category": "process"}, process={"pid": 4}, other={"x": 1}))
    table, _ = read(tmp_path / "e", wanted=frozenset({"kind", "other.x"}))
    assert {entry.name for entry in table.schema if entry.filled} == {"@timestamp", "event.category", "other.x"}


def test_time_range_is_half_open(tmp_path: Path) -> None:
    (tmp_path / "e").write_bytes(event(1) + event(2) + event(3) + b'{"ecs": {"version": "8"}}\n')
    table, _ = read(tmp_path / "e", since_ns=2 * 10**9, until_ns=3 * 10**9)
    assert rows(table, "_record") == [(1,)]
    assert table.counts[0].skipped == {ingest.OUTSIDE: 2, ingest.UNTIMED: 1}


def test_arrays_responses_and_wrapped_lines(tmp_path: Path) -> None:
    source = {"@timestamp": 1000, "process": {"pid": 5}}
    hit = {"_index": "logs", "_id": "x1", "_score": 1.0, "_source": source}
    for name, content in {
        "1": json.dumps([source, 3, source], indent=1),
        "2": json.dumps({"took": 1, "hits": {"total": {"value": 1}, "hits": [hit]}}, indent=2),
        "3": json.dumps(hit),
        "4": json.dumps([hit]),
    }.items():
        (tmp_path / name).write_text(content)
    table, diagnostics = read(tmp_path)
    assert rows(table, "process.pid", "_id") == [(5, None), (5, None), (5, "x1"), (5, "x1"), (5, "x1")]
    assert [entry.kind for entry in table.inputs] == ["ecs-array", "search-response", "source-lines", "source-array"]
    assert [diagnostic.record for diagnostic in diagnostics] == [1]


def test_truncated_array_gives_what_comes_before(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(json.dumps([{"@timestamp": 1}, {"@timestamp": 2}, {"@timestamp": 3}]).encode()[:-8])
    table, diagnostics = read(tmp_path / "a")
    assert table.rows == 2 and [diagnostic.code for diagnostic in diagnostics] == ["E0504"]


def test_hostile_depth_and_values_do_no_harm(tmp_path: Path) -> None:
    deep = b'{"@timestamp": 1, "d": ' + b'{"a":' * 900 + b"1" + b"}" * 901 + b"\n"
    deeper = b'{"@timestamp": 1, "d": ' + b"[" * 100_000 + b"\n"
    sql = event(1, **{'x"); DROP TABLE events; --': "'; DROP TABLE events; --", "_seq": 5, "": 1, 'a\0"b': 2})
    (tmp_path / "e").write_bytes(deep + deeper + sql)
    table, diagnostics = read(tmp_path / "e")
    assert table.rows == 2 and rows(table, 'x"); ^d^r^o^p ^t^a^b^l^e events; --')[1] == ("'; DROP TABLE events; --",)
    assert table.malformed["_seq"] == 1 and [diagnostic.code for diagnostic in diagnostics] == ["E0508"]


def test_progress_ends_at_the_total(tmp_path: Path) -> None:
    (tmp_path / "e").write_bytes(event(1) * 10)
    calls: list[tuple[int, int, int]] = []
    read(tmp_path / "e", progress=lambda *call: calls.append(call))
    size = (tmp_path / "e").stat().st_size
    assert calls[-1] == (size, size, 10)


def test_raw_records_have_the_dataset_that_an_integration_would_index_them_in(tmp_path: Path) -> None:
    raw = tmp_path / "eve.json"
    raw.write_text(
        '{"timestamp":"2026-03-11T09:00:00.000000+0000","event_type":"dns","src_ip":"10.4.0.13","src_port":5353,'
        '"dest_ip":"10.4.0.1","dest_port":53,"proto":"UDP","dns":{"type":"query","rrname":"a.example","rrtype":"A"}}\n'
    )
    indexed = tmp_path / "indexed.ndjson"
    indexed.write_text('{"@timestamp":"2026-03-11T09:00:00Z","event":{"dataset":"zeek.dns","category":["network"]}}\n')
    wanted = frozenset({"data_stream.dataset"})
    table = ingest.read_events([raw, indexed], release.schema(), wanted=wanted, report=lambda _: None)
    rows = table.connection.execute('SELECT "data_stream.dataset" FROM events ORDER BY _seq').fetchall()
    assert [row[0] if not isinstance(row[0], list) else row[0][0] for row in rows] == ["suricata.eve", None]


def small_files(folder: Path, number: int) -> list[Path]:
    """Files of one to three events, some with what only the exact path reads."""
    odd = {
        3: b"not json\n",
        7: b'{"process": {"pid": 5}, "process": {"pid": 6}}\n',
        11: b"\n",
        12: b'{"process.pid": 4}',
    }
    folder.mkdir()
    for at in range(number):
        lines = [
            event((at + line) % 60, process={"pid": at, "args": ["a", "b"][: line + 1]}) for line in range(at % 3 + 1)
        ]
        (folder / f"{at:04}").write_bytes((b"\xef\xbb\xbf" if at == 5 else b"") + odd.get(at, b"") + b"".join(lines))
    (folder / "0001").write_bytes((folder / "0001").read_bytes().rstrip(b"\n"))
    (folder / "0012").write_bytes(b'{"@timestamp": "1970-01-01T00:00:09Z", "process.pid": 4}')
    (folder / "0013").write_bytes(b"")
    return sorted(folder.iterdir())


def records(table: store.EventTable) -> list[dict[str, Any]]:
    """What each row holds, values as lists."""
    found = table.connection.sql("SELECT * EXCLUDE (_seq) FROM events ORDER BY _seq").to_arrow_table().to_pylist()
    return [
        {name: value if isinstance(value, list) else [value] for name, value in row.items() if value is not None}
        for row in found
    ]


@pytest.mark.parametrize("limits", [{}, {"since_ns": 5_000_000_000, "until_ns": 20_000_000_000}])
def test_small_files_give_together_what_each_gives_alone(tmp_path: Path, limits: dict[str, int]) -> None:
    paths = small_files(tmp_path / "many", 40)
    table, diagnostics = read(tmp_path / "many", wanted=frozenset({"process.pid", "process.args"}), **limits)
    alone = [read(path, **limits) for path in paths]
    assert records(table) == [
        {**record, "_input": [number]} for number, (one, _) in enumerate(alone) for record in records(one)
    ]
    assert [counts.skipped for counts in table.counts] == [one.counts[0].skipped for one, _ in alone]
    assert [counts.events for counts in table.counts] == [one.rows for one, _ in alone]
    told = [each for _, some in alone for each in some]
    assert [(each.code, each.path, each.record) for each in diagnostics] == [(e.code, e.path, e.record) for e in told]
    assert len(told) >= 2
    assert [source.sha256 for source in table.inputs] == [one.inputs[0].sha256 for one, _ in alone]


def test_small_files_are_read_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    whole = projected.Projection.table

    def counted(self: projected.Projection, block: bytes, schema: Schema) -> Any:
        sizes.append(len(block))
        return whole(self, block, schema)

    monkeypatch.setattr(projected.Projection, "table", counted)
    for at in range(50):
        (tmp_path / f"{at:02}").write_bytes(event(at, process={"pid": at}))
    table, _ = read(tmp_path, wanted=frozenset({"process.pid"}))
    assert len(sizes) == 1
    assert rows(table, "_input", "process.pid") == [(at, at) for at in range(50)]


def test_small_files_stand_in_the_order_of_all_inputs(tmp_path: Path) -> None:
    for name, at in (("a", 1), ("c", 3), ("e", 5)):
        (tmp_path / name).write_bytes(event(at))
    (tmp_path / "b").write_bytes(gzip.compress(event(2)))
    (tmp_path / "d").write_bytes(b"[" + event(4).strip() + b"]")
    table, _ = read(tmp_path, wanted=frozenset({"process.pid"}))
    assert rows(table, "_input", "@timestamp") == [(at, 1000 * at + 1000) for at in range(5)]
