"""Zeek's conn, dns, http and ssl logs of one network, made by DuckDB, tab-separated and as JSON lines: one seed, one content."""

from __future__ import annotations

from pathlib import Path

import duckdb

from bench.generators import rows

# Of ten records so many go to each log.
SHARES = {"conn": 5, "dns": 3, "http": 1, "ssl": 1}
_HEADER = (
    "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\t{path}\n"
    "#open\t2026-03-11-00-00-00\n"
)
HEADER_LINES = _HEADER.count("\n") + 2
_ADDRESS = "concat_ws('.', a, b, c, d)"
_COMMON = [
    ("ts", "time", "round(ms / 1000 + s % 1000 / 1000000, 6)"),
    ("uid", "string", "'C' || left(md5(s::VARCHAR), 17)"),
    ("id.orig_h", "addr", "'10.' || k % 4 || '.' || k % 251 || '.' || (k * 7) % 253"),
    ("id.orig_p", "port", "49152 + s % 16000"),
    ("id.resp_h", "addr", _ADDRESS),
    ("id.resp_p", "port", "port"),
]
_FILE = "'F' || left(md5((s + 1)::VARCHAR), 17)"
_NAME = "coalesce(domain, left(md5(k::VARCHAR), 9) || '.example.net')"
_LOGS: dict[str, list[tuple[str, str, str]]] = {
    "conn": [
        ("proto", "enum", "CASE WHEN port = 53 THEN 'udp' ELSE 'tcp' END"),
        ("service", "string", "CASE port WHEN 443 THEN 'ssl' WHEN 80 THEN 'http' WHEN 53 THEN 'dns' END"),
        ("duration", "interval", "CASE WHEN kind > 2 THEN round(kind * 1.37 + s % 997 / 1000000, 6) END"),
        ("orig_bytes", "count", "CASE WHEN kind > 2 THEN 100 + s % 9000 END"),
        ("resp_bytes", "count", "CASE WHEN kind > 2 THEN 300 + (s * 7) % 90000 END"),
        ("conn_state", "string", "['SF', 'S0', 'RSTO', 'S1'][kind % 4 + 1]"),
        ("local_orig", "bool", "TRUE"),
        ("local_resp", "bool", "FALSE"),
        ("missed_bytes", "count", "0"),
        ("history", "string", "'ShADadFf'"),
        ("orig_pkts", "count", "3 + s % 40"),
        ("orig_ip_bytes", "count", "400 + s % 9000"),
        ("resp_pkts", "count", "2 + s % 50"),
        ("resp_ip_bytes", "count", "500 + (s * 7) % 90000"),
        ("tunnel_parents", "set[string]", "CASE WHEN FALSE THEN ['x'] END"),
    ],
    "dns": [
        ("proto", "enum", "'udp'"),
        ("trans_id", "count", "s % 65536"),
        ("rtt", "interval", "round(kind * 0.0013 + s % 97 / 1000000, 6)"),
        ("query", "string", _NAME),
        ("qclass", "count", "1"),
        ("qclass_name", "string", "'C_INTERNET'"),
        ("qtype", "count", "[1, 28][kind % 2 + 1]"),
        ("qtype_name", "string", "['A', 'AAAA'][kind % 2 + 1]"),
        ("rcode", "count", "CASE WHEN kind % 9 = 0 THEN 3 ELSE 0 END"),
        ("rcode_name", "string", "CASE WHEN kind % 9 = 0 THEN 'NXDOMAIN' ELSE 'NOERROR' END"),
        ("AA", "bool", "FALSE"),
        ("TC", "bool", "FALSE"),
        ("RD", "bool", "TRUE"),
        ("RA", "bool", "TRUE"),
        ("Z", "count", "0"),
        ("answers", "vector[string]", f"CASE WHEN kind % 9 > 0 THEN ['edge.' || k % 50 || '.example.com', {_ADDRESS}] END"),
        ("TTLs", "vector[interval]", "CASE WHEN kind % 9 > 0 THEN [300.0 + k % 60, 60.0] END"),
        ("rejected", "bool", "FALSE"),
    ],
    "http": [
        ("trans_depth", "count", "1"),
        ("method", "string", "['GET', 'POST'][kind % 2 + 1]"),
        ("host", "string", _NAME),
        ("uri", "string", "'/' || left(md5((k % 5000)::VARCHAR), 8) || '/index.php?id=' || s % 10000"),
        ("referrer", "string", "CASE WHEN kind % 5 = 0 THEN 'http://' || " + _NAME + " || '/' END"),
        ("version", "string", "'1.1'"),
        ("user_agent", "string", "'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.' || k % 40"),
        ("request_body_len", "count", "s % 500"),
        ("response_body_len", "count", "(s * 13) % 70000"),
        ("status_code", "count", "[200, 200, 304, 404][kind % 4 + 1]"),
        ("status_msg", "string", "['OK', 'OK', 'Not Modified', 'Not Found'][kind % 4 + 1]"),
        ("tags", "set[enum]", "[]::VARCHAR[]"),
        ("resp_fuids", "vector[string]", f"[{_FILE}]"),
        ("resp_mime_types", "vector[string]", "['text/html']"),
    ],
    "ssl": [
        ("version", "string", "'TLSv12'"),
        ("cipher", "string", "['TLS_AES_256_GCM_SHA384', 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'][kind % 2 + 1]"),
        ("curve", "string", "'x25519'"),
        ("server_name", "string", _NAME),
        ("resumed", "bool", "kind % 2 = 0"),
        ("next_protocol", "string", "CASE WHEN kind % 2 = 0 THEN 'h2' END"),
        ("established", "bool", "TRUE"),
        ("cert_chain_fuids", "vector[string]", f"[{_FILE}, 'F' || left(md5((k % 90)::VARCHAR), 17)]"),
        ("subject", "string", "'CN=' || " + _NAME + " || ',O=Example Corporation,C=US'"),
        ("issuer", "string", "'CN=Example CA ' || k % 9 || ',O=Example Trust,C=US'"),
        ("ja3", "string", "md5((k % 60)::VARCHAR)"),
        ("ja3s", "string", "md5((k % 600)::VARCHAR)"),
    ],
}  # fmt: skip


def columns(log: str) -> list[tuple[str, str, str]]:
    """A log's columns: name, Zeek's type, the SQL that draws it."""
    return _COMMON + _LOGS[log]


def write(folder: Path, events: int, seed: int) -> tuple[int, int]:
    """Writes ``<log>.log`` and ``<log>.json`` with so many records in all; gives the bytes of both forms."""
    connection = duckdb.connect()
    connection.execute("SET preserve_insertion_order = true")
    tsv, json = folder / "tsv", folder / "json"
    tsv.mkdir()
    json.mkdir()
    for number, (log, share) in enumerate(SHARES.items()):
        source = f"({rows(events * share // 10, 20_000, seed + number)}) ORDER BY s"
        _write_json(connection, json / f"{log}.json", log, source)
        _write_tsv(connection, tsv / f"{log}.log", log, source)
    connection.close()
    return tuple(sum(path.stat().st_size for path in each.iterdir()) for each in (tsv, json))  # type: ignore[return-value]


def _write_json(connection: duckdb.DuckDBPyConnection, path: Path, log: str, source: str) -> None:
    """Without the fields that are unset, as Zeek writes it."""
    chosen = ", ".join(f'{drawn} AS "{name}"' for name, _, drawn in columns(log))
    connection.execute(
        f"COPY (SELECT regexp_replace(to_json(r)::VARCHAR, ',\"[^\"]*\":null', '', 'g') FROM (SELECT {chosen} FROM {source}) r) "
        "TO $path (FORMAT csv, HEADER false, DELIMITER '\t', QUOTE '', ESCAPE '')",
        {"path": str(path)},
    )


def _write_tsv(connection: duckdb.DuckDBPyConnection, path: Path, log: str, source: str) -> None:
    names = "\t".join(name for name, _, _ in columns(log))
    kinds = "\t".join(kind for _, kind, _ in columns(log))
    body = path.with_suffix(".body")
    chosen = ", ".join(f'{_as_text(kind, drawn)} AS "{name}"' for name, kind, drawn in columns(log))
    connection.execute(
        f"COPY (SELECT {chosen} FROM {source}) TO $path "
        "(FORMAT csv, DELIMITER '\t', HEADER false, QUOTE '', ESCAPE '', NULL '-')",
        {"path": str(body)},
    )
    with path.open("wb") as stream:
        stream.write((_HEADER.format(path=log) + f"#fields\t{names}\n#types\t{kinds}\n").encode())
        stream.write(body.read_bytes())
    body.unlink()


def _as_text(kind: str, drawn: str) -> str:
    if kind == "bool":
        return f"CASE WHEN {drawn} THEN 'T' ELSE 'F' END"
    if "[" in kind:
        return f"CASE WHEN len({drawn}) = 0 THEN '(empty)' ELSE array_to_string({drawn}, ',') END"
    if kind in ("time", "interval"):
        return f"printf('%.6f', {drawn}::DOUBLE)" if kind == "time" else f"({drawn})::DECIMAL(18, 6)"
    return drawn
