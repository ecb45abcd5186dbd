"""Which protocol a connection carries, told by its first bytes, never by its ports alone."""

from __future__ import annotations

from falselight.readers.pcap import dns, dns_messages, http, quic, services, tls
from falselight.readers.pcap.connection import Application, Connection
from falselight.readers.pcap.headers import TCP, UDP
from falselight.readers.pcap.states import ORIGINATOR, RESPONDER

# What a direction's first bytes must be to tell: longer than the longest sign that is looked for.
ENOUGH_BYTES = 24
MAX_SNIFFED_BYTES = 4096
MAX_SNIFFED_PACKETS = 64
# STARTTLS comes early; a long transfer without it is none.
MAX_LINES_PACKETS = 200


def begin(connection: Connection) -> Application | None:
    """What reads a connection's payload from its first packet on."""
    if connection.protocol == TCP:
        return _Sniffer(connection)
    return _Datagrams(connection) if connection.protocol == UDP else None


class _Datagrams:
    """Waits for the first datagram."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.held = 0

    def data(self, who: int, data: bytes) -> None:
        if dns.is_dns_port(self._connection) or dns_messages.looks_like(data):
            app = dns.Dns(self._connection)
            self._connection.app = app
            app.data(who, data)
        elif quic.looks_like(data):
            stream = quic.Quic(self._connection)
            self._connection.app = stream
            stream.data(who, data)
        elif data:
            connection = self._connection
            service = services.of_datagram(data, (connection.lower[1], connection.higher[1]))
            connection.services += [service] if service is not None else []
            connection.app = None

    def gap(self, who: int, length: int) -> None:
        """A datagram is whole or not seen."""

    def finish(self) -> None:
        """Nothing was said."""


class _Sniffer:
    """Keeps the first bytes of both directions until they tell the protocol."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._pieces: list[tuple[int, bytes, int]] = []
        self._heads = [b"", b""]
        self._packets = 0
        self.held = 0

    def data(self, who: int, data: bytes) -> None:
        connection = self._connection
        if self._pieces and self._pieces[-1][0] == who:
            self._pieces[-1] = (who, self._pieces[-1][1] + data, self._pieces[-1][2])
        else:
            self._pieces.append((who, data, connection.time))
        self._packets += 1
        self.held += len(data)
        if len(self._heads[who]) < ENOUGH_BYTES:
            self._heads[who] += data[:MAX_SNIFFED_BYTES]
        app = self._told(who)
        if app is not None:
            connection.app = app
            now = connection.time
            for sender, piece, time in self._pieces:
                if connection.app is not None:
                    connection.time = time
                    connection.app.data(sender, piece)
            connection.time = now
        elif self.held > MAX_SNIFFED_BYTES or self._packets > MAX_SNIFFED_PACKETS or self._both_known():
            connection.app = None

    def gap(self, who: int, length: int) -> None:
        """The first bytes are not known any more; a later message may still tell."""
        self._heads[who] = b""

    def finish(self) -> None:
        """Too little was said."""

    def _both_known(self) -> bool:
        return all(len(head) >= ENOUGH_BYTES for head in self._heads)

    def _told(self, who: int) -> Application | None:
        head, connection = self._heads[who], self._connection
        if tls.looks_like(head):
            return tls.Tls(connection)
        if http.looks_like(head):
            return http.Http(connection, _Sniffer)
        if not connection.services:
            service = services.of_stream(self._heads[ORIGINATOR], self._heads[RESPONDER])
            if service is not None:
                connection.services.append(service)
                if service in services.UPGRADING:
                    return _Upgrades(connection)
        if len(head) >= 2 + 17 and dns_messages.looks_like(head[2 : 2 + (head[0] << 8 | head[1])]):
            return dns.Dns(connection)
        return None


class _Upgrades:
    """Waits for a protocol of lines to turn to TLS; what is said until then is not kept."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._left = MAX_LINES_PACKETS
        self.held = 0

    def data(self, who: int, data: bytes) -> None:
        self._left -= 1
        if tls.looks_like(data):
            app = tls.Tls(self._connection)
            self._connection.app = app
            app.data(who, data)
        elif self._left <= 0:
            self._connection.app = None

    def gap(self, who: int, length: int) -> None:
        """Lines were lost; the turn may still come."""

    def finish(self) -> None:
        """It never turned."""
