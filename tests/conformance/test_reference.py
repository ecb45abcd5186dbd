"""The reference interpreter passes Elasticsearch's own cases: the description it was written from is complete."""

from __future__ import annotations

from pathlib import Path

import pytest
from reference.interpreter import Request, search

from falselight.eql.parser import parse
from falselight.source import Source

from . import suite

# Cases over fields whose types are mapped by the documents themselves.
GROUPS = [group for group in suite.GROUPS if len(group.indices) == 1]


def dynamic(mapping: dict[str, object], documents: list[dict[str, object]]) -> dict[str, object]:
    """The mapping with the fields that Elasticsearch would add for these documents."""
    properties = dict(mapping["properties"])  # type: ignore[call-overload]
    for document in documents:
        for name, value in document.items():
            first = next((v for v in value if v is not None), None) if isinstance(value, list) else value
            if name in properties or first is None:
                continue
            if isinstance(first, str):
                properties[name] = {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}
            else:
                properties[name] = {"type": "long" if isinstance(first, int) else "float"}
    return {"properties": {**properties}}


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: f"{group.cases}@{group.indices[0]}")
def test_reference(group: suite.Group, shared: Path) -> None:
    documents = suite.documents(shared, group.indices[0])
    mapping = dynamic(suite.mapping(shared, group.indices[0]), documents)
    wrong = []
    for case in suite.cases(shared, group):
        request = Request(
            event_category_field="event_type",
            tiebreaker_field=group.tiebreaker,
            size=case.get("size", suite.DEFAULT_SIZE),
            max_samples_per_key=case.get("max_samples_per_key", 1),
        )
        if "sample" in case["query"].split()[0]:
            request = Request("date", "event_type", None, request.size, "tail", request.max_samples_per_key)
        results = search(parse(Source(case["query"].strip())), documents, mapping, request)
        found = [-1 if at is None else documents[at][group.id] for _, places in results for at in places]
        if found not in suite.right(case):
            wrong.append(f"{case['name']}: {found}, not {case['expected_event_ids']}")
    assert not wrong, "\n".join(wrong)
