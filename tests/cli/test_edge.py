"""The edge: exit codes, pipes, interrupts and faults of our own. No traceback reaches a user."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from falselight import hunting
from falselight.cli import errors
from falselight.cli.main import main

ROOT = Path(__file__).parents[2]
EVENT = '{"@timestamp":"2026-01-01T00:00:00Z","event":{"category":"network"},"host":{"name":"h"}}\n'
Falselight = Callable[..., int]


@pytest.fixture
def falselight(monkeypatch: pytest.MonkeyPatch) -> Falselight:
    """A command line in this process; gives its exit code."""

    def run(*words: str | Path) -> int:
        monkeypatch.setattr(sys, "argv", ["falselight", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        assert isinstance(stop.value.code, int)
        return stop.value.code

    return run


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "events.ndjson"
    path.write_text(EVENT * 3, encoding="utf-8")
    return path


def raising(fault: BaseException) -> Callable[..., Any]:
    def hunt(*_: object, **__: object) -> None:
        raise fault

    return hunt


def test_an_internal_fault_is_one_message(
    falselight: Falselight, events: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FALSELIGHT_DEBUG", raising=False)
    monkeypatch.setattr(hunting, "hunt", raising(ZeroDivisionError("\x1b[31mlog text")))
    assert falselight("hunt", events) == errors.FAILED
    told = capsys.readouterr()
    assert told.out == "" and "Traceback" not in told.err and "\x1b" not in told.err
    assert "internal fault: ZeroDivisionError" in told.err and "please report it" in told.err


def test_a_lack_of_memory_says_what_helps(
    falselight: Falselight, events: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hunting, "hunt", raising(duckdb.OutOfMemoryException("could not allocate a block")))
    assert falselight("hunt", events) == errors.FAILED
    told = capsys.readouterr().err
    assert "could not allocate a block" in told and "FALSELIGHT_MEMORY=8GB" in told and "internal fault" not in told


def test_the_traceback_of_an_internal_fault_is_there_for_who_asks(
    events: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FALSELIGHT_DEBUG", "1")
    monkeypatch.setattr(hunting, "hunt", raising(ZeroDivisionError()))
    monkeypatch.setattr(sys, "argv", ["falselight", "hunt", str(events)])
    with pytest.raises(ZeroDivisionError):
        main()


@pytest.mark.parametrize("words", [["--diagnostics", "json"], ["--diagnostics=json"]])
def test_every_fault_is_json_for_editors(
    falselight: Falselight, events: Path, words: list[str],
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for fault, code in ((RuntimeError("x"), "E0799"), (OSError(28, "No space left on device"), "E0798")):
        monkeypatch.setattr(hunting, "hunt", raising(fault))
        assert falselight("hunt", events, *words) == errors.FAILED
        assert json.loads(capsys.readouterr().err)["code"] == code


def test_interrupt(
    falselight: Falselight, events: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hunting, "hunt", raising(KeyboardInterrupt()))
    assert falselight("hunt", events) == errors.INTERRUPTED
    assert capsys.readouterr().err.strip() == "Interrupted."


def test_a_time_range_leaves_out_what_was_asked_for_and_is_no_damage(
    falselight: Falselight, events: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert falselight("hunt", events, "--from", "2027-01-01") == errors.DONE
    told = capsys.readouterr().err
    assert "3 outside the time range" in told and "all 3 events lie outside --from and --to" in told


@pytest.mark.parametrize("verb", ["read", "beacons", "dns", "hunt", "hunt --rank", "hunt --as-scheduled"])
def test_dates_of_the_year_9999_are_no_fault(
    falselight: Falselight, tmp_path: Path, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    far = dict.fromkeys(("created", "start", "end", "ingested"), "9999-01-01T00:00:00Z")
    document = {
        "@timestamp": "2026-03-11T09:00:00Z", "host": {"name": "h"}, "event": {"category": "network", "type": "start", **far},
        "source": {"ip": "10.0.0.1"}, "destination": {"ip": "203.0.113.7", "port": 443},
    }  # fmt: skip
    path = tmp_path / "far.ndjson"
    path.write_text((json.dumps(document) + "\n") * 20)
    assert falselight(*verb.split(), path) == errors.DONE
    assert "E0799" not in (told := capsys.readouterr().err) and "E0401" not in told


def test_only_rules_that_cannot_run(
    falselight: Falselight, events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "r.toml").write_text(
        '[rule]\nid = "k"\nname = "k"\nlanguage = "kuery"\ntype = "query"\nquery = "a: *"\n'
    )
    code = falselight("hunt", events, "--rules", tmp_path / "r.toml")
    told = capsys.readouterr().err
    assert code == errors.DAMAGED
    assert "language [kuery]" in told and "1 rule not run" in told and "no rule was run" in told


def test_a_damaged_input_outranks_findings(falselight: Falselight, tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    day = ROOT / "examples" / "day"
    assert falselight("hunt", day, "--fail-on", "low") == errors.FOUND
    assert falselight("hunt", day, absent, "--fail-on", "low") == errors.DAMAGED
    assert falselight("hunt", absent, "--fail-on", "low") == errors.MISUSE


@pytest.mark.parametrize("verb", ["search", "explain"])
def test_paths_that_do_not_exist(falselight: Falselight, events: Path, tmp_path: Path, verb: str) -> None:
    assert falselight(verb, "any where true", tmp_path / "absent") == errors.MISUSE
    assert falselight(verb, "any where true", tmp_path / "absent", events) == errors.DAMAGED


def test_evidence_of_a_file_that_changed_is_refused(
    falselight: Falselight, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, rule = tmp_path / "e.ndjson", tmp_path / "r.toml"
    path.write_text(EVENT)
    rule.write_text('[rule]\nid = "r"\nname = "r"\nquery = "network where true"\n')
    whole = hunting.hunt

    def changing(*arguments: Any, **more: Any) -> hunting.HuntResult:
        result = whole(*arguments, **more)
        path.write_text(EVENT.replace('"h"', '"g"'))
        return result

    monkeypatch.setattr(hunting, "hunt", changing)
    assert falselight("hunt", path, "--rules", rule, "--evidence", "--format", "ndjson") == errors.DAMAGED
    told = capsys.readouterr()
    assert "E0509" in told.err and '"g"' not in told.out and "verified" not in told.out


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "src"), **more}


@pytest.mark.parametrize(
    "words",
    ["--help", "hunt --help", "hunt {0} --format table", "search 'any where true' {0}", "explain 'any where true' {0}"],
)
def test_a_closed_pipe_is_no_fault(events: Path, words: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        done = subprocess.run(
            f"{sys.executable} -m falselight {words.format(events)}", shell=True, stdout=closed, text=True,
            stderr=subprocess.PIPE, env=environment(), timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == errors.DONE and "Traceback" not in done.stderr and "Error" not in done.stderr


def test_an_output_that_knows_no_unicode_gets_escapes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "falselight", "hunt", "examples/day", "--format", "table"], capture_output=True,
        cwd=ROOT, env=environment(PYTHONIOENCODING="ascii"), timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == errors.DONE and b"wuhelper.exe" in done.stdout and b"\\xb7" in done.stdout


def test_a_real_interrupt_while_reading(tmp_path: Path) -> None:
    path = tmp_path / "many.ndjson"
    path.write_text(EVENT * 2_000_000, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "falselight", "search", "any where host.name == \"x\"", str(path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    # The signal is sent once the process has the file open: it is reading then.
    descriptors = Path(f"/proc/{process.pid}/fd")
    while process.poll() is None and not any(_target(each) == str(path) for each in descriptors.iterdir()):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, told = process.communicate(timeout=60)
    assert process.returncode == errors.INTERRUPTED
    assert out == "" and "Interrupted." in told and "Traceback" not in told


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except FileNotFoundError:
        return ""


def test_streams_that_are_no_files_are_left_alone(falselight: Falselight, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert falselight("--version") == errors.DONE
