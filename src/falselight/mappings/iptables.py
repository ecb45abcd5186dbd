"""Netfilter's log lines (iptables, nftables, Ubiquiti) as ECS, with the fields of Elastic's iptables integration."""

from __future__ import annotations

import re

from falselight.mappings.network import address, community
from falselight.mappings.tables import TRANSPORTS
from falselight.readers.settings import Settings
from falselight.readers.syslog import MOMENT, Document, iso, moment, zone_name

_PACKET = re.compile(r"(?:^|[ \]])IN=(?P<inside>[^ ]*) OUT=(?P<outside>[^ ]*)(?: (?P<rest>.*))?$")
# What is left of a record whose beginning the syslog daemon cut off.
_REMAINDER = re.compile(r"(?<= kernel:) +(?P<rest>(?:\S{1,20} ){0,8}ID=\d{1,5} .*\bPROTO=.*)$")
_PRIORITY = re.compile(r"^<(\d{1,3})>")
_CUT = re.compile(r"^(\d+ +)?T?L=(?=\d)")  # the hop limit's name, of which the beginning is lost
_LABEL = re.compile(r"\[(?P<set>[^\]]{0,200})-(?P<number>[^-\]]{0,80})-(?P<action>[^-\]]{0,80})\]$")
_HEADER = re.compile(
    r"^(?P<host>\S{1,255}) (?:[a-z0-9]{1,10}\.[a-z]{1,10} )?"
    r"(?:kernel|[\w./-]{1,60}(?:\[\d+\])?): *(?:\[ *\d+\.\d+\] *)?(?P<prefix>.*)$"
)
_PREFIX = re.compile(r"^(?:iptables )?(?P<action>[^\s:\[\]]{1,80}):? *$", re.IGNORECASE)
_PAIR = re.compile(r"(?:^| )([A-Z]{2,9})=(\S*)")
_FLAGS = re.compile(r" (CWR|ECE|URG|ACK|PSH|RST|SYN|FIN)(?= |$)")
_FRAGMENTS = re.compile(r" (CE|DF|MF)(?= )")
_FRAGMENT = re.compile(r" FRAG: ?(\d{1,9})")
_INCOMPLETE = re.compile(r" INCOMPLETE \[(\d{1,9}) bytes\]")
_NUMBERS = {
    "TTL": "iptables.ttl", "HOPLIMIT": "iptables.ttl", "FLOWLBL": "iptables.flow_label", "TC": "iptables.tos",
    "SPT": "source.port", "DPT": "destination.port", "WINDOW": "iptables.tcp.window", "SEQ": "iptables.tcp.seq",
    "ACK": "iptables.tcp.ack", "TYPE": "iptables.icmp.type", "CODE": "iptables.icmp.code",
    "PARAMETER": "iptables.icmp.parameter",
}  # fmt: skip
_HEXADECIMAL = {"TOS": "iptables.tos", "PREC": "iptables.precedence_bits", "RES": "iptables.tcp.reserved_bits"}
_TRANSPORTS = {"icmpv6": "ipv6-icmp"}
_NETWORKS = {"08:00": "ipv4", "86:dd": "ipv6"}
_ACTIONS = {"D": "drop", "A": "accept", "R": "reject"}


def parse(line: str, settings: Settings) -> Document | None:
    """The event of one line, None if it is no packet of Netfilter's."""
    packet = _PACKET.search(line)
    found = packet or _REMAINDER.search(line)
    rest = found["rest"] if found else None
    if found is None or rest is None or "PROTO=" not in rest or (packet is not None and "SRC=" not in rest):
        return None
    if packet is None:
        rest = _CUT.sub("TTL=", rest)
    event: Document = {
        "event.original": line, "event.kind": "event", "event.category": ["network"], "event.module": "iptables",
        "event.dataset": "iptables.log", "event.timezone": zone_name(settings), "event.type": ["connection"],
        "iptables.input_device": packet and packet["inside"], "iptables.output_device": packet and packet["outside"],
    }  # fmt: skip
    # Ubiquiti's label is one only where nothing stands between it and the packet.
    _header(event, line[: found.start() + 1], line[found.start()] == "]", settings)
    _packet(event, rest)
    event["related.ip"] = [each for each in (event.get("source.ip"), event.get("destination.ip")) if each]
    return event


def _header(event: Document, head: str, labelled: bool, settings: Settings) -> None:
    priority = _PRIORITY.match(head)
    if priority is not None:
        number = event["log.syslog.priority"] = int(priority[1])
        event["log.syslog.facility.code"], event["log.syslog.severity.code"] = number >> 3, number & 7
        head = head[priority.end() :]
    time = MOMENT.search(head[:120])
    if time is not None:
        event["@timestamp"] = iso(moment(time, settings))
        # Netfilter's prefix may stand where a zone's name does.
        is_prefix = time["zone"] is not None and head.startswith(":", time.end())
        head = head[time.start("zone") if is_prefix else time.end() :]
    after = _HEADER.match(head.strip())
    prefix = after["prefix"].strip() if after else head.strip()
    if after is not None:
        event["observer.name"] = after["host"]
    label = _LABEL.search(prefix) if labelled else None
    if label is not None:
        _ubiquiti(event, label)
    elif (found := _PREFIX.match(prefix)) is not None:
        event["event.action"] = found["action"].lower()
    action = event.get("event.action") or ""
    if action.startswith(("drop", "reject", "block", "deny")):
        event["event.type"].append("denied")
    elif action.startswith(("accept", "allow")):
        event["event.type"].append("allowed")


def _ubiquiti(event: Document, label: re.Match[str]) -> None:
    name, number = label["set"], label["number"]
    event["iptables.ubiquiti.rule_set"] = event["rule.name"] = name or None
    event["iptables.ubiquiti.rule_number"] = event["rule.id"] = number or None
    event["event.action"] = _ACTIONS.get(label["action"], label["action"].lower())
    incoming, dash, outgoing = name.partition("-")
    if dash:
        event["iptables.ubiquiti.input_zone"] = event["observer.ingress.zone"] = incoming or None
        event["iptables.ubiquiti.output_zone"] = event["observer.egress.zone"] = outgoing.partition("-")[0] or None


def _packet(event: Document, rest: str) -> None:
    head, _, tail = rest.partition("PROTO=")
    for key, value in _PAIR.findall(head) + _PAIR.findall(" PROTO=" + tail):
        if key in _NUMBERS and value.isdecimal() and len(value) < 19:
            event.setdefault(_NUMBERS[key], int(value))
        elif key in _HEXADECIMAL:
            event[_HEXADECIMAL[key]] = _hexadecimal(value)
        elif key in ("SRC", "DST"):
            event.setdefault("source.ip" if key == "SRC" else "destination.ip", value if address(value) else None)
        elif key == "GATEWAY":
            event["iptables.icmp.redirect"] = value
        elif key == "MAC":
            _ethernet(event, value.lower().split(":"))
    event["iptables.length"] = _number(head, "LEN")
    event["iptables.id"] = _number(head, "ID")
    event["iptables.fragment_flags"] = _FRAGMENTS.findall(head) or None
    if (found := _FRAGMENT.search(head)) is not None:
        event["iptables.fragment_offset"] = int(found[1])
    if (found := _INCOMPLETE.search(tail)) is not None:
        event["iptables.incomplete_bytes"] = int(found[1])
    transport = tail.split(" ", 1)[0].lower()
    transport = _TRANSPORTS.get(transport, transport)
    if transport in TRANSPORTS:  # the kernel writes the number of a protocol that it has no name for
        event["network.iana_number"], transport = transport, TRANSPORTS[transport]
    event["network.transport"] = transport
    if transport == "tcp":
        event["iptables.tcp.flags"] = _FLAGS.findall(" " + tail) or None
    elif transport == "udp":
        event["iptables.udp.length"] = _number(tail, "LEN")
    elif transport in ("icmp", "ipv6-icmp"):
        event["iptables.icmp.id"], event["iptables.icmp.seq"] = _number(tail, "ID"), event.pop("iptables.tcp.seq", None)
    parts = (event.get(name) for name in ("source.ip", "destination.ip", "source.port", "destination.port"))
    low, high, left, right = (None if part is None else str(part) for part in parts)
    kind, code = event.get("iptables.icmp.type"), event.get("iptables.icmp.code")
    event["network.community_id"] = community(
        low, high, left, right, transport, None if kind is None else str(kind), None if code is None else str(code)
    )


def _ethernet(event: Document, octets: list[str]) -> None:
    if len(octets) >= 12:
        event["destination.mac"], event["source.mac"] = ":".join(octets[:6]), ":".join(octets[6:12])
    elif len(octets) >= 8:
        event["destination.mac"] = ":".join(octets[:6])
    kind = octets[12:14] if len(octets) >= 14 else octets[-2:] if len(octets) == 8 else []
    if len(kind) == 2:
        event["iptables.ether_type"] = _hexadecimal("".join(kind))
        event["network.type"] = _NETWORKS.get(":".join(kind))


def _hexadecimal(text: str) -> int | None:
    try:
        return int(text, 16) if len(text) < 17 else None
    except ValueError:
        return None


def _number(text: str, key: str) -> int | None:
    found = re.search(rf"(?:^| ){key}=(\d{{1,18}})(?= |$)", text)
    return int(found[1]) if found else None
