"""What network sensors' records share: addresses, direction, community id, certificates' names, domains, URLs."""

from __future__ import annotations

import binascii
import hashlib
import ipaddress
import re
import socket
from collections import Counter
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from publicsuffixlist import PublicSuffixList

from falselight.mappings.addresses import Addresses, Bytes, addressed
from falselight.mappings.columnar import as_text, distinct, flat, jointly, paired, whole
from falselight.mappings.records import Frame, Step, fills_below
from falselight.mappings.urls import request, url

# IANA protocol numbers by the names that sensors use, as Beats' community_id processor knows them.
_PROTOCOLS = {
    "icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "gre": 47, "ipv6-icmp": 58, "icmpv6": 58, "eigrp": 88, "ospf": 89,
    "pim": 103, "sctp": 132,
}  # fmt: skip
# Message types that answer each other (https://github.com/corelight/community-id-spec); others go one way.
_ICMP = {8: 0, 0: 8, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17, 10: 9, 9: 10}
_ICMP6 = {128: 129, 129: 128, 133: 134, 134: 133, 135: 136, 136: 135, 130: 131, 131: 130, 144: 145, 145: 144}
_ANSWERS = {1: _ICMP, 58: _ICMP6}
_WITH_PORTS = frozenset({6, 17, 132})
_NAMES = {
    "C": "country", "CN": "common_name", "L": "locality", "O": "organization", "OU": "organizational_unit",
    "ST": "state_or_province",
}  # fmt: skip
_SHORT = {**_NAMES, "ST": "state"}


@lru_cache(maxsize=65_536)
def address(text: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address, None for other text."""
    if text is None:
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _dotted(text: str) -> bytes | None:
    """The bytes of an address of IPv4, None for other text: most addresses of a log, and told sooner than by objects."""
    try:
        return socket.inet_pton(socket.AF_INET, text)
    except (OSError, ValueError):
        return None


def is_ip(text: str) -> bool:
    """Whether it is an address. Names, which have neither a digit at their end nor a colon, are told at once."""
    if not text[-1:].isdigit() and ":" not in text:
        return False
    return _dotted(text) is not None or address(text) is not None


def addresses(texts: pa.Array) -> pa.Array:
    """The texts that are addresses, as they are; null for the others."""
    return addressed(texts.dictionary_encode()).only(texts)


def _addresses(frame: Frame, values: pa.Array) -> Addresses:
    """What a column holds of addresses, found once for all steps."""
    return frame.once(frame.encode(values), addressed)


def ip(frame: Frame, step: Step) -> None:
    """The texts that are addresses, as the record writes them."""
    values = frame.get(step.sources[0])
    if values is not None and pa.types.is_string(values.type):
        frame.put(step.targets[0], _addresses(frame, values).only(values))


def direction(frame: Frame, step: Step) -> None:
    """internal, outbound, inbound or external, by whether source and destination are private (RFC 1918, fd00::/8)."""
    source, destination = (frame.get(name) for name in step.sources)
    if source is None or destination is None:
        return
    known = frame.get(step.targets[0]) if step.options.get("absent") else None
    if known is not None and not known.null_count:
        return
    left, right = (_addresses(frame, side).internal for side in (source, destination))
    _toward(frame, step, left, right)


def local_direction(frame: Frame, step: Step) -> None:
    """The same by the sensor's own flags."""
    left, right = (frame.get(name) for name in step.sources)
    if left is not None and right is not None and left.type == right.type == pa.bool_():
        _toward(frame, step, left, right)


def _toward(frame: Frame, step: Step, left: pa.Array, right: pa.Array) -> None:
    inside = pc.if_else(right, "internal", "outbound")
    outside = pc.if_else(right, "inbound", "external")
    found = pc.if_else(left, inside, outside)
    known = frame.get(step.targets[0]) if step.options.get("absent") else None
    frame.put(step.targets[0], found if known is None else pc.coalesce(known, found))


def related_ip(frame: Frame, step: Step) -> None:
    """Source and destination in one list; with ``once`` without repetition."""
    source, destination = (frame.get(name) for name in step.sources[:2])
    frame.put(step.targets[0], paired(source, destination, step.options.get("once", False)))


def ip_version(frame: Frame, step: Step) -> None:
    """ipv6 where the address has a colon, else ipv4."""
    column = frame.get(step.sources[0])
    if column is not None:
        frame.put(step.targets[0], pc.if_else(pc.match_substring(column, ":"), "ipv6", "ipv4"))


def community_id(frame: Frame, step: Step) -> None:
    """Community ID version 1, seed 0, of source, destination, ports and transport; for ICMP of type and code."""
    columns = [frame.get(name) for name in step.sources]
    source, destination, source_port, destination_port, transport = columns[:5]
    if source is None or destination is None or transport is None:
        return
    lowered = pc.utf8_lower(as_text(transport))
    by_port = pc.is_in(lowered, value_set=pa.array(["tcp", "udp", "sctp"]))
    found = None
    ports = [whole(port, Counter(), "") for port in (source_port, destination_port) if port is not None]
    if len(ports) == 2 and pc.any(by_port).as_py():
        sides = [_addresses(frame, side) for side in (source, destination)]
        found = _hashed(sides, ports, lowered, by_port)
    if not pc.all(by_port, skip_nulls=False).as_py():
        others = [None if column is None else _only(pc.invert(by_port), column) for column in columns]
        rest = jointly(others, frame.rows, community, pa.string())
        found = rest if found is None else pc.coalesce(found, rest)
    frame.put(step.targets[0], found)


def _only(rows: pa.Array, column: pa.Array) -> pa.Array:
    return pc.if_else(rows, column, pa.scalar(None, column.type))


def _hashed(sides: list[Addresses], ports: list[pa.Array], transport: pa.Array, rows: pa.Array) -> pa.Array:
    """The ids of connections with ports, all at once; null in other rows."""
    protocols = distinct(transport, lambda name: _PROTOCOLS.get(name, 0), pa.int64()).fill_null(0)
    numbers, usable = [], np.asarray(rows.fill_null(False))
    for port in ports:
        plain = np.asarray(port.fill_null(-1))
        usable = usable & (plain >= 0) & (plain < 65_536)
        numbers.append(plain)
    places, texts = [], []
    for length in (4, 16):
        (left, near), (right, far) = (side.of_length(length) for side in sides)
        chosen = np.flatnonzero(usable & left & right)
        if len(chosen):
            ends = [
                np.concatenate([packed[side.places[chosen]], _big_endian(port[chosen])], axis=1)
                for side, packed, port in zip(sides, (near, far), numbers, strict=True)
            ]
            places.append(chosen)
            texts.append(_messages(ends[0], ends[1], np.asarray(protocols)[chosen]))
    if not places:
        return pa.nulls(len(rows), pa.string())
    taken = np.full(len(rows), -1)
    taken[np.concatenate(places)] = np.arange(sum(map(len, places)))
    hashed = _engine().cursor().from_arrow(pa.table({"bytes": pa.concat_arrays(texts)}))
    made = hashed.project("'1:' || to_base64(unhex(sha1(bytes))) AS id").to_arrow_table()
    ids = flat(made.column("id")).cast(pa.string())
    return ids.take(pa.array(taken, mask=taken < 0))


def _messages(one: Bytes, other: Bytes, protocols: npt.NDArray[np.int64]) -> pa.Array:
    """What is hashed: the seed, the ends (address and port) in order, the protocol between addresses and ports."""
    rows, width = one.shape
    first = (one != other).argmax(axis=1)
    every = np.arange(rows)
    swapped = one[every, first] > other[every, first]
    low, high = np.where(swapped[:, None], other, one), np.where(swapped[:, None], one, other)
    made = np.zeros((rows, 2 * width + 4), np.uint8)
    made[:, 2:width] = low[:, :-2]
    made[:, width : 2 * width - 2] = high[:, :-2]
    made[:, 2 * width - 2] = protocols
    made[:, 2 * width : 2 * width + 2] = low[:, -2:]
    made[:, 2 * width + 2 :] = high[:, -2:]
    return pa.Array.from_buffers(pa.binary(2 * width + 4), rows, [None, pa.py_buffer(made)]).cast(pa.binary())


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """DuckDB hashes a column faster than anything in Python does; nothing else is asked of this connection."""
    return duckdb.connect(":memory:")


def _big_endian(ports: npt.NDArray[np.int64]) -> Bytes:
    """Two bytes for each port."""
    return ports.astype(">u2").view(np.uint8).reshape(-1, 2)


@lru_cache(maxsize=65_536)
def _octets(text: str | None) -> bytes | None:
    found = address(text)
    return None if found is None else found.packed


def _port(text: str | None) -> int | None:
    """A number of 16 bits, None for other text, however long."""
    found = int(text) if text is not None and text.isdecimal() and len(text) < 20 else None
    return found if found is not None and found < 65_536 else None


def community(
    source: str | None, destination: str | None, source_port: str | None, destination_port: str | None,
    transport: str | None, icmp_type: str | None = None, icmp_code: str | None = None,
) -> str | None:  # fmt: skip
    protocol = _PROTOCOLS.get((transport or "").lower())
    low, high = _octets(source), _octets(destination)
    if protocol is None or low is None or high is None or len(low) != len(high):
        return None
    one_way = False
    one: int | None
    other: int | None
    if protocol in _WITH_PORTS:
        one, other = _port(source_port), _port(destination_port)
    elif protocol in _ANSWERS:
        answers = _ANSWERS[protocol]
        one = _port(icmp_type)
        if one is None:
            return None
        one_way = one not in answers
        other = answers.get(one, _port(icmp_code) or 0)
    else:
        first, second = (low, high) if low <= high else (high, low)
        return _community_id(first + second + bytes((protocol, 0)))
    if one is None or other is None:
        return None
    left, right = one.to_bytes(2, "big"), other.to_bytes(2, "big")
    if not one_way and low + left > high + right:
        low, high, left, right = high, low, right, left
    return _community_id(low + high + bytes((protocol, 0)) + left + right)


def _community_id(connection: bytes) -> str:
    hashed = hashlib.sha1(b"\0\0" + connection, usedforsecurity=False).digest()
    return "1:" + binascii.b2a_base64(hashed, newline=False).decode()


def name_parts(text: str, separator: str) -> dict[str, Any]:
    """The parts of a certificate's name, in the order of the text, up to the first that has no equals sign. Escaped
    commas are left out, as Elastic's pipelines do; a part that comes again makes a list."""
    found: dict[str, Any] = {}
    for part in text.replace("\\,", "").split(separator):
        key, equals, value = part.partition("=")
        if not equals:
            break
        if key in found:
            known = found[key]
            found[key] = [*known, value] if isinstance(known, list) else [known, value]
        else:
            found[key] = value
    return found


def distinguished_name(frame: Frame, step: Step) -> None:
    """A certificate's name taken apart, below each target: a target with ``short`` names holds ``state``, the ECS ones
    ``state_or_province``. The first ``keep`` target, if given, has the text without its escaped commas."""
    values = frame.get(step.sources[0])
    if values is None or not pa.types.is_string(values.type):
        return
    separator = step.options.get("separator", ",")
    encoded = values.dictionary_encode()
    names = [name_parts(text, separator) for text in encoded.dictionary.to_pylist()]
    targets = list(step.targets)
    if step.options.get("keep"):
        texts = [text.replace("\\,", "") for text in encoded.dictionary.to_pylist()]
        frame.put(targets.pop(0), pa.array(texts, pa.string()).take(encoded.indices))
    for key in sorted({key for parts in names for key in parts}):
        found = [parts.get(key) for parts in names]
        many = any(isinstance(value, list) for value in found)
        lists = [value if value is None or isinstance(value, list) else [value] for value in found]
        made = pa.array(lists, pa.list_(pa.string())) if many else pa.array(found, pa.string())
        column = made.take(encoded.indices)
        for target in targets:
            short = target.startswith(("zeek.", "suricata."))
            name = (_SHORT if short else _NAMES).get(key, key if short and _is_plain(key) else None)
            if name is not None:
                frame.put(f"{target}.{name}", column)


_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


def _is_plain(key: str) -> bool:
    """Whether a certificate's own key may be part of a field's name: anything else is the sender's text."""
    return _PLAIN.fullmatch(key) is not None


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@lru_cache(maxsize=262_144)
def domain_parts(name: str) -> tuple[str | None, str | None, str | None]:
    """Registered domain, subdomain and top-level domain of a name by the public suffix list."""
    trimmed = name.rstrip(".")
    if not trimmed or is_ip(trimmed) or len(trimmed) > 1_024:
        return None, None, None
    registered = _suffixes().privatesuffix(trimmed.lower())
    if registered is None:
        return None, None, None
    registered = trimmed[-len(registered) :]
    below = trimmed[: -len(registered)].rstrip(".") or None
    top = registered.partition(".")[2] or None
    return registered, below, top


@fills_below("registered_domain", "subdomain", "top_level_domain")
def domain(frame: Frame, step: Step) -> None:
    """Below the target: registered_domain, subdomain and top_level_domain. With ``when``, rows where that column is true."""
    values = frame.get(step.sources[0])
    if values is None or not pa.types.is_string(values.type):
        return
    encoded = values.dictionary_encode()
    parts = [domain_parts(text) for text in encoded.dictionary.to_pylist()]
    for at, name in enumerate(("registered_domain", "subdomain", "top_level_domain")):
        column = pa.array([part[at] for part in parts], pa.string()).take(encoded.indices)
        frame.put(f"{step.targets[0]}.{name}", column)


CONVERSIONS: dict[str, Callable[[Frame, Step], None]] = {
    made.__name__: made
    for made in (
        ip,
        direction,
        local_direction,
        related_ip,
        ip_version,
        community_id,
        distinguished_name,
        domain,
        request,
        url,
    )
}
