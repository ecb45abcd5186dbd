"""Zeek's logs: headers, labels, JSON of several shippers, damage."""

from __future__ import annotations

import csv
import gzip
import io
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from falselight import derive
from falselight.diagnostics import Diagnostic
from falselight.ecs import release
from falselight.ingest import read_events
from falselight.readers import zeek
from falselight.readers.detect import Kind, detect
from falselight.readers.json_columns import JsonColumns
from falselight.readers.zeek_signs import log_of
from falselight.store import EventTable

SAMPLES = Path(__file__).parents[1] / "data" / "readers" / "zeek"


def events(path: Path, **options: Any) -> tuple[EventTable, list[Diagnostic]]:
    reported: list[Diagnostic] = []
    return read_events([path], release.schema(), report=reported.append, **options), reported


def column(table: EventTable, name: str) -> list[Any]:
    query = f'SELECT "{name}" FROM "{table.name}" ORDER BY _seq'
    return [row[0] for row in table.connection.execute(query).fetchall()]


def tsv(text: str, wanted: frozenset[str] | None = None) -> tuple[list[dict[str, Any]], Counter[str], list[Diagnostic]]:
    skipped: Counter[str] = Counter()
    reported: list[Diagnostic] = []
    stream = io.BytesIO(text.encode("utf-8", "surrogateescape"))
    made = [
        row for batch in zeek.read_tsv(stream, "p", "p", reported.append, skipped, wanted) for row in batch.to_pylist()
    ]
    return made, skipped, reported


def test_concatenated_logs_each_follow_their_own_header() -> None:
    table, reported = events(SAMPLES / "conn_and_dns.log")
    assert reported == [] and table.rows == 5 and table.inputs[0].kind == Kind.ZEEK_TSV
    assert column(table, "event.dataset") == ["zeek.connection"] * 3 + ["zeek.dns"] * 2
    assert column(table, "_record") == [8, 9, 10, 20, 21]
    assert column(table, "_time")[:2] == [1772323200250001000, 1772323201000000000]
    assert column(table, "network.direction") == ["outbound", "internal", "external", "internal", "internal"]
    assert column(table, "source.port") == [50111, None, 5353, 40000, 40001]
    assert column(table, "zeek.connection.icmp.type")[1] == 8
    assert column(table, "event.duration") == [1500000000, None, None, 20000000, None]
    assert column(table, "event.type")[:2] == [["connection", "start", "end"], ["connection", "info"]]
    assert column(table, "network.bytes")[:3] == [1600, 84, 90]
    assert column(table, "dns.question.name")[3:] == ["lamp.shore.example.co.uk", "küste.example"]
    assert column(table, "dns.question.registered_domain")[3] == "example.co.uk"
    assert column(table, "dns.answers.ttl")[3] == [60, 30]
    assert column(table, "dns.resolved_ip")[3] in ("203.0.113.9", ["203.0.113.9"])
    assert column(table, "event.outcome")[3:] == ["success", "failure"]
    assert column(table, "dns.header_flags")[3] == ["RD", "RA"]


def test_community_ids_are_those_of_the_specification() -> None:
    # Pairs published with https://github.com/corelight/community-id-spec (baseline, seed 0).
    names = ["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto"]
    lines = [
        "1.0 C 128.232.110.120 34855 66.35.250.204 80 tcp", "2.0 C 66.35.250.204 80 128.232.110.120 34855 tcp",
        "1.0 C 192.168.0.89 8 192.168.0.1 0 icmp",
    ]  # fmt: skip
    types = ["#types", *["time", "string", "addr", "port", "addr", "port", "enum"]]
    head = ["#path\tconn", "\t".join(["#fields", *names]), "\t".join(types)]
    made, _, _ = tsv("\n".join([*head, *(line.replace(" ", "\t") for line in lines), ""]))
    assert [row["network.community_id"] for row in made] == [
        "1:LQU9qZlK+B5F3KDmev6m5PMibrg=", "1:LQU9qZlK+B5F3KDmev6m5PMibrg=", "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=",
    ]  # fmt: skip


def test_a_labelled_log_with_packed_columns_and_relative_time() -> None:
    table, reported = events(SAMPLES / "labelled.log")
    assert reported == [] and table.rows == 1
    assert column(table, "zeek.connection.label") == ["Malicious"]
    assert column(table, "zeek.connection.detailed-label") == ["C&C-Beacon"]
    assert column(table, "@timestamp") == [5250]
    assert column(table, "event.type") == [["connection", "start", "denied"]]


def test_json_of_several_logs_in_one_stream() -> None:
    table, reported = events(SAMPLES / "records.json")
    assert reported == [] and table.inputs[0].kind == Kind.ZEEK_LINES
    assert column(table, "event.dataset") == ["zeek.ssh", "zeek.x509", "zeek.connection", "zeek.lighthouse"]
    assert column(table, "_record") == [0, 1, 2, 3]
    assert column(table, "event.outcome")[0] == "failure"
    assert column(table, "source.ip") == ["192.168.7.20", None, "10.0.0.5", "10.0.0.5"]
    assert column(table, "file.x509.subject.organization")[1] == "Shore Inc."
    assert column(table, "file.x509.not_before")[1] == 1700000000000
    assert column(table, "file.x509.alternative_names")[1] == ["lamp.example", "light.example"]
    assert column(table, "zeek.connection._write_ts")[2] == 1772323300.0
    assert column(table, "zeek.lighthouse.lamp")[3] == "lit"


@pytest.mark.parametrize("name", ["conn_and_dns.log", "labelled.log", "records.json"])
def test_wanted_fields_are_the_same_as_among_all(name: str) -> None:
    wanted = frozenset({"source.ip", "event.type", "network.direction", "dns.question.name", "network.community_id"})
    (whole, _), (limited, _) = events(SAMPLES / name), events(SAMPLES / name, wanted=wanted)
    filled = {entry.name for entry in whole.schema if entry.filled} & wanted
    assert filled <= {entry.name for entry in limited.schema if entry.filled} <= derive.needed(wanted) | {"@timestamp"}
    for field in (*sorted(filled), "_time", "_record"):
        assert column(limited, field) == column(whole, field), field


def test_a_null_beside_a_list_or_an_object_does_not_slow_a_log_down(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        b'{"ts":1.5,"uid":"C1","answers":null,"own":null}',
        b'{"ts":2.5,"uid":"C2","answers":["a","b"],"own":{"part":1}}',
        b'{"ts":3.5,"uid":"C3","answers":[]}',
    ]
    monkeypatch.setattr(JsonColumns, "_slow", None)
    (block,) = JsonColumns("p", "p", lambda _: None).read(io.BytesIO(b"\n".join(lines) + b"\n"))
    assert block.columns["answers"].to_pylist() == [None, ["a", "b"], []]
    assert block.columns["own.part"].to_pylist() == [None, 1, None]


def test_json_arrays_are_read_by_element(tmp_path: Path) -> None:
    lines = (SAMPLES / "records.json").read_text().splitlines()
    (tmp_path / "records.json").write_text("[" + ",\n".join(lines) + "]")
    table, reported = events(tmp_path / "records.json")
    assert reported == [] and table.inputs[0].kind == Kind.ZEEK_ARRAY and column(table, "_record") == [0, 1, 2, 3]


def test_a_log_is_told_by_its_fields_where_nothing_names_it() -> None:
    assert log_of({"ts": 1.0, "uid": "C", "id_orig_h": "::1", "conn_state": "SF"}) == "conn"
    assert log_of({"ts": 1.0, "uid": "C", "id": {"orig_h": "::1"}, "new": 1}) == "unknown"
    assert log_of({"@timestamp": "2026-01-01", "uid": "C"}) is None


@pytest.mark.parametrize(
    ("log", "fields"),
    [
        ("irc", "uid command value"), ("irc", "uid user command value"), ("ftp", "uid user command arg"),
        ("rdp", "uid result security_protocol cert_count"), ("smb_cmd", "uid command argument version"),
        ("sip", "uid trans_depth method request_path response_path request_body_len"),
        ("http", "uid trans_depth method request_body_len"), ("tunnel", "tunnel_type action"),
    ],
)  # fmt: skip
def test_logs_whose_telling_fields_are_few(log: str, fields: str) -> None:
    assert log_of({"ts": 1.0, "id.orig_h": "::1", **dict.fromkeys(fields.split(), "x")}) == log


def test_the_subject_of_a_kerberos_certificate_has_no_escaped_comma() -> None:
    line = (
        b'{"_path":"kerberos","ts":1.5,"uid":"C1","request_type":"AS","client_cert_subject":"CN=k,O=Shore\\\\, Inc."}'
    )
    (made,) = [row for batch in zeek.read_json(io.BytesIO(line), "p", "p", lambda _: None, Counter(), line)
               for row in batch.to_pylist()]  # fmt: skip
    assert made["zeek.kerberos.cert.client.subject"] == "CN=k,O=Shore Inc."
    assert made["tls.client.x509.subject.organization"] == "Shore Inc."


def test_lines_that_are_no_records_are_counted_and_the_rest_is_kept() -> None:
    head = "#path\tweird\n#fields\tts\tuid\tname\tnotice\n#types\ttime\tstring\tstring\tbool\n"
    made, skipped, reported = tsv(head + "1.5\tC1\ta\tT\nshort\tline\n\n2.5\tC2\t\udcff\tmaybe\nbad\tC3\tc\tF\n3.5\tC")
    assert [row["_record"] for row in made] == [3, 6, 7]
    assert [row["_time"] for row in made] == [1500000000, 2500000000, None]
    assert skipped == {"not a record": 2}
    assert made[1]["rule.name"] == "\ufffd"
    assert {diagnostic.code for diagnostic in reported} == {"E0504", "W0512"}


def test_a_corrupt_compressed_log_gives_what_came_before(tmp_path: Path) -> None:
    data = (SAMPLES / "conn_and_dns.log").read_bytes()
    (tmp_path / "log.gz").write_bytes(gzip.compress(data * 20)[:-20])
    table, reported = events(tmp_path / "log.gz")
    assert table.rows > 0 and [diagnostic.code for diagnostic in reported][:1] == ["E0504"]


@pytest.mark.parametrize("name", ["conn_and_dns.log", "labelled.log", "records.json"])
def test_mutated_bytes_never_raise(name: str) -> None:
    generator = random.Random(7)
    seed = (SAMPLES / name).read_bytes()
    for _ in range(150):
        data = bytearray(seed)
        for _ in range(generator.randint(1, 6)):
            at = generator.randrange(len(data))
            put = bytes(generator.choices(b'\t\n"{}[],:-#\\x00\xff9eT', k=generator.randint(0, 9)))
            data[at : at + generator.randint(0, 9)] = put
        skipped: Counter[str] = Counter()
        if detect(bytes(data)) is Kind.ZEEK_TSV:
            list(zeek.read_tsv(io.BytesIO(data), "p", "p", lambda _: None, skipped))
        else:
            list(zeek.read_json(io.BytesIO(data), "p", "p", lambda _: None, skipped, bytes(data)))


# Files whose number of events is not that of the manifest, and why.
COUNTED_OTHERWISE = {
    "zeek/ctu-230-1-njrat/README.md": (0, "prose about the capture: refused as of no known format"),
    "zeek/slips-test10-mixed/conn.log": (141, "the manifest counts the header's first line, which a tab precedes"),
    "zeek/slips-test10-mixed/notice.log": (12, "one line has 23 columns, some parted by spaces: counted as no record"),
    "zeek/rita-truncated/conn.log": (58, "the last line is cut off in its ninth column: counted as no record"),
    "zeek/rita-truncated/conn_json.log": (3, "the last line is cut off: counted as not JSON"),
    "zeek/rita-truncated/conn_top.log": (0, "without a header nothing names its columns: refused"),
    "zeek/zat/http.log.corrupt.gz": (150, "the manifest has no count; whole lines before the damage are read"),
}


def test_all_published_logs_are_read_or_refused(shared: Path) -> None:
    with open(shared / "data" / "MANIFEST.tsv", encoding="utf-8", newline="") as manifest:
        entries = [
            row for row in csv.DictReader(manifest, delimiter="\t") if row["path"].startswith(("zeek/", "suricata/"))
        ]
    assert entries
    wrong = []
    for entry in entries:
        table, reported = events(shared / "data" / entry["path"], wanted=frozenset({"event.dataset"}))
        count, _ = COUNTED_OTHERWISE.get(entry["path"], (entry["events"], ""))
        if str(table.rows) != str(count) or (entry["path"] in COUNTED_OTHERWISE and not reported and count == 0):
            wrong.append((entry["path"], table.rows, entry["events"], [diagnostic.message for diagnostic in reported]))
    assert wrong == []
