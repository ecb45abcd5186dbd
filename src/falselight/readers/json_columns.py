"""Lines of JSON as raw columns, block by block: compiled code where a block has the shapes that were learnt, else line by
line, exactly. Names are the paths of the leaves with dots between; a list of objects gives a list for each of its leaves.

A record's number is the number of its line, from 0. Bad lines are counted and passed over.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as arrow_json

from falselight.mappings.columnar import flat
from falselight.readers import NOT_JSON, Report, fault
from falselight.readers.ndjson import Unparsable, lines, parse

BLOCK_BYTES = 16 << 20
# An index of Elasticsearch takes no more fields than this either.
MAX_FIELDS = 1_000
_MAX_CELLS = 4_000_000
_MAX_DEPTH = 20
_SAMPLE_LINES = 300
_PARSE_BYTES = 4 << 20
_MAX_PAUSE = 32
BEYOND = f"fields beyond the first {MAX_FIELDS}"
Path = tuple[str | None, ...]
_KINDS: dict[type, pa.DataType] = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


@dataclass
class Block:
    """Columns of one block, the numbers of its records, and their texts where these were asked for."""

    columns: dict[str, pa.Array]
    records: pa.Array
    originals: pa.Array | None = None


@dataclass
class JsonColumns:
    """Reads one input. ``wanted`` limits the columns to these raw names; ``originals`` also gives the lines."""

    path: str
    label: str
    report: Report
    wanted: frozenset[str] | None = None
    originals: bool = False
    skipped: Counter[str] = field(default_factory=Counter)
    mended: int = 0
    _shapes: dict[Path, pa.DataType | None] = field(default_factory=dict)
    _names: set[str] = field(default_factory=set)
    _pause: int = 0
    _failures: int = 0

    def read(self, stream: BinaryIO) -> Iterator[Block]:
        """The input's blocks, in order."""
        first = 0
        for data in _blocks(stream):
            made = self._fast(data, first)
            if made is not None:
                yield made
            else:
                yield from self._slow(data, first)
            first += data.count(b"\n")
        if self.mended:
            text = (
                f"{self.label}: {self.mended} lines hold bytes that are no valid UTF-8, shown as replacement characters"
            )
            self.report(fault("W0511", text, self.path))

    def _fast(self, data: bytes, first: int) -> Block | None:
        if self._pause:
            self._pause -= 1
            return None
        made = self._attempt(data, first)
        self._failures = 0 if made is not None else self._failures + 1
        self._pause = min(2**self._failures // 2 - 1, _MAX_PAUSE) if self._failures else 0
        return made

    def _attempt(self, data: bytes, first: int) -> Block | None:
        block = data.replace(b"\r\n", b"\n") if b"\r\n" in data else data
        if not block.endswith(b"\n"):
            block += b"\n"
        count = block.count(b"\n")
        # Only between records can "}" and "{" stand on two lines, so each line holds whole objects.
        if not block.startswith(b"{") or not block.endswith(b"}\n") or block.count(b"}\n{") != count - 1:
            return None
        if not block.isascii() and not _is_utf8(block):
            return None
        columns = self._parse(block, count) if self._shapes else None
        # A field that the sample did not show makes the parser fail: then every line is looked at, once.
        for sample in (_SAMPLE_LINES, 16 * _SAMPLE_LINES, count):
            if columns is None and self._learn(block, sample):
                columns = self._parse(block, count)
        if columns is None:
            return None
        originals = None
        if self.originals:
            originals = pa.array(block.decode("utf-8").split("\n")[:-1], pa.string())
        return Block(columns, pa.array(range(first, first + count), pa.int64()), originals)

    def _parse(self, block: bytes, count: int) -> dict[str, pa.Array] | None:
        tree = self._tree()
        if tree is None:
            return None
        try:
            parsed = arrow_json.read_json(
                io.BytesIO(block),
                read_options=arrow_json.ReadOptions(block_size=_PARSE_BYTES),
                parse_options=arrow_json.ParseOptions(
                    explicit_schema=pa.schema(_fields(tree)),
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
                if leaf in columns:
                    return None
                columns[leaf] = values
        return columns

    def _tree(self) -> dict[Any, Any] | None:
        """The learnt shapes, nested: names to subtrees or types. None where a name holds both a value and an object."""
        tree: dict[Any, Any] = {}
        # A null tells nothing: where there are values too, of objects or lists, these are what is parsed for.
        for path, kind in sorted(self._shapes.items(), key=lambda shape: shape[1] == pa.null()):
            if self.wanted is not None and _name(path) not in self.wanted:
                continue
            if kind is None:
                return None
            place = tree
            for part in path[:-1]:
                place = place.setdefault(part, {})
                if not isinstance(place, dict):
                    return None
            if isinstance(place.get(path[-1]), dict) and kind == pa.null():
                continue
            if isinstance(place.get(path[-1]), dict) or (None in place and path[-1] is not None):
                return None
            place[path[-1]] = kind
        return tree

    def _learn(self, block: bytes, sample: int) -> bool:
        """Takes in the shapes of so many lines spread over the block; whether anything is new."""
        before = dict(self._shapes)
        texts = block.splitlines()
        for line in texts[:: max(1, len(texts) // sample)]:
            try:
                document = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if isinstance(document, dict):
                for path, value in _walk(document):
                    self._see(path, value)
        return self._shapes != before

    def _see(self, path: Path, value: Any) -> None:
        if len(self._shapes) >= MAX_FIELDS:
            return
        kind = pa.null() if value is None else _KINDS.get(type(value))
        if kind == pa.int64() and not -(2**63) <= value < 2**63:
            kind = None
        known = self._shapes.get(path, kind)
        if known == kind or kind == pa.null():
            self._shapes[path] = known
        elif known == pa.null():
            self._shapes[path] = kind
        else:
            numbers = {pa.int64(), pa.float64()}
            self._shapes[path] = pa.float64() if known in numbers and kind in numbers else None

    def _slow(self, data: bytes, first: int) -> Iterator[Block]:
        table = _Rows(self._names)
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
                yield table.block()
                table = _Rows(self._names)
        if table.records:
            yield table.block()

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


class _Rows:
    """Records gathered one by one, sparse. ``names`` are the input's fields so far."""

    def __init__(self, names: set[str]) -> None:
        self._names = names
        self.records: list[int] = []
        self.originals: list[str] = []
        self._values: dict[str, dict[int, Any]] = {}

    def cells(self) -> int:
        return len(self.records) * max(1, len(self._values))

    def add(self, number: int, document: dict[str, Any], wanted: frozenset[str] | None, skipped: Counter[str]) -> None:
        row = len(self.records)
        self.records.append(number)
        for path, value in _walk(document):
            name = _name(path)
            if (value is None and None not in path) or (wanted is not None and name not in wanted):
                continue
            column = self._values.get(name)
            if column is None:
                if name not in self._names:
                    if len(self._names) >= MAX_FIELDS:
                        skipped[BEYOND] += 1
                        continue
                    self._names.add(name)
                column = self._values[name] = {}
            if None in path:
                known = column.setdefault(row, [])
                if not isinstance(known, list):
                    known = column[row] = [known]
                if value is not None:
                    known.append(value)
            elif row in column:
                known = column[row]
                column[row] = [*known, value] if isinstance(known, list) else [known, value]
            else:
                column[row] = value

    def block(self) -> Block:
        rows = len(self.records)
        columns = {name: _column(values, rows) for name, values in self._values.items()}
        originals = pa.array(self.originals, pa.string()) if self.originals else None
        return Block(columns, pa.array(self.records, pa.int64()), originals)


def _column(values: dict[int, Any], rows: int) -> pa.Array:
    """The cells in one type: of mixed values texts are made."""
    many = any(isinstance(value, list) for value in values.values())
    atoms = [atom for value in values.values() for atom in (value if isinstance(value, list) else [value])]
    kinds = {type(atom) for atom in atoms}
    wide = any(isinstance(atom, int) and not -(2**63) <= atom < 2**63 for atom in atoms)
    if kinds == {int, float} and not wide:
        kind = pa.float64()
    elif len(kinds) == 1 and not wide:
        kind = _KINDS[next(iter(kinds))]
    else:
        kind = pa.string() if kinds else pa.null()
    plain = kind != pa.string() or kinds <= {str}
    cells: list[Any] = [None] * rows
    for row, value in values.items():
        listed = value if isinstance(value, list) else [value]
        made: list[Any] = listed
        if kind == pa.float64():
            # Arrow takes no whole number for a real one that is not exactly it.
            made = [float(atom) for atom in listed]
        elif not plain:
            made = [atom if isinstance(atom, str) else orjson.dumps(atom).decode() for atom in listed]
        cells[row] = made if many else made[0]
    return pa.array(cells, pa.list_(kind) if many else kind)


def _walk(document: dict[str, Any]) -> Iterator[tuple[Path, Any]]:
    """The leaves with their paths; None in a path stands for "each element". An empty object has no leaf."""
    pending: list[tuple[Path, Any]] = [((key,), value) for key, value in reversed(document.items())]
    while pending:
        path, value = pending.pop()
        if isinstance(value, dict) and len(path) < _MAX_DEPTH:
            if not value:
                yield (*path, ""), None
            pending.extend(((*path, key), below) for key, below in reversed(value.items()))
        elif isinstance(value, list) and len(path) < _MAX_DEPTH:
            if not value:
                yield (*path, None), None
            pending.extend(((*path, None), element) for element in reversed(value))
        elif isinstance(value, dict | list):
            yield path, orjson.dumps(value).decode()
        else:
            yield path, value


def _name(path: Path) -> str:
    return ".".join(part for part in path if part)


def _fields(tree: dict[Any, Any]) -> list[pa.Field]:
    return [pa.field(name, _type(below)) for name, below in tree.items() if name not in {"", None}]


def _type(below: Any) -> pa.DataType:
    if not isinstance(below, dict):
        return below
    if None in below:
        return pa.list_(_type(below[None]))
    return pa.struct(_fields(below))


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
