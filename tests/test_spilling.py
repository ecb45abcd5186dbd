"""What the engine spills goes with its process, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from falselight import spilling

ROOT = Path(__file__).parents[1]
HOLDS = (
    "import time\nfrom falselight.store import connect\nheld = connect()\nprint('holds', flush=True)\ntime.sleep(60)"
)


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "src"), "TMPDIR": str(folder)}


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    spilling._sweep.cache_clear()
    return tmp_path


def test_folders_of_killed_processes_go_and_those_in_use_stay(parent: Path) -> None:
    killed, running = (
        subprocess.Popen([sys.executable, "-c", HOLDS], stdout=subprocess.PIPE, env=environment(parent))
        for _ in range(2)
    )
    try:
        for each in (killed, running):
            assert each.stdout and each.stdout.readline() == b"holds\n"
        killed.kill()
        killed.wait(timeout=30)
        assert len(list(parent.iterdir())) == 2
        own, remove = spilling.folder(str(parent))
        assert len(list(parent.iterdir())) == 2 and Path(own).is_dir()
        remove()
        assert len(list(parent.iterdir())) == 1
    finally:
        for each in (killed, running):
            each.kill()
            each.communicate()


def test_what_is_nobodys_folder_stays(parent: Path) -> None:
    beside = parent / "beside"
    beside.mkdir()
    (beside / "lock").touch()
    (parent / "falselight-spill-link").symlink_to(beside)
    (parent / "falselight-spill-unlocked").mkdir()
    _, remove = spilling.folder(str(parent))
    remove()
    assert sorted(path.name for path in parent.iterdir()) == [
        "beside",
        "falselight-spill-link",
        "falselight-spill-unlocked",
    ]
    assert (beside / "lock").exists()


def test_a_stopped_service_leaves_nothing(parent: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "falselight", "hunt", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL, env=environment(parent),
    )  # fmt: skip
    # More than a pipe holds: once it is written, the process reads.
    assert process.stdin
    process.stdin.write(b'{"event":{"category":"network"}}\n' * 50_000)
    assert list(parent.glob("falselight-spill-*/lock"))
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130 and b"Interrupted." in told
    assert not list(parent.glob("falselight-spill-*"))
