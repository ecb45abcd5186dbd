"""What the engine spills goes with its process, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from falselight import spilling

ROOT = Path(__file__).parents[1]
HOLDS = (
    "import time\nfrom falselight.store import connect\nheld = connect()\nprint('holds', flush=True)\ntime.sleep(60)"
)


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "src"), "TMPDIR": str(folder)}


def test_folders_of_killed_processes_go_and_those_in_use_stay(tmp_path: Path) -> None:
    killed, running = (
        subprocess.Popen([sys.executable, "-c", HOLDS], stdout=subprocess.PIPE, env=environment(tmp_path))
        for _ in range(2)
    )
    try:
        for each in (killed, running):
            assert each.stdout and each.stdout.readline() == b"holds\n"
        killed.kill()
        killed.wait(timeout=30)
        assert len(list(tmp_path.iterdir())) == 2
        own = Path(spilling.folder(str(tmp_path)))
        assert len(list(tmp_path.iterdir())) == 2 and own.is_dir() and own.parent.parent == tmp_path
    finally:
        for each in (killed, running):
            each.kill()
            each.communicate()


def test_what_is_nobodys_folder_stays(tmp_path: Path) -> None:
    beside = tmp_path / "beside"
    beside.mkdir()
    (beside / "lock").touch()
    (tmp_path / "falselight-spill-link").symlink_to(beside)
    (tmp_path / "falselight-spill-unlocked").mkdir()
    own = Path(spilling.folder(str(tmp_path))).parent
    left = {"beside", "falselight-spill-link", "falselight-spill-unlocked"}
    assert {path.name for path in tmp_path.iterdir()} == left | {own.name}
    assert (beside / "lock").exists()


def test_a_stopped_service_leaves_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "falselight", "hunt", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL, env=environment(tmp_path),
    )  # fmt: skip
    # More than a pipe holds: once it is written, the process reads.
    assert process.stdin
    process.stdin.write(b'{"event":{"category":"network"}}\n' * 50_000)
    assert list(tmp_path.glob("falselight-spill-*/lock"))
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130 and b"Interrupted." in told
    assert not list(tmp_path.glob("falselight-spill-*"))
