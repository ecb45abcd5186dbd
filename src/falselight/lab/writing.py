"""A lab as the records of sensors: Zeek's JSON (conn, ssl, dns), or Sysmon events 3 and 22 as JSON lines.

Zeek's uids are made from the row, so that a lab is written the same each time; Sysmon's records stand in the form that
``readers.windows_json`` reads (channel, provider and EventData beside the time)."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow.compute as pc

from falselight.lab.generate import Lab
from falselight.store import connect

_ZEEK = """
  SELECT row, time / 1e9 AS ts, 'C' || substr(md5(row || ':' || time), 1, 17) AS uid, source AS "id.orig_h",
    (49152 + row % 16384)::INTEGER AS "id.orig_p", address AS "id.resp_h", port AS "id.resp_p", domain, transport, sent,
    received, path, mime, duration / 1e9 AS duration, queried, proxied,
    substr(md5(row || 'q'), 1, 20) || '.' || domain AS query FROM lab"""
_CONN = f"""SELECT ts, uid, "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", transport AS proto,
    CASE WHEN port_tls THEN 'ssl' WHEN proxied THEN 'http' END AS service, duration, sent AS orig_bytes, received AS resp_bytes,
    'SF' AS conn_state, TRUE AS local_orig, FALSE AS local_resp, 6 AS orig_pkts, sent + 240 AS orig_ip_bytes,
    6 AS resp_pkts, received + 240 AS resp_ip_bytes
  FROM (SELECT *, "id.resp_p" = 443 AND transport = 'tcp' AS port_tls FROM ({_ZEEK}) WHERE NOT queried) ORDER BY ts, uid"""
# Lookups go to a resolver of our own, and ask for a name that is new each time.
_DNS = f"""SELECT ts, uid, "id.orig_h", "id.orig_p", '10.0.0.53' AS "id.resp_h", 53 AS "id.resp_p", 'udp' AS proto,
    1 + row % 65535 AS trans_id, query, FALSE AS rejected, 1 AS qclass,
    'C_INTERNET' AS qclass_name, 16 AS qtype, 'TXT' AS qtype_name, 0 AS rcode, 'NOERROR' AS rcode_name
  FROM ({_ZEEK}) WHERE queried ORDER BY ts, uid"""
_SSL = f"""SELECT ts + 0.02 AS ts, uid, "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", 'TLSv12' AS version,
    domain AS server_name, FALSE AS resumed, TRUE AS established
  FROM ({_ZEEK}) WHERE "id.resp_p" = 443 AND transport = 'tcp' ORDER BY ts, uid"""
_SYSMON = """SELECT '3' AS EventID, 'Microsoft-Windows-Sysmon/Operational' AS Channel,
    'Microsoft-Windows-Sysmon' AS SourceName, host AS Hostname,
    strftime(make_timestamp(time // 1000), '%Y-%m-%dT%H:%M:%S.%gZ') AS "@timestamp",
    strftime(make_timestamp(time // 1000), '%Y-%m-%d %H:%M:%S.%g') AS UtcTime, row AS RecordNumber, process AS Image,
    transport AS Protocol, 'true' AS Initiated, source AS SourceIp, (49152 + row % 16384)::VARCHAR AS SourcePort,
    address AS DestinationIp, coalesce(domain, '-') AS DestinationHostname, port::VARCHAR AS DestinationPort
  FROM lab WHERE NOT queried ORDER BY row"""
_LOOKUPS = """SELECT '22' AS EventID, 'Microsoft-Windows-Sysmon/Operational' AS Channel,
    'Microsoft-Windows-Sysmon' AS SourceName, host AS Hostname,
    strftime(make_timestamp(time // 1000), '%Y-%m-%dT%H:%M:%S.%gZ') AS "@timestamp",
    strftime(make_timestamp(time // 1000), '%Y-%m-%d %H:%M:%S.%g') AS UtcTime, row AS RecordNumber, process AS Image,
    substr(md5(row || 'q'), 1, 20) || '.' || domain AS QueryName, '0' AS QueryStatus, 'type:  16 ok;' AS QueryResults
  FROM lab WHERE queried ORDER BY row"""


# A proxy's address and the server that it is asked for, by name and port.
_CONNECT = f"""SELECT ts + 0.01 AS ts, uid, "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", 1 AS trans_depth,
    'CONNECT' AS method, domain AS host, domain || ':443' AS uri, 0 AS request_body_len, 0 AS response_body_len,
    200 AS status_code, 'OK' AS status_msg
  FROM ({_ZEEK}) WHERE proxied ORDER BY ts, uid"""
_HTTP = f"""SELECT ts + 0.02 AS ts, uid, "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", 1 AS trans_depth, 'GET' AS method,
    coalesce(domain, "id.resp_h") AS host, path AS uri, 0 AS request_body_len, received AS response_body_len,
    200 AS status_code, 'OK' AS status_msg, ['F' || substr(uid, 2)] AS resp_fuids, [mime] AS resp_mime_types
  FROM ({_ZEEK}) WHERE path IS NOT NULL ORDER BY ts, uid"""
_STARTS = """SELECT '1' AS EventID, 'Microsoft-Windows-Sysmon/Operational' AS Channel,
    'Microsoft-Windows-Sysmon' AS SourceName, host AS Hostname,
    strftime(make_timestamp(time // 1000), '%Y-%m-%dT%H:%M:%S.%gZ') AS "@timestamp",
    strftime(make_timestamp(time // 1000), '%Y-%m-%d %H:%M:%S.%g') AS UtcTime, 1000000000 + row AS RecordNumber,
    process AS Image, parent AS ParentImage, '"' || process || '"' AS CommandLine
  FROM started ORDER BY row"""


def write_zeek(lab: Lab, folder: Path) -> list[Path]:
    """conn.log as JSON lines in the folder, which is made; ssl.log where there is TLS, http.log where something is fetched over
    plain HTTP or asked of a proxy, dns.log where something is looked up only. Other ports than 443 have no name on the wire."""
    queries, events = {"conn.log": _CONN}, lab.events
    if pc.any(pc.and_(pc.equal(events.column("port"), 443), pc.equal(events.column("transport"), "tcp"))).as_py():
        queries["ssl.log"] = _SSL
    if pc.any(events.column("proxied")).as_py():
        queries["http.log"] = _CONNECT
    elif events.column("path").null_count < len(events):
        queries["http.log"] = _HTTP
    if _asks(lab):
        queries["dns.log"] = _DNS
    return _write(lab, folder, queries)


def write_sysmon(lab: Lab, folder: Path) -> list[Path]:
    """sysmon.json, one event 3 a line; sysmon_starts.json, one event 1 a line, where programs start; sysmon_lookups.json,
    one event 22 a line, where something is looked up only."""
    starts = {"sysmon_starts.json": _STARTS} if len(lab.starts) else {}
    asked = {"sysmon_lookups.json": _LOOKUPS} if _asks(lab) else {}
    return _write(lab, folder, {"sysmon.json": _SYSMON, **starts, **asked})


def _asks(lab: Lab) -> bool:
    return bool(pc.any(lab.events.column("queried")).as_py())


def _write(lab: Lab, folder: Path, queries: dict[str, str]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    connection: duckdb.DuckDBPyConnection = connect()
    connection.register("drawn", lab.events)
    connection.register("begun", lab.starts)
    connection.execute("CREATE TEMP VIEW started AS SELECT *, row_number() OVER () - 1 AS row FROM begun")
    connection.execute("CREATE TEMP VIEW lab AS SELECT *, row_number() OVER () - 1 AS row FROM drawn")
    found = []
    for name, query in queries.items():
        path = folder / name
        target = str(path).replace("'", "''")
        connection.execute(f"COPY ({query}) TO '{target}' (FORMAT json)")
        found.append(path)
    return found
