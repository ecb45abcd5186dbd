"""What was learnt of the templates of EVTX chunks."""

from __future__ import annotations

import struct
from typing import Any, TypeAlias

from falselight.readers.binxml import HEADER_BYTES, Definition, definition
from falselight.readers.windows_event import Unsuitable

CHUNK_BYTES = 65_536
_SIZE = struct.Struct("<I")
# Where a definition's own identifier stands in its header, behind the place of the next definition.
_IDENTIFIER = 4
_MOST_DEFINITIONS, _LONGEST_DEFINITION = 4_096, 16_384

Names: TypeAlias = tuple[tuple[int, bytes], ...]


class Definitions:
    """What was learnt of templates, in all chunks: by their place and bytes, None for what is not understood. Definitions
    that say the same are one."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, bytes], tuple[Definition, Names] | None] = {}
        self._alike: dict[Any, Definition] = {}
        self._met: dict[tuple[int, bytes], bytes] = {}

    def at(self, chunk: memoryview, at: int) -> Definition | None:
        """The definition at an offset of a chunk."""
        if at + HEADER_BYTES > CHUNK_BYTES:
            return None
        (size,) = _SIZE.unpack_from(chunk, at + 20)
        body, end = at + HEADER_BYTES, at + HEADER_BYTES + size
        if size > _LONGEST_DEFINITION or end > CHUNK_BYTES:
            return None
        key = (at, self._same(chunk, at, body, end))
        known = self._known.get(key)
        if known is not None and _borrows(chunk, known[1]):
            return known[0]
        return None if known is None and key in self._known else self._learn(key, chunk, body, end)

    def _same(self, chunk: memoryview, at: int, body: int, end: int) -> bytes:
        """The bytes of a body; the very object of before if it was met. To hash them takes longer than to compare them."""
        place, raw = (at, bytes(chunk[at + _IDENTIFIER : body])), bytes(chunk[body:end])
        if len(self._met) >= _MOST_DEFINITIONS:
            self._met.clear()
        met = self._met.setdefault(place, raw)
        if met != raw:
            met = self._met[place] = raw
        return met

    def _learn(self, key: tuple[int, bytes], chunk: memoryview, body: int, end: int) -> Definition | None:
        if len(self._known) >= _MOST_DEFINITIONS:
            self._known.clear()
            self._alike.clear()
        try:
            found = definition(chunk, body, end)
        except Unsuitable:
            self._known[key] = None
            return None
        alike = self._alike.setdefault(found.identity(), found)
        self._known[key] = (alike, found.borrowed)
        return alike


def _borrows(chunk: memoryview, names: Names) -> bool:
    """Whether the chunk holds these names at their places."""
    return all(chunk[place : place + len(name)] == name for place, name in names)
