"""The log of pfSense's and OPNsense's packet filter (``filterlog``, CSV within syslog) and of their resolver as ECS."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from falselight.mappings.firewalls import place, relate, settle, whole
from falselight.mappings.network import address, domain_parts
from falselight.readers.settings import Settings
from falselight.readers.syslog import Document, append, header

_FILTERED = re.compile(r"\d{1,9},\d{0,9},[^,]{0,64},[0-9A-Za-z]{1,64},")
_QUERY = re.compile(
    r"\[\d{1,10}:[0-9a-f]{1,8}\] info: (?P<source>\S{2,45}) (?P<name>\S{1,1024})\. (?P<type>[A-Z0-9]{1,16}) "
    r"(?P<class>[A-Z]{1,8})\s*$"
)
_DATA = re.compile(r"- |\[[A-Za-z][^\]]{0,1000}\] ?")  # RFC 5424's structured data
_VLAN = re.compile(r"\.(\d{1,4})$")
_LONGEST = 8_192
_NUMBERS = (
    "pfsense.ip.ttl", "pfsense.ip.id", "pfsense.ip.offset", "pfsense.tcp.length", "pfsense.tcp.seq", "pfsense.tcp.ack",
    "pfsense.tcp.window", "pfsense.udp.length", "pfsense.icmp.id", "pfsense.icmp.seq",
)  # fmt: skip


@cache
def table() -> dict[str, Any]:
    """The table as written."""
    return tomllib.loads(files("falselight.mappings").joinpath("pfsense.toml").read_text("utf-8"))


def parse(line: str, settings: Settings) -> Document | None:
    """The event of one line, None if it is none of the filter's or the resolver's."""
    if len(line) > _LONGEST:
        return None
    head = header(line, settings)
    skipped = _DATA.match(line, head.end)
    text = line[skipped.end() if skipped is not None else head.end :]
    event: Document = {
        **table()["constants"], **head.fields, "event.original": line, "message": text, "event.provider": head.process,
        "process.name": head.process, "process.pid": head.pid,
    }  # fmt: skip
    if head.host is not None:
        event["observer.ip" if address(head.host) else "observer.name"] = head.host
    if head.process == "filterlog":
        return _filtered(event, text)
    return _asked(event, text) if head.process == "unbound" else None


def _filtered(event: Document, text: str) -> Document | None:
    columns = table()["columns"]
    cells = text.split(",")
    if _FILTERED.match(text) is None or len(cells) < len(columns["all"]):
        return None
    names = [*columns["all"], *columns.get(f"v{cells[8]}", [])]
    raw: dict[str, Any] = {name: cell for name, cell in zip(names, cells, strict=False) if cell}
    if not address(raw.get("source")) or not address(raw.get("destination")):
        return None
    kind = raw["protocol"].lower() if "protocol" in raw else ""
    raw |= {name: cell for name, cell in zip(columns.get(kind, []), cells[len(names) :], strict=False) if cell}
    place(event, raw, table()["fields"])
    options = event.get("pfsense.tcp.options")
    event["pfsense.tcp.options"] = options.split(";") if options else None
    for name in _NUMBERS:
        event[name] = whole(event.get(name))
    event["event.type"] = ["connection"]
    append(event, "event.type", {"block": "denied", "pass": "allowed"}.get(event.get("event.action", "")))
    vlan = _VLAN.search(event.get("observer.ingress.interface.name") or "")
    event["observer.ingress.vlan.id"] = event["network.vlan.id"] = vlan[1] if vlan is not None else None
    return _ended(event)


def _asked(event: Document, text: str) -> Document | None:
    found = _QUERY.match(text)
    if found is None or not address(found["source"]):
        return None
    event |= {
        "source.address": found["source"], "client.address": found["source"], "client.ip": found["source"],
        "dns.question.name": found["name"], "dns.question.type": found["type"], "dns.question.class": found["class"],
        "dns.type": "question", "network.protocol": "dns", "log.level": "info", "event.type": ["connection"],
    }  # fmt: skip
    for part, value in zip(
        ("registered_domain", "subdomain", "top_level_domain"), domain_parts(found["name"]), strict=True
    ):
        event[f"dns.question.{part}"] = value
    return _ended(event)


def _ended(event: Document) -> Document:
    for side in ("source", "destination"):
        event[f"{side}.ip"] = event.get(f"{side}.address")
    settle(event)
    event["network.type"] = "ipv6" if ":" in (event.get("source.ip") or "") else "ipv4"
    relate(event)
    return event
