"""Documents are read as Elasticsearch's document mapper reads them."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from falselight import documents
from falselight.documents import Collector, columns
from falselight.ecs.schema import Schema

MAPPING = {
    "properties": {
        "@timestamp": {"type": "date"},
        "process": {"properties": {"pid": {"type": "long"}, "name": {"type": "keyword", "ignore_above": 5}}},
        "default": {"type": "keyword", "null_value": "NULL"},
        "flag": {"type": "boolean"},
        "host": {"type": "ip"},
        "other": {"type": "alias", "path": "flag"},
        "inner": {"type": "nested", "properties": {"a": {"type": "keyword"}}},
    }
}


def read(*documents: dict[str, Any], **options: Any) -> tuple[dict[str, list[Any]], Schema, Counter[str]]:
    bad: Counter[str] = Counter()
    table, schema = columns(documents, Schema.from_mapping(MAPPING), malformed=bad, **options)
    return table.to_pydict(), schema, bad


def test_dotted_and_nested_keys_are_one_path_and_arrays_of_objects_give_all_values() -> None:
    table, schema, _ = read(
        {"process.pid": 1}, {"process": {"pid": "2"}}, {"process": [{"pid": 3.9}, {"pid": [4, [5]]}]}, {"process": []}
    )
    assert table["process.pid"] == [[1], [2], [3, 4, 5], None]
    entry = schema.find("process.pid")
    assert entry is not None and entry.many and entry.filled


def test_null_value_replaces_explicit_nulls_only() -> None:
    table, _, _ = read({"default": None}, {}, {"default": ["a", None]}, {"process.name": [None, "x"]})
    assert table["default"] == [["NULL"], None, ["a", "NULL"], None]
    assert table["process.name"] == [None, None, None, "x"]


def test_rejected_values_are_counted_and_the_rest_is_kept() -> None:
    table, _, bad = read(
        {"process": {"pid": "x", "name": "kept"}, "flag": 1, "host": "?", "other": 1, "@timestamp": "never"},
        {"process": {"pid": {"a": 1}, "name": "too long"}, "flag": "", "host": "::FFFF:0:1"},
    )
    assert bad == {"process.pid": 2, "flag": 1, "host": 1, "other": 1, "@timestamp": 1}
    assert table["process.name"] == ["kept", None]
    assert table["flag"] == [None, False]
    assert table["host"] == [None, "0.0.0.1"]


def test_dynamic_fields_take_the_type_of_their_first_value() -> None:
    table, schema, bad = read(
        {"a": None, "b": "2022-12-12", "c": 1, "d": 1.5, "e": True, "f": "x" * 300, "G": "g"},
        {"a": "1", "b": "1970-01-01T00:00:01Z", "c": 2.5, "g": 7},
        {"b": "no date", "c": "word"},
    )
    kinds = {name: entry.type for name in "abcdefGg" if (entry := schema.find(name))}
    assert kinds == {
        "a": "text", "b": "date", "c": "long", "d": "float", "e": "boolean", "f": "text", "G": "text", "g": "long",
    }  # fmt: skip
    assert table["c"] == [1, 2, None] and table["b"] == [1670803200000, 1000, None]
    keyword = schema.find("f.keyword")
    assert keyword is not None and not keyword.filled
    assert bad == {"b": 1, "c": 1}


def test_a_scalar_where_an_object_is_mapped_is_rejected_and_the_reverse() -> None:
    _, _, bad = read(
        {"process": "x"}, {"a": 1}, {"a": {"b": 1}}, {"c.d": 1}, {"c": 2}, {"a.x": 1}, {"inner": [{"a": "x"}]}
    )
    assert bad == {"process": 1, "a": 1, "c": 1, "a.x": 1}


def test_reserved_names_are_refused() -> None:
    table, _, bad = read({"_seq": 7, "host#ip": "x", "_id": "abc", "_index": "i"}, {})
    assert table["_seq"] == [0, 1] and table["_id"] == ["abc", None]
    assert bad == {"_seq": 1, "host#ip": 1}


def test_time_is_exact_where_the_date_is_milliseconds() -> None:
    table, _, _ = read({"@timestamp": "1970-01-01T00:00:00.123456789Z"}, {"@timestamp": 2}, {}, {"@timestamp": 10**17})
    assert table["@timestamp"] == [123, 2, None, 10**17]
    assert table["_time"] == [123456789, 2_000_000, None, None]


def test_without_dynamic_mapping_unknown_fields_are_left_out() -> None:
    table, schema, bad = read({"unknown": 1, "flag": True}, dynamic=False)
    assert "unknown" not in table and "unknown" not in schema and not bad


def test_collector_keeps_dynamic_types_from_batch_to_batch() -> None:
    bad: Counter[str] = Counter()
    collector = Collector(Schema({}), malformed=bad, strings="keyword", wanted=frozenset({"x.y"}))
    collector.add({"x": {"y": 1, "z": 2}})
    assert collector.take().to_pydict() == {"_time": [None], "x.y": [1]}
    collector.add({"x": {"y": "2"}})
    collector.add({"x": {"y": ["no", 3]}})
    assert collector.take().column("x.y").type == pa.int64()
    assert bad == {"x.y": 1}


KEYS = (
    "@timestamp", "process.pid", "process.name", "process", "default", "flag", "host", "other", "inner", "inner.a", "new.text",
    "new.number", "new", "labels", "_id",
)  # fmt: skip
CELLS: tuple[Any, ...] = (
    None, "2026-01-02T03:04:05.000Z", "192.0.2.1", 443, "443", 1.5, True, "true", [], ["a", "b"], [1, None], [[1], 2],
    {"pid": 7}, [{"text": "y"}, {"number": 3}],
)  # fmt: skip


def gathered(rows: list[list[dict[str, Any]]], wanted: frozenset[str] | None) -> Any:
    malformed: Counter[str] = Counter()
    collector = Collector(Schema.from_mapping(MAPPING), malformed=malformed, strings="keyword", wanted=wanted)
    taken = []
    for some in rows:
        for document in some:
            collector.add(document)
        taken.append(collector.take())
    return (
        [(each.schema, each.to_pydict()) for each in taken],
        malformed,
        {each.name: each for each in collector.schema},
    )


@pytest.mark.parametrize("wanted", [None, frozenset({"process.pid", "new.text", "flag"})])
@pytest.mark.parametrize("seed", range(12))
def test_documents_of_the_same_keys_give_what_each_gives_alone(
    seed: int, wanted: frozenset[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(seed)
    shapes = [draw.sample(KEYS, draw.randint(1, 6)) for _ in range(8)]
    cells = {key: draw.sample(CELLS, draw.choice((1, 2, 2, len(CELLS)))) for key in KEYS}
    rows = [
        [{key: draw.choice(cells[key]) for key in draw.choice(shapes)} for _ in range(draw.choice((3, 400)))]
        for _ in range(4)
    ]
    together = gathered(rows, wanted)
    monkeypatch.setattr(documents, "_MOST_GROUPS", 0)
    assert together == gathered(rows, wanted)


def shared() -> Path | None:
    root = Path(__file__).parents[1]
    folder = Path(os.environ.get("FALSELIGHT_SHARED", root.parent / "shared")) / "conformance" / "indices"
    return folder if folder.is_dir() else None


@pytest.mark.skipif(shared() is None, reason="the shared folder with the conformance indices is absent")
def test_conformance_indices_load_without_a_rejected_value() -> None:
    folder = shared()
    assert folder is not None
    for path in sorted(folder.glob("*.mapping.json")):
        schema = Schema.from_mapping(json.loads(path.read_text()))
        lines = (folder / path.name.replace(".mapping.json", ".ndjson")).read_text().splitlines()
        bad: Counter[str] = Counter()
        table, _ = columns((json.loads(line) for line in lines), schema, malformed=bad)
        assert table.num_rows == len(lines) and not bad, path.name
