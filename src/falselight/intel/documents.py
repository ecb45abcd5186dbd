"""Indicators from JSON: STIX 2.1, MISP, and threat-intelligence documents in ECS."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from falselight.intel.forms import MOST_PORT, Skip, moment, number
from falselight.intel.model import Indicator, Kind, classify

# One comparison of a STIX pattern: an object path, = or ISSUBSET, a string.
_COMPARISON = re.compile(
    r"([a-z0-9-]+:[\w.'\-\[\]*]+)\s*(=|ISSUBSET|IN)\s*('(?:[^'\\]|\\.)*'|\((?:[^()'\\]|'(?:[^'\\]|\\.)*')*\)|\d+)"
)
_STRING = re.compile(r"'((?:[^'\\]|\\.)*)'")
_STIX = {
    "ipv4-addr:value": Kind.IP, "ipv6-addr:value": Kind.IP, "domain-name:value": Kind.DOMAIN, "url:value": Kind.URL,
    "autonomous-system:number": Kind.ASN, "x509-certificate:serial_number": Kind.CERTIFICATE_SERIAL,
    "x509-certificate:subject": Kind.CERTIFICATE_SUBJECT,
}  # fmt: skip
_MISP = {
    "ip-dst": Kind.IP, "ip-src": Kind.IP, "ip-dst|port": Kind.IP, "ip-src|port": Kind.IP, "domain": Kind.DOMAIN,
    "hostname": Kind.DOMAIN, "hostname|port": Kind.DOMAIN, "url": Kind.URL, "AS": Kind.ASN,
    "ja3-fingerprint-md5": Kind.JA3, "jarm-fingerprint": Kind.JARM,
    "x509-fingerprint-md5": Kind.CERTIFICATE_HASH, "x509-fingerprint-sha1": Kind.CERTIFICATE_HASH,
    "x509-fingerprint-sha256": Kind.CERTIFICATE_HASH, "md5": Kind.FILE_HASH, "sha1": Kind.FILE_HASH, "sha256": Kind.FILE_HASH,
    "domain|ip": Kind.DOMAIN,
}  # fmt: skip
_ECS = {
    "ip": Kind.IP, "url.full": Kind.URL, "url.original": Kind.URL, "url.domain": Kind.DOMAIN, "domain": Kind.DOMAIN,
    "name": None, "as.number": Kind.ASN, "x509.serial_number": Kind.CERTIFICATE_SERIAL,
    "x509.subject.distinguished_name": Kind.CERTIFICATE_SUBJECT,
    "tls.client.ja3": Kind.JA3, "tls.server.ja3s": Kind.JA3S, "file.hash.md5": Kind.FILE_HASH, "file.hash.sha1": Kind.FILE_HASH,
    "file.hash.sha256": Kind.FILE_HASH, "file.x509.serial_number": Kind.CERTIFICATE_SERIAL,
}  # fmt: skip
_WORDS = {"low": 30, "medium": 60, "high": 90, "none": 0, "not specified": None}


def read(values: Iterable[Any], source: str, skip: Skip) -> Iterator[Indicator]:
    """The indicators of JSON values, each of which may hold many."""
    for value in values:
        if isinstance(value, list):
            yield from read(value, source, skip)
        elif not isinstance(value, Mapping):
            known = classify(value) if isinstance(value, str) else None
            if known is None:
                skip("a JSON value that is no indicator")
            else:
                yield Indicator(known, value, source)
        elif isinstance(value.get("objects"), list):
            yield from _stix(value["objects"], source, skip)
        elif value.get("type") == "indicator" and "pattern" in value:
            yield from _stix([value], source, skip)
        elif isinstance(value.get("response"), list | Mapping):
            inner = value["response"]
            yield from read(
                inner if isinstance(inner, list) else [{"Event": {"Attribute": inner.get("Attribute", [])}}],
                source,
                skip,
            )
        elif isinstance(value.get("Event"), Mapping):
            yield from _misp(value["Event"], source, skip)
        elif isinstance(value.get("hits"), Mapping) and isinstance(value["hits"].get("hits"), list):
            yield from read([hit.get("_source", {}) for hit in value["hits"]["hits"]], source, skip)
        elif isinstance(value.get("_source"), Mapping):
            yield from read([value["_source"]], source, skip)
        else:
            yield from _ecs(value, source, skip)


def _stix(objects: Iterable[Any], source: str, skip: Skip) -> Iterator[Indicator]:
    objects = [each for each in objects if isinstance(each, Mapping)]
    names = {each.get("id"): each.get("name") for each in objects if each.get("type") == "identity"}
    for each in objects:
        if each.get("type") != "indicator":
            continue
        pattern = each.get("pattern")
        if each.get("pattern_type", "stix") != "stix" or not isinstance(pattern, str):
            skip(
                f"a STIX indicator whose pattern is {each.get('pattern_type', 'missing')}",
                meant=isinstance(pattern, str),
            )
            continue
        if each.get("revoked"):
            skip("a revoked STIX indicator", meant=True)
            continue
        whose = names.get(each.get("created_by_ref")) or source
        confidence = each.get("confidence")
        about = str(each.get("name") or each.get("description") or "")
        found = list(_pattern(pattern))
        if not found:
            skip("a STIX pattern that asks for more than one value")
        for kind, value in found:
            yield Indicator(
                kind, value, str(whose), about, moment(each.get("valid_from")), None, moment(each.get("valid_until")),
                confidence if isinstance(confidence, int) and 0 <= confidence <= 100 else None,
            )  # fmt: skip


def _pattern(pattern: str) -> Iterator[tuple[Kind, str]]:
    """The values that a pattern names. One that joins several conditions by AND, or observations by FOLLOWEDBY, says more
    than any of them alone, and gives nothing."""
    bare = _STRING.sub("''", pattern)
    if re.search(r"\bAND\b|\bFOLLOWEDBY\b|\bNOT\b|!=|\bMATCHES\b|\bLIKE\b", bare):
        return
    for path, operator, constant in _COMPARISON.findall(pattern):
        values = [text.replace("\\'", "'").replace("\\\\", "\\") for text in _STRING.findall(constant)] or [constant]
        kind = _kind_of_path(path)
        for value in values:
            if kind is Kind.IP and (operator == "ISSUBSET" or "/" in value):
                yield Kind.NETWORK, value
            elif kind is not None:
                yield kind, value


def _kind_of_path(path: str) -> Kind | None:
    if path.startswith("x509-certificate:hashes"):
        return Kind.CERTIFICATE_HASH
    if path.startswith("file:hashes"):
        return Kind.FILE_HASH
    return _STIX.get(path)


def _misp(event: Mapping[str, Any], source: str, skip: Skip) -> Iterator[Indicator]:
    groups = [event.get("Attribute") or []]
    groups.extend(each.get("Attribute") or [] for each in event.get("Object") or [] if isinstance(each, Mapping))
    whose = (event.get("Orgc") or {}).get("name") if isinstance(event.get("Orgc"), Mapping) else None
    for attribute in (each for group in groups for each in group if isinstance(each, Mapping)):
        kind = _MISP.get(str(attribute.get("type")))
        value = str(attribute.get("value", ""))
        if kind is None or attribute.get("to_ids") is False or attribute.get("deleted"):
            other = "that is no indicator of a server" if kind is None else "not meant for detection"
            skip(f"a MISP attribute {other}", meant=True)
            continue
        about = str(attribute.get("comment") or event.get("info") or "")
        times = moment(attribute.get("first_seen")), moment(attribute.get("last_seen"))
        parts = value.split("|")
        if attribute.get("type") == "domain|ip" and len(parts) == 2:
            yield Indicator(Kind.IP, parts[1], str(whose or source), about, *times)
        with_port = str(attribute.get("type")).endswith("|port") and len(parts) == 2
        port = number(parts[1], MOST_PORT) if with_port else None
        yield Indicator(kind, parts[0], str(whose or source), about, *times, port=port)


def _ecs(document: Mapping[str, Any], source: str, skip: Skip) -> Iterator[Indicator]:
    """``threat.indicator.*`` of one document, nested or dotted."""
    flat = dict(_flattened(document, ""))
    below = {
        name.removeprefix("threat.indicator."): value
        for name, value in flat.items()
        if name.startswith("threat.indicator.")
    }
    if not below:
        skip("a JSON object that is no indicator")
        return
    confidence = below.get("confidence")
    level = confidence if isinstance(confidence, int) else _WORDS.get(str(confidence).lower())
    level = level if level is not None and 0 <= level <= 100 else None
    about = str(below.get("description") or below.get("type") or "")
    found = False
    for name, kind in _ECS.items():
        for value in _listed(below.get(name)):
            known = kind or classify(value)
            if known is not None and not (name == "name" and found):
                found = True
                yield Indicator(
                    known, value, str(below.get("provider") or flat.get("threat.feed.name") or source), about,
                    moment(below.get("first_seen")), moment(below.get("last_seen")), moment(below.get("valid_until")), level,
                )  # fmt: skip
    if not found:
        skip("a threat document without an indicator of a server", meant=True)


def _listed(value: Any) -> list[str]:
    return [str(each) for each in (value if isinstance(value, list) else [value]) if each is not None]


def _flattened(document: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in document.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
