"""Each event of a case has an ingest position of its own, in the order of its input, whatever one record holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from falselight import ingest
from falselight.case import manifest
from falselight.ecs import release
from falselight.hunting import hunt
from falselight.rules.loading import load
from falselight.store import Builder, EventTable, connect
from tests.case.conftest import Place, event, rows

COLUMNS = ("_record", "source.port", "destination.ip")
RULE = """
[rule]
name = "Three flows of a host"
rule_id = "5f0f3f7e-6d3c-4a7f-9b37-3c3c9b8b5c11"
risk_score = 50
severity = "medium"
type = "eql"
language = "eql"
query = '''
sequence by source.ip with maxspan=1m
  [any where source.port == 4000] [any where source.port == 4001] [any where source.port == 4002]
'''
"""


def flow_log(path: Path, *counts: int) -> Path:
    """A flow log whose records hold so many tuples, all at one time and with ports that rise."""
    port, records = 4000, []
    for count in counts:
        ports = range(port, port + count)
        tuples = [f"1772784020,10.4.0.1,203.0.113.9,{each},443,T,O,A,B,,,," for each in ports]
        flows = [{"rule": "r", "flows": [{"mac": "000D3AF87856", "flowTuples": tuples}]}]
        properties = {"Version": 2, "flows": flows}
        records.append(
            {"time": "2026-03-06T08:00:30Z", "category": "NetworkSecurityGroupFlowEvent", "properties": properties}
        )
        port += count
    path.write_text(json.dumps({"records": records}))
    return path


def direct(*paths: Path) -> EventTable:
    return ingest.read_events(paths, release.schema(), report=lambda told: None)


def positions(place: Place) -> list[int]:
    return [number for (number,) in place.rows("_seq")]


def test_events_of_one_record_are_told_apart(place: Place) -> None:
    path = flow_log(place.root / "flows.json", 3, 1, 2)
    place.add(path)
    place.add(place.write("a.ndjson", event(1), event(2)))
    assert positions(place) == list(range(8))
    assert place.rows(*COLUMNS)[:6] == rows(direct(path), *COLUMNS)


def test_a_hunt_in_a_case_finds_what_one_of_its_inputs_does(place: Place) -> None:
    path = flow_log(place.root / "flows.json", 5)
    (place.root / "rule.toml").write_text(RULE)
    rules = load([str(place.root / "rule.toml")], place.told.append)
    place.add(path)

    def told(given: Path) -> list[tuple[int, int, Any]]:
        return [(each.windows, each.events, each.evidence) for each in hunt([given], rules).findings]

    assert told(path) == told(place.folder) != []


def test_lost_events_of_one_record_are_read_again(
    place: Place, small_files: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    small_files(4)
    monkeypatch.setattr("falselight.readers.syslog._TOGETHER", 4)
    path = flow_log(place.root / "flows.json", 3, 4, 5, 6)
    place.add(path)
    place.add(place.write("b.ndjson", event(50)))
    before = place.rows("_seq", *COLUMNS)
    for lost in range(3):
        own = [each.name for each in manifest.load(place.folder).files if each.inputs == [0]]
        assert len(own) == 3
        (place.folder / "events" / own[lost]).unlink()
        place.add(path)
        assert place.rows("_seq", *COLUMNS) == before


@pytest.mark.parametrize("places", [0, 5])
def test_what_is_read_otherwise_than_before_gets_new_positions(
    place: Place, small_files: Callable[[int], None], places: int
) -> None:
    """Another release may read more events in an input: no two have one position even then."""
    small_files(2)
    path = place.write("a.ndjson", *(event(second, note=str(second)) for second in range(8)))
    place.add(path, place.write("b.ndjson", event(50)))
    known = manifest.load(place.folder)
    for lost in (known.files[0], known.files[2]):
        (place.folder / "events" / lost.name).unlink()
    document = json.loads((place.folder / "case.json").read_text())
    document["inputs"][0]["places"] = places
    (place.folder / "case.json").write_text(json.dumps(document))
    place.add(path)
    assert sorted(place.rows("_input", "_record")) == [*((0, number) for number in range(8)), (1, 0)]
    found = positions(place)
    assert len(set(found)) == 9
    assert max(found) == 8 + (4 if places == 0 else 2)


def test_batches_that_stand_among_one_another() -> None:
    builder = Builder(connect(), release.schema())
    builder.append_among([])
    for start in (0, 4):
        tables = [pa.table({"_record": pa.array([start + n, start + n + 2])}) for n in range(2)]
        builder.append_among(
            [
                each.append_column("\0input", pa.array([0, 0], pa.int32())).append_column(
                    "_time", pa.nulls(2, pa.int64())
                )
                for each in tables
            ]
        )
    assert rows(builder.finish(), "_seq", "_record") == [(n, n) for n in range(8)]
