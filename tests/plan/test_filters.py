"""Elasticsearch's query DSL beside a query."""

from __future__ import annotations

from typing import Any

import pytest

import falselight

DOCUMENTS = [
    {
        "@timestamp": "2024-01-01T00:00:00Z",
        "event": {"category": "a"},
        "id": 1,
        "host": {"name": "web-1"},
        "tags": ["x"],
    },
    {"@timestamp": "2024-01-02T00:00:00Z", "event": {"category": "a"}, "id": 2, "host": {"name": "web-2"}},
    {"@timestamp": "2024-01-03T00:00:00Z", "event": {"category": "a"}, "id": 3, "host": {"name": "DB-1"}},
]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"match_all": {}}, [1, 2, 3]),
        ({"term": {"host.name": "web-1"}}, [1]),
        ({"term": {"host.name": {"value": "db-1", "case_insensitive": True}}}, [3]),
        ({"terms": {"id": [1, 3]}}, [1, 3]),
        ({"match_phrase": {"host.name": "web-2"}}, [2]),
        ({"exists": {"field": "tags"}}, [1]),
        ({"exists": {"field": "nowhere"}}, []),
        ({"wildcard": {"host.name": {"value": "web*"}}}, [1, 2]),
        ({"wildcard": {"host.name": "db*"}}, []),
        ({"prefix": {"host.name": "DB"}}, [3]),
        ({"range": {"@timestamp": {"gte": "2024-01-02", "lt": "2024-01-03"}}}, [2]),
        ({"range": {"@timestamp": {"lte": "2024-01-02"}}}, [1, 2]),
        ({"bool": {"must_not": [{"term": {"id": 2}}]}}, [1, 3]),
        ({"bool": {"should": [{"term": {"id": 1}}, {"term": {"id": 2}}], "minimum_should_match": 1}}, [1, 2]),
        ({"bool": {"filter": [{"term": {"id": 1}}], "should": [{"term": {"id": 2}}]}}, [1]),
        ([{"term": {"id": 1}}, {"exists": {"field": "tags"}}], [1]),
    ],
)
def test_filters(query: Any, expected: list[int]) -> None:
    answer = falselight.search("any where true", DOCUMENTS, filter=query).to_dict()
    assert [event["_source"]["id"] for event in answer["hits"]["events"]] == expected


@pytest.mark.parametrize("query", [{"script": {}}, {"term": {}, "terms": {}}, "id:1", {"bool": {"might": []}}])
def test_what_is_not_supported_is_named(query: Any) -> None:
    with pytest.raises(falselight.EqlError, match="filter"):
        falselight.search("any where true", DOCUMENTS, filter=query)
