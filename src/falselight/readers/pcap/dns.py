"""The DNS messages of one connection in, Zeek's dns.log rows out: a query with its reply is one (RFC 1035, RFC 6762)."""

from __future__ import annotations

from typing import Any

from falselight.readers.pcap.connection import Connection
from falselight.readers.pcap.dns_messages import (
    CLASSES,
    RESPONSE_CODES,
    TYPES,
    Malformed,
    Message,
    netbios,
    parse,
)  # fmt: skip
from falselight.readers.pcap.headers import TCP

MAX_PENDING = 4096
# What a query that waits for its reply takes, about.
PENDING_BYTES = 1000
NETBIOS_PORT = 137
_PORTS = frozenset({53, 5353, 5355, NETBIOS_PORT})


class Dns:
    """The messages of one connection: a reply is paired with the query of its number. In TCP each has its length before it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._framed = connection.protocol == TCP
        self._buffers = [b"", b""]
        self._pending: dict[int, list[tuple[int, Message]]] = {}
        self._waiting = 0

    @property
    def held(self) -> int:
        return len(self._buffers[0]) + len(self._buffers[1]) + self._waiting * PENDING_BYTES

    def data(self, who: int, data: bytes) -> None:
        if not self._framed:
            self._message(who, data)
            return
        buffer = self._buffers[who] + data
        at = 0
        while at + 2 <= len(buffer):
            length = buffer[at] << 8 | buffer[at + 1]
            if at + 2 + length > len(buffer):
                break
            self._message(who, buffer[at + 2 : at + 2 + length])
            at += 2 + length
        self._buffers[who] = buffer[at:]

    def gap(self, who: int, length: int) -> None:
        """Where the next message begins is not known any more."""
        if self._framed:
            self._connection.app = None
            self.finish()

    def finish(self) -> None:
        for queries in self._pending.values():
            for time, query in queries:
                self._log(time, query, None)
        self._pending.clear()
        self._waiting = 0

    def _message(self, who: int, data: bytes) -> None:
        try:
            message = parse(data)
        except Malformed:
            return
        time = self._connection.time
        if "dns" not in self._connection.services:
            self._connection.services.append("dns")
        if not message.reply:
            if self._waiting >= MAX_PENDING:
                self.finish()
            self._pending.setdefault(message.number, []).append((time, message))
            self._waiting += 1
            return
        queries = self._pending.get(message.number)
        if queries:
            asked, query = queries.pop(0)
            self._waiting -= 1
            if not queries:
                del self._pending[message.number]
            self._log(asked, query, message, time)
        else:
            self._log(time, message, message)

    def _asked(self, query: str | None) -> str | None:
        netbios_port = NETBIOS_PORT in (self._connection.lower[1], self._connection.higher[1])
        return netbios(query) if query is not None and netbios_port else query

    def _log(self, asked: int, query: Message, reply: Message | None, time: int | None = None) -> None:
        kind, family = query.kind, query.family
        row: dict[str, Any] = {
            "proto": "tcp" if self._framed else "udp",
            "trans_id": query.number,
            "rtt": (time - asked) / 1e9 if time is not None else None,
            "query": self._asked(query.query if query.query is not None or reply is None else reply.query),
            "qclass": family,
            "qclass_name": CLASSES.get(family, f"qclass-{family}") if family is not None else None,
            "qtype": kind,
            "qtype_name": TYPES.get(kind, f"query-{kind}") if kind is not None else None,
            "RD": bool(query.flags & 0x0100),
            "AA": False, "TC": bool(query.flags & 0x0200), "RA": False, "Z": (query.flags >> 4) & 7, "rejected": False,
        }  # fmt: skip
        if reply is not None:
            code = reply.flags & 15
            row.update(
                rcode=code, rcode_name=RESPONSE_CODES[code], AA=bool(reply.flags & 0x0400),
                TC=bool(reply.flags & 0x0200), RA=bool(reply.flags & 0x0080), Z=(reply.flags >> 4) & 7,
                rejected=code != 0 and not any(reply.counts[1:]),
            )  # fmt: skip
            if reply.answers:
                row["answers"], row["TTLs"] = reply.answers, reply.seconds
        self._connection.log("dns", row, asked)


def is_dns_port(connection: Connection) -> bool:
    return not _PORTS.isdisjoint((connection.lower[1], connection.higher[1]))
