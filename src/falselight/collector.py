"""Python's collector of cyclic garbage, paused where much is made that stays."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused(*, kept: bool = False) -> Iterator[None]:
    """What is made within stays, and holds no cycles: to look for some among it again and again, and among all that was there
    before, takes longer than making it. What is ``kept`` until the program ends is never looked at again."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if kept:
            gc.freeze()
        if running:
            gc.enable()
