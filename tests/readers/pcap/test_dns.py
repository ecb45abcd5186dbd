"""DNS in datagrams and streams: queries with their replies, names that are hostile, and what only looks like DNS."""

from __future__ import annotations

import struct

import pytest
from readers.pcap.captures import (
    CLIENT,
    MILLISECOND,
    START,
    Packet,
    Talk,
    dns_name,
    dns_query,
    dns_reply,
    ethernet,
    pcap,
    udp,
)  # fmt: skip
from readers.pcap.reading import events, of

from falselight.readers.pcap import dns_messages

RESOLVER = "203.0.113.53"


def asked(*messages: tuple[bool, bytes], port: int = 53) -> list[Packet]:
    packets: list[Packet] = []
    for number, (reply, message) in enumerate(messages):
        ends = (RESOLVER, port, CLIENT, 5000) if reply else (CLIENT, 5000, RESOLVER, port)
        packets.append((START + number * MILLISECOND, ethernet(udp(*ends, message))))
    return packets


def test_a_query_with_its_reply() -> None:
    answers = [(5, 60, dns_name("Other.Example")), (1, 300, bytes([198, 51, 100, 7])), (28, 30, bytes(15) + b"\x01")]
    found = events(pcap(asked((False, dns_query(7, "Www.Example")), (True, dns_reply(7, "Www.Example", answers)))))
    (row,) = of(found, "dns")
    assert row["dns.question.name"] == "www.example" and row["dns.question.type"] == "A" and row["dns.id"] == "7"
    assert row["dns.answers.data"] == ["other.example", "198.51.100.7", "::1"]
    assert [each for each in row["dns.resolved_ip"] if each] == ["198.51.100.7", "::1"]
    assert row["dns.answers.ttl"] == [60, 300, 30]
    assert row["dns.response_code"] == "NOERROR" and row["event.outcome"] == "success"
    assert row["event.duration"] == MILLISECOND and row["_time"] == START
    assert row["network.transport"] == "udp" and row["source.ip"] == CLIENT
    (connection,) = of(found, "conn")
    assert connection["network.protocol"] == "dns" and connection["zeek.session_id"] == row["zeek.session_id"]


def test_replies_find_their_queries_by_number() -> None:
    messages = [(False, dns_query(n, f"n{n}.example")) for n in (1, 2, 3)]
    messages += [(True, dns_reply(n, f"n{n}.example", [], code=3)) for n in (3, 1)]
    rows = of(events(pcap(asked(*messages))), "dns")
    told = {row["dns.question.name"]: row.get("dns.response_code") for row in rows}
    assert told == {"n1.example": "NXDOMAIN", "n2.example": None, "n3.example": "NXDOMAIN"}


def test_a_reply_alone_is_an_event() -> None:
    (row,) = of(events(pcap(asked((True, dns_reply(9, "a.example", [(1, 5, bytes(4))]))))), "dns")
    assert row["dns.question.name"] == "a.example" and row["source.ip"] == CLIENT


def test_messages_in_a_stream() -> None:
    framed = [struct.pack(">H", len(each)) + each for each in (dns_query(1, "a.example"), dns_query(2, "b.example"))]
    reply = dns_reply(2, "b.example", [(1, 5, bytes([10, 0, 0, 1]))])
    talk = Talk(dport=53).open().say(0, b"".join(framed), size=7)
    talk.say(1, struct.pack(">H", len(reply)) + reply, size=11).close()
    found = events(pcap(talk.packets))
    rows = sorted(of(found, "dns"), key=lambda row: str(row["dns.question.name"]))
    assert [row["dns.question.name"] for row in rows] == ["a.example", "b.example"]
    assert rows[1]["dns.resolved_ip"] == ["10.0.0.1"] and rows[1]["network.transport"] == "tcp"
    assert of(found, "conn")[0]["network.protocol"] == "dns"


def test_dns_on_another_port_is_told_by_its_content() -> None:
    (row,) = of(events(pcap(asked((False, dns_query(7, "tunnel.example", 16)), port=9953))), "dns")
    assert row["dns.question.type"] == "TXT"
    assert of(events(pcap(asked((False, b"\x12\x34\x01\x00" + bytes(40)), port=9953))), "dns") == []


def test_texts_and_unknown_types() -> None:
    reply = dns_reply(1, "t.example", [(16, 1, b"\x03abc\x02de"), (10, 1, b"\xff\xfe"), (65, 1, b"\0\x01\0")], kind=16)
    (row,) = of(events(pcap(asked((True, reply)))), "dns")
    assert row["dns.answers.data"] == ["TXT 3 abc TXT 2 de", "<unknown type=10>", "<unknown type=65>"]


def test_bytes_that_are_no_text_stay_apart() -> None:
    query = struct.pack(">HHHHHH", 1, 0x0100, 1, 0, 0, 0) + b"\x04a\xe9\xffb\x03sea\0" + struct.pack(">HH", 10, 1)
    (row,) = of(events(pcap(asked((False, query)))), "dns")
    assert row["dns.question.name"] == "aéÿb.sea" and row["dns.question.type"] == "NULL"


def test_netbios_names_are_decoded() -> None:
    encoded = "".join(chr(65 + (byte >> 4)) + chr(65 + (byte & 15)) for byte in b"WORKGROUP".ljust(15) + b"\x1c")
    packet = udp(CLIENT, 137, "10.0.0.255", 137, dns_query(1, encoded, 32))
    (row,) = of(events(pcap([(START, ethernet(packet))])), "dns")
    assert row["dns.question.name"] == "WORKGROUP" and row["dns.question.type"] == "NB"


@pytest.mark.parametrize(
    "hostile",
    [
        b"\xc0\x0c",
        b"\xc0\x0e\xc0\x0c",
        b"\x3f" + b"a" * 20,
        b"\x3fa" * 200,
        b"\x40abc\0",
        b"\xc0",
        b"\xff\xff\0",
        (b"\x3f" + b"a" * 63) * 5 + b"\0",
    ],
)
def test_hostile_names_are_refused(hostile: bytes) -> None:
    with pytest.raises(dns_messages.Malformed):
        dns_messages.name(bytes(12) + hostile, 12)


def test_giant_counts_and_long_chains_of_pointers_end() -> None:
    chain = b"".join(struct.pack(">H", 0xC000 | at) for at in range(12, 12 + 2000, 2))
    with pytest.raises(dns_messages.Malformed):
        dns_messages.name(bytes(10) + b"\0\0" + chain, 12 + 1998)
    message = dns_messages.parse(
        struct.pack(">HHHHHH", 1, 0x8180, 1, 65535, 65535, 65535) + b"\0" + struct.pack(">HH", 1, 1)
    )
    assert message.answers == [] and message.query == "."
    empty = struct.pack(">HHHHHH", 1, 0x8180, 0, 65535, 0, 0) + (b"\0" + struct.pack(">HHIH", 16, 1, 0, 0)) * 5000
    assert len(dns_messages.parse(empty).answers) == dns_messages.MAX_ANSWERS
