"""Indicator files of the forms that people have → indicators.

The form is told by content: STIX 2.1 bundles, MISP events, threat-intelligence documents in ECS, Zeek intel files, abuse.ch's
CSV files and others with a header, Suricata rules, hosts files, and plain lists (maltrail's trails among them)."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Protocol

import orjson

from falselight import timestamps
from falselight.intel.model import Indicator, Kind, classify


class Skip(Protocol):
    """Takes why something gives no indicator. ``meant``: its source says so itself, or it is of another matter; nothing is
    damaged."""

    def __call__(self, why: str, *, meant: bool = False) -> None: ...


MOST_PORT = 65_535
# Columns of CSV files by their lower-case names; None: the value tells its kind itself.
_COLUMNS: dict[str, Kind | None] = {
    "url": Kind.URL, "ioc_value": None, "ioc": None, "indicator": None, "value": None, "dst_ip": Kind.IP,
    "dstip": Kind.IP, "ip": Kind.IP, "ip_address": Kind.IP, "host": None, "domain": Kind.DOMAIN, "hostname": Kind.DOMAIN,
    "sha1": Kind.CERTIFICATE_HASH, "ja3_md5": Kind.JA3, "ja3": Kind.JA3, "ja3s": Kind.JA3S, "ja4": Kind.JA4,
    "jarm": Kind.JARM, "cidr": Kind.NETWORK, "network": Kind.NETWORK, "asn": Kind.ASN, "trail": None,
    "sha256_hash": Kind.FILE_HASH, "certificate_serial": Kind.CERTIFICATE_SERIAL,
    "certificate_subject": Kind.CERTIFICATE_SUBJECT, "certificate_hash": Kind.CERTIFICATE_HASH,
}  # fmt: skip
_FIRST = ("first_seen_utc", "firstseen", "dateadded", "listingdate", "first_seen", "date")
_LAST = ("last_seen_utc", "last_online", "lastseen", "last_seen")
_ABOUT = ("malware_printable", "malware", "threat", "listingreason", "description", "info", "tags", "comment")
_TYPES = {"ip:port": Kind.IP, "domain": Kind.DOMAIN, "url": Kind.URL, "md5_hash": Kind.FILE_HASH, "sha256_hash": Kind.FILE_HASH,
          "sha1_hash": Kind.FILE_HASH}  # fmt: skip
_ZEEK = {
    "Intel::ADDR": Kind.IP, "Intel::SUBNET": Kind.NETWORK, "Intel::DOMAIN": Kind.DOMAIN, "Intel::URL": Kind.URL,
    "Intel::CERT_HASH": Kind.CERTIFICATE_HASH, "Intel::JA3": Kind.JA3, "Intel::FILE_HASH": Kind.FILE_HASH,
}  # fmt: skip
_HOSTS = re.compile(r"(?:0\.0\.0\.0|127\.0\.0\.1|::1?)\s+(\S+)")
_RULE = re.compile(r"^(?:alert|drop|reject|pass)\s+\S+\s+.+?->\s*(\[[^\]]*\]|\S+)\s+(\S+)\s*\((.*)\)\s*$")
_MATCHED = re.compile(
    r"\b(ja3\.hash|ja3s\.hash|tls\.sni|tls\.cert_fingerprint|dns\.query|http\.host|tls\.cert_serial)\s*;[^;]*?content:\s*\"([^\"]+)\""
)
_BUFFERS = {"ja3.hash": Kind.JA3, "ja3s.hash": Kind.JA3S, "tls.sni": Kind.DOMAIN, "dns.query": Kind.DOMAIN,
            "http.host": Kind.DOMAIN,
            "tls.cert_fingerprint": Kind.CERTIFICATE_HASH, "tls.cert_serial": Kind.CERTIFICATE_SERIAL}  # fmt: skip
_MESSAGE = re.compile(r'\bmsg:\s*"([^"]*)"')


def read(data: bytes, source: str, skip: Skip) -> Iterator[Indicator]:
    """The indicators of one file; what is none goes to ``skip`` with its reason."""
    from falselight.intel import documents

    stripped = data.lstrip(b"\xef\xbb\xbf \t\r\n")
    if stripped[:1] in (b"{", b"["):
        yield from documents.read(_json(stripped, skip), source, skip)
        return
    lines = data.decode("utf-8", "replace").removeprefix("﻿").splitlines()
    header = _header(lines)
    if any(line.startswith("#fields\t") for line in lines[:50]):
        yield from _zeek(lines, source, skip)
    elif header is not None:
        yield from _table(lines, header, source, skip)
    elif any(_RULE.match(line) for line in lines[:200]):
        yield from _rules(lines, source)
    else:
        yield from _list(lines, source, skip)


def _json(data: bytes, skip: Skip) -> Iterator[Any]:
    """One JSON value, or one a line."""
    try:
        yield orjson.loads(data)
        return
    except orjson.JSONDecodeError:
        pass
    for line in data.splitlines():
        if not line.strip():
            continue
        try:
            yield orjson.loads(line)
        except orjson.JSONDecodeError:
            skip("a line that is not JSON")


def _header(lines: list[str]) -> list[str] | None:
    """The names of a CSV file's columns: its first line, or the last of its leading comments."""
    candidates = [line for line in lines[:100] if line.startswith("#")][-12:]
    first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    for line in (first, *reversed(candidates)):
        names = [name.strip().strip('"').lower() for name in line.lstrip("# ").split(",")]
        if len(names) > 1 and any(name in _COLUMNS for name in names):
            return names
    return None


def _table(lines: list[str], header: list[str], source: str, skip: Skip) -> Iterator[Indicator]:
    at = {name: place for place, name in reversed(list(enumerate(header)))}
    named = next(name for name in header if name in _COLUMNS)
    groups = ((named,), ("ioc_type", "type"), ("confidence_level", "confidence"), ("dst_port", "dstport", "port"), _ABOUT, _FIRST,
              _LAST)  # fmt: skip
    places = [[at[name] for name in names if name in at] for names in groups]
    for cells in _rows(lines, skip):
        if [cell.lower() for cell in cells] == header:
            continue
        if len(cells) < len(header) - 1:
            skip("a row with too few columns")
            continue
        value, stated, confidence, port, about, first, last = (_first(cells, own) for own in places)
        kind = _COLUMNS[named] or _TYPES.get(stated.lower()) or classify(value)
        if kind is None:
            skip("a value that is no indicator")
            continue
        yield Indicator(
            kind, value, source, about, moment(first), moment(last), None, number(confidence, 100),
            number(port, MOST_PORT) if kind is Kind.IP else None,
        )  # fmt: skip


def _rows(lines: list[str], skip: Skip) -> Iterator[list[str]]:
    """The rows of a table, their cells without blanks around them."""
    rows = csv.reader((line for line in lines if line.strip() and not line.startswith("#")), skipinitialspace=True)
    while True:
        try:
            yield [cell.strip() for cell in next(rows)]
        except StopIteration:
            return
        except csv.Error:
            skip("a row that is no CSV")


def _first(cells: list[str], places: list[int]) -> str:
    """The first cell of these that is not empty."""
    for place in places:
        if place < len(cells) and cells[place]:
            return cells[place]
    return ""


def _zeek(lines: list[str], source: str, skip: Skip) -> Iterator[Indicator]:
    names: list[str] = []
    for line in lines:
        if line.startswith("#fields\t"):
            names = line.split("\t")[1:]
        elif line and not line.startswith("#"):
            cells = dict(zip(names, line.split("\t"), strict=False))
            kind = _ZEEK.get(cells.get("indicator_type", ""))
            if kind is None or "indicator" not in cells:
                skip(f"a Zeek indicator of type {cells.get('indicator_type', '-')}")
                continue
            about = next((cells[name] for name in ("meta.desc", "meta.url") if cells.get(name, "-") != "-"), "")
            yield Indicator(kind, cells["indicator"], cells.get("meta.source", source), about)


def _rules(lines: list[str], source: str) -> Iterator[Indicator]:
    """What Suricata rules compare whole: destinations, JA3, certificates and names."""
    for line in lines:
        rule = _RULE.match(line)
        if rule is None:
            continue
        destination, port, options = rule.groups()
        message = _MESSAGE.search(options)
        about = message.group(1) if message else ""
        for text in destination.strip("[]").split(","):
            kind = classify(text.strip()) if not text.strip().startswith(("$", "!", "any")) else None
            if kind in (Kind.IP, Kind.NETWORK):
                yield Indicator(kind, text.strip(), source, about, port=number(port, MOST_PORT))
        for buffer, content in _MATCHED.findall(options):
            if "|" not in content:
                yield Indicator(_BUFFERS[buffer], content, source, about)


def _list(lines: list[str], source: str, skip: Skip) -> Iterator[Indicator]:
    """A value a line; a comment above (maltrail's reference) or behind it is its description."""
    about = ""
    for line in lines:
        text, _, behind = line.strip().partition("#")
        text = text.strip()
        if not text or text.startswith(("//", ";", "!")):
            if behind.strip():
                about = behind.strip()
            continue
        hosts = _HOSTS.fullmatch(text)
        value = hosts.group(1) if hosts else "".join(text.split(",")[0].split()[:1])
        kind = Kind.DOMAIN if hosts else classify(value)
        if kind is None:
            skip("a line that is no indicator")
            continue
        if not (hosts and value in ("localhost", "localhost.localdomain", "broadcasthost", "0.0.0.0")):
            yield Indicator(kind, value, source, behind.strip() or about)


def number(text: str, most: int) -> int | None:
    """A whole number from 0 to ``most``; None where the text is none."""
    found = int(text) if len(text) <= len(str(most)) and text.isdecimal() else None
    return found if found is not None and found <= most else None


def moment(text: Any) -> int | None:
    """A time of any usual form as epoch nanoseconds; None where there is none."""
    return _moment(text) if isinstance(text, str) and text else None


@lru_cache(maxsize=1 << 16)
def _moment(text: str) -> int | None:
    written = text.strip().removesuffix(" UTC").replace(" ", "T", 1)
    try:
        return timestamps.parse(written if written.endswith("Z") or "+" in written else written + "Z")
    except ValueError:
        return None
