"""Logs of Sophos XG and Sophos Firewall (``key="value"`` within syslog) as ECS, by the table ``sophos_xg.toml``."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from falselight.mappings.firewalls import place, relate, settle, span, whole
from falselight.mappings.network import address
from falselight.mappings.tables import mac
from falselight.mappings.urls import url_parts
from falselight.readers.settings import Settings
from falselight.readers.syslog import MOMENT, Document, append, header, iso, moment, offset_of, pairs, zone_name

_START = re.compile(r"(?:^|[\s>])(?=device(?:_name)?=\"?[^\"\s]{0,64}\"? (?:date|timestamp|device_id)=)")
_LONGEST = 65_536
_LEVELS = ("unknown", "alert", "critical", "error", "warning", "notification", "informational", "debug")
_INSIDE = ("LAN", "DMZ", "VPN", "WiFi")
_CLIENTS = ("SSLVPN", "IPSec", "Thin Client", "Radius SSO")
_DENIED = ["info", "denied", "connection"]


@cache
def table() -> dict[str, Any]:
    """The table as written."""
    return tomllib.loads(files("falselight.mappings").joinpath("sophos_xg.toml").read_text("utf-8"))


def parse(line: str, settings: Settings) -> Document | None:
    """The event of one line, None if it is none of Sophos'."""
    start = _START.search(line[:_LONGEST]) if len(line) <= _LONGEST else None
    if start is None:
        return None
    told = {key.lower(): text.strip() for key, text in pairs(line[start.end() :], spaced=True).items()}
    raw = {key: text for key, text in told.items() if text not in ("", "-", "N/A")}
    if "log_id" not in raw:
        return None
    head = header(line, settings)
    event: Document = {**table()["constants"], **head.fields, "event.original": line, "observer.hostname": head.host}
    _time(event, raw, settings)
    code = raw["log_id"]
    if len(code) == 12:
        event["event.severity"], event["event.code"] = whole(code[6]), code[7:]
        event["log.level"] = raw.get("severity") or (_LEVELS[int(code[6])] if code[6] in "01234567" else None)
    kind = raw.get("log_type", "")
    _categorise(event, raw, kind)
    _fields(event, raw, kind)
    relate(event)
    return event


def _time(event: Document, raw: dict[str, str], settings: Settings) -> None:
    """The record's own time; a syslog header's stands in where there is none."""
    written = raw.get("timestamp", "")  # of some events an epoch beside the date
    if MOMENT.fullmatch(written) is None:
        written = f"{raw.get('date', '')}T{raw.get('time', '')}"
    found = MOMENT.fullmatch(written)
    zone = raw.get("timezone")
    offset = offset_of(zone)
    if found is not None and found["offset"] is None:
        found = MOMENT.fullmatch(written + offset) or found
    if found is not None:
        time = moment(found, settings)
        event["@timestamp"] = iso(time) or event.get("@timestamp")
        event["event.timezone"] = found["offset"] if not offset else zone
        if event["event.timezone"] is None:
            event["event.timezone"] = zone_name(settings, time)
    event["sophos.xg.timezone"] = zone
    span(event, whole(raw.get("duration")))


def _categorise(event: Document, raw: dict[str, str], kind: str) -> None:
    code, subtype = event.get("event.code", ""), raw.get("log_subtype")
    codes = table()["codes"]
    if subtype is not None and kind not in ("Event", "System Health", "Wireless Protection", "WAF"):
        lowered = kind in ("Firewall", "Content Filtering", "IDP", "ATP")
        event["event.action"], event["event.outcome"] = subtype.lower() if lowered else subtype, "success"
    if kind == "Firewall":
        _firewall(event, raw, code in codes["alert"])
    elif kind in ("Content Filtering", "Sandbox"):
        denied = subtype == "Denied"
        _set(event, denied, ["malware", "network"] if denied else ["network"], [])
        end = {"pending": ["start", "connection"], "eligible": ["end", "connection"]}.get(raw.get("reason", ""), [])
        content = kind == "Content Filtering"
        append(event, "event.type", *(_DENIED if denied and content else ["denied", "connection"] if denied else []))
        if subtype in ("Allowed", "Warned"):
            append(event, "event.type", "allowed", *(["connection"] if content else []))
        append(event, "event.type", *([] if content else end))
    elif kind in ("IDP", "ATP"):
        known = code in codes["intrusion"]
        _set(
            event, True, ["intrusion_detection", "network"] if known else [], ["denied", "connection"] if known else []
        )
    elif kind == "Anti-Virus":
        virus, clean = subtype == "Virus", code == "09002"
        _set(event, not clean, ["malware", "network"] if virus else [], list(_DENIED) if virus else [])
        append(event, "event.category", "network" if clean else None)
        append(event, "event.type", *(["allowed", "connection"] if clean else []))
    elif kind == "Anti-Spam":
        denied = code in codes["alert"]
        category = "intrusion_detection" if code == "13012" else "malware"
        _set(event, denied, [category, "network"] if denied else ["network"], list(_DENIED) if denied else [])
        append(event, "event.type", *(["allowed", "connection"] if code in codes["spam_allowed"] else []))
    elif kind == "WAF":
        reason = raw.get("reason")
        category = "malware" if reason == "Antivirus" else "intrusion_detection"
        _set(event, reason is not None, [category, "network"] if reason else ["network"], [])
        append(event, "event.type", "denied" if reason else "allowed", "connection")
        event["event.action"], event["event.outcome"] = "denied" if reason else "allowed", "success"
    elif kind == "Event":
        _session(event, raw, code)
    elif kind == "Wireless Protection":
        event["event.outcome"] = "success"


def _set(event: Document, alert: bool, category: list[str], types: list[str]) -> None:
    event["event.kind"] = "alert" if alert else "event"
    event["event.category"], event["event.type"] = category, types


def _firewall(event: Document, raw: dict[str, str], alert: bool) -> None:
    _set(event, alert, ["intrusion_detection", "network"] if alert else ["network"], [])
    told = raw.get("connevent") or raw.get("con_event")
    if told in ("Start", "Interim"):
        append(event, "event.type", "start", "allowed", "connection")
    elif told == "Stop":
        append(event, "event.type", "end", "allowed", "connection")
    elif raw.get("status") == "Allow":
        append(event, "event.type", "allowed", "connection")
    if raw.get("status") == "Deny":
        append(event, "event.type", "denied", "connection")
    zones = [raw.get(f"{side}zone") or raw.get(f"{side}_zone") for side in ("src", "dst")]
    sides = ["inside" if zone in _INSIDE else "outside" if zone == "WAN" else None for zone in zones]
    event["network.direction"] = {
        ("outside", "inside"): "inbound", ("inside", "outside"): "outbound", ("inside", "inside"): "internal",
        ("outside", "outside"): "external",
    }.get((sides[0] or "", sides[1] or ""))  # fmt: skip


def _session(event: Document, raw: dict[str, str], code: str) -> None:
    codes, subtype, status = table()["codes"], raw.get("log_subtype"), raw.get("status")
    if subtype == "Authentication" or (subtype == "Admin" and code == "17507"):
        event["event.outcome"] = {"Successful": "success", "Failed": "failure"}.get(status or "")
    ending = "start" if code in codes["logged_in"] else "end" if code in codes["logged_out"] else None
    append(event, "event.type", "user" if ending else None, ending)
    if raw.get("auth_client") in _CLIENTS:
        append(event, "event.type", "connection")
        append(event, "event.category", "network")
    append(event, "event.category", "authentication" if subtype == "Authentication" else None)
    if subtype == "Authentication":
        event["user.name"] = raw.get("user_name") or raw.get("name")
    if code == "17819":
        append(event, "event.type", "info")
        append(event, "event.category", "host", "malware")


def _fields(event: Document, raw: dict[str, str], kind: str) -> None:
    own = dict(raw)
    if kind == "WAF" and "responsetime" in own:
        microseconds = whole(own["responsetime"])
        event["event.duration"] = microseconds * 1_000 if microseconds and microseconds < 10**12 else None
    if kind in ("Anti-Virus", "Anti-Spam") and "log_component" in own:
        event["network.protocol"] = own["log_component"].lower()
    if kind == "Sandbox" and own.get("log_component") == "Web" and "source" in own:
        event["url.domain"] = own.pop("source")
        side = "ip" if address(event["url.domain"]) else "domain"
        event[f"destination.{side}"] = event["url.domain"]
    if kind == "System Health":
        own = {key: text.removesuffix("%") for key, text in own.items()}
    digest = own.get("sha1sum") or own.get("sha256") or ""
    if len(digest) in (40, 64):  # since version 18 the field of SHA-1 holds SHA-256
        event[f"file.hash.{'sha1' if len(digest) == 40 else 'sha256'}"] = digest
        own.pop("sha1sum", None)
    place(event, own, table().get(kind.partition(" ")[0], []))
    place(event, own, table()["fields"])
    for name in table()["gone"]["names"]:
        own.pop(name, None)
    if kind in ("Anti-Virus", "Anti-Spam"):
        event["email.from.address"], event["email.to.address"] = (
            event.get("source.user.email"),
            event.get("destination.user.email"),
        )
        event["email.subject"] = own.get("email_subject") or own.get("subject")
    settle(event)
    for side in ("source", "destination"):
        event[f"{side}.mac"] = mac(event.get(f"{side}.mac"))
    protocol = (event.get("network.protocol") or "").lower()
    event["network.protocol"] = {"pops": "pop3s"}.get(protocol, protocol) or None
    _url(event, kind)
    for key, text in own.items():
        event[f"sophos.xg.{key}"] = text


def _url(event: Document, kind: str) -> None:
    written = event.get("url.original")
    if not written:
        return
    parts = url_parts(written)
    if "://" in written or kind == "Content Filtering":
        event.update({f"url.{name}": part for name, part in parts.items()})
        event["url.full"] = written
    if kind == "Content Filtering" and event.get("network.protocol") is None:
        event["network.protocol"] = parts.get("scheme")
