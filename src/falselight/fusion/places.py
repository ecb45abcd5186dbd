"""Where a server stands: the class of hosting of its autonomous system, where the user has a database of these, and how many
hosts call the network around an address that bears no name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_network
from math import log2
from pathlib import Path
from typing import Any

import pyarrow as pa

from falselight.analytics import beacons
from falselight.analytics.networks import INTERNAL, parse
from falselight.fusion.rows import Pairs, ServerRisk, changed
from falselight.infrastructure.hosting import UNKNOWN, hosting
from falselight.risks import Reason
from falselight.store import EventTable
from falselight.systems import System, systems

# Ranges whose neighbours say nothing: they are next to each other because they are the user's.
_OWN = parse(INTERNAL)


def add(found: Pairs, table: EventTable, settings: Mapping[str, Any], asn: Path | None) -> None:
    """Adds both; and to rows without a rhythm, of which it does not count already, that their names lie under a provider that
    everybody calls. ``asn``: a MaxMind database. Needs the relation ``connections``."""
    addresses = sorted({row.address for row in found.values() if row.address is not None})
    known = systems(asn, addresses) if asn is not None else {}
    callers: dict[str, int] = {}
    for row in found.values():
        callers[row.server] = callers.get(row.server, 0) + 1
    around = _around(found, table)
    for key, row in list(found.items()):
        reasons = [
            *_hosting(row, known.get(row.address or ""), callers[row.server], settings["hosting"]),
            *_network(row, around.get(row.address or ""), settings["network"]),
            *_provider(row),
        ]
        if reasons:
            odds = row.odds + sum(reason.weight for reason in reasons)
            found[key] = changed(row, odds=odds, evidence=(*reasons, *row.evidence))


def _hosting(row: ServerRisk, system: System | None, hosts: int, own: Mapping[str, Any]) -> Iterator[Reason]:
    """What many hosts call is no rented server of an adversary, wherever it stands."""
    if any(reason.factor.endswith(": hosting") for reason in row.evidence):
        return
    place = hosting(row.names, *((system.number, system.holder) if system is not None else (None, None)))
    if place.kind == UNKNOWN or not place.weight or (place.weight > 0 and hosts > own["few_hosts"]):
        return
    yield Reason("hosting", own["share"] * place.weight, f"hosting: {place.kind}, by {place.because}")


def _network(row: ServerRisk, hosts: tuple[int, int, str] | None, own: Mapping[str, Any]) -> Iterator[Reason]:
    if hosts is None or row.rhythm is None or row.names:
        return
    whole, single, network = hosts
    doubled = log2(min(whole, own["most_hosts"]) / single) if whole > single else 0.0
    if doubled > 0:
        weight = own["share"] * float(beacons.parameters()["weights"]["prevalence"]) * doubled
        yield Reason("network", weight, f"{whole} hosts contact its network {network}, {single} of them this address")


def _provider(row: ServerRisk) -> Iterator[Reason]:
    weighed, suffixes = beacons.parameters()["weights"]["known"], beacons.parameters()["known"]["suffixes"]
    if row.rhythm is None and row.names and all(_under(name, suffixes) for name in row.names):
        yield Reason("known", float(weighed), "its name lies under a provider that the published rule leaves out")


def _under(name: str, suffixes: Iterable[str]) -> bool:
    return any(name == suffix or name.endswith(f".{suffix}") for suffix in suffixes)


def _around(found: Pairs, table: EventTable) -> dict[str, tuple[int, int, str]]:
    """For each address without a name: the hosts that call its network, those that call the address, and the network."""
    wanted = {row.address for row in found.values() if row.address is not None and not row.names}
    if not wanted:
        return {}
    connection = table.connection
    called = "SELECT DISTINCT host, address FROM connections WHERE outward AND address IS NOT NULL AND host IS NOT NULL"
    every = [row[0] for row in connection.execute(f"SELECT DISTINCT address FROM ({called}) ORDER BY 1").fetchall()]
    networks = dict(zip(every, _networks(every), strict=True))
    made = pa.table({"address": pa.array(every, pa.string()), "network": pa.array(networks.values(), pa.string())})
    connection.register("address_networks", made)
    rows = connection.execute(
        f"""WITH called AS ({called}), whole AS (SELECT network, count(DISTINCT host) AS hosts
          FROM called JOIN address_networks USING (address) GROUP BY network)
        SELECT address, any_value(whole.hosts), count(DISTINCT host), any_value(network)
        FROM called JOIN address_networks USING (address) JOIN whole USING (network) GROUP BY address"""
    ).fetchall()
    connection.unregister("address_networks")
    near = {network: not _is_own(network) for network in {network for *_, network in rows}}
    return {
        address: (whole, single, network)
        for address, whole, single, network in rows
        if address in wanted and near[network]
    }


def _networks(addresses: Iterable[str]) -> Iterator[str]:
    """The network of each address as infrastructure counts them: /24, of IPv6 /48."""
    for text in addresses:
        if ":" in text:
            yield str(ip_network((text, 48), strict=False))
        else:
            yield f"{text.rpartition('.')[0]}.0/24"


def _is_own(network: str) -> bool:
    first = ip_network(network).network_address
    return any(first in own for own in _OWN)
