"""Zeek's TSV as ECS batches for tests: only the columns that the connections relation needs."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from falselight.ecs.schema import Schema
from falselight.store import Builder, EventTable, connect

_FIELDS = {
    "uid": "zeek.session_id", "id.orig_h": "source.ip", "id.resp_h": "destination.ip", "id.resp_p": "destination.port",
    "proto": "network.transport", "orig_ip_bytes": "source.bytes", "resp_ip_bytes": "destination.bytes",
    "host": "url.domain", "method": "http.request.method", "server_name": "tls.client.server_name",
}  # fmt: skip
_NUMBERS = {"destination.port", "source.bytes", "destination.bytes"}
MAPPING = {
    "@timestamp": "date", "source.ip": "ip", "destination.ip": "ip", "destination.port": "long", "source.bytes": "long",
    "destination.bytes": "long", "network.transport": "keyword", "zeek.session_id": "keyword", "url.domain": "keyword",
    "http.request.method": "keyword", "tls.client.server_name": "keyword", "host.name": "keyword",
    "process.executable": "keyword", "dns.question.name": "keyword", "event.type": "keyword", "event.action": "keyword",
    "event.start": "date", "event.module": "keyword", "network.direction": "keyword", "source.port": "long",
}  # fmt: skip


def table(rows: Iterable[dict[str, Any]]) -> EventTable:
    """Events from rows of ECS fields; ``time`` is epoch nanoseconds."""
    listed = list(rows)
    names = sorted({name for row in listed for name in row} - {"time"})
    columns = {name: pa.array([row.get(name) for row in listed]) for name in names}
    columns["_time"] = pa.array([row["time"] for row in listed], pa.int64())
    builder = Builder(connect(), Schema.from_mapping({"properties": {n: {"type": t} for n, t in MAPPING.items()}}))
    builder.append(pa.table(columns), 0)
    return builder.finish()


def read(folder: Path) -> EventTable:
    """conn, http and ssl of a folder."""
    rows: list[dict[str, Any]] = []
    for path in sorted(folder.iterdir()):
        if path.name.split(".")[0] in {"conn", "http", "ssl"}:
            rows.extend(_rows(path))
    return table(rows)


def _rows(path: Path) -> Iterable[dict[str, Any]]:
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    names: list[str] = []
    for line in raw.decode().splitlines():
        if line.startswith("#fields"):
            names = line.split("\t")[1:]
        if line.startswith("#"):
            continue
        values = dict(zip(names, line.split("\t"), strict=True))
        row: dict[str, Any] = {"time": int(Decimal(values["ts"]) * 1_000_000_000)}
        for key, field in _FIELDS.items():
            value = values.get(key, "-")
            if value not in {"-", "(empty)", ""}:
                row[field] = int(value) if field in _NUMBERS else value
        yield row
