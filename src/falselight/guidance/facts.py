"""What the telemetry knows about the host and the server of a finding, for its guide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from falselight.ecs.schema import column
from falselight.plan.dates import iso
from falselight.store import EventTable, quoted

MOST_PROCESSES, MOST_ANCESTORS, MOST_LISTED = 5, 12, 20
# All fields that facts are made of; a reading for a guide needs no others.
FIELDS = (
    "@timestamp", "event.category", "event.type", "host.name", "source.ip", "destination.ip", "destination.domain",
    "destination.port", "dns.question.name", "dns.resolved_ip", "user.name", "source.bytes", "destination.bytes",
    "process.entity_id", "process.pid", "process.name", "process.executable", "process.command_line",
    "process.hash.sha256", "process.parent.entity_id", "process.parent.name", "process.parent.command_line",
    "tls.server.hash.sha256", "tls.server.hash.sha1", "tls.server.subject", "tls.server.issuer", "tls.client.ja3",
    "url.full",
)  # fmt: skip


@dataclass(frozen=True)
class Process:
    """A process as its own start tells it, or as far as its connections do."""

    entity_id: str
    name: str
    pid: str = ""
    executable: str = ""
    command_line: str = ""
    user: str = ""
    sha256: str = ""
    started: str = ""
    parent: str = ""


@dataclass(frozen=True)
class Facts:
    """The facts of one finding. ``hosts`` and ``addresses`` say who called, ``servers`` and ``names`` whom. Times are ISO
    8601. ``first_sight`` is the first event with the server from any host. ``trees`` holds for each process that called
    its line of ancestors, the process itself last. ``gathered``: events were read, so that what is lacking was not there."""

    finding: Mapping[str, Any]
    hosts: tuple[str, ...]
    addresses: tuple[str, ...]
    servers: tuple[str, ...]
    names: tuple[str, ...]
    ports: tuple[str, ...]
    connections: int = 0
    first_sight: str = ""
    last_sight: str = ""
    sent: int | None = None
    received: int | None = None
    trees: tuple[tuple[Process, ...], ...] = ()
    children: tuple[Process, ...] = ()
    users: tuple[str, ...] = ()
    other_hosts: tuple[tuple[str, int, str], ...] = ()
    certificates: tuple[str, ...] = ()
    fingerprints: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    lacking: tuple[str, ...] = field(default=())
    gathered: bool = False


def of_document(document: Mapping[str, Any]) -> Facts:
    """What the finding itself says."""
    return Facts(
        document,
        _values(document, "host.name"),
        _values(document, "source.ip"),
        _values(document, "destination.ip"),
        tuple(dict.fromkeys((*_values(document, "destination.domain"), *_values(document, "dns.question.name")))),
        _values(document, "destination.port"),
        users=_values(document, "user.name"),
    )


def gather(document: Mapping[str, Any], table: EventTable) -> Facts:
    """What the finding says, and what the events add to it. ``lacking`` names the fields that would have told more."""
    known = of_document(document)
    events = _Events(table)
    servers = known.servers or events.addresses_of(known.names)
    names = tuple(dict.fromkeys((*known.names, *events.names_of(servers))))
    mine, server = events.of_host(known.hosts, known.addresses), events.of_server(servers, names)
    total = events.one(f"SELECT count(*), min(_time), max(_time) FROM facts WHERE {mine} AND {server}")
    sight = events.one(f"SELECT min(_time), max(_time) FROM facts WHERE {server}")
    volume = events.one(
        f'SELECT sum(TRY_CAST("source.bytes"[1] AS HUGEINT)), sum(TRY_CAST("destination.bytes"[1] AS HUGEINT)) '
        f"FROM facts WHERE {mine} AND {server}"
    )
    called = [str(row[0]) for row in events.rows(_processes_sql(mine, server))]
    return Facts(
        document,
        known.hosts,
        known.addresses,
        servers,
        names,
        known.ports or events.listed("destination.port", f"{mine} AND {server}"),
        int(total[0]),
        _iso(sight[0]),
        _iso(sight[1]),
        None if volume[0] is None else int(volume[0]),
        None if volume[1] is None else int(volume[1]),
        tuple(events.line_of(entity) for entity in called),
        events.children_of(called),
        known.users or events.listed("user.name", f"{mine} AND {server}"),
        events.others(mine, server),
        tuple(
            dict.fromkeys((*events.listed("tls.server.subject", server), *events.listed("tls.server.issuer", server)))
        ),
        tuple(
            dict.fromkeys(
                (*events.listed("tls.server.hash.sha256", server), *events.listed("tls.server.hash.sha1", server))
            )
        ),
        events.listed("url.full", f"{mine} AND {server}"),
        tuple(
            name
            for name in ("process.entity_id", "destination.domain", "source.bytes", "tls.server.subject")
            if not events.has(name)
        ),
        gathered=True,
    )


def _processes_sql(mine: str, server: str) -> str:
    return (
        f'SELECT "process.entity_id"[1], count(*) FROM facts WHERE {mine} AND {server} '
        f'AND "process.entity_id" IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST_PROCESSES}'
    )


class _Events:
    """A view on the table in which every field is a list of text, or NULL where this data does not have it."""

    def __init__(self, table: EventTable) -> None:
        self._connection = table.connection
        self._schema = table.schema
        columns = ", ".join(f"{self._as_list(name)} AS {quoted(name)}" for name in FIELDS if name != "@timestamp")
        self._connection.execute(
            f"CREATE OR REPLACE TEMP VIEW facts AS SELECT _seq, _time, {columns} FROM {quoted(table.name)}"
        )

    def _as_list(self, name: str) -> str:
        entry = self._schema.find(name)
        if entry is None or not entry.filled:
            return "CAST(NULL AS VARCHAR[])"
        value = quoted(column(entry.name))
        if entry.many:
            return f"CAST({value} AS VARCHAR[])"
        return f"CASE WHEN {value} IS NULL THEN NULL ELSE [CAST({value} AS VARCHAR)] END"

    def has(self, name: str) -> bool:
        entry = self._schema.find(name)
        return entry is not None and entry.filled

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql).fetchall()

    def one(self, sql: str) -> tuple[Any, ...]:
        return self.rows(sql)[0]

    def of_host(self, hosts: tuple[str, ...], addresses: tuple[str, ...]) -> str:
        """The condition that an event is of this host: by name where the finding names it, else by address."""
        if hosts:
            return _any("host.name", hosts)
        return _any("source.ip", addresses) if addresses else "TRUE"

    def of_server(self, servers: tuple[str, ...], names: tuple[str, ...]) -> str:
        """The condition that an event is a connection to this server or a query for one of its names."""
        parts = [
            _any(field, values)
            for field, values in (
                ("destination.ip", servers),
                ("destination.domain", names),
                ("dns.question.name", names),
            )
            if values
        ]
        return f"({' OR '.join(parts)})" if parts else "FALSE"

    def listed(self, name: str, condition: str) -> tuple[str, ...]:
        """The values of a field, most frequent first."""
        sql = f"SELECT v, count(*) FROM (SELECT unnest({quoted(name)}) AS v FROM facts WHERE {condition}) GROUP BY v"
        return tuple(str(row[0]) for row in self.rows(f"{sql} ORDER BY 2 DESC, 1 LIMIT {MOST_LISTED}"))

    def names_of(self, servers: tuple[str, ...]) -> tuple[str, ...]:
        """Names that connections to these addresses bore, and that were resolved to them."""
        if not servers:
            return ()
        return (*self.listed("destination.domain", _any("destination.ip", servers)),
                *self.listed("dns.question.name", _any("dns.resolved_ip", servers)))  # fmt: skip

    def addresses_of(self, names: tuple[str, ...]) -> tuple[str, ...]:
        return self.listed("destination.ip", _any("destination.domain", names)) if names else ()

    def others(self, mine: str, server: str) -> tuple[tuple[str, int, str], ...]:
        """Other hosts that called the server: name or address, events, first time."""
        rows = self.rows(
            'SELECT coalesce("host.name"[1], "source.ip"[1]), count(*), min(_time) FROM facts '
            f"WHERE {server} AND NOT coalesce({mine}, FALSE) GROUP BY 1 HAVING 1 IS NOT NULL ORDER BY 2 DESC, 1"
        )
        return tuple((str(host), int(count), _iso(first)) for host, count, first in rows if host is not None)

    def line_of(self, entity: str) -> tuple[Process, ...]:
        """A process and its ancestors as far as their starts are in the data, eldest first."""
        line: list[Process] = []
        seen: set[str] = set()
        while entity and entity not in seen and len(line) < MOST_ANCESTORS:
            seen.add(entity)
            process, parent = self._process(entity)
            line.append(process)
            entity = process.parent
            if not entity and parent is not None:
                line.append(parent)
        return tuple(reversed(line))

    def children_of(self, entities: list[str]) -> tuple[Process, ...]:
        """Processes that the callers started."""
        if not entities:
            return ()
        condition = f"{_any('process.parent.entity_id', tuple(entities))} AND {_STARTS}"
        found = self.rows(f'SELECT "process.entity_id"[1] FROM facts WHERE {condition} ORDER BY _time, _seq')
        return tuple(self._process(str(row[0]))[0] for row in found[:MOST_LISTED] if row[0] is not None)

    def _process(self, entity: str) -> tuple[Process, Process | None]:
        """A process, and its parent as far as the process's own events name it."""
        wanted = ", ".join(f"{quoted(name)}[1]" for name in _PROCESS)
        rows = self.rows(
            f"SELECT CASE WHEN {_STARTS} THEN _time END, {wanted} FROM facts "
            f"WHERE {_any('process.entity_id', (entity,))} ORDER BY coalesce({_STARTS}, FALSE) DESC, _time, _seq LIMIT 1"
        )
        if not rows:
            named = self.rows(
                'SELECT "process.parent.name"[1], "process.parent.command_line"[1] FROM facts '
                f"WHERE {_any('process.parent.entity_id', (entity,))} ORDER BY _time, _seq LIMIT 1"
            )
            name, command = named[0] if named else (None, None)
            return Process(entity, name or "?", command_line=command or ""), None
        time, *texts = rows[0]
        name, pid, executable, command, user, sha256, above, above_name, above_command = (text or "" for text in texts)
        process = Process(entity, name or "?", pid, executable, command, user, sha256, _iso(time), above)
        return process, Process("", above_name, command_line=above_command) if above_name else None


_PROCESS = ("process.name", "process.pid", "process.executable", "process.command_line", "user.name",
            "process.hash.sha256", "process.parent.entity_id", "process.parent.name",
            "process.parent.command_line")  # fmt: skip
_STARTS = "(list_contains(\"event.category\", 'process') AND list_contains(\"event.type\", 'start'))"


def _any(name: str, values: tuple[str, ...]) -> str:
    """The condition that some value of the field is one of these texts."""
    texts = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"coalesce(list_has_any({quoted(name)}, [{texts}]), FALSE)"


def _iso(time: int | None) -> str:
    return "" if time is None else iso(time)


def _values(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value: Any = document
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if value is None:
        return ()
    return tuple(str(each) for each in value) if isinstance(value, list) else (str(value),)
