"""Deterministic events, made by DuckDB from hashes of their number: ten millions take seconds, one seed gives one table.

``event_table`` makes the physical form of ``falselight.store``; ``ndjson`` the same kind of events as ECS documents.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

DAY_START = 1_773_187_200_000  # 2026-03-11T00:00:00Z, epoch milliseconds
DAY = 86_400_000
PROCESSES = (
    "chrome.exe",
    "msedge.exe",
    "svchost.exe",
    "agent.exe",
    "MsMpEng.exe",
    "update.exe",
    "firefox.exe",
    "java.exe",
)
DOMAINS = ("fe3.delivery.mp.microsoft.com", "storage.googleapis.com", "www.tidewater.example", "cdn.signalbox.example")


def _draw(column: str, salt: int, seed: int, below: int) -> str:
    """SQL: a number in [0, below) that depends on the column's value, the salt and the seed alone."""
    return f"(hash({column} + {salt}::BIGINT * 1000003 + {seed}::BIGINT * 7919) % {below})::BIGINT"


def _choice(values: tuple[str, ...], index: str) -> str:
    listed = ", ".join(f"'{value}'" for value in values)
    return f"[{listed}][{index} + 1]"


def rows(events: int, keys: int, seed: int) -> str:
    """SELECT of plain events: s, ms, host, octets a b c d, process, domain (often null), port, kind.

    A key is a host and a destination; keys are drawn evenly, but one event in fifty goes to one key in ten thousand, so
    that there is something to find however many keys there are. One key in twenty leads to a private address; one event in
    fifty is no start of a connection. Times rise with s, so the ingest order is the order of time."""
    busy = _draw("s", 7, seed, keys // 10_000 + 1)
    key = f"CASE WHEN {_draw('s', 8, seed, 50)} = 0 THEN {busy} * 7 % {keys} ELSE {_draw('s', 1, seed, keys)} END"
    return f"""
        SELECT s, {DAY_START} + (s * {DAY}) // {events} AS ms, k,
               'host' || lpad((k % 997)::VARCHAR, 4, '0') || '.example.com' AS host,
               CASE WHEN k % 20 = 0 THEN 10 ELSE 203 END AS a, (k // 65536) % 256 AS b, (k // 256) % 256 AS c, k % 256 AS d,
               {_choice(PROCESSES, _draw("s", 2, seed, len(PROCESSES)))} AS process,
               CASE WHEN {_draw("k", 3, seed, 4)} = 0 THEN {_choice(DOMAINS, _draw("k", 4, seed, len(DOMAINS)))} END AS domain,
               [443, 80, 8443, 53][{_draw("s", 5, seed, 4)} + 1] AS port, {_draw("s", 6, seed, 50)} AS kind
        FROM (SELECT s, {key} AS k FROM (SELECT range AS s FROM range({events})))
    """


def event_table(connection: duckdb.DuckDBPyConnection, events: int, keys: int, seed: int, name: str = "events") -> None:
    """CREATE TABLE of events in the event table's physical form (see ``falselight.store``)."""
    connection.execute(f"""
        CREATE OR REPLACE TABLE {name} AS
        SELECT s AS _seq, 0 AS _input, s AS _record, ms * 1000000 AS _time, ms AS "@timestamp",
               ['network'] AS "event.category",
               CASE WHEN kind = 0 THEN ['end'] ELSE ['start', 'connection', 'protocol'] END AS "event.type",
               CASE WHEN kind = 1 THEN 'ingress' ELSE 'egress' END AS "network.direction", host AS "host.name",
               process AS "process.name", domain AS "destination.domain", port AS "destination.port",
               concat_ws('.', a, b, c, d) AS "destination.ip",
               unhex('00000000000000000000FFFF' || printf('%02X%02X%02X%02X', a, b, c, d)) AS "destination.ip#ip"
        FROM ({rows(events, keys, seed)}) ORDER BY s
    """)


def _documents(events: int, keys: int, seed: int) -> str:
    """SELECT of ECS documents, a column for each of their top-level objects, in the order of ``s``."""
    return f"""
            SELECT strftime(make_timestamp(ms * 1000), '%Y-%m-%dT%H:%M:%S.%g') || 'Z' AS "@timestamp",
                   {{'type': 'endpoint', 'version': '9.1.4', 'id': md5((k % 997)::VARCHAR)}} AS agent,
                   {{'type': 'logs', 'dataset': 'endpoint.events.network', 'namespace': 'default'}} AS data_stream,
                   {{'version': '8.10.0'}} AS ecs,
                   {{'category': ['network'], 'type': ['start', 'connection'], 'action': 'connection_attempted',
                     'kind': 'event', 'module': 'endpoint', 'dataset': 'endpoint.events.network', 'sequence': s,
                     'id': md5(s::VARCHAR), 'outcome': 'success'}} AS event,
                   {{'name': host, 'hostname': host, 'id': md5(host), 'architecture': 'x86_64', 'ip': ['10.0.0.1', 'fe80::1'],
                     'os': {{'type': 'windows', 'family': 'windows', 'name': 'Windows', 'version': '22H2 (10.0.19045.2965)'}}}}
                     AS host,
                   {{'name': process, 'executable': 'C:\\Program Files\\' || process, 'pid': kind * 97 + 1000,
                     'entity_id': md5((s % 100003)::VARCHAR), 'code_signature': [{{'trusted': true,
                     'subject_name': 'Example Corporation', 'exists': true, 'status': 'trusted'}}]}} AS process,
                   {{'direction': CASE WHEN kind = 1 THEN 'ingress' ELSE 'egress' END, 'transport': 'tcp', 'type': 'ipv4'}}
                     AS network,
                   {{'ip': '10.1.2.3', 'address': '10.1.2.3', 'port': 49152 + kind}} AS source,
                   {{'ip': concat_ws('.', a, b, c, d), 'address': concat_ws('.', a, b, c, d), 'port': port, 'domain': domain}}
                     AS destination,
                   {{'name': 'user' || k % 97, 'domain': 'EXAMPLE', 'id': 'S-1-5-21-1004336348-1177238915-682003330-512'}}
                     AS user,
                   'Endpoint network event' AS message
            FROM ({rows(events, keys, seed)}) ORDER BY s"""


def ndjson(path: Path, events: int, keys: int, seed: int) -> int:
    """Writes nested ECS documents, one a line, as Elastic Defend ships them (some 1 kB each); gives the bytes."""
    connection = duckdb.connect()
    connection.execute("SET preserve_insertion_order = true")
    connection.execute(f"COPY ({_documents(events, keys, seed)}) TO $path (FORMAT json)", {"path": str(path)})
    connection.close()
    return path.stat().st_size


def mixed_ndjson(path: Path, events: int, keys: int, seed: int) -> int:
    """Writes the same events as ``ndjson`` in mixed shapes: a field that only the second half has, single values among lists,
    a key beside one that differs by case, and once in 50,021 lines a key twice, of which the last counts."""
    n = "(json ->> '$.event.sequence')::BIGINT"
    shapes = (
        (f"{n} < {events // 2}", '"module":"endpoint",', ""),
        (f"{n} % 3 = 0", '"category":["network"]', '"category":"network"'),
        (f"{n} % 4 = 0", '"ip":["10.0.0.1","fe80::1"]', '"ip":"10.0.0.1"'),
        (f"{n} % 10 = 0", '"host":{"name":', '"host":{"Name":"other","name":'),
        (f"{n} % 50021 = 17", '"process":{"name":', '"process":{"name":"first.exe","name":'),
    )
    text = "json"
    for condition, old, new in shapes:
        text = f"CASE WHEN {condition} THEN replace({text}, '{old}', '{new}') ELSE {text} END"
    connection = duckdb.connect()
    connection.execute("SET preserve_insertion_order = true")
    connection.execute(
        f"COPY (SELECT {text} FROM (SELECT to_json(d)::VARCHAR AS json FROM ({_documents(events, keys, seed)}) d)) "
        "TO $path (FORMAT csv, HEADER false, DELIMITER '\t', QUOTE '', ESCAPE '')",
        {"path": str(path)},
    )
    connection.close()
    return path.stat().st_size
