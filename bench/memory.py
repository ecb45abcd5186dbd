"""Peak memory over much mixed input: ECS NDJSON, Zeek TSV, Suricata EVE and Squid, some two thirds of the events in ECS."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

from bench.generators import ndjson, rows
from bench.harness import Case, Ratio, Timing, measure

PROMISED, A_FILE = 3072, 500_000
_ZEEK = (
    "ts",
    "uid",
    "id.orig_h",
    "id.orig_p",
    "id.resp_h",
    "id.resp_p",
    "proto",
    "duration",
    "orig_bytes",
    "resp_bytes",
    "conn_state",
)
_ZEEK_TYPES = ("time", "string", "addr", "port", "addr", "port", "enum", "interval", "count", "count", "string")

_INNER, _OUTER = "'10.4.' || k % 250 || '.' || k % 251", "concat_ws('.', a, b, c, d)"


def _zeek(path: Path, events: int, keys: int, seed: int) -> None:
    head = ["#separator \\x09", "#set_separator\t,", "#empty_field\t(empty)", "#unset_field\t-", "#path\tconn"]
    head += ["\t".join(("#fields", *_ZEEK)), "\t".join(("#types", *_ZEEK_TYPES))]
    sql = f"""SELECT concat_ws(chr(9), printf('%.6f', ms / 1000), 'C' || md5(concat(s, '-', {seed}))[:17], {_INNER}, 49152 + kind,
              {_OUTER}, port, 'tcp', '0.250000', 500 + kind, 4000 + kind, 'SF')
              FROM ({rows(events, keys, seed)}) ORDER BY s"""
    _write(path, "\n".join(head) + "\n", sql)


def _eve(path: Path, events: int, keys: int, seed: int) -> None:
    sql = f"""SELECT '{{"timestamp":"' || strftime(make_timestamp(ms * 1000), '%Y-%m-%dT%H:%M:%S.%f') || '+0000","flow_id":' ||
              s || ',"event_type":"flow","src_ip":"' || {_INNER} || '","src_port":' || 49152 + kind || ',"dest_ip":"' ||
              {_OUTER} || '","dest_port":' || port || ',"proto":"TCP","app_proto":"tls","flow":{{"pkts_toserver":9,' ||
              '"pkts_toclient":8,"bytes_toserver":1200,"bytes_toclient":5400,"start":"' ||
              strftime(make_timestamp(ms * 1000), '%Y-%m-%dT%H:%M:%S.%f') || '+0000","state":"closed","reason":"timeout"}}}}'
              FROM ({rows(events, keys, seed)}) ORDER BY s"""
    _write(path, "", sql)


def _squid(path: Path, events: int, keys: int, seed: int) -> None:
    sql = f"""SELECT printf('%.3f', ms / 1000) || '    120 ' || {_INNER} || ' TCP_TUNNEL/200 5400 CONNECT ' ||
              coalesce(domain, {_OUTER}) || ':' || port || ' - HIER_DIRECT/' || {_OUTER} || ' -'
              FROM ({rows(events, keys, seed)}) ORDER BY s"""
    _write(path, "", sql)


def _write(path: Path, head: str, sql: str) -> None:
    """The lines that a query gives, in batches."""
    with duckdb.connect() as connection, path.open("w", encoding="utf-8") as stream:
        stream.write(head)
        result = connection.execute(sql)
        while batch := result.fetchmany(50_000):
            stream.write("\n".join(line for (line,) in batch) + "\n")


def make(folder: Path, events: int, seed: int) -> int:
    """Writes the files; gives their bytes."""
    shares = ((8, ndjson, "ndjson"), (2, _zeek, "conn.log"), (1, _eve, "eve.json"), (1, _squid, "access.log"))
    for share, write, name in shares:
        left, number = events * share // 12, 0
        while left > 0:
            write(folder / f"{number:03}-{name}", min(left, A_FILE), 50_000, seed + number)
            left, number = left - A_FILE, number + 1
    return sum(path.stat().st_size for path in folder.iterdir())


def run(events: int, seed: int, rounds: int, folder: Path) -> tuple[dict[str, Timing], list[Ratio]]:
    inputs = folder / "inputs"
    inputs.mkdir()
    size = make(inputs, events, seed)
    print(f"{events:,} events, {size / 1e9:,.1f} GB", file=sys.stderr)
    verbs = {
        "import": ["import", str(inputs), "--case", str(folder / "case")],
        "hunt in the case": ["hunt", str(folder / "case"), "--no-rank", "--format", "ndjson"],
        "hunt": ["hunt", str(inputs), "--no-rank", "--format", "ndjson"],
        "read": ["read", str(inputs), "--format", "json"],
    }
    cases = [
        Case(label, "process", "whole", {"command": [sys.executable, "-m", "falselight", *verb]}, limit=7200.0)
        for label, verb in verbs.items()
    ]
    timings = measure(cases, rounds)
    for timing in timings.values():
        timing.figures = {"MB/s": round(size / 1e6 / timing.median)}
    return timings, [Ratio(f"MiB of {label}", timing.peak, PROMISED) for label, timing in timings.items()]
