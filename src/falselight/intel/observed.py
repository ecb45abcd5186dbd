"""What events show of servers, once for each host, server and value: the side of the join that indicators meet.

Relation ``observed``: kind, value (normalised as ``intel.model`` does), role (the field it came from), host, address, name, port,
count, first, last (epoch nanoseconds)."""

from __future__ import annotations

from falselight.ecs.schema import column
from falselight.expressions import Expressions
from falselight.intel.model import Kind
from falselight.store import EventTable, quoted

TABLE = "observed"
# Fields that hold a value of each kind, in the order in which they are told.
FIELDS: dict[Kind, tuple[str, ...]] = {
    Kind.IP: ("destination.ip", "dns.resolved_ip"),
    Kind.DOMAIN: ("tls.client.server_name", "url.domain", "destination.domain", "dns.question.name"),
    Kind.URL: ("url.full", "url.original"),
    Kind.JA3: ("tls.client.ja3",),
    Kind.JA3S: ("tls.server.ja3s",),
    Kind.JA4: ("tls.client.ja4",),
    Kind.JARM: ("tls.server.jarm",),
    Kind.CERTIFICATE_HASH: ("tls.server.hash.md5", "tls.server.hash.sha1", "tls.server.hash.sha256"),
    Kind.CERTIFICATE_SERIAL: ("tls.server.x509.serial_number", "file.x509.serial_number"),
    Kind.CERTIFICATE_SUBJECT: (
        "tls.server.subject",
        "tls.server.x509.subject.common_name",
        "file.x509.subject.common_name",
    ),
    Kind.FILE_HASH: (
        "process.hash.md5",
        "process.hash.sha1",
        "process.hash.sha256",
        "file.hash.md5",
        "file.hash.sha1",
        "file.hash.sha256",
    ),
    Kind.ASN: ("destination.as.number",),
}
_NAMES = ("tls.client.server_name", "url.domain", "destination.domain", "dns.question.name")
# All that is read of an event.
WANTED = frozenset(
    {
        "@timestamp",
        "host.name",
        "source.ip",
        "destination.ip",
        "destination.port",
        *_NAMES,
        *(f for fields in FIELDS.values() for f in fields),
    }
)


def build(table: EventTable) -> int:
    """Make the relation; gives its rows."""
    read = Expressions(table)
    name = ", ".join(f"rtrim(lower({read.text(field)}), '.')" for field in _NAMES)
    whose = (
        f"coalesce({read.text('host.name', 'source.ip')}, '') AS host, {read.text('destination.ip')} AS address, "
        f"coalesce({name}) AS name, {read.number('destination.port')} AS port, _time AS time"
    )
    parts = []
    for kind, fields in FIELDS.items():
        for field in fields:
            entry = read.filled(field)
            if entry is None:
                continue
            value = quoted(column(entry.name))
            each = f"unnest({value})" if entry.many else value
            source = (
                f"SELECT CAST({each} AS VARCHAR) AS value, {whose} FROM {quoted(table.name)} WHERE {value} IS NOT NULL"
            )
            parts.append(
                f"SELECT '{kind}' AS kind, {_normal(kind, field)} AS value, '{field}' AS role, host, address, name, port, "
                f"time FROM ({source})"
            )
    if parts:
        table.connection.execute(f"CREATE OR REPLACE TEMP VIEW shown AS {' UNION ALL '.join(parts)}")
    else:
        table.connection.execute(f"CREATE OR REPLACE TEMP VIEW shown AS {_NOTHING}")
    table.connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {TABLE} AS SELECT kind, value, role, host, address, name, port, count(*) AS count, "
        "min(time) AS first, max(time) AS last FROM shown WHERE value IS NOT NULL AND value <> '' GROUP BY ALL"
    )
    return int(table.connection.execute(f"SELECT count(*) FROM {TABLE}").fetchall()[0][0])


_NOTHING = (
    "SELECT '' AS kind, CAST(NULL AS VARCHAR) AS value, '' AS role, '' AS host, '' AS address, '' AS name, "
    "CAST(NULL AS BIGINT) AS port, CAST(NULL AS BIGINT) AS time WHERE FALSE"
)


def _normal(kind: Kind, field: str) -> str:
    """The value as indicators of the kind are written."""
    if kind is Kind.DOMAIN:
        return "rtrim(lower(value), '.')"
    if kind is Kind.URL:
        return "rtrim(CASE WHEN contains(value, '://') OR value LIKE '/%' THEN value ELSE 'http://' || value END, '/')"
    if kind is Kind.CERTIFICATE_SERIAL:
        return "ltrim(upper(replace(value, ':', '')), '0')"
    if kind in (Kind.CERTIFICATE_HASH, Kind.JA3, Kind.JA3S, Kind.JARM, Kind.FILE_HASH):
        return "lower(replace(value, ':', ''))"
    if field.endswith(".common_name"):
        return "'cn=' || lower(value)"
    return "lower(value)"
