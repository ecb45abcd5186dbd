"""Query logs of BIND, dnsmasq, Unbound and CoreDNS as ECS: one event a line, queries and answers as the servers tell them."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import orjson

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


# Unbound's log-queries and log-replies, by syslog or in its own file, whose time may be an epoch.
_UNBOUND = re.compile(
    r"\bunbound\[(?P<pid>\d{1,9})(?::\d{1,9})?\]:? (?:\[\d{1,9}:\d{1,9}\] )?(?:info|query|reply): (?P<client>[0-9A-Fa-f.:]{2,45})"
    r"(?P<port>(?!))? (?P<name>\S{1,1100}) (?P<type>[A-Z0-9]{1,20}) (?P<class>[A-Z0-9]{1,12})"
    r"(?: (?P<code>[A-Z0-9]{1,20}) (?P<seconds>\d{1,9}\.\d{1,9}) (?P<cached>[01]) (?P<size>\d{1,9}))?\s*$"
)
_NUMBERS = {"tcp": "6", "udp": "17"}
_EPOCH = re.compile(r"^\[(\d{9,10})\] ")
# CoreDNS's plugin «log», alone or within the lines that a container's runtime writes of it.
_COREDNS = re.compile(
    r"\[(?P<level>[A-Z]{1,16})\] (?:\[(?P<six>[0-9A-Fa-f:.]{2,45})\]|(?P<four>[\d.]{7,15})):(?P<port>\d{1,5}) - (?P<id>\d{1,5}) "
    r"\\?\"(?P<type>[A-Z0-9]{1,20}) (?P<class>[A-Z0-9]{1,20}) (?P<name>\S{1,1100}) (?P<transport>[a-z]{2,8}) "
    r"(?P<size>\d{1,9}) (?P<secure>true|false) (?P<buffer>\d{1,9})\\?\" (?P<code>[A-Z0-9-]{1,20}) (?P<flags>[a-z,]{1,60}|-) "
    r"(?P<answered>\d{1,9}) (?P<seconds>\d{1,9}(?:\.\d{1,12})?)s"
)


def parse(line: str, settings: Settings) -> Document | None:
    """The event of one line of one of the servers, None if it is none."""
    tried = ((pattern.search(line), fill) for pattern, fill in _SERVERS)
    found, fill = next(((found, fill) for found, fill in tried if found is not None), (None, None))
    if found is None or fill is None:
        return None
    event: Document = {
        "event.original": line, "event.kind": "event", "event.category": ["network"], "network.protocol": "dns",
        "@timestamp": iso(_time(line, found, settings)), "dns.question.name": found["name"].rstrip(".") or ".",
        "dns.question.type": found["type"],
    }  # fmt: skip
    fill(event, found)
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
    event.update({"event.module": "bind", "event.dataset": "bind.query", "dns.type": "query", "event.action": "query"})
    event["event.type"] = ["connection", "protocol", "info"]
    event["source.ip"], event["destination.ip"] = found["client"], found["server"]
    event["dns.question.class"], event["bind.view"], event["bind.flags"] = found["class"], found["view"], found["flags"]


def _dnsmasq(event: Document, found: re.Match[str]) -> None:
    event.update({"event.module": "dnsmasq", "event.dataset": "dnsmasq.log", "process.name": "dnsmasq"})
    event["event.action"] = found["action"].partition("[")[0]
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


def _unbound(event: Document, found: re.Match[str]) -> None:
    """A query, or what answers it."""
    event |= {
        "event.module": "unbound", "event.dataset": "unbound.log", "process.name": "unbound", "process.pid": int(found["pid"]),
        "event.type": ["connection", "protocol", "info"], "dns.question.class": found["class"], "source.ip": found["client"],
        "dns.type": "query" if found["code"] is None else "answer", "dns.response_code": found["code"],
    }  # fmt: skip
    if found["code"] is not None:
        event["event.outcome"] = "success" if found["code"] == "NOERROR" else "failure"
        event["event.duration"] = round(float(found["seconds"]) * 10**9)
        event["unbound.cached"], event["unbound.response.size"] = found["cached"] == "1", int(found["size"])


def _coredns(event: Document, found: re.Match[str]) -> None:
    """One line tells the query and its answer."""
    flags = [flag.upper() for flag in found["flags"].split(",") if flag not in ("", "-")]
    event |= {
        "event.module": "coredns", "event.dataset": "coredns.log", "event.type": ["protocol"], "dns.type": "answer",
        "log.level": found["level"], "dns.id": found["id"], "dns.question.class": found["class"],
        "dns.response_code": found["code"], "dns.header_flags": [*flags, *(["DO"] if found["secure"] == "true" else [])],
        "event.outcome": "success" if found["code"] == "NOERROR" else "failure", "network.transport": found["transport"],
        "coredns.query.size": int(found["size"]), "coredns.response.size": int(found["answered"]),
        "event.duration": round(float(found["seconds"]) * 10**9), "network.iana_number": _NUMBERS.get(found["transport"]),
        "source.bytes": int(found["size"]), "destination.bytes": int(found["answered"]),
        "network.bytes": int(found["size"]) + int(found["answered"]),
        "coredns.log.buffer_size": int(found["buffer"]), "coredns.log.dnssec_ok": found["secure"] == "true",
    }  # fmt: skip
    event["source.ip"] = event["source.address"] = found["six"] or found["four"]
    if found.string.startswith("{"):
        with suppress(orjson.JSONDecodeError):
            held = orjson.loads(found.string)
            event["message"], event["kubernetes"] = held.get("message") or held.get("log"), held.get("kubernetes")
            event["kubernetes"] = event["kubernetes"] if isinstance(event["kubernetes"], dict) else None
            event["message"] = event["message"] if isinstance(event["message"], str) else None


_SERVERS: tuple[tuple[re.Pattern[str], Callable[[Document, re.Match[str]], None]], ...] = (
    (_BIND, _bind),
    (_DNSMASQ, _dnsmasq),
    (_UNBOUND, _unbound),
    (_COREDNS, _coredns),
)


def _time(line: str, message: re.Match[str], settings: Settings) -> datetime | None:
    """The time before the message, else what a container's runtime writes behind it."""
    epoch = _EPOCH.match(line)
    if epoch is not None:
        return datetime.fromtimestamp(int(epoch[1]), UTC)
    own = _BIND_TIME.match(line)
    text = f"{own[2]} {own[1]} {own[3]} {own[4]}{own[5] or ''}" if own else line[:120]
    found = MOMENT.search(text)
    if found is None and message.re is _COREDNS:
        found = MOMENT.search(line[message.end() : message.end() + 400])
    return None if found is None else moment(found, settings)
