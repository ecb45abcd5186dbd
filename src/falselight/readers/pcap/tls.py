"""The two directions of a TLS connection in, Zeek's ssl.log and x509.log rows out.

Records are read until both ends encrypt; of what is encrypted nothing is kept. A handshake message may be spread over many
records; all that is kept of one direction is bounded.
"""

from __future__ import annotations

import hashlib
from typing import Any

from falselight.readers.pcap import certificates, fingerprints, tls_names
from falselight.readers.pcap.connection import Connection, letters
from falselight.readers.pcap.dns_messages import text
from falselight.readers.pcap.handshakes import (
    PRE_SHARED_KEY,
    ClientHello,
    Malformed,
    ServerHello,
    client_hello,
    curve,
    server_hello,
)  # fmt: skip
from falselight.readers.pcap.handshakes import certificates as chain_of
from falselight.readers.pcap.states import ORIGINATOR, RESPONDER

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA = 20, 21, 22, 23
MAX_RECORD_BYTES = (1 << 14) + 2048
MAX_MESSAGE_BYTES = 128 << 10
_TLS13 = 0x0304
_CLIENT_HELLO, _SERVER_HELLO, _CERTIFICATE, _KEY_EXCHANGE = 1, 2, 11, 12
_EARLIEST, _LATEST_MAJOR = 2, 3


def looks_like(data: bytes) -> bool:
    """Whether a direction's first bytes are a TLS record with a hello."""
    return len(data) >= 6 and data[0] == HANDSHAKE and data[1] == _LATEST_MAJOR and data[2] <= 4 and (
        data[5] in (_CLIENT_HELLO, _SERVER_HELLO)
    )  # fmt: skip


class _Side:
    """One direction: bytes of an unfinished record, and of an unfinished handshake message."""

    __slots__ = ("encrypted", "message", "passing", "record", "sent_data")

    def __init__(self) -> None:
        self.record, self.message = b"", b""
        self.encrypted = self.sent_data = False
        # Bytes of a record of no interest that are still to come.
        self.passing = 0


class Tls:
    """Reads one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sides = _Side(), _Side()
        self._client: ClientHello | None = None
        self._server: ServerHello | None = None
        self._retried = False
        self._chains: list[list[bytes]] = [[], []]
        self._group: int | None = None
        self._alert: int | None = None
        self._time = connection.time
        # Who sent the ClientHello, if not the end that opened the connection.
        self._turned = False
        self._told = False
        self._kept = 0
        self.held = 0

    def data(self, who: int, data: bytes) -> None:
        side = self._sides[who]
        if side.passing >= len(data):
            side.passing -= len(data)
            return
        data = side.record + data[side.passing :]
        side.passing = 0
        at = 0
        while at + 5 <= len(data):
            kind, length = data[at], data[at + 3] << 8 | data[at + 4]
            if not CHANGE_CIPHER_SPEC <= kind <= 24 or data[at + 1] != _LATEST_MAJOR or length > MAX_RECORD_BYTES:
                self._stop()
                return
            complete = at + 5 + length <= len(data)
            if not complete and not (side.encrypted or kind == APPLICATION_DATA):
                break
            self._record(who, side, kind, data[at + 5 : at + 5 + length])
            if self._connection.app is not self:
                return
            if not complete:
                side.passing = at + 5 + length - len(data)
                at = len(data)
                break
            at += 5 + length
        side.record = data[at:]
        self.held = self._kept + sum(len(each.record) + len(each.message) for each in self._sides)

    def gap(self, who: int, length: int) -> None:
        """Within a record that is passed over nothing is lost; anything else cannot be read on."""
        side = self._sides[who]
        if side.passing >= length:
            side.passing -= length
        else:
            self._stop()

    def finish(self) -> None:
        if self._told or (self._client is None and self._server is None):
            return
        self._told = True
        self._log()

    def _stop(self) -> None:
        self.finish()
        self._connection.app = None

    def _record(self, who: int, side: _Side, kind: int, body: bytes) -> None:
        if kind == CHANGE_CIPHER_SPEC:
            # In TLS 1.3 it means nothing.
            side.encrypted = side.encrypted or self._version() != _TLS13
        elif kind == ALERT and not side.encrypted and len(body) == 2:
            self._alert = body[1]
        elif kind == HANDSHAKE and not side.encrypted:
            side.message += body
            self._messages(who, side)
        elif kind == APPLICATION_DATA:
            side.encrypted = side.sent_data = True
        if self._established():
            self._stop()

    def _established(self) -> bool:
        if self._server is None or self._server.retry:
            return False
        if self._version() == _TLS13:
            return all(side.sent_data for side in self._sides)
        return all(side.encrypted for side in self._sides)

    def _messages(self, who: int, side: _Side) -> None:
        while len(side.message) >= 4:
            length = int.from_bytes(side.message[1:4], "big")
            if length > MAX_MESSAGE_BYTES:
                self._stop()
                return
            if len(side.message) < 4 + length:
                return
            kind, body = side.message[0], side.message[4 : 4 + length]
            side.message = side.message[4 + length :]
            try:
                self._message(who, kind, body)
            except Malformed:
                self._stop()
                return

    def _message(self, who: int, kind: int, body: bytes) -> None:
        if kind == _CLIENT_HELLO and self._client is None:
            self._client = client_hello(body)
            self._turned = who == RESPONDER
            self._time = self._connection.time
            self._serve()
        elif kind == _SERVER_HELLO and (self._server is None or self._server.retry):
            retried = self._server is not None
            self._server = server_hello(body)
            self._retried = self._retried or retried
            self._turned = self._turned if self._client is not None else who == ORIGINATOR
            self._group = self._server.group
            self._serve()
        elif kind == _CERTIFICATE:
            self._chains[who] = self._chains[who] or chain_of(body)
            self._kept += len(body)
        elif kind == _KEY_EXCHANGE:
            self._group = curve(body)

    def _serve(self) -> None:
        if "ssl" not in self._connection.services:
            self._connection.services.append("ssl")

    def _version(self) -> int | None:
        return None if self._server is None else self._server.selected or self._server.version

    def _log(self) -> None:
        row: dict[str, Any] = {"transport": "tcp", "established": self._established(), "resumed": self._resumed()}
        if self._client is not None:
            row["ja3"], row["ja4"] = fingerprints.ja3(self._client), fingerprints.ja4(self._client)
            row["server_name"] = text(self._client.server_name) if self._client.server_name else None
        version = self._version()
        if self._server is not None and version is not None:
            row["version"], row["cipher"] = tls_names.version(version), tls_names.cipher(self._server.cipher)
            row["ja3s"] = fingerprints.ja3s(self._server)
            row["next_protocol"] = text(self._server.protocol) if self._server.protocol else None
        row["curve"] = tls_names.group(self._group) if self._group is not None else None
        row["last_alert"] = tls_names.alert(self._alert) if self._alert is not None else None
        server, client = (RESPONDER, ORIGINATOR) if not self._turned else (ORIGINATOR, RESPONDER)
        row.update(self._chain(server, "", "resp_", ""))
        row.update(self._chain(client, "client_", "orig_", "client_"))
        self._connection.log("ssl", row, self._time)

    def _resumed(self) -> bool:
        """TLS 1.3: the server took the offered key. Before: it took the session again, and so sends no certificate."""
        if self._server is None:
            return False
        if self._version() == _TLS13:
            return PRE_SHARED_KEY in self._server.extensions
        again = self._client is not None and (
            bool(self._server.session and self._server.session == self._client.session) or self._client.ticket
        )
        return again and not any(self._chains) and self._group is None

    def _chain(self, who: int, prefix: str, role: str, subject: str) -> dict[str, Any]:
        """The row's columns of one end's certificates, which are logged."""
        chain = self._chains[who]
        if not chain:
            return {}
        ids = []
        for number, data in enumerate(chain):
            found = certificates.read(data)
            ids.append(self._identity(who, number, found.sha1))
            own = {"id": ids[-1], "host_cert": number == 0, "client_cert": role == "orig_", "sha1": found.sha1}
            self._connection.log("x509", {**found.columns, **own}, self._time)
        first = certificates.read(chain[0])
        row = {
            f"{prefix}cert_chain_fuids": ids,
            f"{role}certificate_sha1": first.sha1,
            f"{role}certificate_sha256": first.sha256,
            f"{subject}subject": first.columns.get("certificate.subject"),
            f"{subject}issuer": first.columns.get("certificate.issuer"),
        }
        if role == "resp_":
            row["not_valid_before"] = first.columns.get("certificate.not_valid_before")
            row["not_valid_after"] = first.columns.get("certificate.not_valid_after")
        return row

    def _identity(self, who: int, number: int, sha1: str) -> str:
        seed = f"{self._connection.uid} {who} {number} {sha1}"
        return "F" + letters(hashlib.blake2b(seed.encode("ascii"), digest_size=13).digest())[:17]
