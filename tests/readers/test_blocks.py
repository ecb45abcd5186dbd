"""Blocks hold a stream's lines, each once, in memory that is a file as well."""

from __future__ import annotations

import io
import random
from collections import deque
from pathlib import Path
from typing import Any, cast

import pytest

from falselight.readers import blocks
from falselight.readers.detect import BOM


class Halting(io.RawIOBase):
    """A stream that gives some bytes at a time, as compressed ones do."""

    def __init__(self, data: bytes, chance: random.Random) -> None:
        self._inner, self._chance = io.BytesIO(data), chance

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._inner.readinto(memoryview(buffer)[: self._chance.randint(1, 90)])


@pytest.mark.parametrize("size", [64, 300, 5_000])
@pytest.mark.parametrize("seed", range(6))
def test_all_lines_come_once_and_stand_as_long_as_they_are_asked_to(
    size: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", size)
    chance = random.Random(f"{size} {seed}")
    lines = [bytes(chance.choices(b"abc{}", k=chance.choice([0, 5, 60, 700]))) for _ in range(80)]
    data = b"\n".join(lines) + chance.choice([b"", b"\n"])
    given = BOM + data if seed % 2 else data
    stream = cast(Any, io.BufferedReader(Halting(given, chance), 16))
    standing: deque[tuple[blocks.Block, bytes]] = deque(maxlen=3)
    seen = []
    for block in blocks.blocks(stream, 3):
        standing.append((block, bytes(block.lines)))
        seen.append(bytes(block.lines))
        for kept, text in standing:
            assert bytes(kept.lines) == text
            assert kept.path is None or Path(kept.path).read_bytes() == text
    assert b"".join(seen) == data
    assert all(text.endswith(b"\n") for text in seen[:-1])
    # What was read last is there when all has been asked for.
    for kept, text in standing:
        assert kept.path is None or Path(kept.path).read_bytes() == text


def test_a_line_that_is_too_long_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 64)
    monkeypatch.setattr(blocks, "LONGEST_BYTES", 256)
    data = b"short\n" + b"x" * 1_000 + b"\nlast\n"
    found = [bytes(block.lines) for block in blocks.blocks(cast(Any, io.BufferedReader(io.BytesIO(data))))]  # type: ignore[arg-type]
    assert b"".join(found) == data and max(map(len, found)) < 1_000


def test_nothing_gives_no_block() -> None:
    for data in (b"", BOM):
        assert [*blocks.blocks(cast(Any, io.BufferedReader(io.BytesIO(data))))] == []  # type: ignore[arg-type]
