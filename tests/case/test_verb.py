"""``import`` on the command line: its panel, its figures and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from falselight.cli import errors
from falselight.cli.main import cli
from tests.case.conftest import Place, event


def run(*arguments: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(cli, ["import", *map(str, arguments)], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.return_value, done.stdout, done.stderr


def test_the_panel_tells_what_came_of_it(place: Place) -> None:
    path = place.write("a.ndjson", event(1), event(2))
    code, out, err = run(path, "--case", place.folder)
    assert (code, out) == (errors.DONE, "")
    assert "1 new" in err and "2 in" in err and f"{path.stat().st_size}" in err
    _, _, again = run(path, "--case", place.folder)
    assert "0 new, 1 other imported before and not read again" in again


def test_the_figures_are_one_object(place: Place) -> None:
    path = place.root / "a.ndjson"
    path.write_text(json.dumps(event(1)) + "\nnot json\n")
    code, out, _ = run(path, "--case", place.folder, "--format", "json")
    figures = json.loads(out)
    assert code == errors.DAMAGED
    assert (figures["inputs"], figures["events"], figures["skipped"]) == (1, 1, {"not JSON": 1})


def test_no_path_is_misuse(place: Place) -> None:
    assert run(place.root / "absent", "--case", place.folder)[0] == errors.MISUSE


def test_a_case_is_not_imported(place: Place) -> None:
    run(place.write("a.ndjson", event(1)), "--case", place.folder)
    code, _, err = run(place.folder, "--case", place.root / "other")
    assert code == errors.DAMAGED and "is a case itself" in err


@pytest.mark.parametrize("name", ["\x1b[31mred", "a\u202eb"])
def test_names_are_not_obeyed(place: Place, name: str) -> None:
    (place.root / name).write_text("strange")
    _, _, err = run(place.root / name, "--case", place.root / f"{name} case")
    assert "\x1b[31mred" not in err and "\u202e" not in err
