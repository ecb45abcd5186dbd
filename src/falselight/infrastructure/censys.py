"""Censys: hosts of the search (version 2), of the platform and of the old IPv4 index, alone or within an answer of the API,
and certificates."""

from __future__ import annotations

import re
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

_WRAPPERS = ("host_v1", "certificate_v1", "webproperty_v1")


def is_host(value: Mapping[str, Any]) -> bool:
    return "ip" in value and (
        "services" in value or "autonomous_system" in value or any(_OLD_PORT.fullmatch(str(key)) for key in value)
    )


def is_certificate(value: Mapping[str, Any]) -> bool:
    return "fingerprint_sha256" in value and ("parsed" in value or "names" in value)


def unwrapped(value: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The hosts and certificates of an answer of the API; the object itself if it is none."""
    result = value.get("result")
    if isinstance(result, Mapping):
        hits = result.get("hits")
        for hit in hits if isinstance(hits, list) else [result]:
            if isinstance(hit, Mapping):
                yield from unwrapped(hit)
        return
    if isinstance(result, list):
        for hit in result:
            if isinstance(hit, Mapping):
                yield from unwrapped(hit)
        return
    for key in _WRAPPERS:
        inner = value.get(key)
        if isinstance(inner, Mapping):
            yield from unwrapped(inner)
            return
    for key in ("resource", "host", "certificate"):
        inner = value.get(key)
        if isinstance(inner, Mapping) and (is_host(inner) or is_certificate(inner)):
            yield inner
            return
    yield value


def read(value: Mapping[str, Any]) -> Iterator[Record]:
    """The records of one host or certificate."""
    if is_certificate(value):
        yield certificate(value)
        return
    known = address(value.get("ip"))
    if known is None:
        yield Unknown("a Censys host without an address")
        return
    seen = moment(value.get("last_updated_at")) or moment(value.get("updated_at"))
    system = value.get("autonomous_system")
    yield Machine(
        known,
        names(at(value, "dns", "names"), at(value, "dns", "reverse_dns", "names"), value.get("names")),
        whole(at(system, "asn")),
        text(at(value, "whois", "organization", "name")) or text(at(system, "name")) or text(at(system, "description")),
        seen,
    )
    if isinstance(value.get("services"), list):
        for service in value["services"]:
            if isinstance(service, Mapping):
                yield _service(service, known, seen)
            else:
                yield Unknown("a Censys service that is no object")
    else:
        yield from _old(value, known, seen)


def _service(value: Mapping[str, Any], known: str, seen: int | None) -> Service:
    software = next(
        (one for one in each(value.get("software")) if isinstance(one, Mapping) and text(one.get("product"))), {}
    )
    product = " ".join(filter(None, (text(software.get("product")), text(software.get("version")))))
    response = at(value, "http", "response") or next(
        (at(one, "http") for one in each(value.get("endpoints")) if isinstance(at(one, "http"), Mapping)), None
    )
    threats = [text(at(one, "name")) for one in each(value.get("threats"))]
    banner = text(value.get("banner")) or ""
    return Service(
        known, port(value.get("port")), moment(value.get("observed_at")) or moment(value.get("scan_time")) or seen,
        (text(value.get("transport_protocol")) or "").lower() or None,
        ", ".join(filter(None, (product, *threats))) or text(value.get("extended_service_name"))
        or text(value.get("protocol")) or text(value.get("service_name")),
        (banner or _headers(response))[:MOST_TEXT], text(at(response, "html_title")), _presented(value),
        tuple(_marks(value, response, banner)),
    )  # fmt: skip


def _headers(response: Any) -> str:
    """The headers of an answer as lines, where no banner has them."""
    found = at(response, "headers")
    lines = []
    for key, many in found.items() if isinstance(found, Mapping) else ():
        values = at(many, "headers") if isinstance(many, Mapping) else many
        lines += [f"{key.replace('_', '-')}: {one}" for one in each(values) if isinstance(one, str)]
    return "\r\n".join(lines)


def _presented(value: Mapping[str, Any]) -> Certificate | None:
    """The certificate of a service: whole on the platform, by its hash and names in version 2."""
    if isinstance(value.get("cert"), Mapping):
        return certificate(value["cert"])
    held = at(value, "tls", "certificates")
    leaf = at(held, "leaf_data")
    known = digest(at(held, "leaf_fp_sha_256")) or digest(at(leaf, "fingerprint")) or digest(value.get("certificate"))
    if known is None:
        return None
    signed = at(leaf, "signature", "self_signed")
    return Certificate(
        (known,), serial(at(leaf, "serial_number")), distinguished(at(leaf, "subject_dn")), distinguished(at(leaf, "issuer_dn")),
        digest(at(leaf, "public_key", "fingerprint")), names(at(leaf, "names"), at(leaf, "subject", "common_name")),
        signed if isinstance(signed, bool) else None,
    )  # fmt: skip


def certificate(value: Mapping[str, Any]) -> Certificate:
    """A certificate's own document."""
    parsed = value.get("parsed")
    hashes = [digest(value.get(f"fingerprint_{method}")) for method in ("sha256", "sha1", "md5")]
    times = at(parsed, "validity_period") or at(parsed, "validity")
    signed = at(parsed, "signature", "self_signed")
    number = at(parsed, "serial_number_hex") or at(parsed, "serial_number")
    if isinstance(number, str) and number.isdecimal() and at(parsed, "serial_number_hex") is None:
        number = int(number) if len(number) < 60 else None
    return Certificate(
        tuple(filter(None, hashes)), serial(number), distinguished(at(parsed, "subject_dn")),
        distinguished(at(parsed, "issuer_dn")),
        digest(at(parsed, "subject_key_info", "fingerprint_sha256")) or digest(at(parsed, "public_key", "fingerprint")),
        names(value.get("names"), at(parsed, "names"), at(parsed, "subject", "common_name")),
        signed if isinstance(signed, bool) else None,
        moment(at(times, "not_before")) or moment(at(times, "start")), moment(at(times, "not_after")) or moment(at(times, "end")),
    )  # fmt: skip


def _marks(value: Mapping[str, Any], response: Any, banner: str) -> Iterator[tuple[str, str]]:
    tls = value.get("tls")
    direct = {
        "jarm": at(value, "jarm", "fingerprint") or value.get("jarm"), "ja3s": at(tls, "ja3s"), "ja4s": at(tls, "ja4s"),
        "ssh host key": at(value, "ssh", "server_host_key", "fingerprint_sha256"),
    }  # fmt: skip
    for trait, written in direct.items():
        known = text(written)
        if known is not None and known.strip("0"):
            yield trait, known.replace(":", "").lower()
    page = digest(at(response, "body_hash_sha256")) or digest(at(response, "body_hash"))
    if page is not None and page not in _EMPTY:
        yield "page", page
    if text(at(response, "html_title")):
        yield "title", str(text(response["html_title"]))
    for icon in (*each(at(response, "favicons")), *each(value.get("favicons"))):
        known = digest(at(icon, "md5_hash")) or digest(at(icon, "hash_md5"))
        number = whole(at(icon, "shodan_hash")) or whole(at(icon, "hash_shodan"))
        if known is not None:
            yield "favicon", f"md5:{known}"
        if number is not None:
            yield "favicon", f"mmh3:{number}"
    hashes = [value.get("banner_hash_sha256"), *each(value.get("banner_hashes"))]
    # As Shodan's: neither web servers' banners nor SSH's.
    if (
        not isinstance(response, Mapping)
        and not banner.startswith("SSH-")
        and (banner or text(value.get("banner_hash_sha256")))
    ):
        for known in sorted({one for one in map(digest, hashes) if one is not None and one not in _EMPTY}):
            yield "banner", f"sha256:{known}"


_EMPTY = frozenset({
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
})  # fmt: skip
_OLD_PORT = re.compile(r"[0-9]{1,5}")


def _old(value: Mapping[str, Any], known: str, seen: int | None) -> Iterator[Service]:
    """The old IPv4 index: a key for each port, below it one for the protocol and one for what was asked."""
    for key, protocols in value.items():
        if not _OLD_PORT.fullmatch(key) or not isinstance(protocols, Mapping):
            continue
        for protocol, asked in sorted(protocols.items()):
            tls = at(asked, "tls") or at(asked, "starttls", "tls")
            leaf = at(tls, "certificate")
            page, ssh = at(asked, "get"), at(asked, "v2", "server_host_key", "fingerprint_sha256")
            held = None
            if isinstance(at(leaf, "parsed"), Mapping):
                held = certificate(
                    {"parsed": leaf["parsed"], "fingerprint_sha256": at(leaf, "parsed", "fingerprint_sha256")}
                )
            marks = {
                "ssh host key": digest(ssh),
                "page": digest(at(page, "body_sha256")),
                "title": text(at(page, "title")),
            }
            yield Service(
                known, port(key), seen, "tcp", protocol, text(at(asked, "banner", "banner")) or _headers(page),
                text(at(page, "title")), held,
                tuple((trait, mark) for trait, mark in marks.items() if mark is not None and mark not in _EMPTY),
            )  # fmt: skip
