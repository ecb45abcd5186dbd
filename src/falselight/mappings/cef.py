"""ArcSight's CEF and IBM's LEEF, alone or within syslog, as ECS: what Beats' decode_cef processor makes of CEF, and the same
fields for LEEF's attributes."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from falselight.mappings.network import address, community
from falselight.readers.settings import Settings
from falselight.readers.syslog import MOMENT, Document, append, iso, moment

_CEF = re.compile(r"CEF:(\d+)\|")
_LEEF = re.compile(r"LEEF:([12])\.0\|")
_KEY = re.compile(r"(?:^|(?<=\s))([A-Za-z_][\w.\[\]]{0,63})=")
_CUSTOM = re.compile(r"(cs|cn|cfp|c6a)([1-6])(Label)?")
_CUSTOM_NAMES = {"cs": "String", "cn": "Number", "cfp": "FloatingPoint", "c6a": "IPv6Address"}
_HASH = re.compile(r"[0-9A-Fa-f]{32,64}")
_HASHES = {32: "md5", 40: "sha1", 64: "sha256"}
_VENDORS = {"Check Point", "FORCEPOINT"}
_TIMES = {"deviceReceiptTime", "startTime", "endTime", "deviceCustomDate1", "deviceCustomDate2"}
_MOST_KEYS = 400
_LEEF_MARK = re.compile(r"x([0-9A-Fa-f]{1,4})|(.)")


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files("falselight.mappings").joinpath("cef.toml").read_text("utf-8"))


def parse(line: str, settings: Settings) -> Document | None:
    """The event of one line, None if it is neither."""
    if len(line) > 262_144:
        return None
    for mark, read in ((_CEF, _cef), (_LEEF, _leef)):
        found = mark.search(line)
        if found is not None:
            event = read(line, found)
            if event is not None:
                _header(event, line[: found.start()], settings)
                event["event.original"] = line
            return event
    return None


def _cef(line: str, found: re.Match[str]) -> Document | None:
    parts = _split(line[found.end() :], 6)
    if len(parts) < 7:
        return None
    vendor, product, version, class_id, name, severity, extension = parts
    event: Document = {
        "event.kind": "event",
        "event.module": "cef",
        "event.dataset": "cef.log",
        "cef.version": found.group(1),
        "cef.device.vendor": vendor,
        "cef.device.product": product,
        "cef.device.version": version,
        "cef.device.event_class_id": class_id,
        "cef.name": name,
        "cef.severity": severity,
        "observer.vendor": vendor,
        "observer.product": product,
        "observer.version": version,
        "event.code": class_id,
        "message": name,
        "event.severity": _severity(severity),
    }
    _map(event, _pairs(extension), "cef", "cef.extensions.")
    for key, target in (_table()[vendor] if vendor in _VENDORS else {}).items():
        event[target] = event.get(f"cef.extensions.{key}")
    return event


def _leef(line: str, found: re.Match[str]) -> Document | None:
    parts = line[found.end() :].split("|", 5 if found.group(1) == "2" else 4)
    if len(parts) < (6 if found.group(1) == "2" else 5):
        return None
    vendor, product, version, event_id = parts[:4]
    mark, text = (parts[4], parts[5]) if found.group(1) == "2" else ("", parts[4])
    event: Document = {
        "event.module": "leef",
        "event.dataset": "leef.log",
        "observer.vendor": vendor,
        "observer.product": product,
        "observer.version": version,
        "event.code": event_id,
        "leef.version": f"{found.group(1)}.0",
    }
    pairs = dict(part.split("=", 1) for part in text.split(_mark(mark))[:_MOST_KEYS] if "=" in part)
    _map(event, {key.strip(): value.strip() for key, value in pairs.items()}, "leef", "leef.attributes.")
    return event


def _mark(text: str) -> str:
    """LEEF 2.0 names the character between attributes, as itself or in hexadecimal; a tab without it."""
    found = _LEEF_MARK.fullmatch(text)
    if found is None:
        return "\t"
    return chr(int(found.group(1), 16)) if found.group(1) else found.group(2)


def _split(text: str, bars: int) -> list[str]:
    """The parts between so many bars that are not escaped, and the rest."""
    parts: list[str] = []
    part: list[str] = []
    at = 0
    while at < len(text) and len(parts) < bars:
        character = text[at]
        if character == "\\" and at + 1 < len(text) and text[at + 1] in "\\|":
            part.append(text[at + 1])
            at += 2
            continue
        if character == "|":
            parts.append("".join(part))
            part = []
        else:
            part.append(character)
        at += 1
    return [*parts, text[at:]] if len(parts) == bars else parts


def _pairs(text: str) -> dict[str, str]:
    """``key=value`` pairs: a value runs to the next key, and may hold spaces; ``\\=`` is a sign in it."""
    keys = [found for found in _KEY.finditer(text) if text[: found.end() - 1][-1:] != "\\"][:_MOST_KEYS]
    pairs = {}
    for number, found in enumerate(keys):
        end = keys[number + 1].start() if number + 1 < len(keys) else len(text)
        value = text[found.end() : end].strip()
        pairs[found.group(1)] = (
            value.replace("\\=", "=").replace("\\n", "\n").replace("\\r", "\r").replace("\\\\", "\\")
        )
    return pairs


def _map(event: Document, pairs: dict[str, str], table: str, below: str) -> None:
    names: dict[str, list[str]] = _table()[table]
    for key, value in pairs.items():
        if value in ("", "-"):
            continue
        full, *targets = names.get(key) or [_full_name(key)]
        event[below + full] = (iso(_time(value)) or value) if full in _TIMES else value
        for target in targets:
            made = _typed(target, value)
            if made is not None and event.get(target) is None:
                event[target] = made
    for name in ("source.ip", "destination.ip", "source.nat.ip", "destination.nat.ip"):
        if event.get(name):
            append(event, "related.ip", event[name])
    for name in ("source.user.name", "destination.user.name"):
        if event.get(name):
            append(event, "related.user", event[name])
    _hashes(event, below)
    append(event, "related.hosts", event.get("observer.hostname"))
    source, destination = (
        None if event.get(name) is None else str(event[name]) for name in ("source.port", "destination.port")
    )
    event["network.community_id"] = community(
        event.get("source.ip"), event.get("destination.ip"), source, destination, event.get("network.transport")
    )
    if event.get("source.ip") or event.get("destination.ip"):
        event["event.category"] = ["network"]
        event["event.type"] = ["connection"]


def _hashes(event: Document, below: str) -> None:
    """Hashes of files, by what their length tells."""
    text = event.get(f"{below}fileHash")
    append(event, "related.hash", text, event.get(f"{below}oldFileHash"))
    if text is not None and _HASH.fullmatch(text) and len(text) in _HASHES:
        event[f"file.hash.{_HASHES[len(text)]}"] = text


def _full_name(key: str) -> str:
    """The name of ArcSight's custom fields, ``cs1Label`` being deviceCustomString1Label; other keys are their name."""
    found = _CUSTOM.fullmatch(key)
    return key if found is None else f"deviceCustom{_CUSTOM_NAMES[found[1]]}{found[2]}{found[3] or ''}"


def _typed(target: str, value: str) -> Any:
    if target.endswith(".ip"):
        return value if address(value) else None
    if target.endswith((".port", ".bytes", ".pid")):
        return int(value) if value.isdecimal() and len(value) < 19 else None
    if target in ("@timestamp", "event.start", "event.end"):
        return iso(_time(value))
    if target == "network.direction":
        return {"0": "inbound", "1": "outbound"}.get(value, value.lower())
    return value.lower() if target in ("network.transport", "network.protocol") else value


def _time(text: str) -> datetime | None:
    """Epoch milliseconds, or a date of the kind ``Mar 11 2026 09:00:00``."""
    if text.isdecimal() and 9 <= len(text) <= 15:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(text))
    found = MOMENT.match(text)
    return moment(found, Settings()) if found is not None else None


def _header(event: Document, text: str, settings: Settings) -> None:
    """The time of the syslog header, where the event tells none."""
    found = MOMENT.search(text[:200])
    if event.get("@timestamp") is None and found is not None:
        event["@timestamp"] = iso(moment(found, settings))
    if event.get("@timestamp") is None:
        event["@timestamp"] = event.get("event.start") or event.get("event.end")


def _severity(text: str) -> int | None:
    words = {"low": 0, "medium": 4, "high": 7, "very-high": 9}
    return int(text) if text.isdecimal() and len(text) < 3 else words.get(text.lower())
