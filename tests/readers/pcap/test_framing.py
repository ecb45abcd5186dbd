"""Every way to write packets down gives the same events; what is damaged is told, and the rest is read."""

from __future__ import annotations

import struct
from collections import Counter

import pytest
from readers.pcap.captures import (
    CLIENT,
    SECOND,
    SERVER,
    START,
    Packet,
    Talk,
    dns_query,
    ethernet,
    ng_block,
    ng_interface,
    ng_packet,
    ng_section,
    pcap,
    tcp,
    udp,
)  # fmt: skip
from readers.pcap.reading import events, of

from falselight.diagnostics import Diagnostic
from falselight.readers.detect import Kind, detect

QUERY = udp(CLIENT, 5000, "203.0.113.53", 53, dns_query(7, "a.example"))
PACKET = ethernet(QUERY)
SIX = udp("2001:db8::5", 5000, "2001:db8::53", 53, dns_query(7, "a.example"))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("nanoseconds", [False, True])
def test_both_orders_and_units(order: str, nanoseconds: bool) -> None:
    data = pcap([(START + 123_456_000, PACKET)], order=order, nanoseconds=nanoseconds)
    assert detect(data) is Kind.PCAP
    found = events(data)
    assert [row["event.dataset"] for row in found] == ["pcap.dns", "pcap.conn"]
    assert all(row["_time"] == START + 123_456_000 for row in found)


LINKS = {
    "ethernet": (1, PACKET),
    "a tag": (1, ethernet(QUERY, 10)),
    "two tags": (1, ethernet(QUERY, 10, 20)),
    "ethernet, IPv6": (1, ethernet(SIX)),
    "MPLS": (1, PACKET[:12] + b"\x88\x47" + bytes.fromhex("0001003f 0002013f") + QUERY),
    "PPPoE": (1, PACKET[:12] + b"\x88\x64" + struct.pack(">BBHHH", 0x11, 0, 1, len(QUERY) + 2, 0x21) + QUERY),
    "cooked": (113, bytes(14) + b"\x08\0" + QUERY),
    "cooked, second form": (276, b"\x08\0" + bytes(18) + QUERY),
    "raw": (101, QUERY),
    "raw, IPv6": (101, SIX),
    "raw, as BSD numbers it": (12, QUERY),
    "IPv4": (228, QUERY),
    "IPv6": (229, SIX),
    "null": (0, struct.pack("<I", 2) + QUERY),
    "null, other order, IPv6": (0, struct.pack(">I", 30) + SIX),
    "loopback": (108, struct.pack(">I", 2) + QUERY),
    "PPP": (9, b"\xff\x03\0\x21" + QUERY),
    "Cisco HDLC": (104, b"\x0f\0\x08\0" + QUERY),
}


@pytest.mark.parametrize("link", LINKS)
def test_links(link: str) -> None:
    number, frame = LINKS[link]
    (query,) = of(events(pcap([(START, frame)], link=number)), "dns")
    assert query["dns.question.name"] == "a.example"
    assert query["source.ip"] in (CLIENT, "2001:db8::5") and query["source.port"] == 5000


def test_extension_headers_of_ipv6_are_passed_over() -> None:
    head, body = SIX[:40], SIX[40:]
    hop = bytes([60, 0]) + bytes(6)
    options = bytes([17, 1]) + bytes(14)
    packet = head[:4] + struct.pack(">H", len(body) + 24) + b"\0" + head[7:] + hop + options + body
    (query,) = of(events(pcap([(START, ethernet(packet))])), "dns")
    assert query["destination.ip"] == "2001:db8::53"


def test_an_unknown_link_is_counted() -> None:
    skipped: Counter[str] = Counter()
    assert events(pcap([(START, PACKET)], link=147), skipped=skipped) == []
    assert skipped == {"packets of link type 147": 1}


@pytest.mark.parametrize("order", "<>")
def test_pcapng_with_interfaces_of_several_kinds(order: str) -> None:
    data = b"".join([
        ng_section(order), ng_block(0xBAD, b"of no interest", order), ng_interface(101, order=order),
        ng_interface(1, resolution=9, order=order), ng_interface(1, resolution=0x80 | 10, offset=100, order=order),
        ng_packet(0, START // 1000, QUERY, order), ng_block(5, bytes(12), order),
        ng_packet(1, START + 1, PACKET, order), ng_packet(2, 1024 + 512, PACKET, order),
        ng_section(), ng_interface(1), ng_packet(0, START // 1000, PACKET),
    ])  # fmt: skip
    assert detect(data) is Kind.PCAP
    found = of(events(data), "dns")
    assert sorted(row["_time"] for row in found) == [101_500_000_000, START, START, START + 1]


def test_pcapng_faults_are_counted() -> None:
    reported: list[Diagnostic] = []
    skipped: Counter[str] = Counter()
    too_long = ng_block(6, struct.pack("<IIIII", 0, 0, 0, 5000, 5000) + bytes(20))
    data = ng_section() + ng_interface(1) + ng_packet(9, 1, PACKET) + too_long + ng_packet(0, START // 1000, PACKET)
    found = events(data + struct.pack("<III", 6, 13, 0), reported=reported, skipped=skipped)
    assert len(of(found, "dns")) == 1
    assert skipped == {"packets with impossible lengths": 2, "bytes of a damaged capture": 12}
    assert [diagnostic.code for diagnostic in reported] == ["E0504"]


def test_what_stands_before_a_cut_is_read() -> None:
    packets: list[Packet] = [(START + at * SECOND, PACKET) for at in range(3)]
    reported: list[Diagnostic] = []
    skipped: Counter[str] = Counter()
    found = events(pcap(packets)[:-5], reported=reported, skipped=skipped)
    assert len(of(found, "dns")) == 2
    assert [diagnostic.code for diagnostic in reported] == ["E0504"] and "within a packet" in reported[0].message
    assert skipped["bytes of a damaged capture"] == 16 + len(PACKET) - 5


def test_packets_behind_damage_are_found_again() -> None:
    packets: list[Packet] = [(START + at * SECOND, PACKET) for at in range(6)]
    data = bytearray(pcap(packets))
    at = 24 + 2 * (16 + len(PACKET))
    data[at : at + 16] = b"\xff" * 16
    reported: list[Diagnostic] = []
    found = events(bytes(data), reported=reported)
    assert len(of(found, "dns")) == 5
    assert [diagnostic.code for diagnostic in reported] == ["E0504"]


def test_what_tells_nothing_of_a_connection_is_noted_and_is_no_damage() -> None:
    arp = b"\xff" * 12 + b"\x08\x06" + bytes(28)
    igmp = ethernet(tcp(CLIENT, 1, SERVER, 2, 0, 0)[:9] + b"\x02" + tcp(CLIENT, 1, SERVER, 2, 0, 0)[10:])
    reported: list[Diagnostic] = []
    skipped: Counter[str] = Counter()
    assert events(pcap([(START, arp), (START, arp), (START, igmp)]), reported=reported, skipped=skipped) == []
    assert not skipped
    (note,) = reported
    assert (
        note.severity == "note" and "2 packets that are not IP" in note.message and "1 packets of other" in note.message
    )


def test_short_captures_of_packets_still_give_connections() -> None:
    talk = Talk().open().say(0, b"x" * 5000).say(1, b"y" * 9000).close()
    (whole,) = of(events(pcap(talk.packets)), "conn")
    (short,) = of(events(pcap(talk.packets, snap=60)), "conn")
    assert short["source.bytes"] == whole["source.bytes"] and short["zeek.connection.state"] == "SF"
    assert short["zeek.connection.history"] == whole["zeek.connection.history"]


def test_a_file_of_another_kind_is_not_taken() -> None:
    assert detect(b"\x0a\x0d\x0d\x0a not a capture") is not Kind.PCAP
    assert events(pcap([])) == []
