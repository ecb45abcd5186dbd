"""A block of packets in, the columns of their IP and transport headers out, all packets at once.

Links: Ethernet with VLAN tags, MPLS labels and PPPoE; Linux cooked v1 and v2; raw IP; null and loopback; PPP, Cisco HDLC.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from falselight.readers.pcap.framing import Block

Whole = npt.NDArray[np.int64]
Bits = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
FIN, SYN, RST, ACK = 1, 2, 4, 16
_IPV4, _IPV6 = 0x0800, 0x86DD
_TAGS = (0x8100, 0x88A8, 0x9100, 0x9200)
_LABELS = (0x8847, 0x8848)
_PPPOE = 0x8864
_MAX_TAGS, _MAX_EXTENSIONS = 8, 10
# Where the link's header ends, and where in it the type of what follows lies (None: the IP version tells).
_LINKS: dict[int, tuple[int, int | None]] = {
    1: (14, 12), 113: (16, 14), 276: (20, 0), 104: (4, 2), 9: (4, 2), 50: (4, 2),
    0: (4, None), 108: (4, None), 12: (0, None), 14: (0, None), 101: (0, None), 228: (0, None), 229: (0, None),
}  # fmt: skip
_PPP_TYPES = {0x0021: _IPV4, 0x0057: _IPV6}
_EXTENSIONS = (0, 43, 44, 51, 60)
# The longest stretch behind a packet that a header is looked for in: reading never leaves the padded block.
_PADDING = bytes(512)
# Message types that answer each other, ICMP and ICMPv6; others go one way (https://github.com/corelight/community-id-spec).
_ANSWERS = {8: 0, 0: 8, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17, 10: 9, 9: 10}
_ANSWERS6 = {128: 129, 129: 128, 130: 131, 131: 130, 133: 134, 134: 133, 135: 136, 136: 135, 139: 140, 140: 139,
             144: 145, 145: 144}  # fmt: skip


@dataclass(frozen=True)
class Packets:
    """One row for each packet with a transport header. Addresses are two halves of 128 bits, IPv4 in the lower half;
    ports of ICMP are type and code, or type and answering type. ``start`` and ``captured`` are of the payload that was
    captured, ``payload`` is how long it was on the wire; ``size`` is the IP packet's."""

    data: bytes
    time: Whole
    protocol: Bytes
    six: Bits
    source: tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]
    destination: tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]
    source_port: Whole
    destination_port: Whole
    flags: Bytes
    sequence: Whole
    acknowledged: Whole
    start: Whole
    captured: Whole
    payload: Whole
    size: Whole

    def __len__(self) -> int:
        return len(self.time)


class _Reader:
    """Reads numbers at many places of one block; places beyond a packet's end give what follows and must be masked."""

    def __init__(self, data: bytes) -> None:
        self._raw = np.frombuffer(data + _PADDING, np.uint8)

    def byte(self, at: Whole) -> Whole:
        return self._raw[at].astype(np.int64)

    def two(self, at: Whole) -> Whole:
        return (self.byte(at) << 8) | self.byte(at + 1)

    def four(self, at: Whole) -> Whole:
        return (self.two(at) << 16) | self.two(at + 2)

    def eight(self, at: Whole) -> npt.NDArray[np.uint64]:
        return (self.four(at).astype(np.uint64) << np.uint64(32)) | self.four(at + 4).astype(np.uint64)


def decode(block: Block, skipped: Counter[str], passed: Counter[str]) -> Packets:
    """The block's packets as columns. What is damaged or of an unknown link is counted in ``skipped``, what tells nothing
    of a connection in ``passed``."""
    read = _Reader(block.data)
    end = block.starts + np.minimum(block.captured, np.maximum(block.lengths, 0))
    network, kind = _links(block, read, end, skipped)
    known = ((kind == _IPV4) & (network + 20 <= end)) | ((kind == _IPV6) & (network + 40 <= end))
    _count(passed, "packets that are not IP", ~known & (kind != _IPV4) & (kind != _IPV6) & (kind >= 0))
    _count(skipped, "packets cut off in their headers", ~known & ((kind == _IPV4) | (kind == _IPV6)))
    rows = np.flatnonzero(known)
    return _transport(block, read, rows, network[rows], end[rows], kind[rows] == _IPV6, skipped, passed)


def _count(skipped: Counter[str], reason: str, rows: Bits) -> None:
    if count := int(np.count_nonzero(rows)):
        skipped[reason] += count


def _links(block: Block, read: _Reader, end: Whole, skipped: Counter[str]) -> tuple[Whole, Whole]:
    """Where the network header starts, and of which Ethernet type it is (-1: of no link that is known here)."""
    network = block.starts.copy()
    kind = np.full(len(network), -1, np.int64)
    for link in np.unique(block.links).tolist():
        rows = np.flatnonzero(block.links == link)
        if link not in _LINKS:
            skipped[f"packets of link type {link}"] += len(rows)
            continue
        length, place = _LINKS[link]
        at = block.starts[rows]
        network[rows] = at + length
        found = _version(read, at + length) if place is None else read.two(at + place)
        if link in (9, 50):
            found = _ppp(found)
        kind[rows] = np.where(at + length < end[rows], found, 0)
    for _ in range(_MAX_TAGS):
        rows = np.flatnonzero(np.isin(kind, (*_TAGS, *_LABELS, _PPPOE)) & (network + 8 < end))
        if not len(rows):
            break
        at, found = network[rows], kind[rows]
        last = (read.byte(at + 2) & 1) == 1
        labelled = np.where(last, _version(read, at + 4), found)
        network[rows] = at + np.where(found == _PPPOE, 8, 4)
        kind[rows] = np.where(
            found == _PPPOE, _ppp(read.two(at + 6)), np.where(np.isin(found, _LABELS), labelled, read.two(at + 2))
        )
    return network, kind


def _version(read: _Reader, at: Whole) -> Whole:
    version = read.byte(at) >> 4
    return np.where(version == 4, _IPV4, np.where(version == 6, _IPV6, 0))


def _ppp(kinds: Whole) -> Whole:
    return np.where(kinds == 0x0021, _PPP_TYPES[0x0021], np.where(kinds == 0x0057, _PPP_TYPES[0x0057], 0))


def _transport(
    block: Block, read: _Reader, rows: Whole, network: Whole, end: Whole, six: Bits, skipped: Counter[str],
    passed: Counter[str],
) -> Packets:  # fmt: skip
    header = np.where(six, 40, (read.byte(network) & 15) * 4)
    size = np.where(six, read.two(network + 4) + 40, read.two(network + 2))
    # A length of 0 is what the network card was left to fill in (segmentation offload), or a jumbogram.
    whole = block.starts[rows] + block.lengths[rows] - network
    size = np.where((size == 0) | (six & (size == 40)), whole, size)
    protocol = np.where(six, read.byte(network + 6), read.byte(network + 9))
    part = np.where(six, 0, read.two(network + 6) & 0x1FFF)
    header, protocol, part = _extensions(read, network, end, six, header, protocol, part)
    start = network + header
    good = (read.byte(network) >> 4 == np.where(six, 6, 4)) & (header >= 20) & (size >= header)
    _count(skipped, "packets with impossible lengths", ~good)
    _count(passed, "fragments behind the first", good & (part > 0))
    carries = np.isin(protocol, (TCP, UDP)) | ((protocol == ICMP) & ~six) | ((protocol == ICMP6) & six)
    _count(passed, "packets of other protocols than TCP, UDP and ICMP", good & (part == 0) & ~carries)
    least = np.where(protocol == TCP, 20, np.where(protocol == UDP, 8, 4))
    complete = start + least <= end
    _count(skipped, "packets cut off in their headers", good & (part == 0) & carries & ~complete)
    length = np.where(
        protocol == TCP, (read.byte(np.minimum(start + 12, end)) >> 4) * 4, np.where(protocol == UDP, 8, 4)
    )
    proper = (length >= least) & (network + size >= start + length)
    _count(skipped, "packets with impossible lengths", good & (part == 0) & carries & complete & ~proper)
    kept = np.flatnonzero(good & (part == 0) & carries & complete & proper)
    return _columns(block, read, rows[kept], network[kept], start[kept], length[kept], size[kept], end[kept],
                    six[kept], protocol[kept])  # fmt: skip


def _extensions(
    read: _Reader, network: Whole, end: Whole, six: Bits, header: Whole, protocol: Whole, part: Whole
) -> tuple[Whole, Whole, Whole]:
    """Passes over IPv6's extension headers."""
    for _ in range(_MAX_EXTENSIONS):
        rows = np.flatnonzero(six & np.isin(protocol, _EXTENSIONS) & (network + header + 8 <= end))
        if not len(rows):
            break
        at, kind = network[rows] + header[rows], protocol[rows]
        units = read.byte(at + 1)
        part[rows] = np.where(kind == 44, read.two(at + 2) >> 3, part[rows])
        header[rows] += np.where(kind == 44, 8, np.where(kind == 51, (units + 2) * 4, (units + 1) * 8))
        # What follows in a later fragment is no header.
        protocol[rows] = np.where((kind == 44) & (part[rows] > 0), 255, read.byte(at))
    return header, protocol, part


def _columns(
    block: Block, read: _Reader, rows: Whole, network: Whole, start: Whole, length: Whole, size: Whole, end: Whole,
    six: Bits, protocol: Whole,
) -> Packets:  # fmt: skip
    tcp = protocol == TCP
    one, other = read.two(start), read.two(start + 2)
    messages = (protocol == ICMP) | (protocol == ICMP6)
    if messages.any():
        one, other = _message_ports(read, start, messages, six, one, other)
    payload = network + size - start - length
    begin = start + length
    nothing = np.zeros(len(rows), np.uint64)
    return Packets(
        block.data,
        block.times[rows],
        protocol.astype(np.uint8),
        six,
        (np.where(six, read.eight(network + 8), nothing), _low(read, network, six, 16, 12)),
        (np.where(six, read.eight(network + 24), nothing), _low(read, network, six, 32, 16)),
        one,
        other,
        np.where(tcp, read.byte(np.minimum(start + 13, end)), 0).astype(np.uint8),
        np.where(tcp, read.four(np.minimum(start + 4, end)), 0),
        np.where(tcp, read.four(np.minimum(start + 8, end)), 0),
        begin,
        np.clip(end - begin, 0, payload),
        payload,
        size,
    )


def _low(read: _Reader, network: Whole, six: Bits, at_six: int, at_four: int) -> npt.NDArray[np.uint64]:
    return np.where(six, read.eight(network + at_six), read.four(network + at_four).astype(np.uint64))


def _message_ports(
    read: _Reader, start: Whole, messages: Bits, six: Bits, one: Whole, other: Whole
) -> tuple[Whole, Whole]:
    kind, code = read.byte(start), read.byte(start + 1)
    answers = np.full((2, 256), -1, np.int64)
    for row, table in enumerate((_ANSWERS, _ANSWERS6)):
        answers[row, list(table)] = list(table.values())
    answer = answers[six.astype(np.int64), kind]
    return np.where(messages, kind, one), np.where(messages, np.where(answer < 0, code, answer), other)
