"""Rows of events in, normalised batches out (see ``columns``): Zeek's columns go through the mappings of Zeek's logs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from falselight.mappings import pcap
from falselight.mappings.records import Frame, apply, batch

_WHOLE, _REAL, _TEXT, _TRUTH = pa.int64(), pa.float64(), pa.string(), pa.bool_()
_TEXTS, _REALS = pa.list_(pa.string()), pa.list_(pa.float64())
_ENDS = {"uid": _TEXT, "id.orig_h": _TEXT, "id.orig_p": _WHOLE, "id.resp_h": _TEXT, "id.resp_p": _WHOLE}
# The columns of each log, as Zeek names and types them; dates are epoch milliseconds.
COLUMNS: dict[str, dict[str, pa.DataType]] = {
    "conn": {
        **_ENDS, "proto": _TEXT, "service": _TEXT, "duration": _REAL, "conn_state": _TEXT, "missed_bytes": _WHOLE,
        "history": _TEXT, "orig_pkts": _WHOLE, "orig_ip_bytes": _WHOLE, "resp_pkts": _WHOLE, "resp_ip_bytes": _WHOLE,
    },
    "dns": {
        **_ENDS, "proto": _TEXT, "trans_id": _WHOLE, "rtt": _REAL, "query": _TEXT, "qclass": _WHOLE, "qclass_name": _TEXT,
        "qtype": _WHOLE, "qtype_name": _TEXT, "rcode": _WHOLE, "rcode_name": _TEXT, "AA": _TRUTH, "TC": _TRUTH,
        "RD": _TRUTH, "RA": _TRUTH, "Z": _WHOLE, "answers": _TEXTS, "TTLs": _REALS, "rejected": _TRUTH,
    },
    "http": {
        **_ENDS, "trans_depth": _WHOLE, "method": _TEXT, "host": _TEXT, "uri": _TEXT, "referrer": _TEXT,
        "version": _TEXT, "user_agent": _TEXT, "origin": _TEXT, "request_body_len": _WHOLE,
        "response_body_len": _WHOLE, "status_code": _WHOLE, "status_msg": _TEXT, "info_code": _WHOLE, "info_msg": _TEXT,
        "username": _TEXT, "proxied": _TEXTS,
    },
    "ssl": {
        **_ENDS, "version": _TEXT, "cipher": _TEXT, "curve": _TEXT, "server_name": _TEXT, "resumed": _TRUTH,
        "last_alert": _TEXT, "next_protocol": _TEXT, "established": _TRUTH, "cert_chain_fuids": _TEXTS,
        "client_cert_chain_fuids": _TEXTS, "subject": _TEXT, "issuer": _TEXT, "client_subject": _TEXT,
        "client_issuer": _TEXT, "not_valid_before": _WHOLE, "not_valid_after": _WHOLE, "ja3": _TEXT, "ja3s": _TEXT,
        "ja4": _TEXT, "resp_certificate_sha1": _TEXT, "resp_certificate_sha256": _TEXT, "orig_certificate_sha1": _TEXT,
        "orig_certificate_sha256": _TEXT, "transport": _TEXT,
    },
    "x509": {
        "id": _TEXT, "fingerprint": _TEXT, "sha1": _TEXT, "certificate.version": _WHOLE, "certificate.serial": _TEXT,
        "certificate.subject": _TEXT, "certificate.issuer": _TEXT, "certificate.not_valid_before": _WHOLE,
        "certificate.not_valid_after": _WHOLE, "certificate.key_alg": _TEXT, "certificate.sig_alg": _TEXT,
        "certificate.key_type": _TEXT, "certificate.key_length": _WHOLE, "certificate.exponent": _TEXT,
        "certificate.curve": _TEXT, "san.dns": _TEXTS, "san.uri": _TEXTS, "san.email": _TEXTS, "san.ip": _TEXTS,
        "basic_constraints.ca": _TRUTH, "basic_constraints.path_len": _WHOLE, "host_cert": _TRUTH,
        "client_cert": _TRUTH,
    },
}  # fmt: skip


@dataclass
class Events:
    """Collects events and gives them in the order of their times; ``wanted`` limits the fields."""

    wanted: frozenset[str] | None
    malformed: Counter[str] = field(default_factory=Counter)
    _rows: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)
    _given: int = 0
    # Characters of the events whose texts can be long.
    size: int = 0

    def add(self, log: str, row: dict[str, Any]) -> None:
        self._rows.append((row.pop("ts"), log, row))
        if log == "http":
            self.size += sum(len(value) for value in row.values() if isinstance(value, str))

    def __len__(self) -> int:
        return len(self._rows)

    def take(self) -> Iterator[pa.RecordBatch]:
        """What was collected, one batch for each log. A record's number is that of the event."""
        rows, self._rows = self._rows, []
        self.size = 0
        rows.sort(key=lambda row: row[0])
        by_log: dict[str, list[int]] = {}
        for number, (_, log, _) in enumerate(rows):
            by_log.setdefault(log, []).append(number)
        for log, numbers in by_log.items():
            yield self._batch(log, [rows[number] for number in numbers], [self._given + number for number in numbers])
        self._given += len(rows)

    def _batch(self, log: str, rows: list[tuple[int, str, dict[str, Any]]], numbers: list[int]) -> pa.RecordBatch:
        columns = {}
        for name, kind in COLUMNS[log].items():
            values = pa.array([row.get(name) for _, _, row in rows], kind)
            if values.null_count < len(values):
                columns[name] = values
        frame = Frame(len(rows), columns, malformed=self.malformed)
        times = pa.array([time for time, _, _ in rows], pa.int64())
        return batch(apply(frame, pcap.table(log), self.wanted), pa.array(numbers, pa.int64()), times)
