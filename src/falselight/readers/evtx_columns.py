"""Values of many EVTX records as columns. All columns of a block that hold values of one type are made together, since
each operation on a short column costs more than its values do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from falselight.readers.evtx_values import FILE_TIME, INTEGERS, OTHERS, TEXT, TICKS_TO_1970, Bytes, Numbers
from falselight.readers.windows_event import Unsuitable, text_of

# The type of a column without values, and of one whose values are of several.
NOTHING, SEVERAL = 0, -1
_WORD = 8
_MASKS = np.array([(1 << 8 * size) - 1 for size in range(_WORD + 1)], np.uint64)
_LINE_END, _GUID_LENGTH = 10, 36
# The first tick beyond 64 bits of nanoseconds.
_VALUES_AT_ONCE = 1 << 15
_FURTHEST = TICKS_TO_1970 + (1 << 63) // 100

Made: TypeAlias = pa.Array | Unsuitable | None


@dataclass(frozen=True, slots=True)
class Places:
    """Where one value of each of some records lies, in the order of the file: first byte, number of bytes, and type.
    ``kind`` is the type that all have, ``whole`` tells that each has bytes."""

    starts: Numbers
    sizes: Numbers
    kinds: Numbers
    kind: int
    whole: bool


class Slots:
    """For each value and record: the first byte, the number of bytes, and the type. ``rows`` says of which of the records."""

    def __init__(self, starts: Numbers, sizes: Numbers, kinds: Numbers, rows: Numbers | None = None) -> None:
        self._starts, self._sizes, self._kinds = starts, sizes, kinds
        self._rows = np.arange(starts.shape[1]) if rows is None else rows

    def places(self, indices: Sequence[int]) -> list[Places]:
        """Where these of the values lie."""
        if not indices:
            return []
        chosen = np.array(indices)[:, np.newaxis] * self._starts.shape[1] + self._rows
        starts, sizes, kinds = (each.take(chosen) for each in (self._starts, self._sizes, self._kinds))
        present = sizes != 0
        most = np.where(present, kinds, 0).max(axis=1)
        least = np.where(present, kinds, 255).min(axis=1)
        types = np.where(least == most, most.astype(np.int64), np.where(least > most, NOTHING, SEVERAL))
        found = zip(starts, sizes, kinds, types.tolist(), present.all(axis=1).tolist(), strict=True)
        return [Places(*each) for each in found]

    def one(self, index: int, row: int) -> tuple[int, int, int]:
        """First byte, number of bytes and type of one value."""
        at = index, self._rows[row]
        return int(self._starts[at]), int(self._sizes[at]), int(self._kinds[at])

    def some(self, rows: Numbers) -> Slots:
        """Of some of the records."""
        return Slots(self._starts, self._sizes, self._kinds, self._rows[rows])


def times(chunks: Bytes, places: Places) -> pa.Array | None:
    """Times in nanoseconds since 1970."""
    if places.kind == NOTHING:
        return None
    if places.kind != FILE_TIME:
        raise Unsuitable("a time of another type")
    present = places.sizes != 0
    ticks = chunks.at("<u8", np.where(present, places.starts, 0))
    ticks = np.where(present, ticks, TICKS_TO_1970)
    # An earlier time than 64 bits of nanoseconds hold is left to the general way as well.
    if (ticks >= _FURTHEST).any() or (ticks <= 2 * TICKS_TO_1970 - _FURTHEST).any():
        raise Unsuitable("a time beyond 64 bits")
    return pa.array((ticks.astype(np.int64) - TICKS_TO_1970) * 100, pa.int64(), mask=None if places.whole else ~present)


def columns(chunks: Bytes, wanted: Sequence[Places]) -> list[Made]:
    """For each column ``windows_event.text_of`` of each value, or the integers themselves; None if there is no value. An
    empty text is none. Where a column cannot be made, the reason stands in its place."""
    made: list[Made] = [None] * len(wanted)
    of_kind: dict[int, list[int]] = {}
    for number, places in enumerate(wanted):
        if places.kind == SEVERAL:
            made[number] = Unsuitable("values of several types")
        elif places.kind != NOTHING:
            of_kind.setdefault(places.kind, []).append(number)
    for kind, all_numbers in of_kind.items():
        for numbers in _some(all_numbers, wanted):
            together = _Together(chunks, [wanted[number] for number in numbers])
            parts = together.integers(INTEGERS[kind]) if kind in INTEGERS else together.texts(kind)
            for number, part in zip(numbers, parts, strict=True):
                made[number] = part
    return made


def _some(numbers: list[int], wanted: Sequence[Places]) -> Iterator[list[int]]:
    """So many columns at a time that what is made of them stays small."""
    some: list[int] = []
    values = 0
    for number in numbers:
        some.append(number)
        values += len(wanted[number].starts)
        if values >= _VALUES_AT_ONCE:
            yield some
            some, values = [], 0
    if some:
        yield some


class _Together:
    """Columns of one type, one behind the other."""

    def __init__(self, chunks: Bytes, places: list[Places]) -> None:
        self._chunks = chunks
        self._starts = np.concatenate([each.starts for each in places])
        self._sizes = np.concatenate([each.sizes for each in places])
        self._present = None if all(each.whole for each in places) else self._sizes != 0
        self._ends = np.cumsum([0, *(len(each.starts) for each in places)]).tolist()

    def _parts(self, values: pa.Array) -> list[pa.Array]:
        return [values.slice(start, end - start) for start, end in self._stretches()]

    def _stretches(self) -> list[tuple[int, int]]:
        return list(zip(self._ends[:-1], self._ends[1:], strict=True))

    def integers(self, form: str) -> list[Made]:
        starts = self._starts if self._present is None else np.where(self._present, self._starts, 0)
        found = self._chunks.at(form, starts)
        absent = None if self._present is None else ~self._present
        parts: list[Made] = list(self._parts(pa.array(found.astype(np.int64), pa.int64(), mask=absent)))
        if form != "<u8":
            return parts
        large = found >= 1 << 63
        if absent is not None:
            large &= ~absent
        for number, (start, end) in enumerate(self._stretches()):
            if large[start:end].any():
                mask = None if absent is None else absent[start:end]
                parts[number] = pa.array(found[start:end].astype(np.uint64), pa.uint64(), mask=mask)
        return parts

    def texts(self, kind: int) -> list[Made]:
        raw = stretches(self._chunks, self._starts, self._sizes)
        if kind != TEXT:
            values, wrong = _distinct(raw, OTHERS[kind][1])
            return self._refused(self._parts(values), wrong)
        plain, odd = _narrow(raw, self._present)
        parts: list[pa.Array] = self._parts(plain)
        if not len(odd):
            return list(parts)
        values, wrong = _distinct(raw.take(pa.array(odd)), OTHERS[kind][1])
        firsts = np.searchsorted(odd, self._ends).tolist()
        for number, (start, end) in enumerate(self._stretches()):
            first, last = firsts[number], firsts[number + 1]
            if last > first:
                rows = np.arange(end - start)
                rows[odd[first:last] - start] = np.arange(end - start, end - start + last - first)
                both = pa.concat_arrays([parts[number], values.slice(first, last - first)])
                parts[number] = both.take(pa.array(rows))
        return self._refused(parts, {int(odd[row]): error for row, error in wrong.items()})

    def _refused(self, parts: Sequence[Made], wrong: dict[int, Unsuitable]) -> list[Made]:
        """The parts, those of the rows that are wrong without values."""
        found = list(parts)
        for row, error in wrong.items():
            found[int(np.searchsorted(self._ends, row, "right")) - 1] = error
        return found


def codes(chunks: Bytes, places: Places) -> Numbers:
    """Numbers that are equal where the values' bytes are, for records in the order of the file."""
    sizes = places.sizes
    if sizes.max() <= _WORD and places.starts.max() <= len(chunks.raw) - _WORD:
        return chunks.at("<u8", places.starts) & _MASKS[sizes]
    return np.asarray(stretches(chunks, places.starts, sizes).dictionary_encode().indices)


def stretches(chunks: Bytes, starts: Numbers, sizes: Numbers) -> pa.Array:
    """The bytes of values. Places and what lies between them are one array, of which every other is taken."""
    rows = len(starts)
    offsets = np.empty(2 * rows + 1, np.int32)
    offsets[0:-1:2] = starts
    offsets[1::2] = starts + sizes
    # What lies between is never looked at, but the last offset should not lie before the first.
    offsets[-1] = len(chunks.raw)
    every = pa.Array.from_buffers(pa.binary(), 2 * rows, [None, pa.py_buffer(offsets), chunks.buffer])
    return every.take(pa.array(np.arange(0, 2 * rows, 2)))


def _distinct(raw: pa.Array, convert: Callable[[bytes], Any]) -> tuple[pa.Array, dict[int, Unsuitable]]:
    """``text_of`` of each value, and the rows that hold none, with the reason."""
    encoded = raw.dictionary_encode()
    made: list[str | None] = []
    faults: dict[int, Unsuitable] = {}
    for number, each in enumerate(encoded.dictionary.to_pylist()):
        try:
            # Values without bytes are nothing in any type.
            made.append(text_of(convert(each)) or None if each else None)
        except Unsuitable as error:
            faults[number] = error
            made.append(None)
    wrong: dict[int, Unsuitable] = {}
    if faults:
        indices = np.asarray(encoded.indices)
        for number, fault in faults.items():
            wrong.update(dict.fromkeys(np.flatnonzero(indices == number).tolist(), fault))
    return pa.array(made, pa.string()).take(encoded.indices), wrong


def _narrow(raw: pa.Array, present: Numbers | None) -> tuple[pa.Array, Numbers]:
    """UTF-16 as UTF-8; the rows for which that is wrong: not ASCII, or texts that ``text_of`` would not leave as they are."""
    _, offsets, values = raw.buffers()
    ends = np.frombuffer(offsets, np.int32, len(raw) + 1)
    units = np.frombuffer(values, "<u2", int(ends[-1] - ends[0]) // 2, int(ends[0]))
    halves = (ends - ends[0]) // 2
    narrow = units.astype(np.uint8)
    lengths = np.diff(halves)
    odd = lengths == _GUID_LENGTH
    unlike = narrow == _LINE_END
    if len(units) and (units.max() >= 0x80 or units.min() == 0):
        unlike |= (units >= 0x80) | (units == 0)
    if unlike.any():
        filled = np.flatnonzero(lengths)
        odd[filled] |= np.logical_or.reduceat(unlike, halves[filled])
        # Bytes that are no UTF-8 must not stay, even where they are not looked at.
        narrow[unlike] = ord(" ")
    validity = None if present is None else pa.py_buffer(np.packbits(present, bitorder="little"))
    texts = pa.StringArray.from_buffers(len(raw), pa.py_buffer(halves), pa.py_buffer(narrow), validity)
    return texts, np.flatnonzero(odd)
