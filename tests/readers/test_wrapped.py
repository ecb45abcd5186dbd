"""Splunk's exports are read as what they wrap."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import pytest

from falselight import ingest
from falselight.diagnostics import Diagnostic
from falselight.ecs import release
from falselight.readers import containers, evidence, wrapped
from falselight.readers.detect import Kind, detect

LINES = [
    "Mar 02 2026 08:15:30 fw : %ASA-6-302020: Built inbound ICMP connection for faddr 203.0.113.9/0 gaddr 10.7.0.3/0",
    'Mar 02 2026 08:15:31 fw : %ASA-4-106023: Deny tcp src o:203.0.113.9/5 dst i:10.7.0.3/23 by access-group "a,b" [0x0, 0x0]',
    "Mar 02 2026 08:15:32 fw : %ASA-6-305012: Teardown dynamic\nTCP translation – from i:10.7.0.3/1 to o:203.0.113.1/2",
]
EXPECTED = "".join(line.replace("\n", " ") + "\n" for line in LINES).encode()


def as_json(lines: list[str], nested: bool) -> bytes:
    rows = [{"_raw": line, "_time": "2026-03-02 08:15:30.000 UTC", "host": "fw"} for line in lines]
    wrap = [{"preview": False, "offset": at, "result": row} if nested else row for at, row in enumerate(rows)]
    return "".join(json.dumps(row) + "\n" for row in wrap).encode()


def as_csv(lines: list[str]) -> bytes:
    buffer = io.StringIO()
    table = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    table.writerows([["_serial", "_raw", "host"], *([str(at), line, "fw"] for at, line in enumerate(lines))])
    return buffer.getvalue().encode()


def opened(path: Path) -> tuple[bytes, list[Diagnostic]]:
    told: list[Diagnostic] = []
    (content,) = [each.stream.read() for each in containers.open_all([path], told.append)]
    return content, told


@pytest.mark.parametrize(
    "data",
    [as_json(LINES, nested=True), as_json(LINES, nested=False), as_csv(LINES), b"\xef\xbb\xbf" + as_csv(LINES)],
)
def test_records_come_out_one_a_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "export"
    path.write_bytes(gzip.compress(data))
    content, told = opened(path)
    assert content == EXPECTED
    assert told == []
    assert detect(content) is Kind.CISCO_ASA
    (source,) = [each.described() for each in containers.open_all([path], told.append)]
    assert evidence.original(source, [2, 0]) == [LINES[2].replace("\n", " ").encode(), LINES[0].encode()]


def test_lines_without_a_record_are_kept_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "export"
    odd = b'{"preview":false,"result":{"count":"3"}}\n{"preview": damaged "_raw"\n'
    path.write_bytes(odd + as_json(LINES[:1], nested=True))
    assert opened(path) == (odd + LINES[0].encode() + b"\n", [])


def test_rows_of_another_width_are_told(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_bytes(as_csv(LINES) + b'"3","short \xe5"\n"4","a","b","c"\n' + as_csv(LINES[:1]).partition(b"\n")[2])
    content, told = opened(path)
    assert content == EXPECTED + LINES[0].encode() + b"\n"
    assert [each.code for each in told] == ["E0504"]
    assert "2 rows have another number of columns" in told[0].message


@pytest.mark.parametrize(
    "data",
    [
        b'{"_raw": "text", "@timestamp": "2026-03-02T08:15:30Z"}\n',
        b'{"result": "none", "note": "_raw"}\n',
        b"a,b,c_raw\n1,2,3\n",
        b"_raw,b\n1,2\n",
        b'{"preview":false,"result":{"_raw":5}}\n',
    ],
)
def test_other_documents_are_not_unwrapped(data: bytes) -> None:
    assert wrapped.wrapping(data) is None


def test_a_first_line_longer_than_the_head_is_known_by_its_beginning() -> None:
    line = as_json(["x" * 200_000], nested=True)
    assert wrapped.wrapping(line[: containers.HEAD_BYTES]) == wrapped.JSON


EVE = '{"timestamp":"2026-03-02T08:15:30.000000+0000","event_type":"flow","flow_id":7,"src_ip":"10.7.0.3","flow":{"age":3}}'
AUDIT = "type=SYSCALL msg=audit(1772439330.123:7): arch=c000003e syscall=59 success=yes"


def shipped(message: str, **more: object) -> dict[str, object]:
    """A document as Filebeat writes it before any pipeline."""
    around = {"@timestamp": "2026-03-02T08:20:00Z", "agent": {"type": "filebeat"}, "log": {"offset": 0}, **more}
    return {**around, "message": message}


def as_lines(*documents: object) -> bytes:
    return "".join(json.dumps(each) + "\n" for each in documents).encode()


@pytest.mark.parametrize("more", [{}, {"event": {"module": "cisco", "original": "x"}}, {"@version": "1", "host": "fw"}])
def test_records_that_a_shipper_holds_come_out_one_a_line(tmp_path: Path, more: dict[str, object]) -> None:
    path = tmp_path / "filebeat.ndjson"
    path.write_bytes(as_lines(*(shipped(line, **more) for line in LINES)))
    content, told = opened(path)
    assert content == EXPECTED and told == []


def test_a_shipper_s_json_record_is_that_source_s(tmp_path: Path) -> None:
    path = tmp_path / "cloudwatch"
    path.write_bytes(as_lines({"timestamp": 1772439330000, "message": EVE, "eventId": "7", "logStreamName": "s"}))
    assert opened(path) == (EVE.encode() + b"\n", [])
    assert detect(EVE.encode()) is Kind.EVE_LINES


@pytest.mark.parametrize(
    "document",
    [
        shipped(LINES[0], event={"category": ["network"]}),  # a pipeline has seen it
        shipped(LINES[0], source={"ip": "10.7.0.3"}),
        shipped(LINES[0], event="x"),
        shipped("user logged on"),
        shipped(LINES[0].partition(" : ")[2]),  # only the document tells the time
        shipped(AUDIT, host={"name": "shore"}),  # only the document tells the host
        shipped(json.dumps({"@timestamp": "2026-03-02T08:20:00Z", "event": {"kind": "event"}})),
        shipped(""),
    ],
)
def test_documents_that_tell_more_than_a_record_stay_documents(tmp_path: Path, document: dict[str, object]) -> None:
    path = tmp_path / "documents"
    path.write_bytes(as_lines(document))
    assert opened(path) == (as_lines(document), [])


def test_a_shipper_s_records_and_documents_in_one_file_find_their_readers(tmp_path: Path) -> None:
    path = tmp_path / "both"
    document = {"@timestamp": "2026-03-02T08:15:33Z", "event": {"dataset": "other"}, "source": {"ip": "10.7.0.4"}}
    path.write_bytes(as_lines(shipped(LINES[1]), document, shipped(LINES[0])))
    table = ingest.read_events([path], release.schema(), report=pytest.fail)
    found = table.connection.execute(f'SELECT "event.dataset", "source.ip" FROM {table.name} ORDER BY _time').fetchall()
    assert found == [("cisco.asa", None), ("cisco.asa", "203.0.113.9"), ("other", "10.7.0.4")]
