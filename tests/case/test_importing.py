"""Inputs become part of a case once, whole, and are read back as they were."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from falselight import ingest
from falselight.case import manifest
from falselight.diagnostics import FalselightError
from falselight.ecs import release
from falselight.ecs.schema import column
from falselight.readers.evidence import original
from falselight.store import EventTable, quoted
from tests.case.conftest import Place, event, rows

EXAMPLES = Path(__file__).parents[2] / "examples" / "day"


def fields(table: EventTable) -> dict[str, tuple[str, bool]]:
    return {each.name: (each.type, each.many) for each in table.schema if each.filled}


def test_a_case_gives_the_events_of_its_inputs(place: Place) -> None:
    done = place.add(EXAMPLES)
    direct = ingest.read_events([EXAMPLES], release.schema(), report=place.told.append)
    table = place.read()
    assert (done.inputs, done.events, done.copies, place.told) == (3, direct.rows, 0, [])
    assert fields(table) == fields(direct)
    assert [each.sha256 for each in table.inputs] == [each.sha256 for each in direct.inputs]
    assert [(each.events, dict(each.skipped)) for each in table.counts] == [
        (each.events, dict(each.skipped)) for each in direct.counts
    ]
    names = ["_input", "_record", "_time", *sorted(fields(direct))]
    select = ", ".join(quoted(column(name)) for name in names)
    query = f"SELECT {select} FROM events ORDER BY _input, _record"
    assert table.connection.execute(query).fetchall() == direct.connection.execute(query).fetchall()


def test_what_was_imported_is_not_read_again(place: Place) -> None:
    first = place.write("a.ndjson", event(1), event(2))
    place.add(first)
    copied = place.write("elsewhere/b.ndjson", event(1), event(2))
    packed = place.root / "c.gz"
    packed.write_bytes(gzip.compress(first.read_bytes()))
    new = place.write("d.ndjson", event(3))
    done = place.add(first, copied, packed, new)
    assert (done.inputs, done.known, done.events, done.total_events) == (1, 3, 1, 3)
    again = place.add(packed)
    assert (again.inputs, again.known) == (0, 1)
    assert place.told == []


def test_equal_lines_of_one_file_are_distinct_events(place: Place) -> None:
    done = place.add(place.write("a.ndjson", event(1), event(1), event(1)))
    assert (done.events, done.copies) == (3, 0)
    assert place.rows("_record") == [(0,), (1,), (2,)]


def test_ingest_order_is_import_then_record(place: Place, small_files: Callable[[int], None]) -> None:
    small_files(5)
    first = place.write("z.ndjson", *(event(n) for n in range(12)))
    second = place.write("a.ndjson", event(50), event(51))
    place.add(first)
    place.add(second)
    assert place.rows("_input", "_record") == [*((0, n) for n in range(12)), (1, 0), (1, 1)]
    assert len(manifest.load(place.folder).files) == 4


def test_a_field_is_scalar_or_list_for_the_whole_case(place: Place) -> None:
    place.add(place.write("a.ndjson", event(1, **{"process.args": "one", "own.name": "x", "Own.Name": "Y"})))
    place.add(place.write("b.ndjson", event(2, **{"process.args": ["two", "three"], "source.ip": ["10.0.0.1", "::1"]})))
    place.add(place.write("c.ndjson", event(3, **{"source.ip": "10.0.0.2"})))
    assert place.rows("process.args", "source.ip", "own.name", "^own.^name") == [
        (["one"], None, "x", "Y"),
        (["two", "three"], ["10.0.0.1", "::1"], None, None),
        (None, ["10.0.0.2"], None, None),
    ]
    mixed = place.read(place.write("d.ndjson", event(4, **{"own.name": ["p", "q"]})))
    assert rows(mixed, "own.name") == [(["x"],), (None,), (None,), (["p", "q"],)]
    assert [each.path for each in mixed.inputs][-1].endswith("d.ndjson") and mixed.rows == 4


def test_only_wanted_columns_are_read_and_times_are_kept_to(place: Place) -> None:
    place.add(place.write("a.ndjson", event(1, x=1, y=1), event(2, x=2), {"event.category": "network", "x": 3}))
    table = place.read(wanted=frozenset({"x"}), since_ns=1_767_225_602_000_000_000)
    assert rows(table, "x", "_record") == [("2" if fields(table)["x"][0] == "keyword" else 2, 1)]
    assert set(fields(table)) == {"x", "@timestamp"}
    (count,) = table.counts
    assert (count.events, dict(count.skipped)) == (1, {"outside the time range": 1, "without @timestamp": 1})


def test_directions_are_derived_when_the_case_is_read(place: Place) -> None:
    from ipaddress import ip_network

    from falselight.readers.settings import Settings

    place.add(place.write("a.ndjson", event(1, **{"source.ip": "10.0.0.1", "destination.ip": "203.0.113.9"})))
    assert place.rows("network.direction", "falselight.derived") == [("outbound", ["network.direction"])]
    own = Settings(internal=(ip_network("203.0.113.0/24"),))
    assert rows(place.read(settings=own), "network.direction") == [("inbound",)]
    plain = place.read(settings=Settings(derive=False))
    assert "network.direction" not in fields(plain)


def test_the_evidence_of_a_case_is_verified(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place.write("a.ndjson", event(1), event(2))
    monkeypatch.chdir(place.root)
    place.add("a.ndjson")
    monkeypatch.chdir("/")
    (source,) = place.read().inputs
    assert source.path == "a.ndjson"
    assert original(source, [1]) == [json.dumps(event(2)).encode()]
    path.write_text("other\n")
    with pytest.raises(FalselightError, match="changed since it was read"):
        original(source, [1])


def test_kept_originals_outlive_their_files(place: Place) -> None:
    path = place.write("a.ndjson", event(1), event(2))
    place.add(path)
    place.add(path, keep_originals=True)
    path.unlink()
    (source,) = place.read().inputs
    assert original(source, [0]) == [json.dumps(event(1)).encode()]
    assert len(list((place.folder / "originals").iterdir())) == 1


def test_stdin_is_kept(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place.write("a.ndjson", event(1), event(2))
    with path.open("rb") as stream:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
        place.add("-")
    (source,) = place.read().inputs
    assert (source.path, place.told) == ("stdin", [])
    assert original(source, [1]) == [json.dumps(event(2)).encode()]
    assert place.add(path).known == 1


def test_what_is_not_recognised_is_told_and_not_kept(place: Place) -> None:
    strange = place.root / "strange"
    strange.write_text("what is this\n")
    done = place.add(strange, keep_originals=True)
    assert (done.inputs, dict(done.skipped), place.codes) == (0, {"unknown format": 1}, ["W0507"])
    assert not list((place.folder / "originals").iterdir())
    assert place.add(strange).known == 0


def test_records_left_out_stay_counted(place: Place) -> None:
    path = place.root / "a.ndjson"
    path.write_text(json.dumps(event(1)) + "\nnot json\n" + json.dumps(event(2)) + "\n")
    assert dict(place.add(path).skipped) == {"not JSON": 1}
    (count,) = place.read().counts
    assert (count.events, dict(count.skipped)) == (2, {"not JSON": 1})


def test_a_file_that_was_moved_is_found_again(place: Place) -> None:
    path = place.write("a.ndjson", event(1))
    place.add(path)
    moved = place.root / "b.ndjson"
    path.rename(moved)
    assert place.add(moved).known == 1
    (source,) = place.read().inputs
    assert original(source, [0]) == [json.dumps(event(1)).encode()]


def test_a_large_input_that_is_known_by_its_content_leaves_nothing(
    place: Place, small_files: Callable[[int], None]
) -> None:
    small_files(3)
    path = place.write("a.ndjson", *(event(n) for n in range(10)))
    place.add(path)
    packed = place.root / "a.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert (place.add(packed).known, len(place.rows("_seq"))) == (1, 10)
    named = {each.name for each in manifest.load(place.folder).files}
    assert {each.name for each in (place.folder / "events").iterdir()} == named


def test_a_case_among_folders_with_wild_names(tmp_path: Path) -> None:
    place = Place(tmp_path / "w[1]*?'x")
    place.add(place.write("a.ndjson", event(1)))
    assert len(place.rows("_seq")) == 1


def test_members_of_archives_are_inputs(place: Place) -> None:
    import zipfile

    with zipfile.ZipFile(place.root / "a.zip", "w") as archive:
        archive.writestr("one.ndjson", json.dumps(event(1)) + "\n")
        archive.writestr("two.ndjson", json.dumps(event(2)) + "\n")
    assert place.add(place.root / "a.zip").inputs == 2
    assert place.add(place.root / "a.zip").known == 2
    sources = place.read().inputs
    assert [each.member for each in sources] == ["one.ndjson", "two.ndjson"]
    assert original(sources[1], [0]) == [json.dumps(event(2)).encode()]


def test_one_file_descriptor_is_not_left_behind(place: Place) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for number in range(3):
        place.add(place.write(f"{number}.ndjson", event(number)))
    assert len(os.listdir("/proc/self/fd")) <= before + 1
