"""Zscaler Internet Access: records of the web, firewall and DNS feeds (NSS, JSON) as ECS, by ``zscaler_zia.toml``."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from falselight.mappings.firewalls import relate, settle, span, whole
from falselight.mappings.network import address
from falselight.mappings.tables import load, once
from falselight.mappings.urls import url_parts
from falselight.readers.settings import Settings
from falselight.readers.syslog import MOMENT, Document, append, iso, moment, offset_of

_FILE = "zscaler_zia.toml"
_FEEDS = {"zscalernss-web": "web", "zscalernss-fw": "firewall", "zscalernss-dns": "dns"}
_NOTHING = ("", "NA", "None", "NotFound", None)
_SYSTEMS = {"iOS": "ios", "Android OS": "android", "Windows OS": "windows", "MAC OS": "macos", "Other OS": "other"}
_OUTCOMES = {"allowed": "success", "denied": "failure", "blocked": "failure"}
_MOST = 400


def make(record: Mapping[str, Any], text: str, settings: Settings) -> Iterator[Document | None]:
    """The event of one record, None for a record of another feed or without a time."""
    feed, held = _FEEDS.get(str(record.get("sourcetype"))), record.get("event")
    if feed is None or not isinstance(held, dict):
        yield None
        return
    table = load(_FILE, feed)
    raw = {name: value for name, value in list(held.items())[:_MOST] if value not in _NOTHING and _is_single(value)}
    raw |= {name: unquote(raw[name]) for name in table.entry["decoded"] if isinstance(raw.get(name), str)}
    rules = [raw.pop(name) for name in table.entry["rules"] if name in raw]
    event = table.event(raw)
    event["@timestamp"] = _time(raw, settings)
    if event["@timestamp"] is None:
        yield None
        return
    event["event.original"], event["rule.name"] = text, once(rules)
    action = event["event.action"] = str(raw.get("action", "")).lower().replace(" ", "-") or None
    event["host.os.type"] = _SYSTEMS.get(str(raw.get("deviceostype")))
    _user(event, raw)
    {"web": _web, "firewall": _firewall, "dns": _dns}[feed](event, raw, action or "")
    relate(event)
    append(event, "related.hosts", event.get("host.hostname"))
    append(event, "related.user", raw.get("deviceowner"), event.get("user.email"))
    yield event


def _is_single(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _time(raw: Mapping[str, Any], settings: Settings) -> str | None:
    """``Mon Mar  2 08:15:30 2026`` or ISO 8601, in the record's zone or UTC, which the service writes without one."""
    words = str(raw.get("time") or raw.get("datetime") or "").split()
    written = f"{words[0]} {words[1]} {words[2]} {words[4]} {words[3]}" if len(words) == 5 else " ".join(words)
    if MOMENT.fullmatch(written) is None:
        return None
    zone = str(raw.get("tz", "UTC"))
    stamped = f"{written} {zone}" if len(words) == 5 else written + offset_of(zone)
    found = MOMENT.fullmatch(stamped) or MOMENT.fullmatch(written)
    return iso(moment(found, settings)) if found is not None else None


def _user(event: Document, raw: Mapping[str, Any]) -> None:
    name = unquote(str(raw.get("login") or raw.get("user") or ""))
    account, at, domain = name.partition("@")
    if at and domain:
        event["user.name"], event["user.email"], event["user.domain"] = account, name, domain
    elif "login" in raw:  # traffic without a user bears the location's name in its place
        event["user.name"] = name


def _web(event: Document, raw: Mapping[str, Any], action: str) -> None:
    event["event.outcome"] = _OUTCOMES.get(action, "unknown")
    event["http.request.referrer"] = _decoded(raw.get("b64referer")) or event.get("http.request.referrer")
    written = _decoded(raw.get("b64url")) or unquote(str(raw.get("eurl") or raw.get("url") or "")) or None
    if event.get("source.ip") is None:  # older templates tell one address of the client
        event["source.ip"] = event.get("source.nat.ip")
    settle(event)
    if written is None:
        return
    scheme = event.get("network.protocol")
    full = written if "://" in written else f"{scheme if scheme in ('http', 'https') else 'https'}://{written}"
    event["url.original"] = event["url.full"] = full
    event.update({f"url.{name}": part for name, part in url_parts(full).items()})
    if event.get("destination.domain") is None:
        event["destination.domain"] = event.get("url.domain")


def _firewall(event: Document, raw: Mapping[str, Any], action: str) -> None:
    verdict = (
        "allowed"
        if action.startswith("allow")
        else "denied"
        if action.startswith(("block", "drop", "reset"))
        else "info"
    )
    event["event.type"] = ["connection", verdict]
    for part in ("ip", "port"):
        for side in ("source", "destination"):
            if event.get(f"{side}.nat.{part}") == event.get(f"{side}.{part}"):
                event[f"{side}.nat.{part}"] = None
    settle(event)
    milliseconds, seconds = whole(raw.get("durationms")), whole(raw.get("duration"))
    span(event, milliseconds // 1_000 if milliseconds is not None else seconds)
    if milliseconds is not None and milliseconds < 10**12:
        event["event.duration"] = milliseconds * 1_000_000


def _dns(event: Document, raw: Mapping[str, Any], _: str) -> None:
    event["network.transport"] = str(raw.get("protocol", "")).lower() or None
    settle(event)
    milliseconds = whole(raw.get("durationms"))
    if milliseconds is not None and milliseconds < 10**12:
        event["event.duration"] = milliseconds * 1_000_000
    answer = str(raw.get("dns_resp", ""))
    if answer:
        event["dns.answers.data"], event["dns.answers.type"] = [answer], [raw.get("restype")]
        event["dns.resolved_ip"] = [answer] if address(answer) else None
        append(event, "related.ip", *event["dns.resolved_ip"] or ())


def _decoded(value: Any) -> str | None:
    """Text of base64, None for what is none."""
    try:
        return base64.b64decode(value, validate=True).decode("utf-8", "replace") if isinstance(value, str) else None
    except ValueError:
        return None
