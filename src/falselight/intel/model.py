"""What an indicator is, whatever file it came from."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from falselight.mappings.network import domain_parts
from falselight.values import Malformed, ip


class Kind(StrEnum):
    """What an indicator is compared with."""

    IP = "ip"
    NETWORK = "network"
    ASN = "asn"
    DOMAIN = "domain"
    URL = "url"
    JA3 = "ja3"
    JA3S = "ja3s"
    JA4 = "ja4"
    JARM = "jarm"
    CERTIFICATE_HASH = "certificate hash"
    CERTIFICATE_SERIAL = "certificate serial"
    CERTIFICATE_SUBJECT = "certificate subject"
    FILE_HASH = "file hash"


class Indicator(NamedTuple):
    """One indicator. Times are epoch nanoseconds; ``expires`` is the first instant at which it no longer holds.
    ``confidence`` is 0 to 100 as STIX has it; None where the source does not say. ``port`` limits an address."""

    kind: Kind
    value: str
    source: str
    description: str = ""
    first_seen: int | None = None
    last_seen: int | None = None
    expires: int | None = None
    confidence: int | None = None
    port: int | None = None


_HEX = re.compile(r"[0-9a-fA-F]+")
_LABELS = re.compile(r"(?=.{1,253}\Z)(?:[\w-]{1,63}\.)+[\w-]{2,63}", re.ASCII)
_ADDRESS = re.compile(r"[0-9.]+|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*")
_WITH_PORT = re.compile(r"(?:([0-9.]+)|\[([0-9a-fA-F:.]+)\]|([\w.-]+)):([0-9]{1,5})", re.ASCII)
_FANGS = (("[.]", "."), ("(.)", "."), ("[:]", ":"), ("hxxp", "http"), ("hXXp", "http"))
_JA4 = re.compile(r"[tqd]\d\d[di]\d{4}[0-9a-z]{2}_[0-9a-f]{12}_[0-9a-f]{12}")
_ASN = re.compile(r"AS([0-9]{1,10})", re.IGNORECASE)


def normalised(indicator: Indicator) -> Indicator | None:
    """The indicator in the form in which events are compared; None if its value is none of its kind. An address with a
    port is taken apart."""
    kind, value, port = indicator.kind, _plain(indicator.value), indicator.port
    if kind in (Kind.IP, Kind.DOMAIN) and port is None and ":" in value:
        found = _WITH_PORT.fullmatch(value)
        if found:
            value, port = found.group(1) or found.group(2) or found.group(3), int(found.group(4))
    made = _NORMALISERS[kind](value)
    if made is None:
        return None
    unchanged = made == indicator.value and port == indicator.port
    return indicator if unchanged else indicator._replace(value=made, port=port)


def _plain(text: str) -> str:
    """A value without the brackets and letters that keep people from clicking it."""
    value = text.strip()
    if "[" in value or "(" in value or value[:2] in ("hx", "hX"):
        for fanged, plain in _FANGS:
            value = value.replace(fanged, plain)
    return value


def classify(text: str) -> Kind | None:
    """The kind of a bare value of a list; None for what is none. A hash of a bare list is one of a file."""
    value = _plain(text)
    if "://" in value:
        return Kind.URL
    if "/" in value:
        return Kind.NETWORK if _network(value) is not None else Kind.URL
    with_port = _WITH_PORT.fullmatch(value) if ":" in value else None
    if with_port and (with_port.group(1) or with_port.group(2)):
        return Kind.IP
    if _ADDRESS.fullmatch(value) and _address(value) is not None:
        return Kind.IP
    if len(value) in (32, 40, 64) and _HEX.fullmatch(value):
        return Kind.FILE_HASH
    if _JA4.fullmatch(value):
        return Kind.JA4
    if _ASN.fullmatch(value):
        return Kind.ASN
    return Kind.DOMAIN if _domain(value.rpartition(":")[0] if with_port else value) is not None else None


def _address(value: str) -> str | None:
    try:
        return ip(value.strip("[]"))[0]
    except Malformed:
        return None


def _network(value: str) -> str | None:
    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        return None


def _domain(value: str) -> str | None:
    name = value.removeprefix("*").strip(".").lower()
    if not _LABELS.fullmatch(name):
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            return None
        if not _LABELS.fullmatch(name):
            return None
    # Only what ends in a digit can be an address.
    return name if not name[-1].isdigit() or _address(name) is None else None


def _url(value: str) -> str | None:
    text = value if "://" in value or value.startswith("/") else f"http://{value}"
    return (text.rstrip("/") or None) if " " not in text and not text.endswith("://") else None


def _hash(*lengths: int) -> Callable[[str], str | None]:
    def made(value: str) -> str | None:
        text = value.replace(":", "").lower()
        return text if len(text) in lengths and _HEX.fullmatch(text) else None

    return made


def _serial(value: str) -> str | None:
    text = value.replace(":", "").removeprefix("0x").upper().lstrip("0")
    return text if text and _HEX.fullmatch(text) else None


def _asn(value: str) -> str | None:
    found = _ASN.fullmatch(value) or re.fullmatch(r"([0-9]{1,10})", value)
    return str(int(found.group(1))) if found else None


def _text(value: str) -> str | None:
    return value.lower() or None


_NORMALISERS: dict[Kind, Callable[[str], str | None]] = {
    Kind.IP: _address,
    Kind.NETWORK: _network,
    Kind.ASN: _asn,
    Kind.DOMAIN: _domain,
    Kind.URL: _url,
    Kind.JA3: _hash(32),
    Kind.JA3S: _hash(32),
    Kind.JA4: _text,
    Kind.JARM: _hash(62),
    Kind.CERTIFICATE_HASH: _hash(32, 40, 64),
    Kind.CERTIFICATE_SERIAL: _serial,
    Kind.CERTIFICATE_SUBJECT: _text,
    Kind.FILE_HASH: _hash(32, 40, 64),
}


def is_shared(name: str) -> bool:
    """Whether a name is no one's own: a public suffix, or one below which strangers register (the private part of the
    public suffix list, such as github.io)."""
    return domain_parts(name)[0] is None
