"""Connections as Zeek's conn.log has them: who opened, how it ended, how much each way, and when one ends and the next begins."""

from __future__ import annotations

import random

import pytest
from readers.pcap.captures import (
    ACK,
    CLIENT,
    FIN,
    MILLISECOND,
    PSH,
    RST,
    SECOND,
    SERVER,
    START,
    SYN,
    Packet,
    Talk,
    ethernet,
    ip,
    pcap,
    tcp,
    udp,
)  # fmt: skip
from readers.pcap.reading import events, of

from falselight.readers.pcap import framing

# Histories and states as real logs of Zeek have them together.
STATES = {
    "SF": [(0, SYN), (1, SYN | ACK), (0, ACK), (0, FIN | ACK), (1, FIN | ACK), (0, ACK)],
    "S0": [(0, SYN)],
    "S1": [(0, SYN), (1, SYN | ACK), (0, ACK)],
    "S2": [(0, SYN), (1, SYN | ACK), (0, ACK), (0, FIN | ACK)],
    "S3": [(0, SYN), (1, SYN | ACK), (0, ACK), (1, FIN | ACK)],
    "REJ": [(0, SYN), (1, RST | ACK)],
    "RSTO": [(0, SYN), (1, SYN | ACK), (0, RST)],
    "RSTR": [(0, SYN), (1, SYN | ACK), (0, ACK), (1, RST)],
    "RSTOS0": [(0, SYN), (0, RST)],
    "RSTRH": [(1, SYN | ACK), (1, RST)],
    "SH": [(0, SYN), (0, FIN)],
    "SHR": [(1, SYN | ACK), (1, FIN)],
    "OTH": [(0, ACK), (1, ACK)],
}
HISTORIES = {
    "ShAFfR": "SF", "ShAFRf": "SF", "ShAfrF": "SF", "ShAFR": "RSTO", "ShAfR": "RSTO", "ShAFr": "RSTR", "ShAfr": "RSTR",
    "Sf": "S3", "SFR": "RSTOS0", "ShAfF": "SF", "^h": "OTH", "^hFf": "SF", "F": "SH",
}  # fmt: skip
FLAGS = {"s": SYN, "h": SYN | ACK, "a": ACK, "d": PSH | ACK, "f": FIN | ACK, "r": RST}


def conn(*packets: Packet) -> dict[str, object]:
    (found,) = of(events(pcap(list(packets))), "conn")
    return found


@pytest.mark.parametrize("state", STATES)
def test_states(state: str) -> None:
    talk = Talk()
    for who, flags in STATES[state]:
        talk.send(who, flags)
    found = conn(*talk.packets)
    assert found["zeek.connection.state"] == state
    assert (found["source.ip"], found["destination.ip"]) == (CLIENT, SERVER)


@pytest.mark.parametrize("history", HISTORIES)
def test_histories(history: str) -> None:
    talk = Talk()
    for letter in history.lstrip("^"):
        talk.send(0 if letter.isupper() else 1, FLAGS[letter.lower()])
    found = conn(*talk.packets)
    assert (found["zeek.connection.history"], found["zeek.connection.state"]) == (history, HISTORIES[history])


def test_an_ordinary_connection() -> None:
    talk = Talk(dport=9999).open().say(0, b"q" * 100).say(1, b"r" * 3000).send(0, ACK).close()
    found = conn(*talk.packets)
    assert found["_time"] == START
    assert found["event.module"] == "pcap" and found["event.dataset"] == "pcap.conn"
    assert found["zeek.connection.history"] == "ShADdFf"
    assert found["network.transport"] == "tcp" and found["event.type"] == ["connection", "start", "end"]
    assert (found["source.packets"], found["destination.packets"]) == (6, 5)
    assert (found["source.bytes"], found["destination.bytes"]) == (6 * 40 + 100, 5 * 40 + 3000)
    assert found["event.duration"] == 10 * MILLISECOND
    assert str(found["zeek.session_id"]).startswith("C") and found["network.community_id"]


def test_the_server_is_told_by_its_port_where_the_opening_is_missing() -> None:
    talk = Talk(dport=443).send(1, PSH | ACK, b"x").send(0, ACK)
    found = conn(*talk.packets)
    assert found["source.ip"] == CLIENT and found["zeek.connection.history"] == "^dA"
    answer = conn((START, ethernet(udp("203.0.113.53", 53, CLIENT, 5000, b"x" * 20))))
    assert answer["source.ip"] == CLIENT and answer["zeek.connection.state"] == "SHR"


def test_datagrams() -> None:
    there, back = udp(CLIENT, 5000, SERVER, 6000, b"one"), udp(SERVER, 6000, CLIENT, 5000, b"two!")
    found = conn((START, ethernet(there)), (START + SECOND, ethernet(back)))
    assert (found["zeek.connection.state"], found["zeek.connection.history"]) == ("SF", "Dd")
    assert (found["source.bytes"], found["destination.bytes"]) == (31, 32)
    assert "event.duration" not in conn((START, ethernet(there)))


def test_icmp_has_type_and_code() -> None:
    there = ip(CLIENT, SERVER, 1, b"\x08\0" + bytes(6))
    back = ip(SERVER, CLIENT, 1, b"\0\0" + bytes(6))
    found = conn((START, ethernet(there)), (START + 1, ethernet(back)))
    assert (found["zeek.connection.icmp.type"], found["zeek.connection.icmp.code"]) == (8, 0)
    assert (found["source.packets"], found["destination.packets"]) == (1, 1)
    six = conn((START, ethernet(ip("2001:db8::1", "2001:db8::2", 58, b"\x80\0" + bytes(6)))))
    assert (six["network.transport"], six["zeek.connection.icmp.type"]) == ("icmp", 128)


@pytest.mark.parametrize(("pause", "number"), [(59 * SECOND, 1), (61 * SECOND, 2)])
def test_datagrams_after_a_minute_are_another_connection(pause: int, number: int) -> None:
    frame = ethernet(udp(CLIENT, 5000, SERVER, 6000, b"x"))
    found = of(events(pcap([(START, frame), (START + pause, frame)])), "conn")
    assert len(found) == number and len({row["zeek.session_id"] for row in found}) == number


@pytest.mark.parametrize(("pause", "number"), [(299 * SECOND, 1), (301 * SECOND, 2)])
def test_segments_after_five_minutes_are_another_connection(pause: int, number: int) -> None:
    talk = Talk(dport=9999).open().say(0, b"x")
    talk.time += pause
    found = of(events(pcap(talk.say(0, b"y").packets)), "conn")
    assert len(found) == number


def test_an_attempt_without_answer_ends_after_five_seconds() -> None:
    talk = Talk()
    for pause in (1, 2, 4, 8):
        talk.send(0, SYN, sequence=1000)
        talk.time += pause * SECOND
    found = of(events(pcap(talk.packets)), "conn")
    assert [row["source.packets"] for row in found] == [3, 1]
    assert {row["zeek.connection.state"] for row in found} == {"S0"}


def test_a_port_that_is_used_again_is_another_connection() -> None:
    first = Talk(dport=9999).open().say(0, b"one").close()
    second = Talk(dport=9999, time=first.time + MILLISECOND, sequences=[5000, 6000]).open().say(0, b"two!").close()
    found = of(events(pcap(first.packets + second.packets)), "conn")
    assert [row["zeek.connection.state"] for row in found] == ["SF", "SF"]
    assert [row["source.bytes"] for row in found] == [5 * 40 + 3, 5 * 40 + 4]


def test_fragments_behind_the_first_are_passed_over() -> None:
    first = ip(CLIENT, SERVER, 17, udp(CLIENT, 5000, SERVER, 6000, b"x" * 100)[20:], fragment=0x2000)
    later = ip(CLIENT, SERVER, 17, b"y" * 100, fragment=0x2000 | 13)
    found = of(events(pcap([(START, ethernet(first)), (START + 1, ethernet(later))])), "conn")
    assert [row["source.packets"] for row in found] == [1]


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events are the same however the file is cut into blocks, and however the packets of many connections are mixed."""
    chance = random.Random(4)
    packets: list[Packet] = []
    for number in range(60):
        talk = Talk(sport=40000 + number % 40, dport=chance.choice([80, 9999]), time=START + number * 10 * MILLISECOND)
        talk.open().say(0, b"q" * chance.randrange(1, 3000)).say(1, b"r" * chance.randrange(1, 9000))
        packets += (talk.close() if number % 3 else talk).packets
    packets.sort(key=lambda packet: packet[0])
    data = pcap(packets)

    def told() -> list[tuple[object, ...]]:
        names = ("_time", "source.port", "zeek.connection.state", "zeek.connection.history", "source.bytes",
                 "destination.bytes", "zeek.session_id")  # fmt: skip
        return sorted(tuple(row[name] for name in names) for row in of(events(data), "conn"))

    whole = told()
    for size in (1000, 7777, 50_000):
        monkeypatch.setattr(framing, "BLOCK_BYTES", size)
        assert told() == whole
    assert (
        sum(row[4] for row in whole)
        == sum(  # type: ignore[misc]
            len(frame) - 14 for _, frame in packets if frame[26:30] == bytes([10, 0, 0, 5])
        )
    )


def test_a_syn_flood_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from collections import Counter

    from falselight.readers.pcap import connections

    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 100)
    monkeypatch.setattr(framing, "BLOCK_BYTES", 5000)
    packets = [(START + n, ethernet(tcp(f"10.1.{n // 250}.{n % 250}", 4000, SERVER, 80, n, SYN))) for n in range(1000)]
    skipped: Counter[str] = Counter()
    found = of(events(pcap(packets), skipped=skipped), "conn")
    assert len(found) == 1000 and skipped["connections cut in two for lack of room"] > 0
