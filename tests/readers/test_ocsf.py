"""OCSF in Parquet: the same events as from JSON, whatever Arrow's types; damage and what is no OCSF are told."""

from __future__ import annotations

import io
import json
import random
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from falselight import ingest
from falselight.ecs import release
from falselight.readers import ocsf, ocsf_parquet
from falselight.readers.detect import Kind, detect
from falselight.readers.evidence import original
from falselight.readers.settings import Settings
from falselight.store import Input
from tests.readers.test_text_logs import SAMPLES, read

RECORDS = [json.loads(line) for line in (SAMPLES / "ocsf" / "sample").read_text("utf-8").splitlines()]


def parquet(records: list[dict[str, Any]], **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_batches([pa.RecordBatch.from_struct_array(pa.array(records))]), buffer, **options)
    return buffer.getvalue()


def test_parquet_gives_what_json_gives() -> None:
    data = parquet(RECORDS, row_group_size=2, compression="gzip")
    assert detect(data[:1000]) is Kind.OCSF_PARQUET
    made, skipped, reported = read(Kind.OCSF_PARQUET, data)
    expected = read(Kind.OCSF, (SAMPLES / "ocsf" / "sample").read_bytes())[0]
    for row in expected:
        del row["event.original"]
    assert made == expected and not skipped and reported == []


def test_fields_that_are_wanted_are_the_same_alone() -> None:
    wanted = frozenset(
        {"source.ip", "dns.answers.data", "event.type", "process.hash.sha256", "related.hosts", "network.direction"}
    )
    whole = read(Kind.OCSF_PARQUET, parquet(RECORDS))[0]
    expected = [{name: row[name] for name in row if name in wanted or name.startswith("_")} for row in whole]
    for reader, data in ((ocsf_parquet, parquet(RECORDS)), (ocsf, (SAMPLES / "ocsf" / "sample").read_bytes())):
        batches = reader.read(io.BytesIO(data), "p", "p", pytest.fail, Counter(), wanted, Settings())
        rows = [row for batch in batches for row in batch.to_pylist()]
        assert [{name: cell for name, cell in row.items() if cell is not None} for row in rows] == expected


def test_types_of_arrow() -> None:
    moment = datetime(2026, 3, 11, 9, 0, 0, 125_000, UTC)
    end, keyed = pa.struct([("ip", pa.large_string()), ("port", pa.int32())]), pa.map_(pa.string(), pa.string())
    table = pa.table({
        "class_uid": pa.array([4001, 4001], pa.uint16()),
        "time": pa.array([None, 1_773_219_600_125], pa.int64()),
        "time_dt": pa.array([moment, None], pa.timestamp("us", "UTC")),
        "activity_name": pa.array(["Open", "Open"]).dictionary_encode(),
        "src_endpoint": pa.array([{"ip": "10.4.0.13", "port": 1}, None], end),
        "unmapped": pa.array([[("zone", "a")], None], keyed),
        "odd": pa.array([[("a b;", "1")], None], keyed),
        "ratio": pa.array([Decimal("1.50"), None], pa.decimal128(9, 2)),
        "raw": pa.array([b"\xff\x00", None], pa.binary()),
        "deep": pa.array([[[{"x": [1, 2]}]], None], pa.list_(pa.list_(pa.struct([("x", pa.list_(pa.int8()))])))),
    })  # fmt: skip
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    (first, second), skipped, reported = read(Kind.OCSF_PARQUET, buffer.getvalue())
    assert first["_time"] == second["_time"] == 1_773_219_600_125_000_000
    assert first["event.type"] == ["info", "connection", "start"]
    assert (first["source.ip"], first["source.port"], first["ocsf.unmapped.zone"]) == ("10.4.0.13", 1, "a")
    assert (first["ocsf.ratio"], first["ocsf.raw"], first["ocsf.odd"]) == (1.5, '"ff00"', '[["a b;","1"]]')
    assert first["ocsf.deep.x"] == [1, 2] and "ocsf.raw" not in second
    assert not skipped and reported == []


def test_times_beyond_nanoseconds_and_numbers_that_are_none() -> None:
    far = {"class_uid": 4001, "category_uid": 4, "time": 253_402_300_799_000, "start_time": -(2**62)}
    odd = {"class_uid": 4001, "category_uid": 4, "time": "soon", "duration": 2**62}
    lines = "\n".join(map(json.dumps, (far, odd))).encode()
    (first, second), _, reported = read(Kind.OCSF, lines)
    assert first["@timestamp"] == 253_402_300_799_000 and "_time" not in first
    assert "_time" not in second and "event.duration" not in second
    assert {each.code for each in reported} == {"W0512"}


def test_texts_that_are_no_utf_8_are_mended_and_told() -> None:
    names = [{"class_uid": 4001, "category_uid": 4, "activity_name": "Traff\u00e4c", "labels": ["b\u00e4d"]}] * 3
    data = parquet(names).replace("\u00e4".encode(), b"\xc3\xff")
    made, skipped, reported = read(Kind.OCSF_PARQUET, data)
    assert len(made) == 3 and not skipped
    assert made[0]["ocsf.activity_name"] == "Traff\ufffd\ufffdc" and made[0]["ocsf.labels"] == ["b\ufffd\ufffdd"]
    assert [each.code for each in reported] == ["W0511"] and "6 values" in reported[0].message


def test_other_parquet_is_listed_and_damage_is_told() -> None:
    assert read(Kind.OCSF_PARQUET, parquet([{"a": 1}]))[1] == {"unknown format": 1}
    data = parquet(RECORDS * 400, row_group_size=200)
    for cut in (b"PAR1", data[: len(data) // 2], data[:-20] + b"\0" * 20):
        made, skipped, reported = read(Kind.OCSF_PARQUET, cut)
        assert made == [] and skipped == {"damaged": 1} and [each.code for each in reported] == ["E0504"]
    broken = bytearray(data)
    where = len(data) * 2 // 3
    broken[where : where + 200] = bytes(200)
    made, _, reported = read(Kind.OCSF_PARQUET, bytes(broken))
    assert len(made) <= len(RECORDS) * 400 and all(each.code in ("E0504", "W0512") for each in reported)


@pytest.mark.parametrize("rounds", [40, pytest.param(5_000, marks=pytest.mark.nightly)])
def test_mutations_are_survived(rounds: int, tmp_path: Path) -> None:
    data, draw, path = parquet(RECORDS), random.Random(7), tmp_path / "input"
    for _ in range(rounds):
        changed = bytearray(data)
        for _ in range(draw.randint(1, 8)):
            changed[draw.randrange(4, len(changed))] = draw.randrange(256)
        path.write_bytes(bytes(changed))
        ingest.read_events([path], release.schema(), report=lambda _: None)


def test_rows_are_evidence(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    path.write_bytes(parquet(RECORDS, row_group_size=2))
    (found,) = original(Input(str(path), None, None, path.stat().st_size), [4])
    assert isinstance(found, dict) and found["query"] == RECORDS[4]["query"]
