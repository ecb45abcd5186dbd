"""Flow records of collectors as ECS, by ``netflow.toml``: nfdump (JSON, CSV), GoFlow2, pmacct, SiLK; and Filebeat's own."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from falselight.mappings.network import address, community
from falselight.mappings.tables import Table, first_moment, flat, load, microseconds, once, snake
from falselight.readers.netflow_signs import collector
from falselight.readers.settings import Settings
from falselight.readers.syslog import Document

_FILE = "netflow.toml"
_PREFIX = "netflow."
_LOCAL = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/24", "0.0.0.0/32",
                 "255.255.255.255/32", "fc00::/7", "fe80::/10", "::1/128", "::/128", "ff01::/16", "ff02::/16")
)  # fmt: skip
_DIRECTIONS = {
    ("internal", "internal"): "internal", ("internal", "external"): "outbound", ("external", "internal"): "inbound",
    ("external", "external"): "external",
}  # fmt: skip
_PORTS = ("source_transport_port", "destination_transport_port", "icmp_type", "icmp_code")


def make(record: Mapping[str, Any], text: str, settings: Settings) -> Iterator[Document | None]:
    """The event of one record of JSON, None for what is no flow."""
    kind = collector(record)
    if kind == "beat":
        yield _of_beat(record, text)
    elif kind is None:
        yield None
    else:
        raw = flat(record)
        yield event(
            kind, {snake(name): value for name, value in raw.items()} if kind == "goflow2" else raw, text, settings
        )


def event(kind: str, raw: Mapping[str, Any], text: str, settings: Settings) -> Document | None:
    """The event of one record of a collector; None if it has no address or no time."""
    table = load(_FILE, kind)
    found = {name.removeprefix(_PREFIX): value for name, value in table.event(raw).items()}
    for side in ("source", "destination"):
        end = address(text_of(found.pop(f"{side}_address", None)))
        if end is not None:
            found[f"{side}_ipv{end.version}_address"] = str(end)
    _icmp(found)
    made = {_PREFIX + name: value for name, value in found.items()} | load(_FILE, "flow").event(found)
    made["event.original"] = text
    _times(made, table, raw, settings)
    if made.get("@timestamp") is None or (made.get("source.ip") is None and made.get("destination.ip") is None):
        return None
    _network(made, found)
    return made


def text_of(value: Any) -> str | None:
    return value.strip() if isinstance(value, str) else None


def _icmp(found: dict[str, Any]) -> None:
    """nfdump writes an ICMP type and code as the destination's port: ``8.0``."""
    port = found.get("destination_transport_port")
    if isinstance(port, str) and "." in port:
        kind, _, code = port.partition(".")
        found.pop("destination_transport_port")
        found.setdefault("icmp_type", kind)
        found.setdefault("icmp_code", code)


def _times(made: Document, table: Table, raw: Mapping[str, Any], settings: Settings) -> None:
    """@timestamp is when the record was received, else the flow's end, else its start. Times without a zone are the user's."""
    start, end, received = (first_moment(raw, table.entry[name], settings) for name in ("start", "end", "time"))
    lasted = next((raw[name] for name in table.entry.get("seconds", ()) if raw.get(name) not in (None, "")), None)
    duration = None if lasted is None else _microseconds_of(lasted)
    if start is not None and end is None and duration is not None:
        end = start + duration
    elif start is not None and end is not None and duration is None and end >= start:
        duration = end - start
    made["event.start"], made["event.end"] = _iso(start), _iso(end)
    made["event.duration"] = None if duration is None else duration * 1_000
    made["@timestamp"] = next((_iso(each) for each in (received, end, start) if each is not None), None)


def _iso(micro: int | None) -> str | None:
    return None if micro is None else microseconds(micro)


def _microseconds_of(seconds: Any) -> int | None:
    try:
        found = float(seconds)
    except (TypeError, ValueError):
        return None
    return round(found * 1e6) if 0 <= found < 9e9 else None


def _network(made: Document, found: Mapping[str, Any]) -> None:
    ends = [made.get("source.ip"), made.get("destination.ip")]
    for side, end in zip(("source", "destination"), ends, strict=True):
        made[f"{side}.locality"] = None if end is None else locality(end)
    made["network.direction"] = _direction(made, "unknown")
    is_outside = "external" in (made["source.locality"], made["destination.locality"])
    made["flow.locality"] = "external" if is_outside else "internal"
    made["network.type"] = once(f"ipv{end.version}" for end in map(address, ends) if end is not None)
    for name in ("bytes", "packets"):
        counts = [
            count for side in ("source", "destination") if (count := whole(made.get(f"{side}.{name}"))) is not None
        ]
        made[f"network.{name}"] = sum(counts) if made.get(f"source.{name}") is not None and counts else None
    ports = [_plain(found.get(name)) for name in _PORTS]
    transport = made.get("network.transport")
    made["network.community_id"] = community(ends[0], ends[1], ports[0], ports[1], transport, ports[2], ports[3])
    made["related.ip"] = once(ends)


def whole(value: Any) -> int | None:
    """A count, None for what is none that 63 bits hold."""
    text = _plain(value) or ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def _plain(value: Any) -> str | None:
    return str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else None


@lru_cache(maxsize=65_536)
def locality(text: str) -> str:
    """``internal`` for private, loopback and link-local addresses, else ``external``."""
    found = address(text)
    return "internal" if found is not None and any(found in network for network in _LOCAL) else "external"


def _of_beat(record: Mapping[str, Any], text: str) -> Document:
    """A document of Filebeat's that no pipeline has seen, as the package's pipeline leaves it."""
    made: Document = {"event.module": "netflow", "event.dataset": "netflow.log", **flat(record), "event.original": text}
    number = made.get("network.iana_number")
    made["network.iana_number"] = number if number is None else str(number)
    sides = [f"netflow.{side}_ipv" for side in ("source", "destination")]
    made["network.type"] = [f"ipv{at}" for at in (4, 6) if any(f"{side}{at}_address" in made for side in sides)]
    made["network.direction"] = _direction(made, str(made.get("network.direction") or "unknown"))
    return made


def _direction(made: Document, otherwise: str) -> str:
    return _DIRECTIONS.get((str(made.get("source.locality")), str(made.get("destination.locality"))), otherwise)
