"""Files of scans, certificates and passive DNS → records. The form is told by content, never by a file's name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

import orjson

from falselight.infrastructure import censys, certificates, passive_dns, shodan
from falselight.infrastructure.records import Record, Skipped, Unknown

SHODAN, CENSYS, CRT_SH, PEM, PASSIVE_DNS = "Shodan", "Censys", "crt.sh", "PEM", "passive DNS"
NOT_JSON = "a line that is not JSON"
_STRANGE = "a JSON value that is no scan, certificate or resolution"


def read(stream: BinaryIO, head: bytes, skipped: Skipped) -> Iterator[tuple[Record, str]]:
    """The records of one file, each with the kind of its source; what is none is counted in ``skipped`` with its place: the
    line, or the position within an array."""
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        for place, value in _values(stream, skipped):
            for record, source in _recognised(value):
                if isinstance(record, Unknown):
                    skipped.add(record.why, place)
                else:
                    yield record, source
    elif certificates.is_pem(head):
        for found in certificates.of_pem(stream.read(), skipped):
            yield found, PEM


def _values(stream: BinaryIO, skipped: Skipped) -> Iterator[tuple[int, Any]]:
    """One JSON value a line; a file whose first line is no value by itself is one value, or damaged there."""
    begin, first = _first(stream)
    try:
        yield from _members(begin, orjson.loads(first))
    except orjson.JSONDecodeError:
        rest = stream.read()
        try:
            whole = orjson.loads(first + rest)
        except orjson.JSONDecodeError:
            skipped.add(NOT_JSON, begin)
            yield from _lines(rest.splitlines(), begin + 1, skipped)
        else:
            yield from _members(begin, whole)
        return
    yield from _lines(stream, begin + 1, skipped)


def _first(stream: BinaryIO) -> tuple[int, bytes]:
    """The first line that is not blank, and its number."""
    for number, line in enumerate(stream, 1):
        if line.strip():
            return number, line.removeprefix(b"\xef\xbb\xbf")
    return 1, b""


def _lines(lines: Iterable[bytes], begin: int, skipped: Skipped) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(lines, begin):
        if not line.strip():
            continue
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            skipped.add(NOT_JSON, number)
            continue
        yield from _members(number, value)


def _members(place: int, value: Any) -> Iterator[tuple[int, Any]]:
    """An array's members by their position; of a search of Shodan its matches."""
    listed = value.get("matches") if isinstance(value, Mapping) and isinstance(value.get("matches"), list) else value
    if isinstance(listed, list):
        yield from enumerate(listed, 1)
    else:
        yield place, listed


def _recognised(value: Any) -> Iterator[tuple[Record, str]]:
    if not isinstance(value, Mapping):
        yield Unknown(_STRANGE), ""
    elif shodan.is_ours(value):
        for record in shodan.read(value):
            yield record, SHODAN
    elif certificates.is_crt_sh(value):
        yield certificates.of_crt_sh(value), CRT_SH
    elif passive_dns.is_ours(value):
        for found in passive_dns.read(value):
            yield found, PASSIVE_DNS
    elif not passive_dns.is_frame(value):
        for inner in censys.unwrapped(value):
            if censys.is_host(inner) or censys.is_certificate(inner):
                for record in censys.read(inner):
                    yield record, CENSYS
            else:
                yield Unknown(_STRANGE), ""
