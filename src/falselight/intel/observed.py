"""What events show of servers, once for each host, server and value: the side of the join that indicators meet.

Relation ``observed``: kind, value (normalised as ``intel.model`` does), role (the field it came from), raw (the value as the
event has it), host, address, name, port, count, first, last (epoch nanoseconds). A view: nothing of it is made before it is
asked for. What others know of servers stands beside, in the table ``observed_beside`` of the same columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from falselight.ecs.schema import Field, column
from falselight.expressions import Expressions
from falselight.intel.model import Kind
from falselight.store import EventTable, quoted

TABLE, BESIDE = "observed", "observed_beside"
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
# Fields of a lookup: the event's destination is then who was asked.
LOOKED_UP = ("dns.resolved_ip", "dns.question.name")
_NAMES = ("tls.client.server_name", "url.domain", "destination.domain", "dns.question.name")
_WHOSE = ("host.name", "source.ip", "destination.ip", "destination.port", *_NAMES)
# All that is read of an event.
WANTED = frozenset({"@timestamp", *_WHOSE, *(f for fields in FIELDS.values() for f in fields)})
_COLUMNS = "kind, value, role, raw, host, address, name, port, count, first, last"


@dataclass(frozen=True)
class Shown:
    """A field of the events that is filled, and what kind of value it holds."""

    kind: Kind
    field: Field

    @property
    def normal(self) -> str:
        """SQL: ``s.raw`` as indicators of the kind are written."""
        return _normal(self.kind, self.field.name)


def shown(table: EventTable) -> Iterator[Shown]:
    """The filled fields, in the order of ``FIELDS``."""
    read = Expressions(table)
    for kind, fields in FIELDS.items():
        for name in fields:
            entry = read.filled(name)
            if entry is not None:
                yield Shown(kind, entry)


def build(table: EventTable) -> None:
    """Make the relations."""
    connection = table.connection
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {BESIDE} (kind VARCHAR, value VARCHAR, role VARCHAR, raw VARCHAR, host VARCHAR, "
        "address VARCHAR, name VARCHAR, port BIGINT, count BIGINT, first BIGINT, last BIGINT)"
    )
    parts = [f"SELECT {_COLUMNS} FROM {BESIDE}", *(rows(table, each) for each in shown(table))]
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {TABLE} AS {' UNION ALL '.join(parts)}")


def values(table: EventTable, each: Shown) -> str:
    """SQL: raw, each value of the field once."""
    value = quoted(column(each.field.name))
    raw = f"unnest({value})" if each.field.many else value
    return f"SELECT DISTINCT CAST({raw} AS VARCHAR) AS raw FROM {quoted(table.name)} WHERE {value} IS NOT NULL"


def rows(table: EventTable, each: Shown, more: str = "", joined: str = "") -> str:
    """SQL: the rows of ``observed`` of one field. ``joined`` follows the FROM clause, where ``s.raw`` is known and no other value
    has been computed yet; ``more`` are columns of it before the others."""
    name, own = each.field.name, quoted(column(each.field.name))
    raw = f"unnest({own})" if each.field.many else own
    read = Expressions(table)
    carried = ", ".join(quoted(column(field)) for field in _WHOSE if read.filled(field) is not None)
    source = (
        f"SELECT CAST({raw} AS VARCHAR) AS raw, _time{', ' + carried if carried else ''} FROM {quoted(table.name)} "
    )
    source += f"WHERE {own} IS NOT NULL"
    address = {"dns.resolved_ip": "s.raw", "dns.question.name": "CAST(NULL AS VARCHAR)"}.get(
        name, read.text("destination.ip")
    )
    names = ", ".join(f"rtrim(lower({read.text(field)}), '.')" for field in _NAMES)
    return (
        f"SELECT {more}'{each.kind}' AS kind, {each.normal} AS value, '{name}' AS role, s.raw, "
        f"coalesce({read.text('host.name', 'source.ip')}, '') AS host, "
        f"{address} AS address, coalesce({names}) AS name, {read.number('destination.port')} AS port, "
        f"1 AS count, _time AS first, _time AS last FROM ({source}) s {joined} WHERE s.raw <> ''"
    )


def _normal(kind: Kind, field: str) -> str:
    """The value as indicators of the kind are written."""
    if kind is Kind.DOMAIN:
        return "rtrim(lower(s.raw), '.')"
    if kind is Kind.URL:
        return "rtrim(CASE WHEN contains(s.raw, '://') OR s.raw LIKE '/%' THEN s.raw ELSE 'http://' || s.raw END, '/')"
    if kind is Kind.CERTIFICATE_SERIAL:
        return "ltrim(upper(replace(s.raw, ':', '')), '0')"
    if kind in (Kind.CERTIFICATE_HASH, Kind.JA3, Kind.JA3S, Kind.JARM, Kind.FILE_HASH):
        return "lower(replace(s.raw, ':', ''))"
    if field.endswith(".common_name"):
        return "'cn=' || lower(s.raw)"
    return "lower(s.raw)"
