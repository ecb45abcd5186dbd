"""The fast path for lines of JSON: only the wanted leaves, parsed block by block in compiled code, or not at all.

A block is taken only when its parse provably equals the exact path's: every line is one object, what stands at a wanted path
is a value or a list of values that its field takes, and no wanted field is written with a dotted key. A block with any
departure is cut, and what of it departs goes the exact path.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from falselight import values as conversions
from falselight.columns import is_reserved, nanoseconds, physical_type
from falselight.documents import METADATA, OPAQUE_TYPES, TIMESTAMP, is_scalar, paths_above
from falselight.ecs.schema import DATE_TYPES, FLOAT_TYPES, INTEGER_TYPES, STRING_TYPES, Field, Schema
from falselight.mappings.columnar import flat
from falselight.readers.detect import BOM
from falselight.readers.leaves import Leaves

BLOCK_BYTES = 32 << 20
# A line may be longer than a block; beyond this it is cut, and its parts are no JSON.
LONGEST_BYTES = 512 << 20
# A block that departs is cut in so many pieces, these again, down to so few bytes.
_PIECES, _SMALLEST = 8, 1 << 19
_ARROW = {"string": pa.string(), "integer": pa.int64(), "real": pa.float64(), "boolean": pa.bool_()}
_TAKES: dict[str, frozenset[str]] = {
    **dict.fromkeys(STRING_TYPES, frozenset({"string", "integer", "boolean"})),
    **dict.fromkeys(INTEGER_TYPES, frozenset({"string", "integer"})),
    **dict.fromkeys(FLOAT_TYPES, frozenset({"string", "integer", "real"})),
    **dict.fromkeys({"ip", "version"} | DATE_TYPES, frozenset({"string"})),
    "boolean": frozenset({"string", "boolean"}),
}
_SHAPES = {str: "string", int: "integer", float: "real", bool: "boolean"}
_QUOTE, _BACKSLASH = ord('"'), ord("\\")
_NAMES = Field("", "keyword")


def blocks(stream: BinaryIO) -> Iterator[memoryview]:
    """Whole lines in pieces of about ``BLOCK_BYTES``; without the byte-order mark. Each stands until the next is taken."""
    buffer, kept, first = bytearray(BLOCK_BYTES), 0, True
    while got := cast(io.BufferedReader, stream).readinto(memoryview(buffer)[kept:]):
        filled = kept + got
        end = buffer.rfind(b"\n", 0, filled) + 1
        if not end and filled == len(buffer) < LONGEST_BYTES:
            buffer, kept = buffer + bytearray(len(buffer)), filled
            continue
        end = end or filled
        marked = first and buffer.startswith(BOM)
        yield memoryview(buffer)[len(BOM) if marked else 0 : end]
        first, kept = False, filled - end
        buffer[:kept] = buffer[end:filled]
    if kept:
        yield memoryview(buffer)[:kept]


@dataclass(frozen=True)
class Part:
    """So many lines of a block, and what came of them under this schema: a normalised batch whose ``_record`` counts them
    from 0, or the lines themselves where only the exact path may answer."""

    count: int
    schema: Schema
    table: pa.Table | None
    lines: bytes = b""


class Projection:
    """Parses blocks for the wanted fields."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self._wanted = wanted | {TIMESTAMP}
        self._made: tuple[Schema, Leaves | None] | None = None

    def parts(self, block: bytes | memoryview, schema: Schema) -> Iterator[Part]:
        """A block's lines in their order, in as few parts as may be."""
        part = self._part(block, schema)
        yield from [part] if part.table is not None or len(block) <= _SMALLEST else self._cut(part)

    def _cut(self, whole: Part) -> Iterator[Part]:
        parts = [self._part(piece, whole.schema) for piece in _pieces(whole.lines)]
        scattered = sum(part.table is None for part in parts) <= len(parts) // 2
        for part in parts:
            if part.table is None and scattered and len(part.lines) > _SMALLEST:
                yield from self._cut(part)
            else:
                yield part

    def _part(self, block: bytes | memoryview, schema: Schema) -> Part:
        table = self.table(block, schema)
        count = int(np.count_nonzero(np.frombuffer(block, np.uint8) == ord("\n")))
        return Part(count, schema, table, bytes(block) if table is None else b"")

    def table(self, block: bytes | memoryview, schema: Schema) -> pa.Table | None:
        """A normalised batch of one row a line, with ``_time`` and ``_record``, in the order of the lines; None where only
        the exact path may answer."""
        leaves = self._leaves(schema)
        found = None if leaves is None else leaves.texts(block if block[-1] == ord("\n") else bytes(block) + b"\n")
        if found is None:
            return None
        texts, records = found
        arrays: dict[str, Any] = {}
        for path, each in texts.items():
            name = ".".join(path)
            entry = _NAMES if name in METADATA else schema.find(name)
            # What a field's name with a dot in a key would give, the exact path tells.
            if entry is None or any("." in part for part in path):
                return None
            if name in METADATA and not pc.all(pc.starts_with(each, '"')).as_py():
                return None
            arrays[name] = _values(flat(each), entry)
            if arrays[name] is None:
                return None
        times = nanoseconds(arrays.pop(TIMESTAMP, pa.nulls(len(records), pa.string())))
        return None if times is None else pa.table({"_time": times, **arrays, "_record": records})

    def _leaves(self, schema: Schema) -> Leaves | None:
        """The parser, made once for a schema; None where the exact path must read all."""
        if self._made is None or self._made[0] is not schema:
            tree, before = self._tree(schema), None if self._made is None else self._made[1]
            same = before is not None and before.tree == tree
            self._made = schema, before if same else None if tree is None else Leaves(tree)
        return self._made[1]

    def _tree(self, schema: Schema) -> dict[str, Any] | None:
        """What to look for, nested: names to subtrees, or to None for a leaf or a place where nothing may be."""
        tree: dict[str, Any] = dict.fromkeys(METADATA)
        for name in sorted(self._wanted):
            entry = schema.find(name)
            if entry is not None and (entry.null_value is not None or physical_type(entry.type) is None):
                return None
            opaque = [each for above in (*paths_above(name), name) if (each := schema.find(above)) is not None]
            if any(each.type in OPAQUE_TYPES for each in opaque) or is_reserved(name):
                return None
            if any(is_scalar(schema.find(above)) for above in paths_above(name)) or name in schema.aliases:
                return None
            if not _place(tree, name.split(".")):
                return None
        return tree if _is_distinct(tree) else None


def _pieces(block: bytes) -> Iterator[bytes]:
    """Some whole lines after another, in ``_PIECES`` of about one length."""
    start = 0
    for number in range(1, _PIECES + 1):
        end = block.find(b"\n", max(start, len(block) * number // _PIECES - 1)) + 1 or len(block)
        if end > start:
            yield block[start:end]
        start = end


def _values(texts: pa.Array, entry: Field) -> pa.Array | None:
    """The values that JSON texts stand for, as far as the field takes them; else None."""
    offsets = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1, 4 * texts.offset)
    characters = np.frombuffer(texts.buffers()[2], np.uint8)
    starts = characters[offsets[:-1][np.asarray(texts.is_valid())]]
    if (starts == _QUOTE).all() and not (characters[offsets[0] : offsets[-1]] == _BACKSLASH).any():
        return pc.binary_slice(texts.cast(pa.binary()), 1, -1).cast(pa.string())
    encoded = texts.dictionary_encode()
    try:
        distinct = orjson.loads(f"[{','.join(encoded.dictionary.to_pylist())}]")
    except orjson.JSONDecodeError:
        return None
    made = _array(distinct, entry)
    return None if made is None else made.take(encoded.indices)


def _array(distinct: list[Any], entry: Field) -> pa.Array | None:
    """Values of JSON as a column; None where the field does not take one, or the column could not hold it unchanged."""
    atoms = [atom for value in distinct for atom in _atoms(value)]
    shapes = {_SHAPES.get(type(atom), "object") for atom in atoms}
    if shapes <= _TAKES[entry.type] and (len(shapes) == 1 or shapes == {"integer", "real"}):
        kind = _ARROW["real" if len(shapes) == 2 else shapes.pop()]
        values = [list(_atoms(value)) if isinstance(value, list) else value for value in distinct]
    else:
        # Values of several kinds, or of one that asks for the mapper's own conversion.
        convert, kind = conversions.converter(entry), physical_type(entry.type)
        if convert is None or "object" in shapes:
            return None
        try:
            values = [
                [convert(atom) for atom in _atoms(value)] if isinstance(value, list) else convert(value)
                for value in distinct
            ]
        except conversions.Malformed:
            return None
    many = any(isinstance(value, list) for value in values)
    if many:
        values = [value if isinstance(value, list) else [value] for value in values]
    try:
        return pa.array(values, pa.list_(kind) if many else kind)
    except (pa.ArrowInvalid, OverflowError):
        return None


def _atoms(value: Any) -> Iterator[Any]:
    """The values of a list, and of lists in it, without nulls."""
    if not isinstance(value, list):
        yield value
        return
    pending = value[::-1]
    while pending:
        element = pending.pop()
        if isinstance(element, list):
            pending.extend(reversed(element))
        elif element is not None:
            yield element


def _place(tree: dict[str, Any], parts: list[str]) -> bool:
    """Puts a leaf into the tree, and beside it every dotted key that could name it."""
    for depth, part in enumerate(parts):
        for length in range(2, len(parts) - depth + 1):
            if tree.setdefault(".".join(parts[depth : depth + length])) is not None:
                return False
        if depth == len(parts) - 1:
            if part in tree:
                return False
            tree[part] = None
            return True
        if (below := tree.setdefault(part, {})) is None:
            return False
        tree = below
    return False


def _is_distinct(tree: Mapping[str, Any]) -> bool:
    """Whether no two names beside one another differ by their letters' case only, as DuckDB would not tell them apart."""
    return len({name.casefold() for name in tree}) == len(tree) and all(
        _is_distinct(below) for below in tree.values() if below is not None
    )
