"""Suricata's EVE: times, zones, kinds of record, damage."""

from __future__ import annotations

import io
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

from falselight.diagnostics import Diagnostic
from falselight.ecs import release
from falselight.ingest import read_events
from falselight.readers import suricata
from falselight.readers.detect import Kind
from falselight.readers.suricata_signs import recognise

SAMPLE = Path(__file__).parents[1] / "data" / "readers" / "suricata" / "eve.json"


def read(
    data: bytes, wanted: frozenset[str] | None = None
) -> tuple[list[dict[str, Any]], Counter[str], list[Diagnostic]]:
    skipped: Counter[str] = Counter()
    reported: list[Diagnostic] = []
    batches = suricata.read(io.BytesIO(data), "p", "p", reported.append, skipped, wanted)
    return [row for batch in batches for row in batch.to_pylist()], skipped, reported


def test_each_kind_of_record() -> None:
    made, skipped, reported = read(SAMPLE.read_bytes())
    flow, dns, alert, stats = made
    assert not skipped and reported == []
    assert flow["_time"] == 1772323200000001000, "the record's time, in its zone without a colon, not the flow's start"
    assert flow["event.start"] == 1772323140000 and flow["event.duration"] == 30_500_000_000
    assert flow["event.type"] == ["connection", "end"] and flow["network.protocol"] == "tls"
    assert flow["network.bytes"] == 1600 and flow["suricata.eve.flow_id"] == "1"
    assert dns["dns.answers.data"] == ["light.example", "203.0.113.9"] and dns["dns.answers.ttl"] == [60, 30]
    assert dns["dns.resolved_ip"] == [None, "203.0.113.9"] and dns["dns.header_flags"] == ["RD", "RA"]
    assert dns["related.ip"] == ["192.168.7.1", "192.168.7.20", "203.0.113.9"]
    assert alert["event.kind"] == "alert" and alert["event.type"] == ["denied"] and alert["rule.id"] == "9000001"
    assert alert["url.domain"] == "lamp.example" and alert["url.extension"] == "bin" and alert["url.query"] == "x=1"
    assert alert["suricata.eve.alert.created_at"] == 1769904000000
    assert stats["event.kind"] == "metric" and stats["suricata.eve.stats.decoder.pkts"] == 4
    assert [json.loads(row["event.original"])["event_type"] for row in made] == ["flow", "dns", "alert", "stats"]


def test_the_exact_path_and_the_fast_one_agree() -> None:
    data = SAMPLE.read_bytes()
    fast, _, _ = read(data)
    exact, _, _ = read(b"\n" + data)
    for row in exact:
        row["_record"] -= 1
    assert [_filled(row) for row in exact] == [_filled(row) for row in fast]


def _filled(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None and value != []}


def test_wanted_fields_are_the_same_as_among_all() -> None:
    wanted = frozenset({"event.type", "destination.domain", "url.path", "network.community_id", "dns.resolved_ip"})
    whole, _, _ = read(SAMPLE.read_bytes())
    limited, _, _ = read(SAMPLE.read_bytes(), wanted)
    kept = wanted | {"_record", "_time"}
    assert [_filled(row) for row in limited] == [_filled({k: v for k, v in row.items() if k in kept}) for row in whole]


def test_odd_values_are_kept_or_counted(tmp_path: Path) -> None:
    lines = [
        b'{"timestamp":"never","event_type":"flow","flow_id":18446744073709551616,"src_ip":"nowhere","src_port":"x"}',
        b'{"timestamp":"2026-03-01T00:00:00.5+0000","event_type":["flow"],"flow_id":1,"src_ip":7,"dest_port":{"a":1}}',
        b'{"timestamp":"2026-03-01T00:00:00Z","event_type":"dns","flow_id":2,"dns":{"type":"answer","answers":"none"}}',
        b"not json",
        b'{"timestamp":"2026-03-01T00:00:00Z","event_type":"\xff","flow_id":3}',
    ]
    made, skipped, reported = read(b"\n".join(lines))
    assert [row["_record"] for row in made] == [0, 1, 2, 4] and skipped == {"not JSON": 1}
    assert [row["_time"] is None for row in made] == [True, False, False, False]
    assert {diagnostic.code for diagnostic in reported} >= {"E0508", "W0511", "W0512"}


def test_a_file_is_recognised_by_its_records(tmp_path: Path) -> None:
    assert recognise({"timestamp": "x", "event_type": "dns", "dns": {}})
    assert not recognise({"timestamp": "x", "event_type": "login", "user": "y"})
    (tmp_path / "array.json").write_text("[" + ",".join(SAMPLE.read_text().splitlines()) + "]")
    reported: list[Diagnostic] = []
    table = read_events([SAMPLE, tmp_path / "array.json"], release.schema(), report=reported.append)
    assert reported == [] and table.rows == 8
    assert [entry.kind for entry in table.inputs] == [Kind.EVE_LINES, Kind.EVE_ARRAY]


def test_mutated_bytes_never_raise() -> None:
    generator = random.Random(11)
    seed = SAMPLE.read_bytes()
    for _ in range(150):
        data = bytearray(seed)
        for _ in range(generator.randint(1, 6)):
            at = generator.randrange(len(data))
            put = bytes(generator.choices(b'\n"{}[],:-\\x00\xff9eT', k=generator.randint(0, 9)))
            data[at : at + generator.randint(0, 9)] = put
        read(bytes(data))


def test_years_beyond_the_nanoseconds_keep_their_date(tmp_path: Path) -> None:
    times = ("9999-12-31T23:59:59Z", "2026-03-01T00:00:00Z", "2026-02-30T00:00:00Z")
    lines = [json.dumps({"timestamp": time, "event_type": "flow", "flow_id": 1}) for time in times]
    made, _, _ = read("\n".join(lines).encode())
    assert [row["@timestamp"] for row in made] == [253402300799000, 1772323200000, None]
    assert [row["_time"] for row in made] == [None, 1772323200000000000, None]
