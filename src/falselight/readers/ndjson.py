"""JSON documents as Elastic ships them: one a line, in an array, or in an answer of ``_search``.

The exact path: every document is parsed and mapped as Elasticsearch's document mapper would (``documents``). A record's
number is the number of its line, or of its element, from 0.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, BinaryIO

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from falselight.batches import INPUT, numbered
from falselight.documents import METADATA, Collector
from falselight.readers import DAMAGED, NOT_JSON, TOO_LARGE, Report, fault, tallies
from falselight.readers.ahead import STANDING, ahead
from falselight.readers.blocks import BLOCK_BYTES, Block, blocks
from falselight.readers.containers import Opened
from falselight.readers.detect import BOM, Kind
from falselight.readers.projected import Part, Projection

BATCH_DOCUMENTS = 20_000
MAX_LINE_BYTES = 256 << 20
MAX_WHOLE_BYTES = 4 << 30
_REPORTED_LINES = 20
ARRAYS = frozenset({Kind.ECS_ARRAY, Kind.SOURCE_ARRAY, Kind.WINDOWS_ARRAY, Kind.ZEEK_ARRAY, Kind.EVE_ARRAY})
# Small inputs that cannot be read together are read in so many shares.
_SHARES = 8


class Unparsable(ValueError):
    """Bytes that are not one JSON object."""


def parse(line: bytes) -> tuple[dict[str, Any], bool]:
    """One document, and whether it had to be mended: invalid UTF-8 and lone surrogates become replacement characters,
    since an event must not escape notice by one bad byte. Of duplicate keys the last counts. Raises ``Unparsable``."""
    mended = False
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        try:
            loose = json.loads(line.decode("utf-8", "replace"), parse_constant=_refuse)
            document = orjson.loads(json.dumps(loose, ensure_ascii=False).encode("utf-8", "replace"))
        except (ValueError, RecursionError):
            raise Unparsable(str(error)) from error
        mended = True
    if not isinstance(document, dict):
        raise Unparsable("not an object")
    return document, mended


def _refuse(name: str) -> Any:
    raise ValueError(name)


def lines(
    stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str], first: int = 0
) -> Iterator[tuple[int, bytes]]:
    """Lines that are not blank, with their numbers from ``first``. A byte-order mark is dropped; a line beyond
    ``MAX_LINE_BYTES`` is passed over and reported."""
    number = first - 1
    while line := stream.readline(MAX_LINE_BYTES):
        number += 1
        if number == 0:
            line = line.removeprefix(BOM)
        if len(line) >= MAX_LINE_BYTES and not line.endswith(b"\n"):
            while (rest := stream.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                pass
            skipped["line too long"] += 1
            report(
                fault(TOO_LARGE, f"{label}, line {number + 1}: longer than {MAX_LINE_BYTES} bytes", path, record=number)
            )
        elif not line.isspace() and line:
            yield number, line


def elements(
    stream: BinaryIO, kind: Kind, path: str, label: str, report: Report, skipped: Counter[str]
) -> Iterator[tuple[int, Any]]:
    """The documents of an array or of an answer's hits, with their numbers from 0."""
    data = stream.read(MAX_WHOLE_BYTES + 1)
    if len(data) > MAX_WHOLE_BYTES:
        report(fault(TOO_LARGE, f"{label} is one JSON value of more than {MAX_WHOLE_BYTES >> 30} GiB", path))
        skipped["too large"] += 1
        return
    try:
        whole = orjson.loads(data.removeprefix(BOM))
    except orjson.JSONDecodeError as error:
        report(fault(DAMAGED, f"{label} is not whole JSON: {error}; the documents before the damage are used", path))
        skipped["not JSON"] += 1
        yield from enumerate(_salvaged(data.removeprefix(BOM).decode("utf-8", "replace"), kind))
        return
    found = whole if kind in ARRAYS else whole["hits"].get("hits", [])
    yield from enumerate(found if isinstance(found, list) else [])


def _salvaged(text: str, kind: Kind) -> Iterator[Any]:
    """The elements of a damaged array, up to the damage."""
    start = text.find("[") if kind in ARRAYS else text.find("[", text.find('"hits"', text.find('"hits"') + 1))
    decoder = json.JSONDecoder()
    position = start + 1
    while 0 < position < len(text):
        while position < len(text) and text[position] in " \t\r\n,":
            position += 1
        try:
            element, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            return
        yield element


def raw_lines(opened: Opened, kind: Kind, report: Report, skipped: Counter[str]) -> Iterator[tuple[int, bytes]]:
    """The documents of a line or array input as bytes, one JSON document each."""
    path, label = opened.input.path, opened.label
    if kind in ARRAYS or kind is Kind.WINDOWS_RESPONSE:
        for number, element in elements(opened.stream, kind, path, label, report, skipped):
            yield number, orjson.dumps(element)
    else:
        yield from lines(opened.stream, path, label, report, skipped)


@dataclass(frozen=True)
class Small:
    """A whole input of few lines, which is read together with others. ``skipped`` counts its records that are left out."""

    number: int
    path: str
    label: str
    data: bytes
    skipped: Counter[str]

    @property
    def lines(self) -> bytes:
        """Its lines, each with its end."""
        return self.data if self.data.endswith(b"\n") or not self.data else self.data + b"\n"


class Reader:
    """Reads inputs of one run; dynamic mappings last from input to input. ``skipped`` counts records left out, ``report`` is
    told of them."""

    def __init__(self, collector: Collector, report: Report, wanted: frozenset[str] | None = None) -> None:
        self.skipped: Counter[str] = Counter()
        self._projection = None if wanted is None else Projection(wanted)
        self._collector = collector
        self.report = report

    def read(self, stream: BinaryIO, kind: Kind, path: str, label: str) -> Iterator[pa.Table]:
        """Normalised batches with ``_record`` and ``_time``."""
        self.skipped = Counter()
        if kind is Kind.ECS_LINES and self._projection is not None:
            yield from self._projected(self._projection, stream, path, label)
            return
        yield from self.batches(self._documents(stream, kind, path, label))

    @property
    def joins(self) -> bool:
        """Whether small inputs of ECS lines can be read together."""
        return self._projection is not None

    def together(self, inputs: Sequence[Small]) -> Iterator[pa.Table]:
        """Normalised batches of inputs in their order, each row with the number of its input (``batches.INPUT``): all of them
        as one block where that may be, else by fewer and fewer."""
        table = self._joined(inputs)
        if table is not None:
            yield table
        elif len(inputs) == 1:
            (only,) = inputs
            for batch in self.read(io.BytesIO(only.data), Kind.ECS_LINES, only.path, only.label):
                yield numbered(batch, only.number)
            only.skipped.update(self.skipped)
        else:
            share = -(-len(inputs) // _SHARES)
            for start in range(0, len(inputs), share):
                yield from self.together(inputs[start : start + share])

    def _joined(self, inputs: Sequence[Small]) -> pa.Table | None:
        lines = [each.lines for each in inputs]
        table = None if self._projection is None else self._projection.table(b"".join(lines), self._collector.schema)
        if table is None:
            return None
        starts = np.cumsum([0, *(each.count(b"\n") for each in lines)])
        rows = table.column("_record").to_numpy()
        owner = np.searchsorted(starts, rows, side="right") - 1
        numbers = np.array([each.number for each in inputs], np.int32)[owner]
        records = pa.array(rows - starts[owner], pa.int64())
        return table.drop_columns("_record").append_column("_record", records).append_column(INPUT, pa.array(numbers))

    def documents(self, stream: BinaryIO, kind: Kind, path: str, label: str) -> Iterator[tuple[int, dict[str, Any]]]:
        """The documents as they were written, with their numbers."""
        self.skipped = Counter()
        yield from self._documents(stream, kind, path, label)

    def _documents(self, stream: BinaryIO, kind: Kind, path: str, label: str) -> Iterator[tuple[int, dict[str, Any]]]:
        if kind in {Kind.ECS_LINES, Kind.SOURCE_LINES}:
            numbered = self._parsed(lines(stream, path, label, self.report, self.skipped), path, label)
        else:
            numbered = self._objects(elements(stream, kind, path, label, self.report, self.skipped), path, label)
        if kind not in {Kind.ECS_LINES, Kind.ECS_ARRAY}:
            numbered = ((number, _unwrapped(document)) for number, document in numbered)
        yield from numbered

    def _projected(self, projection: Projection, stream: BinaryIO, path: str, label: str) -> Iterator[pa.Table]:
        """Block by block, fast where the block allows it, else exact; the numbers of lines run on."""
        first = 0
        found = blocks(stream, STANDING)
        start = next(found, Block(memoryview(b"")))

        def parse(block: Block) -> list[Part]:
            return list(projection.parts(block, self._collector.schema))

        # A file of one block gives a thread nothing to do ahead.
        work = ahead if len(start.lines) > BLOCK_BYTES // 2 else map
        for part in chain.from_iterable(work(parse, chain([start], found))):
            table = part.table
            if table is None and part.schema is not self._collector.schema:
                # Fields that are known by now may have been all that was wrong.
                table = projection.table(part.lines, self._collector.schema)
            if table is not None:
                records = pc.add(table.column("_record"), first)
                yield table.drop_columns("_record").append_column("_record", records)
            else:
                numbered = lines(io.BytesIO(part.lines), path, label, self.report, self.skipped, first)
                yield from self.batches(self._parsed(numbered, path, label))
            first += part.count

    def batches(self, numbered: Iterable[tuple[int, dict[str, Any]]]) -> Iterator[pa.Table]:
        """Numbered documents as normalised batches."""
        records: list[int] = []
        for number, document in numbered:
            self._collector.add(document)
            records.append(number)
            if len(records) >= BATCH_DOCUMENTS:
                yield self._take(records)
                records = []
        if records:
            yield self._take(records)

    def _take(self, records: list[int]) -> pa.Table:
        return self._collector.take().append_column("_record", pa.array(records, pa.int64()))

    def _parsed(
        self, numbered: Iterator[tuple[int, bytes]], path: str, label: str
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        mended = 0
        for number, line in numbered:
            try:
                document, was_mended = parse(line)
            except Unparsable as error:
                self._skip(number, f"{label}, line {number + 1} is not a JSON object: {error}", path)
                continue
            mended += was_mended
            yield number, document
        tallies.tell_mended(mended, "line", path, label, self.report)

    def _objects(
        self, numbered: Iterator[tuple[int, Any]], path: str, label: str
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, element in numbered:
            if isinstance(element, dict):
                yield number, element
            else:
                self._skip(number, f"{label}, element {number} is not a JSON object", path)

    def _skip(self, number: int, message: str, path: str) -> None:
        self.skipped["not JSON"] += 1
        if self.skipped["not JSON"] < _REPORTED_LINES:
            self.report(fault(NOT_JSON, message, path, record=number))
        elif self.skipped["not JSON"] == _REPORTED_LINES:
            self.report(fault(NOT_JSON, f"{message}; further lines like it are only counted", path, record=number))


def _unwrapped(hit: dict[str, Any]) -> dict[str, Any]:
    """The source of a hit, with the hit's ``_id`` and ``_index``."""
    source = hit.get("_source")
    document = dict(source) if isinstance(source, dict) else {}
    return {**document, **{name: hit[name] for name in METADATA if name in hit}}
