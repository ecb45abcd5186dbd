"""Makes small packet captures: packets from their parts, files from packets. Nothing here is taken from a real network."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from ipaddress import ip_address

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
CLIENT, SERVER = "10.0.0.5", "203.0.113.9"
START = 1_700_000_000_000_000_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000


def ip(source: str, destination: str, protocol: int, payload: bytes, *, fragment: int = 0, number: int = 1) -> bytes:
    """An IP packet, of the version that the addresses have. ``fragment`` is IPv4's field of flags and offset."""
    one, other = ip_address(source), ip_address(destination)
    if one.version == 6:
        return struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64) + one.packed + other.packed + payload
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), number, fragment, 64, protocol, 0)
    return head + one.packed + other.packed + payload


def tcp(
    source: str, sport: int, destination: str, dport: int, sequence: int, flags: int, payload: bytes = b"",
    acknowledged: int = 0,
) -> bytes:  # fmt: skip
    head = struct.pack(
        ">HHIIBBHHH", sport, dport, sequence & 0xFFFFFFFF, acknowledged & 0xFFFFFFFF, 5 << 4, flags, 65535, 0, 0
    )
    return ip(source, destination, 6, head + payload)


def udp(source: str, sport: int, destination: str, dport: int, payload: bytes) -> bytes:
    return ip(source, destination, 17, struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload)


def ethernet(packet: bytes, *tags: int) -> bytes:
    """The packet in a frame, behind VLAN tags."""
    kind = 0x86DD if packet[0] >> 4 == 6 else 0x0800
    kinds = [*(0x8100 for _ in tags), kind]
    frame = b"\x02\0\0\0\0\1\x02\0\0\0\0\2" + struct.pack(">H", kinds[0])
    for tag, following in zip(tags, kinds[1:], strict=True):
        frame += struct.pack(">HH", tag, following)
    return frame + packet


Packet = tuple[int, bytes]


def pcap(
    packets: list[Packet], *, link: int = 1, order: str = "<", nanoseconds: bool = False, snap: int = 262144
) -> bytes:
    """A pcap file of frames with their times in epoch nanoseconds."""
    unit = 1 if nanoseconds else 1000
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    whole = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snap, link)]
    for time, frame in packets:
        kept = frame[:snap]
        seconds, rest = divmod(time, SECOND)
        whole += [struct.pack(order + "IIII", seconds, rest // unit, len(kept), len(frame)), kept]
    return b"".join(whole)


def ng_block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    length = 12 + len(body)
    return struct.pack(order + "II", kind, length) + body + struct.pack(order + "I", length)


def ng_section(order: str = "<") -> bytes:
    return ng_block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def ng_interface(link: int, *, resolution: int | None = None, offset: int | None = None, order: str = "<") -> bytes:
    options = b""
    if resolution is not None:
        options += struct.pack(order + "HHB3x", 9, 1, resolution)
    if offset is not None:
        options += struct.pack(order + "HHq", 14, 8, offset)
    return ng_block(1, struct.pack(order + "HHI", link, 0, 0) + options + bytes(4), order)


def ng_packet(interface: int, units: int, frame: bytes, order: str = "<") -> bytes:
    head = struct.pack(order + "IIIII", interface, units >> 32, units & 0xFFFFFFFF, len(frame), len(frame))
    return ng_block(6, head + frame, order)


@dataclass
class Talk:
    """One TCP connection as its packets come, each a millisecond after the one before."""

    client: str = CLIENT
    sport: int = 40000
    server: str = SERVER
    dport: int = 80
    time: int = START
    packets: list[Packet] = field(default_factory=list)
    sequences: list[int] = field(default_factory=lambda: [1000, 9000])

    def send(self, who: int, flags: int, payload: bytes = b"", *, sequence: int | None = None) -> Talk:
        """A segment of the client (0) or the server (1); a given sequence number does not move the state."""
        ends = ((self.client, self.sport, self.server, self.dport), (self.server, self.dport, self.client, self.sport))
        at = self.sequences[who] if sequence is None else sequence
        segment = tcp(*ends[who], at, flags, payload, self.sequences[1 - who] if flags & ACK else 0)
        self.packets.append((self.time, ethernet(segment)))
        self.time += MILLISECOND
        if sequence is None:
            self.sequences[who] += len(payload) + (1 if flags & (SYN | FIN) else 0)
        return self

    def open(self) -> Talk:
        return self.send(0, SYN).send(1, SYN | ACK).send(0, ACK)

    def say(self, who: int, payload: bytes, size: int = 1400) -> Talk:
        for at in range(0, len(payload), size):
            self.send(who, PSH | ACK, payload[at : at + size])
        return self

    def close(self) -> Talk:
        return self.send(0, FIN | ACK).send(1, FIN | ACK).send(0, ACK)


def dns_name(name: str) -> bytes:
    labels = [label.encode("utf-8") for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def dns_query(number: int, name: str, kind: int = 1) -> bytes:
    return struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + dns_name(name) + struct.pack(">HH", kind, 1)


def dns_reply(number: int, name: str, answers: list[tuple[int, int, bytes]], *, kind: int = 1, code: int = 0) -> bytes:
    """A reply; each answer is type, seconds to live, and data, and points at the question's name."""
    head = struct.pack(">HHHHHH", number, 0x8180 | code, 1, len(answers), 0, 0)
    records = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", of, 1, ttl, len(data)) + data for of, ttl, data in answers)
    return head + dns_name(name) + struct.pack(">HH", kind, 1) + records


def extension(kind: int, content: bytes) -> bytes:
    return struct.pack(">HH", kind, len(content)) + content


def numbers(values: list[int]) -> bytes:
    return struct.pack(f">H{len(values)}H", 2 * len(values), *values)


def hello_body(name: str | None, ciphers: list[int], extensions: list[bytes], version: int = 0x0303) -> bytes:
    listed = list(extensions)
    if name is not None:
        host = name.encode("ascii")
        listed.insert(0, extension(0, struct.pack(">HBH", len(host) + 3, 0, len(host)) + host))
    whole = b"".join(listed)
    head = struct.pack(">H", version) + bytes(32) + b"\0" + numbers(ciphers) + b"\x01\0"
    return head + struct.pack(">H", len(whole)) + whole


def server_hello_body(cipher: int, extensions: list[bytes] | None = None, version: int = 0x0303) -> bytes:
    whole = b"".join(extensions or [])
    return struct.pack(">H", version) + b"\x11" * 32 + b"\0" + struct.pack(">HBH", cipher, 0, len(whole)) + whole


def handshake(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def record(kind: int, body: bytes, version: int = 0x0303) -> bytes:
    return struct.pack(">BHH", kind, version, len(body)) + body


def certificate_body(chain: list[bytes]) -> bytes:
    whole = b"".join(len(each).to_bytes(3, "big") + each for each in chain)
    return len(whole).to_bytes(3, "big") + whole
