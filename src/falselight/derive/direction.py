"""``network.direction`` from the networks that are internal, batch by batch.

Network sensors and firewalls say inbound, outbound, internal or external; a host's own records say ingress or egress (ECS
keeps the two vocabularies apart). A host's record between two inner addresses stays without a direction where its own
address is unknown."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from falselight import quads
from falselight.derive import DERIVED, DIRECTION
from falselight.readers.settings import Settings

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Batch: TypeAlias = pa.RecordBatch | pa.Table
_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
                 "fc00::/7", "fe80::/10", "::1/128")
)  # fmt: skip
_HOST_MODULES = ("sysmon", "security", "endpoint", "auditd", "system", "windows", "sysmon_linux")
# Whose direction tells who opened the connection, not what is local: their records name the outer end first.
_OPENED_BY = ("cisco",)
_OF_SENSORS = ("inbound", "outbound", "internal", "external", "unknown")


def fill(batch: Batch, settings: Settings) -> Batch:
    """The batch with a direction in rows that have two addresses and none of their own. Networks that the user names go
    before a sensor's own idea of what is local, since the user knows the network."""
    source, destination = (_texts(batch, name, decoded=False) for name in ("source.ip", "destination.ip"))
    if source is None or destination is None:
        return batch
    known = _texts(batch, DIRECTION)
    open_rows = pa.array([True] * batch.num_rows) if known is None else pc.is_null(known)
    if known is not None and (settings.internal or settings.external):
        of_sensors = pc.fill_null(pc.is_in(known, value_set=pa.array(_OF_SENSORS)), False)
        open_rows = pc.or_(open_rows, pc.and_(of_sensors, pc.invert(_of_module(batch, _OPENED_BY))))
    if not pc.any(open_rows).as_py():
        return batch
    inside = [_inside(side, settings) for side in (source, destination)]
    found = pc.if_else(
        _of_hosts(batch), _of_host(batch, inside[0], inside[1], source, destination), _of_sensor(inside[0], inside[1])
    )
    new = pc.and_(open_rows, pc.is_valid(found))
    if known is not None:
        new = pc.and_(new, pc.fill_null(pc.not_equal(known, found), True))
    if not pc.any(new).as_py():
        return batch
    column = pc.if_else(new, found, known if known is not None else pa.scalar(None, pa.string()))
    mark = pa.array([[DIRECTION] if row else None for row in new.to_pylist()], pa.list_(pa.string()))
    return _with(_with(batch, DIRECTION, column), DERIVED, mark)


def _of_sensor(left: pa.Array, right: pa.Array) -> pa.Array:
    return pc.if_else(left, pc.if_else(right, "internal", "outbound"), pc.if_else(right, "inbound", "external"))


def _of_host(batch: Batch, left: pa.Array, right: pa.Array, source: pa.Array, destination: pa.Array) -> pa.Array:
    none = pa.scalar(None, pa.string())
    by_network = pc.if_else(
        pc.and_(left, pc.invert(right)), "egress", pc.if_else(pc.and_(right, pc.invert(left)), "ingress", none)
    )
    own = batch.column("host.ip").to_pylist() if "host.ip" in batch.schema.names else None
    if own is None:
        return by_network
    lists = [value if isinstance(value, list) else [value] for value in own]
    ends = zip(lists, source.to_pylist(), destination.to_pylist(), strict=True)
    by_address = ["egress" if a in mine else "ingress" if b in mine else None for mine, a, b in ends]
    return pc.coalesce(pa.array(by_address, pa.string()), by_network)


def _of_hosts(batch: Batch) -> pa.Array:
    """The rows that a host recorded about itself."""
    if _texts(batch, "event.module") is not None:
        return _of_module(batch, _HOST_MODULES)
    process = batch.column("process.entity_id") if "process.entity_id" in batch.schema.names else None
    return pa.array([False] * batch.num_rows) if process is None else _flat(pc.is_valid(process))


def _of_module(batch: Batch, names: tuple[str, ...]) -> pa.Array:
    module = _texts(batch, "event.module")
    if module is None:
        return pa.array([False] * batch.num_rows)
    return pc.fill_null(pc.is_in(module, value_set=pa.array(names)), False)


def _inside(side: pa.Array, settings: Settings) -> pa.Array:
    """Whether each address is internal; null for what is no address."""
    encoded = side if pa.types.is_dictionary(side.type) else side.dictionary_encode()
    internal, external = settings.internal or _PRIVATE, settings.external
    found = quads.read(encoded.dictionary)
    inside = _within(found, internal) & ~_within(found, external)
    if found.all:
        return pa.array(inside).take(encoded.indices)
    flags: list[bool | None] = inside.tolist()
    for place in np.flatnonzero(~found.are).tolist():
        flags[place] = _is_inside(encoded.dictionary[place].as_py(), internal, external)
    return pa.array(flags, pa.bool_()).take(encoded.indices)


def _within(found: quads.Quads, networks: tuple[Network, ...]) -> quads.Flags:
    """Which of the quads lie in some network."""
    inside = np.zeros(len(found.are), np.bool_)
    for network in networks:
        if network.version == 4:
            inside |= found.within(int(network.network_address), network.prefixlen)
    return inside


@lru_cache(maxsize=65_536)
def _is_inside(text: str, internal: tuple[Network, ...], external: tuple[Network, ...]) -> bool | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if any(address in network for network in external):
        return False
    return any(address in network for network in internal)


def _texts(batch: Batch, name: str, *, decoded: bool = True) -> pa.Array | None:
    """A column of text, flat; None where it is absent or holds lists. One that has a dictionary keeps it if not ``decoded``."""
    if name not in batch.schema.names:
        return None
    column = _flat(batch.column(name))
    if pa.types.is_dictionary(column.type):
        if not decoded and pa.types.is_string(column.type.value_type):
            return column
        column = column.cast(column.type.value_type)
    return column if pa.types.is_string(column.type) or pa.types.is_large_string(column.type) else None


def _flat(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _with(batch: Batch, name: str, column: pa.Array) -> Batch:
    if name in batch.schema.names:
        return batch.set_column(batch.schema.get_field_index(name), name, column)
    return batch.append_column(name, column)
