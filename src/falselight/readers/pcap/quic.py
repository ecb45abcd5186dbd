"""QUIC's Initial packets in, the TLS hellos inside out (RFC 9001, RFC 9369): their keys follow from what is sent in the clear.

Nothing behind the hellos can be read. What is kept of one direction is bounded.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from falselight.readers.pcap import fingerprints, tls_names
from falselight.readers.pcap.connection import Connection
from falselight.readers.pcap.dns_messages import text
from falselight.readers.pcap.handshakes import ClientHello, Cursor, Malformed, ServerHello, client_hello, server_hello

MAX_DATAGRAMS = 64
MAX_CRYPTO_BYTES = 32 << 10
# Version: salt, prefix of labels, and the two bits of an Initial packet.
_VERSIONS = {
    0x00000001: (bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a"), "quic", 0),
    0x6B3343CF: (bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9"), "quicv2", 1),
}
_PADDING, _PING, _ACK, _ACK_MARKS, _CRYPTO = 0, 1, 2, 3, 6
_CLIENT_HELLO, _SERVER_HELLO = 1, 2


@dataclass(frozen=True)
class Keys:
    """What protects one direction's Initial packets."""

    key: bytes
    iv: bytes
    header: bytes


def keys(version: int, connection_id: bytes, label: str) -> Keys:
    """The keys of ``client in`` or ``server in``, for the id that the client first sent to."""
    salt, prefix, _ = _VERSIONS[version]
    extract = HMAC(salt, hashes.SHA256())
    extract.update(connection_id)
    secret = _expand(extract.finalize(), label, 32)
    return Keys(*(_expand(secret, f"{prefix} {name}", size) for name, size in (("key", 16), ("iv", 12), ("hp", 16))))


def _expand(secret: bytes, label: str, size: int) -> bytes:
    whole = b"tls13 " + label.encode("ascii")
    return HKDFExpand(hashes.SHA256(), size, struct.pack(">HB", size, len(whole)) + whole + b"\0").derive(secret)


def looks_like(data: bytes) -> bool:
    """Whether a datagram begins with an Initial packet of a version that is known here."""
    if len(data) < 32 or data[0] & 0xC0 != 0xC0:
        return False
    version = int.from_bytes(data[1:5], "big")
    return version in _VERSIONS and (data[0] >> 4) & 3 == _VERSIONS[version][2] and data[5] <= 20


@dataclass(frozen=True)
class Initial:
    """One packet: ``head`` up to its number, which is ``at`` bytes in; ``end`` of the packet in the datagram."""

    version: int
    destination: bytes
    data: bytes
    at: int
    end: int

    def opened(self, with_keys: Keys) -> bytes:
        """What the packet carries. Raises ``InvalidTag`` for other keys, ``Malformed`` for too few bytes."""
        sample = self.data[self.at + 4 : self.at + 20]
        if len(sample) < 16 or self.end - self.at < 20:
            raise Malformed
        encryptor = Cipher(algorithms.AES(with_keys.header), modes.ECB()).encryptor()
        mask = encryptor.update(sample)
        first = self.data[0] ^ (mask[0] & 0x0F)
        size = (first & 3) + 1
        number = bytes(byte ^ key for byte, key in zip(self.data[self.at : self.at + size], mask[1:], strict=False))
        head = bytes([first]) + self.data[1 : self.at] + number
        nonce = bytes(one ^ other for one, other in zip(with_keys.iv, number.rjust(12, b"\0"), strict=True))
        return AESGCM(with_keys.key).decrypt(nonce, self.data[self.at + size : self.end], head)


def initial(data: bytes) -> Initial | None:
    """The Initial packet that a datagram begins with; None for another. Raises ``Malformed``."""
    if not looks_like(data):
        return None
    cursor = Cursor(data)
    cursor.take(5)
    destination = cursor.vector(1)
    cursor.vector(1)
    cursor.take(_varint(cursor))
    length = _varint(cursor)
    at = len(data) - cursor.left()
    if length > cursor.left():
        raise Malformed
    return Initial(int.from_bytes(data[1:5], "big"), destination, data, at, at + length)


def _varint(cursor: Cursor) -> int:
    first = cursor.number(1)
    more = (1 << (first >> 6)) - 1
    return (first & 0x3F) << (8 * more) | (cursor.number(more) if more else 0)


def crypto(payload: bytes) -> list[tuple[int, bytes]]:
    """The stretches of the handshake in a packet, with their offsets. Raises ``Malformed``."""
    cursor, found = Cursor(payload), []
    while cursor.left():
        kind = _varint(cursor)
        if kind in (_ACK, _ACK_MARKS):
            _varint(cursor), _varint(cursor)
            ranges = _varint(cursor)
            for _ in range(1 + 2 * min(ranges, 1000) + (3 if kind == _ACK_MARKS else 0)):
                _varint(cursor)
        elif kind == _CRYPTO:
            offset = _varint(cursor)
            found.append((offset, cursor.take(_varint(cursor))))
        elif kind not in (_PADDING, _PING):
            break
    return found


class Quic:
    """Reads the hellos of one connection, and logs them as one TLS handshake."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._keys: tuple[Keys, Keys] | None = None
        self._stretches: list[dict[int, bytes]] = [{}, {}]
        self._hellos: list[ClientHello | ServerHello | None] = [None, None]
        self._time = connection.time
        self._client: int | None = None
        self._seen = 0
        self.held = 0
        connection.services.append("quic")

    def data(self, who: int, data: bytes) -> None:
        self._seen += 1
        try:
            found = initial(data)
            if found is not None:
                self._packet(who, found)
        except (Malformed, InvalidTag):
            # A packet of other keys, or none at all: the next may be read.
            pass
        if all(self._hellos) or self._seen > MAX_DATAGRAMS or self.held > MAX_CRYPTO_BYTES:
            self.finish()
            self._connection.app = None

    def gap(self, who: int, length: int) -> None:
        """A datagram is whole or not seen."""

    def finish(self) -> None:
        client, server = self._hellos
        if isinstance(client, ClientHello):
            self._hellos = [None, None]
            self._connection.log("ssl", self._row(client, server), self._time)

    def _packet(self, who: int, found: Initial) -> None:
        if self._client is None:
            self._client = who
        role = 0 if who == self._client else 1
        try:
            payload = found.opened(self._keys[role]) if self._keys is not None else b""
        except InvalidTag:
            payload = b""
        if not payload and role == 0:
            # The client's first packet, or its first after a Retry, tells the id that the keys come of.
            told = (
                keys(found.version, found.destination, "client in"),
                keys(found.version, found.destination, "server in"),
            )
            payload, self._keys = found.opened(told[0]), told
        for offset, piece in crypto(payload):
            if offset <= MAX_CRYPTO_BYTES and len(piece) > len(self._stretches[role].get(offset, b"")):
                self._stretches[role][offset] = piece
                self.held += len(piece)
        self._read(role)

    def _read(self, role: int) -> None:
        """The hello, once its bytes are there without a gap."""
        if self._hellos[role] is not None:
            return
        whole = b""
        for offset, piece in sorted(self._stretches[role].items()):
            if offset > len(whole):
                break
            whole += piece[len(whole) - offset :]
        length = int.from_bytes(whole[1:4], "big")
        if len(whole) < 4 + length or len(whole) < 4:
            return
        body = whole[4 : 4 + length]
        if role == 0 and whole[0] == _CLIENT_HELLO:
            self._hellos[0], self._time = client_hello(body), self._connection.time
            self._connection.services.append("ssl")
        elif role == 1 and whole[0] == _SERVER_HELLO:
            self._hellos[1] = server_hello(body)

    def _row(self, client: ClientHello, server: ClientHello | ServerHello | None) -> dict[str, Any]:
        row: dict[str, Any] = {
            "transport": "udp",
            "established": isinstance(server, ServerHello),
            "ja3": fingerprints.ja3(client),
            "ja4": fingerprints.ja4(client, "q"),
            "server_name": text(client.server_name) if client.server_name else None,
        }
        if isinstance(server, ServerHello):
            row["version"] = tls_names.version(server.selected or server.version)
            row["cipher"], row["ja3s"] = tls_names.cipher(server.cipher), fingerprints.ja3s(server)
            row["curve"] = tls_names.group(server.group) if server.group is not None else None
        return row
