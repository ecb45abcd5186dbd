"""One direction of an HTTP/1 connection in, heads and lengths of its messages out (RFC 9112). Bodies are counted, not kept.

The state is kept from segment to segment and bounded: at most one head, or one line of a chunk.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from falselight.readers.pcap.dns_messages import text

MAX_HEAD_BYTES = 64 << 10
MAX_CHUNK_LINE = 1024
_REQUEST = re.compile(rb"[A-Z][A-Z_-]{1,31} \S.{0,8000}? HTTP/\d\.\d", re.DOTALL)
_REQUEST_START = re.compile(
    rb"(?:GET|POST|PUT|HEAD|DELETE|OPTIONS|PATCH|TRACE|CONNECT|PROPFIND|PROPPATCH|MKCOL|COPY|MOVE|LOCK|UNLOCK|SEARCH|"
    rb"REPORT|NOTIFY|M-SEARCH|SUBSCRIBE|UNSUBSCRIBE|RPC_IN_DATA|RPC_OUT_DATA|CCM_POST|BCAST|MERGE|CHECKOUT|LINK|UNLINK) "
)
_END = re.compile(rb"\r?\n\r?\n")
_VERSION = re.compile(r"HTTP/(\d\.\d)")
HEAD, LENGTH, CHUNK_LINE, CHUNK, CHUNK_END, TRAILER, UNTIL_CLOSE, LOST, OVER = range(9)


@dataclass
class Head:
    """A message's first line, in its three parts, and its headers: names in lower case, the first value of each."""

    first: str
    second: str
    third: str
    headers: dict[str, str] = field(default_factory=dict)
    all: list[tuple[str, str]] = field(default_factory=list)

    @property
    def version(self) -> str | None:
        found = _VERSION.fullmatch(self.third.strip()) or _VERSION.fullmatch(self.first.strip())
        return found.group(1) if found else None


def begins_request(data: bytes) -> bool:
    return _REQUEST_START.match(data) is not None


def begins_response(data: bytes) -> bool:
    return data.startswith(b"HTTP/1.")


def parse(data: bytes) -> Head:
    """The head in these bytes, which end before its empty line."""
    lines = data.replace(b"\r\n", b"\n").split(b"\n")
    parts = text(lines[0]).split(" ", 2)
    if len(parts) == 3 and not parts[0].startswith("HTTP/"):
        # An address may hold spaces; the version is what stands last.
        target, _, version = text(lines[0]).partition(" ")[2].rpartition(" ")
        parts[1:] = [target, version]
    first, second, third = (part.strip() for part in (*parts, "", "")[:3])
    head = Head(first, second, third)
    for line in lines[1:]:
        if line[:1] in (b" ", b"\t") and head.all:
            name, value = head.all[-1]
            head.all[-1] = (name, f"{value} {text(line.strip())}")
            head.headers[name] = head.headers[name] if head.headers[name] != value else head.all[-1][1]
            continue
        name_bytes, colon, content = line.partition(b":")
        if colon:
            name, value = text(name_bytes.strip()).lower(), text(content.strip())
            head.all.append((name, value))
            head.headers.setdefault(name, value)
    return head


# Gets a head; gives whether a body can follow it.
Begins = Callable[[Head], bool]
Ends = Callable[[int], None]


class Direction:
    """Reads one direction. ``began`` gets each head, ``ended`` the bytes of its body when the message is complete; they
    may set ``state`` to ``OVER`` to read no further."""

    def __init__(self, requests: bool, began: Begins, ended: Ends) -> None:
        self._sign = begins_request if requests else begins_response
        self._requests = requests
        self._began, self._ended = began, ended
        self.state = LOST
        self._buffer = b""
        self._left = 0
        self._body = 0

    @property
    def held(self) -> int:
        return len(self._buffer)

    @property
    def unfinished(self) -> bool:
        """Whether a message has begun and not ended."""
        return self.state in (LENGTH, CHUNK_LINE, CHUNK, CHUNK_END, TRAILER, UNTIL_CLOSE)

    def take_rest(self) -> bytes:
        """What was given and not read."""
        rest, self._buffer = self._buffer, b""
        return rest

    def data(self, data: bytes) -> None:
        data, self._buffer = self._buffer + data, b""
        while data and self.state != OVER:
            if self.state in (LENGTH, CHUNK):
                data = self._counted(data)
            elif self.state == UNTIL_CLOSE:
                self._body += len(data)
                return
            elif self.state in (CHUNK_LINE, CHUNK_END, TRAILER):
                rest = self._line(data)
                if rest is None:
                    return
                data = rest
            else:
                rest = self._head(data)
                if rest is None:
                    return
                data = rest
        self._buffer = data

    def gap(self, length: int) -> None:
        """Bytes are missing: of a body they only count; a head must be looked for again."""
        self._buffer = b""
        if self.state == UNTIL_CLOSE:
            self._body += length
        elif self.state in (LENGTH, CHUNK) and length <= self._left:
            self._body += length
            self._left -= length
            if self.state == LENGTH and not self._left:
                self._end()
        elif self.state != OVER:
            if self.unfinished:
                self._end()
            self.state = LOST

    def close(self) -> None:
        """The connection is over; a body without an end ends here."""
        if self.unfinished:
            self._end()

    def _end(self) -> None:
        self.state = HEAD
        body, self._body = self._body, 0
        self._ended(body)

    def _counted(self, data: bytes) -> bytes:
        used = min(len(data), self._left)
        self._body += used
        self._left -= used
        if not self._left:
            if self.state == CHUNK:
                self.state = CHUNK_END
            else:
                self._end()
        return data[used:]

    def _line(self, data: bytes) -> bytes | None:
        line, found, rest = data.partition(b"\n")
        if not found:
            if len(data) > MAX_CHUNK_LINE * (64 if self.state == TRAILER else 1):
                self.gap(0)
            else:
                self._buffer = data
            return None
        line = line.strip()
        if self.state == CHUNK_END:
            self.state = CHUNK_LINE
        elif self.state == TRAILER:
            if not line:
                self._end()
        else:
            try:
                self._left = int(line.partition(b";")[0].strip()[:16], 16)
            except ValueError:
                self._end()
                self.state = LOST
                return None
            self.state = CHUNK if self._left > 0 else TRAILER
        return rest

    def _head(self, data: bytes) -> bytes | None:
        if self.state == HEAD:
            data = data.lstrip(b"\r\n")
        if len(data) >= 8 and not self._sign(data):
            self.state = LOST
            return None
        found = _END.search(data)
        if found is None:
            if len(data) > MAX_HEAD_BYTES:
                self.state = LOST
            else:
                self._buffer = data
            return None
        if not self._sign(data):
            self.state = LOST
            return None
        head = parse(data[: found.start()])
        self.state = HEAD
        self._follow(head, self._began(head))
        return data[found.end() :]

    def _follow(self, head: Head, body: bool) -> None:
        """What comes behind a head."""
        if self.state == OVER:
            return
        length = head.headers.get("content-length", "").strip()
        if not body:
            self._end()
        elif "chunked" in head.headers.get("transfer-encoding", "").lower():
            self.state = CHUNK_LINE
        elif length.isascii() and length.isdigit():
            self._left = int(length[:18])
            self.state = LENGTH
            if not self._left:
                self._end()
        elif self._requests:
            self._end()
        else:
            self.state = UNTIL_CLOSE
