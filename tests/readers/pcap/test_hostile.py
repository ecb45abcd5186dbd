"""Whatever bytes a capture holds, reading ends, nothing but diagnostics comes of damage, and memory stays bounded."""

from __future__ import annotations

import random
import struct
from collections import Counter
from collections.abc import Iterator

import pytest
from readers.pcap.captures import (
    CLIENT,
    MILLISECOND,
    SERVER,
    START,
    SYN,
    Packet,
    Talk,
    certificate_body,
    dns_query,
    dns_reply,
    ethernet,
    extension,
    handshake,
    hello_body,
    ip,
    ng_interface,
    ng_packet,
    ng_section,
    numbers,
    pcap,
    record,
    server_hello_body,
    udp,
)  # fmt: skip
from readers.pcap.reading import events

from falselight.diagnostics import Diagnostic
from falselight.readers.pcap import framing

NAME = "host.example"
REPLY = dns_reply(1, NAME, [(1, 9, bytes(4)), (16, 9, b"\x02ab")])
ORDINARY, NIGHTLY, AT_ONCE = 300, 10_000, 50


def seeds() -> list[bytes]:
    """Captures with everything that is read."""
    packets: list[Packet] = [
        (START, ethernet(udp(CLIENT, 5000, "203.0.113.53", 53, dns_query(1, NAME)))),
        (START + 1, ethernet(udp("203.0.113.53", 53, CLIENT, 5000, REPLY), 7)),
        (START + 2, ethernet(ip(CLIENT, SERVER, 1, b"\x08\0" + bytes(6)))),
        (START + 3, ethernet(udp("2001:db8::1", 5000, "2001:db8::2", 53, dns_query(2, NAME, 28)))),
    ]  # fmt: skip
    web = (
        Talk(time=START + 10)
        .open()
        .say(0, b"GET / HTTP/1.1\r\nHost: a\r\n\r\nPUT /b HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc")
    )
    web.say(
        1, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nHTTP/1.1 204 No\r\n\r\n", 20
    ).close()
    hello = hello_body(
        NAME,
        [0x1301, 0x2F],
        [extension(10, numbers([29])), extension(43, b"\x02\x03\x04"), extension(16, b"\0\x03\x02h2")],
    )
    tls = Talk(dport=443, time=START + 20).open().say(0, record(22, handshake(1, hello)))
    tls.say(
        1,
        record(22, handshake(2, server_hello_body(0x2F)) + handshake(11, certificate_body([b"\x30\x82" + bytes(40)]))),
    )
    tls.say(0, record(20, b"\x01") + record(22, bytes(9))).say(1, record(20, b"\x01") + record(22, bytes(9))).close()
    packets += web.packets + tls.packets
    packets.sort(key=lambda packet: packet[0])
    plain = pcap(packets)
    sections = ng_section() + ng_interface(1, resolution=9) + b"".join(ng_packet(0, *packet) for packet in packets)
    return [plain, pcap(packets, order=">", nanoseconds=True), sections]


def mutated(chance: random.Random, data: bytes) -> bytes:
    """One to eight changes: a bit, a byte, a number at its limits, a stretch taken out, doubled or moved, an early end."""
    found = bytearray(data)
    for _ in range(chance.randrange(1, 9)):
        at = chance.randrange(len(found))
        kind = chance.randrange(8)
        if kind == 0:
            found[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            found[at] = chance.randrange(256)
        elif kind == 2:
            found[at : at + 2] = struct.pack(">H", chance.choice([0, 1, 0x7FFF, 0xFFFF]))
        elif kind == 3:
            found[at : at + 4] = struct.pack(
                chance.choice("<>") + "I", chance.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 65536])
            )
        elif kind == 4:
            del found[at : at + chance.randrange(1, 60)]
        elif kind == 5:
            found[at:at] = found[at : at + chance.randrange(1, 60)]
        elif kind == 6:
            found[at:at] = chance.randbytes(chance.randrange(1, 30))
        else:
            del found[max(at, len(found) // 2) :]
        if not found:
            return b"\0"
    return bytes(found)


def cases(count: int, seed: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    kept = seeds()
    for _ in range(count):
        yield mutated(chance, chance.choice(kept))


def survives(data: bytes) -> None:
    reported: list[Diagnostic] = []
    skipped: Counter[str] = Counter()
    found = events(data, reported=reported, skipped=skipped)
    assert all(diagnostic.code in {"E0504", "N0520", "W0512"} for diagnostic in reported)
    assert len(reported) < 100 and all(count > 0 for count in skipped.values())
    assert [row["_record"] for row in found] == list(range(len(found)))
    assert len({row["zeek.session_id"] for row in found if row["event.dataset"] == "pcap.conn"}) > 0 or not found


def test_the_seeds_hold_everything() -> None:
    for data in seeds():
        kinds = Counter(row["event.dataset"] for row in events(data))
        assert kinds == {"pcap.conn": 5, "pcap.dns": 2, "pcap.http": 2, "pcap.ssl": 1, "pcap.x509": 1}


@pytest.mark.parametrize("part", range(ORDINARY // AT_ONCE))
def test_mutations(part: int) -> None:
    for data in cases(AT_ONCE, part):
        survives(data)


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(NIGHTLY // 500))
def test_many_mutations(part: int) -> None:
    for data in cases(500, 1000 + part):
        survives(data)


@pytest.mark.parametrize("size", [60, 100, 333])
def test_mutations_in_small_blocks(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "BLOCK_BYTES", size)
    for data in cases(10, 77 + size):
        survives(data)


def test_every_cut_is_survived() -> None:
    data = seeds()[0]
    for end in range(0, len(data), 41):
        survives(data[:end])


def test_noise_behind_a_header_is_no_endless_search() -> None:
    noise = random.Random(3).randbytes(300_000)
    reported: list[Diagnostic] = []
    events(pcap([]) + noise, reported=reported)
    assert [diagnostic.code for diagnostic in reported][:1] == ["E0504"]


def test_what_connections_hold_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Handshakes that never end, in many connections at once."""
    from falselight.readers.pcap import connections

    monkeypatch.setattr(connections, "MAX_BUFFERED_BYTES", 50_000)
    monkeypatch.setattr(connections, "SWEEP_BLOCKS", 1)
    monkeypatch.setattr(framing, "BLOCK_BYTES", 4096)
    part = record(22, b"\x01\x00\xff\xff" + bytes(1000))
    packets: list[Packet] = []
    for number in range(200):
        talk = Talk(sport=20000 + number, dport=443, time=START + number * MILLISECOND).send(0, SYN)
        packets += talk.say(0, part).packets
    skipped: Counter[str] = Counter()
    found = events(pcap(packets), skipped=skipped)
    assert len(found) == 200 and skipped["payloads given up for lack of room"] >= 140


def test_many_places_of_damage_are_told_once_in_a_while() -> None:
    """Each place is counted; only the first are told one by one."""
    frame = ethernet(udp(CLIENT, 5000, SERVER, 6000, bytes(50)))
    packets: list[Packet] = [(START + at, frame) for at in range(300)]
    data = bytearray(pcap(packets))
    step = 16 + len(frame)
    for at in range(24 + step, len(data) - 3 * step, 3 * step):
        data[at + 8 : at + 12] = b"\xff\xff\xff\x7f"
    reported: list[Diagnostic] = []
    skipped: Counter[str] = Counter()
    found = events(bytes(data), reported=reported, skipped=skipped)
    assert len(reported) == framing.MAX_PLACES and skipped["further places of damage"] == 99 - framing.MAX_PLACES
    assert sum(row["network.packets"] for row in found) == 300 - 99


def test_long_requests_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests without answers are told early when they hold too much."""
    from falselight.readers.pcap import connections

    monkeypatch.setattr(connections, "MAX_BUFFERED_BYTES", 100_000)
    monkeypatch.setattr(connections, "SWEEP_BLOCKS", 1)
    monkeypatch.setattr(framing, "BLOCK_BYTES", 20_000)
    request = b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n\r\n"
    skipped: Counter[str] = Counter()
    found = events(pcap(Talk().open().say(0, request * 60).packets), skipped=skipped)
    told = [row for row in found if row["event.dataset"] == "pcap.http"]
    assert 10 <= len(told) < 60 and skipped["payloads given up for lack of room"] == 1
