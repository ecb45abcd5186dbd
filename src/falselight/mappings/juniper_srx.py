"""Structured logs of Juniper SRX (``RT_FLOW - RT_FLOW_SESSION_CREATE [junos@… key="value"]``) as ECS."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from falselight.mappings.firewalls import place, relate, settle, span, whole
from falselight.readers.settings import Settings
from falselight.readers.syslog import MOMENT, Document, append, header, iso, moment, pairs, zone_name

_DATA = re.compile(r"\[(?:junos@\S{1,64} |(?=[a-z][a-z-]{1,64}=\"))")
_TAG = re.compile(r"[A-Z][A-Z0-9_]{2,63}")
_EMPTY = ("", "None", "UNKNOWN", "N/A", "-")
_LONGEST = 65_536
_LATEST = 253_402_300_800  # seconds to the year 10000
_LEVELS = ("emergency", "alert", "critical", "error", "warning", "notification", "informational", "debug")
_FLOWS = {
    "CREATE": ("flow_started", ["start", "allowed", "connection"]),
    "UPDATE": ("flow_started", ["start", "allowed", "connection"]),
    "CLOSE": ("flow_close", ["end", "allowed", "connection"]),
    "DENY": ("flow_deny", ["denied", "connection"]),
}
_VERDICTS = ("RT_AAMW", "RT_SECINTEL")
_COPIED = ("ip", "port", "nat.port", "bytes", "packets")


@cache
def table() -> dict[str, Any]:
    """The table as written."""
    return tomllib.loads(files("falselight.mappings").joinpath("juniper_srx.toml").read_text("utf-8"))


def parse(line: str, settings: Settings) -> Document | None:
    """The event of one line, None if it is none of the structured form."""
    if len(line) > _LONGEST:
        return None
    head = header(line, settings)
    data = _DATA.match(line, head.end)
    if data is None or head.process is None or _TAG.fullmatch(head.message or "") is None:
        return None
    body = line[data.end() :].rstrip().removesuffix("]")
    raw = {key.replace("-", "_"): text for key, text in pairs(body).items() if text not in _EMPTY}
    tag = head.message or ""
    event: Document = {
        **table()["constants"], "event.timezone": zone_name(settings), **head.fields, "event.original": body,
        "observer.name": head.host, "process.name": head.process, "juniper.srx.process": head.process,
        "juniper.srx.tag": tag, "event.outcome": "success",
    }  # fmt: skip
    priority = event.get("log.syslog.priority")
    if priority is not None:
        event["event.severity"], event["log.level"] = priority, _LEVELS[priority & 7]
    _times(event, raw, settings)
    _categorise(event, raw, head.process, tag.removesuffix("_LS"))
    _fields(event, raw, head.process)
    relate(event)
    return event


def _times(event: Document, raw: dict[str, str], settings: Settings) -> None:
    span(event, whole(raw.get("elapsed_time") or raw.get("duration")))
    written = re.fullmatch(r"(\w{3} \w{3} +\d{1,2}) (\d\d:\d\d:\d\d) (\d{4})", raw.get("timestamp", ""))
    if written is not None:
        found = MOMENT.fullmatch(f"{written[1]} {written[3]} {written[2]}")  # of the service in the cloud, in UTC
        time = None if found is None else moment(found, replace(settings, timezone=UTC))
        raw["timestamp"] = iso(time) or raw["timestamp"]
    seconds = whole(raw.get("epoch_time"))
    if seconds is not None and seconds < _LATEST:
        raw["epoch_time"] = iso(datetime.fromtimestamp(seconds, UTC)) or raw["epoch_time"]


def _categorise(event: Document, raw: dict[str, str], process: str, tag: str) -> None:
    event["event.category"] = ["network"]
    category, action = table()["alerts"].get(tag, (None, None))
    if process == "RT_FLOW":
        event["event.action"], types = _FLOWS.get(tag.rpartition("_")[2], (None, []))
        event["event.type"] = list(types)
        return
    if process in _VERDICTS:
        denied = raw.get("action") == "BLOCK" or tag == "AAMW_MALWARE_EVENT_LOG"
        category = None if raw.get("action") == "PERMIT" else category
        action = "malware_detected" if denied else None
    elif process == "RT_IDS":
        denied = category is not None
        name = raw.get("attack_name", "")
        action = "tunneling_screen" if name.startswith("Tunnel") else table()["attacks"].get(name)
    else:
        denied = category is not None
    event["event.kind"] = "event" if category is None else "alert"
    append(event, "event.category", category)
    event["event.action"] = action or None
    event["event.type"] = ["info", "denied", "connection"] if denied else ["allowed", "connection"]


def _fields(event: Document, raw: dict[str, str], process: str) -> None:
    for key in table()["gone"]["names"]:
        raw.pop(key, None)
    for name in ("fields", process):
        place(event, raw, table().get(name, []) if name == "fields" or name.startswith("RT_") else [])
    settle(event)
    for side, other in (("source", "client"), ("destination", "server")):
        for part in _COPIED:
            event[f"{other}.{part}"] = event.get(f"{side}.{part}")
    for key, text in raw.items():
        event[f"juniper.srx.{key}"] = text
