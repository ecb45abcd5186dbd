"""``destination.domain`` for connections without one: what their host had just looked up, or named in a TLS handshake or
an HTTP request.

The name is the one that the same host (or address) most recently learned for the connection's address, at most a day
before; a handshake may tell it up to ten seconds after the connection's start. Behind a proxy the name that was requested
is the server's, and the proxy's own is none."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import duckdb

from falselight.derive import DERIVED, NAME, SERVER_NAMES
from falselight.ecs.schema import Field, column
from falselight.store import EventTable, quoted, wrapped

# Where the names stand until they are in their column.
NAMED = "_named"
_LATER = 10 * 1_000_000_000
_FRESH = 24 * 3600 * 1_000_000_000


def fill(table: EventTable) -> int:
    """Fill the names in; gives in how many events. The table must be one, not a view."""
    values = {name: _first(table, name) for name in ("source.ip", "destination.ip", "host.name", "url.domain", NAME)}
    matched = _matched(table, values)
    if values["destination.ip"] is None or matched is None:
        return 0
    run = table.connection.execute
    # In the order of the rows: an update that jumps between them takes ten times as long.
    run(f"CREATE OR REPLACE TEMP TABLE named AS SELECT * FROM ({matched}) ORDER BY place")
    count = _counted(table.connection, "SELECT count(*) FROM named")
    if count:
        _write(table)
    run("DROP TABLE named")
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


def _told(table: EventTable, client: str, values: dict[str, str | None]) -> str:
    """Rows (client, address, name, time) of everything that tells this client a name for an address."""
    question = _first(table, "dns.question.name")
    servers = [server for server in map(partial(_first, table), SERVER_NAMES) if server]
    parts = []
    for answers in filter(None, (_each(table, "dns.resolved_ip"), _each(table, "dns.answers.data"))):
        if question:
            parts.append(
                f"SELECT {client} AS client, CAST({answers} AS VARCHAR) AS address, {question} AS name, _time AS time "
                f"FROM {quoted(table.name)} WHERE {question} IS NOT NULL"
            )
    if servers and values["destination.ip"]:
        server = f"coalesce({', '.join(servers)})"
        parts.append(
            f"SELECT {client}, {values['destination.ip']}, {server}, _time FROM {quoted(table.name)} "
            f"WHERE {server} IS NOT NULL"
        )
    return " UNION ALL ".join(parts)


def _matched(table: EventTable, values: dict[str, str | None]) -> str | None:
    """A query for rows (place, name): the name that was requested, else the one that was told last, to the client's address
    rather than to its name. None where nothing tells any."""
    nameless = f"{values[NAME]} IS NULL" if values[NAME] else "TRUE"
    asked, requested = _first(table, "dns.question.name"), values["url.domain"]
    # An address is no name.
    names_it = f"{requested} IS NOT NULL AND NOT regexp_full_match({requested}, '[0-9.]+|.*:.*')"
    clients = [client for client in (values["source.ip"], values["host.name"]) if client]
    told = [(each, client, sql) for each, client in enumerate(clients) if (sql := _told(table, client, values))]
    parts = []
    if requested:
        parts.append(
            f"SELECT rowid AS place, {requested} AS name FROM {quoted(table.name)} WHERE {nameless} AND {names_it}"
        )
    if not told:
        return parts[0] if parts else None
    columns = ", ".join(f"{client} AS client_{each}" for each, client, _ in told)
    others = (f" AND {asked} IS NULL" if asked else "") + (f" AND ({names_it}) IS NOT TRUE" if requested else "")
    tables = [
        f"open_events AS MATERIALIZED (SELECT rowid AS place, _time + {_LATER} AS until, "
        f"{values['destination.ip']} AS address, {columns} "
        f"FROM {quoted(table.name)} WHERE {nameless} AND {values['destination.ip']} IS NOT NULL{others})"
    ]
    for each, _, sql in told:
        tables += _last_told(each, sql)
    if len(told) == 1:
        parts.append(f"SELECT place, name FROM found_{told[0][0]}")
    else:
        found = " UNION ALL ".join(f"SELECT place, {each} AS preference, name FROM found_{each}" for each, _, _ in told)
        parts.append(f"SELECT place, arg_min(name, preference) AS name FROM ({found}) GROUP BY place")
    return f"WITH {', '.join(tables)} {' UNION ALL '.join(parts)}"


def _last_told(each: int, told: str) -> list[str]:
    """Tables of one kind of client, of which found_N has rows (place, name). A client and an address have a number together,
    which sorts faster than their texts; what is told of other pairs falls away at once."""
    return [
        f"pairs_{each} AS MATERIALIZED (SELECT client, address, row_number() OVER () AS pair FROM "
        f"(SELECT DISTINCT client_{each} AS client, address FROM open_events))",
        f"told_{each} AS (SELECT pair, time, min(name) AS name FROM ({told}) AS all_told(client, address, name, time) "
        f"JOIN pairs_{each} USING (client, address) WHERE name IS NOT NULL AND time IS NOT NULL GROUP BY pair, time)",
        f"found_{each} AS (SELECT e.place, t.name FROM (SELECT place, until, pair FROM open_events o JOIN pairs_{each} p "
        f"ON o.client_{each} = p.client AND o.address = p.address) e ASOF JOIN told_{each} t "
        f"ON e.pair = t.pair AND e.until >= t.time WHERE e.until - t.time <= {_FRESH + _LATER})",
    ]


def _write(table: EventTable) -> None:
    """Put the names and their marks into the table, and into its schema that both are filled.

    Lists are not updated in place, but all of each row is written again. So the names go into a column of their own, of
    which the two columns are then made."""
    entry = table.schema.find(NAME) or Field(NAME, "keyword")
    mark = table.schema.find(DERIVED) or Field(DERIVED, "keyword")
    run, events = table.connection.execute, quoted(table.name)
    name, derived = quoted(column(NAME)), quoted(column(DERIVED))
    run(f"ALTER TABLE {events} ADD COLUMN {NAMED} VARCHAR")
    run(f"UPDATE {events} SET {NAMED} = named.name FROM named WHERE {events}.rowid = named.place")
    run(f"ALTER TABLE {events} ADD COLUMN IF NOT EXISTS {name} VARCHAR")
    kind, value = ("VARCHAR[]", f"[{NAMED}]") if entry.many else ("VARCHAR", NAMED)
    put = f"CASE WHEN {NAMED} IS NULL THEN {name} ELSE {value} END"
    run(f"ALTER TABLE {events} ALTER COLUMN {name} TYPE {kind} USING {put}")
    run(f"ALTER TABLE {events} ADD COLUMN IF NOT EXISTS {derived} VARCHAR[]")
    old = wrapped(column(DERIVED)) if mark.filled and not mark.many else derived
    new = f"list_append(coalesce({old}, []), '{NAME}')" if mark.filled else f"['{NAME}']"
    marked = f"CASE WHEN {NAMED} IS NULL THEN {old} ELSE {new} END"
    run(f"ALTER TABLE {events} ALTER COLUMN {derived} TYPE VARCHAR[] USING {marked}")
    run(f"ALTER TABLE {events} DROP COLUMN {NAMED}")
    table.schema = table.schema.with_fields(
        {NAME: replace(entry, filled=True), DERIVED: replace(mark, filled=True, many=True)}
    )
