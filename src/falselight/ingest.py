"""Paths in, the event table out: containers are opened, each input recognised, read, normalised and stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from falselight import derive
from falselight.batches import INPUT, numbered
from falselight.case import reader, rows
from falselight.case.given import Case, Meter, Progress, find_all
from falselight.derive import direction, names
from falselight.documents import Collector
from falselight.ecs.schema import Schema
from falselight.mappings import data_stream
from falselight.readers import UNKNOWN, Report, containers, fault, ndjson
from falselight.readers.detect import BOM, Kind, detect
from falselight.readers.settings import DEFAULTS, Settings
from falselight.store import OUTSIDE, UNTIMED, Builder, Counts, EventTable, Input, connect

_DOCUMENTS_AT_ONCE = 2_000
# Files of ECS lines up to the first are read together, until they are the second.
SMALL_BYTES, TOGETHER_BYTES = 1 << 20, 16 << 20
_WINDOWS = frozenset({Kind.EVTX, Kind.WINDOWS_LINES, Kind.WINDOWS_ARRAY, Kind.WINDOWS_RESPONSE})
_SENSORS = frozenset({Kind.ZEEK_TSV, Kind.ZEEK_LINES, Kind.ZEEK_ARRAY, Kind.EVE_LINES, Kind.EVE_ARRAY})
# Text and binary sources of one module each, loaded on use: ``read(stream, path, label, report, skipped, wanted, settings)``.
_MODULES: dict[Kind, str] = {
    Kind.WINDOWS_XML: "falselight.readers.windows_xml",
    Kind.PCAP: "falselight.readers.pcap",
    Kind.CISCO_ASA: "falselight.readers.cisco_asa",
    Kind.CISCO_FTD: "falselight.readers.cisco_ftd",
    Kind.CHECKPOINT: "falselight.readers.checkpoint",
    Kind.FORTINET: "falselight.readers.fortinet",
    Kind.JUNIPER_SRX: "falselight.readers.juniper_srx",
    Kind.SOPHOS_XG: "falselight.readers.sophos_xg",
    Kind.PFSENSE: "falselight.readers.pfsense",
    Kind.ZSCALER: "falselight.readers.zscaler_zia",
    Kind.PROXYSG: "falselight.readers.proxysg",
    Kind.IPTABLES: "falselight.readers.iptables",
    Kind.SQUID: "falselight.readers.squid",
    Kind.CISCO_UMBRELLA: "falselight.readers.cisco_umbrella",
    Kind.DNS_SERVER: "falselight.readers.dns_server",
    Kind.AWS_VPC: "falselight.readers.aws_vpcflow",
    Kind.AZURE_FLOWS: "falselight.readers.azure_flows",
    Kind.AZURE_FLOW_LOGS: "falselight.readers.azure_flow_logs",
    Kind.GCP_VPC: "falselight.readers.gcp_vpcflow",
    Kind.OCSF: "falselight.readers.ocsf",
    Kind.OCSF_PARQUET: "falselight.readers.ocsf_parquet",
    Kind.PASSIVE_DNS: "falselight.readers.passive_dns",
    Kind.WAZUH: "falselight.readers.wazuh",
    Kind.NETFLOW: "falselight.readers.netflow",
    Kind.NETFLOW_CSV: "falselight.readers.netflow_csv",
    Kind.PANOS: "falselight.readers.panos",
    Kind.CEF: "falselight.readers.cef",
    Kind.WINDOWS_DNS: "falselight.readers.windows_dns",
    Kind.AUDITD: "falselight.readers.auditd",
    Kind.CSV: "falselight.readers.csv_mapped",
}
_JSON = frozenset({Kind.ECS_LINES, Kind.ECS_ARRAY, Kind.SOURCE_LINES, Kind.SOURCE_ARRAY, Kind.RESPONSE})


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
    meter = Meter(given, progress)
    for each in given:
        if isinstance(each, Case):
            ingest.take(each)
            meter.passed(each.size, ingest.builder.rows)
            continue
        for opened in containers.open_all(each, report, settings.passwords):
            meter.begin(opened)
            for events in ingest.read(opened):
                meter.tell(events)
    meter.finish(ingest.builder.rows)
    return ingest.finish()


@dataclass(frozen=True)
class Piece:
    """Some records of one input, in order: a normalised batch, or the documents themselves where they are ECS already."""

    kind: Kind
    batch: pa.RecordBatch | pa.Table | None = None
    documents: tuple[tuple[int, dict[str, Any]], ...] = ()


def stream(
    paths: Iterable[str | Path],
    schema: Schema,
    *,
    report: Report,
    progress: Progress | None = None,
    settings: Settings = DEFAULTS,
) -> Iterator[tuple[Input, Counts, Piece]]:
    """All events under the paths as they are read, input by input; nothing is stored. The counts grow as an input is
    read; of an input that gives no events there is one empty piece."""
    given = find_all(paths, report)
    ingest = Reading(schema, Counter(), None, report, settings)
    meter, events = Meter(given, progress), 0
    for each in given:
        if isinstance(each, Case):
            for source, counts, batch in rows.batches(each.folder, each.manifest, report):
                events += 0 if batch is None else batch.num_rows
                batch = direction.fill(batch, settings) if batch is not None and settings.derive else batch
                yield source, counts, Piece(Kind.UNKNOWN, batch)
            meter.passed(each.size, events)
            continue
        for opened in containers.open_all(each, report, settings.passwords):
            meter.begin(opened)
            for piece in ingest.pieces(opened):
                events += len(piece.documents) if piece.batch is None else piece.batch.num_rows
                yield ingest.inputs[-1], ingest.counts[-1], piece
                meter.tell(events)
            yield ingest.inputs[-1], ingest.counts[-1], Piece(Kind.UNKNOWN)


class Reading:
    """One run of readers, and what came of each input. ``malformed`` counts values that their field rejects."""

    def __init__(
        self,
        schema: Schema,
        malformed: Counter[str],
        wanted: frozenset[str] | None,
        report: Report,
        settings: Settings,
    ) -> None:
        self.counts: list[Counts] = []
        self.inputs: list[Input] = []
        self._wanted = None if wanted is None else _columns_wanted(wanted, schema)
        if self._wanted is not None and settings.derive:
            self._wanted = derive.needed(self._wanted)
        self._report = report
        self._settings = settings
        self._collector = Collector(schema, strings="keyword", malformed=malformed, wanted=self._wanted)
        self._documents = ndjson.Reader(self._collector, report, self._wanted)

    def batches(self, opened: containers.Opened) -> Iterator[pa.RecordBatch | pa.Table]:
        """The normalised batches of one input, with the directions that it does not give; of raw records, with the name
        of the dataset that they would be indexed in."""
        directed = self._derives(derive.DIRECTION)
        named = self._derives(data_stream.TARGET) and self._kind(opened) not in _JSON
        for batch in self._read(opened):
            batch = direction.fill(batch, self._settings) if directed else batch
            yield data_stream.fill(batch) if named else batch

    def pieces(self, opened: containers.Opened) -> Iterator[Piece]:
        """The records of one input, counted; ECS documents as they were written."""
        kind = self._kind(opened)
        if kind not in _JSON:
            for batch in self.batches(opened):
                self.counts[-1].events += batch.num_rows
                yield Piece(kind, batch)
            return
        self._begin(opened)
        numbered = self._documents.documents(opened.stream, kind, opened.input.path, opened.label)
        while some := tuple(islice(numbered, _DOCUMENTS_AT_ONCE)):
            self.counts[-1].events += len(some)
            yield Piece(kind, documents=some)
        self.counts[-1].skipped.update(self._documents.skipped)

    @property
    def schema(self) -> Schema:
        """The schema as the documents have widened it."""
        return self._collector.schema

    def _derives(self, field: str) -> bool:
        return self._settings.derive and (self._wanted is None or field in self._wanted)

    def _kind(self, opened: containers.Opened) -> Kind:
        """By content; a CSV file that is of no known kind by the user's mappings."""
        head = opened.head()
        kind = detect(head)
        return Kind.CSV if kind is Kind.UNKNOWN and any(each.fits(head) for each in self._settings.csv) else kind

    def _begin(self, opened: containers.Opened, kind: Kind | None = None) -> Kind:
        kind = kind or self._kind(opened)
        self.inputs.append(replace(opened.input, kind=str(kind)))
        self.counts.append(Counts())
        return kind

    def _read(self, opened: containers.Opened) -> Iterator[pa.RecordBatch | pa.Table]:
        kind = self._begin(opened)
        if kind in _JSON:
            yield from self._documents.read(opened.stream, kind, opened.input.path, opened.label)
            self.counts[-1].skipped.update(self._documents.skipped)
        elif kind in _WINDOWS:
            yield from self._windows(opened, kind)
        elif kind in _SENSORS:
            yield from self._sensors(opened, kind)
        elif kind in _MODULES:
            read = import_module(_MODULES[kind]).read
            skipped = self.counts[-1].skipped
            stream, path, label = opened.stream, opened.input.path, opened.label
            yield from read(stream, path, label, self._report, skipped, self._wanted, self._settings)
        else:
            self.counts[-1].skipped["unknown format"] += 1
            message = f"{opened.label} is of no format that is known here, and was left out"
            self._report(fault(UNKNOWN, message, opened.input.path))

    def _windows(self, opened: containers.Opened, kind: Kind) -> Iterator[pa.RecordBatch | pa.Table]:
        # Loaded only for such input: the mapping tables and the EVTX parser cost time that other hunts need not pay.
        from falselight.mappings.apply import apply
        from falselight.mappings.windows_batches import read_evtx
        from falselight.readers import windows_json

        skipped = self.counts[-1].skipped
        if kind is Kind.EVTX:
            yield from read_evtx(opened.stream, opened.label, self._report, skipped, self._wanted)
            return
        numbered = ndjson.raw_lines(opened, kind, self._report, skipped)
        for events in windows_json.read_lines(numbered, self._report, opened.label, skipped, self._settings):
            yield apply(events, self._wanted)

    def _sensors(self, opened: containers.Opened, kind: Kind) -> Iterator[pa.RecordBatch | pa.Table]:
        from falselight.readers import suricata, zeek

        skipped, report, path, label = self.counts[-1].skipped, self._report, opened.input.path, opened.label
        head = opened.head()
        stream: BinaryIO = opened.stream
        if kind in {Kind.ZEEK_ARRAY, Kind.EVE_ARRAY}:
            elements = ndjson.raw_lines(opened, kind, report, skipped)
            stream = BytesIO(b"\n".join(line for _, line in elements))
            head = stream.getvalue()[: len(head)]
        if kind is Kind.ZEEK_TSV:
            yield from zeek.read_tsv(stream, path, label, report, skipped, self._wanted)
        elif kind in {Kind.ZEEK_LINES, Kind.ZEEK_ARRAY}:
            yield from zeek.read_json(stream, path, label, report, skipped, head, self._wanted)
        else:
            yield from suricata.read(stream, path, label, report, skipped, self._wanted)


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
        super().__init__(builder.schema, builder.malformed, wanted, report, settings)
        self.builder = builder
        self._since_ns, self._until_ns = since_ns, until_ns
        self._digests: list[Callable[[], Input] | None] = []
        self._small: list[ndjson.Small] = []

    def read(self, opened: containers.Opened) -> Iterator[int]:
        """Put one input's events into the table; gives how many it holds, again and again. Small ones wait for others."""
        self._digests.append(opened.described)
        if not self._waits(opened):
            yield from self._together()
            number = len(self.inputs)
            for batch in self.batches(opened):
                yield self._store(numbered(batch, number))
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
        if len(data) > SMALL_BYTES:
            # It has grown.
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
            yield self._store(direction.fill(table, self._settings) if directed else table)

    def _store(self, table: pa.Table) -> int:
        self.builder.adopt(self.schema)
        kept = self._within(table)
        for number, count in _by_input(kept):
            self.counts[number].events += count
        self.builder.append_numbered(kept)
        return self.builder.rows

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
        table = self.builder.finish()
        table.inputs = [
            source if digest is None else replace(source, sha256=digest().sha256)
            for source, digest in zip(self.inputs, self._digests, strict=True)
        ]
        table.counts = self.counts
        if self._derives(derive.NAME):
            names.fill(table)
        return table


def _columns_wanted(wanted: frozenset[str], schema: Schema) -> frozenset[str]:
    """The fields to read: aliases lead to their field, a multi-field to its parent."""
    names = {entry.name for name in wanted if (entry := schema.find(name)) is not None} | {
        name for name in wanted if name not in schema
    }
    exact = {entry.exact: entry.name for entry in schema if entry.exact is not None}
    return frozenset(exact.get(name, name) for name in names)


def _by_input(table: pa.Table) -> Iterator[tuple[int, int]]:
    """How many rows there are of each input."""
    for each in pc.value_counts(table.column(INPUT)):
        yield each["values"].as_py(), each["counts"].as_py()
