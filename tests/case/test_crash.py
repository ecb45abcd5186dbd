"""Whoever is stopped at any instant loses nothing that was acknowledged, and doubles nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from falselight.case import manifest
from falselight.diagnostics import FalselightError
from tests.case.conftest import Place, event

SOURCE = Path(__file__).parents[2] / "src"
# Kills itself before the call of that number of a function that touches the disk; prints what was acknowledged.
KILLED = """
import os, signal, sys
from pathlib import Path
from falselight.case import importing, manifest, staging
from falselight.ecs import release
folder, stop = Path(sys.argv[1]), int(sys.argv[2])
from falselight.readers import ndjson
staging.MOST_ROWS = staging.ROWS_AT_ONCE = ndjson.BATCH_DOCUMENTS = 4
calls = 0
def counted(function):
    def call(*arguments, **more):
        global calls
        calls += 1
        if calls == stop:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **more)
    return call
for name in ("replace", "fsync", "unlink", "mkdir"):
    setattr(os, name, counted(getattr(os, name)))
from falselight.case import writer, originals
import pyarrow.parquet
pyarrow.parquet.write_table = counted(pyarrow.parquet.write_table)
save = writer.save
def told(*arguments):
    save(*arguments)
    print(sum(each.rows for each in arguments[1].files), len(arguments[1].inputs), flush=True)
writer.save = told
importing.import_paths(sys.argv[3:], folder, release.schema(), report=print, keep_originals=True)
print("done", calls, flush=True)
"""


def killed(place: Place, stop: int, paths: list[Path]) -> tuple[int, list[str]]:
    command = [sys.executable, "-c", KILLED, str(place.folder), str(stop), *map(str, paths)]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    return done.returncode, done.stdout.splitlines()


def inputs(place: Place) -> list[Path]:
    return [
        place.write("a.ndjson", *(event(n) for n in range(3))),
        place.write("b.ndjson", *(event(n) for n in range(10, 21))),
        place.write("c.ndjson", *(event(n) for n in range(30, 33))),
    ]


def checked(place: Place) -> tuple[int, int]:
    """Events and inputs of the case, after proof that it is whole."""
    if not manifest.is_case(place.folder):
        return 0, 0
    table = place.read()
    assert place.told == []
    places = table.connection.execute("SELECT count(DISTINCT (_input, _record)) FROM events").fetchall()
    assert places == [(table.rows,)]
    assert all(each.kept is not None and Path(each.kept).exists() for each in table.inputs)
    return table.rows, len(table.inputs)


POINTS = list(range(1, 54, 4))


@pytest.mark.parametrize("stop", POINTS)
def test_killed_at_any_instant(place: Place, stop: int) -> None:
    paths = inputs(place)
    code, told = killed(place, stop, paths)
    acknowledged = [tuple(map(int, line.split())) for line in told if line[0].isdigit()]
    events, count = checked(place)
    assert code == -signal.SIGKILL or told[-1].startswith("done")
    # The rename of the manifest may have happened, and its word not.
    assert not acknowledged or (events, count) >= acknowledged[-1]
    done = place.add(*paths)
    assert checked(place) == (17, 3)
    assert done.known == count and done.inputs == 3 - count
    named = {each.name for each in manifest.load(place.folder).files}
    assert {each.name for each in (place.folder / "events").iterdir()} == named
    assert not [each for each in place.folder.rglob("*.aside")]


def test_the_points_reach_to_the_end(place: Place) -> None:
    _, told = killed(place, 0, inputs(place))
    assert told[-1].startswith("done") and int(told[-1].split()[1]) <= max(POINTS) + 4


def test_a_full_disk_leaves_the_case_as_it_was(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = place.write("a.ndjson", event(1)), place.write("b.ndjson", event(2))
    place.add(first)

    def full(*arguments: object, **more: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("falselight.case.writer.pq.write_table", full)
        with pytest.raises(OSError, match="No space"):
            place.add(second)
    assert checked_plainly(place) == 1
    assert place.add(first, second).events == 1
    assert checked_plainly(place) == 2


def test_an_interrupt_keeps_what_is_complete(place: Place) -> None:
    first, second = place.write("a.ndjson", event(1)), place.write("b.ndjson", event(2))

    def interrupt(done: int, total: int, events: int) -> None:
        if events == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place.add(first, second, progress=interrupt)
    assert checked_plainly(place) == 1
    assert (place.add(first, second).known, checked_plainly(place)) == (1, 2)


def checked_plainly(place: Place) -> int:
    return len(place.rows("_seq"))


def test_two_writers_at_once(place: Place) -> None:
    from falselight.case.writer import Writer

    path = place.write("a.ndjson", event(1))
    place.add(path)
    with Writer(place.folder, place.told.append):
        with pytest.raises(FalselightError, match="another program is writing"):
            place.add(place.write("b.ndjson", event(2)))
        assert checked_plainly(place) == 1
    assert place.add(place.root / "b.ndjson").events == 1
