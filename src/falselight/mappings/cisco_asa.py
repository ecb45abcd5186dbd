"""Cisco ASA's syslog messages as ECS, by the templates of ``cisco_asa.toml`` and, for optional parts, the patterns here."""

from __future__ import annotations

import re
import tomllib
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

from falselight.mappings.cisco_asa_patterns import GROUPS, PATTERNS
from falselight.mappings.network import address, community
from falselight.mappings.urls import url_parts
from falselight.readers.settings import Settings
from falselight.readers.syslog import MOMENT, Document, append, iso, moment, zone_name

_MESSAGE = re.compile(
    r"%(?:ASA|FTD|NGIPS)-(?:(?P<suffix>[^0-9-]{1,40})-)?(?P<severity>[0-7])-(?P<id>\d{6}):? *(?P<text>.*)$", re.DOTALL
)
_PRIORITY = re.compile(r"^<(\d{1,3})>")
_PROCESS = re.compile(r"\s(?P<name>[^%\s:\[]{1,128})\[(?P<pid>\d{1,10})\]:? *$")
_HOST = re.compile(r"[\w.-]{1,255}")
_DIGITS = re.compile(r"\d{1,9}")
_LONGEST = 8_192  # no device writes longer ones; such a message keeps its header's fields
_LEVELS = ("unknown", "alert", "critical", "error", "warning", "notification", "informational", "debug")
_NUMBERS = {
    "icmp": 1, "igmp": 2, "ipv4": 4, "tcp": 6, "egp": 8, "igp": 9, "pup": 12, "udp": 17, "rdp": 27, "irtp": 28,
    "dccp": 33, "idpr": 35, "ipv6": 41, "ipv6-route": 43, "ipv6-frag": 44, "rsvp": 46, "gre": 47, "esp": 50,
    "ipv6-icmp": 58, "ipv6-nonxt": 59, "ipv6-opts": 60,
}  # fmt: skip
_NAMES = {str(number): name for name, number in _NUMBERS.items()}
_WHOLE = frozenset((
    "source.port", "destination.port", "network.bytes", "source.bytes", "destination.bytes", "source.packets",
    "destination.packets", "source.nat.port", "destination.nat.port", "http.response.status_code", "file.size",
    "cisco.asa.icmp_type",
    "cisco.asa.icmp_code", "cisco.asa.mapped_source_port", "cisco.asa.mapped_destination_port", "network.iana_number",
))  # fmt: skip
_RELATED = {
    "related.ip": ("source.ip", "source.nat.ip", "destination.ip", "destination.nat.ip"),
    "related.user": ("user.name", "server.user.name", "source.user.name", "destination.user.name"),
    "related.hosts": (
        "host.hostname", "observer.hostname", "destination.domain", "source.domain", "source.user.domain",
        "destination.user.domain",
    ),
}  # fmt: skip
_MAPPED_PARTS = tuple(
    (f"cisco.asa.mapped_{side}_{part}", f"{side}.{part}", f"{side}.nat.{part}")
    for side in ("source", "destination") for part in ("ip", "port")
)  # fmt: skip
_SIDES = tuple(
    (f"{side}.address", f"{side}.ip", f"{side}.domain") for side in ("source", "destination", "client", "server")
)
_ACCOUNTS = tuple(
    (
        f"cisco.asa.{side}_username",
        f"cisco.asa.{side}_user_security_group_tag",
        f"{side}.user.name",
        f"{side}.user.domain",
    )
    for side in ("source", "destination")
)
_ACCOUNT = re.compile(r"^(?:LOCAL\\)?(?:(?P<domain>[\w.-]+)\\)?(?P<name>[\w.' -]+)(?:@(?P<host>[\w.-]+))?")
# What a syslog daemon makes of a message that comes again and again.
_REPEATED = re.compile(r"message repeated (?P<times>\d{1,9}) times: \[ *(?P<text>(?!message repeated).*)\]$", re.DOTALL)
_CHANNEL = re.compile(r"\b(?:UDP|TCP|RTP|RTCP)\b")
# A user with the number of a security group, and its name, or these alone.
_TAGGED = re.compile(r"(?:(?P<name>.*), *)?(?P<tag>\d{1,9})(?::(?P<group>[^:]{1,128}))?", re.DOTALL)
_ADMINISTRATORS = frozenset(("111009", "111010", "502103", "611101", "611102"))  # whose user is one of the device
_NAMED_DOMAIN = frozenset("338001 338002 338005 338006 338101 338102 338201 338202 338203 338204".split())  # noqa: SIM905


@cache
def table() -> dict[str, Any]:
    """The table as written."""
    return tomllib.loads(files("falselight.mappings").joinpath("cisco_asa.toml").read_text("utf-8"))


@cache
def _templates(message_id: str) -> tuple[tuple[tuple[str, str], ...], ...]:
    """Each template as pairs: the text that stands first, and the field behind it."""
    made = []
    for template in table()["templates"].get(message_id, []):
        pieces = re.split(r"\{([a-z_]*)\}", template)
        parts = table()["parts"]
        names = [parts[name] if name else "" for name in pieces[1::2]]
        made.append(tuple(zip(pieces[::2], [*names, ""], strict=True)))
    return tuple(made)


@cache
def action(message_id: str) -> str:
    """event.action of a message."""
    found = (action for action, ids in table()["actions"].items() if message_id in ids)
    return next(found, "firewall-rule")


def parse(line: str, settings: Settings) -> Document | None:
    """The event of one line, None if it is no message of an ASA."""
    found = _MESSAGE.search(line)
    if found is None:
        return None
    event: Document = {
        "event.original": line[found.start() :], "event.dataset": "cisco.asa", "observer.product": "asa",
        "observer.type": "firewall", "event.action": action(found["id"]),
    }  # fmt: skip
    time = header(event, line[: found.start()], settings)
    body(event, found["severity"], found["id"], fields(found["id"], found["text"]), time)
    event["cisco.asa.suffix"] = found["suffix"]
    categorise(event)
    relate(event)
    return event


def body(event: Document, severity: str, code: str | None, told: Document, time: datetime | None) -> None:
    """What a message and its fields become, before its event is categorised; own fields stand below ``cisco.asa``."""
    event |= {
        "event.module": "cisco", "event.severity": int(severity), "log.level": _LEVELS[int(severity)], "event.code": code,
        "cisco.asa.message_id": code, "observer.vendor": "Cisco", **told,
    }  # fmt: skip
    for name in _WHOLE & event.keys():
        text = event[name]
        event[name] = int(text) if isinstance(text, str) and text.isdecimal() and len(text) < 19 else None
    event["tls.version_protocol"] = "tls" if event.get("tls.version") else None
    _span(event, time)
    _addresses(event, code)
    _users(event)


def header(event: Document, head: str, settings: Settings) -> datetime | None:
    """Priority, time and host of what stands before a message."""
    priority = _PRIORITY.match(head)
    if priority is not None:
        number = event["log.syslog.priority"] = int(priority[1])
        event["log.syslog.facility.code"], event["log.syslog.severity.code"] = number >> 3, number & 7
        head = head[priority.end() :]
    found = MOMENT.search(head[:200])
    time = moment(found, settings) if found is not None else None
    event["@timestamp"] = iso(time)
    own = None if found is None else found["zone"] or found["offset"]
    event["event.timezone"] = {"Z": "UTC"}.get(own, own) if own else zone_name(settings, time)
    process = _PROCESS.search(head[-200:])
    if process is not None:
        event["process.name"], event["process.pid"] = process["name"], int(process["pid"])
    words = head[found.end() if found is not None else 0 :].replace(":", " ").split()
    word = next((word for word in words if word != "-"), "")
    if word.startswith("<"):
        event["process.name"] = word
    elif _HOST.fullmatch(word):
        event["host.hostname"] = event["observer.hostname"] = word
    return time


def fields(code: str, text: str) -> Document:
    """What the text of a message tells, by its pattern or template; nothing where it has none."""
    if len(text) > _LONGEST:
        return {}
    repeated = _REPEATED.match(text)
    if repeated is not None:
        return {**fields(code, repeated["text"]), "cisco.asa.message_repeats": int(repeated["times"])}
    for pattern in PATTERNS.get(code, ()):
        found = pattern.match(text)
        if found is not None:
            parts = table()["parts"]
            return {
                GROUPS.get(name, parts.get(name, name)): value
                for name, value in found.groupdict().items()
                if value is not None
            }
    for template in _templates(code):
        made = _dissected(template, text)
        if made is not None:
            return made
    return {}


def _dissected(template: tuple[tuple[str, str], ...], text: str) -> Document | None:
    """The fields of a text by a template, each up to the next fixed text; None if that is not there."""
    if not text.startswith(template[0][0]):
        return None
    made: Document = {}
    place = len(template[0][0])
    for (_, name), (following, _) in pairwise(template):
        end = text.find(following, place) if following else len(text)
        if end < 0:
            return None
        if name:
            part = text[place:end].strip()
            made[name] = f"{made[name]} {part}" if name in made else part
        place = end + len(following)
    return made


def _span(event: Document, time: datetime | None) -> None:
    text = event.pop("duration", None)
    numbers = _DIGITS.findall(text) if text else ()
    if len(numbers) != 3:
        return
    seconds = int(numbers[0]) * 3_600 + int(numbers[1]) * 60 + int(numbers[2])
    event["event.duration"] = seconds * 1_000_000_000
    if time is not None:
        event["event.end"] = iso(time)
        with suppress(OverflowError):  # before the year 1: no such date
            event["event.start"] = iso(time - timedelta(seconds=seconds))


def _addresses(event: Document, code: str | None) -> None:
    whose, named = event.pop("whose", None), event.pop("named", None)
    if code in _NAMED_DOMAIN and whose is not None:
        event[f"{whose}.domain"] = event["server.domain"] = named
    if code == "106013":
        event["network.transport"], event["network.direction"] = "icmp", "inbound"
    if code == "419002":
        event["network.protocol"] = "tcp"
    if code == "607001":
        channel = _CHANNEL.search(event.get("cisco.asa.connection_type") or "")
        event["network.transport" if channel and channel[0] in ("UDP", "TCP") else "network.protocol"] = (
            channel[0] if channel else None
        )
    if code == "338301":
        for own, other in (("client", "destination"), ("server", "source")):
            event[f"{own}.address"], event[f"{own}.port"] = event.get(f"{other}.address"), event.get(f"{other}.port")
    for written, ip, domain in _SIDES:
        text = event.get(written)
        if text:
            event[ip if address(text) else domain] = text
    for side in ("source", "destination"):
        text = event.pop(f"mapped_{side}", None)
        if text:
            event[f"cisco.asa.mapped_{side}_{'ip' if address(text) else 'host'}"] = text
    for written, own, translated in _MAPPED_PARTS:
        mapped = event.get(written)
        if mapped is not None and mapped != event.get(own):
            event[translated] = mapped
    _transport(event)
    url = event.get("url.original")
    if url:
        event.update({f"url.{name}": part for name, part in url_parts(url).items()})


def _transport(event: Document) -> None:
    for name in ("network.transport", "network.protocol", "network.direction", "network.type"):
        text = event.get(name)
        event[name] = text.lower() if text else None
    if event["network.transport"] is None and event["network.protocol"] in _NUMBERS:
        event["network.transport"] = event["network.protocol"]
    transport = event["network.transport"] or _NAMES.get(str(event.get("network.iana_number")))
    transport = _NAMES.get(transport or "", transport)
    event["network.transport"] = {"icmpv6": "ipv6-icmp"}.get(transport or "", transport)
    event["network.iana_number"] = _NUMBERS.get(transport or "", event.get("network.iana_number"))
    one, other = event.get("source.port"), event.get("destination.port")
    # Elasticsearch's processor looks for ICMP's type where these records do not have it, and takes nought.
    event["network.community_id"] = community(
        event.get("source.ip"), event.get("destination.ip"), None if one is None else str(one),
        None if other is None else str(other), event["network.transport"], "0", "0",
    )  # fmt: skip


def _users(event: Document) -> None:
    records = event.get("cisco.asa.dap_records")
    event["cisco.asa.dap_records"] = re.split(r", +", records) if records else None
    for written, tag, user, domain in _ACCOUNTS:
        text = event.get(written)
        tagged = _TAGGED.fullmatch(text) if text else None
        if tagged is not None and (tagged["name"] or tagged["group"]):
            text = event[written] = tagged["name"]
            event[tag], event[f"{tag}_name"] = int(tagged["tag"]), tagged["group"]
        text = event.get(user) or text
        found = _ACCOUNT.match(text) if text else None
        if found is not None:
            event[user], event[domain] = found["name"], found["domain"] or found["host"]
    if event.get("user.name") is None:
        event["user.name"] = event.get("destination.user.name")
    if event["event.code"] in _ADMINISTRATORS:
        event["server.user.name"] = event["user.name"]


def categorise(event: Document) -> None:
    """Kind, category, type and outcome by the event's action, and the word that tells how the device decided."""
    made = table()["categories"].get(event["event.action"])
    told = table()["verdicts"].get(event["event.code"], (event.pop("outcome", None) or "").lower())
    verdict, result = table()["outcomes"].get(told), table()["results"].get(told)
    event.pop("outcome", None)
    if made is None:
        event["event.outcome"] = "unknown"
        return
    event["event.kind"], event["event.category"], event["event.type"] = "event", list(made[0]), list(made[1])
    event["event.outcome"] = result or table()["endings"].get(event["event.action"]) or _ended(event["event.code"])
    if verdict is None:
        return
    event["event.outcome"] = "failure" if verdict == "dropped" else "success"
    if verdict == "monitored":
        event["event.category"].append("intrusion_detection")
    else:
        event["event.type"] = ["connection", "allowed" if verdict == "allowed" else "denied"]


@cache
def _ended(message_id: str | None) -> str | None:
    return next((outcome for outcome, ids in table()["ended"].items() if message_id in ids), None)


def relate(event: Document) -> None:
    """Interfaces, and what the event tells of addresses, users and hosts in one list each."""
    event["observer.egress.interface.name"] = event.get("cisco.asa.destination_interface")
    event["observer.ingress.interface.name"] = event.get("cisco.asa.source_interface")
    for name, sources in _RELATED.items():
        append(event, name, *[event[source] for source in sources if source in event])
