"""Values of EVTX records, one by one, as the general parser writes them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from falselight.readers.windows_event import Unsuitable

TICKS_TO_1970 = 116_444_736_000_000_000
TEXT, FILE_TIME = 0x01, 0x11
# The first tick that no text of a time can say.
_YEAR_10000 = 2_650_467_744_000_000_000
_1601 = datetime(1601, 1, 1)
_SIGNED = frozenset({0x03, 0x05, 0x07, 0x09})
INTEGERS = {
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
OTHERS: dict[int, tuple[int | None, Callable[[bytes], Any]]] = {
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
    if kind in INTEGERS:
        return int.from_bytes(raw, "little", signed=kind in _SIGNED)
    return OTHERS[kind][1](raw)


# The bytes that a value of each type has: any number, an even number, or none for what only the general parser reads.
_ANY, _EVEN, _NEVER = -1, -2, -3
_SIZES = np.full(256, _NEVER, np.int32)
_SIZES[0] = 0
for _kind, _form in INTEGERS.items():
    _SIZES[_kind] = np.dtype(_form).itemsize
for _kind, (_size, _) in OTHERS.items():
    _SIZES[_kind] = _ANY if _size is None else _size
_SIZES[TEXT] = _EVEN


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

    def rows(self, width: int, places: Numbers) -> Numbers:
        """So many bytes from each place: an array of a row for each."""
        if not width:
            return np.zeros((len(places), 0), np.uint8)
        return self.at(f"V{width}", places).view(np.uint8).reshape(len(places), width)
