"""Zeek's logs in many blocks, of which several are read at once, and JSON lines of several logs that nothing names."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from falselight.cli import read as command
from falselight.diagnostics import Diagnostic
from falselight.ecs import release
from falselight.ingest import read_events, stream
from falselight.readers import json_columns, zeek, zeek_tsv
from falselight.store import EventTable

ENDS = {"id.orig_h": "10.0.0.1", "id.orig_p": 40000, "id.resp_h": "192.0.2.7", "id.resp_p": 443}
KINDS: list[tuple[str, dict[str, Any]]] = [
    ("zeek.connection", {"proto": "tcp", "conn_state": "SF", "orig_pkts": 3}),
    ("zeek.dns", {"proto": "udp", "trans_id": 7, "rejected": False, "query": "lamp.example", "rcode": 0}),
    (
        "zeek.http",
        {"trans_depth": 1, "request_body_len": 0, "method": "GET", "host": "shore.example", "version": "1.1"},
    ),
    ("zeek.ssl", {"established": True, "resumed": False, "server_name": "light.example", "version": "TLSv12"}),
]


def records(count: int) -> list[tuple[str, dict[str, Any]]]:
    """Records of the four logs among one another, the first of a connection."""
    chosen = [KINDS[(number * number) % 4 if number % 3 else number % 4] for number in range(count)]
    return [
        (dataset, {"ts": 1_772_323_200 + number / 4, "uid": f"C{number}", **ENDS, **fields})
        for number, (dataset, fields) in enumerate(chosen)
    ]


def events(path: Path, wanted: frozenset[str] | None = None) -> tuple[EventTable, list[Diagnostic]]:
    reported: list[Diagnostic] = []
    return read_events([path], release.schema(), report=reported.append, wanted=wanted), reported


def column(table: EventTable, name: str) -> list[Any]:
    found = table.connection.execute(f'SELECT "{name}" FROM "{table.name}" ORDER BY _seq').fetchall()
    return [value for (value,) in found]


@pytest.mark.parametrize("size", [json_columns.BLOCK_BYTES, 2_000], ids=["one block", "many blocks"])
def test_json_of_several_logs_that_nothing_names_is_read_record_by_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(json_columns, "BLOCK_BYTES", size)
    made = records(200)
    path = tmp_path / "mixed.json"
    path.write_text("".join(json.dumps(record) + "\n" for _, record in made))
    table, reported = events(path)
    assert reported == [] and table.rows == len(made)
    assert column(table, "event.dataset") == [dataset for dataset, _ in made]
    assert column(table, "event.id") == [record["uid"] for _, record in made]
    assert column(table, "dns.question.name") == [record.get("query") for _, record in made]
    assert column(table, "zeek.ssl.server.name") == [record.get("server_name") for _, record in made]
    assert column(table, "url.domain") == [record.get("host") for _, record in made]
    originals = column(table, "event.original")
    assert [text and json.loads(text)["uid"] for text in originals] == [
        record["uid"] if dataset == "zeek.dns" else None for dataset, record in made
    ]
    wanted = frozenset({"dns.question.name", "event.category", "event.dataset", "url.domain", "source.ip"})
    limited, _ = events(path, wanted)
    for name in sorted(wanted):
        assert column(limited, name) == column(table, name), name


STRANGERS: list[dict[str, Any]] = [
    {"ts": 9.5, "uid": "S", **ENDS},
    {"ts": 9.5, "uid": "S", "_path": "dns", "query": "late.example", **ENDS},
    *({"ts": 9.5, "uid": "S", **ENDS, **fields} for _, fields in KINDS),
    # What tells two logs is of the one with more fields.
    {"ts": 9.5, "uid": "S", "id_orig_h": "10.0.0.9", "id_resp_h": "192.0.2.9", **KINDS[0][1], **KINDS[2][1]},
    {"ts": 9.5, "uid": "S", "id": {"orig_h": "10.0.0.8", "resp_h": "192.0.2.8"}, **KINDS[0][1], **KINDS[3][1]},
]


@pytest.mark.parametrize("named", [False, True], ids=["by fields", "by name"])
@pytest.mark.parametrize(("dataset", "fields"), KINDS, ids=[dataset for dataset, _ in KINDS])
def test_records_of_other_logs_that_come_late_are_read_as_what_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: str, fields: dict[str, Any], named: bool
) -> None:
    monkeypatch.setattr(json_columns, "BLOCK_BYTES", 1_000)
    narrow = Counter[bool]()
    given = zeek._by_log

    def counted(*arguments: Any) -> Any:
        narrow[arguments[3].narrow is not None] += 1
        return given(*arguments)

    monkeypatch.setattr(zeek, "_by_log", counted)
    name = {"_path": {"zeek.connection": "conn"}.get(dataset, dataset[5:])} if named else {}
    own = [{"ts": number / 4, "uid": f"C{number}", **name, **ENDS, **fields} for number in range(100)]
    made = list(own)
    for place, stranger in zip(range(40, 100, 7), STRANGERS, strict=False):
        made.insert(place, stranger)
    path = tmp_path / "late.json"
    path.write_text("".join(json.dumps(record) + "\n" for record in made))
    whole, reported = events(path)
    assert not narrow[True]
    wanted = frozenset({"dns.question.name", "event.category", "event.dataset", "url.domain", "source.ip"})
    limited, told = events(path, wanted)
    assert reported == told == []
    assert narrow[True] > 5
    for each in sorted(wanted):
        assert column(limited, each) == column(whole, each), each
    datasets = column(whole, "event.dataset")
    assert datasets.count(dataset) < len(made)
    assert [which for which, record in zip(datasets, made, strict=True) if record["uid"] != "S"] == [dataset] * 100


def test_the_inventory_tells_each_log_of_such_a_file(tmp_path: Path) -> None:
    made = records(40)
    path = tmp_path / "mixed.json"
    path.write_text("".join(json.dumps(record) + "\n" for _, record in made))
    written = io.StringIO()
    schema = release.schema()
    command.write_events(stream([path], schema, report=lambda _: None), schema, written)
    told = Counter(json.loads(line)["event"]["dataset"] for line in written.getvalue().splitlines())
    assert told == Counter(dataset for dataset, _ in made)


def test_a_record_that_tells_no_log_is_of_the_file_s_first(tmp_path: Path) -> None:
    path = tmp_path / "mixed.json"
    first, other = records(2)
    lines = [first[1], {"ts": 1.5, "uid": "C9", **ENDS}, {"_path": "dns", **other[1]}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    table, _ = events(path)
    assert column(table, "event.dataset") == ["zeek.connection", "zeek.connection", "zeek.dns"]


def log(lines: int) -> str:
    names = ["ts", "uid", *ENDS, "proto", "duration"]
    types = ["time", "string", "addr", "port", "addr", "port", "enum", "interval"]
    rows = []
    for number in range(lines):
        duration = "long" if number % 41 == 7 else f"{number / 8:.6f}"
        cells = [f"{number}.5", f"C{number}", "10.0.0.1", str(number), "192.0.2.7", "443", "tcp", duration]
        rows.append("\t".join(cells[: 4 if number % 97 == 50 else None]))
    return "\n".join(
        ["#separator \\x09", "#path\tconn", "\t".join(["#fields", *names]), "\t".join(["#types", *types]), *rows, ""]
    )


def test_blocks_that_are_read_at_once_give_what_one_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for size in (1 << 20, 700):
        monkeypatch.setattr(zeek_tsv, "BLOCK_BYTES", size)
        skipped: Counter[str] = Counter()
        reported: list[Diagnostic] = []
        batches = zeek.read_tsv(io.BytesIO(log(400).encode()), "p", "p", reported.append, skipped)
        rows = [row for batch in batches for row in batch.to_pylist()]
        told = [each.message for each in reported]
        found.append(
            ([(row["_record"], row["zeek.session_id"], row.get("event.duration")) for row in rows], skipped, told)
        )
    assert found[0] == found[1]
    rows, skipped, told = found[0]
    assert [record for record, *_ in rows] == [number + 4 for number in range(400) if number % 97 != 50]
    assert skipped == {"not a record": 4} and len(told) == 5 and "10 values of duration" in told[-1]


def test_a_shape_that_comes_late_changes_no_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_columns, "BLOCK_BYTES", 300)
    lines = [
        b'{"ts":%d.5,"uid":"C%d"%s}' % (number, number, b',"late":{"part":"k\xc3\xbcste"}' if number > 150 else b"")
        for number in range(200)
    ]
    reader = json_columns.JsonColumns("p", "p", lambda _: None, originals=True)
    blocks = list(reader.read(io.BytesIO(b"\n".join(lines))))
    assert len(blocks) > 10
    assert [record for block in blocks for record in block.records.to_pylist()] == list(range(200))
    assert [uid for block in blocks for uid in block.columns["uid"].to_pylist()] == [
        f"C{number}" for number in range(200)
    ]
    late = [text for block in blocks if "late.part" in block.columns for text in block.columns["late.part"].to_pylist()]
    assert [text for text in late if text] == ["küste"] * 49
    assert [text for block in blocks for text in block.originals.to_pylist()] == [line.decode() for line in lines]
