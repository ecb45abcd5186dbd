"""Batches as nested documents: shapes, dates, names that get in each other's way, and the order of records."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa

from falselight import nesting
from falselight.cli.read import write_events
from falselight.ecs import release
from falselight.readers.detect import Kind
from falselight.reading import Piece
from falselight.store import Counts, Input

MARCH = 1_772_323_200_000_000_000


def documents(**columns: Any) -> list[dict[str, Any]]:
    rows = len(next(iter(columns.values())))
    arrays = {name.replace("__", "."): value for name, value in columns.items()}
    batch = pa.table({"_record": pa.array(range(rows), pa.int64()), **arrays})
    return [document for _, document in nesting.numbered(batch, release.schema())]


def test_digits_of_a_time_are_those_that_say_something() -> None:
    shown = [nesting.instant(MARCH + part) for part in (0, 5_000_000, 120_000, 123_456_700, 100)]
    assert [each.removeprefix("2026-03-01T00:00:00.") for each in shown] == [
        "000Z", "005Z", "000120Z", "1234567Z", "0000001Z",
    ]  # fmt: skip


def test_values_lists_dates_and_numbers() -> None:
    made = documents(
        event__start=[1_772_323_200_123, None],
        file__created=["2026-03-01T01:00:00+01:00", "no date"],
        event__type=[["start", None], [None]],
        process__args=[[], None],
        destination__port=[443.0, None],
        own__ratio=[0.5, float("nan")],
    )
    assert made == [
        {
            "event": {"start": "2026-03-01T00:00:00.123Z", "type": ["start"]},
            "file": {"created": "2026-03-01T00:00:00.000Z"},
            "process": {"args": []},
            "destination": {"port": 443},
            "own": {"ratio": 0.5},
        },
        {"file": {"created": "no date"}},
    ]


def test_no_value_is_lost_where_a_name_stands_on_anothers_way() -> None:
    above = documents(own=["x", None], own__a__b=[1, 2], own__a=[None, "y"])
    below = documents(own__a__b=[1, 2], own__a=[None, "y"], own=["x", None])
    assert above == [{"own": "x", "own.a.b": 1}, {"own": {"a": "y", "a.b": 2}}]
    assert below == [{"own.a.b": 1, "own": "x"}, {"own": {"a.b": 2, "a": "y"}}]


def test_names_of_an_events_own_data_make_no_objects() -> None:
    (made,) = documents(**{"winlog.event_data.a.b": ["1"], "winlog.event_data.c": ["2"]})
    assert made == {"winlog": {"event_data": {"a.b": "1", "c": "2"}}}


def test_answers_are_objects_where_their_lists_belong_together() -> None:
    made = documents(dns__answers__data=[["a", "b"], ["a", None]], dns__answers__ttl=[[1, None], [5]])
    assert made == [
        {"dns": {"answers": [{"data": "a", "ttl": 1}, {"data": "b"}]}},
        {"dns": {"answers": {"data": ["a"], "ttl": [5]}}},
    ]


def test_batches_that_interleave_come_in_the_order_of_their_records() -> None:
    def piece(*records: int) -> Piece:
        return Piece(Kind.PCAP, pa.table({"_record": pa.array(records, pa.int64()), "own": [str(r) for r in records]}))

    first, second = Counts(), Counts()
    pieces = [(first, piece(0, 3, 4)), (first, piece(1, 2)), (first, piece(5)), (second, piece(0)), (second, piece(1))]
    stream = io.StringIO()
    write_events(((Input("x"), count, each) for count, each in pieces), release.schema(), stream)
    assert [json.loads(line)["own"] for line in stream.getvalue().splitlines()] == list("01234501")


def test_objects_of_nested_fields_are_objects_again() -> None:
    held = [['{"trusted":true}', '{"subject_name":"A"}'], None, ['{"trusted":false}']]
    shown = documents(process__Ext__code_signature=pa.array(held, pa.list_(pa.string())))
    assert shown[0]["process"]["Ext"]["code_signature"] == [{"trusted": True}, {"subject_name": "A"}]
    assert shown[1] == {} and shown[2]["process"]["Ext"]["code_signature"] == [{"trusted": False}]
