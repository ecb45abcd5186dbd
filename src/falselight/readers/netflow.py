"""Flow records of collectors as JSON as normalised batches; ``mappings.netflow`` says what their fields become."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import reduce
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from falselight.mappings import netflow, steps
from falselight.mappings.records import Frame, batch
from falselight.readers import Report, tallies
from falselight.readers.json_columns import JsonColumns
from falselight.readers.json_framing import as_lines
from falselight.readers.json_rows import Block
from falselight.readers.settings import Settings


def read(
    stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str], wanted: frozenset[str] | None,
    settings: Settings,
) -> Iterator[pa.RecordBatch | pa.Table]:  # fmt: skip
    """The events of a log, one a flow."""
    lines = as_lines(stream, path, label, report, skipped)
    originals = wanted is None or "event.original" in wanted
    reader = JsonColumns(path, label, report, netflow.needed(wanted), originals, skipped)
    flows = Flows(wanted, settings)
    for block in reader.read(lines):
        made = [
            flows.batch(kind, _part(block, mask))
            for kind, mask in netflow.kinds(block.columns, len(block.records)).items()
            if pc.any(mask).as_py()
        ]
        flows.unread += len(block.records) - sum(each.num_rows for each in made) - flows.taken()
        yield from _in_order(made)
    flows.tell(path, label, report, skipped)


def _part(block: Block, mask: pa.Array) -> Block:
    """The rows of a mask, with the columns that they fill."""
    rows = pc.indices_nonzero(mask)
    taken = {name: values.take(rows) for name, values in block.columns.items()}
    filled = {name: values for name, values in taken.items() if values.null_count < len(values)}
    return Block(filled, block.records.take(rows), None if block.originals is None else block.originals.take(rows))


def _in_order(made: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch | pa.Table]:
    """The parts as one, in the order of the records, where their columns go together."""
    if len(made) < 2:
        yield from made
        return
    try:
        whole = pa.concat_tables([pa.Table.from_batches([each]) for each in made], promote_options="default")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        yield from made
        return
    yield whole.take(pc.sort_indices(whole.column("_record")))


class Flows:
    """What becomes of the records of one input. ``unread`` counts those without a time or an address."""

    def __init__(self, wanted: frozenset[str] | None, settings: Settings) -> None:
        self.unread = 0
        self._wanted, self._settings = wanted, settings
        self._left_out = 0
        self._malformed: Counter[str] = Counter()

    def taken(self) -> int:
        """How many rows the batches since the last call left out; they are counted already."""
        found, self._left_out = self._left_out, 0
        return found

    def batch(self, kind: str, block: Block) -> pa.RecordBatch:
        """One collector's records as a normalised batch."""
        rows = len(block.records)
        if kind == "beat":
            frame = Frame(rows, dict(block.columns), malformed=self._malformed)
            given = frame.columns.pop("@timestamp", None)
            seen = None if given is None else steps.nanoseconds(given, frame, "@timestamp")
            netflow.beat(frame)
        else:
            frame = Frame(rows, {}, malformed=self._malformed)
            told = netflow.flow(kind, dict(block.columns), rows, self._settings, frame, self._wanted).seen
            seen = None if told is None else _nanoseconds(told)
            frame.put("@timestamp", None if told is None else pc.divide(told, 1_000))
        if block.originals is not None:
            frame.put("event.original", block.originals)
        ends = [
            pc.is_valid(values) for name in ("source.ip", "destination.ip") if (values := frame.get(name)) is not None
        ]
        whole = pc.and_(
            pa.repeat(pa.scalar(False), rows) if seen is None else _timed(seen, frame),
            reduce(pc.or_, ends, pa.repeat(pa.scalar(False), rows)),
        )
        if self._wanted is not None:
            frame.columns = {name: values for name, values in frame.columns.items() if name in self._wanted}
            frame.constants = {name: value for name, value in frame.constants.items() if name in self._wanted}
        made = batch(frame, block.records, seen)
        kept = made.filter(whole)
        self._left_out += rows - kept.num_rows
        self.unread += rows - kept.num_rows
        return kept

    def tell(self, path: str, label: str, report: Report, skipped: Counter[str], unit: str = "record") -> None:
        """What was left out."""
        tallies.tell_unread(self.unread, unit, path, label, report, skipped)
        tallies.tell_malformed(self._malformed, path, label, report)


def _nanoseconds(micro: pa.Array) -> pa.Array:
    """What 64 bits cannot hold is null."""
    fits = pc.and_(pc.greater(micro, -9_223_372_036_854_775), pc.less(micro, 9_223_372_036_854_775))
    return pc.multiply(pc.if_else(fits, micro, pa.scalar(None, pa.int64())), 1_000)


def _timed(seen: pa.Array, frame: Frame) -> pa.Array:
    """The rows with a time, be it one that nanoseconds cannot hold."""
    far = frame.get("@timestamp")
    return pc.is_valid(seen) if far is None else pc.or_(pc.is_valid(seen), pc.is_valid(far))
