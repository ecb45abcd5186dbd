"""Documents as Elasticsearch's mapper sees them: for each field a list of values that compare as its type compares."""

from __future__ import annotations

import ipaddress
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STRINGS = {"keyword", "wildcard", "constant_keyword"}


@dataclass(frozen=True)
class Kind:
    """A field's type and the options that change its values."""

    type: str
    null_value: Any = None
    ignore_above: int | None = None
    exact: str | None = None


@dataclass
class Document:
    """One event: where it stands, its source, and its fields' values."""

    position: int
    source: Mapping[str, Any]
    values: dict[str, list[Any]] = field(default_factory=dict)


def kinds(mapping: Mapping[str, Any], prefix: str = "") -> dict[str, Kind]:
    """Every field of a mapping by its dotted name, multi-fields too."""
    found: dict[str, Kind] = {}
    for name, entry in mapping["properties"].items():
        full = prefix + name
        if "properties" in entry:
            found[full] = Kind("object")
            found.update(kinds(entry, full + "."))
            continue
        subs = entry.get("fields", {})
        exact = next((f"{full}.{sub}" for sub, below in subs.items() if below["type"] in STRINGS), None)
        found[full] = Kind(entry["type"], entry.get("null_value"), entry.get("ignore_above"), exact)
        for sub, below in subs.items():
            found[f"{full}.{sub}"] = Kind(below["type"], None, below.get("ignore_above"))
    return found


def documents(sources: list[Mapping[str, Any]], fields: Mapping[str, Kind]) -> list[Document]:
    """All sources as documents in their order."""
    return [Document(number, source, _values(source, fields)) for number, source in enumerate(sources)]


def _values(source: Mapping[str, Any], fields: Mapping[str, Kind]) -> dict[str, list[Any]]:
    raw: dict[str, list[Any]] = {}
    _collect(source, "", raw)
    values: dict[str, list[Any]] = {}
    for name, found in raw.items():
        kind = fields.get(name)
        if kind is None:
            continue
        for target, each in [(name, kind)] + ([(kind.exact, fields[kind.exact])] if kind.exact else []):
            given = [kind.null_value if value is None else value for value in found]
            converted = [convert(value, each.type) for value in given if value is not None]
            if each.ignore_above is not None:
                converted = [value for value in converted if len(value.encode("utf-16-le")) // 2 <= each.ignore_above]
            if converted:
                values[target] = converted
    return values


def _collect(value: Any, name: str, raw: dict[str, list[Any]]) -> None:
    if isinstance(value, Mapping):
        for key, below in value.items():
            _collect(below, f"{name}.{key}" if name else key, raw)
    elif isinstance(value, list):
        for each in value:
            _collect(each, name, raw)
    else:
        raw.setdefault(name, []).append(value)


def convert(value: Any, kind: str) -> Any:
    """A value as its type compares it."""
    if kind in STRINGS or kind == "text":
        return ("true" if value else "false") if isinstance(value, bool) else str(value)
    if kind in ("long", "integer", "short", "byte"):
        return int(float(value)) if isinstance(value, str) and "." in value else int(value)
    if kind == "float":
        return struct.unpack("f", struct.pack("f", float(value)))[0]
    if kind == "double":
        return float(value)
    if kind == "boolean":
        return value is True or value == "true"
    if kind == "date":
        return _nanoseconds(value) // 1_000_000
    if kind == "date_nanos":
        return _nanoseconds(value)
    if kind == "ip":
        return address(str(value))
    if kind == "version":
        return Version(str(value))
    raise AssertionError(kind)


def address(text: str) -> int:
    """An address as a number of 128 bits; IPv4 stands mapped into IPv6."""
    parsed = ipaddress.ip_address(text)
    return int(parsed) if parsed.version == 6 else int(parsed) + (0xFFFF << 32)


def _nanoseconds(value: Any) -> int:
    if isinstance(value, int | float) or re.fullmatch(r"-?\d+(\.\d+)?", str(value)):
        whole, _, fraction = str(value).partition(".")
        return int(whole) * 1_000_000 + int((fraction + "000000")[:6])
    match = re.fullmatch(r"([^.]*?)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?", str(value))
    assert match is not None, value
    moment = datetime.fromisoformat(
        match[1] + (match[3] or "Z").replace("Z", "+00:00") if "T" in match[1] else match[1]
    )
    difference = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH
    fraction = int((match[2] or "").ljust(9, "0")[:9])
    return (difference.days * 86_400 + difference.seconds) * 10**9 + fraction


class Version(str):
    """A version: semantic ones by precedence, all others after them by text."""

    def rank(self) -> tuple[Any, ...]:
        match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?", self)
        if match is None:
            return (1, str(self))
        pre = match[4]
        parts = [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in pre.split(".")] if pre else []
        return (0, int(match[1]), int(match[2]), int(match[3]), 0 if pre else 1, parts)
