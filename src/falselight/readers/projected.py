"""The fast path for lines of JSON: only the wanted leaves, parsed block by block in compiled code, or not at all.

A block is taken only when its parse provably equals the exact path's: every line is one object, every wanted leaf has the
shape that was learnt from a sample, no wanted field is written with a dotted key. The parser fails on any departure
(other type, scalar against list, duplicate key, dotted key, damage), and the block then goes the exact path whole.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as arrow_json

from falselight.columns import is_reserved, nanoseconds, physical_type
from falselight.documents import METADATA, OPAQUE_TYPES, TIMESTAMP, is_scalar, paths_above
from falselight.ecs.schema import DATE_TYPES, FLOAT_TYPES, INTEGER_TYPES, STRING_TYPES, Field, Schema
from falselight.readers.detect import BOM

BLOCK_BYTES = 32 << 20
# A line may be longer than a block; beyond this it is cut, and its parts are no JSON.
LONGEST_BYTES = 512 << 20
_PARSE_BYTES = 4 << 20
_SAMPLE_LINES = 400
_MAX_PAUSE = 64
_ARROW = {"string": pa.string(), "integer": pa.int64(), "real": pa.float64(), "boolean": pa.bool_()}
_TAKES: dict[str, frozenset[str]] = {
    **dict.fromkeys(STRING_TYPES, frozenset({"string", "integer", "boolean"})),
    **dict.fromkeys(INTEGER_TYPES, frozenset({"string", "integer"})),
    **dict.fromkeys(FLOAT_TYPES, frozenset({"string", "integer", "real"})),
    **dict.fromkeys({"ip", "version"} | DATE_TYPES, frozenset({"string"})),
    "boolean": frozenset({"string", "boolean"}),
}
Shape = tuple[str, bool]
_NO_NUMBER = re.compile(rb"(?:NaN|Inf(?:inity)?)\s*[,}\]]")


def blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Whole lines in pieces of about ``BLOCK_BYTES``; without the byte-order mark."""
    first = True
    while data := stream.read(BLOCK_BYTES):
        while not data.endswith(b"\n") and len(data) < LONGEST_BYTES and (rest := stream.readline(BLOCK_BYTES)):
            data += rest
        yield data.removeprefix(BOM) if first else data
        first = False


def _options(size: int) -> arrow_json.ReadOptions:
    """How a block of this many bytes is parsed: threads and room for megabytes cost more than a small one."""
    if size >= _PARSE_BYTES:
        return arrow_json.ReadOptions(block_size=_PARSE_BYTES)
    return arrow_json.ReadOptions(block_size=size + 1, use_threads=False)


class Projection:
    """Parses blocks for the wanted fields. ``table`` gives None where only the exact path may answer."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self._wanted = wanted | {TIMESTAMP}
        self._shapes: dict[str, Shape | None] = {}
        self._pause = self._failures = 0
        self._made: tuple[Schema, dict[str, Shape | None], dict[str, Any] | None, arrow_json.ParseOptions | None] | None
        self._made = None

    def table(self, block: bytes, schema: Schema) -> pa.Table | None:
        """A normalised batch of one row a line, with ``_time``, in the order of the lines."""
        if self._pause:
            self._pause -= 1
            return None
        result = self._attempt(block, schema)
        self._failures = 0 if result is not None else self._failures + 1
        # A file that never suits is not parsed twice over and over: pauses double.
        self._pause = min(2**self._failures // 2 - 1, _MAX_PAUSE) if self._failures else 0
        return result

    def _attempt(self, block: bytes, schema: Schema) -> pa.Table | None:
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n")
        if not block.endswith(b"\n"):
            block += b"\n"
        lines = _whole_lines(block)
        if lines is None or _has_no_numbers(block):
            return None
        if not block.isascii() and not _is_utf8(block):
            return None
        if self._shapes:
            result = self._parse(block, lines, schema)
            if result is not None:
                return result
        before = dict(self._shapes)
        self._learn(block)
        return self._parse(block, lines, schema) if self._shapes != before else None

    def _learn(self, block: bytes) -> None:
        """Takes in the shapes of the wanted leaves from lines spread over the block. None is a leaf of several shapes."""
        text = block.splitlines()
        for line in text[:: max(1, len(text) // _SAMPLE_LINES)]:
            try:
                document = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            for name in (*self._wanted, *METADATA):
                value = _leaf(document, name.split(".")) if name not in METADATA else document.get(name)
                shape = _shape(value)
                if shape is not None:
                    known = self._shapes.get(name, shape)
                    self._shapes[name] = _joined(known, shape)

    def _parse(self, block: bytes, lines: int, schema: Schema) -> pa.Table | None:
        tree, options = self._prepared(schema)
        if tree is None:
            return None
        try:
            parsed = arrow_json.read_json(io.BytesIO(block), read_options=_options(len(block)), parse_options=options)
        except pa.ArrowInvalid:
            return None
        if parsed.num_rows != lines:
            return None
        arrays = dict(_leaves(parsed, tree))
        times = nanoseconds(arrays.pop(TIMESTAMP))
        return None if times is None else pa.table({"_time": times, **arrays})

    def _prepared(self, schema: Schema) -> tuple[dict[str, Any] | None, arrow_json.ParseOptions | None]:
        """The tree and how to parse it, made once for a schema and the shapes that were learnt."""
        if self._made is None or self._made[0] is not schema or self._made[1] != self._shapes:
            tree = self._tree(schema)
            options = None
            if tree is not None:
                options = arrow_json.ParseOptions(
                    explicit_schema=pa.schema(_fields(tree)), unexpected_field_behavior="ignore"
                )
            self._made = schema, dict(self._shapes), tree, options
        return self._made[2:]

    def _tree(self, schema: Schema) -> dict[str, Any] | None:
        """What to parse, nested: names to subtrees or Arrow types; the null type stands for "nothing may be here"."""
        tree: dict[str, Any] = {
            name: pa.string() if self._shapes.get(name) == ("string", False) else pa.null() for name in METADATA
        }
        for name in sorted(self._wanted):
            kind = self._leaf_type(name, schema.find(name))
            if kind is None:
                return None
            opaque = [entry for above in (*paths_above(name), name) if (entry := schema.find(above)) is not None]
            if any(entry.type in OPAQUE_TYPES for entry in opaque) or is_reserved(name):
                return None
            if any(is_scalar(schema.find(above)) for above in paths_above(name)) or name in schema.aliases:
                return None
            if not _place(tree, name.split("."), kind):
                return None
        return tree if tree[TIMESTAMP] == pa.string() else None

    def _leaf_type(self, name: str, entry: Field | None) -> pa.DataType | None:
        """The Arrow type to parse a leaf with, None if the exact path must read it."""
        if entry is None:
            return pa.null()
        if entry.null_value is not None or physical_type(entry.type) is None:
            return None
        if name not in self._shapes:
            return pa.null()
        shape = self._shapes[name]
        if shape is None or shape[0] not in _TAKES[entry.type]:
            return None
        return pa.list_(_ARROW[shape[0]]) if shape[1] else _ARROW[shape[0]]


def _whole_lines(block: bytes) -> int | None:
    """How many lines there are, if each holds whole objects: between "}" and "{" on the next line only a top-level
    boundary is valid JSON."""
    characters = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(characters == ord("\n"))
    if characters[0] != ord("{") or not (characters[ends - 1] == ord("}")).all():
        return None
    return len(ends) if (characters[ends[:-1] + 1] == ord("{")).all() else None


def _has_no_numbers(block: bytes) -> bool:
    """Whether NaN or an infinity may stand in it as a value: Arrow's parser takes them, JSON does not."""
    return (b"NaN" in block or b"Inf" in block) and _NO_NUMBER.search(block) is not None


def _is_utf8(block: bytes) -> bool:
    try:
        block.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _leaf(document: Any, parts: list[str]) -> Any:
    for part in parts:
        document = document.get(part) if isinstance(document, dict) else None
    return document


def _shape(value: Any) -> Shape | None:
    if isinstance(value, list):
        shapes = [shape for element in value if (shape := _shape(element)) is not None]
        return (shapes[0][0], True) if shapes else None
    if isinstance(value, bool):
        return "boolean", False
    if isinstance(value, int):
        return "integer", False
    if isinstance(value, float):
        return "real", False
    return ("string", False) if isinstance(value, str) else None


def _joined(known: Shape | None, shape: Shape) -> Shape | None:
    if known is None or known == shape:
        return known
    if known[1] == shape[1] and {known[0], shape[0]} == {"integer", "real"}:
        return "real", known[1]
    return None


def _place(tree: dict[str, Any], parts: list[str], kind: pa.DataType) -> bool:
    """Puts a leaf into the tree, and beside it the null type under every dotted key that could name it."""
    for depth, part in enumerate(parts):
        for length in range(2, len(parts) - depth + 1):
            dotted = ".".join(parts[depth : depth + length])
            if tree.setdefault(dotted, pa.null()) != pa.null():
                return False
        if depth == len(parts) - 1:
            if part in tree:
                return False
            tree[part] = kind
            return True
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            return False
    return False


def _fields(tree: Mapping[str, Any]) -> list[pa.Field]:
    return [pa.field(name, pa.struct(_fields(kind)) if isinstance(kind, dict) else kind) for name, kind in tree.items()]


def _leaves(parsed: pa.Table, tree: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The parsed leaves by dotted name, those of the null type left out."""
    pending = [(name, parsed.column(name), kind) for name, kind in tree.items()]
    while pending:
        name, values, kind = pending.pop()
        if isinstance(kind, dict):
            pending.extend((f"{name}.{part}", pc.struct_field(values, [part]), below) for part, below in kind.items())
        elif kind != pa.null():
            yield name, values
