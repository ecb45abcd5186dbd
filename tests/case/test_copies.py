"""The same Zeek or Windows event in another input is stored once, in whatever order inputs come."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from falselight.case.importing import import_paths
from falselight.ecs import release
from falselight.ingest import read_events
from tests.case.conftest import Place, event, rows

HEAD = (
    "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n"
    "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\n#types\ttime\tstring\taddr\tport\taddr\tport\tenum\n"
)


def tsv(place: Place, name: str, *pairs: tuple[str, str]) -> Path:
    path = place.root / name
    lines = [f"{ts}\t{uid}\t10.0.0.1\t1024\t192.0.2.1\t443\ttcp\n" for ts, uid in pairs]
    path.write_text(HEAD + "".join(lines))
    return path


def lines(place: Place, name: str, *pairs: tuple[str, str]) -> Path:
    path = place.root / name
    rest = {"id.orig_h": "10.0.0.1", "id.orig_p": 1024, "id.resp_h": "192.0.2.1", "id.resp_p": 443, "proto": "tcp"}
    written = (json.dumps({"_path": "conn", "ts": float(ts), "uid": uid, **rest}) + "\n" for ts, uid in pairs)
    path.write_text("".join(written))
    return path


ONE, TWO, THREE = ("1700000000.123457", "Ca"), ("1700000001.500000", "Cb"), ("1700000002.000001", "Cc")


def test_zeek_in_both_forms_is_stored_once(place: Place) -> None:
    place.add(tsv(place, "conn.log", ONE, TWO))
    done = place.add(lines(place, "conn.json", TWO, ONE, THREE))
    assert (done.events, done.copies, done.total_events) == (1, 2, 3)
    assert sorted(place.rows("zeek.session_id")) == [("Ca",), ("Cb",), ("Cc",)]
    counts = place.read().counts
    assert [each.events for each in counts] == [2, 1]


def test_copies_within_one_import(place: Place) -> None:
    done = place.add(tsv(place, "a.log", ONE, TWO), tsv(place, "b.log", TWO, THREE), tsv(place, "c.log", ONE, THREE))
    assert (done.inputs, done.events, done.copies) == (3, 3, 3)


def test_the_greatest_number_of_one_input_is_stored_in_every_order(tmp_path: Path) -> None:
    seen = set()
    for number, order in enumerate(permutations([(ONE, ONE), (ONE, ONE, ONE, TWO), (ONE, THREE, THREE)])):
        for together in (False, True):
            place = Place(tmp_path / f"{number}{together}")
            place.root.mkdir()
            paths = [tsv(place, f"{n}.log", *pairs) for n, pairs in enumerate(order)]
            for given in [paths] if together else [[path] for path in paths]:
                place.add(*given)
            seen.add(tuple(sorted(place.rows("zeek.session_id", "_time"))))
    assert len(seen) == 1
    assert [uid for uid, _ in seen.pop()] == ["Ca", "Ca", "Ca", "Cb", "Cc", "Cc"]


def test_copies_in_an_input_of_several_files(place: Place, small_files: Callable[[int], None]) -> None:
    small_files(2)
    place.add(tsv(place, "a.log", ONE, ONE, TWO))
    many = [ONE, THREE, ("1700000003.0", "Cd"), ONE, ("1700000004.0", "Ce"), ONE, TWO]
    done = place.add(tsv(place, "b.log", *many))
    assert (done.events, done.copies) == (4, 3)
    assert sorted(uid for (uid,) in place.rows("zeek.session_id")) == ["Ca", "Ca", "Ca", "Cb", "Cc", "Cd", "Ce"]


def test_another_time_is_another_event(place: Place) -> None:
    """One connection may carry many requests, and a log is cut in two at any of them."""
    done = place.add(tsv(place, "a.log", ("1700000000.1", "Ca")), tsv(place, "b.log", ("1700000000.2", "Ca")))
    assert (done.events, done.copies) == (2, 0)


def windows(**fields: Any) -> dict[str, Any]:
    usual = {"winlog.computer_name": "ws1", "winlog.channel": "Security", "winlog.record_id": "7"}
    return event(1, **{**usual, **fields})


def test_windows_events_are_known_by_computer_channel_record_and_time(place: Place) -> None:
    place.add(place.write("a.ndjson", windows(), windows(**{"winlog.record_id": "8"})))
    done = place.add(
        place.write(
            "b.ndjson",
            windows(note="from another export"),
            windows(**{"winlog.computer_name": "ws2"}),
            windows(**{"winlog.channel": "System"}),
            windows(**{"@timestamp": "2026-01-01T00:00:02Z"}),
            windows(**{"@timestamp": "2026-01-01T00:00:01.250Z"}),
        )
    )
    assert (done.events, done.copies) == (4, 1)


def test_other_events_are_never_copies(place: Place) -> None:
    done = place.add(place.write("a.ndjson", event(1)), place.write("b.ndjson", event(1), event(2)))
    assert (done.events, done.copies) == (3, 0)


SHARED = Path(os.environ.get("FALSELIGHT_SHARED", Path(__file__).parents[3] / "shared")) / "data"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the folder of real telemetry is not beside the project")
def test_two_orders_of_real_logs_give_the_same_events(tmp_path: Path) -> None:
    paths = sorted((SHARED / "zeek").rglob("conn*"))[:6]
    found = []
    for order in (paths, paths[::-1]):
        folder = tmp_path / str(len(found))
        import_paths(order, folder, release.schema(), report=lambda told: None)
        table = read_events([folder], release.schema(), report=pytest.fail)
        found.append(sorted(map(str, rows(table, "_time", "zeek.session_id", "source.ip", "destination.port"))))
    assert found[0] == found[1] and found[0]
