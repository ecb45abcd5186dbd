"""Indicators × observed values: each value of a field once meets the indicators, in one join for each way of comparing; then the
events' rows are read whose values were met.

Relation ``hits``: indicator (id), host, address, name, port, role, value, count, first, last, exact (a domain or network
hit is not exact when a longer name or a narrower network was observed)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from falselight.intel import observed
from falselight.intel.model import Kind
from falselight.intel.observed import BESIDE
from falselight.intel.store import TABLE as INDICATORS
from falselight.store import EventTable
from falselight.systems import systems
from falselight.values import ip

HITS = "hits"
# Each value of each field: kind, role, raw, value; and those that an indicator names: kind, role, raw, indicator, exact, own_port
# (the port that it is limited to).
_VALUES, _MATCHED = "observed_values", "matched_values"
_FOUND = f"SELECT v.kind, v.role, v.raw, i.id AS indicator, {{exact}} AS exact, i.port AS own_port FROM {_VALUES} v"
_PREFIX = 96  # bits before an IPv4 address among the 128 of an address


def build(table: EventTable, asn_database: Path | None = None) -> int:
    """Make the relation; gives its rows. Needs ``observed`` and ``indicators``. ``asn_database``: a MaxMind file that tells the
    autonomous system of addresses."""
    connection = table.connection
    kinds = {Kind(row[0]) for row in connection.execute(f"SELECT DISTINCT kind FROM {INDICATORS}").fetchall()}
    if Kind.NETWORK in kinds or (Kind.ASN in kinds and asn_database is not None):
        kinds.add(Kind.IP)
    fields = [each for each in observed.shown(table) if each.kind in kinds]
    parts = [f"SELECT DISTINCT kind, role, raw, value FROM {BESIDE}"]
    parts += [
        f"SELECT '{each.kind}' AS kind, '{each.field.name}' AS role, raw, {each.normal} AS value "
        f"FROM ({observed.values(table, each)}) s"
        for each in fields
    ]
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {_VALUES} AS {' UNION ALL '.join(parts)}")
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {_MATCHED} AS {_exact()} UNION ALL {_domains()} UNION ALL {_subjects()}"
    )
    if Kind.NETWORK in kinds:
        _networks(connection)
    if Kind.ASN in kinds and asn_database is not None:
        _systems(connection, asn_database)
    return _hits(table, fields)


def _hits(table: EventTable, fields: list[observed.Shown]) -> int:
    """The rows of the events, and of what stands beside them, whose values are matched."""
    connection = table.connection
    roles = {row[0] for row in connection.execute(f"SELECT DISTINCT role FROM {_MATCHED}").fetchall()}
    more = "m.indicator, m.exact, m.own_port, "
    parts = [f"SELECT {more}o.* FROM {BESIDE} o JOIN {_MATCHED} m USING (kind, role, raw)"]
    parts += [
        observed.rows(table, each, more, f"JOIN {_MATCHED} m ON m.role = '{each.field.name}' AND m.raw = s.raw")
        for each in fields
        if each.field.name in roles
    ]
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {HITS} AS SELECT indicator, host, address, name, port, role, value, "
        "sum(count)::BIGINT AS count, min(first) AS first, max(last) AS last, exact "
        f"FROM ({' UNION ALL BY NAME '.join(parts)}) WHERE own_port IS NULL OR port IS NULL OR own_port = port GROUP BY ALL"
    )
    return int(connection.execute(f"SELECT count(*) FROM {HITS}").fetchall()[0][0])


def _exact() -> str:
    kinds = ", ".join(f"'{kind}'" for kind in Kind if kind not in (Kind.DOMAIN, Kind.NETWORK, Kind.CERTIFICATE_SUBJECT))
    return (
        f"{_FOUND.format(exact='TRUE')} JOIN {INDICATORS} i ON i.kind = v.kind AND i.value = v.value "
        f"WHERE v.kind IN ({kinds})"
    )


def _domains() -> str:
    """By label suffix, the longest for each source of indicators."""
    return f"""{_FOUND.format(exact="n.suffix = v.value")} JOIN (
        SELECT value, source, arg_max(suffix, length(suffix)) AS suffix, arg_max(id, length(suffix)) AS id FROM (
          SELECT d.value, d.suffix, i.source, i.id FROM (
            SELECT value, unnest([array_to_string(labels[k:], '.') FOR k IN range(1, len(labels) + 1)]) AS suffix
            FROM (SELECT DISTINCT value, string_split(value, '.') AS labels FROM {_VALUES} WHERE kind = '{Kind.DOMAIN}')
            WHERE len(labels) <= 128
          ) d JOIN {INDICATORS} i ON i.kind = '{Kind.DOMAIN}' AND i.value = d.suffix
        ) GROUP BY value, source
      ) n ON n.value = v.value JOIN {INDICATORS} i ON i.id = n.id WHERE v.kind = '{Kind.DOMAIN}'"""


def _subjects() -> str:
    """A certificate's whole name, or one of its parts."""
    return f"""{_FOUND.format(exact="s.part = v.value")} JOIN (
        SELECT DISTINCT value, unnest(list_distinct(list_append([trim(p) FOR p IN string_split(value, ',')], value))) AS part
        FROM {_VALUES} WHERE kind = '{Kind.CERTIFICATE_SUBJECT}'
      ) s ON s.value = v.value JOIN {INDICATORS} i ON i.kind = '{Kind.CERTIFICATE_SUBJECT}' AND i.value = s.part
      WHERE v.kind = '{Kind.CERTIFICATE_SUBJECT}'"""


def _networks(connection: duckdb.DuckDBPyConnection) -> None:
    """The narrowest network of each source."""
    networks = connection.execute(
        f"SELECT id, value, source FROM {INDICATORS} WHERE kind = '{Kind.NETWORK}'"
    ).fetchall()
    split = [value.partition("/") for _, value, _ in networks]
    starts = _packed(address for address, _, _ in split)
    lengths = np.array([int(bits) + (0 if ":" in address else _PREFIX) for address, _, bits in split])
    texts = _addresses(connection)
    addresses = _packed(texts)
    inside = [(texts[at], place) for place, at in _inside(starts, lengths, addresses)]
    _register(connection, "networks", {
        "value": [text for text, _ in inside], "id": [networks[place][0] for _, place in inside],
        "length": [int(lengths[place]) for _, place in inside], "source": [networks[place][2] for _, place in inside],
    })  # fmt: skip
    connection.execute(
        f"INSERT INTO {_MATCHED} {_FOUND.format(exact='FALSE')} JOIN (SELECT value, arg_max(id, length) AS id FROM networks "
        f"GROUP BY value, source) n ON n.value = v.value JOIN {INDICATORS} i ON i.id = n.id WHERE v.kind = '{Kind.IP}'"
    )
    connection.unregister("networks")


def _inside(
    starts: NDArray[np.bytes_], lengths: NDArray[np.int64], addresses: NDArray[np.bytes_]
) -> Iterator[tuple[int, int]]:
    """Which network (its place) holds which address (its place). For each length that networks have, the addresses cut to it
    are looked up among the networks of the length."""
    for length in np.unique(lengths).tolist():
        own = np.flatnonzero(lengths == length)
        own = own[np.argsort(starts[own], kind="stable")]
        cut = _cut(addresses, length)
        low = np.searchsorted(starts[own], cut, "left")
        high = np.searchsorted(starts[own], cut, "right")
        for at in np.flatnonzero(high > low).tolist():
            yield from ((int(place), at) for place in own[low[at] : high[at]])


def _packed(texts: Iterator[str] | list[str]) -> NDArray[np.bytes_]:
    """The 16 bytes of each address."""
    return np.frombuffer(b"".join(ip(text)[1] for text in texts), dtype="S16")


def _cut(addresses: NDArray[np.bytes_], length: int) -> NDArray[np.bytes_]:
    """Addresses without what follows their first bits."""
    mask = np.frombuffer(((1 << 128) - (1 << (128 - length))).to_bytes(16), dtype=np.uint8)
    return (addresses.view(np.uint8).reshape(-1, 16) & mask).reshape(-1).view("S16")


def _addresses(connection: duckdb.DuckDBPyConnection) -> list[str]:
    found = connection.execute(f"SELECT DISTINCT value FROM {_VALUES} WHERE kind = '{Kind.IP}' ORDER BY value")
    return [row[0] for row in found.fetchall()]


def _systems(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """The autonomous systems of observed addresses."""
    found = systems(path, _addresses(connection))
    numbers = [(text, str(system.number)) for text, system in found.items() if system.number is not None]
    _register(connection, "systems", {"value": [a for a, _ in numbers], "number": [n for _, n in numbers]})
    connection.execute(
        f"INSERT INTO {_MATCHED} {_FOUND.format(exact='TRUE')} JOIN systems USING (value) "
        f"JOIN {INDICATORS} i ON i.kind = '{Kind.ASN}' AND i.value = number WHERE v.kind = '{Kind.IP}'"
    )
    connection.unregister("systems")


def _register(
    connection: duckdb.DuckDBPyConnection, name: str, columns: dict[str, list[object]] | dict[str, list[str]]
) -> None:
    arrays = {
        key: pa.array(values, pa.int64() if key in ("id", "length") else pa.string()) for key, values in columns.items()
    }
    connection.register(name, pa.table(arrays))
