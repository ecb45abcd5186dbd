"""PAN-OS logs (CSV within syslog) as ECS, with the fields of Elastic's panw integration."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo

from falselight.mappings import panos_tls, panos_users
from falselight.mappings.csv_cells import cells as csv_cells
from falselight.mappings.firewalls import roles
from falselight.mappings.network import address, community
from falselight.mappings.urls import url_parts
from falselight.readers.settings import TIMEZONE, Settings
from falselight.readers.syslog import Document, append, iso, zone_name

# Columns that all log types share, and those of each type (PAN-OS 10 administrator's guide, syslog field descriptions).
_SHARED = (
    "", "receive_time", "serial", "type", "subtype", "", "generated_time", "src", "dst", "natsrc", "natdst", "rule", "srcuser",
    "dstuser", "app", "vsys", "from", "to", "inbound_if", "outbound_if", "log_profile", "", "sessionid", "repeat_count",
    "sport", "dport", "natsport", "natdport", "flags", "proto", "action",
)  # fmt: skip
# Columns that are fields of the integration as they are.
_GROUPS = tuple(f"device_group_hierarchy{level}" for level in range(1, 5))
_SESSION = ("imsi", "imei", "parent_session.id", "parent_session.start_time", "tunnel_type")
_TRAFFIC = (
    "bytes", "bytes_sent", "bytes_received", "packets", "start", "elapsed", "category", "", "seqno", "action_flags",
    "srcloc", "dstloc", "", "pkts_sent", "pkts_received", "session_end_reason", *_GROUPS, "vsys_name", "device_name",
    "action_source", "source_vm_uuid", "destination_vm_uuid", *_SESSION, "scp.assoc_id", "scp.chunks", "scp.chunks_sent",
    "scp.chunks_received",
)  # fmt: skip
_THREAT = (
    "misc", "threatid", "category", "severity", "direction", "seqno", "action_flags", "srcloc", "dstloc", "",
    "http_content_type", "pcap_id", "filedigest", "wildfire.name", "url_idx", "user_agent", "filetype", "xff", "referer",
    "sender", "subject", "recipient", "wildfire.report_id", *_GROUPS, "vsys_name", "device_name", "", "source_vm_uuid",
    "destination_vm_uuid", "http_method", *_SESSION, "threat_category", "content_version", "", "scp.assoc_id",
    "payload_protocol_id", "http_headers",
)  # fmt: skip
_AS_THEY_ARE = frozenset({
    "log_profile", "action_flags", *_GROUPS, *_SESSION, "vsys_name", "action_source", "source_vm_uuid",
    "destination_vm_uuid", "scp.assoc_id", "scp.chunks", "scp.chunks_sent", "scp.chunks_received", "http_content_type",
    "wildfire.name", "wildfire.report_id", "url_idx", "threat_category", "content_version", "payload_protocol_id",
    "http_headers",
})  # fmt: skip
_COLUMNS = {
    "TRAFFIC": (*_SHARED, *_TRAFFIC),
    "THREAT": (*_SHARED, *_THREAT),
    "DECRYPTION": (*_SHARED, *panos_tls.COLUMNS),
}
_ACTIONS = {
    "start": "flow_started", "end": "flow_terminated", "drop": "flow_dropped", "deny": "flow_denied",
    "data": "data_match", "file": "file_match", "flood": "flood_detected", "packet": "packet_attack",
    "scan": "scan_detected", "spyware": "spyware_detected", "url": "url_filtering", "virus": "virus_detected",
    "vulnerability": "exploit_detected", "wildfire": "wildfire_verdict", "wildfire-virus": "wildfire_virus_detected",
}  # fmt: skip
_FLAGS = {
    "pcap_included": 0x80000000, "ipv6_session": 0x02000000, "ssl_decrypted": 0x01000000,
    "url_filter_denied": 0x00800000, "nat_translated": 0x00400000, "captive_portal": 0x00200000,
    "x_forwarded_for": 0x00080000, "http_proxy": 0x00040000, "container_page": 0x00008000,
    "temporary_match": 0x00002000, "symmetric_return": 0x00000800,
}  # fmt: skip
_UNSET = frozenset({None, "0.0.0.0", "::"})
# The zones that the integration calls internal and external until its user names others.
_BY_ZONE = {
    ("trust", "untrust"): "outbound", ("untrust", "trust"): "inbound", ("trust", "trust"): "internal",
    ("untrust", "untrust"): "external",
}  # fmt: skip
# In which direction a threat's packet went, as the integration words it.
_BY_PACKET = {"0": "inbound", "client-to-server": "inbound", "1": "outbound", "server-to-client": "outbound"}
_START = re.compile(
    r"(?:^|[\s>])(\d{1,10},\d{4}[/-]\d\d[/-]\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,9})?Z?,[^,\s]{0,40},"
    r"(?:TRAFFIC|THREAT|USERID|HIP-?MATCH|GLOBALPROTECT|CONFIG|SYSTEM|DECRYPTION),.*)$"
)
_ZONE = re.compile(r"\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(Z|[+-](?:0\d|1[0-4]):[0-5]\d)\s")
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
        "random-drop",
        "sinkhole",
    }
)


def parse(line: str, settings: Settings) -> Document | None:
    """The event of one line, None if it is no log of PAN-OS."""
    found = _START.search(line)
    if found is None or len(line) > 65_536:
        return None
    cells = csv_cells(found.group(1))
    if cells is None:
        return None
    kind = cells[3] if len(cells) > 4 else ""
    header = _ZONE.search(line, 0, found.start(1))
    zone = None if header is None else datetime.strptime(header.group(1), "%z").tzinfo
    raw = {name: cell for name, cell in zip(_COLUMNS.get(kind, _SHARED[:7]), cells, strict=False) if name and cell}
    time = _time(raw.get("generated_time") or raw.get("receive_time"), settings, zone)
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
        "event.timezone": zone_name(settings, time) if header is None else header.group(1),
        "event.action": _ACTIONS.get(raw.get("subtype", "")),
        "panw.panos.type": raw.get("type"),
        "panw.panos.sub_type": raw.get("subtype"),
    }
    if kind in _COLUMNS:
        _session(event, raw)
        _ends(event, raw)
        if kind == "THREAT":
            _threat(event, raw)
        elif kind == "DECRYPTION":
            _decryption(event, raw, settings, zone)
        else:
            _traffic(event, raw, _time(raw.get("start"), settings, zone))
        _flags(event, raw)
    else:
        _users(event, kind, cells, settings, zone)
    _roles(event)
    append(event, "related.hosts", event.get("observer.hostname"), event.get("url.domain"))
    return event


def _users(event: Document, kind: str, cells: list[str], settings: Settings, zone: tzinfo | None) -> None:
    panos_users.fill(event, kind, cells)
    completed = "panw.panos.factorcompletiontime"
    event[completed] = iso(_time(event.get(completed), settings, zone))


def _session(event: Document, raw: dict[str, str]) -> None:
    event |= {
        "panw.panos.action": _action(raw) or None,
        "panw.panos.ruleset": raw.get("rule"),
        "panw.panos.source.zone": raw.get("from"),
        "panw.panos.destination.zone": raw.get("to"),
        "panw.panos.source.interface": raw.get("inbound_if"),
        "panw.panos.destination.interface": raw.get("outbound_if"),
        "rule.name": raw.get("rule"),
        "network.application": raw.get("app"),
        "network.transport": raw.get("proto"),
        "observer.ingress.zone": raw.get("from"),
        "observer.egress.zone": raw.get("to"),
        "observer.ingress.interface.name": raw.get("inbound_if"),
        "observer.egress.interface.name": raw.get("outbound_if"),
        "panw.panos.flow_id": raw.get("sessionid"),
        "panw.panos.virtual_sys": raw.get("vsys"),
        "panw.panos.related_vsys": raw.get("vsys"),
        "panw.panos.repeat_count": _number(raw.get("repeat_count")),
        "panw.panos.sequence_number": raw.get("seqno"),
        "panw.panos.url.category": raw.get("category"),
        "labels.ruleset": raw.get("rule"),
        **{f"panw.panos.{name}": cell for name, cell in raw.items() if name in _AS_THEY_ARE},
    }


def _action(raw: dict[str, str]) -> str:
    return "-".join(raw.get("action", "").lower().split())


def _flags(event: Document, raw: dict[str, str]) -> None:
    """What the session's flags say, a label for each that is set."""
    text = raw.get("flags", "")
    if re.fullmatch(r"0x[0-9a-fA-F]{1,16}", text):
        event |= {f"labels.{name}": True for name, bit in _FLAGS.items() if int(text, 16) & bit}


def _roles(event: Document) -> None:
    """The ends as client and server too, and the connection's community id, before and after translation."""
    roles(event)
    for name in ("name", "domain"):
        event[f"user.{name}"] = event.get(f"source.user.{name}")
    plain = _community(event, "")
    event["panw.panos.network.nat.community_id"] = translated = _community(event, "nat.")
    append(event, "network.community_id", plain, translated)


def _community(event: Document, kind: str) -> str | None:
    ends = [event.get(f"{end}.{kind}{name}") for name in ("ip", "port") for end in ("source", "destination")]
    ports = [None if port is None else str(port) for port in ends[2:]]
    return community(ends[0], ends[1], ports[0], ports[1], event.get("network.transport"), "0", "0")


def _ends(event: Document, raw: dict[str, str]) -> None:
    for side, name, nat, port, nat_port, user in (
        ("source", "src", "natsrc", "sport", "natsport", "srcuser"),
        ("destination", "dst", "natdst", "dport", "natdport", "dstuser"),
    ):
        event[f"{side}.ip"] = event[f"{side}.address"] = _address(raw.get(name))
        event[f"{side}.port"] = _number(raw.get(port))
        translated = f"{side}.nat.ip", _address(raw.get(nat)), f"{side}.nat.port", _number(raw.get(nat_port))
        event |= {f"panw.panos.{translated[0]}": translated[1], f"panw.panos.{translated[2]}": translated[3]}
        if translated[1] not in _UNSET or translated[3]:
            event |= {translated[0]: translated[1], translated[2]: translated[3]}
        append(event, "related.ip", event[f"{side}.ip"], translated[1])
        if raw.get(user):
            domain, _, account = raw[user].rpartition("\\")
            event[f"{side}.user.name"], event[f"{side}.user.domain"] = account, domain or None
            append(event, "related.user", account)


def _traffic(event: Document, raw: dict[str, str], start: datetime | None) -> None:
    kind = raw.get("subtype", "")
    types = ["denied" if _action(raw) in _DENIED else "allowed"]
    types += {"start": ["connection", "start"], "end": ["connection", "end"]}.get(kind, [])
    types += ["connection", "denied"] if kind in ("drop", "deny") else []
    event |= {
        "event.category": ["network"],
        "event.type": list(dict.fromkeys(types)),
        "network.type": "ipv6" if ":" in raw.get("src", "") else "ipv4",
        "network.direction": _BY_ZONE.get((raw.get("from", ""), raw.get("to", ""))),
        "panw.panos.endreason": raw.get("session_end_reason"),
        "event.outcome": "success",
        "network.bytes": _number(raw.get("bytes")),
        "source.bytes": _number(raw.get("bytes_sent")),
        "destination.bytes": _number(raw.get("bytes_received")),
        "network.packets": _number(raw.get("packets")),
        "source.packets": _number(raw.get("pkts_sent")),
        "destination.packets": _number(raw.get("pkts_received")),
        "event.start": iso(start),
        "event.reason": raw.get("session_end_reason"),
    }
    elapsed = _number(raw.get("elapsed"))
    if elapsed is not None and elapsed < 10**9:
        event["event.duration"] = elapsed * 10**9
        if start is not None:
            event["event.end"] = iso(start + timedelta(seconds=elapsed))


def _decryption(event: Document, raw: dict[str, str], settings: Settings, zone: tzinfo | None) -> None:
    panos_tls.fill(event, raw)
    event["event.type"] = ["denied" if _action(raw) in _DENIED else "allowed"]
    for name in ("not_before", "not_after"):
        event[f"tls.server.{name}"] = event[f"tls.server.x509.{name}"] = iso(_time(raw.get(name), settings, zone))


def _threat_name(text: str) -> tuple[str | None, str | None]:
    """Name and number of ``Name(number)``; URL filtering has the number 9999 and no name."""
    name, bracket, rest = text.rpartition("(")
    if not bracket or not rest.endswith(")"):
        return text or None, None
    identifier = rest[:-1].strip()
    return "URL-filtering" if identifier == "9999" else name or None, identifier or None


def _threat(event: Document, raw: dict[str, str]) -> None:
    denied = _action(raw) in _DENIED
    name, identifier = _threat_name(raw.get("threatid", ""))
    event |= {
        "event.kind": "alert",
        "event.category": ["intrusion_detection", "security_threat", "network"],
        "network.direction": _BY_PACKET.get(raw.get("direction", ""), "unknown"),
        "event.type": ["denied" if denied else "allowed"],
        "event.outcome": "success",
        "event.severity": _SEVERITIES.get(raw.get("severity", "")),
        "log.level": raw.get("severity"),
        "panw.panos.threat.name": name,
        "panw.panos.threat.id": identifier,
        "panw.panos.network.pcap_id": raw["pcap_id"] if raw.get("pcap_id", "0") != "0" else None,
        "panw.panos.file.hash": raw.get("filedigest"),
        "panw.panos.subject": raw.get("subject"),
        "file.type": raw.get("filetype"),
        "network.forwarded_ip": _address(raw.get("xff")),
        "source.user.email": raw.get("sender"),
        "destination.user.email": raw.get("recipient"),
        "user_agent.original": raw.get("user_agent"),
        "panw.panos.threat.resource": raw.get("misc"),
        "http.request.referrer": raw.get("referer"),
        "http.request.method": raw.get("http_method"),
        "http.response.mime_type": raw.get("http_content_type"),
    }
    if raw.get("subtype") == "url" and raw.get("misc"):
        event["url.original"] = raw["misc"]
        parts = url_parts(raw["misc"] if "://" in raw["misc"] else f"//{raw['misc']}")
        event |= {f"url.{name}": value for name, value in parts.items()}
        event.setdefault("url.domain", raw["misc"].split("/", 1)[0].split(":", 1)[0])
    elif raw.get("misc"):
        event["file.name"] = raw["misc"]
        event["file.extension"] = raw["misc"].rpartition(".")[2] if "." in raw["misc"] else None
    if raw.get("filedigest"):
        append(event, "related.hash", raw["filedigest"])


def _address(text: str | None) -> str | None:
    return text if address(text) else None


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() and len(text) < 19 else None


def _time(text: str | None, settings: Settings, zone: tzinfo | None) -> datetime | None:
    """``2026/03/11 09:00:00`` in the zone of the syslog header, else the user's; or ISO 8601 with its own."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text.replace("/", "-"))
    except ValueError:
        return None
    if found.tzinfo is not None:
        return found
    if zone is None:
        settings.assumed[TIMEZONE] += 1
    return found.replace(tzinfo=zone or settings.timezone)
