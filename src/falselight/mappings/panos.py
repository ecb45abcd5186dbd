"""PAN-OS logs (CSV within syslog) as ECS, with the fields of Elastic's panw integration and of the Beats' module before it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from importlib.resources import files

from falselight.mappings import panos_tls, panos_users
from falselight.mappings.csv_cells import cells as csv_cells
from falselight.mappings.network import address, community
from falselight.mappings.urls import url_parts
from falselight.readers.settings import TIMEZONE, Settings
from falselight.readers.syslog import Document, append, iso, zone_name

_TABLE = tomllib.loads(files("falselight.mappings").joinpath("panos.toml").read_text("utf-8"))
# Columns that all kinds of logs share; names without a dot are none of an event's fields.
_SHARED = ("", "received", "observer.serial_number", ".type", ".sub_type", "version", "generated")


def _named(names: list[str]) -> Iterator[str]:
    for name in names:
        if name.startswith("*"):
            yield from _named(_TABLE["parts"][name[1:]])
        else:
            yield _TABLE["prefix"] + name if name.startswith(".") else name


_COLUMNS = {kind: tuple(_named([*_SHARED, *names])) for kind, names in _TABLE["layouts"].items()}
COPIES = tuple((field, copy) for field, copy in map(_named, _TABLE["copies"]))
_OTHERS = tuple(_named([*_SHARED]))
_SESSIONS = frozenset({"TRAFFIC", "START", "END", "GTP"})
_LAYOUTS = {"hip-match": "hipmatch", "start": "tunnel", "end": "tunnel"}
_AUDIT_LINE = re.compile(
    r"(?:^|>)\w{3} {1,2}\d{1,2} \d\d:\d\d:\d\d (?P<host>[\w.:-]{1,255}) (?P<serial>\d{1,20}),"
    r"(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d),(?i:audit),(?P<rest>.*)$"
)
_ACTIONS = {
    "start": "flow_started", "end": "flow_terminated", "drop": "flow_dropped", "deny": "flow_denied",
    "data": "data_match", "file": "file_match", "flood": "flood_detected", "packet": "packet_attack",
    "scan": "scan_detected", "spyware": "spyware_detected", "url": "url_filtering", "virus": "virus_detected",
    "vulnerability": "exploit_detected", "wildfire": "wildfire_verdict", "wildfire-virus": "wildfire_virus_detected",
}  # fmt: skip
_FLAGS = {
    "pcap_included": 0x80000000, "connect_to_destination_host": 0x40000000, "file_submitted_to_WildFire": 0x20000000,
    "enterprise_credential_submission": 0x10000000, "source_flow_allow_list": 0x08000000, "ipv6_session": 0x02000000,
    "ssl_decrypted": 0x01000000, "url_filter_denied": 0x00800000, "nat_translated": 0x00400000,
    "captive_portal": 0x00200000, "non_standard_port_usage": 0x00100000, "x_forwarded_for": 0x00080000,
    "http_proxy": 0x00040000, "client_server_policy_based_forwarding": 0x00020000,
    "server_client_policy_based_forwarding": 0x00010000, "container_page": 0x00008000, "temporary_match": 0x00002000,
    "symmetric_return": 0x00000800, "decrypted_traffic": 0x00000400, "payload_outer_tunnel": 0x00000100,
}  # fmt: skip
_CATEGORIES = {
    "THREAT": ["intrusion_detection", "security_threat", "network"], "USERID": ["network", "iam"],
    "AUTHENTICATION": ["authentication"], "GTP": ["network", "malware"],
    "CONFIG": ["configuration"], "SYSTEM": ["configuration"], "AUDIT": ["configuration"],
}  # fmt: skip
# The zones that the integration calls internal and external until its user names others.
_BY_ZONE = {
    ("trust", "untrust"): "outbound", ("untrust", "trust"): "inbound", ("trust", "trust"): "internal",
    ("untrust", "untrust"): "external",
}  # fmt: skip
# In which direction a threat's packet went, as the integration words it.
_BY_PACKET = {"0": "inbound", "client-to-server": "inbound", "1": "outbound", "server-to-client": "outbound"}
_START = re.compile(
    r"(?:^|[\s>])(\d{1,10},\d{4}[/-]\d\d[/-]\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,9})?Z?,[^,\s]{0,40},"
    r"(?:TRAFFIC|THREAT|USERID|HIP-?MATCH|GLOBALPROTECT|CONFIG|SYSTEM|DECRYPTION|AUTHENTICATION|CORRELATION|GTP|IPTAG|SCTP|"
    r"START|END),.*)$"
)
_ZONE = re.compile(r"\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(Z|[+-](?:0\d|1[0-4]):[0-5]\d)\s")
_SEVERITIES = {"critical": 1, "high": 2, "medium": 3, "low": 4, "informational": 5}
_ALLOWED = frozenset({"alert", "allow", "continue"})
_DENIED = frozenset({
    "deny", "drop", "drop-icmp", "reset-client", "reset-server", "reset-both", "block", "block-url", "block-ip",
    "random-drop", "sinkhole",
})  # fmt: skip
# Numbers that the schema does not know as such, by the layouts that have them.
_NUMBERS = frozenset(
    f"panw.panos.{name}"
    for name in (
        "repeat_count", "application.risk_level", "sctp.chunks", "sctp.chunks_sent", "sctp.chunks_received",
        "link.change_count", "elapsed_time", "max_encapsulation", "unknown_protocol", "strict_check", "tunnel_fragment",
        "sessions.created", "sessions.closed", "login_duration", "response_time", "subject_common_name.length",
        "issuer_common_name.length", "root_common_name.length", "server_name_indication.length",
    )
)  # fmt: skip
_NUMBERS_OF = {kind: tuple(name for name in names if name in _NUMBERS) for kind, names in _COLUMNS.items()}


def parse(line: str, settings: Settings) -> Document | None:
    """The event of one line, None if it is no log of PAN-OS."""
    found = _START.search(line)
    if len(line) > 65_536:
        return None
    if found is None:
        return _audit(line, settings)
    cells = csv_cells(found[1])
    if cells is None or len(cells) < 5:
        return None
    header = _ZONE.search(line, 0, found.start(1))
    written = None if header is None else header[1]
    event = _columns(cells[3], cells)
    clock = _Clock(settings, written)
    generated, received = event.pop("generated", None), event.pop("received", None)
    exact = clock.iso(event.pop("high_resolution_timestamp", None))
    if exact is not None and exact.startswith(("1969", "1970")):
        exact = None  # What firewalls of older releases write for want of a time.
    time = exact or clock.iso(generated) or clock.iso(received)
    if time is None:
        return None
    event |= {
        "@timestamp": time,
        "event.created": clock.iso(received),
        "event.timezone": written or clock.zone(time),
        "panw.panos.generated_time": clock.iso(generated),
        "panw.panos.high_resolution_timestamp": exact,
        "event.action": _ACTIONS.get(event.get("panw.panos.sub_type", "")),
    }
    _by_kind(event, cells[3], clock)
    return _settled(event, line)


def _by_kind(event: Document, kind: str, clock: _Clock) -> None:
    """What the kind of log decides."""
    event["event.outcome"] = event.get("event.outcome") or "success"
    if "panw.panos.action" in event:
        event["panw.panos.action"] = "-".join(event["panw.panos.action"].lower().split())
    if kind == "THREAT":
        _threat(event, clock)
    elif kind == "DECRYPTION":
        panos_tls.fill(event, clock.iso)
        event["event.type"] = _types(event)
    elif kind in _SESSIONS:
        _traffic(event, kind, clock)
    else:
        panos_users.fill(event, kind, clock.iso)
    event["event.category"] = _CATEGORIES.get(kind, ["network"])
    _ends(event)


def _settled(event: Document, line: str) -> Document:
    """The event with what all logs have."""
    event["event.original"], event["event.module"], event["event.dataset"] = line, "panw", "panw.panos"
    event.setdefault("event.kind", "event")
    event["observer.vendor"], event["observer.product"] = "Palo Alto Networks", "PAN-OS"
    event["observer.type"] = "firewall"
    for name in _NUMBERS_OF.get(_layout(event.get("panw.panos.type", "")), ()):
        if name in event:
            event[name] = _number(event[name])
    if "log.level" in event:
        event["log.level"] = level = event["log.level"].lower()
        event["event.severity"] = _SEVERITIES.get(level)
    for name in ("panw.panos.src.mac", "panw.panos.dst.mac"):
        if name in event:
            event[name] = panos_users.mac(event[name])
    version = event.pop("version", None)
    if event.get("panw.panos.type") == "DECRYPTION":
        event["panw.panos.config_version"] = version
    append(
        event, "related.hosts", event.get("observer.hostname"), event.get("host.name"), event.get("url.domain"),
        event.get("panw.panos.src.host"), event.get("panw.panos.dst.host"), event.get("tls.client.server_name"),
    )  # fmt: skip
    return event


def _layout(kind: str) -> str:
    name = kind.lower()
    return _LAYOUTS.get(name, name)


def _columns(kind: str, cells: list[str]) -> Document:
    """The cells that are not empty by their names."""
    name = _layout(kind)
    if name == "config":
        cells = [cell.strip() for cell in cells]
        name = "config_plain" if len(cells) > 14 and cells[14].isdecimal() else name
    columns = _COLUMNS.get(name, _OTHERS)
    return {column: cell for column, cell in zip(columns, cells, strict=False) if cell and column}


class _Clock:
    """The times of one line: in the zone of its syslog header, else in the user's."""

    def __init__(self, settings: Settings, header: str | None) -> None:
        self._settings = settings
        self._zone = settings.timezone if header is None else _offset(header)
        self._assumes = header is None

    def time(self, text: str | None) -> datetime | None:
        """``2026/03/11 09:00:00``, or ISO 8601 with its own zone."""
        if not text:
            return None
        found, is_own = _moment(text, self._zone)
        if self._assumes and found is not None and not is_own:
            self._settings.assumed[TIMEZONE] += 1
        return found

    def iso(self, text: str | None) -> str | None:
        """The time as it is written to fields."""
        time = self.time(text)
        return None if time is None else _iso(time)

    def zone(self, time: str) -> str:
        """The user's zone at that time."""
        zone = self._settings.timezone
        return zone_name(self._settings, None if isinstance(zone, timezone) else datetime.fromisoformat(time))


@lru_cache(maxsize=4_096)
def _moment(text: str, zone: tzinfo) -> tuple[datetime | None, bool]:
    """The time, and whether it told its zone."""
    try:
        found = datetime.fromisoformat(text.replace("/", "-"))
    except ValueError:
        return None, False
    return (found.replace(tzinfo=zone), False) if found.tzinfo is None else (found, True)


_iso = lru_cache(maxsize=4_096)(iso)


@lru_cache(maxsize=64)
def _offset(text: str) -> tzinfo:
    zone = datetime.strptime(text, "%z").tzinfo
    assert zone is not None  # «_ZONE» finds nothing else
    return zone


def _audit(line: str, settings: Settings) -> Document | None:
    """An administrator's command, which is logged in a form of its own."""
    found = _AUDIT_LINE.search(line)
    cells = None if found is None else csv_cells(found["rest"])
    if found is None or cells is None:
        return None
    clock = _Clock(settings, None)
    event = _columns("audit", ["", "", found["serial"], "AUDIT", "", "", "", *cells])
    time = clock.iso(found["time"])
    if time is None:
        return None
    event |= {"@timestamp": time, "event.timezone": clock.zone(time), "observer.hostname": found["host"]}
    event["event.category"], event["panw.panos.generated_time"] = _CATEGORIES["AUDIT"], time
    return _settled(event, line)


def _flags(event: Document) -> None:
    """What the session's flags say, a label for each that is set."""
    text = event.pop("flags", "")
    if re.fullmatch(r"0x[0-9a-fA-F]{1,16}", text):
        event.update(_labels(int(text, 16)))


@lru_cache(maxsize=1_024)
def _labels(flags: int) -> dict[str, bool]:
    return {f"labels.{name}": True for name, bit in _FLAGS.items() if flags & bit}


def _ends(event: Document) -> None:
    """Addresses, what they were translated to, users and the connection's community ids."""
    _flags(event)
    for side in ("source", "destination"):
        ip = event[f"{side}.ip"] = _address(event.get(f"{side}.ip"))
        nat, port = event.get(f"panw.panos.{side}.nat.ip"), event.get(f"panw.panos.{side}.nat.port")
        if nat is not None:
            nat = event[f"panw.panos.{side}.nat.ip"] = _address(nat)
        if (nat not in ("0.0.0.0", "::") or port != "0") and (nat, port) != (None, None):
            event[f"{side}.nat.ip"], event[f"{side}.nat.port"] = nat, port
        append(event, "related.ip", ip, nat)
        _account(event, side)
    if event["source.ip"] is not None:
        event["network.type"] = "ipv6" if ":" in event["source.ip"] else "ipv4"
    for name in ("network.forwarded_ip", "panw.panos.xff.ip", "panw.panos.remote_user.ip", "panw.panos.end_ip_address"):
        if name in event:
            event[name] = _address(event[name])
            append(event, "related.ip", event[name])
    if "network.transport" in event:
        event["network.transport"] = event["network.transport"].lower()
        plain = _community(event, "")
        event["panw.panos.network.nat.community_id"] = translated = _community(event, "nat.")
        append(event, "network.community_id", plain, translated)


def _account(event: Document, side: str) -> None:
    text, known = event.pop(f"{side}.user", None), event.get(f"{side}.user.name")
    if text is not None:
        name, event[f"{side}.user.domain"] = panos_users.account(text)
        known = event[f"{side}.user.name"] = known if isinstance(known, list) else name or known
    if known is not None:
        append(event, "related.user", *(known if isinstance(known, list) else [known]))


def _community(event: Document, kind: str) -> str | None:
    source, destination = event.get(f"source.{kind}ip"), event.get(f"destination.{kind}ip")
    left, right = event.get(f"source.{kind}port"), event.get(f"destination.{kind}port")
    return community(source, destination, left, right, event["network.transport"], "0", "0")


def _types(event: Document) -> list[str]:
    action = event.get("panw.panos.action")
    return ["allowed"] if action in _ALLOWED else ["denied"] if action in _DENIED else []


def _traffic(event: Document, kind: str, clock: _Clock) -> None:
    subtype = event.get("panw.panos.sub_type")
    types = _types(event)
    types += {"start": ["connection", "start"], "end": ["connection", "end"]}.get(subtype or "", [])
    types += ["connection", "denied"] if subtype in ("drop", "deny") else []
    start = clock.time(event.get("event.start"))
    zones = event.get("observer.ingress.zone", ""), event.get("observer.egress.zone", "")
    event |= {
        "event.type": list(dict.fromkeys(types)),
        "network.direction": _BY_ZONE.get(zones) if kind == "TRAFFIC" else None,
        "event.start": iso(start),
        "event.reason": event.get("panw.panos.endreason"),
    }
    if "panw.panos.tunnel_inspection_rule" in event:
        event["panw.panos.ruleset"], event["rule.name"] = (
            event.get("rule.name"),
            event["panw.panos.tunnel_inspection_rule"],
        )
    if event.get("panw.panos.http2_connection", "0") != "0":
        event["http.version"] = "2"
    _parent(event, clock)
    elapsed = _number(event.get("panw.panos.elapsed_time"))
    if elapsed is not None and elapsed < 10**9:
        event["event.duration"] = elapsed * 10**9
        if start is not None:
            event["event.end"] = iso(start + timedelta(seconds=elapsed))


def _parent(event: Document, clock: _Clock) -> None:
    """When the session of the tunnel began."""
    if "panw.panos.parent_session.start_time" in event:
        event["panw.panos.parent_session.start_time"] = clock.iso(event["panw.panos.parent_session.start_time"])


def _threat_name(text: str) -> tuple[str | None, str | None]:
    """Name and number of ``Name(number)``; URL filtering has the number 9999 and no name."""
    name, bracket, rest = text.rpartition("(")
    if not bracket or not rest.endswith(")"):
        return text or None, None
    identifier = rest[:-1].strip()
    return "URL-filtering" if identifier == "9999" else name or None, identifier or None


def _threat(event: Document, clock: _Clock) -> None:
    name, identifier = _threat_name(event.pop("threat", ""))
    categories = event.get("panw.panos.url_category_list")
    event |= {
        "event.kind": "alert",
        "network.direction": _BY_PACKET.get(event.get("panw.panos.network.direction", ""), "unknown"),
        "event.type": _types(event),
        "panw.panos.threat.name": name,
        "panw.panos.threat.id": identifier,
        "panw.panos.logged_time": clock.iso(event.pop("logged_time", None)),
        "panw.panos.url_category_list": None if categories is None else categories.strip().split(","),
    }
    _parent(event, clock)
    if event.get("panw.panos.network.pcap_id") == "0":
        del event["panw.panos.network.pcap_id"]
    if event.get("panw.panos.http2_connection", "0") != "0":
        event["http.version"] = "2"
    subject = event.get("panw.panos.misc")
    if subject is not None:
        _subject(event, subject, event.get("panw.panos.sub_type"))
    append(event, "related.hash", event.get("panw.panos.file.hash"))


def _subject(event: Document, subject: str, subtype: str | None) -> None:
    """What a threat was met in: an address of the web, or a file."""
    if subtype == "url" or (subtype == "virus" and "/" in subject):
        event["url.original"] = subject
        parts = url_parts(subject if "://" in subject else f"//{subject}")
        event |= {f"url.{name}": value for name, value in parts.items()}
        event.setdefault("url.domain", subject.split("/", 1)[0].split(":", 1)[0])
        return
    name = re.split(r"[\\/]", subject)[-1]
    if name != subject and subtype == "file":
        event["file.path"] = subject
    event["file.name"] = name if subtype == "file" else subject
    event["file.extension"] = name.rpartition(".")[2] if "." in name else None


def _address(text: str | None) -> str | None:
    return text if address(text) else None


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() and len(text) < 19 else None
