"""What paths stand for beside cases."""

from __future__ import annotations

from falselight import ingest
from falselight.ecs import release
from tests.case.conftest import Place, event, rows


def test_a_case_within_its_own_inputs_is_passed_over(place: Place) -> None:
    place.folder = place.root / "logs" / "case"
    place.write("logs/a.ndjson", event(1))
    place.add(place.root / "logs", keep_originals=True)
    place.write("logs/b.ndjson", event(2))
    place.told.clear()
    done = place.add(place.root / "logs", keep_originals=True)
    assert (done.inputs, done.known, done.events, place.codes) == (1, 1, 1, ["W0525"])
    assert place.rows("_input") == [(0,), (1,)]


def test_a_case_within_a_folder_is_told_and_not_read_as_logs(place: Place) -> None:
    place.folder = place.root / "logs" / "case"
    log = place.write("logs/a.ndjson", event(1))
    place.add(log)
    table = ingest.read_events([place.root / "logs"], release.schema(), report=place.told.append)
    assert rows(table, "_record") == [(0,)]
    assert place.codes == ["W0525"]


def test_a_file_that_has_only_the_name_of_a_manifest(place: Place) -> None:
    place.write("logs/case.json", event(1))
    table = ingest.read_events([place.root / "logs"], release.schema(), report=place.told.append)
    assert table.rows == 1 and place.told == []


def test_paths_that_stand_for_nothing_make_no_case(place: Place) -> None:
    done = place.add(place.root / "mistyped")
    assert (done.inputs, done.total_events, place.codes) == (0, 0, ["E0501"])
    assert not place.folder.exists()
