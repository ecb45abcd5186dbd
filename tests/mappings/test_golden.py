"""What Elastic's own pipelines made of Windows events, field by field."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from falselight.diagnostics import Diagnostic
from falselight.mappings.apply import nested
from falselight.readers import evtx

SHARED = Path(os.environ.get("FALSELIGHT_SHARED", Path(__file__).parents[3] / "shared"))
GOLDEN = sorted((SHARED / "data" / "golden").glob("winlogbeat-*/ingest/*.golden.json"))

DIFFERENCES = {
    "message": "rendered by the publisher's message table, which an EVTX file does not hold",
    "ecs.version": "the pipeline's version, not the event's",
    "event.ingested": "the moment of indexing",
    "winlog.event_data.NewUACList": "pairs before October 2023 name the bits of another table (elastic/beats 37009)",
}

pytestmark = pytest.mark.skipif(not GOLDEN, reason="no golden files beside the project")


def leaves(document: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from leaves(value, prefix + name + ".")
        else:
            # To Elasticsearch a value and a list of that value are the same.
            yield prefix + name, value if isinstance(value, list) else [value]


@pytest.mark.parametrize("expected", GOLDEN, ids=lambda path: f"{path.parts[-3]}-{path.name}")
def test_every_field_is_as_elastic_indexes_it(expected: Path) -> None:
    source = expected.parent.parent / "collection" / expected.name.replace(".golden.json", ".evtx")
    reported: list[Diagnostic] = []
    made = {
        event.record_id: dict(leaves(nested(event)))
        for chunk in evtx.read(source, reported.append)
        for _, event in chunk
    }
    wrong = []
    for document in json.loads(expected.read_bytes()):
        wanted = dict(leaves(document))
        mine = made[str(wanted["winlog.record_id"][0])]
        wrong += [
            (wanted["winlog.record_id"], name, value, mine.get(name))
            for name, value in wanted.items()
            if name not in DIFFERENCES and mine.get(name) != value
        ]
    assert wrong == []
    assert reported == []
