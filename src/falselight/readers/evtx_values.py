"""Values of EVTX records, one by one and as columns, as the general parser writes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from falselight.readers.binxml import BINARY_XML
from falselight.readers.windows_event import Unsuitable, text_of

TICKS_TO_1970 = 116_444_736_000_000_000
TEXT, FILE_TIME = 0x01, 0x11
# The first tick that no text of a time can say, and the first beyond 64 bits of nanoseconds.
_YEAR_10000, _FURTHEST = 2_650_467_744_000_000_000, TICKS_TO_1970 + (1 << 63) // 100
_WORD = 8
_MASKS = np.array([(1 << 8 * size) - 1 for size in range(_WORD + 1)], np.uint64)
_LINE_END, _GUID_LENGTH = 10, 36
_NO_BYTES = pa.scalar(None, pa.binary())
_1601 = datetime(1601, 1, 1)
_SIGNED = frozenset({0x03, 0x05, 0x07, 0x09})
_INTEGERS = {
    0x03: "<i1", 0x04: "<u1", 0x05: "<i2", 0x06: "<u2", 0x07: "<i4", 0x08: "<u4", 0x09: "<i8", 0x0A: "<u8",
}  # fmt: skip
Numbers = np.ndarray[Any, Any]


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-16-le").partition("\0")[0]
    except UnicodeDecodeError as error:
        raise Unsuitable("no text") from error


def _truth(raw: bytes) -> bool:
    number = int.from_bytes(raw, "little")
    if number > 1:
        raise Unsuitable("neither true nor false")
    return number == 1


def _hexadecimal(raw: bytes) -> str:
    return f"0x{int.from_bytes(raw, 'little'):x}"


def _guid(raw: bytes) -> str:
    text = (raw[3::-1] + raw[5:3:-1] + raw[7:5:-1] + raw[8:]).hex().upper()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _file_time(raw: bytes) -> str:
    ticks = int.from_bytes(raw, "little")
    if ticks >= _YEAR_10000:
        raise Unsuitable("no time")
    return (_1601 + timedelta(microseconds=ticks // 10)).isoformat(timespec="microseconds") + "Z"


def _sid(raw: bytes) -> str:
    if len(raw) < 8 or len(raw) != 8 + 4 * raw[1]:
        raise Unsuitable("no SID")
    parts = [int.from_bytes(raw[at : at + 4], "little") for at in range(8, len(raw), 4)]
    return "-".join(["S", str(raw[0]), str(int.from_bytes(raw[2:8], "big")), *map(str, parts)])


def _binary(raw: bytes) -> str:
    return raw.hex().upper()


# By type: how many bytes a value has (None: any number of them), and what it is.
_OTHERS: dict[int, tuple[int | None, Callable[[bytes], Any]]] = {
    TEXT: (None, _text),
    0x0D: (4, _truth),
    0x0E: (None, _binary),
    0x0F: (16, _guid),
    FILE_TIME: (8, _file_time),
    0x13: (None, _sid),
    0x14: (4, _hexadecimal),
    0x15: (8, _hexadecimal),
}


def value(kind: int, raw: bytes) -> Any:
    """One value that ``fits``, None if it has no bytes. Raises ``Unsuitable``."""
    if kind == 0 or not raw:
        return None
    if kind in _INTEGERS:
        return int.from_bytes(raw, "little", signed=kind in _SIGNED)
    return _OTHERS[kind][1](raw)


# The bytes that a value of each type has: any number, an even number, or none for what only the general parser reads.
_ANY, _EVEN, _NEVER = -1, -2, -3
_SIZES = np.full(256, _NEVER)
_SIZES[0] = 0
for _kind, _form in _INTEGERS.items():
    _SIZES[_kind] = np.dtype(_form).itemsize
for _kind, (_size, _) in _OTHERS.items():
    _SIZES[_kind] = _ANY if _size is None else _size
_SIZES[TEXT], _SIZES[BINARY_XML] = _EVEN, _ANY


def fits(kinds: Numbers, sizes: Numbers) -> Numbers:
    """Whether values are of types that are known here, with the bytes that these have."""
    due = _SIZES[kinds]
    return np.asarray((due == sizes) | (due == _ANY) | ((due == _EVEN) & (sizes & 1 == 0)))


class Bytes:
    """The bytes of some chunks, to be looked at from any place."""

    def __init__(self, chunks: bytes) -> None:
        self.raw = chunks
        self.buffer = pa.py_buffer(chunks)
        self._views: dict[str, Numbers] = {}

    def at(self, form: str, places: Numbers) -> Numbers:
        """Numbers of this form; the places lie so that all are whole."""
        view = self._views.get(form)
        if view is None:
            kind = np.dtype(form)
            count = max(len(self.raw) - kind.itemsize + 1, 0)
            view = self._views[form] = np.ndarray((count,), kind, self.raw, 0, (1,))
        return view[places]


@dataclass(frozen=True, slots=True)
class Places:
    """Where one value of each of some records lies, in the order of the file: first byte, number of bytes, and type."""

    starts: Numbers
    sizes: Numbers
    kinds: Numbers

    def kind(self) -> int | None:
        """The type that all have, None if none has any."""
        kinds = self.kinds[self.sizes != 0]
        if not len(kinds):
            return None
        if kinds.min() != kinds.max():
            raise Unsuitable("values of several types")
        return int(kinds[0])


def times(chunks: Bytes, places: Places) -> pa.Array | None:
    """Times in nanoseconds since 1970."""
    kind = places.kind()
    if kind is None:
        return None
    present = places.sizes != 0
    if kind != FILE_TIME:
        raise Unsuitable("a time of another type")
    ticks = chunks.at("<u8", np.where(present, places.starts, 0))
    ticks = np.where(present, ticks, TICKS_TO_1970)
    # An earlier time than 64 bits of nanoseconds hold is left to the general way as well.
    if (ticks >= _FURTHEST).any() or (ticks <= 2 * TICKS_TO_1970 - _FURTHEST).any():
        raise Unsuitable("a time beyond 64 bits")
    return pa.array((ticks.astype(np.int64) - TICKS_TO_1970) * 100, pa.int64(), mask=~present)


def column(chunks: Bytes, places: Places) -> pa.Array | None:
    """``windows_event.text_of`` of each value, or the integers themselves; None if there is no value. An empty text is
    none. Raises ``Unsuitable``."""
    kind = places.kind()
    if kind is None:
        return None
    present = places.sizes != 0
    if kind in _INTEGERS:
        return _integers(chunks, places, present, _INTEGERS[kind])
    raw = _raw(chunks, places, present)
    if kind == TEXT:
        narrow = _narrow(raw, present)
        if narrow is not None:
            return narrow
    # Values without bytes are nothing in any type.
    raw = raw if present.all() else pc.if_else(pa.array(present), raw, _NO_BYTES)
    convert = _OTHERS[kind][1]
    encoded = raw.dictionary_encode()
    made = [text_of(convert(each)) or None for each in encoded.dictionary.to_pylist()]
    return pa.array(made, pa.string()).take(encoded.indices)


def codes(chunks: Bytes, places: Places) -> Numbers:
    """Numbers that are equal where the values' bytes are, for records in the order of the file."""
    sizes = places.sizes
    if sizes.max() <= _WORD and places.starts.max() <= len(chunks.raw) - _WORD:
        return chunks.at("<u8", places.starts) & _MASKS[sizes]
    return np.asarray(_raw(chunks, places, np.ones(len(sizes), bool)).dictionary_encode().indices)


def _integers(chunks: Bytes, places: Places, present: Numbers, form: str) -> pa.Array:
    found = chunks.at(form, np.where(present, places.starts, 0))
    absent = None if present.all() else ~present
    if form == "<u8" and (found[present] >= 1 << 63).any():
        return pa.array(found.astype(np.uint64), pa.uint64(), mask=absent)
    return pa.array(found.astype(np.int64), pa.int64(), mask=absent)


def _raw(chunks: Bytes, places: Places, present: Numbers) -> pa.Array:
    """The values' bytes. Places and what lies between them are one array, of which every other is taken."""
    rows = len(places.starts)
    offsets = np.empty(2 * rows, np.int32)
    offsets[0::2] = places.starts
    offsets[1::2] = places.starts + np.where(present, places.sizes, 0)
    every = pa.Array.from_buffers(pa.binary(), 2 * rows - 1, [None, pa.py_buffer(offsets), chunks.buffer])
    return every.take(pa.array(np.arange(0, 2 * rows, 2)))


def _narrow(raw: pa.Array, present: Numbers) -> pa.Array | None:
    """UTF-16 as UTF-8; None unless all is ASCII, and texts that ``text_of`` leaves as they are."""
    _, offsets, values = raw.buffers()
    ends = np.frombuffer(offsets, np.int32, len(raw) + 1)
    units = np.frombuffer(values, "<u2", int(ends[-1] - ends[0]) // 2, int(ends[0]))
    if len(units) and (units.max() >= 0x80 or units.min() == 0):
        return None
    halves = (ends - ends[0]) // 2
    narrow = units.astype(np.uint8)
    if (narrow == _LINE_END).any() or (np.diff(halves) == _GUID_LENGTH).any():
        return None
    validity = None if present.all() else pa.py_buffer(np.packbits(present, bitorder="little"))
    return pa.StringArray.from_buffers(len(raw), pa.py_buffer(halves), pa.py_buffer(narrow), validity)
