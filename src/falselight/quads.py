"""Addresses of IPv4 in whole columns: dotted quads as numbers, and as the 16 bytes that an address has in the event table.

A dotted quad is four numbers up to 255 without leading zeros, as ``inet_pton`` takes it: such a text is canonical."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_DOT, _ZERO = ord("."), ord("0")
_SHORTEST, _LONGEST = len("0.0.0.0"), len("255.255.255.255")
# What a processor keeps at hand.
_AT_ONCE = 8_192
_PREFIX = b"\0" * 10 + b"\xff\xff"
Numbers = npt.NDArray[np.uint32]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Quads:
    """Which texts are dotted quads, and the number of each; that of another text means nothing."""

    are: Flags
    numbers: Numbers

    @property
    def all(self) -> bool:
        """Whether there is nothing else."""
        return bool(self.are.all())

    def within(self, network: int, length: int) -> Flags:
        """Which numbers lie in the network whose first address and length of prefix these are."""
        if not length:
            return np.ones(len(self.numbers), np.bool_)
        places = np.uint32(32 - length)
        same: Flags = (self.numbers >> places) == np.uint32(network >> (32 - length))
        return same


def read(texts: pa.Array) -> Quads:
    """The dotted quads among texts; null is none."""
    rows = len(texts)
    _, offsets, data = texts.buffers()
    are, numbers = np.zeros(rows, np.bool_), np.zeros(rows, np.uint32)
    if rows and data is not None:
        ends = np.frombuffer(offsets, np.int32, rows + 1, texts.offset * 4)
        letters = np.frombuffer(data, np.uint8)
        for first in range(0, rows, _AT_ONCE):
            some = slice(first, min(first + _AT_ONCE, rows))
            start, end = ends[some.start], ends[some.stop]
            are[some], numbers[some] = _read(letters[start:end], ends[some.start : some.stop + 1] - start)
        if texts.null_count:
            are &= np.asarray(texts.is_valid())
    return Quads(are, numbers)


def _read(letters: npt.NDArray[np.uint8], ends: npt.NDArray[np.int32]) -> tuple[Flags, Numbers]:
    """``Quads`` of texts that stand one behind the other, between these places."""
    digits = letters - np.uint8(_ZERO)
    is_dot = letters == _DOT
    dots, others = np.flatnonzero(is_dot), np.flatnonzero((digits > 9) & ~is_dot)
    before, lengths = np.searchsorted(dots, ends), np.diff(ends)
    likely = (np.diff(before) == 3) & (lengths >= _SHORTEST) & (lengths <= _LONGEST)
    if len(others):
        likely &= np.diff(np.searchsorted(others, ends)) == 0
    chosen = np.flatnonzero(likely)
    are, numbers = np.zeros(len(lengths), np.bool_), np.zeros(len(lengths), np.uint32)
    starts, first = np.asarray(ends[chosen]), before[chosen]
    good = np.ones(len(chosen), np.bool_)
    found = np.zeros(len(chosen), np.uint32)
    for part in range(4):
        stops = dots[first + part] if part < 3 else ends[chosen + 1]
        width = stops - starts
        one, two, three = (digits[np.maximum(stops - place, 0)].astype(np.uint32) for place in (1, 2, 3))
        value = one + np.where(width > 1, two * 10, 0) + np.where(width > 2, three * 100, 0)
        leading = (width > 1) & (digits[np.minimum(starts, len(digits) - 1)] == 0)
        good &= (width >= 1) & (width <= 3) & (value <= 255) & ~leading
        found = (found << np.uint32(8)) | value
        starts = np.asarray(stops + 1)
    are[chosen], numbers[chosen] = good, found
    return are, numbers


def sixteen(numbers: Numbers) -> npt.NDArray[np.void]:
    """The 16 bytes of each address, mapped into IPv6."""
    made = np.empty((len(numbers), 16), np.uint8)
    made[:, :12] = np.frombuffer(_PREFIX, np.uint8)
    made[:, 12:] = numbers.astype(">u4").view(np.uint8).reshape(-1, 4)
    return made.view("V16").ravel()


def binary(values: npt.NDArray[np.void], indices: pa.Array) -> pa.Array:
    """Bytes of one length by their places; null where the place is."""
    width, rows = values.dtype.itemsize, len(indices)
    places = np.asarray(indices.fill_null(0) if indices.null_count else indices)
    data = values[places] if len(values) else np.zeros(rows, values.dtype)
    offsets = np.arange(0, (rows + 1) * width, width, dtype=np.int32)
    mask = None
    if indices.null_count:
        mask = indices.is_valid().buffers()[1]
    return pa.Array.from_buffers(
        pa.binary(), rows, [mask, pa.py_buffer(offsets), pa.py_buffer(data)], indices.null_count
    )
