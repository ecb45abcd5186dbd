"""Packets in, runs out: a run is a stretch of one connection's packets that nothing can divide.

Within a run no packet opens, closes or resets the connection and no pause is longer than ``PAUSE``, so sums and first
occurrences are all that the connection's state needs of it. They are made for all runs of a block at once.
"""

from __future__ import annotations

import secrets
import socket
import struct
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from falselight.readers.pcap.headers import FIN, RST, SYN, TCP, Bits, Packets, Whole

PAUSE = 3_000_000_000
_CONTROL = SYN | FIN | RST
_NEVER = np.iinfo(np.int64).max
_Words = npt.NDArray[np.uint64]
# Odd numbers by which words are mixed; unknown to whoever made the packets, so that they cannot aim at one bucket.
_FACTORS = np.array([secrets.randbits(64) | 1 for _ in range(6)], np.uint64)


class Run(NamedTuple):
    """One run: its packets are ``begin``..``end`` of the sorted columns, seen from ``first`` to ``last``. Pairs are the lower
    end's and the higher end's. ``order`` has the first rows of packets without payload, of the lower end and of the
    higher, and with payload (a huge number: none). ``flags`` are all of the run's; ``lower`` tells who sent the first."""

    begin: int
    end: int
    first: int
    last: int
    packets: tuple[int, int]
    bytes: tuple[int, int]
    payload: tuple[int, int]
    order: tuple[int, int, int, int]
    flags: int
    lower: bool


@dataclass(frozen=True)
class Sorted:
    """A block's packets, connection by connection and in order of time within each. ``starts`` are the rows where a
    connection's packets begin; ``groups`` are their numbers by the first packet in the block, ``keys`` the ``KEY_BYTES``
    that tell each from others; ``lower`` tells that the sender is the lower end."""

    order: Whole
    starts: Whole
    groups: list[int]
    keys: list[bytes]
    lower: Bits


KEY_BYTES = 48
_WORDS, _SIX, _FOUR = struct.Struct("=6Q"), struct.Struct(">QQ"), struct.Struct(">I")


def ends_of(key: bytes) -> tuple[tuple[str, int], tuple[str, int], int]:
    """Address and port of the lower end and of the higher one, and the protocol."""
    high, far_high, low, far_low, ports, kind = _WORDS.unpack(key)
    six = kind >> 8 != 0
    return (_text(high, low, six), ports >> 16), (_text(far_high, far_low, six), ports & 0xFFFF), kind & 0xFF


def _text(high: int, low: int, six: bool) -> str:
    if six:
        return socket.inet_ntop(socket.AF_INET6, _SIX.pack(high, low))
    return socket.inet_ntop(socket.AF_INET, _FOUR.pack(low))


def arrange(packets: Packets) -> Sorted:
    """Packets of the same ends, ports and protocol stand together."""
    lower = _is_lower(packets)
    keys = _keys(packets, lower)
    mixed = np.zeros(len(packets), np.uint64)
    with np.errstate(over="ignore"):
        for key, factor in zip(keys, _FACTORS, strict=True):
            mixed = (mixed ^ (mixed >> np.uint64(29)) ^ key) * factor
    order = np.argsort(mixed, kind="stable")
    same = _same_as_before([key[order] for key in keys])
    if np.any((mixed[order][1:] == mixed[order][:-1]) & ~same[1:]):
        order = np.lexsort((np.arange(len(packets)), *keys))
        same = _same_as_before([key[order] for key in keys])
    starts = np.flatnonzero(~same)
    groups = np.argsort(order[starts], kind="stable").tolist()
    raw = np.stack([key[order[starts]] for key in keys], axis=1).tobytes()
    told = [raw[at : at + KEY_BYTES] for at in range(0, len(raw), KEY_BYTES)]
    return Sorted(order, starts, groups, told, lower[order])


def _is_lower(packets: Packets) -> Bits:
    equal = np.ones(len(packets), np.bool_)
    lower = np.zeros(len(packets), np.bool_)
    for one, other in (
        (packets.source[0], packets.destination[0]),
        (packets.source[1], packets.destination[1]),
        (packets.source_port, packets.destination_port),
    ):
        lower |= equal & (one < other)
        equal &= one == other
    return lower | equal


def _keys(packets: Packets, lower: Bits) -> list[_Words]:
    (high, low), (far_high, far_low) = packets.source, packets.destination
    pairs = ((high, far_high), (far_high, high), (low, far_low), (far_low, low))
    ends = [np.where(lower, one, other) for one, other in pairs]
    ports = [packets.source_port.astype(np.uint64), packets.destination_port.astype(np.uint64)]
    both = (np.where(lower, ports[0], ports[1]) << np.uint64(16)) | np.where(lower, ports[1], ports[0])
    kind = packets.protocol.astype(np.uint64) | (packets.six.astype(np.uint64) << np.uint64(8))
    return [*ends, both, kind]


def _same_as_before(keys: list[_Words]) -> Bits:
    same = np.ones(len(keys[0]), np.bool_)
    same[:1] = False
    for key in keys:
        same[1:] &= key[1:] == key[:-1]
    return same


def divide(packets: Packets, arranged: Sorted) -> tuple[list[Run], list[int]]:
    """All runs in the order of ``arranged.starts``, and for each group its first run (with the number of runs behind)."""
    order, lower = arranged.order, arranged.lower
    count = len(order)
    time, payload, size = packets.time[order], packets.payload[order], packets.size[order]
    control = (packets.flags[order] & _CONTROL).astype(np.bool_) & (packets.protocol[order] == TCP)
    breaks = control.copy()
    breaks[1:] |= control[:-1] | (np.diff(time) > PAUSE) | (np.diff(time) < 0)
    breaks[arranged.starts] = True
    begins = np.flatnonzero(breaks)
    ends = np.append(begins[1:], count)
    rows = np.arange(count)
    own, full = lower.astype(np.int64), payload > 0
    sums = [np.add.reduceat(values, begins) for values in (own, size, size * own, payload, payload * own)]
    firsts = [
        np.minimum.reduceat(np.where(chosen, rows, _NEVER), begins)
        for chosen in (lower & ~full, ~lower & ~full, lower & full, ~lower & full)
    ]
    flags = np.bitwise_or.reduceat(packets.flags[order], begins)
    first, last = np.minimum.reduceat(time, begins), np.maximum.reduceat(time, begins)
    columns = [each.tolist() for each in (begins, ends, first, last, *sums, *firsts, flags, lower[begins])]
    runs = [
        Run(begin, end, early, late, (mine, end - begin - mine), (sent, whole - sent), (carried, load - carried),
            (a, b, c, d), flag, low)
        for begin, end, early, late, mine, whole, sent, load, carried, a, b, c, d, flag, low in zip(*columns, strict=True)
    ]  # fmt: skip
    return runs, [*np.searchsorted(begins, arranged.starts).tolist(), len(runs)]
