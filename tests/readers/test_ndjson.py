"""The fast path of JSON lines gives what the exact path gives, or leaves the block to it."""

from __future__ import annotations

import io
import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falselight import store
from falselight.documents import Collector
from falselight.ecs.schema import Field, Schema
from falselight.readers import blocks, leaves, ndjson, projected
from falselight.readers.detect import Kind

TYPES = {
    "@timestamp": "date", "event.type": "keyword", "process.pid": "long", "process.name": "wildcard",
    "process.parent.pid": "long", "flag": "boolean", "score": "float", "source.ip": "ip", "package.version": "version",
    "seen": "date",
    "process.code_signature.trusted": "boolean",
    "process.code_signature.subject_name": "keyword",
    "process.Ext.code_signature": "nested",
}  # fmt: skip
SCHEMA = Schema(
    {name: Field(name, kind, ignore_above=8 if kind == "keyword" else None) for name, kind in TYPES.items()}
)
WANTED = frozenset({*TYPES, "unmapped", "new.field"})

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64), st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "a", "long enough", "12", "12.7", "true", "10.0.0.1", "::FFFF:1.2.3.4", "1.2.4-x", "é\U0001f600"]),
    st.sampled_from(["2024-05-01T10:00:00.5Z", "2024-05-01", "2024-02-30T00:00:00Z", "1500-01-01T00:00:00Z"]),
)  # fmt: skip
values = st.one_of(scalars, st.lists(st.one_of(scalars, st.lists(scalars, max_size=2)), max_size=3))
keys = st.sampled_from(
    ["event.type", "event", "type", "process", "process.pid", "pid", "parent", "parent.pid", "process.parent", "name", "Name",
     "code_signature",
     "process.code_signature", "trusted", "code_signature.trusted", "subject_name",
     "flag", "score", "source", "ip", "package", "version", "seen", "unmapped", "new", "field", "_id", "_seq", "other"]
)  # fmt: skip
objects = st.recursive(values, lambda inner: st.dictionaries(keys, inner, max_size=3), max_leaves=6)
wild = st.dictionaries(keys, objects, max_size=4)
tame = st.fixed_dictionaries(
    {"@timestamp": st.sampled_from(["2024-05-01T10:00:00.123456789Z", "1969-12-31T23:59:59.9999Z"])},
    optional={
        "event": st.fixed_dictionaries({}, optional={"type": st.lists(st.sampled_from(["start", "far too long"]), max_size=3)}),
        "process": st.fixed_dictionaries({"pid": st.integers(0, 9)}, optional={"parent": st.just({"pid": 1})}),
        "source": st.fixed_dictionaries({"ip": st.sampled_from(["10.0.0.1", "nonsense", "::ffff:1.2.3.4"])}),
        "score": st.sampled_from([1, 2.5]), "flag": st.booleans(), "seen": st.just("2024-05-01"),
    },
)  # fmt: skip


def table(data: bytes, fast: bool) -> tuple[list[dict[str, Any]], list[Any], Counter[str], Counter[str]]:
    builder = store.Builder(store.connect(), SCHEMA)
    collector = Collector(SCHEMA, strings="keyword", malformed=builder.malformed, wanted=WANTED)
    reader = ndjson.Reader(collector, lambda _: None, WANTED if fast else None)
    for batch in reader.read(io.BytesIO(data), Kind.ECS_LINES, "p", "p"):
        builder.adopt(collector.schema)
        builder.append(batch, 0)
    made = builder.finish()
    rows = made.connection.sql("SELECT * FROM events ORDER BY _seq").to_arrow_table().to_pylist()
    schema = sorted((entry for entry in made.schema if entry.filled), key=lambda entry: entry.name)
    stripped = [{name: value for name, value in sorted(row.items()) if value is not None} for row in rows]
    return stripped, schema, +made.malformed, +reader.skipped


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 300)
    monkeypatch.setattr(projected, "_SMALLEST", 100)


line = st.one_of(
    tame.map(lambda document: json.dumps(document).encode()),
    wild.map(lambda document: json.dumps({"@timestamp": "2024-05-01T10:00:00Z", **document}, ensure_ascii=False).encode()),
    st.sampled_from([
        b"", b"  ", b"{}", b"{}{}", b"[1]", b"null", b"{", b'{"a":{}', b'{"flag":true}}', b"\xff", b'{"event":{"type":"\xff"}}',
        b'{"process":{"pid":1},"process":{"name":"x"}}', b'{"flag":true,"flag":false}', b'{"process":{"pid":1,"pid":2}}',
        b'{"process":"x"}', b'{"process":[{"pid":1},{"pid":2}]}', b'{"@timestamp":1714557600000}', b' {"flag":true} ',
        b'{"process":{"name":"\\ud800"}}', b'{"process":{"name":"a\\u0000b"}}', b'{"process":{"pid":12.0}}', b'{"score":NaN}',
        b'{"process":{"p\\u0069d":3}}', b'{"process":{"pid":-0}}', b'{"score":1e3,"process":{"pid":1e3}}', b'{"flag":true,}',
        b'{"flag":true}\x0b', b'{"flag":true}\t ',
        b'{"@timestamp":"2024-05-01T10:00:60Z"}', b'{"@timestamp":["2024-05-01T10:00:00Z"]}', b'{"flag":true}\r',
        b'{"process.pid":5}', b'{"process":{"parent.pid":5}}', b'{"process.parent":{"pid":5}}', b'{"process.pid":null}',
    ]),
)  # fmt: skip


def test_a_line_longer_than_several_blocks_is_one_line() -> None:
    long = b'{"@timestamp": "2024-05-01T10:00:00Z", "process": {"name": "' + b"x" * 1000 + b'"}}'
    data = b'{"flag": true}\n' + long + b"\n" + b'{"flag": false}\n'
    assert table(data, fast=True) == table(data, fast=False)
    assert len(table(data, fast=True)[0]) == 3


@settings(max_examples=60)
@given(st.lists(line, max_size=12), st.sampled_from([b"\n", b"\r\n"]), st.booleans())
def test_fast_and_exact_path_agree_on_nasty_lines(lines: list[bytes], end: bytes, closed: bool) -> None:
    data = end.join(lines) + (end if closed else b"")
    assert table(data, fast=True) == table(data, fast=False)


FORMS = [
    b'"flag":%s', b'"score":%s', b'"process":{"pid":%s}', b'"process":{"name":%s}', b'"event":{"type":%s}', b'"_id":%s',
    b'"package":{"version":%s}', b'"source":{"ip":%s}', b'"seen":%s', b'"unmapped":%s', b'"new":{"field":%s}',
]  # fmt: skip
VALUES = [
    b'"a"', b"1", b"12.0", b"1e3", b"true", b"null", b'["a","b"]', b"[1,null]", b"[]", b"{}", b"[[1]]", b"-0", b'"12"', b"1.5",
    b"18446744073709551615", b"123456789012345678901234567890", b"9007199254740993", b"[1.5,2]", b'""', b'[""]', b'"\\u00e9"',
]  # fmt: skip
two = st.lists(st.sampled_from(VALUES), min_size=1, max_size=2)


@settings(max_examples=60)
@given(st.sampled_from(FORMS), two.flatmap(lambda few: st.lists(st.sampled_from(few), min_size=3, max_size=12)))
def test_fast_and_exact_path_agree_on_one_field_in_every_form(form: bytes, values: list[bytes]) -> None:
    data = b"".join(b'{"@timestamp":"2024-05-01T10:00:00Z",%s}\n' % (form % value) for value in values)
    assert table(data, fast=True) == table(data, fast=False)


signature = st.one_of(
    st.fixed_dictionaries({}, optional={"trusted": st.sampled_from([True, "true", "nonsense", 1, None]), "subject_name": values,
                                        "other": st.just(1)}),
    st.sampled_from([None, [], {}, "text", {"subject_name.more": "x"}, {"trusted": {"x": 1}}]),
)  # fmt: skip
signatures = st.one_of(signature, st.lists(st.one_of(signature, st.lists(signature, max_size=2)), max_size=3))


@settings(max_examples=60)
@given(
    st.lists(signatures, max_size=3).flatmap(lambda few: st.lists(st.sampled_from(few or [None]), max_size=12)),
    st.booleans(),
)
def test_fast_and_exact_path_agree_on_arrays_of_signatures(found: list[Any], whole: bool) -> None:
    made = ({"code_signature": each} for each in found)
    documents = [{"process": {"pid": 1, **({"Ext": each} if whole else each)}} for each in made]
    data = b"".join(json.dumps(each).encode() + b"\n" for each in documents)
    assert table(data, fast=True) == table(data, fast=False)


def test_the_objects_of_a_nested_field_go_the_fast_path_whole() -> None:
    one, other = {"trusted": True, "subject_name": "A Ltd"}, {"trusted": False, "of": [{"x": 1}]}
    found = [one, [other, one], [[one], None], [], None]
    block = b"".join(json.dumps({"process": {"Ext": {"code_signature": each}}}).encode() + b"\n" for each in found)
    parsed = projected.Projection(WANTED).table(block, SCHEMA)
    assert parsed is not None
    told = [each and list(map(json.loads, each)) for each in parsed.column("process.Ext.code_signature").to_pylist()]
    assert [each or None for each in told] == [[one], [other, one], [one], None, None]


def test_arrays_of_signatures_go_the_fast_path() -> None:
    one, other = {"trusted": True, "subject_name": "A Ltd", "exists": True}, {"trusted": False}
    found = [one, [one], [other, one], [], None]
    block = b"".join(json.dumps({"process": {"code_signature": each}}).encode() + b"\n" for each in found)
    parsed = projected.Projection(WANTED).table(block, SCHEMA)
    assert parsed is not None
    assert parsed.column("process.code_signature.trusted").to_pylist() == [[True], [True], [False, True], None, None]
    assert parsed.column("process.code_signature.subject_name").to_pylist() == ["A Ltd", "A Ltd", "A Ltd", None, None]
    assert projected.Projection(WANTED).table(b'{"process":{"code_signature.trusted":true}}\n', SCHEMA) is None


@settings(max_examples=30)
@given(st.lists(tame, min_size=1, max_size=30))
def test_fast_and_exact_path_agree_on_tame_lines(documents: list[dict[str, Any]]) -> None:
    data = b"".join(json.dumps(document).encode() + b"\n" for document in documents)
    assert table(data, fast=True) == table(data, fast=False)


def test_tame_lines_do_go_the_fast_path() -> None:
    documents = [
        {"@timestamp": "2024-05-01T10:00:00Z", "process": {"pid": n}, "event": {"type": ["a"]}} for n in range(9)
    ]
    block = b"".join(json.dumps(document).encode() + b"\n" for document in documents)
    parsed = projected.Projection(WANTED).table(block, SCHEMA)
    assert parsed is not None and parsed.num_rows == 9
    assert parsed.column("process.pid").to_pylist() == list(range(9))


def test_a_field_may_be_a_value_here_and_a_list_there() -> None:
    lines = [b'{"event":{"type":["a","b"]}}', b"", b'{"event":{"type":"b"}}', b'{"event":{"type":7}}', b"{}"]
    parsed = projected.Projection(WANTED).table(b"\n".join(lines), SCHEMA)
    assert parsed is not None and parsed.column("_record").to_pylist() == [0, 2, 3, 4]
    assert parsed.column("event.type").to_pylist() == [["a", "b"], ["b"], ["7"], None]


def test_of_a_block_only_the_lines_about_a_departure_go_the_exact_path() -> None:
    tidy = b'{"@timestamp":"2024-05-01T10:00:00Z","event":{"type":["a"]}}\n' * 40
    odd = b'{"event":{"type":"a"},"event":{"type":"b"}}\n'
    parts = list(projected.Projection(WANTED).parts(blocks.Block(memoryview(tidy + odd + tidy)), SCHEMA))
    assert sum(part.count for part in parts) == 81
    left = [part for part in parts if part.table is None]
    assert len(left) == 1 and odd in left[0].lines and left[0].count < 5


def test_lines_that_the_parser_refuses_cost_no_second_parse_of_what_stands_before_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[int] = []
    rows = leaves._Parser.rows

    def counted(self: leaves._Parser, block: bytes, *more: Any) -> Any:
        given.append(len(block))
        return rows(self, block, *more)

    monkeypatch.setattr(leaves._Parser, "rows", counted)
    many = [b'{"process":{"pid":%d}}' % number for number in range(60_000)]
    odd = (17, 20_000, 20_001, 40_123, 59_999)
    for number in odd:
        many[number] = b'{"process":{"pid":1,"pid":%d}}' % number
    data = b"\n".join(many) + b"\n"
    parts = list(projected.Projection(WANTED).parts(blocks.Block(memoryview(data)), SCHEMA))
    assert sum(part.count for part in parts) == len(many)
    assert sum(part.count for part in parts if part.table is None) <= 3 * len(odd)
    # What follows a fault is given again, and of what stands before it no more than some rows.
    some = 3 * leaves._ROWS_AT_ONCE * len(many[-2] + b"\n")
    assert len(given) <= 2 * len(odd) + 1 and sum(size > some for size in given) <= len(odd) + 1
    monkeypatch.setattr(blocks, "BLOCK_BYTES", len(data) // 3)
    assert table(data, fast=True) == table(data, fast=False)


@pytest.mark.parametrize(
    "odd",
    [b"", b" \t", b'{"process":{"pid":1,"pid":"\xff"}}', b'{"x":NaN}', b"[1]", b'{"process":{"pid":1e999}}', b"{}{}"],
)
@pytest.mark.parametrize("number", [0, 4_000])
def test_lines_of_which_all_have_a_key_twice_go_the_fast_path(
    odd: bytes, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [
        b'{"process":{"pid":1,"name":"a","pid":%d},"score":1.50,"flag":true,"flag":false}' % each
        for each in range(6_000)
    ]
    many[number] = odd
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1 << 20)
    monkeypatch.setattr(projected, "_SMALLEST", 20_000)
    data = b"\r\n".join(many)
    parts = list(projected.Projection(WANTED).parts(blocks.Block(memoryview(data + b"\r\n")), SCHEMA))
    assert sum(part.count for part in parts) == len(many)
    # What is no JSON object sends its block the exact way.
    if odd in (b"", b'{"process":{"pid":1e999}}'):
        assert sum(part.count for part in parts if part.table is None) < 0.3 * len(many)
    assert table(data, fast=True) == table(data, fast=False)


def test_lines_are_not_written_again_for_few_keys_that_stand_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projected, "_written_again", lambda block: pytest.fail("a few lines are read by themselves"))
    many = [b'{"process":{"pid":%d}}' % each for each in range(20_000)]
    for number in (0, 6_000, 12_000, 19_000):
        many[number] = b'{"process":{"pid":1,"pid":2}}'
    data = b"\n".join(many) + b"\n"
    parts = list(projected.Projection(WANTED).parts(blocks.Block(memoryview(data)), SCHEMA))
    assert sum(part.count for part in parts if part.table is None) <= 12


@pytest.mark.parametrize(
    "odd",
    [
        b'{"process.pid":1}',
        b"{}{}",
        b'{"flag":true, }',
        b'{"x":NaN}',
        b'{"flag":true}\f',
        b'{"x":[-Infinity ]}',
        b'{"unmapped":1}',
    ],
)
def test_a_block_with_an_odd_line_is_left_to_the_exact_path(odd: bytes) -> None:
    tidy = b'{"@timestamp":"2024-05-01T10:00:00Z","event":{"type":["a"]}}\n'
    assert projected.Projection(WANTED).table(tidy + odd + b"\n" + tidy, SCHEMA) is None
