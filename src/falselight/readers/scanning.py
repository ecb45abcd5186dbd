"""Short texts in long ones, by vector: several times as fast as Python's own search where their bytes are frequent."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
# So much fits the processor's cache.
AT_ONCE = 1 << 17
# So far Python's search is as fast.
_NEAR = 1 << 12
# Longer texts are found faster by skipping.
_LONGEST = 5


def count(data: bytes, text: bytes) -> int:
    """How often a text stands in another."""
    if len(text) > _LONGEST or len(data) < _NEAR:
        return data.count(text)
    return sum(int(np.count_nonzero(found)) for _, found in _found(data, text, 0))


def find(data: bytes, text: bytes, start: int = 0) -> int:
    """Where a text stands first from ``start`` on; -1 if it does not."""
    near = data.find(text, start, start + _NEAR)
    if near >= 0 or len(data) - start <= _NEAR:
        return near
    beyond = start + _NEAR - len(text) + 1
    return next((at + int(found.argmax()) for at, found in _found(data, text, beyond) if found.any()), -1)


def _found(data: bytes, text: bytes, start: int) -> Iterator[tuple[int, npt.NDArray[np.bool_]]]:
    """Piece by piece: its place, and where in it the text begins."""
    characters = np.frombuffer(data, np.uint8)
    for at in range(start, len(data) - len(text) + 1, AT_ONCE):
        piece = characters[at : at + AT_ONCE + len(text) - 1]
        width = len(piece) - len(text) + 1
        found = piece[:width] == text[0]
        for place, character in enumerate(text[1:], 1):
            found &= piece[place : place + width] == character
        yield at, found
