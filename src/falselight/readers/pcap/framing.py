"""A capture file in, blocks of packets out: where each packet's bytes lie, when it was seen, on what kind of link.

Formats: pcap in both byte orders, micro- and nanoseconds, and with the longer record headers of Kuznetzov's patch
(https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-05.html); pcapng with several sections and interfaces
(https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html). The lengths of records are a chain, so the offsets are
found one by one; everything else is read from all records at once.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from falselight.readers import DAMAGED, Report, fault
from falselight.readers.pcap.sections import Section
from falselight.readers.pcap.signs import PCAP_MAGICS, SECTION_MAGIC

BLOCK_BYTES = 8 << 20
# libpcap's own limit is 256 KiB (MAXIMUM_SNAPLEN); USB and D-Bus captures alone go beyond.
MAX_PACKET_BYTES = 1 << 20
_RECORD = 16
LOST_BYTES = "bytes of a damaged capture"
_FAR_SECONDS = 30 * 86_400
_SEARCHED_BYTES = 1 << 18
MAX_PLACES = 20

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """Packets that follow each other: ``data`` holds their bytes from ``starts`` on, ``captured`` of ``lengths`` bytes
    each; ``times`` are epoch nanoseconds, ``links`` are LINKTYPE numbers."""

    data: bytes
    starts: Whole
    captured: Whole
    lengths: Whole
    times: Whole
    links: Whole


@dataclass
class Framing:
    """Reads one capture. Damage is reported for the first ``MAX_PLACES`` places; ``skipped`` counts what could not be used."""

    path: str
    label: str
    report: Report
    skipped: Counter[str]
    _places: int = 0

    def blocks(self, stream: BinaryIO) -> Iterator[Block]:
        """The capture's packets in order."""
        head = stream.read(4)
        if head == SECTION_MAGIC:
            yield from self._ng(stream, head)
        elif head in PCAP_MAGICS:
            yield from self._plain(stream, head)

    def _plain(self, stream: BinaryIO, magic: bytes) -> Iterator[Block]:
        order, scale, extra = PCAP_MAGICS[magic]
        header = stream.read(20)
        if len(header) < 20:
            self._damaged("its header is cut off")
            return
        link = int(struct.unpack(order + "I", header[16:])[0]) & 0xFFFF
        head = _RECORD + extra
        rest = b""
        near = 0
        lost = False
        while chunk := stream.read(BLOCK_BYTES):
            data = rest + chunk
            starts, position, bad = ([], 0, True) if lost else _chain(data, 0, order, head)
            while bad:
                near = _seconds(data, starts[-1] - head, order) if starts else near
                if not lost:
                    self._damaged("a packet's length cannot be right")
                found = _resume(data, position, order, head, near)
                lost = found is None
                end = len(data) if found is None else found
                self.skipped[LOST_BYTES] += end - position
                more, position, bad = _chain(data, end, order, head)
                starts += more
            rest = data[position:]
            if starts:
                near = _seconds(data, starts[-1] - head, order)
                yield _plain_block(data, np.array(starts, np.int64), order, scale, head, link)
        if rest:
            self._cut(len(rest))

    def _ng(self, stream: BinaryIO, magic: bytes) -> Iterator[Block]:
        section = Section()
        rest = magic
        while chunk := stream.read(BLOCK_BYTES):
            data = rest + chunk
            position = section.walk(data)
            for name, count in section.take_faults().items():
                self.skipped[name] += count
            if section.broken is not None:
                self._damaged(section.broken)
                self.skipped[LOST_BYTES] += len(data) - position
            if section.rows:
                yield _ng_block(data, section.take_rows())
            if section.broken is not None:
                return
            rest = data[position:]
        if rest:
            self._cut(len(rest))

    def _cut(self, count: int) -> None:
        self.skipped[LOST_BYTES] += count
        self._damaged("it ends within a packet")

    def _damaged(self, reason: str) -> None:
        self._places += 1
        if self._places > MAX_PLACES:
            self.skipped["further places of damage"] += 1
            return
        message = f"{self.label} is damaged ({reason}); what could be read besides is used"
        self.report(fault(DAMAGED, message, self.path))


def _chain(data: bytes, position: int, order: str, head: int) -> tuple[list[int], int, bool]:
    """Where the packets start from a record's header on, where the first header lies that is not followed by all of its
    packet, and whether its length is impossible."""
    unpack = struct.Struct(order + "I").unpack_from
    last, size = len(data) - head, len(data)
    starts: list[int] = []
    add = starts.append
    while position <= last:
        (length,) = unpack(data, position + 8)
        following = position + head + length
        if following > size:
            return starts, position, length > MAX_PACKET_BYTES
        if length > MAX_PACKET_BYTES:
            return starts, position, True
        add(position + head)
        position = following
    return starts, position, False


def _seconds(data: bytes, position: int, order: str) -> int:
    return int(struct.unpack_from(order + "I", data, position)[0])


def _resume(data: bytes, position: int, order: str, head: int, near: int) -> int | None:
    """The next place where two plausible record headers follow each other: times within a month of the last one, no
    more bytes captured than there were."""
    for start in range(position, len(data) - head, _SEARCHED_BYTES):
        raw = np.frombuffer(data[start : start + _SEARCHED_BYTES + _RECORD], np.uint8).astype(np.int64)
        places = len(raw) - _RECORD
        if places <= 0:
            return None
        seconds, fraction, captured, length = (_words(raw, field, places, order) for field in (0, 4, 8, 12))
        good = (captured <= length) & (length <= MAX_PACKET_BYTES) & (captured >= 14) & (fraction < 1_000_000_000)
        if near:
            good &= np.abs(seconds - near) <= _FAR_SECONDS
        whole = struct.Struct(order + "IIII").unpack_from
        for at in np.flatnonzero(good).tolist():
            following = start + at + head + int(captured[at])
            if following == len(data):
                return start + at
            if following + head > len(data):
                continue
            then, _, kept, size = whole(data, following)
            if kept <= size <= MAX_PACKET_BYTES and abs(then - int(seconds[at])) <= _FAR_SECONDS:
                return start + at
    return None


def _words(raw: Whole, field: int, places: int, order: str) -> Whole:
    """The numbers of four bytes that begin ``field`` bytes behind each place."""
    shifts = (0, 8, 16, 24) if order == "<" else (24, 16, 8, 0)
    found = np.zeros(places, np.int64)
    for at, shift in enumerate(shifts, field):
        found |= raw[at : at + places] << shift
    return found


def _plain_block(data: bytes, starts: Whole, order: str, scale: int, head: int, link: int) -> Block:
    raw = np.frombuffer(data, np.uint8)
    headers = raw[(starts - head)[:, None] + np.arange(_RECORD)]
    words = np.ascontiguousarray(headers).view(np.dtype(order + "u4")).astype(np.int64)
    times = words[:, 0] * 1_000_000_000 + words[:, 1] * scale
    return Block(data, starts, words[:, 2], words[:, 3], times, np.full(len(starts), link, np.int64))


def _ng_block(data: bytes, rows: list[tuple[int, int, int, int, int]]) -> Block:
    columns = np.array(rows, np.int64).T
    return Block(data, *(np.ascontiguousarray(column) for column in columns))
