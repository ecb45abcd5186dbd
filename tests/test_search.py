"""The public search: forms of source, shape of the answer, options, and the two-valued logic of leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import falselight

MAPPING = {
    "properties": {
        "@timestamp": {"type": "date"},
        "event": {"properties": {"category": {"type": "keyword"}}},
        "name": {"type": "keyword"},
        "n": {"type": "long"},
        "address": {"type": "ip"},
        "label": {"type": "text"},
        "flag": {"type": "boolean"},
        "key": {"type": "keyword"},
    }
}


def documents(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"@timestamp": number, "event": {"category": "e"}, "id": number, **part} for number, part in enumerate(parts)
    ]


def ids(query: str, docs: list[dict[str, Any]], **options: Any) -> list[int]:
    answer = falselight.search(query, docs, mapping=MAPPING, **options).to_dict()
    return [event["_source"]["id"] for event in answer["hits"]["events"]]


LEAVES = documents({"n": 5, "name": "x"}, {"n": [50, 300], "name": ["x", "y"]}, {}, {"n": 150, "name": "X"})


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("n > 100 and n < 200", [1, 3]),  # different values of one field may satisfy the two
        ('name != "x"', [2, 3]),  # missing is not equal; a list with "x" is
        ('not name : "x"', [2]),
        ("not n > 100", [0, 2]),
        ("n == null", [2]),
        ("n != null", [0, 1, 3]),
        ("length(name) == 1", [0, 1, 3]),
        ("not length(name) == 1", [2]),
        ("n + n == 350", [1]),  # two occurrences take their values independently
        ("?nowhere == null", [0, 1, 2, 3]),
        ("?nowhere != 1", []),  # unmapped: null propagates; mapped and missing would match
        ("n in (5, 300)", [0, 1]),
        ("n not in (5, 300)", [2, 3]),
        ('name regex "[xy]"', [0, 1]),
        ('name regex~ "x"', [0, 1, 3]),
        ("n < 5.5", [0]),
        ("n == 5.5", []),
        ("n <= 99999999999999999999", [0, 1, 3]),
    ],
)
def test_leaves_are_two_valued(condition: str, expected: list[int]) -> None:
    assert ids(f"any where {condition}", LEAVES) == expected


def test_ascii_letters_fold_and_no_others() -> None:
    docs = documents({"name": "\u212aILL"}, {"name": "kill"}, {"name": "KILL"}, {"name": "É"}, {"name": "é"})
    assert ids('any where name : "kill"', docs) == [1, 2]
    assert ids('any where name : "k*"', docs) == [1, 2]
    assert ids('any where name : "é"', docs) == [4]


def test_values_never_become_sql() -> None:
    docs = documents({"name": "'; DROP TABLE events; --"}, {"name": 'a"b'}, {"name": "nul\0"})
    assert ids("""any where name == "'; DROP TABLE events; --" """, docs) == [0]
    assert ids('any where name == "a\\"b"', docs) == [1]
    assert ids('any where name == "nul\\u{00}"', docs) == [2]


def test_field_names_differ_by_case() -> None:
    docs = documents({"Name2": "a"}, {"name2": "b"})
    assert ids('any where Name2 == "a"', docs) == [0]
    assert ids('any where name2 == "b"', docs) == [1]


def test_sequence_answer_shape() -> None:
    docs = documents({"key": "k"}, {"key": "k"})
    answer = falselight.search(
        "sequence by key with maxspan=1s [e where true] ![x where true] [e where true]", docs
    ).to_dict()
    (hit,) = answer["hits"]["sequences"]
    assert hit["join_keys"] == ["k"]
    assert hit["events"][1] == {"_index": "", "_id": "", "_source": {}, "missing": True}
    assert hit["events"][0]["_source"] == docs[0]
    assert answer["hits"]["total"] == {"value": 1, "relation": "eq"}


def test_sources_of_every_form_agree(tmp_path: Path) -> None:
    docs = documents({"name": "x"}, {"name": "y"})
    path = tmp_path / "events.ndjson"
    path.write_text("\n".join(map(json.dumps, [{**d, "@timestamp": f"2024-01-01T00:00:0{d['id']}Z"} for d in docs])))
    query = 'any where ?name == "y"'
    for source in (docs, iter(docs), {"i": docs}, pa.Table.from_pylist(docs), path, str(path), [path]):
        answer = falselight.search(query, source).to_dict()
        assert [event["_source"]["id"] for event in answer["hits"]["events"]] == [1], source


def test_indices_keep_their_mappings_and_conflicts_are_refused() -> None:
    source = {"a": documents({"v": 1}), "b": documents({"v": "one"})}
    mapping = {
        "a": {"properties": {**MAPPING["properties"], "v": {"type": "long"}}},
        "b": {"properties": {**MAPPING["properties"], "v": {"type": "keyword"}}},
    }
    assert len(falselight.search("any where true", source, mapping=mapping)) == 2
    with pytest.raises(falselight.EqlError, match="ambiguities"):
        falselight.search("any where v == 1", source, mapping=mapping)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": -1}, "size must be"),
        ({"fetch_size": 1}, "fetch size"),
        ({"result_position": "middle"}, "result position"),
        ({"max_samples_per_key": 0}, "max_samples_per_key"),
        ({"tiebreaker_field": "nowhere"}, "tiebreaker_field"),
        ({"timestamp_field": "name"}, "timestamp_field"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(falselight.EqlError, match=message):
        falselight.search("any where true", LEAVES, mapping=MAPPING, **options)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("any where nmae == 1", r"Unknown column \[nmae\], did you mean \[name\]"),
        ("any where leng(name) == 1", "Unknown function"),
        ('any where n : "1"', "must be .string., found value .n. type .long.; consider using .==. instead"),
        ("any where n == id", "Comparisons against fields"),
        ("any where name", "needs to be boolean"),
        ("any where name and true", "must be .boolean."),
        ('any where cidrMatch(name, "10.0.0.0/8")', "must be .ip."),
        ("any where cidrMatch(address, name)", "must be a constant"),
        ('any where cidrMatch(address, "10.0.0.0/99")', "not an IP address block"),
        ('any where label == "x"', "No keyword/multi-field defined exact matches"),
        ('any where event == "x"', "only its subfields"),
        ('any where n == "five"', "cannot be read as .long."),
        ('any where n in (1, "s")', "2nd argument"),
        ('any where name regex "(a"', "regular expression"),
        ("sequence [any where true] by key [any where true] by n", "incompatible with key"),
    ],
)
def test_refusals_name_the_fault(query: str, message: str) -> None:
    with pytest.raises(falselight.EqlError, match=message) as raised:
        falselight.search(query, LEAVES, mapping=MAPPING)
    diagnostic = raised.value.diagnostics[0]
    assert diagnostic.code.startswith("E0")
    assert diagnostic.labels


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(falselight.EqlError) as raised:
        falselight.search("any where foo == 1 and bar == 2", LEAVES, mapping=MAPPING)
    assert [diagnostic.code for diagnostic in raised.value.diagnostics] == ["E0201", "E0201"]


def test_to_arrow_has_a_row_for_every_event() -> None:
    result = falselight.search("sequence by key [e where true] [e where true]", documents({"key": "k"}, {"key": "k"}))
    table = result.to_arrow()
    assert table.column("_seq").to_pylist() == [0, 1]
    assert table.column("join_keys").to_pylist() == [["k"], ["k"]]
