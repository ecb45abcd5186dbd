"""Zeek's logs, tab-separated or JSON, as normalised batches (see ``columns``); ``mappings.zeek`` says what fields become."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from falselight.mappings import steps, zeek
from falselight.mappings.records import Frame, apply, batch
from falselight.readers import Report, tallies
from falselight.readers.json_columns import JsonColumns
from falselight.readers.zeek_signs import LOG_NAMES as _LOG_NAMES
from falselight.readers.zeek_signs import log_of
from falselight.readers.zeek_tsv import Header, TsvReader

_TIMES = ("ts", "@timestamp")
_LINES_LOOKED_AT = 50


def read_tsv(
    stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str], wanted: frozenset[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """The records of a log with a header."""
    reader = TsvReader(path, label, report, skipped=skipped)
    for chunk in reader.read(stream, lambda header: _needed(_log(header), wanted)):
        frame = Frame(len(chunk.records), chunk.columns, malformed=reader.malformed)
        yield _normalised(frame, _log(chunk.header), chunk.records, None, wanted)
    tallies.tell_malformed(reader.malformed, path, label, report)


def read_json(
    stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str], head: bytes,
    wanted: frozenset[str] | None = None,
) -> Iterator[pa.RecordBatch | pa.Table]:  # fmt: skip
    """The records of a log of JSON lines; ``head`` is how it begins, by which a log without names is told."""
    log, named = _told(head)
    originals = (wanted is None or "event.original" in wanted) and (named or zeek.keeps_original(log))
    reader = JsonColumns(path, label, report, _needed_any(log, named, wanted), originals, skipped)
    malformed: Counter[str] = Counter()
    for block in reader.read(stream):
        columns = _respelled(block.columns)
        names = [columns.pop(name) for name in _LOG_NAMES if name in columns]
        frame = Frame(len(block.records), columns, malformed=malformed)
        if not names:
            yield _normalised(frame, log, block.records, block.originals, wanted)
        else:
            yield from _by_log(frame, pc.coalesce(*names), block.records, block.originals, wanted, log)
    tallies.tell_malformed(malformed, path, label, report)


def _told(head: bytes) -> tuple[str, bool]:
    """The log that the first records belong to, and whether they name it."""
    for line in head.removeprefix(b"\xef\xbb\xbf").split(b"\n", _LINES_LOOKED_AT)[:_LINES_LOOKED_AT]:
        try:
            document = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(document, dict) and (log := log_of(document)) is not None:
            return log, any(name in document for name in _LOG_NAMES)
    return "unknown", False


def _by_log(
    frame: Frame, names: pa.Array, records: pa.Array, originals: pa.Array | None, wanted: frozenset[str] | None,
    otherwise: str,
) -> Iterator[pa.RecordBatch | pa.Table]:  # fmt: skip
    """The records of several logs in one stream, each by its own table, in the order of the records."""
    names = pc.fill_null(names, otherwise)
    logs = pc.unique(names).to_pylist()
    if len(logs) == 1:
        yield _normalised(frame, logs[0], records, originals, wanted)
        return
    made = []
    for log in logs:
        rows = pc.indices_nonzero(pc.equal(names, log))
        taken = {name: values.take(rows) for name, values in frame.columns.items()}
        part = Frame(len(rows), {n: v for n, v in taken.items() if v.null_count < len(v)}, malformed=frame.malformed)
        made.append(_normalised(part, log, records.take(rows), originals.take(rows) if originals else None, wanted))
    try:
        whole = pa.concat_tables([pa.Table.from_batches([each]) for each in made], promote_options="default")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        yield from made
        return
    yield whole.take(pc.sort_indices(whole.column("_record")))


def _normalised(
    frame: Frame, log: str, records: pa.Array, originals: pa.Array | None, wanted: frozenset[str] | None
) -> pa.RecordBatch:
    time = next((frame.columns.pop(name) for name in _TIMES if name in frame.columns), None)
    times = steps.nanoseconds(time, frame, "ts") if time is not None else None
    for name in zeek.shared()["reals"]:
        values = frame.columns.get(name)
        if values is not None and pa.types.is_integer(values.type):
            frame.columns[name] = values.cast(pa.float64(), safe=False)
    result = apply(frame, zeek.table(log), wanted)
    if originals is not None and zeek.keeps_original(log):
        result.put("event.original", originals)
    if time is not None and times is not None:
        result.put("@timestamp", steps.far_dates(time, times))
    return batch(result, records, times)


def _respelled(columns: dict[str, pa.Array]) -> dict[str, pa.Array]:
    """One spelling of each name; records of several shippers may stand in one block."""
    spellings = zeek.shared()["spellings"]
    found: dict[str, pa.Array] = {}
    for name, values in columns.items():
        proper = spellings.get(name, name)
        known = found.get(proper)
        if known is not None and known.type == values.type and not pa.types.is_list(values.type):
            found[proper] = pc.coalesce(known, values)
        else:
            found[name if known is not None else proper] = values
    return found


def _log(header: Header) -> str:
    if header.path:
        # A rotated or split log may be named after the worker or the interface: conn_eth1.
        base = header.path.partition("-")[0]
        return base if base in zeek.logs() else header.path
    return log_of(dict.fromkeys(header.names, "")) or "unknown"


def _needed(log: str, wanted: frozenset[str] | None) -> frozenset[str] | None:
    if wanted is None:
        return None
    found = zeek.table(log).only(wanted)[1] or frozenset()
    return found | frozenset(_TIMES)


def _needed_any(log: str, named: bool, wanted: frozenset[str] | None) -> frozenset[str] | None:
    if wanted is None:
        return None
    found = set(_needed(log, wanted) or ())
    if named:
        for other in zeek.logs():
            found |= _needed(other, wanted) or frozenset()
        found |= {name.split(".", 2)[2] for name in wanted if name.startswith("zeek.") and name.count(".") > 1}
    spellings = zeek.shared()["spellings"]
    return frozenset(found | set(_LOG_NAMES) | {short for short, name in spellings.items() if name in found})
