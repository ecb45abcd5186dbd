"""The event table grows, widens and promotes as batches come, and tells the truth in its schema."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from falselight import store
from falselight.diagnostics import FalselightError
from falselight.ecs.schema import Field, Schema

SCHEMA = Schema(
    {
        "@timestamp": Field("@timestamp", "date"),
        "process.pid": Field("process.pid", "long"),
        "source.ip": Field("source.ip", "ip"),
        "process.name": Field("process.name", "keyword", ignore_above=10),
        "package.version": Field("package.version", "version"),
        "note": Field("note", "text", exact="note.keyword"),
        "note.keyword": Field("note.keyword", "keyword", ignore_above=5),
        "never": Field("never", "keyword"),
    }
)


@pytest.fixture
def builder() -> store.Builder:
    return store.Builder(store.connect(), SCHEMA)


def test_values_by_their_place_in_a_dictionary_are_as_others(builder: store.Builder) -> None:
    def batch(names: pa.Array, notes: pa.Array) -> pa.RecordBatch:
        times = pa.array([1, 2, 3], pa.int64())
        return pa.RecordBatch.from_pydict({"_time": times, "process.name": names, "note": notes})

    texts = pa.array(["a", None, "longer than ten"])
    more = pa.array(["b", "longer than ten", None])
    builder.append(batch(texts.dictionary_encode(), texts.dictionary_encode()), 0)
    builder.append(batch(more, more.dictionary_encode()), 0)
    builder.append(batch(texts.dictionary_encode(), texts), 0)
    table = builder.finish()
    assert rows(table, "process.name", "note", "note.keyword") == [
        ("a", "a", "a"), (None, None, None), (None, "longer than ten", None),
        ("b", "b", "b"), (None, "longer than ten", None), (None, None, None),
        ("a", "a", "a"), (None, None, None), (None, "longer than ten", None),
    ]  # fmt: skip


def rows(table: store.EventTable, *columns: str) -> list[tuple[object, ...]]:
    names = ", ".join(store.quoted(name) for name in columns)
    return table.connection.execute(f"SELECT {names} FROM events ORDER BY _seq").fetchall()


def test_scalar_becomes_list_when_later_batch_brings_several(builder: store.Builder) -> None:
    builder.append(pa.table({"_time": [1], "process.name": ["a"]}), 0)
    builder.append(pa.table({"_time": [2], "process.name": [["b", None, "c"]]}), 0)
    builder.append(pa.table({"_time": [3], "process.name": ["d"]}), 1)
    builder.append(pa.table({"_time": [4, 5], "process.name": [[], [None]]}), 1)
    table = builder.finish()
    assert rows(table, "_seq", "_input", "process.name") == [
        (0, 0, ["a"]), (1, 0, ["b", "c"]), (2, 1, ["d"]), (3, 1, None), (4, 1, None),
    ]  # fmt: skip
    entry = table.schema.find("process.name")
    assert entry is not None and entry.many and entry.filled


def test_list_of_single_values_stays_scalar(builder: store.Builder) -> None:
    builder.append(pa.table({"_time": [1, 2], "process.name": [["b"], []]}), 0)
    table = builder.finish()
    assert rows(table, "process.name") == [("b",), (None,)]
    entry = table.schema.find("process.name")
    assert entry is not None and not entry.many


def test_text_is_cast_and_impossible_values_are_counted_by_occurrence(builder: store.Builder) -> None:
    builder.append(pa.table({"_time": [1, 2, 3, 4], "process.pid": ["12", "12.7", "x", "x"]}), 0)
    table = builder.finish()
    assert rows(table, "process.pid") == [(12,), (12,), (None,), (None,)]
    assert table.malformed == {"process.pid": 2}


def test_ip_and_version_have_columns_of_bytes(builder: store.Builder) -> None:
    addresses = ["::ffff:1.2.3.4", "2001:503:ba3e:0:0:0:2:30", "nonsense"]
    builder.append(pa.table({"_time": [1, 2, 3], "source.ip": addresses, "package.version": ["1.10", "1.9", "x"]}), 0)
    table = builder.finish()
    assert [row[0] for row in rows(table, "source.ip")] == ["1.2.3.4", "2001:503:ba3e::2:30", None]
    assert [len(row[0]) if row[0] else None for row in rows(table, "source.ip#ip")] == [16, 16, None]
    order = table.connection.execute('SELECT "package.version" FROM events ORDER BY "package.version#order"').fetchall()
    assert order == [("1.9",), ("1.10",), ("x",)]


def test_timestamp_comes_from_time_and_floors(builder: store.Builder) -> None:
    builder.append(pa.table({"_time": pa.array([1_999_999, -1, None], pa.int64())}), 0)
    assert rows(builder.finish(), "@timestamp", "_time") == [(1, 1_999_999), (-1, -1), (None, None)]


def test_ignore_above_counts_utf16_and_fills_only_the_exact_subfield(builder: store.Builder) -> None:
    builder.append(
        pa.table({"_time": [1, 2], "process.name": ["é" * 10, "\U0001f600" * 6], "note": ["short", "longer"]}), 0
    )
    assert rows(builder.finish(), "process.name", "note", "note.keyword") == [
        ("é" * 10, "short", "short"),
        (None, "longer", None),
    ]


def test_unknown_fields_are_mapped_by_arrow_type_and_names_keep_their_case(builder: store.Builder) -> None:
    builder.append(pa.table({"_time": [1], "Name": ["x"], "name": [2], "f": [1.5], "b": [True], '"; DROP': ["y"]}), 0)
    table = builder.finish()
    kinds = {name: entry.type for name in ("Name", "name", "f", "b", '"; DROP') if (entry := table.schema.find(name))}
    assert kinds == {"Name": "keyword", "name": "long", "f": "double", "b": "boolean", '"; DROP': "keyword"}
    assert rows(table, "^name", "name") == [("x", 2)]


def test_unfilled_fields_have_no_column(builder: store.Builder) -> None:
    builder.append(pa.table({"_time": [1], "never": pa.nulls(1)}), 0)
    table = builder.finish()
    entry = table.schema.find("never")
    assert entry is not None and not entry.filled
    assert "never" not in {row[0] for row in table.connection.execute("DESCRIBE events").fetchall()}


def test_field_that_would_shadow_a_system_column_is_refused(builder: store.Builder) -> None:
    builder.append(pa.table({"_time": [1], "_seq": [99], "source.ip#ip": ["x"]}), 0)
    table = builder.finish()
    assert rows(table, "_seq") == [(0,)]
    assert table.malformed == {"_seq": 1, "source.ip#ip": 1}


def test_spill_folder_goes_with_the_connection(tmp_path: Path) -> None:
    connection = store.connect(temp_directory=str(tmp_path), memory_limit="100MB", threads=1)
    assert len(list(tmp_path.glob("*/*/"))) == 1
    del connection
    assert not list(tmp_path.glob("*/*/"))


def test_the_engine_spills_what_is_beyond_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(store.MEMORY, "100MiB")
    connection = store.connect(threads=1)
    connection.execute("CREATE TABLE t AS SELECT range AS n, md5(range::VARCHAR) AS text FROM range(5000000)")
    assert connection.execute("SELECT count(*), max(n) FROM t").fetchall() == [(5_000_000, 4_999_999)]
    spilled = connection.execute("SELECT sum(size) FROM duckdb_temporary_files()").fetchall()
    assert spilled[0][0] > 0


def test_a_bound_that_is_no_amount_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(store.MEMORY, "2GB'; DROP")
    with pytest.raises(FalselightError, match="no amount of memory"):
        store.connect()


def test_the_engine_draws_no_bar_of_its_own() -> None:
    query = "SELECT current_setting('enable_progress_bar')"
    command = f"from falselight import store; print(store.connect().execute({query!r}).fetchall())"
    told = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[(False,)]"
