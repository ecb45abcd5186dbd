"""A stream of lines in large blocks, each in memory that other programs' code can read as a file: nothing is copied for that."""

from __future__ import annotations

import io
import mmap
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from falselight.readers.detect import BOM

BLOCK_BYTES = 32 << 20
# A line may be longer than a block; beyond this it is cut, and its parts are no JSON.
LONGEST_BYTES = 512 << 20
# A block is full when it has room for no more than this: less is not worth a call.
_FULL = 1 << 20


@dataclass(frozen=True)
class Block:
    """Whole lines, and a path at which they can be read as long as the block is there, where the system has such."""

    lines: memoryview
    path: str | None = None
    _file: object = field(default=None, repr=False)


class _Buffer:
    """Memory of some size, and the path of a file that is the same memory."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.path: str | None = None
        self.memory: bytearray | mmap.mmap
        if hasattr(os, "memfd_create"):
            self._file = open(os.memfd_create("falselight"), "r+b", 0)  # noqa: SIM115
            self._file.truncate(size)
            self.memory = mmap.mmap(self._file.fileno(), size)
            path = f"/proc/self/fd/{self._file.fileno()}"
            self.path = path if os.path.exists(path) else None
        else:
            self.memory = bytearray(size)

    def block(self, start: int, end: int) -> Block:
        """The lines between these places. What lies behind them is lost until ``reuse``."""
        lines = memoryview(self.memory)[start:end]
        if self.path is None or start:
            return Block(lines)
        self._file.truncate(end)
        return Block(lines, self.path, self._file)

    def reuse(self) -> None:
        """Makes the whole size available again."""
        if self.path is not None:
            self._file.truncate(self.size)


def blocks(stream: BinaryIO, standing: int = 0) -> Iterator[Block]:
    """Whole lines in blocks of about ``BLOCK_BYTES``; without the byte-order mark. Each stands until so many more have been
    asked for."""
    reads = cast(io.BufferedReader, stream).readinto1
    buffer, kept, first, ended = _Buffer(BLOCK_BYTES), b"", True, False
    given: deque[_Buffer] = deque()
    while not ended:
        memory = memoryview(buffer.memory)
        filled = len(kept)
        memory[:filled] = kept
        while (buffer.size - filled > min(_FULL, buffer.size // 2)) and not ended:
            got = reads(memory[filled:])
            filled, ended = filled + got, not got
        end = filled if ended else buffer.memory.rfind(b"\n", 0, filled) + 1
        if not end and filled < LONGEST_BYTES:
            kept, buffer = bytes(memory[:filled]), _Buffer(2 * buffer.size)
            continue
        end = end or filled
        kept = bytes(memory[end:filled])
        start = len(BOM) if first and memory[: len(BOM)] == BOM else 0
        first = False
        if end > start:
            yield buffer.block(start, end)
        given.append(buffer)
        buffer = _following(given, standing, len(kept))


def _following(given: deque[_Buffer], standing: int, kept: int) -> _Buffer:
    """The next buffer, with room for what is kept and as much again: one that nobody reads any more, or a new one."""
    free = given.popleft() if len(given) > standing else None
    # One that grew for a long line goes when it may.
    if free is None or free.size != BLOCK_BYTES or 2 * kept > BLOCK_BYTES:
        return _Buffer(max(BLOCK_BYTES, 2 * kept))
    free.reuse()
    return free
