"""PAN-OS traffic and threat logs (CSV within syslog) as ECS, with the fields of Elastic's panw integration."""

from __future__ import annotations

import csv
import re
from datetime import datetime, timedelta

from falselight.mappings.network import address
from falselight.readers.settings import TIMEZONE, Settings
from falselight.readers.syslog import Document, append, iso

# Columns that all log types share, and those of each type (PAN-OS 10 administrator's guide, syslog field descriptions).
_SHARED = (
    "",
    "receive_time",
    "serial",
    "type",
    "subtype",
    "",
    "generated_time",
    "src",
    "dst",
    "natsrc",
    "natdst",
    "rule",
    "srcuser",
    "dstuser",
    "app",
    "vsys",
    "from",
    "to",
    "inbound_if",
    "outbound_if",
    "logset",
    "",
    "sessionid",
    "repeatcnt",
    "sport",
    "dport",
    "natsport",
    "natdport",
    "flags",
    "proto",
    "action",
)
_TRAFFIC = (
    "bytes",
    "bytes_sent",
    "bytes_received",
    "packets",
    "start",
    "elapsed",
    "category",
    "",
    "seqno",
    "actionflags",
    "srcloc",
    "dstloc",
    "",
    "pkts_sent",
    "pkts_received",
    "session_end_reason",
    "",
    "",
    "",
    "",
    "vsys_name",
    "device_name",
    "action_source",
)
_THREAT = (
    "misc",
    "threatid",
    "category",
    "severity",
    "direction",
    "seqno",
    "actionflags",
    "srcloc",
    "dstloc",
    "",
    "contenttype",
    "pcap_id",
    "filedigest",
    "cloud",
    "url_idx",
    "user_agent",
    "filetype",
    "xff",
    "referer",
    "sender",
    "subject",
    "recipient",
)
_START = re.compile(r"(?:^|[\s>])(\d{1,4},\d{4}/\d\d/\d\d \d\d:\d\d:\d\d,\w{0,20},(?:TRAFFIC|THREAT),.*)$")
_SEVERITIES = {"critical": 1, "high": 2, "medium": 3, "low": 4, "informational": 5}
_DENIED = frozenset(
    {
        "deny",
        "drop",
        "drop-icmp",
        "reset-client",
        "reset-server",
        "reset-both",
        "block",
        "block-url",
        "block-ip",
        "sinkhole",
    }
)


def parse(line: str, settings: Settings) -> Document | None:
    """The event of one line, None if it is no traffic or threat log."""
    found = _START.search(line)
    if found is None or len(line) > 65_536:
        return None
    cells = next(csv.reader([found.group(1)]))
    threat = len(cells) > 3 and cells[3] == "THREAT"
    raw = {
        name: cell
        for name, cell in zip((*_SHARED, *(_THREAT if threat else _TRAFFIC)), cells, strict=False)
        if name and cell
    }
    time = _time(raw.get("generated_time") or raw.get("receive_time"), settings)
    if time is None:
        return None
    event: Document = {
        "@timestamp": iso(time),
        "event.original": line,
        "event.module": "panw",
        "event.dataset": "panw.panos",
        "event.kind": "event",
        "observer.vendor": "Palo Alto Networks",
        "observer.product": "PAN-OS",
        "observer.type": "firewall",
        "observer.serial_number": raw.get("serial"),
        "observer.hostname": raw.get("device_name"),
        "event.action": raw.get("action"),
        "rule.name": raw.get("rule"),
        "network.application": raw.get("app"),
        "network.transport": raw.get("proto"),
        "observer.ingress.zone": raw.get("from"),
        "observer.egress.zone": raw.get("to"),
        "observer.ingress.interface.name": raw.get("inbound_if"),
        "observer.egress.interface.name": raw.get("outbound_if"),
        "panw.panos.type": raw.get("type"),
        "panw.panos.sub_type": raw.get("subtype"),
        "panw.panos.flow_id": raw.get("sessionid"),
        "panw.panos.virtual_sys": raw.get("vsys"),
        "panw.panos.sequence_number": raw.get("seqno"),
        "panw.panos.url.category": raw.get("category"),
        "labels.ruleset": raw.get("rule"),
    }
    _ends(event, raw)
    if threat:
        _threat(event, raw)
    else:
        _traffic(event, raw, settings)
    return event


def _ends(event: Document, raw: dict[str, str]) -> None:
    for side, name, nat, port, nat_port, user in (
        ("source", "src", "natsrc", "sport", "natsport", "srcuser"),
        ("destination", "dst", "natdst", "dport", "natdport", "dstuser"),
    ):
        for target, value in ((f"{side}.ip", raw.get(name)), (f"{side}.nat.ip", raw.get(nat))):
            if value and address(value) and not (target.endswith("nat.ip") and value in ("0.0.0.0", "::")):
                event[target] = value
                append(event, "related.ip", value)
        event[f"{side}.address"] = event.get(f"{side}.ip")
        event[f"{side}.port"] = _number(raw.get(port))
        if raw.get(nat_port) not in (None, "0"):
            event[f"{side}.nat.port"] = _number(raw.get(nat_port))
        if raw.get(user):
            domain, _, account = raw[user].rpartition("\\")
            event[f"{side}.user.name"], event[f"{side}.user.domain"] = account, domain or None
            append(event, "related.user", account)


def _traffic(event: Document, raw: dict[str, str], settings: Settings) -> None:
    denied = raw.get("action") in _DENIED
    types = ["denied", "connection"] if denied else ["allowed", "connection"]
    types += {"start": ["start"], "end": ["end"]}.get(raw.get("subtype", ""), [])
    event |= {
        "event.category": ["network"],
        "event.type": types,
        "event.outcome": "success",
        "network.bytes": _number(raw.get("bytes")),
        "source.bytes": _number(raw.get("bytes_sent")),
        "destination.bytes": _number(raw.get("bytes_received")),
        "network.packets": _number(raw.get("packets")),
        "source.packets": _number(raw.get("pkts_sent")),
        "destination.packets": _number(raw.get("pkts_received")),
        "event.start": iso(_time(raw.get("start"), settings)),
        "event.reason": raw.get("session_end_reason"),
    }
    elapsed = _number(raw.get("elapsed"))
    start = _time(raw.get("start"), settings)
    if elapsed is not None and elapsed < 10**9:
        event["event.duration"] = elapsed * 10**9
        if start is not None:
            event["event.end"] = iso(start + timedelta(seconds=elapsed))


def _threat(event: Document, raw: dict[str, str]) -> None:
    denied = raw.get("action") in _DENIED
    event |= {
        "event.kind": "alert",
        "event.category": ["intrusion_detection", "threat", "network"],
        "event.type": ["denied" if denied else "allowed"],
        "event.outcome": "success",
        "event.severity": _SEVERITIES.get(raw.get("severity", "")),
        "log.level": raw.get("severity"),
        "panw.panos.threat.name": raw.get("threatid"),
        "user_agent.original": raw.get("user_agent"),
        "panw.panos.threat.resource": raw.get("misc"),
        "http.request.referrer": raw.get("referer"),
        "http.response.mime_type": raw.get("contenttype"),
    }
    if raw.get("subtype") == "url" and raw.get("misc"):
        event["url.original"] = raw["misc"]
        event["url.domain"] = raw["misc"].split("/", 1)[0].split(":", 1)[0]
    elif raw.get("misc"):
        event["file.name"] = raw["misc"]
    if raw.get("filedigest"):
        append(event, "related.hash", raw["filedigest"])


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() and len(text) < 19 else None


def _time(text: str | None, settings: Settings) -> datetime | None:
    """``2026/03/11 09:00:00`` in the user's zone."""
    if not text:
        return None
    try:
        found = datetime.strptime(text, "%Y/%m/%d %H:%M:%S")
    except ValueError:
        return None
    settings.assumed[TIMEZONE] += 1
    return found.replace(tzinfo=settings.timezone)
