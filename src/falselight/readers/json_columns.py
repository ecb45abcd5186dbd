"""Lines of JSON as raw columns, block by block: compiled code where a block has the shapes that were learnt, else line by
line, exactly. Names are the paths of the leaves with dots between; a list of objects gives a list for each of its leaves.

A record's number is the number of its line, from 0. Bad lines are counted and passed over.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as arrow_json

from falselight.mappings.columnar import flat
from falselight.readers import NOT_JSON, Report, fault, scanning
from falselight.readers.ahead import ahead
from falselight.readers.json_rows import Block, Narrow, Rows
from falselight.readers.json_shapes import Shapes
from falselight.readers.ndjson import Unparsable, lines, parse

BLOCK_BYTES = 8 << 20
_MAX_CELLS = 4_000_000
_SAMPLE_LINES = 300
_PARSE_BYTES = 4 << 20
_MAX_PAUSE = 32


@dataclass(frozen=True)
class _Piece:
    """Some lines, the number of the first, how many there are, and what they are expected to look like."""

    data: bytes
    first: int
    count: int
    schema: pa.Schema | None
    narrow: Narrow | None


T = TypeVar("T")
# What becomes of a block; the counter takes the values that are not of their column's type, by name. None of a narrow block
# whose records may be of another kind: it is read again for all wanted names.
Make = Callable[[Block, Counter[str]], T | None]


@dataclass
class JsonColumns:
    """Reads one input. ``wanted`` limits the columns to these raw names; ``originals`` also gives the lines. ``narrow``: for what
    the next blocks are read, as soon as someone tells."""

    path: str
    label: str
    report: Report
    wanted: frozenset[str] | None = None
    originals: bool = False
    skipped: Counter[str] = field(default_factory=Counter)
    mended: int = 0
    malformed: Counter[str] = field(default_factory=Counter)
    narrow: Narrow | None = None
    _shapes: Shapes = field(init=False)
    _names: set[str] = field(default_factory=set)
    _pause: int = 0
    _failures: int = 0

    def __post_init__(self) -> None:
        self._shapes = Shapes(self.wanted)

    def read(self, stream: BinaryIO) -> Iterator[Block]:
        """The input's blocks, in order."""
        return self.each(stream, lambda block, _: block)

    def each(self, stream: BinaryIO, make: Make[T]) -> Iterator[T]:
        """What is made of the input's blocks, in order; several are made at once."""

        def expected(piece: _Piece) -> tuple[_Piece, T | None, Counter[str]]:
            malformed: Counter[str] = Counter()
            block = self._as_expected(piece)
            made = None if block is None else make(block, malformed)
            return piece, made, malformed if made is not None else Counter()

        pieces = self._pieces(stream)
        # The first shows what the others are expected to look like.
        for piece in islice(pieces, 1):
            yield from self._looked_at(piece, make)
        for piece, made, malformed in ahead(expected, pieces):
            self.malformed.update(malformed)
            if made is None:
                yield from self._looked_at(piece, make)
            else:
                self._failures = 0
                yield made
        if self.mended:
            text = (
                f"{self.label}: {self.mended} lines hold bytes that are no valid UTF-8, shown as replacement characters"
            )
            self.report(fault("W0511", text, self.path))

    def _pieces(self, stream: BinaryIO) -> Iterator[_Piece]:
        first = 0
        for data in _blocks(stream):
            count = scanning.count(data, b"\n")
            narrow = self.narrow
            names = None if narrow is None else narrow.names | narrow.absent
            schema = self._shapes.schema(names) if self._shapes and not self._pause else None
            yield _Piece(data, first, count, schema, narrow)
            first += count

    def _looked_at(self, piece: _Piece, make: Make[T]) -> Iterator[T]:
        """A piece of which nothing is expected."""
        made = self._fast(piece.data, piece.first, piece.count)
        for block in [made] if made is not None else self._slow(piece.data, piece.first):
            if (given := make(block, self.malformed)) is not None:
                yield given

    def _as_expected(self, piece: _Piece) -> Block | None:
        plain = None if piece.schema is None else _plain(piece.data, piece.count)
        if plain is None:
            return None
        block, count = plain
        columns = self._parse(block, count, piece.schema, alone=False)
        if columns is None or (piece.narrow is not None and not piece.narrow.absent.isdisjoint(columns)):
            return None
        return self._block(columns, block, piece.first, count, piece.narrow)

    def _fast(self, data: bytes, first: int, count: int) -> Block | None:
        if self._pause:
            self._pause -= 1
            return None
        made = self._attempt(data, first, count)
        self._failures = 0 if made is not None else self._failures + 1
        self._pause = min(2**self._failures // 2 - 1, _MAX_PAUSE) if self._failures else 0
        return made

    def _attempt(self, data: bytes, first: int, count: int) -> Block | None:
        plain = _plain(data, count)
        if plain is None:
            return None
        block, count = plain
        columns = self._parse(block, count, self._shapes.schema()) if self._shapes else None
        # A field that the sample did not show makes the parser fail: then every line is looked at, once.
        for sample in (_SAMPLE_LINES, 16 * _SAMPLE_LINES, count):
            if columns is None and self._shapes.learn(_spread(block, sample, count)):
                columns = self._parse(block, count, self._shapes.schema())
        return None if columns is None else self._block(columns, block, first, count)

    def _block(
        self, columns: dict[str, pa.Array], block: bytes, first: int, count: int, narrow: Narrow | None = None
    ) -> Block:
        return Block(columns, pa.array(np.arange(first, first + count)), block if self.originals else None, narrow)

    def _parse(
        self, block: bytes, count: int, schema: pa.Schema | None, alone: bool = True
    ) -> dict[str, pa.Array] | None:
        if schema is None:
            return None
        try:
            parsed = arrow_json.read_json(
                io.BytesIO(block),
                read_options=arrow_json.ReadOptions(use_threads=alone, block_size=_PARSE_BYTES),
                parse_options=arrow_json.ParseOptions(
                    explicit_schema=schema,
                    unexpected_field_behavior="error" if self.wanted is None else "ignore",
                ),
            )
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return None
        if parsed.num_rows != count:
            return None
        columns: dict[str, pa.Array] = {}
        for name in parsed.column_names:
            for leaf, values in leaves(name, flat(parsed.column(name))):
                if pa.types.is_null(values.type) or (self.wanted is not None and leaf not in self.wanted):
                    continue
                if leaf in columns:
                    return None
                columns[leaf] = values
        return columns

    def _slow(self, data: bytes, first: int) -> Iterator[Block]:
        table = Rows(self._names)
        for number, line in lines(io.BytesIO(data), self.path, self.label, self.report, self.skipped, first):
            try:
                document, was_mended = parse(line)
            except Unparsable as error:
                self._bad(number, str(error))
                continue
            self.mended += was_mended
            table.add(number, document, self.wanted, self.skipped)
            if self.originals:
                table.originals.append(line.decode("utf-8", "replace").rstrip("\r\n"))
            if table.cells() > _MAX_CELLS:
                yield from table.blocks()
                table = Rows(self._names)
        yield from table.blocks()

    def _bad(self, number: int, reason: str) -> None:
        self.skipped["not JSON"] += 1
        if self.skipped["not JSON"] <= 20:
            self.report(
                fault(
                    NOT_JSON,
                    f"{self.label}, line {number + 1} is not a JSON object: {reason}",
                    self.path,
                    record=number,
                )
            )


def _spread(block: bytes, most: int, count: int) -> Iterator[bytes]:
    """About so many of the block's lines, at even distances; all of them if they are no more."""
    step = len(block) // most if most < count else 0
    start = 0
    while start < len(block):
        end = block.index(b"\n", start) + 1
        yield block[start:end]
        # Lines as long as the distance come one after another.
        start = end if end - start >= step else block.find(b"\n", start + step - 1) + 1 or len(block)


def leaves(name: str, values: pa.Array) -> Iterator[tuple[str, pa.Array]]:
    if pa.types.is_struct(values.type):
        for at, part in enumerate(values.type):
            yield from leaves(f"{name}.{part.name}", pc.struct_field(values, [at]))
    elif pa.types.is_list(values.type) and pa.types.is_struct(values.type.value_type):
        for at, part in enumerate(values.type.value_type):
            inner = pc.struct_field(values.values, [at])
            made = pa.ListArray.from_arrays(values.offsets, inner, mask=pc.is_null(values))
            yield from leaves(f"{name}.{part.name}", made)
    elif pa.types.is_list(values.type) and pa.types.is_list(values.type.value_type):
        inner = values.values
        offsets = inner.offsets.take(values.offsets)
        yield from leaves(name, pa.ListArray.from_arrays(offsets, inner.values, mask=pc.is_null(values)))
    else:
        yield name, values


def _plain(data: bytes, count: int) -> tuple[bytes, int] | None:
    """The lines with plain ends, and how many there are; None where some line is no whole object, or no UTF-8."""
    block = data.replace(b"\r\n", b"\n") if b"\r" in data else data
    if not block.endswith(b"\n"):
        block += b"\n"
        count += 1
    # Only between records can "}" and "{" stand on two lines, so each line holds whole objects.
    if not block.startswith(b"{") or not block.endswith(b"}\n") or scanning.count(block, b"}\n{") != count - 1:
        return None
    return (block, count) if block.isascii() or _is_utf8(block) else None


def _is_utf8(block: bytes) -> bool:
    try:
        block.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Whole lines in pieces of about ``BLOCK_BYTES``. A line may be as long as ``ndjson.MAX_LINE_BYTES`` allows."""
    from falselight.readers.ndjson import MAX_LINE_BYTES

    while data := stream.read(BLOCK_BYTES):
        if not data.endswith(b"\n"):
            data += stream.readline(MAX_LINE_BYTES)
        yield data
