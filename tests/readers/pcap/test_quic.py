"""QUIC's Initial packets: the keys of RFC 9001's example, and hellos over several datagrams, in any order."""

from __future__ import annotations

import random
import struct

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from readers.pcap.captures import (
    CLIENT,
    MILLISECOND,
    SERVER,
    START,
    Packet,
    ethernet,
    extension,
    handshake,
    hello_body,
    numbers,
    pcap,
    server_hello_body,
    udp,
)  # fmt: skip
from readers.pcap.reading import events, of

from falselight.readers.pcap import quic

ID = bytes.fromhex("8394c8f03e515708")


def test_keys_of_the_standard() -> None:
    client = quic.keys(1, ID, "client in")
    assert client.key.hex() == "1f369613dd76d5467730efcbe3b1a22d"
    assert client.iv.hex() == "fa044b2f42a3fd3b46fb255c" and client.header.hex() == "9f50449e04a0e810283a1e9933adedd2"


def packet(version: int, label: str, number: int, frames: bytes, destination: bytes = ID) -> bytes:
    """One protected Initial packet, padded as a client pads."""
    secrets = quic.keys(version, ID, label)
    frames = frames.ljust(1100, b"\0")
    kind = {1: 0xC1, 0x6B3343CF: 0xD1}[version]
    written = number.to_bytes(2, "big")
    head = bytes([kind]) + struct.pack(">IB", version, len(destination)) + destination + b"\x00\x00"
    head += struct.pack(">H", 0x4000 | (len(frames) + 16 + 2)) + written
    nonce = bytes(one ^ other for one, other in zip(secrets.iv, written.rjust(12, b"\0"), strict=True))
    body = AESGCM(secrets.key).encrypt(nonce, frames, head)
    mask = Cipher(algorithms.AES(secrets.header), modes.ECB()).encryptor().update(body[2:18])
    shown = (
        bytes([head[0] ^ (mask[0] & 15)]) + head[1:-2] + bytes(a ^ b for a, b in zip(written, mask[1:3], strict=True))
    )
    return shown + body


def frame(offset: int, data: bytes) -> bytes:
    return b"\x06" + struct.pack(">HH", 0x4000 | offset, 0x4000 | len(data)) + data


def hello() -> bytes:
    listed = [extension(43, b"\x02\x03\x04"), extension(10, numbers([29])), extension(0x39, bytes(900))]
    return handshake(1, hello_body("quic.example", [0x1301, 0x1302], listed))


def capture(version: int, *, turned: bool = False) -> list[Packet]:
    whole = hello()
    parts = [
        packet(version, "client in", 0, frame(0, whole[:500])),
        packet(version, "client in", 1, b"\x01" + frame(500, whole[500:])),
    ]
    server = handshake(
        2, server_hello_body(0x1301, [extension(43, b"\x03\x04"), extension(51, b"\0\x1d\0\x20" + bytes(32))])
    )
    answer = packet(version, "server in", 0, b"\x02\x01\x00\x00\x01" + frame(0, server), b"")
    frames = [udp(CLIENT, 50000, SERVER, 443, part) for part in (parts[::-1] if turned else parts)]
    frames += [udp(SERVER, 443, CLIENT, 50000, answer), udp(CLIENT, 50000, SERVER, 443, b"\x40" + bytes(60))]
    return [(START + at * MILLISECOND, ethernet(each)) for at, each in enumerate(frames)]


@pytest.mark.parametrize("version", [1, 0x6B3343CF])
@pytest.mark.parametrize("turned", [False, True])
def test_hellos(version: int, turned: bool) -> None:
    found = events(pcap(capture(version, turned=turned)))
    (row,), (connection,) = of(found, "ssl"), of(found, "conn")
    assert row["tls.client.server_name"] == "quic.example" and row["tls.client.ja4"].startswith("q13d0204")
    assert row["network.transport"] == "udp" and row["tls.established"] is True
    assert (row["tls.version"], row["tls.cipher"], row["tls.curve"]) == ("1.3", "TLS_AES_128_GCM_SHA256", "x25519")
    assert connection["network.protocol"] == "quic,ssl" and connection["zeek.session_id"] == row["zeek.session_id"]


def test_damage_is_survived() -> None:
    chance = random.Random(5)
    for _ in range(60):
        packets = []
        for time, made in capture(1):
            changed = bytearray(made)
            for _ in range(chance.randrange(3)):
                changed[chance.randrange(42, len(changed))] = chance.randrange(256)
            packets.append((time, bytes(changed)))
        found = events(pcap(packets))
        assert of(found, "conn") and len(of(found, "ssl")) <= 1
    with pytest.raises(quic.Malformed):
        quic.crypto(b"\x06\x40")
