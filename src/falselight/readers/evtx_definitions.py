"""What was learnt of the templates of EVTX chunks."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from falselight.readers.binxml import HEADER_BYTES, Definition, Name, definition
from falselight.readers.windows_event import Unsuitable

CHUNK_BYTES = 65_536
_SIZE = struct.Struct("<I")
# Where a definition's own identifier stands in its header, behind the place of the next definition.
_IDENTIFIER = 4
# Behind a name's length stand its letters, before it the place of the next name and a hash.
_LENGTH_OF_NAME = 6
_MOST_DEFINITIONS, _MOST_SPELLINGS, _LONGEST_DEFINITION = 4_096, 64, 16_384


class Definitions:
    """What was learnt of templates, in all chunks. Definitions that say the same are one."""

    def __init__(self) -> None:
        self._known: dict[bytes, list[tuple[_Spelling, Definition]]] = {}
        self._refused: set[tuple[int, bytes]] = set()
        self._alike: dict[Any, Definition] = {}
        self._learnt = 0

    def at(self, chunk: memoryview, at: int) -> Definition | None:
        """The definition at an offset of a chunk; None for what is not understood."""
        if at + HEADER_BYTES > CHUNK_BYTES:
            return None
        (size,) = _SIZE.unpack_from(chunk, at + 20)
        body, end = at + HEADER_BYTES, at + HEADER_BYTES + size
        if size > _LONGEST_DEFINITION or end > CHUNK_BYTES:
            return None
        # The identifier is the sender's word, and the size tells spellings apart.
        key = bytes(chunk[at + _IDENTIFIER : body])
        for spelling, found in self._known.get(key, ()):
            if spelling.fits(chunk, body):
                return found
        refused = body, bytes(chunk[body:end])
        return None if refused in self._refused else self._learn(key, refused, chunk, body, end)

    def _learn(self, key: bytes, raw: tuple[int, bytes], chunk: memoryview, body: int, end: int) -> Definition | None:
        self._learnt += 1
        if self._learnt > _MOST_DEFINITIONS:
            self._learnt = 0
            for each in (self._known, self._refused, self._alike):
                each.clear()
        try:
            found, names = definition(chunk, body, end)
        except Unsuitable:
            self._refused.add(raw)
            return None
        found = self._alike.setdefault(found.identity(), found)
        spellings = self._known.setdefault(key, [])
        del spellings[_MOST_SPELLINGS - 1 :]
        spellings.insert(0, (_Spelling(chunk, body, end, names), found))
        return found


class _Spelling:
    """The bytes of a definition, but for the places in its chunk that they tell, which differ from chunk to chunk."""

    def __init__(self, chunk: memoryview, body: int, end: int, names: Sequence[Name]) -> None:
        form, at = "<", body
        for name in names:
            # A name that stands right there begins with the place of another.
            form += f"{name.at - at}sI" + ("4x" if name.held is None else "")
            at = name.at + (8 if name.held is None else 4)
        self._form = struct.Struct(form + f"{end - at}s")
        parts = self._form.unpack_from(chunk, body)
        self._fixed, places = parts[::2], parts[1::2]
        firsts = [places.index(place) for place in places]
        self._same: Callable[[tuple[int, ...]], tuple[int, ...]] = itemgetter(*firsts) if len(names) > 1 else tuple
        self._own = [(number, name.at + 4 - body) for number, name in enumerate(names) if name.held is None]
        self._held = [(number, names[number].held or b"") for number in sorted({*firsts} - dict(self._own).keys())]

    def fits(self, chunk: memoryview, body: int) -> bool:
        """Whether a body of as many bytes is spelled like this."""
        parts = self._form.unpack_from(chunk, body)
        places = parts[1::2]
        return (
            parts[::2] == self._fixed
            and self._same(places) == places
            and all(places[number] == body + own for number, own in self._own)
            and all(_holds(chunk, places[number], name) for number, name in self._held)
        )


def _holds(chunk: memoryview, place: int, name: bytes) -> bool:
    start = place + _LENGTH_OF_NAME
    return chunk[start : start + len(name)] == name
