"""A second process reads what the first would, whatever becomes of it."""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from readers.evtx_templates import log
from readers.test_evtx_kinds import drawn

from falselight.diagnostics import Diagnostic
from falselight.mappings import windows_batches
from falselight.readers import evtx, second

CHUNK = evtx.CHUNK_BYTES


@pytest.fixture(autouse=True)
def many_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evtx, "_BLOCK_CHUNKS", 1)
    monkeypatch.setattr(windows_batches, "LARGE", 1)
    monkeypatch.setenv(second.PROCESSES, "2")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The processes that are started."""
    found: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def popen(*arguments: Any, **more: Any) -> subprocess.Popen[bytes]:
        found.append(start(*arguments, **more))
        return found[-1]

    monkeypatch.setattr(second.subprocess, "Popen", popen)
    return found


def damaged() -> bytes:
    """Eight chunks: one is none, one holds a broken record, and the last is cut short."""
    data = bytearray(log(drawn(random.Random(4), ["Image", "ProcessId", "User", "Mixed"], 320)))
    data[evtx.HEADER_BYTES + 2 * CHUNK : evtx.HEADER_BYTES + 2 * CHUNK + 8] = b"no chunk"
    data[evtx.HEADER_BYTES + 4 * CHUNK + 600 : evtx.HEADER_BYTES + 4 * CHUNK + 640] = b"\xff" * 40
    return bytes(data[:-10])


def read(data: bytes) -> tuple[list[dict[str, Any]], list[Diagnostic], Counter[str]]:
    told: list[Diagnostic] = []
    skipped: Counter[str] = Counter()
    batches = windows_batches.read_evtx(io.BytesIO(data), "x.evtx", told.append, skipped)
    return [row for batch in batches for row in batch.to_pylist()], told, skipped


def alone(data: bytes, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv(second.PROCESSES, "1")
    found = read(data)
    monkeypatch.setenv(second.PROCESSES, "2")
    return found


def test_two_processes_read_and_report_what_one_does(
    started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = alone(damaged(), monkeypatch)
    assert not started and len(expected[0]) > 150 and len(expected[1]) >= 3
    assert read(damaged()) == expected
    assert [process.poll() for process in started] == [-signal.SIGKILL]


def test_it_does_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[pa.Table | None] = []
    answer = second.Second._answer

    def noted(self: second.Second, *arguments: Any) -> pa.Table | None:
        answers.append(answer(self, *arguments))
        return answers[-1]

    monkeypatch.setattr(second.Second, "_answer", noted)
    records = drawn(random.Random(4), ["Image"], 320)
    assert len(read(log(records))[0]) == 320
    assert answers and all(table is not None and table.num_rows == 40 for table in answers)


def test_it_is_killed_in_the_midst(started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
    expected = alone(damaged(), monkeypatch)
    ask = second.Second.ask

    def killed(self: second.Second, parts: list[bytes]) -> Any:
        found = ask(self, parts)
        started[0].send_signal(signal.SIGKILL)
        return found

    monkeypatch.setattr(second.Second, "ask", killed)
    assert read(damaged()) == expected


@pytest.mark.parametrize("script", ["echo rubbish; cat", "exit 3", "printf 'tables\\n+not Arrow'"])
def test_what_is_started_is_no_python(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = alone(damaged(), monkeypatch)
    other = tmp_path / "python9"
    other.write_text(f"#!/bin/sh\n{script}\n")
    other.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(other))
    assert read(damaged()) == expected


@pytest.mark.parametrize("executable", ["", "/absent/python3", "/usr/sbin/uwsgi"])
def test_nothing_can_be_started(executable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = alone(damaged(), monkeypatch)
    monkeypatch.setattr(sys, "executable", executable)
    assert read(damaged()) == expected


def test_it_ends_with_a_reading_that_is_given_up(started: list[subprocess.Popen[bytes]]) -> None:
    batches = windows_batches.read_evtx(io.BytesIO(damaged()), "x", [].append, Counter())
    next(iter(batches))
    batches.close()  # type: ignore[attr-defined]
    assert [process.poll() for process in started] == [-signal.SIGKILL]


def test_it_ends_with_the_first_process(tmp_path: Path) -> None:
    script = tmp_path / "first.py"
    script.write_text(
        "import sys, time\n"
        "from falselight.mappings.windows_batches import of_block\n"
        "from falselight.readers.second import Second\n"
        "with Second(of_block, None) as other:\n"
        "    print(other._process.pid, flush=True)\n"
        "    time.sleep(600)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, env=environment) as first:
        assert first.stdout is not None
        pid = int(first.stdout.readline())
        first.kill()
    deadline = time.monotonic() + 60
    while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
        assert time.monotonic() < deadline, "it outlives the first process"
        time.sleep(0.05)


@pytest.mark.parametrize(("given", "least"), [("1", 1), ("0", 1), ("2", 2), ("many", 1)])
def test_how_many_processes(given: str, least: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(second.PROCESSES, given)
    assert second.processes() >= least
    assert given == "many" or second.processes() == least
