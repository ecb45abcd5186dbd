"""The blocks of a pcapng file, one after the other; interfaces tell link types and the units of times."""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass, field

from falselight.readers.pcap.signs import SECTION_MAGIC

MAX_BLOCK_BYTES = 16 << 20
MAX_INTERFACES = 100_000
_INTERFACE, _OBSOLETE_PACKET, _SIMPLE_PACKET, _ENHANCED_PACKET = 1, 2, 3, 6
_TIME_UNIT, _TIME_OFFSET = 9, 14
_LATEST = (1 << 63) - 1
# start of the bytes, captured, length, epoch nanoseconds, link type
Row = tuple[int, int, int, int, int]


@dataclass(frozen=True)
class Interface:
    """A time is ``offset`` seconds and so many units of 1 / ``units`` second."""

    link: int
    snap: int
    units: int = 1_000_000
    offset: int = 0


@dataclass
class Section:
    """What the blocks so far say. ``walk`` adds to ``rows``; ``broken`` tells why it cannot go on."""

    order: str = "<"
    interfaces: list[Interface] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    broken: str | None = None
    _faults: Counter[str] = field(default_factory=Counter)

    def take_rows(self) -> list[Row]:
        rows, self.rows = self.rows, []
        return rows

    def take_faults(self) -> Counter[str]:
        found, self._faults = self._faults, Counter()
        return found

    def walk(self, data: bytes) -> int:
        """Reads all whole blocks from the start; gives where the first block lies that is not whole."""
        position, size = 0, len(data)
        while position + 12 <= size:
            if data.startswith(SECTION_MAGIC, position):
                mark = data[position + 8 : position + 12]
                self.order = ">" if mark == b"\x1a\x2b\x3c\x4d" else "<"
                self.interfaces = []
            kind, length = struct.unpack_from(self.order + "II", data, position)
            if length < 12 or length % 4 or length > MAX_BLOCK_BYTES:
                self.broken = "a block's length cannot be right"
                return position
            if position + length > size:
                return position
            if kind == _ENHANCED_PACKET:
                self._enhanced(data, position, length)
            elif kind == _INTERFACE:
                self._interface(data, position, length)
            elif kind == _SIMPLE_PACKET:
                self._simple(data, position, length)
            elif kind == _OBSOLETE_PACKET:
                self._obsolete(data, position, length)
            position += length
        return position

    def _enhanced(self, data: bytes, position: int, length: int) -> None:
        if length < 32:
            self._faults["packets with impossible lengths"] += 1
            return
        number, high, low, captured, original = struct.unpack_from(self.order + "IIIII", data, position + 8)
        self._packet(number, (high << 32) | low, position + 28, captured, original, position + length - 4)

    def _obsolete(self, data: bytes, position: int, length: int) -> None:
        if length < 32:
            self._faults["packets with impossible lengths"] += 1
            return
        number, _, high, low, captured, original = struct.unpack_from(self.order + "HHIIII", data, position + 8)
        self._packet(number, (high << 32) | low, position + 28, captured, original, position + length - 4)

    def _simple(self, data: bytes, position: int, length: int) -> None:
        """Such a packet has no time: it gets that of the packet before it."""
        if length < 16 or not self.interfaces:
            self._faults["packets with impossible lengths"] += 1
            return
        (original,) = struct.unpack_from(self.order + "I", data, position + 8)
        snap = self.interfaces[0].snap
        captured = min(original, snap or original, length - 16)
        self._faults["packets without a time"] += 1
        time = self.rows[-1][3] if self.rows else 0
        self.rows.append((position + 12, captured, original, time, self.interfaces[0].link))

    def _packet(self, number: int, units: int, start: int, captured: int, original: int, end: int) -> None:
        if number >= len(self.interfaces) or start + captured > end:
            self._faults["packets with impossible lengths"] += 1
            return
        interface = self.interfaces[number]
        time = interface.offset * 1_000_000_000 + units * 1_000_000_000 // interface.units
        if not 0 <= time <= _LATEST:
            self._faults["packets with impossible times"] += 1
            return
        self.rows.append((start, captured, original, time, interface.link))

    def _interface(self, data: bytes, position: int, length: int) -> None:
        if length < 20 or len(self.interfaces) >= MAX_INTERFACES:
            self.broken = "a description of an interface is cut off, or there are too many"
            return
        link, _, snap = struct.unpack_from(self.order + "HHI", data, position + 8)
        units, offset = 1_000_000, 0
        at, end = position + 16, position + length - 4
        while at + 4 <= end:
            code, size = struct.unpack_from(self.order + "HH", data, at)
            value = data[at + 4 : min(at + 4 + size, end)]
            if code == _TIME_UNIT and len(value) == 1:
                units = (2 if value[0] & 0x80 else 10) ** (value[0] & 0x7F)
            elif code == _TIME_OFFSET and len(value) == 8:
                (offset,) = struct.unpack(self.order + "q", value)
            elif code == 0:
                break
            at += 4 + size + -size % 4
        self.interfaces.append(Interface(link, snap, units, offset))
