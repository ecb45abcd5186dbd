"""FortiGate's traffic, UTM, DNS and event logs as ECS, by the table ``fortinet.toml``."""

from __future__ import annotations

import re
import tomllib
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from falselight.mappings.network import address, community, domain_parts
from falselight.mappings.urls import url_parts
from falselight.readers.settings import Settings
from falselight.readers.syslog import MOMENT, Document, append, iso, moment, pairs, zone_name

_START = re.compile(r"(?:^|[\s>])(?:(?P<dated>date=\"?\d{4}-\d\d-\d\d\"? time=)|eventtime=\d{1,19} tz=)")
_PRIORITY = re.compile(r"<(\d{1,3})>")
_VERSION = re.compile(r"(?P<protocol>tls|ssl)v?(?P<number>\d(?:\.\d)?)")
_TRANSPORTS = {"1": "icmp", "2": "igmp", "6": "tcp", "17": "udp", "58": "ipv6-icmp"}
_OWN = "fortinet.firewall."
_ADDRESSES = ("source.ip", "destination.ip", "source.nat.ip", "destination.nat.ip")
_GONE = ("tz", "date", "time", "devid", "eventtime", "duration", "hostname", "agent")
_DEVICE = re.compile(r'(?:\b(?:devname|devid|vd)=(?:"[^"]{0,128}"|[^\s"]{1,128}) +){1,3}\Z')
_LONGEST_DEVICE = 512
_ISSUERS = tuple((f"tls.{end}.issuer", f"tls.{end}.x509.issuer.common_name") for end in ("server", "client"))
_SUMS = tuple((f"network.{unit}", f"source.{unit}", f"destination.{unit}") for unit in ("bytes", "packets"))
_NOTHING = frozenset({"N/A", "undefined"})
# The integration keeps what interfaces are for, also where nobody said it.
_ROLES = frozenset({"srcintfrole", "dstintfrole"})
_SUCCESS = ("FSSO-logon", "auth-logon", "FSSO-logoff", "auth-logout")


@cache
def table() -> dict[str, Any]:
    """The table as written."""
    return tomllib.loads(files("falselight.mappings").joinpath("fortinet.toml").read_text("utf-8"))


def parse(line: str, settings: Settings) -> Document | None:
    """The event of one line, None if it is none of FortiGate's."""
    start = _START.search(line)
    if start is None:
        return None
    begun = start.end() - len(start[0].lstrip(" \t>"))
    raw = pairs(line[_before(line, begun) if start["dated"] else begun :])
    for key in [key for key, text in raw.items() if text in _NOTHING and key not in _ROLES]:
        del raw[key]
    kind = raw.get("type", "")
    event: Document = {**table()["constants"], "event.original": line}
    priority = _PRIORITY.match(line)
    if priority is not None:
        number = event["log.syslog.priority"] = int(priority[1])
        event["log.syslog.facility.code"], event["log.syslog.severity.code"] = number >> 3, number & 7
    _times(event, raw, settings)
    {"traffic": _traffic, "utm": _utm, "dns": _utm, "event": _event}.get(kind, _other)(event, raw)
    targets = _targets(kind)
    for _, key, target in sorted([place for name in raw if name in targets for place in targets[name]]):
        if key in raw and event.get(target) is None:
            event[target] = raw.pop(key)
    for key in table()["consumed"].get("utm" if kind == "dns" else kind, []):
        raw.pop(key, None)
    _finish(event, raw, kind)
    for key, text in raw.items():
        if key not in _GONE:
            event[_OWN + key] = text
    return event


def _before(line: str, start: int) -> int:
    """Where the pairs begin: a name, serial and virtual domain may stand before the date."""
    found = _DEVICE.search(line[max(0, start - _LONGEST_DEVICE) : start])
    return start if found is None else start - len(found[0])


def _targets(kind: str) -> dict[str, list[tuple[int, str, str]]]:
    """The fields that a key of such an event may become, each with its place in the tables."""
    return _placed({"dns": "utm"}.get(kind, kind) if kind in ("traffic", "utm", "event", "dns") else "")


@cache
def _placed(name: str) -> dict[str, list[tuple[int, str, str]]]:
    found: dict[str, list[tuple[int, str, str]]] = {}
    for place, (key, target) in enumerate([*table().get(name, []), *table()["common"]]):
        found.setdefault(key, []).append((place, key, target))
    return found


def _times(event: Document, raw: dict[str, str], settings: Settings) -> None:
    zone = raw.get("tz", "")
    found = MOMENT.fullmatch(f"{raw.get('date', '')}T{raw.get('time', '')}{zone if zone[:1] in '+-' else ''}")
    time = moment(found, settings) if found is not None else None
    event["@timestamp"] = iso(time)
    event["event.timezone"] = zone or zone_name(settings, time)
    text = raw.get("eventtime", "")
    if text.isdecimal() and len(text) <= 20:
        scale = 1 if len(text) <= 11 else 1_000
        number = int(text[:-6] if len(text) > 18 else text)
        with suppress(OverflowError):  # beyond the year 9999: no such date
            event["event.start"] = iso(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=number / scale))
    if "date" not in raw:
        event["@timestamp"] = event.get("event.start")
    if raw.get("duration", "").isdecimal() and len(raw["duration"]) < 20:
        event["event.duration"] = min(int(raw["duration"]) * 1_000_000_000, 2**63 - 1)


def _traffic(event: Document, raw: dict[str, str]) -> None:
    action, utm = raw.get("action"), raw.get("utmaction")
    event[f"{_OWN}transip"] = raw.get("transip")
    types = ["connection"]
    if action is not None:
        event["event.action"], event["event.outcome"] = action, "success"
        types.append("start" if action == "start" else "end")
    if "app" in raw and action != "deny":
        types.append("protocol")
    if utm is None and action != "deny":
        types.append("allowed")
    if utm == "block" or action == "deny":
        types.append("denied")
    event["event.type"], event["event.category"], event["event.kind"] = types, ["network"], "event"


def _utm(event: Document, raw: dict[str, str]) -> None:
    action, subtype = raw.get("action"), raw.get("subtype")
    is_alert = subtype in ("virus", "ips") or "attack" in raw
    event["event.kind"] = "alert" if is_alert else "event"
    if action is not None:
        event["event.action"], event["event.outcome"] = action, "success"
    if action in ("pass", "passthrough", "exempt"):
        append(event, "event.type", "allowed")
    if action in ("block", "blocked", "deny", "close", "server-rst", "dropped"):
        append(event, "event.type", "denied")
    if subtype == "dns":
        append(event, "event.type", "info")
    append(event, "event.category", "network")
    if subtype == "ips":
        append(event, "event.category", "intrusion_detection")


def _event(event: Document, raw: dict[str, str]) -> None:
    action, subtype = raw.get("action"), raw.get("subtype")
    event["event.kind"], event["event.action"] = "event", action
    if raw.get("result") == "ERROR" or raw.get("status") == "negotiate_error":
        event["event.outcome"] = "failure"
    if raw.get("result") == "OK" or action in _SUCCESS:
        event["event.outcome"] = "success"
    if action in _SUCCESS:
        append(event, "event.type", "user", "start" if str(action).endswith("logon") else "end")
    if subtype == "vpn":
        append(event, "event.type", "connection")
        append(event, "event.category", "network")
    if action == "perf-stats" or subtype == "update":
        append(event, "event.type", "info")
        append(event, "event.category", "host")
    if subtype == "update":
        append(event, "event.category", "malware")
    if subtype == "user" or action in ("login", "logout"):
        append(event, "event.category", "authentication")
    if action == "login":
        event["event.outcome"] = {"success": "success", "failed": "failure"}.get(raw.get("status", ""))
        event["user.name"] = raw.get("user")
        if raw.get("msg", "").startswith("Administrator "):
            event["user.roles"] = event["source.user.roles"] = ["Administrator"]
    if raw.get("logdesc") == "Dynamic address updated" and "addr" in raw:
        raw["addrgrp"] = raw.pop("addr")


def _other(event: Document, raw: dict[str, str]) -> None:
    event["event.kind"] = "event"


def _finish(event: Document, raw: dict[str, str], kind: str) -> None:
    for name in ("network.protocol", "network.direction"):
        if event.get(name):
            event[name] = event[name].lower()
    event["network.direction"] = {"outgoing": "outbound", "incoming": "inbound"}.get(
        event.get("network.direction") or "", event.get("network.direction")
    )
    if kind in ("traffic", "utm", "dns") and event.get("rule.category"):
        event["rule.category"] = event["rule.category"].replace(".", "-")
    number = event.get("network.iana_number")
    transport = event["network.transport"] = _TRANSPORTS.get(number or "")
    _url(event, raw)
    if event.get("dns.resolved_ip"):
        event["dns.resolved_ip"] = event["dns.resolved_ip"].split(", ")
    _names(event)
    _handshake(event, raw)
    _network(event, transport)
    tunnels = [raw[name] for name in ("ip", "assignip", "tunnelip") if name in raw and address(raw[name])]
    named = [event[name] for name in _ADDRESSES if name in event]
    append(event, "related.ip", *named, *event.get("dns.resolved_ip", []), *tunnels)
    append(event, "related.user", event.get("source.user.name"), event.get("destination.user.name"))
    hosts = ("destination.address", "source.address", "dns.question.name")
    append(event, "related.hosts", *[event[name] for name in hosts if name in event])
    append(event, "related.hash", event.get("fortinet.file.hash.crc32"), event.get("tls.server.hash.sha1"))


def _names(event: Document) -> None:
    """The certificates' issuers, and the parts of the name that was asked for."""
    for issuer, name in _ISSUERS:
        if issuer in event:
            event[name] = event[issuer]
    asked = event.get("dns.question.name")
    if asked:
        for part, value in zip(
            ("registered_domain", "subdomain", "top_level_domain"), domain_parts(asked), strict=True
        ):
            event[f"dns.question.{part}"] = value


def _handshake(event: Document, raw: dict[str, str]) -> None:
    """What the inspection of TLS saw of a server's certificate, and what both ends agreed on."""
    if raw.get("subtype") != "ssl":
        return
    for key, targets in table()["handshake"].items():
        for target in targets:
            event[target] = raw.get(key)
    event.setdefault("event.reason", raw.get("eventsubtype"))
    names = raw.get("san")
    event["tls.server.x509.alternative_names"] = names.split(";") if names else None
    event["tls.established"] = True if raw.get("eventsubtype") == "handshake-done" else None
    version = _VERSION.fullmatch(raw.get("tlsver", ""))
    if version is not None:
        event["tls.version_protocol"] = version["protocol"]
        event["tls.version"] = version["number"] if "." in version["number"] else f"{version['number']}.0"


def _url(event: Document, raw: dict[str, str]) -> None:
    written = event.get("url.path")
    parts = url_parts(written) if written and ("?" in written or "://" in written) else {}
    if parts:
        event.update({f"url.{name}": part for name, part in parts.items()})
        event["url.original"] = written
    if "url" in raw:
        parts = url_parts(raw["url"])
        if parts:
            event["url.original"] = raw.pop("url")
            event.update({f"url.{name}": part for name, part in parts.items()})
    if event.get("url.domain") is None and raw.get("hostname"):
        event["url.domain"] = raw["hostname"]


def _network(event: Document, transport: str | None) -> None:
    low, high = event.get("source.ip") or "", event.get("destination.ip") or ""
    if ":" in low or ":" in high:
        event["network.type"] = "ipv6"
    elif "." in low or "." in high:
        event["network.type"] = "ipv4"
    ports = event.get("source.port"), event.get("destination.port")
    event["network.community_id"] = community(low, high, *ports, transport, "0", "0")
    for total, sent, received in _SUMS:
        one, other = event.get(sent) or "", event.get(received) or ""
        if one.isdecimal() and other.isdecimal() and len(one) < 19 and len(other) < 19:
            event[total] = int(one) + int(other)
