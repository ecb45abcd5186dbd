"""The bodies of TLS handshake messages in, what they say out (RFC 5246, RFC 8446). Lengths are checked before they are used."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

SERVER_NAME, GROUPS, POINT_FORMATS, SIGNATURES, ALPN = 0, 10, 11, 13, 16
TICKET, PRE_SHARED_KEY, VERSIONS, KEY_SHARE = 35, 41, 43, 51
MAX_CERTIFICATES = 32
# The random of a ServerHello that asks for another ClientHello: SHA-256 of "HelloRetryRequest".
RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
_NAMED_CURVE = 3


class Malformed(ValueError):
    """Bytes that are no such message."""


class Cursor:
    """Reads numbers and vectors from front to back; raises ``Malformed`` at the end."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        if count > self.left():
            raise Malformed
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        """Bytes with their length before them, which has ``size`` bytes."""
        return self.take(self.number(size))


@dataclass
class ClientHello:
    """``extensions`` are all in their order; lists keep GREASE values."""

    version: int
    session: bytes
    ciphers: list[int]
    extensions: list[int] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    formats: list[int] = field(default_factory=list)
    signatures: list[int] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    protocols: list[bytes] = field(default_factory=list)
    server_name: bytes | None = None
    ticket: bool = False


@dataclass
class ServerHello:
    version: int
    session: bytes
    cipher: int
    retry: bool
    extensions: list[int] = field(default_factory=list)
    selected: int | None = None
    group: int | None = None
    protocol: bytes | None = None


def client_hello(body: bytes) -> ClientHello:
    """Raises ``Malformed``; a broken extension is passed over."""
    cursor = Cursor(body)
    version = cursor.number(2)
    cursor.take(32)
    hello = ClientHello(version, cursor.vector(1), _numbers(cursor.vector(2)))
    cursor.vector(1)
    for kind, content in _extensions(cursor):
        hello.extensions.append(kind)
        try:
            _client_extension(hello, kind, Cursor(content))
        except Malformed:
            continue
    return hello


def _client_extension(hello: ClientHello, kind: int, content: Cursor) -> None:
    if kind == SERVER_NAME:
        names = Cursor(content.vector(2))
        while names.left() and hello.server_name is None:
            of_host = names.number(1) == 0
            name = names.vector(2)
            hello.server_name = name if of_host else None
    elif kind == GROUPS:
        hello.groups = _numbers(content.vector(2))
    elif kind == POINT_FORMATS:
        hello.formats = list(content.vector(1))
    elif kind == SIGNATURES:
        hello.signatures = _numbers(content.vector(2))
    elif kind == VERSIONS:
        hello.versions = _numbers(content.vector(1))
    elif kind == TICKET:
        hello.ticket = content.left() > 0
    elif kind == ALPN:
        names = Cursor(content.vector(2))
        while names.left() and len(hello.protocols) < 32:
            hello.protocols.append(names.vector(1))


def server_hello(body: bytes) -> ServerHello:
    """Raises ``Malformed``; a broken extension is passed over."""
    cursor = Cursor(body)
    version = cursor.number(2)
    retry = cursor.take(32) == RETRY_RANDOM
    session, cipher = cursor.vector(1), cursor.number(2)
    cursor.number(1)
    hello = ServerHello(version, session, cipher, retry)
    for kind, content in _extensions(cursor):
        hello.extensions.append(kind)
        if kind == VERSIONS and len(content) == 2:
            hello.selected = int.from_bytes(content, "big")
        elif kind == KEY_SHARE and len(content) >= 2:
            hello.group = int.from_bytes(content[:2], "big")
        elif kind == ALPN and len(content) > 3:
            hello.protocol = content[3 : 3 + content[2]]
    return hello


def certificates(body: bytes) -> list[bytes]:
    """The chain of a Certificate message up to TLS 1.2, each in DER. What is cut off is left out."""
    found: list[bytes] = []
    try:
        chain = Cursor(Cursor(body).vector(3))
        while chain.left() and len(found) < MAX_CERTIFICATES:
            found.append(chain.vector(3))
    except Malformed:
        return found
    return found


def curve(body: bytes) -> int | None:
    """The named curve of a ServerKeyExchange message."""
    return struct.unpack_from(">H", body, 1)[0] if len(body) > 3 and body[0] == _NAMED_CURVE else None


def _extensions(cursor: Cursor) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    try:
        inside = Cursor(cursor.vector(2)) if cursor.left() else cursor
        while inside.left() and len(found) < 256:
            kind = inside.number(2)
            found.append((kind, inside.vector(2)))
    except Malformed:
        return found
    return found


def _numbers(data: bytes) -> list[int]:
    return list(struct.unpack(f">{len(data) // 2}H", data[: len(data) // 2 * 2]))
