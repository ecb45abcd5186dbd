"""Zeek's logs, tab-separated or JSON, as normalised batches (see ``columns``); ``mappings.zeek`` says what fields become."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import BinaryIO

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from falselight.mappings import columnar, steps, zeek
from falselight.mappings.records import Frame, apply, batch
from falselight.readers import Report, tallies
from falselight.readers.json_columns import JsonColumns
from falselight.readers.json_rows import Block, Narrow
from falselight.readers.zeek_signs import LOG_NAMES as _LOG_NAMES
from falselight.readers.zeek_signs import log_of
from falselight.readers.zeek_tsv import Chunk, Header, TsvReader

_TIMES = ("ts", "@timestamp")
_LINES_LOOKED_AT = 50


def read_tsv(
    stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str], wanted: frozenset[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """The records of a log with a header."""
    reader = TsvReader(path, label, report, skipped=skipped)

    def normalised(chunk: Chunk, malformed: Counter[str]) -> pa.RecordBatch:
        frame = Frame(len(chunk.records), chunk.columns, malformed=malformed)
        return _normalised(frame, _log(chunk.header), chunk.records, None, wanted)

    yield from reader.read(stream, lambda header: _needed(_log(header), wanted), normalised)
    tallies.tell_malformed(reader.malformed, path, label, report)


def read_json(
    stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str], head: bytes,
    wanted: frozenset[str] | None = None,
) -> Iterator[pa.RecordBatch | pa.Table]:  # fmt: skip
    """The records of a log of JSON lines; ``head`` is how it begins, by which a log without names is told."""
    log = _told(head)
    originals = wanted is None or "event.original" in wanted
    reader = JsonColumns(path, label, report, _needed_any(log, wanted), originals, skipped)

    def normalised(block: Block, malformed: Counter[str]) -> list[pa.RecordBatch | pa.Table] | None:
        columns = _respelled(block.columns)
        names = [columns.pop(name) for name in _LOG_NAMES if name in columns]
        frame = Frame(len(block.records), columns, malformed=malformed)
        logs = pc.coalesce(*names) if names else None
        named = logs is not None and not logs.null_count
        if not named:
            recognised = _recognised(columns, len(block.records), None if block.narrow else log)
            logs = recognised if logs is None else pc.coalesce(logs, recognised)
        kinds = pc.unique(logs).to_pylist()
        if block.narrow is None:
            reader.narrow = _narrow(kinds[0], named, columns, wanted) if len(kinds) == 1 else None
        elif kinds != [block.narrow.kind]:
            return None
        return list(_by_log(frame, logs, kinds, block, wanted))

    for batches in reader.each(stream, normalised):
        yield from batches
    tallies.tell_malformed(reader.malformed, path, label, report)


def _told(head: bytes) -> str:
    """The log that the first record belongs to of those that tell it."""
    for line in head.removeprefix(b"\xef\xbb\xbf").split(b"\n", _LINES_LOOKED_AT)[:_LINES_LOOKED_AT]:
        try:
            document = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(document, dict) and (log := log_of(document)) is not None:
            return log
    return "unknown"


def _narrow(log: str, named: bool, columns: Collection[str], wanted: frozenset[str] | None) -> Narrow | None:
    """What to read of records that are of one log, as those with these columns are; None where nothing would show that one of
    them is not. Without names it is shown by the log's own fields, and by a field that each log lacks that would go before it."""
    recognise = zeek.shared()["recognise"]
    if wanted is None or not (named or log in recognise):
        return None
    found, absent = {*(_needed(log, wanted) or ()), *_LOG_NAMES}, set[str]()
    if not named:
        own, ranks = recognise[log], list(recognise)
        found.update(own)
        for other, fields in recognise.items():
            if (-len(fields), ranks.index(other)) < (-len(own), ranks.index(log)):
                lacking = [name for name in fields if name not in columns and name not in found]
                if not lacking:
                    found.update(fields)
                elif absent.isdisjoint(lacking):
                    absent.add(lacking[0])
    return Narrow(log, _spelled(found), frozenset(absent))


def _spelled(names: set[str]) -> frozenset[str]:
    """The names in each of their spellings."""
    return frozenset(names | {short for short, name in zeek.shared()["spellings"].items() if name in names})


def _recognised(columns: dict[str, pa.Array], rows: int, otherwise: str | None) -> pa.Array:
    """The log of each record by its fields (see ``zeek_signs.log_of``); ``otherwise`` where these tell none."""
    found, sizes = np.zeros(rows, np.int32), np.zeros(rows, np.int32)
    logs: list[str | None] = [otherwise]
    for log, fields in zeek.shared()["recognise"].items():
        if not all(name in columns for name in ("ts", *fields)):
            continue
        having = sizes < len(fields)
        for values in (columns[name] for name in ("ts", *fields)):
            if values.null_count:
                having &= np.asarray(values.is_valid())
        found[having], sizes[having] = len(logs), len(fields)
        logs.append(log)
    return pa.DictionaryArray.from_arrays(pa.array(found), pa.array(logs, pa.string())).dictionary_decode()


def _by_log(
    frame: Frame, names: pa.Array, logs: list[str], block: Block, wanted: frozenset[str] | None
) -> Iterator[pa.RecordBatch | pa.Table]:
    """The records of several logs in one stream, each by its own table, in the order of the records."""
    if len(logs) == 1:
        yield _normalised(frame, logs[0], block.records, _originals(block, logs[0]), wanted)
        return
    made = []
    for log in logs:
        rows = pc.indices_nonzero(pc.equal(names, log))
        taken = {name: values.take(rows) for name, values in frame.columns.items()}
        part = Frame(len(rows), {n: v for n, v in taken.items() if v.null_count < len(v)}, malformed=frame.malformed)
        originals = _originals(block, log)
        originals = None if originals is None else originals.take(rows)
        made.append(_plain(_normalised(part, log, block.records.take(rows), originals, wanted)))
    try:
        whole = pa.concat_tables(made, promote_options="default")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        yield from made
        return
    yield whole.take(pc.sort_indices(whole.column("_record")))


def _originals(block: Block, log: str) -> pa.Array | None:
    return block.originals if zeek.keeps_original(log) else None


def _plain(batch: pa.RecordBatch) -> pa.Table:
    """The batch without dictionaries: what is a dictionary's in one log may be none in another."""
    table = pa.Table.from_batches([batch])
    for place, entry in enumerate(table.schema):
        if pa.types.is_dictionary(entry.type):
            table = table.set_column(place, entry.name, table.column(place).cast(entry.type.value_type))
    return table


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
    if originals is not None:
        result.put("event.original", originals)
    if time is not None and times is not None:
        result.put("@timestamp", steps.far_dates(time, times))
    return batch(result, records, times)


def _respelled(columns: dict[str, pa.Array]) -> dict[str, pa.Array]:
    """One spelling of each name; records of several shippers may stand in one block."""
    spellings = zeek.shared()["spellings"]
    return columnar.renamed(columns, lambda name: spellings.get(name, name))


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


def _needed_any(log: str, wanted: frozenset[str] | None) -> frozenset[str] | None:
    """The raw columns to read: those of each log that may come, and those that tell which it is."""
    if wanted is None:
        return None
    found = set(_needed(log, wanted) or ())
    for other in zeek.logs():
        found |= _needed(other, wanted) or frozenset()
    found |= {name.split(".", 2)[2] for name in wanted if name.startswith("zeek.") and name.count(".") > 1}
    found.update(*zeek.shared()["recognise"].values())
    return _spelled(found | set(_LOG_NAMES))
