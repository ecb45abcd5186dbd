"""What the text records of firewalls and proxies share: fields by a table, numbers and addresses, sums, what is related."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from falselight.mappings.network import address, community
from falselight.mappings.tables import TRANSPORTS
from falselight.readers.syslog import Document, append, iso

SIDES = ("source", "destination")
_IP = ("source.ip", "source.nat.ip", "destination.ip", "destination.nat.ip")
_WHOLE = (
    *(f"{side}.{part}" for side in SIDES for part in ("port", "nat.port", "bytes", "packets")),
    "network.bytes", "network.packets", "event.sequence", "event.severity", "file.size", "http.response.status_code",
    "http.request.bytes", "http.response.bytes", "url.port",
)  # fmt: skip
_OF_ROLES = tuple(
    (f"{role}.{name}", f"{end}.{name}")
    for role, end in (("client", "source"), ("server", "destination"))
    for name in ("ip", "port", "bytes", "packets", "nat.ip", "nat.port", "user.id", "user.name", "user.group.name")
)
_NUMBERS = {name: number for number, name in TRANSPORTS.items()}
_RELATED = {
    "related.ip": _IP,
    "related.user": ("user.name", "source.user.name", "destination.user.name"),
    "related.hosts": ("host.name", "url.domain", "source.domain", "destination.domain"),
    "related.hash": ("file.hash.md5", "file.hash.sha1", "file.hash.sha256"),
}


def first(value: Any) -> Any:
    """The value, or the first of several."""
    return value[0] if isinstance(value, list) and value else value


def span(event: Document, seconds: int | None) -> None:
    """Length, start and end of what was logged at its end."""
    if seconds is None or seconds >= 10**9:
        return
    event["event.duration"] = seconds * 10**9
    if event.get("@timestamp"):
        end = datetime.fromisoformat(event["@timestamp"])
        event["event.end"] = iso(end)
        with suppress(OverflowError):  # before the year 1: no such date
            event["event.start"] = iso(end - timedelta(seconds=seconds))


def whole(text: Any) -> int | None:
    """A whole number of 63 bits, None for other text."""
    written = str(first(text)).strip() if text is not None else ""
    return int(written) if written.isascii() and written.isdecimal() and len(written) < 19 else None


def place(event: Document, raw: dict[str, Any], fields: list[list[str]]) -> None:
    """Moves each key to its field; of several keys of one field the first that has a value counts, the others stay."""
    for key, target in fields:
        if key in raw and event.get(target) is None:
            event[target] = raw.pop(key)


def settle(event: Document) -> None:
    """Numbers and addresses are such or go; both sides are summed; transport and its number tell each other."""
    for name in _WHOLE:
        value = event.get(name)
        if value is not None:
            event[name] = whole(value)
    for name in _IP:
        text = event.get(name)
        if text is not None:
            text = first(text)
            if not address(text) or (".nat." in name and text in ("0.0.0.0", "::")):
                text = None
        event[name] = text
    for unit in ("bytes", "packets"):
        sent = [event.get(f"{side}.{unit}") for side in SIDES]
        if event.get(f"network.{unit}") is None and None not in sent:
            event[f"network.{unit}"] = sum(count for count in sent if count is not None)
    number, transport = first(event.get("network.iana_number")), first(event.get("network.transport"))
    transport = transport.lower() if transport else TRANSPORTS.get(number)
    event["network.transport"] = {"icmpv6": "ipv6-icmp"}.get(transport or "", transport)
    event["network.iana_number"] = number or _NUMBERS.get(event["network.transport"] or "")
    left, right = (None if event.get(f"{side}.port") is None else str(event[f"{side}.port"]) for side in SIDES)
    # Elasticsearch's processor looks for ICMP's type where these records do not have it, and takes nought.
    event["network.community_id"] = community(
        event["source.ip"], event["destination.ip"], left, right, event["network.transport"], "0", "0"
    )


def roles(event: Document) -> None:
    """The ends as client and server too."""
    for name, end in _OF_ROLES:
        value = event.get(end)
        if value is not None:
            event[name] = value


def relate(event: Document) -> None:
    """What the event tells of addresses, users, hosts and hashes, in one list each."""
    for name, sources in _RELATED.items():
        found = [first(value) for source in sources if (value := event.get(source)) is not None]
        if found:
            append(event, name, *found)
