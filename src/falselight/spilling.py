"""Folders for what the engine spills: gone with their process, or with the next one where that was killed."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from functools import partial
from pathlib import Path

_PREFIX, _LOCK = "falselight-spill-", "lock"
# The folder of this process under each parent, and the process (a fork has none of its own yet).
_own: dict[tuple[str, int], str] = {}


def folder(parent: str | None = None) -> str:
    """A new folder under ``parent``, or where temporary files go. Whoever is done with it sooner than the process removes it."""
    place = parent or tempfile.gettempdir(), os.getpid()
    if not os.path.isdir(_own.get(place, "")):
        _sweep(place[0])
        _own[place] = _locked(place[0])
    return tempfile.mkdtemp(dir=_own[place])


def _locked(parent: str) -> str:
    """A folder that this process holds while it lives."""
    path = tempfile.mkdtemp(prefix=_PREFIX, dir=parent)
    atexit.register(partial(_remove, path, os.getpid()))
    # Locked before it has its name: a folder whose lock can be had is nobody's.
    lock = os.open(os.path.join(path, "new"), os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.rename(os.path.join(path, "new"), os.path.join(path, _LOCK))
    return path


def _remove(path: str, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(path, ignore_errors=True)


def _sweep(parent: str) -> None:
    """Removes what killed processes of this user left."""
    for left in Path(parent).glob(f"{_PREFIX}*"):
        try:
            if left.lstat().st_uid != os.getuid() or left.is_symlink():
                continue
            lock = os.open(left / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:
            # Another's, on its way in, or on its way out.
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(lock)
