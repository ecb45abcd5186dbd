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
from tests.mappings.different import DIFFERENT, OF_OLD_PAIRS

SHARED = Path(os.environ.get("FALSELIGHT_SHARED", Path(__file__).parents[3] / "shared"))
BEATS = Path(os.environ.get("FALSELIGHT_PAIRS", "no checkout"))
GOLDEN = sorted((SHARED / "data" / "golden").glob("winlogbeat-*/ingest/*.golden.json"))
OTHERS = sorted(
    path
    for path in BEATS.glob("x-pack/winlogbeat/module/*/test/testdata/ingest/*.golden.json")
    if (path.parents[1] / "collection" / path.name.replace(".golden.json", ".evtx")).exists()
)

pytestmark = pytest.mark.skipif(not GOLDEN and not OTHERS, reason="no golden files beside the project")


def leaves(document: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from leaves(value, prefix + name + ".")
        else:
            # To Elasticsearch a value and a list of that value are the same.
            yield prefix + name, value if isinstance(value, list) else [value]


def in_any_order(values: list[Any]) -> list[str]:
    """What a list holds: to Elasticsearch it is a set."""
    return sorted(json.dumps(value, sort_keys=True) for value in values)


@pytest.mark.parametrize("expected", [*GOLDEN, *OTHERS], ids=lambda path: f"{path.parts[-3]}-{path.name}")
def test_every_field_is_as_elastic_indexes_it(expected: Path) -> None:
    source = expected.parent.parent / "collection" / expected.name.replace(".golden.json", ".evtx")
    reported: list[Diagnostic] = []
    made = {
        event.record_id: dict(leaves(nested(event)))
        for chunk in evtx.read(source, reported.append)
        for _, event in chunk
    }
    known = DIFFERENT["windows"] | (OF_OLD_PAIRS if expected in OTHERS else {})
    wrong = []
    for document in json.loads(expected.read_bytes()):
        wanted = dict(leaves(document))
        mine = made[str(wanted["winlog.record_id"][0])]
        wrong += [
            (wanted["winlog.record_id"], name, value, mine.get(name))
            for name, value in wanted.items()
            if name not in known and in_any_order(mine.get(name, [])) != in_any_order(value)
        ]
    assert wrong == []
    assert reported == []
