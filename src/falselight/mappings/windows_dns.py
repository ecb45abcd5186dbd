"""The debug log of Windows' DNS server as ECS: one packet a line, received or sent."""

from __future__ import annotations

import re
from datetime import datetime

from falselight.mappings.network import address, domain_parts
from falselight.readers.settings import TIMEZONE, Settings
from falselight.readers.syslog import Document, append, iso

_LINE = re.compile(
    r"^(?P<date>\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}) (?P<time>\d{1,2}:\d\d:\d\d)(?: (?P<half>[AP]M))? +[0-9A-Fa-f]{3,8} +PACKET "
    r"+[0-9A-Fa-f]{8,16} (?P<transport>UDP|TCP) (?P<way>Rcv|Snd) (?P<peer>[0-9A-Fa-f.:]{2,45}) +(?P<id>[0-9a-f]{4}) "
    r"(?P<response>R| ) ?(?P<code>[A-Z?]) \[[0-9a-f]{4} +(?P<flags>[A-Z ]{0,10}?) +(?P<status>[A-Z]{3,12})\] "
    r"+(?P<type>[A-Z0-9]{1,12}) +(?P<name>\(\d+\)\S*|\(0\))$"
)
_HEAD = ("DNS Server log", "Log file", "Message logging", "\t")
_LABEL = re.compile(r"\(\d{1,2}\)")
_FLAGS = {"A": "AA", "T": "TC", "D": "RD", "R": "RA"}


def parse(line: str, settings: Settings) -> Document | None:
    """The event of one packet; nothing for the log's own head; None for another line."""
    found = _LINE.match(line.strip())
    if found is None:
        return {} if len(line) < 200 and (not line.strip() or line.startswith(_HEAD)) else None
    time = _time(found["date"], found["time"], found["half"], settings)
    if time is None:
        return None
    name = _LABEL.sub(".", found["name"]).strip(".")
    response = found["response"] == "R"
    client = found["peer"]
    asked = (found["way"] == "Rcv") != response
    event: Document = {
        "@timestamp": iso(time),
        "event.original": line,
        "event.module": "windows_dns_server",
        "event.dataset": "windows.dns_server_debug",
        "event.kind": "event",
        "event.category": ["network"],
        "event.type": ["connection", "protocol", "info"],
        "network.protocol": "dns",
        "network.transport": found["transport"].lower(),
        "dns.id": str(int(found["id"], 16)),
        "dns.type": "answer" if response else "query",
        "dns.question.name": name.lower(),
        "dns.question.type": found["type"],
        "dns.response_code": found["status"],
        "dns.header_flags": [_FLAGS[flag] for flag in found["flags"] if flag in _FLAGS],
        "event.action": "dns-response" if response else "dns-query",
        "event.outcome": "success" if found["status"] == "NOERROR" else "failure",
    }
    # What the server asks of others, and hears from them, has the server as its client.
    side = "source" if asked else "destination"
    if address(client):
        event[f"{side}.ip"] = event[f"{side}.address"] = client
        append(event, "related.ip", client)
    event["network.direction"] = "inbound" if asked else "outbound"
    for part, value in zip(("registered_domain", "subdomain", "top_level_domain"), domain_parts(name), strict=True):
        event[f"dns.question.{part}"] = value
    return event


def _time(date: str, clock: str, half: str | None, settings: Settings) -> datetime | None:
    """A date as the server's locale writes it: with AM and PM the month is first, with dots the day is, with a year in
    front it is ISO; else the month, as Windows has it by default."""
    parts = [int(part) for part in re.split(r"[/.-]", date)]
    if parts[0] > 31:
        year, month, day = parts
    elif "." in date or (half is None and parts[0] > 12):
        day, month, year = parts
    else:
        month, day, year = parts
    hour, minute, second = (int(part) for part in clock.split(":"))
    if half is not None:
        hour = hour % 12 + (12 if half == "PM" else 0)
    settings.assumed[TIMEZONE] += 1
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=settings.timezone)
    except ValueError:
        return None
