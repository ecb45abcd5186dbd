"""Check Point's exported logs (``[key:"value"; …]`` within syslog) as ECS, by the table ``checkpoint.toml``."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from falselight.mappings.firewalls import first, place, relate, roles, settle, whole
from falselight.mappings.tables import mac
from falselight.readers.settings import Settings
from falselight.readers.syslog import MOMENT, Document, append, header, iso, moment

_START = re.compile(r"\[(?:[^\s\"]{1,64} )?(?=[A-Za-z_]\w{0,63}(?:::?|=)\")")
_PAIR = re.compile(r'(?<!\w)([A-Za-z_]\w{0,63})(?:::?|=)"([^"\\]*(?:\\.[^"\\]*)*)"(?=[;\]\s]|$)')
_ZONE = re.compile(r"(T\d\d:\d\d:\d\d)-?([+-])(\d:\d\d)")  # some exporters write --5:00
_ESCAPE = re.compile(r"\\([\"\\\]])")
_LONGEST, _MOST = 262_144, 400
_ALERTS = ("Prevent", "Detect", "Quarantine")


@cache
def table() -> dict[str, Any]:
    """The table as written."""
    return tomllib.loads(files("falselight.mappings").joinpath("checkpoint.toml").read_text("utf-8"))


def parse(line: str, settings: Settings) -> Document | None:
    """The event of one line, None if it is none of the exporter's."""
    if len(line) > _LONGEST:
        return None
    text = _ZONE.sub(r"\1\g<2>0\3", line, count=1)
    head = header(text, settings)
    start = _START.match(text, head.end)
    raw = _pairs(text[start.end() :]) if start is not None else {}
    if not raw:
        return None
    event: Document = {**table()["constants"], **head.fields, "event.original": line}
    time = _time(raw.get("time"), settings)
    event["@timestamp"] = iso(time) or event.get("@timestamp")
    event.setdefault("event.timezone", "UTC")  # the exporter's times are epochs, or name their zone
    gone = table()["gone"]["names"]
    own = {key: value for key, value in raw.items() if key not in gone}
    if whole(own.get("packets")) is None and "packets" in own:  # of dropped packets their addresses, not their number
        event["checkpoint.packets"] = own.pop("packets")
    place(event, own, table()["fields"])
    event.setdefault("observer.type", "firewall")
    for name in ("source.nat.port", "destination.nat.port"):
        event[name] = None if event.get(name) == "0" else event.get(name)
    settle(event)
    _categorise(event, raw)
    _fill(event, raw, settings)
    roles(event)
    for key in own:
        event[f"checkpoint.{key}"] = own[key]
    reason = event.get("checkpoint.action_reason")
    if isinstance(reason, str) and " " in reason:
        event["checkpoint.action_reason_msg"] = event.pop("checkpoint.action_reason")
    relate(event)
    return event


def _pairs(text: str) -> dict[str, Any]:
    """The pairs by lower-case name; one that comes again makes a list."""
    made: dict[str, Any] = {}
    for number, found in enumerate(_PAIR.finditer(text)):
        if number >= _MOST:
            break
        key, value = found[1].lower(), found[2]
        value = (_ESCAPE.sub(r"\1", value) if "\\" in value else value).strip()
        if value:
            known = made.get(key)
            made[key] = value if known is None else [*(known if isinstance(known, list) else [known]), value]
    return made


def _time(value: Any, settings: Settings) -> datetime | None:
    """Epoch seconds or milliseconds, or ISO 8601; of several the earliest."""
    found = [_moment(text, settings) for text in (value if isinstance(value, list) else [value])]
    return min((each for each in found if each is not None), default=None)


def _moment(text: str | None, settings: Settings) -> datetime | None:
    if text is not None and text.isascii() and text.isdecimal() and len(text) <= 14:
        scale = 1 if len(text) <= 10 else 1_000
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(text) / scale)
    found = MOMENT.fullmatch(text or "")
    return moment(found, settings) if found is not None else None


def _categorise(event: Document, raw: Document) -> None:
    operation, action, audit = (first(raw.get(name)) for name in ("operation", "action", "audit_status"))
    sessions = ("Log In", "Log Out")
    verdicts = raw.get("rule_action") or ([action] if "src" in raw and "dst" in raw else [])
    verdicts = verdicts if isinstance(verdicts, list) else [verdicts]
    kinds = [table()["verdicts"][each] for each in verdicts if each in table()["verdicts"]]
    alert = any(each in _ALERTS for each in verdicts)
    event["event.kind"] = "alert" if alert else "event"
    if operation not in sessions and action not in sessions:
        append(event, "event.category", "network")
    if operation in sessions or action in ("Log In", "Failed Log In"):
        append(event, "event.category", "authentication")
    append(event, "event.category", "malware" if "malware_action" in raw else None)
    append(event, "event.category", "intrusion_detection" if {"Detect", "Prevent"} & set(verdicts) else None)
    if kinds and operation not in sessions:
        append(event, "event.type", "denied" if "denied" in kinds else "allowed", "connection")
    if "Log In" in (action, operation):
        append(event, "event.type", "start")
    if "Log Out" in (action, operation):
        append(event, "event.type", "end")
    append(event, "event.type", "denied" if action == "Failed Log In" else None)
    failed = action == "Failed Log In" or audit == "Failure"
    if kinds or audit or operation in sessions or action in ("Log In", "Failed Log In"):
        event["event.outcome"] = "failure" if failed else "success"
    if action in ("Log In", "Failed Log In") or operation in sessions:
        out = operation == "Log Out"
        event["event.action"] = "logon-failed" if failed else "logged-out" if out else "logged-in"


def _fill(event: Document, raw: Document, settings: Settings) -> None:
    """Interfaces by the packet's direction, dates, the device's address, and the user."""
    side = {"inbound": "ingress", "outbound": "egress"}.get(str(first(raw.get("ifdir"))))
    if side is not None and event.get(f"observer.{side}.interface.name") is None:
        event[f"observer.{side}.interface.name"] = raw.get("ifname")
    for name in ("event.start", "event.end"):
        event[name] = iso(_time(event.get(name), settings))
    event["observer.mac"] = mac(first(event.get("observer.mac")))
    event["event.code"] = raw.get("operation_number")
    for part in ("name", "id", "email", "group.name"):
        value = first(event.get(f"source.user.{part}"))
        event[f"user.{part}"] = value.lower() if value else None
