"""Conditions on join keys reach the other stages, as Elasticsearch's optimiser sends them."""

from __future__ import annotations

from typing import Any

import pytest

import falselight

MAPPING = {
    "properties": {
        "@timestamp": {"type": "date"},
        "event": {"properties": {"category": {"type": "keyword"}}},
        "host": {"type": "keyword"},
        "user": {"type": "keyword"},
    }
}


def ids(query: str, documents: list[dict[str, Any]]) -> list[list[int]]:
    answer = falselight.search(query, documents, mapping=MAPPING, size=None).to_dict()
    return [[event["_source"]["id"] for event in hit["events"]] for hit in answer["hits"]["sequences"]]


def events(*hosts: list[str] | str) -> list[dict[str, Any]]:
    return [
        {"@timestamp": number, "event.category": f"c{number}", "host": host, "id": number}
        for number, host in enumerate(hosts)
    ]


def test_the_second_value_of_a_key_is_lost_where_the_first_was_asked_for() -> None:
    documents = events(["a", "b"], "b")
    assert ids("sequence by host [c0 where true] [c1 where true]", documents) == [[0, 1]]
    assert ids('sequence by host [c0 where host == "a"] [c1 where true]', documents) == []


@pytest.mark.parametrize("condition", ['host == "a" or user == "x"', 'host : ("a", "z")', 'host in~ ("a", "z")'])
def test_an_or_stays_where_it_is(condition: str) -> None:
    assert ids(f"sequence by host [c0 where {condition}] [c1 where true]", events(["a", "b"], "b")) == [[0, 1]]


@pytest.mark.parametrize("condition", ['host in ("a", "z")', 'host == "a" or host == "z"'])
def test_a_membership_is_no_or(condition: str) -> None:
    assert ids(f"sequence by host [c0 where {condition}] [c1 where true]", events(["a", "b"], "b")) == []


def test_the_key_is_renamed() -> None:
    documents = [
        {"@timestamp": 0, "event.category": "c0", "host": ["a", "b"], "id": 0},
        {"@timestamp": 1, "event.category": "c1", "user": "b", "id": 1},
        {"@timestamp": 2, "event.category": "c1", "user": "a", "id": 2},
    ]
    assert ids('sequence [c0 where host == "a"] by host [c1 where true] by user', documents) == [[0, 2]]
