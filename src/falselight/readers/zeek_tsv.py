"""Zeek's tab-separated logs as raw columns: the header's directives tell how; a header may come again and again.

Blocks of plain lines go through Arrow's reader; a block that it refuses (a bad number, a wrong number of columns, invalid
UTF-8) is read again line by line. A record's number is the number of its line, from 0, header lines counted.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import BinaryIO, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from falselight.mappings.columnar import distinct, flat
from falselight.readers import DAMAGED, TOO_LARGE, Report, fault, scanning
from falselight.readers.ahead import ahead

BLOCK_BYTES = 8 << 20
MAX_LINE_BYTES = 64 << 20
MAX_COLUMNS = 2_000
_REPORTED = 20
_SLOW_LINES = 20_000
_ESCAPE = re.compile(r"\\x([0-9a-fA-F]{2})")
_SCALARS = {
    **dict.fromkeys(("count", "int", "port"), pa.int64()),
    **dict.fromkeys(("double", "interval", "time"), pa.float64()),
    "bool": pa.bool_(),
}


@dataclass(frozen=True)
class Header:
    """What a log's header says. ``names`` and ``types`` are those of the columns; ``packed`` are columns that hold several
    values with spaces between: position, and the names of the parts."""

    separator: str = "\t"
    set_separator: str = ","
    empty: str = "(empty)"
    unset: str = "-"
    path: str | None = None
    names: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    packed: tuple[tuple[int, tuple[str, ...]], ...] = ()

    def with_line(self, line: str) -> Header:
        """The header after one more directive."""
        name, value = _directive(line, self.separator)
        if name == "separator":
            return replace(self, separator=unescaped(value.strip(" ")) or "\t")
        if name == "set_separator":
            return replace(self, set_separator=unescaped(value) or ",")
        if name == "empty_field":
            return replace(self, empty=unescaped(value))
        if name == "unset_field":
            return replace(self, unset=unescaped(value))
        if name == "path":
            return replace(self, path=value.strip())
        if name == "fields":
            return self._with_fields(value.split(self.separator))
        if name == "types":
            return self._with_types(value.split(self.separator))
        return self

    def _with_fields(self, columns: list[str]) -> Header:
        names: list[str] = []
        packed: list[tuple[int, tuple[str, ...]]] = []
        for at, column in enumerate(columns[:MAX_COLUMNS]):
            parts = column.split()
            if len(parts) > 1:
                packed.append((at, tuple(parts)))
            name = parts[0] if parts else f"column_{at}"
            while name in names:
                name += "_"
            names.append(name)
        return replace(self, names=tuple(names), types=(), packed=tuple(packed))

    def _with_types(self, kinds: list[str]) -> Header:
        found = [kind.split()[0] if kind.split() else "string" for kind in kinds]
        return replace(self, types=tuple(found[: len(self.names)]))

    def kind(self, at: int) -> str:
        if any(position == at for position, _ in self.packed):
            return "string"
        return self.types[at] if at < len(self.types) else "string"


@dataclass(frozen=True)
class Stretch:
    """Lines under one header, and the number of the first."""

    header: Header
    data: bytes
    first: int


@dataclass
class Chunk:
    """Columns under one header, and the numbers of their records."""

    header: Header
    columns: dict[str, pa.Array]
    records: pa.Array


def unescaped(text: str) -> str:
    r"""The text with Zeek's ``\xHH`` escapes, and ``\t``, resolved; escaped bytes are UTF-8."""
    if "\\" not in text:
        return text
    if text == "\\t":
        return "\t"
    raw = _ESCAPE.sub(lambda match: chr(int(match.group(1), 16)), text)
    try:
        return raw.encode("latin-1").decode("utf-8") if raw != text else text
    except (UnicodeEncodeError, UnicodeDecodeError):
        return raw


def _directive(line: str, separator: str) -> tuple[str, str]:
    text = line.lstrip().lstrip("#")
    for mark in (separator, "\t", " "):
        name, found, value = text.partition(mark)
        if found and name.isidentifier():
            return name, value
    return text.strip(), ""


T = TypeVar("T")
WantsColumns = Callable[[Header], frozenset[str] | None]
# What becomes of a chunk; the counter takes the values that are not of their column's type, by name.
Make = Callable[[Chunk, Counter[str]], T]


@dataclass
class TsvReader:
    """Reads one input."""

    path: str
    label: str
    report: Report
    skipped: Counter[str] = field(default_factory=Counter)
    malformed: Counter[str] = field(default_factory=Counter)
    header: Header = field(default_factory=Header)

    def read(self, stream: BinaryIO, wants: WantsColumns, make: Make[T]) -> Iterator[T]:
        """What is made of the input's records in order, chunk by chunk, each of a stretch under one header; several chunks are
        made at once. ``wants`` tells which columns to read."""

        def fast(stretch: Stretch) -> tuple[Stretch, T | None, Counter[str]]:
            malformed: Counter[str] = Counter()
            chunk = _fast(stretch, wants, malformed)
            return stretch, None if chunk is None else make(chunk, malformed), malformed

        for stretch, made, malformed in ahead(fast, self._stretches(stream)):
            self.malformed.update(malformed)
            if made is not None:
                yield made
                continue
            for chunk in self._slow(stretch, wants):
                yield make(chunk, self.malformed)

    def _stretches(self, stream: BinaryIO) -> Iterator[Stretch]:
        number = 0
        for data in self._blocks(stream):
            start = 0
            while start < len(data):
                if data.startswith(b"#", start) or self._is_indented_header(data, start):
                    end = data.find(b"\n", start)
                    end = len(data) if end < 0 else end + 1
                    self.header = self.header.with_line(data[start:end].decode("utf-8", "replace").rstrip("\r\n"))
                    number += 1
                else:
                    end = scanning.find(data, b"\n#", start)
                    end = len(data) if end < 0 else end + 1
                    stretch = Stretch(self.header, data[start:end], number)
                    yield stretch
                    number += _lines(stretch.data)
                start = end

    def _is_indented_header(self, data: bytes, start: int) -> bool:
        return not self.header.names and data[start : start + 200].lstrip(b"\xef\xbb\xbf \t").startswith(b"#")

    def _blocks(self, stream: BinaryIO) -> Iterator[bytes]:
        while data := stream.read(BLOCK_BYTES):
            if not data.endswith(b"\n"):
                data += stream.readline(MAX_LINE_BYTES)
                if not data.endswith(b"\n") and (rest := stream.readline(MAX_LINE_BYTES)):
                    while rest and not rest.endswith(b"\n"):
                        rest = stream.readline(MAX_LINE_BYTES)
                    self.skipped["line too long"] += 1
                    self.report(
                        fault(TOO_LARGE, f"{self.label}: a line of more than {MAX_LINE_BYTES} bytes", self.path)
                    )
                    kept = data.rfind(b"\n") + 1
                    # The blank line keeps the numbers of later lines right.
                    data = data[:kept] + b"\n"
            yield data

    def _slow(self, stretch: Stretch, wants: WantsColumns) -> Iterator[Chunk]:
        """Line by line."""
        header, data, first = stretch.header, stretch.data, stretch.first
        if not header.names:
            count = sum(1 for line in data.split(b"\n") if line.strip())
            if count:
                self._refuse(first, count, "before any header of field names")
            return
        needed = wants(header)
        rows: list[list[str]] = []
        records: list[int] = []
        width = len(header.names)
        for number, line in enumerate(data.split(b"\n"), first):
            text = line.decode("utf-8", "replace").rstrip("\r")
            if not text.strip():
                continue
            cells = text.split(header.separator)
            if len(cells) != width:
                self._refuse(number, 1, f"{len(cells)} columns where the header names {width}")
                continue
            rows.append(cells)
            records.append(number)
            if len(rows) >= _SLOW_LINES:
                yield self._gathered(rows, records, header, needed)
                rows, records = [], []
        if rows:
            yield self._gathered(rows, records, header, needed)

    def _gathered(
        self, rows: list[list[str]], records: list[int], header: Header, needed: frozenset[str] | None
    ) -> Chunk:
        columns: dict[str, pa.Array] = {}
        for at, name in enumerate(header.names):
            if needed is not None and name not in needed:
                continue
            texts = pa.array([None if row[at] == header.unset else row[at] for row in rows], pa.string())
            kind = _SCALARS.get(header.kind(at))
            if kind is not None:
                made = distinct(texts, partial(_scalar, kind=kind), kind)
                self.malformed[name] += made.null_count - texts.null_count
                texts = made
            columns[name] = texts
        return _finished(columns, header, pa.array(records, pa.int64()), self.malformed)

    def _refuse(self, number: int, count: int, reason: str) -> None:
        before = self.skipped["not a record"]
        self.skipped["not a record"] += count
        if before < _REPORTED:
            self.report(fault(DAMAGED, f"{self.label}, line {number + 1}: {reason}", self.path, record=number))


def _fast(stretch: Stretch, wants: WantsColumns, malformed: Counter[str]) -> Chunk | None:
    """All records at once; None where some line is no plain record."""
    data, header = stretch.data, stretch.header
    if not header.names or len(header.separator) != 1:
        return None
    if b"\r" in data or scanning.find(data, b"\n\n") >= 0 or data.startswith(b"\n"):
        return None
    needed = wants(header)
    names = list(header.names)
    read = [name for name in names if needed is None or name in needed] or names[:1]
    types = {name: _SCALARS.get(header.kind(at), pa.string()) for at, name in enumerate(names)}
    try:
        table = arrow_csv.read_csv(
            io.BytesIO(data),
            read_options=arrow_csv.ReadOptions(column_names=names, block_size=len(data) + 1, use_threads=False),
            parse_options=arrow_csv.ParseOptions(
                delimiter=header.separator, quote_char=False, double_quote=False, escape_char=False
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=types, null_values=[header.unset], strings_can_be_null=True, include_columns=read,
                true_values=["T"], false_values=["F"], quoted_strings_can_be_null=True,
            ),
        )  # fmt: skip
    except (pa.ArrowInvalid, UnicodeError):
        return None
    columns = {name: flat(table.column(name)) for name in read}
    records = pa.array(np.arange(stretch.first, stretch.first + table.num_rows))
    # Few logs have a backslash, and one character is found several times as fast as two.
    return _finished(columns, header, records, malformed, b"\\" in data, header.empty.encode() in data)


def _finished(
    columns: dict[str, pa.Array], header: Header, records: pa.Array, malformed: Counter[str], escaped: bool = True,
    empty: bool = True,
) -> Chunk:  # fmt: skip
    """The columns as Zeek means them; whether some value may be escaped, or be the mark of an empty one."""
    for at, name in enumerate(header.names):
        values = columns.get(name)
        if values is None or not pa.types.is_string(values.type):
            continue
        kind = header.kind(at)
        if kind.startswith(("set[", "vector[", "table[")):
            columns[name] = _lists(values, kind, header, malformed, name)
        elif escaped or empty:
            columns[name] = _texts(values, header)
    for at, parts in header.packed:
        packed = columns.pop(header.names[at], None)
        if packed is not None:
            columns.update(_unpacked(packed, parts))
    return Chunk(header, columns, records)


def _scalar(text: str | None, kind: pa.DataType) -> int | float | bool | None:
    if text is None:
        return None
    try:
        if kind == pa.bool_():
            return {"T": True, "F": False}[text]
        if kind == pa.float64():
            return float(text)
        number = int(text.partition("/")[0])
    except (ValueError, KeyError):
        return None
    return number if -(2**63) <= number < 2**63 else None


def _lines(data: bytes) -> int:
    return data.count(b"\n") + (not data.endswith(b"\n"))


def _texts(values: pa.Array, header: Header) -> pa.Array:
    if pc.any(pc.match_substring(values, "\\x")).as_py():
        values = distinct(values, lambda text: None if text is None else unescaped(text), pa.string())
    if pc.any(pc.equal(values, header.empty)).as_py():
        values = pc.if_else(pc.equal(values, header.empty), "", values)
    return values


def _lists(values: pa.Array, kind: str, header: Header, malformed: Counter[str], name: str) -> pa.Array:
    lists = pc.split_pattern(values, header.set_separator)
    inner = kind.partition("[")[2].rstrip("]")
    target = _SCALARS.get(inner, pa.string())
    elements = lists.values
    none = pc.or_(pc.equal(elements, header.empty), pc.equal(elements, header.unset))
    elements = pc.if_else(none, pa.scalar(None, pa.string()), elements)
    if target == pa.string():
        made = _texts(elements, header)
    else:
        made = distinct(elements, lambda text: _scalar(text, target), target)
        malformed[name] += made.null_count - elements.null_count
    return pa.ListArray.from_arrays(lists.offsets, made, mask=pc.is_null(values))


def _unpacked(values: pa.Array, parts: tuple[str, ...]) -> dict[str, pa.Array]:
    """The columns that one column holds with spaces between; more parts than names stay with the last."""

    def part(text: str | None, at: int) -> str | None:
        found = (text or "").split(None, len(parts) - 1)
        return found[at].strip() if at < len(found) and found[at].strip() not in {"-", "(empty)"} else None

    return {name: distinct(values, partial(part, at=at), pa.string()) for at, name in enumerate(parts)}
