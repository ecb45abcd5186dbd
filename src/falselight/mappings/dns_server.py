"""Query logs of BIND and dnsmasq as ECS: one event a line, queries and answers as the servers tell them."""

from __future__ import annotations

import re
from datetime import datetime

from falselight.mappings.network import address, domain_parts
from falselight.readers.settings import Settings
from falselight.readers.syslog import MOMENT, Document, append, iso, moment

_BIND_TIME = re.compile(r"^(\d{2})-([A-Z][a-z]{2})-(\d{4}) (\d\d:\d\d:\d\d)(\.\d{1,6})?")
_BIND = re.compile(
    r"client (?:@0x[0-9a-f]{1,16} )?(?P<client>[0-9A-Fa-f.:]{2,45})#(?P<port>\d{1,5})(?: \([^()\s]{0,300}\))?: "
    r"(?:view (?P<view>\S{1,80}): )?query: (?P<name>\S{1,1100}) (?P<class>[A-Z0-9]{1,20}) (?P<type>[A-Z0-9]{1,20})"
    r"(?: (?P<flags>\S{1,20}))?(?: \((?P<server>[0-9A-Fa-f.:]{2,45})\))?"
)
_DNSMASQ = re.compile(
    r"dnsmasq\[(?P<pid>\d{1,9})\]: (?:\d{1,9} (?P<client>[0-9A-Fa-f.:]{2,45})/(?P<port>\d{1,5}) )?"
    r"(?P<action>query\[(?P<type>[A-Z0-9=]{1,20})\]|reply|cached|forwarded|config|/\S{1,200}) (?P<name>\S{1,1100}) "
    r"(?P<word>from|is|to) (?P<value>\S{1,1100})$"
)


def parse(line: str, settings: Settings) -> Document | None:
    """The event of one line of either server, None if it is none."""
    bind = _BIND.search(line)
    found = bind or _DNSMASQ.search(line)
    if found is None:
        return None
    event: Document = {
        "event.original": line, "event.kind": "event", "event.category": ["network"], "network.protocol": "dns",
        "@timestamp": iso(_time(line, settings)), "dns.question.name": found["name"].rstrip(".") or ".",
        "dns.question.type": found["type"], "event.action": "query" if bind else found["action"].partition("[")[0],
    }  # fmt: skip
    (_bind if bind else _dnsmasq)(event, found)
    if address(event.get("source.ip")) is None:
        event["source.ip"] = None
    event["source.port"] = int(found["port"]) if found["port"] else None
    registered, below, top = domain_parts(event["dns.question.name"])
    event["dns.question.registered_domain"], event["dns.question.subdomain"] = registered, below
    event["dns.question.top_level_domain"] = top
    append(event, "related.ip", event["source.ip"], event.get("destination.ip"), event.get("dns.resolved_ip"))
    append(event, "related.hosts", event["dns.question.name"])
    return event


def _bind(event: Document, found: re.Match[str]) -> None:
    event.update({"event.module": "bind", "event.dataset": "bind.query", "dns.type": "query"})
    event["event.type"] = ["connection", "protocol", "info"]
    event["source.ip"], event["destination.ip"] = found["client"], found["server"]
    event["dns.question.class"], event["bind.view"], event["bind.flags"] = found["class"], found["view"], found["flags"]


def _dnsmasq(event: Document, found: re.Match[str]) -> None:
    event.update({"event.module": "dnsmasq", "event.dataset": "dnsmasq.log", "process.name": "dnsmasq"})
    event["process.pid"], event["source.ip"] = int(found["pid"]), found["client"]
    event["event.type"] = ["protocol", "info"]
    value = found["value"]
    if found["word"] == "from":
        event["dns.type"], event["source.ip"] = "query", value
    elif found["word"] == "to":
        event["dns.type"], event["destination.ip"] = "query", value if address(value) else None
    else:
        event["dns.type"] = "answer"
        if address(value):
            event["dns.resolved_ip"] = event["dns.answers.data"] = value
        elif value.startswith("NXDOMAIN"):
            event["dns.response_code"] = "NXDOMAIN"
        else:
            event["dns.answers.data"] = value


def _time(line: str, settings: Settings) -> datetime | None:
    own = _BIND_TIME.match(line)
    text = f"{own[2]} {own[1]} {own[3]} {own[4]}{own[5] or ''}" if own else line[:120]
    found = MOMENT.search(text)
    if found is None:
        return None
    return moment(found, settings)
