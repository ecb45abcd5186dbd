"""Shodan: banners (``shodan download``, one a line), and a host's document of the API (banners below ``data``)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from falselight.infrastructure.records import (
    MOST_TEXT,
    Certificate,
    Machine,
    Record,
    Service,
    Unknown,
    address,
    at,
    digest,
    distinguished,
    each,
    moment,
    names,
    port,
    serial,
    text,
    whole,
)


def is_ours(value: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a banner or a host's document."""
    return "ip_str" in value and ("port" in value or isinstance(value.get("data"), list))


def read(value: Mapping[str, Any]) -> Iterator[Record]:
    """The records of one object."""
    if isinstance(value.get("data"), list):
        known = address(value.get("ip_str"))
        if known is None:
            yield Unknown("a Shodan host without an address")
            return
        yield _machine(value, known, moment(value.get("last_update")))
        for banner in value["data"]:
            if isinstance(banner, Mapping):
                yield from _banner(banner, known)
            else:
                yield Unknown("a Shodan banner that is no object")
        return
    yield from _banner(value, None)


def _banner(value: Mapping[str, Any], host: str | None) -> Iterator[Record]:
    known = address(value.get("ip_str")) or host
    if known is None:
        yield Unknown("a Shodan banner without an address")
        return
    seen = moment(value.get("timestamp"))
    yield _machine(value, known, seen)
    body = value.get("data") if isinstance(value.get("data"), str) else ""
    product = " ".join(filter(None, (text(value.get("product")), text(value.get("version")))))
    yield Service(
        known, port(value.get("port")), seen, text(value.get("transport")), product or None, str(body)[:MOST_TEXT],
        text(at(value, "http", "title")), _certificate(value), tuple(_marks(value, str(body))),
    )  # fmt: skip


def _machine(value: Mapping[str, Any], known: str, seen: int | None) -> Machine:
    number = value.get("asn")
    system = whole(number[2:]) if isinstance(number, str) and number[:2].upper() == "AS" else whole(number)
    return Machine(known, names(value.get("hostnames")), system, text(value.get("org")) or text(value.get("isp")), seen)


def _certificate(value: Mapping[str, Any]) -> Certificate | None:
    found = at(value, "ssl", "cert")
    if not isinstance(found, Mapping):
        return None
    hashes = (digest(at(found, "fingerprint", "sha256")), digest(at(found, "fingerprint", "sha1")))
    return Certificate(
        tuple(filter(None, hashes)), serial(found.get("serial")), distinguished(found.get("subject")),
        distinguished(found.get("issuer")), None, names(at(found, "subject", "CN"), _alternatives(found)), None,
        moment(found.get("issued")), moment(found.get("expires")),
    )  # fmt: skip


def _alternatives(found: Mapping[str, Any]) -> list[str]:
    """Subject alternative names, which Shodan gives as the bytes of the extension: each is 0x82, a length, the name."""
    listed = (one for one in each(found.get("extensions")) if at(one, "name") == "subjectAltName")
    raw = at(next(listed, None), "data")
    if not isinstance(raw, str):
        return []
    data = raw.encode("ascii", "ignore").decode("unicode_escape", "ignore") if "\\x" in raw else raw
    found_names, place = [], data.find("\x82")
    while 0 <= place < len(data) - 1:
        length = ord(data[place + 1])
        found_names.append(data[place + 2 : place + 2 + length])
        place = data.find("\x82", place + 2 + length)
    return found_names


def _marks(value: Mapping[str, Any], body: str) -> Iterator[tuple[str, str]]:
    direct = {
        "jarm": at(value, "ssl", "jarm"), "ja3s": at(value, "ssl", "ja3s"), "ja4s": at(value, "ssl", "ja4s"),
        "ssh host key": at(value, "ssh", "fingerprint"),
    }  # fmt: skip
    for trait, written in direct.items():
        known = text(written)
        if known is not None and known.strip("0"):
            yield trait, known.replace(":", "").lower()
    favicon = whole(at(value, "http", "favicon", "hash"))
    if favicon is not None:
        yield "favicon", f"mmh3:{favicon}"
    page = whole(at(value, "http", "html_hash"))
    if page:
        yield "page", f"shodan:{page}"
    title = text(at(value, "http", "title"))
    if title is not None:
        yield "title", title
    # A web server's banner has the date in it, and SSH's names a version that thousands have.
    if body.strip() and not body.startswith("SSH-") and not isinstance(value.get("http"), Mapping):
        yield "banner", "sha256:" + hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()
    for settings in (at(value, "cobalt_strike_beacon", "x86"), at(value, "cobalt_strike_beacon", "x64")):
        key = digest(at(settings, "server.publickey_md5"))
        if key is not None:
            yield "beacon key", key
