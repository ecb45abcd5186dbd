"""Events that show servers, and feeds of indicators that name some of them: the same for a seed, made by DuckDB.

A server has a number; its address, name, pages and fingerprints are hashes of it. One indicator in
``known`` is of a server that the events may show, all others of servers that they never do; networks fall where they fall."""

from __future__ import annotations

from pathlib import Path

import duckdb

from bench.generators import DAY, DAY_START
from falselight.ecs import release
from falselight.ecs.schema import Field

HOSTS, CLIENTS = 2_000, 500
ELSEWHERE = 1_000_000_000  # numbers of servers from which no event has one
# Parts of a hundred of the events: TLS connections, answered lookups, web requests, started programs.
TLS, DNS, WEB = 60, 80, 90
# Parts of a hundred of the indicators.
KINDS = (("ip", 35), ("network", 5), ("domain", 35), ("url", 10), ("file", 13), ("ja3", 1), ("ja4", 1))
_FIELDS = {
    "host.name": "keyword", "destination.ip": "ip", "destination.port": "long", "dns.question.name": "keyword",
    "tls.client.server_name": "keyword", "tls.client.ja3": "keyword", "tls.client.ja4": "keyword", "url.full": "wildcard",
    "url.domain": "keyword", "process.hash.sha256": "keyword",
}  # fmt: skip
SCHEMA = release.schema().with_fields({
    "@timestamp": Field("@timestamp", "date", filled=True),
    "dns.resolved_ip": Field("dns.resolved_ip", "ip", many=True, filled=True),
    **{name: Field(name, kind, filled=True) for name, kind in _FIELDS.items()},
})  # fmt: skip


def _draw(value: str, salt: int, seed: int, below: int) -> str:
    return f"(hash({value} + {salt}::BIGINT * 1000003 + {seed}::BIGINT * 7919) % {below})::BIGINT"


def _octets(key: str) -> list[str]:
    return [f"({11 + low} + hash({key} * 4 + {part}) % {high})::INT" for part, (low, high) in
            enumerate(((0, 200), (-11, 256), (-11, 256), (-10, 254)))]  # fmt: skip


def _address(key: str) -> str:
    return f"concat_ws('.', {', '.join(_octets(key))})"


def _packed(key: str) -> str:
    return f"unhex('00000000000000000000FFFF' || printf('%02X%02X%02X%02X', {', '.join(_octets(key))}))"


def _name(key: str) -> str:
    return f"'w' || {key} % 8 || '.n' || {key} || ['.com', '.net', '.org', '.example'][{key} % 4 + 1]"


def _page(key: str) -> str:
    return f"'http://' || {_name(key)} || '/p/' || hash({key} + 5) % 1000000 || '?id=' || {key}"


def _ja4(key: str) -> str:
    return f"'t13d1516h2_' || md5({key}::VARCHAR)[:12] || '_' || md5(({key} + 1)::VARCHAR)[:12]"


def event_table(connection: duckdb.DuckDBPyConnection, events: int, seed: int) -> None:
    """CREATE TABLE ``events`` in the event table's physical form (see ``falselight.store``). Servers are met twenty times on
    the average, a tenth of them in half of the events."""
    servers, programs = max(events // 20, 10), max(events // 200, 10)
    known = _draw("s", 2, seed, servers)
    drawn = f"""SELECT s, {DAY_START} + (s * {DAY}) // {events} AS ms, {_draw("s", 1, seed, 100)} AS kind,
      CASE WHEN {_draw("s", 4, seed, 2)} = 0 THEN {known} // 10 ELSE {known} END AS k, {_draw("s", 3, seed, HOSTS)} AS h,
      {_draw("s", 5, seed, programs)} AS p, {_draw("s", 6, seed, CLIENTS)} AS c FROM range({events}) t(s)"""
    met, asked, web = (
        f"kind < {TLS} OR kind BETWEEN {DNS} AND {WEB - 1}",
        f"kind BETWEEN {TLS} AND {DNS - 1}",
        (f"kind BETWEEN {DNS} AND {WEB - 1}"),
    )
    connection.execute(f"""CREATE OR REPLACE TABLE events AS SELECT s AS _seq, 0 AS _input, s AS _record, ms * 1000000 AS _time,
      ms AS "@timestamp", 'ws' || lpad(h::VARCHAR, 4, '0') || '.example.com' AS "host.name",
      CASE WHEN {met} THEN {_address("k")} END AS "destination.ip",
      CASE WHEN {met} THEN {_packed("k")} END AS "destination.ip#ip",
      CASE WHEN {web} THEN 80 WHEN {met} THEN 443 END::BIGINT AS "destination.port",
      CASE WHEN kind < {TLS} THEN {_name("k")} END AS "tls.client.server_name",
      CASE WHEN kind < {TLS} THEN md5(c::VARCHAR) END AS "tls.client.ja3",
      CASE WHEN kind < {TLS} THEN {_ja4("c")} END AS "tls.client.ja4",
      CASE WHEN {asked} THEN {_name("k")} END AS "dns.question.name",
      CASE WHEN {asked} THEN [{_address("k")}, {_address("(k + 1)")}] END AS "dns.resolved_ip",
      CASE WHEN {asked} THEN [{_packed("k")}, {_packed("(k + 1)")}] END AS "dns.resolved_ip#ip",
      CASE WHEN {web} THEN {_page("k")} END AS "url.full", CASE WHEN {web} THEN {_name("k")} END AS "url.domain",
      CASE WHEN kind >= {WEB} THEN sha256(p::VARCHAR) END AS "process.hash.sha256" FROM ({drawn}) ORDER BY s""")


def feeds(
    connection: duckdb.DuckDBPyConnection, folder: Path, count: int, events: int, seed: int, known: int = 2_000
) -> None:
    """Writes so many indicators, by turns into a plain list and into a CSV with kinds, confidence and dates as abuse.ch's are;
    the fingerprints of clients into a CSV of their own, since a bare value does not tell them from hashes of files."""
    servers, programs = max(events // 20, 10), max(events // 200, 10)
    own = _draw("i", 13, seed, known)
    value, ends = "CASE ", 0
    made = {
        "ip": _address("k"), "network": f"concat_ws('.', {', '.join(_octets('k')[:3])}, '0') || '/' || 20 + k % 5",
        "domain": f"CASE WHEN k % 16 < 8 THEN {_name('k')} ELSE ltrim({_name('k')}, 'w01234567.') END", "url": _page("k"),
        "file": f"sha256((CASE WHEN k >= {ELSEWHERE} THEN k ELSE k % {programs} END)::VARCHAR)",
        "ja3": f"md5((CASE WHEN k >= {ELSEWHERE} THEN k ELSE k % {CLIENTS} END)::VARCHAR)",
        "ja4": _ja4(f"(CASE WHEN k >= {ELSEWHERE} THEN k ELSE k % {CLIENTS} END)"),
    }  # fmt: skip
    kind = "CASE "
    for name, share in KINDS:
        ends += share
        value += f"WHEN i % 100 < {ends} THEN {made[name]} "
        kind += f"WHEN i % 100 < {ends} THEN '{name}' "
    connection.execute(f"""CREATE OR REPLACE TEMP TABLE drawn AS SELECT i, {kind} END AS kind, {value} END AS value
      FROM (SELECT i, CASE WHEN {own} = 0 THEN {_draw("i", 14, seed, servers)} ELSE {ELSEWHERE} + i END AS k
        FROM range({count}) t(i))""")
    typed = {"ip": "ip:port", "domain": "domain", "url": "url", "file": "sha256_hash"}
    types = " ".join(f"WHEN '{name}' THEN '{written}'" for name, written in typed.items())
    plain = "kind IN ('network', 'ja4') OR (kind <> 'ja3' AND i % 2 = 0)"
    for name, columns, where, header in (
        ("plain.txt", "value", plain, False),
        ("feed.csv", f"'2026-02-01 10:00:00' AS first_seen_utc, CASE kind {types} END AS ioc_type, value AS ioc_value, "
         "'made' AS malware, 50 + i % 50 AS confidence_level", f"kind <> 'ja3' AND NOT ({plain})", True),
        ("ja3.csv", "value AS ja3_md5, 'made' AS listingreason", "kind = 'ja3'", True),
    ):  # fmt: skip
        target = str(folder / name).replace("'", "''")
        connection.execute(
            f"COPY (SELECT {columns} FROM drawn WHERE {where} ORDER BY i) TO '{target}' (HEADER {header}, QUOTE '\"')"
        )
