"""Flow records of collectors as ECS, by ``netflow.toml``, whole columns at once: nfdump (JSON, CSV), GoFlow2, pmacct, SiLK; and
Filebeat's own documents."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache, partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from falselight.mappings import columnar, network
from falselight.mappings.flow_times import FlowTimes, times
from falselight.mappings.network import address
from falselight.mappings.records import Frame, Step
from falselight.mappings.tables import CONVERSIONS, TRANSPORTS, Table, load, snake
from falselight.readers.settings import Settings

FILE = "netflow.toml"
KINDS = ("nfdump", "goflow2", "pmacct", "beat")
_LOCAL = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/24", "0.0.0.0/32",
                 "255.255.255.255/32", "fc00::/7", "fe80::/10", "::1/128", "::/128", "ff01::/16", "ff02::/16")
)  # fmt: skip
_DIRECTIONS = {
    ("internal", "internal"): "internal", ("internal", "external"): "outbound", ("external", "internal"): "inbound",
    ("external", "external"): "external",
}  # fmt: skip
# Fields of whole numbers, whatever a collector writes.
_WHOLE = frozenset(
    ("source_transport_port", "destination_transport_port", "octet_delta_count", "packet_delta_count", "vlan_id", "post_vlan_id",
     "reverse_octet_delta_count", "reverse_packet_delta_count", "protocol_identifier", "ingress_interface", "egress_interface",
     "ip_class_of_service", "flow_direction", "forwarding_status", "bgp_source_as_number", "bgp_destination_as_number",
     "source_prefix_length", "destination_prefix_length", "sampling_interval", "tcp_control_bits", "icmp_type", "icmp_code")
)  # fmt: skip
_COMMUNITY = Step(
    network.community_id,
    ("source.ip", "destination.ip", "source.port", "destination.port", "network.transport", "netflow.icmp_type",
     "netflow.icmp_code"),
    ("network.community_id",), False, {},
)  # fmt: skip
_SIDES = ("source", "destination")


def needed(wanted: frozenset[str] | None) -> frozenset[str] | None:
    """The raw columns of JSON records that these fields need; None for all."""
    if wanted is None or any(name.startswith("netflow.") for name in wanted):
        return None
    found: set[str] = set()
    for kind in KINDS[:-1]:
        table = load(FILE, kind)
        names = table.taken | frozenset(name for part in ("start", "end", "time") for name in table.entry[part])
        # GoFlow's first version wrote SrcAddr for src_addr.
        found |= names | {"".join(part.capitalize() for part in name.split("_")) for name in names}
    return frozenset(found | wanted | {"@timestamp", "netflow.type", "source.locality", "destination.locality"})


def flow(
    kind: str, columns: dict[str, pa.Array], rows: int, settings: Settings, frame: Frame, wanted: frozenset[str] | None
) -> FlowTimes:
    """Fills the frame with the fields of one collector's records; gives their times."""
    if kind == "goflow2":
        # Records of both of GoFlow's versions may stand in one block.
        columns = columnar.renamed(columns, snake)
    table = load(FILE, kind)
    told = times(columns, table, rows, settings)
    _named(table, columns, frame, wanted is None or any(name.startswith("netflow.") for name in wanted))
    _ends(frame)
    for name, constant in load(FILE, "flow").constants.items():
        frame.constants[name] = constant
    for line in load(FILE, "flow").lines:
        values = frame.get(f"netflow.{line.column}")
        if values is None:
            continue
        if line.field == "network.transport":
            values = columnar.distinct(values, lambda number: TRANSPORTS.get(str(number)), pa.string())
        elif line.field == "network.iana_number":
            values = columnar.as_text(values)
        elif line.field == "observer.ip":
            values = columnar.distinct(columnar.as_text(values), _ip, pa.string())
        known = frame.get(line.field)
        frame.put(line.field, values if known is None else pc.coalesce(known, values))
    for name, values in (("event.start", told.start), ("event.end", told.end)):
        frame.put(name, None if values is None else pc.divide(values, 1_000))
    frame.put("event.duration", None if told.lasted is None else pc.multiply(told.lasted, 1_000))
    _network(frame, wanted)
    return told


def _ip(text: str | None) -> str | None:
    return text if address(text) is not None else None


def _named(table: Table, columns: dict[str, pa.Array], frame: Frame, everything: bool) -> None:
    """The collector's columns under the names of Filebeat's input; what no line takes only where all fields are wanted."""
    for line in table.lines:
        values = columns.get(line.column)
        if values is None:
            continue
        name = line.field.removeprefix("netflow.")
        if name in _WHOLE:
            if name == "destination_transport_port" and pa.types.is_string(values.type):
                values = _icmp(values, frame)
            if line.convert is CONVERSIONS["protocol"]:
                values = columnar.distinct(values, _protocol, pa.int64())
            values = columnar.whole(values, frame.malformed, line.column)
            if line.convert is CONVERSIONS["nonzero"]:
                values = pc.if_else(pc.equal(values, 0), pa.scalar(None, pa.int64()), values)
        else:
            values = columnar.as_text(values)
            if line.convert is not None:
                values = columnar.distinct(values, line.convert, pa.string())
        known = frame.get(line.field)
        frame.put(line.field, values if known is None else pc.coalesce(known, values))
    for name, values in columns.items():
        target = f"netflow.{snake(name)}"
        if everything and name not in table.taken and frame.get(target) is None:
            frame.put(target, _typed(snake(name), values, name, frame))


def _typed(own: str, values: pa.Array, name: str, frame: Frame) -> pa.Array | None:
    """A column as the flow's own fields want it, whose name it may bear."""
    if own in _WHOLE:
        return columnar.whole(values, frame.malformed, name)
    is_known = any(line.column == own for line in load(FILE, "flow").lines)
    return _filled(columnar.as_text(values) if is_known else values)


def _protocol(value: Any) -> int | None:
    found = CONVERSIONS["protocol"](value)
    return found if isinstance(found, int) and 0 <= found < 256 else None


def _filled(values: pa.Array) -> pa.Array:
    """Empty texts are no values."""
    if not pa.types.is_string(values.type):
        return values
    return pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)


def _icmp(ports: pa.Array, frame: Frame) -> pa.Array:
    """nfdump writes an ICMP type and code as the destination's port: ``8.0``."""
    for at, name in enumerate(("icmp_type", "icmp_code")):
        found = columnar.distinct(ports, partial(_part, at=at), pa.int64())
        known = frame.get(f"netflow.{name}")
        frame.put(f"netflow.{name}", found if known is None else pc.coalesce(known, found))
    return pc.if_else(pc.match_substring(ports, "."), pa.scalar(None, pa.string()), ports)


def _part(text: str | None, at: int) -> int | None:
    parts = (text or "").split(".")
    part = parts[at] if len(parts) == 2 else ""
    return int(part) if part.isascii() and part.isdecimal() and len(part) < 4 else None


def _ends(frame: Frame) -> None:
    """The addresses, by version."""
    for side in _SIDES:
        values = frame.take_out(f"netflow.{side}_address")
        if values is None:
            continue
        for version in (4, 6):
            made = columnar.distinct(columnar.as_text(values), partial(_of_version, version=version), pa.string())
            frame.put(f"netflow.{side}_ipv{version}_address", made)


def _of_version(text: str | None, version: int) -> str | None:
    found = address(None if text is None else text.strip())
    return str(found) if found is not None and found.version == version else None


def _network(frame: Frame, wanted: frozenset[str] | None) -> None:
    def wants(*names: str) -> bool:
        return wanted is None or any(name in wanted for name in names)

    ends = [frame.get(f"{side}.ip") for side in _SIDES]
    for side, end in zip(_SIDES, ends, strict=True):
        frame.put(f"{side}.locality", None if end is None else columnar.distinct(end, _locality, pa.string()))
    way(frame, "unknown")
    outside = [frame.get(f"{side}.locality") for side in _SIDES]
    frame.put("flow.locality", columnar.jointly(outside, frame.rows, _of_flow, pa.string()))
    kinds = [columnar.distinct(end, _version, pa.string()) for end in ends if end is not None]
    frame.put("network.type", pc.coalesce(*kinds) if kinds else None)
    for name in ("bytes", "packets"):
        sent, received = (frame.get(f"{side}.{name}") for side in _SIDES)
        if sent is not None:
            frame.put(f"network.{name}", sent if received is None else _sum(sent, received))
    if wants("network.community_id"):
        network.community_id(frame, _COMMUNITY)
    if wants("related.ip"):
        frame.put("related.ip", columnar.paired(ends[0], ends[1], once=True))


def way(frame: Frame, otherwise: str) -> None:
    """network.direction by the localities of both ends; where one is missing what there was, else ``otherwise``."""
    outside = [frame.get(f"{side}.locality") for side in _SIDES]
    found = columnar.jointly(outside, frame.rows, lambda *sides: _DIRECTIONS.get(sides), pa.string())
    known = frame.get("network.direction")
    frame.put("network.direction", pc.fill_null(found if known is None else pc.coalesce(found, known), otherwise))


def _sum(left: pa.Array, right: pa.Array) -> pa.Array:
    """What 64 bits cannot hold is left out."""
    total = pc.add(left.cast(pa.float64(), safe=False), pc.fill_null(right, 0).cast(pa.float64(), safe=False))
    fits = pc.less(total, 9.2e18)
    none = pa.scalar(None, pa.int64())
    return pc.add(pc.if_else(fits, left, none), pc.if_else(fits, pc.fill_null(right, 0), none))


def _version(text: str | None) -> str | None:
    return None if text is None else "ipv6" if ":" in text else "ipv4"


def _of_flow(*sides: str | None) -> str:
    return "external" if "external" in sides else "internal"


@lru_cache(maxsize=65_536)
def _locality(text: str | None) -> str | None:
    """``internal`` for private, loopback and link-local addresses, else ``external``."""
    found = address(text)
    if found is None:
        return None
    return "internal" if any(found in local for local in _LOCAL) else "external"


def beat(frame: Frame) -> None:
    """Documents of Filebeat's that no pipeline has seen, as the package's pipeline leaves them."""
    frame.constants.update({"event.module": "netflow", "event.dataset": "netflow.log"})
    number = frame.get("network.iana_number")
    frame.put("network.iana_number", None if number is None else columnar.as_text(number))
    kinds = [frame.get(f"netflow.{side}_ipv{version}_address") for version in (4, 6) for side in _SIDES]
    found = columnar.jointly(kinds, frame.rows, _told, pa.string())
    frame.put("network.type", found)
    way(frame, "unknown")


def _told(*addresses: str | None) -> str | None:
    return "ipv4" if any(addresses[:2]) else "ipv6" if any(addresses[2:]) else None


def kinds(columns: dict[str, pa.Array], rows: int) -> dict[str, pa.Array]:
    """Which rows are whose, by the columns that they fill (see ``netflow_signs``)."""

    def fill(*names: str) -> pa.Array:
        found = pa.repeat(pa.scalar(False), rows)
        for name in names:
            if name in columns:
                found = pc.or_(found, pc.is_valid(columns[name]))
        return found

    def every(*parts: Iterable[str]) -> pa.Array:
        found = pa.repeat(pa.scalar(True), rows)
        for part in parts:
            found = pc.and_(found, fill(*part))
        return found

    masks = {
        "nfdump": every(("src4_addr", "src6_addr"), ("first", "t_first")),
        "goflow2": every(("src_addr", "SrcAddr"), ("sampler_address", "SamplerAddress")),
        "pmacct": every(("ip_src",), ("ip_dst",)),
        "beat": every(("netflow.type",)),
    }
    left = pa.repeat(pa.scalar(True), rows)
    for kind, mask in masks.items():
        masks[kind] = pc.and_(mask, left)
        left = pc.and_(left, pc.invert(mask))
    return masks
