"""Indicators × observed values: one join for each way of comparing, each over distinct values.

Relation ``hits``: indicator (id), host, address, name, port, role, value, count, first, last, exact (a domain or network
hit is not exact when a longer name or a narrower network was observed)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from falselight.intel.model import Kind
from falselight.intel.observed import TABLE as OBSERVED
from falselight.intel.store import TABLE as INDICATORS

HITS = "hits"
_COLUMNS = "i.id AS indicator, o.host, o.address, o.name, o.port, o.role, o.value, o.count, o.first, o.last"


def build(connection: duckdb.DuckDBPyConnection, asn_database: Path | None = None) -> int:
    """Make the relation; gives its rows. ``asn_database``: a MaxMind file that tells the autonomous system of addresses."""
    if asn_database is not None:
        _observe_systems(connection, asn_database)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {HITS} AS {_exact()} UNION ALL {_domains()} UNION ALL {_subjects()}"
    )
    _networks(connection)
    return int(connection.execute(f"SELECT count(*) FROM {HITS}").fetchall()[0][0])


def _exact() -> str:
    kinds = ", ".join(f"'{kind}'" for kind in Kind if kind not in (Kind.DOMAIN, Kind.NETWORK, Kind.CERTIFICATE_SUBJECT))
    return (
        f"SELECT {_COLUMNS}, TRUE AS exact FROM {OBSERVED} o JOIN {INDICATORS} i ON i.kind = o.kind AND i.value = o.value "
        f"WHERE o.kind IN ({kinds}) AND (i.port IS NULL OR o.port IS NULL OR i.port = o.port)"
    )


def _domains() -> str:
    """By label suffix, the longest for each source of indicators."""
    return f"""SELECT {_COLUMNS}, n.suffix = o.value AS exact FROM {OBSERVED} o JOIN (
        SELECT value, source, arg_max(suffix, length(suffix)) AS suffix, arg_max(id, length(suffix)) AS id FROM (
          SELECT d.value, d.suffix, i.source, i.id FROM (
            SELECT value, unnest([array_to_string(labels[k:], '.') FOR k IN range(1, len(labels) + 1)]) AS suffix
            FROM (SELECT DISTINCT value, string_split(value, '.') AS labels FROM {OBSERVED} WHERE kind = '{Kind.DOMAIN}')
            WHERE len(labels) <= 128
          ) d JOIN {INDICATORS} i ON i.kind = '{Kind.DOMAIN}' AND i.value = d.suffix
        ) GROUP BY value, source
      ) n ON n.value = o.value JOIN {INDICATORS} i ON i.id = n.id
      WHERE o.kind = '{Kind.DOMAIN}' AND (i.port IS NULL OR o.port IS NULL OR i.port = o.port)"""


def _subjects() -> str:
    """A certificate's whole name, or one of its parts."""
    return f"""SELECT {_COLUMNS}, s.part = o.value AS exact FROM {OBSERVED} o JOIN (
        SELECT DISTINCT value, unnest(list_distinct(list_append([trim(p) FOR p IN string_split(value, ',')], value))) AS part
        FROM {OBSERVED} WHERE kind = '{Kind.CERTIFICATE_SUBJECT}'
      ) s ON s.value = o.value JOIN {INDICATORS} i ON i.kind = '{Kind.CERTIFICATE_SUBJECT}' AND i.value = s.part
      WHERE o.kind = '{Kind.CERTIFICATE_SUBJECT}'"""


def _networks(connection: duckdb.DuckDBPyConnection) -> None:
    """The narrowest network of each source. Masked addresses meet networks of the same length in one hash join."""
    networks = connection.execute(
        f"SELECT id, value, source FROM {INDICATORS} WHERE kind = '{Kind.NETWORK}'"
    ).fetchall()
    if not networks:
        return
    parsed = [(number, ipaddress.ip_network(value), source) for number, value, source in networks]
    lengths = sorted({(network.version, network.prefixlen) for _, network, _ in parsed})
    addresses = [
        row[0]
        for row in connection.execute(f"SELECT DISTINCT value FROM {OBSERVED} WHERE kind = '{Kind.IP}'").fetchall()
    ]
    _register(connection, "networks", {
        "id": [number for number, _, _ in parsed],
        "masked": [str(network) for _, network, _ in parsed],
        "length": [network.prefixlen for _, network, _ in parsed],
        "source": [source for *_, source in parsed],
    })  # fmt: skip
    masked = list(_masked(addresses, lengths))
    _register(connection, "masked_addresses", {"value": [a for a, _ in masked], "masked": [m for _, m in masked]})
    connection.execute(
        f"INSERT INTO {HITS} SELECT {_COLUMNS}, FALSE FROM {OBSERVED} o JOIN (SELECT m.value, arg_max(n.id, n.length) AS id "
        "FROM masked_addresses m JOIN networks n USING (masked) GROUP BY m.value, n.source) n ON n.value = o.value "
        f"JOIN {INDICATORS} i ON i.id = n.id WHERE o.kind = '{Kind.IP}'"
    )
    connection.unregister("networks")
    connection.unregister("masked_addresses")


def _masked(addresses: Iterable[str], lengths: Sequence[tuple[int, int]]) -> Iterable[tuple[str, str]]:
    for text in addresses:
        address = ipaddress.ip_address(text)
        bits, number = address.max_prefixlen, int(address)
        for version, length in lengths:
            if version == address.version:
                low = number >> (bits - length) << (bits - length) if length else 0
                yield text, f"{type(address)(low)}/{length}"


def _observe_systems(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Add the autonomous systems of observed addresses."""
    import maxminddb

    addresses = [
        row[0]
        for row in connection.execute(f"SELECT DISTINCT value FROM {OBSERVED} WHERE kind = '{Kind.IP}'").fetchall()
    ]
    with maxminddb.open_database(path) as database:
        found = [(text, record) for text in addresses if isinstance(record := database.get(text), dict)]
    numbers = [
        (text, str(record["autonomous_system_number"]))
        for text, record in found
        if "autonomous_system_number" in record
    ]
    _register(connection, "systems", {"address": [a for a, _ in numbers], "number": [n for _, n in numbers]})
    connection.execute(
        f"INSERT INTO {OBSERVED} SELECT '{Kind.ASN}', s.number, o.role, o.host, o.address, o.name, o.port, o.count, o.first, "
        f"o.last FROM {OBSERVED} o JOIN systems s ON s.address = o.value WHERE o.kind = '{Kind.IP}'"
    )
    connection.unregister("systems")


def _register(
    connection: duckdb.DuckDBPyConnection, name: str, columns: dict[str, list[object]] | dict[str, list[str]]
) -> None:
    arrays = {
        key: pa.array(values, pa.int64() if key in ("id", "length") else pa.string()) for key, values in columns.items()
    }
    connection.register(name, pa.table(arrays))
