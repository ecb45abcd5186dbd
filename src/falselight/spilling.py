"""Folders for what the engine spills: gone with their process, and with the next one where that was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

_PREFIX, _LOCK = "falselight-spill-", "lock"


def folder(parent: str | None = None) -> tuple[str, Callable[[], None]]:
    """A new folder under ``parent`` (or where temporary files go) that this process holds, and what removes it."""
    parent = parent or tempfile.gettempdir()
    _sweep(parent)
    path = tempfile.mkdtemp(prefix=_PREFIX, dir=parent)
    # Locked before it has its name: a folder whose lock can be had is nobody's.
    held = os.open(os.path.join(path, "new"), os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(held, fcntl.LOCK_EX)
    os.rename(os.path.join(path, "new"), os.path.join(path, _LOCK))

    def remove() -> None:
        shutil.rmtree(path, ignore_errors=True)
        os.close(held)

    return path, remove


@cache
def _sweep(parent: str) -> None:
    """Removes what killed processes of this user left; once in a process."""
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
