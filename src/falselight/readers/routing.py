"""Inputs whose lines are of several kinds, as a collector writes them: which lines each reader gets.

An input is cut into segments. As long as a block of lines is of one kind, one reader reads on, and pays no more than a count
of what all lines of its kind hold; a block of several kinds is divided among their readers. A line that bears no mark goes
to the reader of the input's first kind, which counts what it cannot use.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, cast

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from falselight.diagnostics import Diagnostic
from falselight.readers import Report, scanning, text_signs
from falselight.readers.containers import HEAD_BYTES
from falselight.readers.detect import BOM, Kind, of_document
from falselight.readers.tallies import Tally

BLOCK_BYTES = 4 << 20
_LONGEST_LINE = 256 << 20
_SAMPLED, _MUCH = 6, 1 << 20
# How far the records of one audit event may be apart, so that no end of a block comes between them.
_NEAR_BYTES, _NEAR_LINES = 16 << 10, 64
_JSON = {
    Kind.ECS_LINES: (b'"@timestamp"',),
    Kind.SOURCE_LINES: (b'"_source"',),
    Kind.WINDOWS_LINES: (b'EventID"', b'event_id"', b'"MESSAGE"'),
    Kind.ZEEK_LINES: (b'"ts"',),
    Kind.EVE_LINES: (b'"event_type"',),
    Kind.AZURE_FLOW_LOGS: (b"FlowEvent",),
    Kind.GCP_VPC: (b'"jsonPayload"',),
    Kind.GCP_FIREWALL: (b'"rule_details"',),
    Kind.GCP_DNS: (b'"queryName"',),
    Kind.ROUTE53: (b'"query_timestamp"',),
    Kind.ZSCALER: (b'"sourcetype"',),
    Kind.OCSF: (b'"class_uid"',),
    Kind.PASSIVE_DNS: (b'"rrname"',),
    Kind.WAZUH: (b'"decoder"',),
    Kind.NETFLOW: (b'"t_first"', b'"time_received', b'"stamp_inserted"'),
}
# What a line of a kind holds once, as a rule. Kinds whose lines stand under a header are not here: no line of theirs can be
# read by itself.
_SIGNS: dict[Kind, tuple[bytes, ...]] = _JSON | {
    Kind.WINDOWS_XML: (b"<Event",),
    Kind.CISCO_ASA: (b"%ASA-", b"%FTD-", b"%NGIPS-"),
    Kind.CISCO_FTD: (b"%ASA-", b"%FTD-", b"%NGIPS-"),
    Kind.CHECKPOINT: (b"loguid",),
    Kind.FORTINET: (b"logid=",),
    Kind.JUNIPER_SRX: (b" RT_",),
    Kind.SOPHOS_XG: (b"log_id=",),
    Kind.PFSENSE: (b"filterlog",),
    Kind.IPTABLES: (b"SRC=",),
    Kind.SQUID: (b"TCP_", b"UDP_", b"NONE"),
    Kind.DNS_SERVER: (b": query: ", b"dnsmasq[", b"unbound["),
    Kind.PANOS: tuple(
        f",{kind},".encode()
        for kind in (
            "TRAFFIC",
            "THREAT",
            "USERID",
            "HIPMATCH",
            "GLOBALPROTECT",
            "CONFIG",
            "SYSTEM",
            "DECRYPTION",
            "AUTHENTICATION",
            "CORRELATION",
            "GTP",
            "IPTAG",
            "SCTP",
            "START",
            "END",
        )
    ),
    Kind.CEF: (b"CEF:", b"LEEF:"),
    Kind.WINDOWS_DNS: (b" PACKET ",),
    Kind.AUDITD: (b"msg=audit(",),
}
_AUDIT = re.compile(rb"msg=audit\([\d.]{1,20}:\d{1,12}\)")


@dataclass(frozen=True)
class Segment:
    """Lines for one reader. ``numbers`` are those of its lines in the input, or the first one's where none is between them."""

    kind: Kind
    stream: BinaryIO
    numbers: int | np.ndarray

    def number(self, line: int) -> int:
        """What number the line has in the input."""
        if isinstance(self.numbers, int):
            return self.numbers + line
        return int(self.numbers[min(line, len(self.numbers) - 1)])

    def renumbered(self, batch: pa.RecordBatch | pa.Table) -> pa.RecordBatch | pa.Table:
        """The batch with the input's numbers of its records."""
        if isinstance(self.numbers, int) and self.numbers == 0:
            return batch
        own = batch.column("_record")
        numbers = pc.add(own, self.numbers) if isinstance(self.numbers, int) else pa.array(self.numbers).take(own)
        return batch.set_column(batch.schema.get_field_index("_record"), "_record", numbers)


def segments(stream: BinaryIO, kind: Kind) -> Iterator[list[Segment]]:
    """What the readers get of an input that begins as this kind, in its order. Each list is to be read before the next one
    is asked for; where it holds several, their lines stand among one another."""
    head = cast(io.BufferedReader, stream).peek(HEAD_BYTES).removeprefix(BOM).lstrip()
    if kind not in _SIGNS or _is_framed(head.partition(b"\n")[0]):
        yield [Segment(kind, stream, 0)]
        return
    router = _Router(stream, kind)
    while router.owners:
        if len(router.owners) == 1:
            feed = _Feed(router)
            yield [Segment(feed.kind, cast(BinaryIO, io.BufferedReader(feed, HEAD_BYTES)), router.first)]
            if not feed.ended:
                return  # Its reader has given up.
        else:
            yield router.divided()
            router.advance()


def is_uniform(data: bytes, kind: Kind) -> bool:
    """Whether all lines are for one reader."""
    return len(_owners(data, kind, kind)) == 1


class _Router:
    """``block`` is the one that is to be read, in two chunks so that it need not be copied, ``first`` the number of its first
    line, ``owners`` whose its lines are."""

    def __init__(self, stream: BinaryIO, kind: Kind) -> None:
        self._stream = stream
        self._otherwise = self.current = kind
        self.first = self._count = 0
        self.block: tuple[bytes, bytes] = (b"", b"")
        self._ahead = b""
        self.owners: dict[Kind, list[int]] = {}
        self.advance()

    def advance(self) -> None:
        """To the next block."""
        self.first += self._count
        self.block = self._next()
        self._count = sum(scanning.count(chunk, b"\n") for chunk in self.block)
        if _is_signed([memoryview(chunk) for chunk in self.block if chunk], self._count, self.current):
            self.owners = {self.current: []}
        else:
            self.owners = _owners(b"".join(self.block), self.current, self._otherwise)
        if len(self.owners) == 1:
            (self.current,) = self.owners

    def fill(self, buffer: memoryview) -> int:
        """Puts whole lines of the current kind right into a buffer, as the next block, and gives their length; 0 where that
        cannot be told so fast, and what was read is to be looked at line by line."""
        part = buffer[:BLOCK_BYTES]
        kept = len(self._ahead)
        if self.current not in _JSON or len(part) < max(_MUCH, 2 * kept):
            return 0
        part[:kept] = self._ahead
        filled = kept + cast(io.BufferedReader, self._stream).readinto(part[kept:])
        end = filled - len(scanning.line_about(part[:filled], filled)) if filled else 0
        count = scanning.count(part[:end], b"\n")
        if not _is_signed([part[:end]], count, self.current):
            self._ahead = bytes(part[:filled])
            return 0
        self._ahead = bytes(part[end:filled])
        self.first, self._count = self.first + self._count, count
        return end

    def _next(self) -> tuple[bytes, bytes]:
        """Whole lines; the records of an audit event, which stand near one another, are in one block."""
        block = self._ahead + self._stream.read(max(1, BLOCK_BYTES - len(self._ahead)))
        rest = self._stream.readline(_LONGEST_LINE) if block and not block.endswith(b"\n") else b""
        self._ahead = b""
        open_events = set(_AUDIT.findall(block[-_NEAR_BYTES:] + rest))
        if not open_events:
            return block, rest
        behind, held = [rest], list[bytes]()
        while len(held) < _NEAR_LINES and (line := self._stream.readline(_LONGEST_LINE)):
            held.append(line)
            if not open_events.isdisjoint(_AUDIT.findall(line)):
                behind += held
                open_events.update(*map(_AUDIT.findall, held))
                held = []
        self._ahead = b"".join(held)
        return block, b"".join(behind)

    def divided(self) -> list[Segment]:
        """The block's lines by their readers."""
        lines = _lines(b"".join(self.block))
        return [
            Segment(kind, _stream(b"".join([lines[number] for number in own])), np.array(own, np.int64) + self.first)
            for kind, own in self.owners.items()
        ]


class _Feed(io.RawIOBase):
    """A stream of blocks as long as they are of one kind alone."""

    def __init__(self, router: _Router) -> None:
        self.kind = router.current
        self.ended = False
        self._router = router
        self._chunks = [memoryview(chunk) for chunk in router.block if chunk]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._chunks and not self.ended:
            if filled := self._router.fill(memoryview(buffer)):
                return filled
            self._router.advance()
            owners = self._router.owners
            self.ended = len(owners) != 1 or self.kind not in owners
            self._chunks = [memoryview(chunk) for chunk in self._router.block if chunk and not self.ended]
        if not self._chunks:
            return 0
        part, rest = self._chunks[0][: len(buffer)], self._chunks[0][len(buffer) :]
        self._chunks[:1] = [rest] if rest else []
        buffer[: len(part)] = part
        return len(part)


def _owners(block: bytes, current: Kind, otherwise: Kind) -> dict[Kind, list[int]]:
    """The numbers of a block's lines by their kinds; one kind without numbers where all are of it."""
    if not block:
        return {}
    pure = current not in _JSON or _is_pure(memoryview(block), current)
    signs, lines = _SIGNS[current], _lines(block)
    unmarked = [line for line in lines if not any(sign in line for sign in signs)]
    if pure and all(_kind_of(line, current) == current for line in unmarked):
        return {current: []}
    owners: dict[Kind, list[int]] = {}
    for number, line in enumerate(lines):
        owners.setdefault(_kind_of(line, otherwise), []).append(number)
    return owners if len(owners) > 1 else {kind: [] for kind in owners}


def _is_signed(block: Sequence[memoryview], count: int, kind: Kind) -> bool:
    """Whether much JSON, of which so many lines end here, holds as many signs as lines. Other lines are looked at one by one:
    that costs nothing beside what their readers do."""
    if kind not in _JSON or not block or len(block[0]) < _MUCH:
        return False
    signs = sum(scanning.count(chunk, sign) for sign in _SIGNS[kind] for chunk in block)
    return signs == count + (block[-1][-1] != ord("\n")) and _is_pure(block[0], kind)


def _is_pure(block: memoryview, kind: Kind) -> bool:
    """Whether no line of a sample is of another kind that may hold the same sign."""
    places = range(0, len(block), -(-len(block) // _SAMPLED))
    return all(_kind_of(scanning.line_about(block, place), kind) == kind for place in places)


def _lines(block: bytes) -> list[bytes]:
    """With their ends, of which a carriage return alone is none."""
    return io.BytesIO(block).readlines()


def _stream(data: bytes) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, io.BytesIO(data)), HEAD_BYTES))


def _kind_of(line: bytes, otherwise: Kind) -> Kind:
    """The kind that a line is of; the other one if it bears no mark, or one that only a header explains.
    Devices whose messages are alike have one reader."""
    # What runs containers wraps lines of text in JSON.
    found: str | None = _content(line) if line.lstrip(b"\xef\xbb\xbf \t").startswith(b"{") else None
    found = found or text_signs.of_line(line.rstrip(b"\n"))
    kind = otherwise if found is None else Kind(found)
    # pfSense's own Unbound is part of its log.
    is_alike = {kind, otherwise} == text_signs.ALIKE or (otherwise is Kind.PFSENSE and b" unbound[" in line)
    return otherwise if kind not in _SIGNS or is_alike else kind


def _content(line: bytes) -> Kind | None:
    """The kind of a line that is a whole JSON object, and no more of one than can be looked at beside the reading."""
    if len(line) > _MUCH:
        return None
    try:
        document = orjson.loads(line.removeprefix(BOM))
    except orjson.JSONDecodeError:
        return None
    return of_document(document) if isinstance(document, dict) else None


def _is_framed(line: bytes) -> bool:
    """Whether JSON that begins with this line has its records otherwise than one a line."""
    if not line.startswith((b"{", b"[")):
        return False
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        return True
    return not isinstance(document, dict) or isinstance(document.get("records"), list)


class Told:
    """What the readers of one input's segments tell: by the input's numbers, and what they count in one sum."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._sums: dict[Tally, int] = {}

    def of(self, segment: Segment) -> Report:
        """What the reader of a segment reports to."""

        def tell(diagnostic: Diagnostic) -> None:
            if isinstance(diagnostic, Tally):
                key = diagnostic.of(0)
                self._sums[key] = self._sums.get(key, 0) + diagnostic.count
            elif diagnostic.record is None:
                self._report(diagnostic)
            else:
                own, number = diagnostic.record, segment.number(diagnostic.record)
                message = re.sub(rf", (line|record) {own + 1}\b", rf", \1 {number + 1}", diagnostic.message, count=1)
                self._report(replace(diagnostic, message=message, record=number))

        return tell

    def finish(self) -> None:
        """Tells the sums."""
        for tally, count in self._sums.items():
            self._report(tally.of(count))
