"""Splunk's exports are read as what they wrap."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import pytest

from falselight.diagnostics import Diagnostic
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
