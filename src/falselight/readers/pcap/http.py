"""The two directions of an HTTP/1 connection in, Zeek's http.log rows out, one for each request with its response."""

from __future__ import annotations

import base64
import binascii
import re
from collections import deque
from collections.abc import Callable
from typing import Any

from falselight.readers.pcap.connection import Application, Connection
from falselight.readers.pcap.dns_messages import text
from falselight.readers.pcap.http_messages import OVER, Direction, Head, begins_request, begins_response
from falselight.readers.pcap.states import ORIGINATOR, RESPONDER

MAX_PENDING = 1000
# What a request takes beside its texts, about.
ROW_BYTES = 1000
_PORT = re.compile(r":\d{1,5}\Z")
# Headers that proxies leave.
_PROXY_HEADERS = frozenset({
    "forwarded", "x-forwarded-for", "x-forwarded-from", "client-ip", "via", "xroxy-connection", "proxy-connection",
})  # fmt: skip


def looks_like(data: bytes) -> bool:
    """Whether a direction's first bytes are a request or a response."""
    return begins_request(data) or begins_response(data)


class Http:
    """Reads one connection. Behind a CONNECT that was granted, ``tunnel`` reads what comes."""

    def __init__(self, connection: Connection, tunnel: Callable[[Connection], Application]) -> None:
        self._connection = connection
        self._tunnel = tunnel
        self._requests = Direction(True, self._asked, self._request_done)
        self._responses = Direction(False, self._answered, self._response_done)
        self._sides: list[Direction | None] = [None, None]
        self._pending: deque[dict[str, Any]] = deque()
        self._latest: dict[str, Any] | None = None
        self._current: dict[str, Any] | None = None
        self._depth = 0
        self._tunnelled = False
        self._kept = 0

    @property
    def held(self) -> int:
        return self._requests.held + self._responses.held + self._kept

    def data(self, who: int, data: bytes) -> None:
        side = self._side(who, data)
        if side is None:
            return
        side.data(data)
        if self._tunnelled and self._connection.app is self:
            self._hand_over()

    def gap(self, who: int, length: int) -> None:
        side = self._sides[who]
        if side is not None:
            side.gap(length)

    def finish(self) -> None:
        self._requests.close()
        self._responses.close()
        while self._pending:
            self._log(self._pending.popleft())

    def _side(self, who: int, data: bytes) -> Direction | None:
        """Which direction an end's bytes are: told once, by the first that tell it."""
        if self._sides[who] is None:
            asks, answers = begins_request(data), begins_response(data)
            if asks or answers:
                asker = who if asks else 1 - who
                self._sides[asker], self._sides[1 - asker] = self._requests, self._responses
                if "http" not in self._connection.services:
                    self._connection.services.append("http")
        return self._sides[who]

    def _hand_over(self) -> None:
        """The tunnel is open: what was read ahead goes to what reads on."""
        rest = [side.take_rest() if side is not None else b"" for side in self._sides]
        self.finish()
        app = self._connection.app = self._tunnel(self._connection)
        for who in (ORIGINATOR, RESPONDER):
            if rest[who] and self._connection.app is not None:
                (self._connection.app if self._connection.app is not None else app).data(who, rest[who])

    def _asked(self, head: Head) -> bool:
        self._depth += 1
        headers = head.headers
        row: dict[str, Any] = {
            "ts": self._connection.time,
            "trans_depth": self._depth,
            "method": head.first,
            "uri": head.second,
            "version": head.version,
            "host": _PORT.sub("", headers["host"]) if headers.get("host") else None,
            "referrer": headers.get("referer"),
            "user_agent": headers.get("user-agent"),
            "origin": headers.get("origin"),
            "username": _user(headers.get("authorization", "")),
            "proxied": [f"{name.upper()} -> {value}" for name, value in head.all if name in _PROXY_HEADERS] or None,
            "request_body_len": 0,
            "response_body_len": 0,
        }
        if len(self._pending) >= MAX_PENDING:
            self._log(self._pending.popleft())
        row["size"] = ROW_BYTES + sum(len(name) + len(value) for name, value in head.all) + len(head.second)
        self._kept += row["size"]
        self._pending.append(row)
        self._latest = row
        if head.first == "CONNECT":
            # Whether a tunnel opens is for the answer to tell: until then nothing more is read of this end.
            self._requests.state = OVER
        return True

    def _request_done(self, body: int) -> None:
        if self._latest is not None:
            self._latest["request_body_len"] = body

    def _answered(self, head: Head) -> bool:
        code = int(head.second) if head.second.isascii() and head.second.isdigit() and len(head.second) < 6 else None
        informs = code is not None and 100 <= code < 200 and code != 101
        row = self._pending[0] if self._pending else None
        if row is None:
            row = {"ts": self._connection.time, "trans_depth": self._depth + 1, "request_body_len": 0,
                   "response_body_len": 0, "version": head.version}  # fmt: skip
            if not informs:
                self._depth += 1
        if informs:
            row["info_code"], row["info_msg"] = code, head.third or None
            self._current = None
            return False
        if self._pending:
            self._pending.popleft()
        row["status_code"], row["status_msg"] = code, head.third or None
        self._current = row
        method = row.get("method")
        opens = code == 101 or (method == "CONNECT" and code is not None and 200 <= code < 300)
        if opens:
            self._response_done(0)
            self._responses.state = OVER
            self._requests.state = OVER
            self._tunnelled = True
        elif method == "CONNECT":
            self._requests.state = 0
        return not (opens or method == "HEAD" or code in (204, 304))

    def _response_done(self, body: int) -> None:
        row, self._current = self._current, None
        if row is not None:
            row["response_body_len"] = body
            self._log(row)

    def _log(self, row: dict[str, Any]) -> None:
        self._kept -= row.pop("size", 0)
        self._connection.log("http", row, row["ts"])


def _user(authorization: str) -> str | None:
    """The name in HTTP Basic credentials; the password is not kept."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(credentials.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    return text(decoded).partition(":")[0] or None
