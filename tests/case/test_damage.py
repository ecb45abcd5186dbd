"""Damage of a case is told in words, and what is whole is used."""

from __future__ import annotations

import os
from collections.abc import Callable

import orjson
import pytest

from falselight.case import manifest
from falselight.diagnostics import FalselightError
from tests.case.conftest import Place, event


def two_files(place: Place) -> list[str]:
    place.add(place.write("a.ndjson", event(1, note="first")))
    place.add(place.write("b.ndjson", event(2, note="second"), event(3)))
    return [each.name for each in manifest.load(place.folder).files]


def test_a_lost_file(place: Place) -> None:
    name, _ = two_files(place)
    (place.folder / "events" / name).unlink()
    assert place.rows("_input", "_record") == [(1, 0), (1, 1)]
    assert place.codes == ["E0523"]
    assert [each.events for each in place.read().counts] == [0, 2]


def test_a_file_cut_short(place: Place) -> None:
    _, name = two_files(place)
    path = place.folder / "events" / name
    os.truncate(path, path.stat().st_size // 2)
    assert place.rows("_input") == [(0,)]
    assert place.codes == ["E0523"] and "2 events are left out" in place.told[0].message


def test_one_changed_bit(place: Place) -> None:
    """Wherever it is: the engine decodes many a changed value without a word."""
    _, name = two_files(place)
    path = place.folder / "events" / name
    data = path.read_bytes()
    for where in range(0, len(data), len(data) // 16):
        path.write_bytes(data[:where] + bytes([data[where] ^ 1]) + data[where + 1 :])
        place.told.clear()
        assert place.rows("_input") == [(0,)]
        assert place.codes == ["E0523"] and "not those that were written" in place.told[0].message
    done = place.add(place.root / "b.ndjson")
    assert done.events == 2
    place.told.clear()
    assert place.rows("_input") == [(0,), (1,), (1,)] and place.told == []


def test_what_is_lost_is_read_again(place: Place) -> None:
    name, _ = two_files(place)
    (place.folder / "events" / name).unlink()
    done = place.add(place.root / "a.ndjson", place.root / "b.ndjson")
    assert (done.known, done.events) == (1, 1)
    place.told.clear()
    assert place.rows("note") == [("first",), ("second",), (None,)]
    assert place.told == []


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b'{"falselight_case": 1}', b"\xff\xfe", b'{"falselight_case": 1, "inputs": 3}']
)
def test_a_manifest_that_is_none(place: Place, text: bytes) -> None:
    two_files(place)
    (place.folder / "case.json").write_bytes(text)
    assert place.read().rows == 0
    assert place.codes == ["E0520"] and "case.json.before" in (place.told[0].help or "")
    with pytest.raises(FalselightError, match="is damaged"):
        place.add(place.root / "a.ndjson")
    assert len(list((place.folder / "events").iterdir())) == 2


def test_a_manifest_of_a_newer_version(place: Place) -> None:
    two_files(place)
    path = place.folder / "case.json"
    document = orjson.loads(path.read_bytes())
    path.write_bytes(orjson.dumps({**document, "falselight_case": 99}))
    assert place.read().rows == 0
    assert place.codes == ["E0521"]
    with pytest.raises(FalselightError, match="version 99"):
        place.add(place.root / "a.ndjson")
    assert len(list((place.folder / "events").iterdir())) == 2


def test_a_folder_of_something_else_is_left_alone(place: Place) -> None:
    path = place.write("case/letter.txt", event(1))
    with pytest.raises(FalselightError, match="is no case and holds other files"):
        place.add(place.write("a.ndjson", event(1)))
    assert [each.name for each in place.folder.iterdir()] == [path.name]


def test_a_file_in_the_place_of_the_folder(place: Place) -> None:
    place.write("case", event(1))
    with pytest.raises(FalselightError, match="a case is a folder"):
        place.add(place.write("a.ndjson", event(1)))


def test_labels_are_left_alone(place: Place) -> None:
    two_files(place)
    (place.folder / "labels.ndjson").write_text("{}\n")
    place.add(place.write("c.ndjson", event(9)))
    assert (place.folder / "labels.ndjson").read_text() == "{}\n"


def test_a_lost_file_of_a_large_input_brings_no_event_twice(place: Place, small_files: Callable[[int], None]) -> None:
    small_files(4)
    path = place.write("a.ndjson", *(event(n) for n in range(14)))
    place.add(path)
    other = place.write("b.ndjson", event(50))
    place.add(other)
    files = manifest.load(place.folder).files
    os.truncate(place.folder / "events" / files[1].name, 10)
    place.add(other)
    assert place.codes == ["E0523"] and "may lack some" in place.told[0].message
    place.told.clear()
    done = place.add(path)
    assert (done.inputs, done.events) == (0, files[1].rows)
    assert place.rows("_input", "_record") == [*((0, n) for n in range(14)), (1, 0)]
    assert [each.events for each in place.read().counts] == [14, 1]
    assert place.told == []


def test_what_was_a_copy_of_what_is_lost_is_read_again(place: Place) -> None:
    usual = {"winlog.computer_name": "ws1", "winlog.channel": "Security"}
    events = [event(n, **usual, **{"winlog.record_id": str(n)}) for n in range(4)]
    first, second = place.write("a.ndjson", *events[:3]), place.write("b.ndjson", *events[1:])
    place.add(first)
    assert place.add(second).copies == 2
    (place.folder / "events" / manifest.load(place.folder).files[0].name).unlink()
    first.unlink()
    assert place.add(second).events == 2
    assert sorted(place.rows("winlog.record_id")) == [("1",), ("2",), ("3",)]
