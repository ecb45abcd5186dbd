"""A lab as sensors on the network see it: behind a proxy, behind address translation, or with addresses that change.

Only what such a sensor records changes: a host is its address there, and its programs are not known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from falselight.lab.generate import EPOCH, Lab

PROXY, PROXY_PORT = "10.0.250.1", 3128
OFFICE = 8  # hosts behind one address
LEASE = 86_400 * 10**9  # nanoseconds that a host keeps its address
Sight = Callable[[Lab], Lab]


def plainly(lab: Lab) -> Lab:
    """Each host by its own address."""
    return _by_address(lab, lambda host, _: host)


def translated(lab: Lab) -> Lab:
    """Eight hosts have one address."""
    return _by_address(lab, lambda host, _: host // OFFICE)


def leased(lab: Lab) -> Lab:
    """Every host has another address each day, which another had the day before."""
    return _by_address(lab, lambda host, time: (host + 37 * ((time - EPOCH * 10**9) // LEASE)) % lab.hosts)


def proxied(lab: Lab) -> Lab:
    """All calls over TCP go through one proxy, and ask it for their server by CONNECT."""
    seen = plainly(lab)
    through = pc.equal(seen.events.column("transport").cast(pa.string()), "tcp")
    asked = pc.coalesce(seen.events.column("domain").cast(pa.string()), seen.events.column("address").cast(pa.string()))
    changed = {
        "domain": pc.if_else(through, asked, seen.events.column("domain").cast(pa.string())),
        "address": pc.if_else(through, PROXY, seen.events.column("address").cast(pa.string())),
        "port": pc.if_else(through, PROXY_PORT, seen.events.column("port")),
        "proxied": through,
    }
    return replace(seen, events=_with(seen.events, changed))


SIGHTS: dict[str, Sight] = {"plain": plainly, "proxy": proxied, "nat": translated, "dhcp": leased}


def _by_address(lab: Lab, number: Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.int64]]) -> Lab:
    """Hosts and sources by the numbers of their addresses, and labels with all addresses as which their host is seen."""
    hosts = lab.events.column("host").combine_chunks()
    times = lab.events.column("time").to_numpy()
    order = np.array([int(str(name)[2:]) for name in hosts.dictionary.to_pylist()], dtype=np.int64)
    owner = order[hosts.indices.to_numpy()]
    found = number(owner, times)
    names = pa.array([address(k) for k in range(lab.hosts)], pa.string())
    seen = pa.DictionaryArray.from_arrays(pa.array(found.astype(np.int32)), names)
    days = np.arange(lab.days, dtype=np.int64) * LEASE + EPOCH * 10**9
    labels = []
    for label in lab.labels:
        own = number(np.full(lab.days, int(label.host[2:]), dtype=np.int64), days)
        labels.append(replace(label, sources=tuple(address(int(k)) for k in dict.fromkeys(own.tolist()))))
    return replace(lab, events=_with(lab.events, {"host": seen, "source": seen}), labels=labels)


def address(host: int) -> str:
    """Of a host of the lab."""
    return f"10.1.{host // 250}.{host % 250 + 1}"


def _with(events: pa.Table, changed: dict[str, pa.Array]) -> pa.Table:
    for name, values in changed.items():
        events = events.set_column(events.column_names.index(name), name, values)
    return events
