"""The addresses of whole columns: each distinct text is looked at once, dotted quads all together."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from falselight import quads
from falselight.quads import Flags

Bytes = npt.NDArray[np.uint8]
# The first byte of fd00::/8.
_INTERNAL_6 = 0xFD
# RFC 1918: first address and length of prefix.
_PRIVATE = ((0x0A000000, 8), (0xAC100000, 12), (0xC0A80000, 16))


@dataclass(frozen=True)
class Addresses:
    """A column's distinct texts and which of them stands in each row; of the texts the dotted quads, and the bytes of the
    other addresses."""

    texts: pa.DictionaryArray
    quads: quads.Quads
    others: dict[int, bytes]

    @cached_property
    def are(self) -> Flags:
        """Which distinct texts are addresses."""
        found = self.quads.are.copy()
        found[list(self.others)] = True
        return found

    @cached_property
    def places(self) -> npt.NDArray[np.int64]:
        """The place of each row's text, -1 in rows without one."""
        indices = self.texts.indices
        filled = indices.fill_null(-1) if indices.null_count else indices
        return np.asarray(filled).astype(np.int64)

    def rows(self, flags: Flags) -> pa.Array:
        """What holds for each text, row by row; null in rows without an address."""
        made = pa.array(flags) if self.are.all() else pa.array(flags, mask=~self.are)
        return made.take(self.texts.indices)

    @property
    def internal(self) -> pa.Array:
        """Whether each row's address is private (RFC 1918, fd00::/8)."""
        found = np.zeros(len(self.quads.are), np.bool_)
        for network, length in _PRIVATE:
            found |= self.quads.within(network, length)
        found &= self.quads.are
        for place, packed in self.others.items():
            found[place] = packed[0] == _INTERNAL_6
        return self.rows(found)

    def only(self, values: pa.Array) -> pa.Array:
        """The column that these are of, null in rows that hold other texts."""
        if self.are.all():
            return values
        return pc.if_else(self.rows(self.are), values, pa.scalar(None, values.type))

    def of_length(self, length: int) -> tuple[Flags, Bytes]:
        """In which rows there are addresses of so many bytes, and the bytes of each distinct one."""
        if length == 4:
            known, packed = self.quads.are, self.quads.numbers.astype(">u4").view(np.uint8).reshape(-1, 4)
        else:
            known, packed = np.zeros(len(self.quads.are), np.bool_), np.zeros((len(self.quads.are), 16), np.uint8)
            for place, each in self.others.items():
                known[place], packed[place] = True, np.frombuffer(each, np.uint8)
        # Rows without a text have the place behind the last.
        return np.append(known, False)[self.places], packed


def addressed(texts: pa.DictionaryArray) -> Addresses:
    """What a column of texts holds of addresses."""
    found = quads.read(texts.dictionary)
    others: dict[int, bytes] = {}
    if not found.all:
        places = np.flatnonzero(~found.are)
        rest = texts.dictionary.take(pa.array(places)).to_pylist()
        for place, text in zip(places.tolist(), rest, strict=True):
            packed = _packed(text)
            if packed is not None:
                others[place] = packed
    return Addresses(texts, found, others)


def _packed(text: str | None) -> bytes | None:
    """The bytes of an address of IPv6, None for other text."""
    if text is None or ":" not in text:
        return None
    try:
        return ipaddress.IPv6Address(text).packed
    except ValueError:
        return None
