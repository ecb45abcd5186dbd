"""Paths in, the event table out: containers are opened, each input read (``reading``) and stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from falselight import derive
from falselight.batches import INPUT, numbered
from falselight.case import reader, rows
from falselight.case.given import Case, Given, Meter, Progress, find_all
from falselight.derive import direction, joining, names
from falselight.diagnostics import Diagnostic
from falselight.ecs.schema import Schema
from falselight.readers import Report, containers, ndjson, routing
from falselight.readers.ahead import PutOff
from falselight.readers.detect import BOM, Kind, detect
from falselight.readers.places import Place
from falselight.readers.settings import DEFAULTS, Settings
from falselight.reading import DOCUMENTS, Piece, Reading
from falselight.store import OUTSIDE, UNTIMED, Builder, Counts, EventTable, Input, connect

# Files of ECS lines up to the first are read together, until they are the second.
SMALL_BYTES, TOGETHER_BYTES = 1 << 20, 16 << 20


def read_events(
    paths: Iterable[str | Path],
    schema: Schema,
    *,
    wanted: frozenset[str] | None = None,
    since_ns: int | None = None,
    until_ns: int | None = None,
    report: Report,
    progress: Progress | None = None,
    connection: duckdb.DuckDBPyConnection | None = None,
    settings: Settings = DEFAULTS,
) -> EventTable:
    """All events under the paths. ``wanted`` limits the columns to these fields (and ``@timestamp``); the time range is
    since ≤ @timestamp < until in epoch nanoseconds. ``progress`` gets bytes done, bytes in all, and events so far.
    What cannot be read is reported and counted per input in ``EventTable.counts``; nothing here raises for bad input."""
    given = find_all(paths, report)
    for each in given:
        if isinstance(each, Case):
            schema = reader.schema_of(each.manifest, schema)
    ingest = _Ingest(Builder(connection or connect(), schema), wanted, report, settings, since_ns, until_ns)
    return _read(given, ingest, report, progress, settings)


def _read(
    given: Sequence[Given], ingest: _Ingest, report: Report, progress: Progress | None, settings: Settings
) -> EventTable:
    meter = Meter(given, progress)
    try:
        for each in given:
            if isinstance(each, Case):
                ingest.take(each)
                meter.passed(each.size, ingest.builder.rows)
                continue
            for opened in containers.open_all(each, report, settings.passwords):
                meter.begin(opened)
                for events in ingest.read(opened):
                    meter.tell(events)
        ingest.put_off.settle()
        meter.finish(ingest.builder.rows)
        return ingest.finish()
    finally:
        ingest.put_off.close()


def stream(
    paths: Iterable[str | Path],
    schema: Schema,
    *,
    report: Report,
    progress: Progress | None = None,
    settings: Settings = DEFAULTS,
) -> Iterator[tuple[Input, Counts, Piece]]:
    """All events under the paths as they are read, input by input. The counts grow as an input is read; of an input that
    gives no events there is one empty piece. Inputs that can be read again are read for their names before."""
    given = find_all(paths, report)
    joined = _names(given, schema, progress, settings) if settings.derive else None
    ingest = Reading(schema, Counter(), None, report, settings)
    meter, events, number = Meter(given, progress), 0, -1
    for each in given:
        if isinstance(each, Case):
            first, last = number + 1, None
            for source, counts, batch in rows.batches(each.folder, each.manifest, report):
                number, last = number + (source is not last), source
                if batch is not None:
                    events += batch.num_rows
                    batch = direction.fill(batch, settings) if settings.derive else batch
                    batch = batch if joined is None else joined.fill(batch, number)
                yield source, counts, Piece(Kind.UNKNOWN, batch)
            number = first + len(each.manifest.inputs) - 1
            meter.passed(each.size, events)
            continue
        for opened in containers.open_all(each, report, settings.passwords):
            meter.begin(opened)
            number += not opened.once
            for piece in ingest.pieces(opened):
                if piece.batch is not None and joined is not None and not opened.once:
                    piece = replace(piece, batch=joined.fill(piece.batch, number))
                events += len(piece.documents) if piece.batch is None else piece.batch.num_rows
                yield ingest.inputs[-1], ingest.counts[-1], piece
                meter.tell(events)
            yield ingest.inputs[-1], ingest.counts[-1], Piece(Kind.UNKNOWN)


def _names(
    given: Sequence[Given], schema: Schema, progress: Progress | None, settings: Settings
) -> joining.Names | None:
    """The names that events lack and others tell, of all that can be read twice; None where nothing could be filled in,
    since all are documents that stay as they were written."""
    again = [each if isinstance(each, Case) else [place for place in each if place.path is not None] for each in given]
    if not any(isinstance(each, Case) or any(map(_may_lack_names, each)) for each in again):
        return None
    for each in again:
        if isinstance(each, Case):
            schema = reader.schema_of(each.manifest, schema)
    wanted, quiet = frozenset({derive.NAME}), replace(settings, assumed=Counter())
    ingest = _Ingest(Builder(connect(), schema), wanted, _untold, quiet, None, None)
    return joining.Names(_read(again, ingest, _untold, progress, quiet))


def _untold(diagnostic: Diagnostic) -> None:
    """What is wrong is told when the events are read for good."""


def _may_lack_names(place: Place) -> bool:
    """Whether a file may hold anything but documents."""
    try:
        with place.open() as stream:
            return detect(stream.read(containers.HEAD_BYTES)) not in DOCUMENTS
    except OSError:
        return False


class _Ingest(Reading):
    """One run into an event table, of the events since ≤ @timestamp < until."""

    def __init__(
        self,
        builder: Builder,
        wanted: frozenset[str] | None,
        report: Report,
        settings: Settings,
        since_ns: int | None,
        until_ns: int | None,
    ) -> None:
        # The builder's own counter is that of the thread that stores.
        self._malformed: Counter[str] = Counter()
        super().__init__(builder.schema, self._malformed, wanted, report, settings)
        self.builder = builder
        self.put_off = PutOff()
        self._since_ns, self._until_ns = since_ns, until_ns
        self._digests: list[Callable[[], Input] | None] = []
        self._small: list[ndjson.Small] = []

    def read(self, opened: containers.Opened) -> Iterator[int]:
        """Put one input's events into the table; gives how many it holds, again and again. Small ones wait for others."""
        self._digests.append(opened.described)
        if not self._waits(opened):
            yield from self._together()
            number = len(self.inputs)
            for group in self.groups(opened):
                yield self._store([numbered(batch, number) for batch in group])
        elif sum(len(each.data) for each in self._small) >= TOGETHER_BYTES:
            yield from self._together()

    def _waits(self, opened: containers.Opened) -> bool:
        """Whether the input is one that waits to be read together with others."""
        size = opened.input.size
        if not self._documents.joins or opened.path is None or size is None or size > SMALL_BYTES:
            return False
        if self._kind(opened) is not Kind.ECS_LINES:
            return False
        data = opened.stream.read(SMALL_BYTES + 1)
        if len(data) > SMALL_BYTES or not routing.is_uniform(data, Kind.ECS_LINES):
            # It has grown, or other readers have a part in it.
            opened.stream.seek(0)
            return False
        self._begin(opened, Kind.ECS_LINES)
        source = self.inputs[-1]
        data = data.removeprefix(BOM)
        self._small.append(ndjson.Small(len(self.inputs) - 1, source.path, opened.label, data, self.counts[-1].skipped))
        return True

    def _together(self) -> Iterator[int]:
        """Put the events of the inputs that wait into the table."""
        small, self._small = self._small, []
        directed = self._derives(derive.DIRECTION)
        for table in self._documents.together(small) if small else ():
            yield self._store([direction.fill(table, self._settings) if directed else table])

    def _store(self, tables: list[pa.Table]) -> int:
        """Put them into the table, one behind the other, several in the order of their records, while others are read. Gives
        how many events the table holds so far."""
        self.put_off.do(partial(self._put, self.schema, tables))
        return self.builder.rows

    def _put(self, schema: Schema, tables: list[pa.Table]) -> None:
        self.builder.adopt(schema)
        kept = [self._within(table) for table in tables]
        for table in kept:
            for number, count in _by_input(table):
                self.counts[number].events += count
        if len(kept) == 1:
            self.builder.append_numbered(kept[0])
        else:
            self.builder.append_among(kept)

    def _within(self, table: pa.Table) -> pa.Table:
        """The events of the time range; the others are counted."""
        if self._since_ns is None and self._until_ns is None:
            return table
        times = table.column("_time")
        kept = pc.is_valid(times)
        if self._since_ns is not None:
            kept = pc.and_(kept, pc.fill_null(pc.greater_equal(times, self._since_ns), False))
        if self._until_ns is not None:
            kept = pc.and_(kept, pc.fill_null(pc.less(times, self._until_ns), False))
        for reason, left in ((UNTIMED, pc.is_null(times)), (OUTSIDE, pc.and_(pc.is_valid(times), pc.invert(kept)))):
            for number, count in _by_input(table.select([INPUT]).filter(left)):
                self.counts[number].skipped[reason] += count
        return table.filter(kept)

    def take(self, case: Case) -> None:
        """Put a case's events into the table."""
        for _ in self._together():
            pass
        self.put_off.settle()
        first, since_ns, until_ns = len(self.inputs), self._since_ns, self._until_ns
        fill = partial(direction.fill, settings=self._settings) if self._derives(derive.DIRECTION) else None
        reader.read(
            case.folder, case.manifest, self.builder, self._wanted, self._report,
            first_input=first, since_ns=since_ns, until_ns=until_ns, fill=fill,
        )  # fmt: skip
        self.inputs.extend(reader.inputs(case.folder, case.manifest))
        self._digests.extend([None] * len(case.manifest.inputs))
        self.counts.extend(reader.counts(case.manifest, self.builder, first, since_ns is None and until_ns is None))

    def finish(self) -> EventTable:
        for _ in self._together():
            pass
        self.put_off.settle()
        table = self.builder.finish()
        table.malformed.update(self._malformed)
        table.inputs = [
            source if digest is None else replace(source, sha256=digest().sha256)
            for source, digest in zip(self.inputs, self._digests, strict=True)
        ]
        table.counts = self.counts
        if self._derives(derive.NAME):
            names.fill(table)
        return table


def _by_input(table: pa.Table) -> Iterator[tuple[int, int]]:
    """How many rows there are of each input."""
    for each in pc.value_counts(table.column(INPUT)):
        yield each["values"].as_py(), each["counts"].as_py()
