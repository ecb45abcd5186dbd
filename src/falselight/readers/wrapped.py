"""What search tools and shippers wrap, as the records that devices wrote, one a line, in their order.

Splunk's exports (``_raw``) come as JSON lines, where the record stands in ``result`` or beside the search's own columns, and as
CSV. Documents of Filebeat, Logstash and CloudWatch that no pipeline has seen hold the record as ``message``. Line breaks in a
record become blanks, so that the number of a line stays that of its record. A JSON line that wraps no record is given as it
is: whoever reads it counts what it cannot use."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import orjson
import pyarrow as pa
import pyarrow.csv as pacsv

from falselight.readers import text_signs
from falselight.readers.decompress import PIECE, Reads
from falselight.readers.detect import Kind, detect

JSON, CSV, SHIPPED = "splunk-json", "splunk-csv", "shipped-json"
KINDS = (JSON, CSV, SHIPPED)
_COLUMN = "_raw"
_LINES_LOOKED_AT = 50
_LONGEST_LINE = 256 << 20
_BLOCK_BYTES = 16 << 20
# Beside ``_raw`` an export has columns of Splunk's own; a document of another maker with that name has none of them.
_OWN = ("_time", "_indextime", "sourcetype", "_sourcetype", "_serial", "_bkt")
_HEADER = re.compile(
    rb'(?:\xef\xbb\xbf)?(?:"[^"\r\n]{1,128}"|[\w.:-]{1,128})(?:,(?:"[^"\r\n]{1,128}"|[\w.:-]{1,128})){0,500}\r?'
)
# All that a shipper writes beside a record: how it came, never what it tells.
_SHIPPING = frozenset((
    "message", "@timestamp", "@version", "@metadata", "agent", "beat", "data_stream", "ecs", "elastic_agent", "event", "fields",
    "fileset", "host", "input", "log", "offset", "path", "prospector", "service", "tags", "type", "eventId", "id",
    "ingestionTime", "logGroup", "logStream", "logStreamName", "owner", "timestamp",
))  # fmt: skip
_OF_EVENT = frozenset(("created", "dataset", "ingested", "module", "original", "timezone"))
# A record that does not begin with its time has it of the shipper alone, so that the document is needed.
_TIMED = re.compile(rb"\d\d:\d\d:\d\d|\b1\d{9}\b")
_TIMED_WITHIN = 160
# Records that do not tell their host, which only the shipper knows.
_OF_ONE_HOST = frozenset(("auditd",))
_DOCUMENTS = frozenset((Kind.ECS_LINES, Kind.SOURCE_LINES, Kind.WINDOWS_LINES))
_FIRST_LINES = 3
_MARK = b"\xef\xbb\xbf"
_BREAKS = re.compile(rb"[\r\n]+")
# A first line that is longer than the head.
_BEGUN = re.compile(rb'\s*\{"preview": ?(?:true|false),[^{}\n]{0,200}"result": ?\{')


def wrapping(head: bytes) -> str | None:
    """How the records of an input are wrapped that begins with these bytes, or None."""
    if b"_raw" not in head:
        few = head.split(b"\n", _FIRST_LINES)[:_FIRST_LINES] if b'"message"' in head else []
        return SHIPPED if any(_message(line) is not None for line in few) else None
    lines = head.split(b"\n", _LINES_LOOKED_AT)[:_LINES_LOOKED_AT]
    if _HEADER.fullmatch(lines[0]) and len(lines) > 1:
        names = [name.strip(b'"') for name in lines[0].removeprefix(_MARK).rstrip(b"\r").split(b",")]
        return CSV if _COLUMN.encode() in names and any(own.encode() in names for own in _OWN) else None
    is_cut_off = len(lines) == 1 and _BEGUN.match(head) is not None
    return JSON if is_cut_off or any(_raw(line) is not None for line in lines) else None


def unwrapped(kind: str, stream: BinaryIO) -> Reads:
    """The records of a stream that is wrapped in this way."""
    return _Lines(_of_csv(stream) if kind == CSV else _of_json(stream, _raw if kind == JSON else _message))


class _Lines:
    """Lines as a stream of bytes; a fault is raised when all before it has been given."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self._rest = b""
        self._fault: ValueError | None = None

    def read1(self, size: int = -1, /) -> bytes:
        if not self._rest:
            self._rest = b"".join(self._some())
        if not self._rest and self._fault is not None:
            raise self._fault
        size = len(self._rest) if size < 0 else size
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def _some(self) -> Iterator[bytes]:
        length = 0
        try:
            while length < PIECE and (line := next(self._lines, None)) is not None:
                yield line
                length += len(line)
        except ValueError as error:
            self._fault = error


def _of_json(stream: BinaryIO, record: Callable[[bytes], str | None]) -> Iterator[bytes]:
    while line := stream.readline(_LONGEST_LINE):
        raw = record(line)
        yield line if raw is None else _BREAKS.sub(b" ", raw.encode("utf-8", "surrogatepass")) + b"\n"


def _raw(line: bytes) -> str | None:
    """The record in a line; None for one that holds none."""
    if b'"_raw"' not in line:
        return None
    try:
        document: Any = orjson.loads(line.removeprefix(_MARK))
    except orjson.JSONDecodeError:
        return None
    found = document.get("result", document) if isinstance(document, dict) else None
    if not isinstance(found, dict) or not isinstance(found.get(_COLUMN), str):
        return None
    return found[_COLUMN].strip() if found is not document or any(own in found for own in _OWN) else None


def _message(line: bytes) -> str | None:
    """The record that a shipper's document holds; None if it is none, or tells more than that."""
    if b'"message"' not in line:
        return None
    try:
        document: Any = orjson.loads(line.removeprefix(_MARK))
    except orjson.JSONDecodeError:
        return None
    if not isinstance(document, dict) or not document.keys() <= _SHIPPING:
        return None
    event, message = document.get("event"), document.get("message")
    if not isinstance(message, str) or (
        event is not None and not (isinstance(event, dict) and event.keys() <= _OF_EVENT)
    ):
        return None
    return message.strip() if _is_record(message.encode("utf-8", "surrogatepass").strip()) else None


def _is_record(message: bytes) -> bool:
    """Whether a source that is known here wrote this."""
    if message.startswith(b"{"):
        kind = detect(message)
        return kind is not Kind.UNKNOWN and kind not in _DOCUMENTS
    found = text_signs.of_line(message)
    is_whole = found is not None and found not in _OF_ONE_HOST
    return is_whole and _TIMED.search(message, 0, _TIMED_WITHIN) is not None


def _of_csv(stream: BinaryIO) -> Iterator[bytes]:
    """Raises ``ValueError``, behind the last row, if rows had another number of columns than the header."""
    refused = 0

    def refuse(_: Any) -> str:
        nonlocal refused
        refused += 1
        return "skip"

    reader = pacsv.open_csv(
        pa.PythonFile(_Whole(stream), mode="r"),
        # A byte a letter, so that no byte is refused.
        read_options=pacsv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES, encoding="latin1"),
        parse_options=pacsv.ParseOptions(newlines_in_values=True, invalid_row_handler=refuse),
        convert_options=pacsv.ConvertOptions(
            include_columns=[_COLUMN], column_types={_COLUMN: pa.string()}, strings_can_be_null=False
        ),
    )
    for batch in reader:
        for raw in batch.column(0).to_pylist():
            yield _BREAKS.sub(b" ", raw.encode("latin1").strip()) + b"\n"
    if refused:
        raise ValueError(f"{refused} rows have another number of columns than the header")


class _Whole(io.RawIOBase):
    """A stream without its byte-order mark, which the CSV reader may close without closing the input."""

    def __init__(self, inner: BinaryIO) -> None:
        self._inner = inner
        self._is_begun = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._inner.read(size)
        if not self._is_begun:
            self._is_begun, data = True, data.removeprefix(_MARK)
        return data
