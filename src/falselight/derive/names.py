"""``destination.domain`` for connections without one: what their host had just looked up, or named in a TLS handshake or
an HTTP request.

The name is the one that the same host (or address) most recently learned for the connection's address, at most a day
before; a handshake may tell it up to ten seconds after the connection's start. Behind a proxy the name that was requested
is the server's, and the proxy's own is none."""

from __future__ import annotations

from dataclasses import replace

import duckdb

from falselight.derive import DERIVED, NAME
from falselight.ecs.schema import Field, column
from falselight.store import EventTable, quoted

_LATER = 10 * 1_000_000_000
_NOTHING = "SELECT NULL, NULL, NULL, NULL"
_FRESH = 24 * 3600 * 1_000_000_000


def fill(table: EventTable) -> int:
    """Fill the names in; gives in how many events. The table must be one, not a view."""
    values = {name: _first(table, name) for name in ("source.ip", "destination.ip", "host.name", "url.domain", NAME)}
    told = _told(table, values) or _NOTHING
    if values["destination.ip"] is None:
        return 0
    run = table.connection.execute
    run(
        "CREATE OR REPLACE TEMP TABLE told AS SELECT client, address, time, min(name) AS name FROM "
        f"({told}) AS all_told(client, address, name, time) "
        "WHERE client IS NOT NULL AND address IS NOT NULL AND name IS NOT NULL AND time IS NOT NULL GROUP BY ALL"
    )
    count = 0
    if values["url.domain"] is not None or _counted(table.connection, "SELECT count(*) FROM told"):
        run(f"CREATE OR REPLACE TEMP TABLE named AS {_matched(table, values)}")
        count = _counted(table.connection, "SELECT count(*) FROM named")
        if count:
            _write(table)
        run("DROP TABLE named")
    run("DROP TABLE told")
    return count


def _counted(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    return int(connection.execute(sql).fetchall()[0][0])


def _first(table: EventTable, name: str) -> str | None:
    """The field's value as text, the first of several; None where no event has it."""
    entry = table.schema.find(name)
    if entry is None or not entry.filled:
        return None
    value = quoted(column(entry.name))
    return f"CAST({value}[1] AS VARCHAR)" if entry.many else f"CAST({value} AS VARCHAR)"


def _each(table: EventTable, name: str) -> str | None:
    """All values of a field as rows."""
    entry = table.schema.find(name)
    if entry is None or not entry.filled:
        return None
    value = quoted(column(entry.name))
    return f"unnest({value})" if entry.many else value


def _told(table: EventTable, values: dict[str, str | None]) -> str:
    """Rows (client, address, name, time) of everything that tells a name for an address."""
    clients = [
        f"'{kind}' || {value}" for kind, value in (("a", values["source.ip"]), ("h", values["host.name"])) if value
    ]
    question, server = _first(table, "dns.question.name"), _first(table, "tls.client.server_name")
    parts = []
    for client in clients:
        for answers in filter(None, (_each(table, "dns.resolved_ip"), _each(table, "dns.answers.data"))):
            if question:
                parts.append(
                    f"SELECT {client} AS client, CAST({answers} AS VARCHAR) AS address, {question} AS name, "
                    f"_time AS time FROM {quoted(table.name)} WHERE {question} IS NOT NULL"
                )
        if server and values["destination.ip"]:
            parts.append(f"SELECT {client}, {values['destination.ip']}, {server}, _time FROM {quoted(table.name)} "
                         f"WHERE {server} IS NOT NULL")  # fmt: skip
    return " UNION ALL ".join(parts)


def _matched(table: EventTable, values: dict[str, str | None]) -> str:
    """Rows (_seq, name): by address of the client before its name, the name that was told last."""
    nameless = f"{values[NAME]} IS NULL AND " if values[NAME] else ""
    asked = _first(table, "dns.question.name")
    nameless += f"{asked} IS NULL AND " if asked else ""
    parts = []
    for order, (kind, client) in enumerate((("a", values["source.ip"]), ("h", values["host.name"]))):
        if client is None:
            continue
        parts.append(
            f"SELECT e._seq, {order} AS preference, t.name FROM (SELECT _seq, _time + {_LATER} AS until, '{kind}' || {client} "
            f"AS client, {values['destination.ip']} AS address FROM {quoted(table.name)} "
            f"WHERE {nameless}{values['destination.ip']} IS NOT NULL) e ASOF JOIN told t "
            f"ON e.client = t.client AND e.address = t.address AND e.until >= t.time WHERE e.until - t.time <= {_FRESH + _LATER}"
        )
    requested = values["url.domain"]
    if requested is not None:
        own = f"{values[NAME]} IS NULL AND " if values[NAME] else ""
        parts.append(
            f"SELECT _seq, -1, {requested} FROM {quoted(table.name)} WHERE {own}{requested} IS NOT NULL "
            f"AND NOT regexp_full_match({requested}, '[0-9.]+|.*:.*')"
        )
    found = " UNION ALL ".join(parts)
    return f"SELECT _seq, arg_min(name, preference) AS name FROM ({found}) AS f(_seq, preference, name) GROUP BY _seq"


def _write(table: EventTable) -> None:
    """Put the names and their marks into the table, and into its schema that both are filled."""
    entry = table.schema.find(NAME) or Field(NAME, "keyword")
    mark = table.schema.find(DERIVED) or Field(DERIVED, "keyword")
    run, name = table.connection.execute, quoted(table.name)
    if not entry.filled:
        run(f"ALTER TABLE {name} ADD COLUMN IF NOT EXISTS {quoted(column(NAME))} VARCHAR")
    if not mark.filled:
        run(f"ALTER TABLE {name} ADD COLUMN IF NOT EXISTS {quoted(column(DERIVED))} VARCHAR[]")
    value = "[named.name]" if entry.many else "named.name"
    derived = quoted(column(DERIVED))
    old = derived if not mark.filled or mark.many else f"CASE WHEN {derived} IS NULL THEN NULL ELSE [{derived}] END"
    if mark.filled and not mark.many:
        run(f"ALTER TABLE {name} ALTER COLUMN {derived} TYPE VARCHAR[] USING {old}")
    run(f"UPDATE {name} SET {quoted(column(NAME))} = {value}, {derived} = list_append(coalesce({derived}, []), '{NAME}') "
        f"FROM named WHERE {name}._seq = named._seq")  # fmt: skip
    table.schema = table.schema.with_fields(
        {NAME: replace(entry, filled=True), DERIVED: replace(mark, filled=True, many=True)}
    )
