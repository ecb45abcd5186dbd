"""One input after another: recognised, divided among readers, normalised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from io import BytesIO
from itertools import islice
from typing import Any, BinaryIO, TypeAlias

import pyarrow as pa

from falselight import derive
from falselight.derive import direction
from falselight.documents import Collector
from falselight.ecs.schema import Schema
from falselight.mappings import data_stream
from falselight.readers import UNKNOWN, Report, containers, fault, ndjson, routing
from falselight.readers.detect import Kind, detect
from falselight.readers.settings import Settings
from falselight.store import Counts, Input

Batch: TypeAlias = pa.RecordBatch | pa.Table
_DOCUMENTS_AT_ONCE = 2_000
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
    Kind.GCP_FIREWALL: "falselight.readers.gcp_firewall",
    Kind.GCP_DNS: "falselight.readers.cloud_dns",
    Kind.ROUTE53: "falselight.readers.cloud_dns",
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
DOCUMENTS = frozenset({Kind.ECS_LINES, Kind.ECS_ARRAY, Kind.SOURCE_LINES, Kind.SOURCE_ARRAY, Kind.RESPONSE})


@dataclass(frozen=True)
class Piece:
    """Some records of one input, in order: a normalised batch, or the documents themselves where they are ECS already."""

    kind: Kind
    batch: Batch | None = None
    documents: tuple[tuple[int, dict[str, Any]], ...] = ()


@dataclass(frozen=True)
class _Part:
    """A segment as an input of its own, and what its reader reports to."""

    segment: routing.Segment
    opened: containers.Opened
    report: Report


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

    def batches(self, opened: containers.Opened) -> Iterator[Batch]:
        """The normalised batches of one input, in its order but for those of ``groups``."""
        for group in self.groups(opened):
            yield from group

    def groups(self, opened: containers.Opened) -> Iterator[list[Batch]]:
        """The normalised batches of one input, with the directions that it does not give; of raw records, with the name
        of the dataset that they would be indexed in. Several are of records that stand among one another."""
        for parts in self._parts(opened):
            if len(parts) == 1:
                for batch in self._normalised(parts[0]):
                    yield [batch]
            else:
                yield [batch for part in parts for batch in self._normalised(part)]

    def pieces(self, opened: containers.Opened) -> Iterator[Piece]:
        """The records of one input, counted; ECS documents as they were written."""
        for parts in self._parts(opened):
            for part in parts:
                for piece in self._pieces(part):
                    self.counts[-1].events += len(piece.documents) if piece.batch is None else piece.batch.num_rows
                    yield piece

    def _pieces(self, part: _Part) -> Iterator[Piece]:
        kind = part.segment.kind
        if kind not in DOCUMENTS:
            yield from (Piece(kind, batch) for batch in self._normalised(part))
            return
        self._documents.report = part.report
        numbered = self._documents.documents(part.opened.stream, kind, part.opened.input.path, part.opened.label)
        while some := tuple(islice(numbered, _DOCUMENTS_AT_ONCE)):
            yield Piece(kind, documents=tuple((part.segment.number(number), document) for number, document in some))
        self.counts[-1].skipped.update(self._documents.skipped)

    def _parts(self, opened: containers.Opened) -> Iterator[list[_Part]]:
        """An input's segments. The input is said to be of all their kinds."""
        kind = self._begin(opened)
        kinds = [kind]
        told = routing.Told(self._report)
        for segments in routing.segments(opened.stream, kind):
            kinds += [each.kind for each in segments if each.kind not in kinds]
            self.inputs[-1] = replace(self.inputs[-1], kind=", ".join(kinds))
            yield [_Part(each, replace(opened, stream=each.stream), told.of(each)) for each in segments]
        told.finish()

    def _normalised(self, part: _Part) -> Iterator[Batch]:
        directed = self._derives(derive.DIRECTION)
        named = self._derives(data_stream.TARGET) and part.segment.kind not in DOCUMENTS
        for batch in self._read(part):
            batch = part.segment.renumbered(batch)
            batch = direction.fill(batch, self._settings) if directed else batch
            yield data_stream.fill(batch) if named else batch

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

    def _read(self, part: _Part) -> Iterator[Batch]:
        kind, opened, report, skipped = part.segment.kind, part.opened, part.report, self.counts[-1].skipped
        if kind in DOCUMENTS:
            self._documents.report = report
            yield from self._documents.read(opened.stream, kind, opened.input.path, opened.label)
            skipped.update(self._documents.skipped)
        elif kind in _WINDOWS:
            yield from self._windows(part)
        elif kind in _SENSORS:
            yield from self._sensors(part)
        elif kind in _MODULES:
            read = import_module(_MODULES[kind]).read
            stream, path, label = opened.stream, opened.input.path, opened.label
            yield from read(stream, path, label, report, skipped, self._wanted, self._settings)
        else:
            skipped["unknown format"] += 1
            message = f"{opened.label} is of no format that is known here, and was left out"
            report(fault(UNKNOWN, message, opened.input.path))

    def _windows(self, part: _Part) -> Iterator[Batch]:
        # Loaded only for such input: the mapping tables and the EVTX parser cost time that other hunts need not pay.
        from falselight.mappings.windows_batches import read_evtx
        from falselight.mappings.windows_lines import read_lines

        opened, skipped = part.opened, self.counts[-1].skipped
        if part.segment.kind is Kind.EVTX:
            yield from read_evtx(opened.stream, opened.label, part.report, skipped, self._wanted)
            return
        numbered = ndjson.raw_lines(opened, part.segment.kind, part.report, skipped)
        yield from read_lines(numbered, part.report, opened.label, skipped, self._settings, self._wanted)

    def _sensors(self, part: _Part) -> Iterator[Batch]:
        kind, opened, report = part.segment.kind, part.opened, part.report
        skipped, path, label = self.counts[-1].skipped, opened.input.path, opened.label
        head = opened.head()
        stream: BinaryIO = opened.stream
        if kind in {Kind.ZEEK_ARRAY, Kind.EVE_ARRAY}:
            elements = ndjson.raw_lines(opened, kind, report, skipped)
            stream = BytesIO(b"\n".join(line for _, line in elements))
            head = stream.getvalue()[: len(head)]
        if kind in {Kind.EVE_LINES, Kind.EVE_ARRAY}:
            from falselight.readers import suricata

            yield from suricata.read(stream, path, label, report, skipped, self._wanted)
            return
        from falselight.readers import zeek

        if kind is Kind.ZEEK_TSV:
            yield from zeek.read_tsv(stream, path, label, report, skipped, self._wanted)
        else:
            yield from zeek.read_json(stream, path, label, report, skipped, head, self._wanted)


def _columns_wanted(wanted: frozenset[str], schema: Schema) -> frozenset[str]:
    """The fields to read: aliases lead to their field, a multi-field to its parent."""
    names = {entry.name for name in wanted if (entry := schema.find(name)) is not None} | {
        name for name in wanted if name not in schema
    }
    exact = {entry.exact: entry.name for entry in schema if entry.exact is not None}
    return frozenset(exact.get(name, name) for name in names)
