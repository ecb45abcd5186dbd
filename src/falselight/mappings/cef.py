"""ArcSight's CEF and IBM's LEEF, alone or within syslog, as ECS: what Beats' decode_cef processor makes of CEF, and the same
fields for LEEF's attributes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from falselight.mappings.network import address, community
from falselight.readers.settings import Settings
from falselight.readers.syslog import MOMENT, Document, append, iso, moment

_CEF = re.compile(r"CEF:(\d+)\|")
_LEEF = re.compile(r"LEEF:([12])\.0\|")
_KEY = re.compile(r"(?:^|(?<=\s))([A-Za-z0-9_][\w.,\[\]]{0,63})=")
_CUSTOM = re.compile(r"(cs|cn|cfp|c6a)([1-6])(Label)?", re.IGNORECASE)
_CUSTOM_NAMES = {"cs": "String", "cn": "Number", "cfp": "FloatingPoint", "c6a": "IPv6Address"}
_HASH = re.compile(r"[0-9A-Fa-f]{32,64}")
_HASHES = {32: "md5", 40: "sha1", 64: "sha256"}
_VENDORS = {"Check Point", "FORCEPOINT"}
_WORD = re.compile(r"[\w./+-]{1,64}")
_MAC = re.compile(r"(?:[0-9A-Fa-f]{2}[:-]?){5}[0-9A-Fa-f]{2}")
_MALWARE = ("protection_id", "spyware_name", "malware_family", "spyware_status")
_TRANSPORTS = {"1": "icmp", "2": "igmp", "6": "tcp", "17": "udp", "47": "gre", "58": "ipv6-icmp", "132": "sctp"}
_WHOLE, _REAL = re.compile(r"-?\d{1,18}"), re.compile(r"-?\d{1,18}(?:\.\d{1,18})?")
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
            event = read(line, found, settings)
            if event is not None:
                _header(event, line[: found.start()], settings)
                event["event.original"] = line
            return event
    return None


def _cef(line: str, found: re.Match[str], settings: Settings) -> Document | None:
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
    _map(event, _pairs(extension), "cef", "cef.extensions.", settings)
    if vendor in _VENDORS:
        _of_vendor(event, _table()[vendor], settings)
    if vendor == "Check Point":
        _check_point(event)
    _relate(event, "cef.extensions.")
    return event


def _of_vendor(event: Document, table: dict[str, Any], settings: Settings) -> None:
    """What one vendor's extensions, and its custom ones by their labels, fill besides."""
    for name, target, *values in table["copy"]:
        value = event.get(f"cef.extensions.{name}")
        if value is not None:
            value = table["values"][values[0]].get(str(value).lower()) if values else value
        if value is not None:
            event[target] = value
    for name, labels in table.get("labels", {}).items():
        target = labels.get(str(event.get(f"cef.extensions.{name}Label", "")).lower())
        made = None if target is None else _typed(target, str(event.get(f"cef.extensions.{name}", "")), settings)
        if made not in (None, ""):
            event[target] = made


def _check_point(event: Document) -> None:
    """Kind and category by what is filled; a hash by its length."""
    seconds = event.get("event.duration")
    event["event.duration"] = seconds * 10**9 if isinstance(seconds, int) and 0 <= seconds < 10**9 else None
    text = event.pop("checkpoint.file_hash", None)
    if text is not None:
        event[f"file.hash.{_HASHES[len(text)]}" if len(text) in _HASHES else "checkpoint.file_hash"] = text
    if event.get("cef.extensions.cp_app_risk") is not None and any(name.startswith("rule.") for name in event):
        event["event.kind"] = "alert"
    attack = event.get("cef.extensions.flexString2Label") == "Attack Information"
    if any(event.get(f"checkpoint.{name}") for name in _MALWARE):
        event["event.category"] = ["malware"]
    elif attack or event.get("checkpoint.protection_type"):
        event["event.category"] = ["intrusion_detection"]


def _leef(line: str, found: re.Match[str], settings: Settings) -> Document | None:
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
    attributes = {key.strip(): value.strip() for key, value in pairs.items()}
    _map(event, attributes, "leef", "leef.attributes.", settings)
    _relate(event, "leef.attributes.")
    return event


def _mark(text: str) -> str:
    """LEEF 2.0 names the character between attributes, as itself or in hexadecimal; a tab without it."""
    found = _LEEF_MARK.fullmatch(text)
    if found is None:
        return "\t"
    return chr(int(found.group(1), 16)) if found.group(1) else found.group(2)


def _split(text: str, bars: int) -> list[str]:
    """The parts between so many bars that are not escaped, and the rest."""
    plain = text.split("|", bars)
    if not any("\\" in part for part in plain[:bars]):
        return plain if len(plain) > bars else plain[:-1]
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
    keys = [found for found in _KEY.finditer(text) if not text.startswith("\\", found.end() - 2)][:_MOST_KEYS]
    pairs = {}
    for number, found in enumerate(keys):
        end = keys[number + 1].start() if number + 1 < len(keys) else len(text)
        value = text[found.end() : end].strip()
        if "\\" in value:
            value = value.replace("\\=", "=").replace("\\n", "\n").replace("\\r", "\r").replace("\\\\", "\\")
        pairs[found.group(1)] = value
    return pairs


def _map(event: Document, pairs: dict[str, str], table: str, below: str, settings: Settings) -> None:
    known, types = _known(table), _types()
    for key, value in pairs.items():
        if value in ("", "-"):
            continue
        full, *targets = known.get(key.lower()) or [_full_name(key)]
        event[below + full] = types[full](value) if full in types else value
        for target in targets:
            made = _typed(target, value, settings)
            if made is not None and (event.get(target) is None or target == "message"):
                event[target] = made


@cache
def _known(table: str) -> dict[str, list[str]]:
    """The table's entries by their keys and full names, in small letters."""
    entries = _table()[table]
    return {names[0].lower(): names for names in entries.values()} | {
        key.lower(): names for key, names in entries.items()
    }


@cache
def _types() -> dict[str, Callable[[str], Any]]:
    """How the values of extensions are read; what is not of its type stays text. Their times are the device's clock, taken
    for UTC, as Beats' processor has them."""
    readers: dict[str, Callable[[str], Any]] = {
        "whole": lambda text: text if (found := _whole(text)) is None else found,
        "real": lambda text: float(text) if _REAL.fullmatch(text) else text,
        "time": lambda text: (iso(_time(text, Settings())) or text).replace("000Z", "Z"),
    }
    return {name: readers[kind] for kind, names in _table()["types"].items() for name in names}


def _relate(event: Document, below: str) -> None:
    for name in ("source.ip", "destination.ip", "source.nat.ip", "destination.nat.ip"):
        append(event, "related.ip", event.get(name))
    for name in ("source.user.name", "destination.user.name"):
        append(event, "related.user", event.get(name))
    _hashes(event, below)
    append(event, "related.hosts", event.get("observer.hostname"))
    source, destination = (
        None if event.get(name) is None else str(event[name]) for name in ("source.port", "destination.port")
    )
    transport = event.get("network.transport")
    # As the processor does it that Beats runs: ICMP's type, which such records do not have, is nought.
    event["network.community_id"] = community(
        event.get("source.ip"), event.get("destination.ip"), source, destination,
        _TRANSPORTS.get(transport or "", transport), "0", "0",
    )  # fmt: skip
    if event.get("source.ip") or event.get("destination.ip"):
        event.setdefault("event.category", ["network"])
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
    if found is None:
        return key
    return f"deviceCustom{_CUSTOM_NAMES[found[1].lower()]}{found[2]}{'Label' if found[3] else ''}"


def _typed(target: str, value: str, settings: Settings) -> Any:
    """The value as its field holds it, None for one that the field cannot hold."""
    if target.endswith(".ip"):
        return value if address(value) else None
    if target.endswith((".port", ".bytes", ".pid", ".duration", ".size")):
        return _whole(value)
    if target.endswith(".mac"):
        return _mac(value)
    if target == "@timestamp":
        return iso(_time(value, settings))
    if target in ("event.start", "event.end", "file.created", "file.mtime", "checkpoint.subs_exp"):
        # The event's own time tells for all of them that they have no zone.
        return iso(_time(value, Settings(settings.timezone, settings.year)))
    if target == "network.direction":
        return {"0": "inbound", "1": "outbound"}.get(value, value.lower())
    if target == "network.protocol":
        return value.lower() if _WORD.fullmatch(value) else None
    if target == "http.request.referrer":
        return value if value.startswith("http") else None
    return value.lower() if target == "network.transport" else value


def _whole(text: str) -> int | None:
    return int(text) if _WHOLE.fullmatch(text) else None


def _mac(text: str) -> str | None:
    """The address in capitals, with dashes."""
    digits = re.sub("[:-]", "", text).upper() if _MAC.fullmatch(text) else ""
    return "-".join(digits[at : at + 2] for at in range(0, 12, 2)) if digits else None


def _time(text: str, settings: Settings) -> datetime | None:
    """Epoch milliseconds, or a date of the kind ``Mar 11 2026 09:00:00``, in the user's zone if it names none."""
    if text.isdecimal() and 9 <= len(text) <= 15:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(text))
    found = MOMENT.match(text)
    return moment(found, settings) if found is not None else None


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
