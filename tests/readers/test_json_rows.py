"""A record with a value of another kind changes nothing for those beside it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from falselight import ingest, rebuild
from falselight.ecs import release
from falselight.mappings.columnar import either
from falselight.readers.json_rows import Rows

SAMPLES = Path(__file__).parents[1] / "data" / "readers"


def blocks(documents: list[dict[str, Any]]) -> list[tuple[list[int], dict[str, list[Any]]]]:
    rows = Rows(set())
    for number, document in enumerate(documents):
        rows.add(number, document, None, Counter())
    return [
        (block.records.to_pylist(), {name: values.to_pylist() for name, values in block.columns.items()})
        for block in rows.blocks()
    ]


def test_lists_among_single_values_stand_in_blocks_of_their_own() -> None:
    assert blocks([{"a": "x"}, {"a": ["y", "z"]}, {"b": 1}, {"a": "w"}]) == [
        ([0], {"a": ["x"]}),
        ([1], {"a": [["y", "z"]]}),
        ([2, 3], {"b": [1, None], "a": [None, "w"]}),
    ]


def test_truths_and_texts_are_kept_apart_and_other_values_are_texts() -> None:
    assert blocks([{"a": True}, {"a": False}, {"a": "x"}]) == [([0, 1], {"a": [True, False]}), ([2], {"a": ["x"]})]
    assert blocks([{"a": 1}, {"a": "x"}, {"a": 2**63}]) == [([0, 1, 2], {"a": ["1", "x", str(2**63)]})]


def test_kinds_that_change_often_make_few_blocks_of_all_records() -> None:
    made = blocks([{"a": ["x"]} if number % 3 else {"a": "x"} for number in range(900)])
    assert [len(records) for records, _ in made] == [300, 600]
    many = blocks([{f"k{number % 40}": ["x"] if number > 500 and number % 2 else "x"} for number in range(900)])
    assert len(many) == 18 and sorted(number for records, _ in many for number in records) == list(range(900))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("zeek/records.json", b'"id.orig_p":50112', b'"id.orig_p":77777777777777777777'),
        ("zeek/records.json", b'"id.orig_p":50112', b'"id.orig_p":1.5'),
        ("zeek/records.json", b'"id.orig_h":"192.168.7.20"', b'"id.orig_h":["192.168.7.20"]'),
        ("suricata/eve.json", b'"src_ip":"192.168.7.1"', b'"src_ip":["192.168.7.1"]'),
        ("suricata/eve.json", b'"rrname":"light.example","rrtype":"A"', b'"rrname":"light.example","x":1'),
        ("gcp_vpcflow/sample", b', "receiveTimestamp"', b', "reporter": "X", "receiveTimestamp"'),
        ("ocsf/sample", b'"pid": 4120', b'"pid": 77777777777777777777'),
    ],
)
def test_what_stands_beside_a_record_stays(name: str, old: bytes, new: bytes, tmp_path: Path) -> None:
    data = (SAMPLES / name).read_bytes()
    assert old in data
    lines = data.splitlines()
    beside = [line.replace(old, new) for line in lines]
    wanted = documents(b"\n".join(lines), tmp_path / "alone")
    found = documents(b"\n".join([*lines, *beside]), tmp_path / "beside")
    assert len(found) == 2 * len(wanted)
    assert found[: len(wanted)] == wanted


def documents(data: bytes, path: Path) -> list[Any]:
    path.write_bytes(data)
    table = ingest.read_events([path], release.schema(), report=lambda _: None)
    order = table.connection.execute(f"SELECT _seq FROM {table.name} ORDER BY _record").fetchall()
    by_position = {position: document for position, *_, document in rebuild.documents(table, [seq for (seq,) in order])}
    return [single(by_position[seq]) for (seq,) in order]


def single(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: single(below) for name, below in value.items()}
    return value[0] if isinstance(value, list) and len(value) == 1 else value


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ([1, None], [2.5, 3.5], [1.0, 3.5]),
        ([1, None], ["2", "3"], ["1", "3"]),
        ([[1], None], [2, 3], [[1], [3]]),
        ([["a"], None], [1, 2], [["a"], ["2"]]),
        ([None, None], [None, 1], [None, 1]),
    ],
)
def test_columns_of_two_types_become_one(one: list[Any], other: list[Any], both: list[Any]) -> None:
    assert either(pa.array(one), pa.array(other)).to_pylist() == both
