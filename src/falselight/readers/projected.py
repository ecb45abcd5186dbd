"""The fast path for lines of JSON: only the wanted leaves, parsed block by block in compiled code, or not at all.

A block is taken only when its parse provably equals the exact path's: every line is one object, what stands at a wanted path
is a value or a list of values that its field takes, and no wanted field is written with a dotted key. A block with any
departure is cut, and what of it departs goes the exact path.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from falselight import values as conversions
from falselight.columns import is_reserved, nanoseconds, physical_type
from falselight.documents import METADATA, OPAQUE_TYPES, TIMESTAMP, Collector, is_scalar
from falselight.ecs.schema import DATE_TYPES, FLOAT_TYPES, INTEGER_TYPES, STRING_TYPES, Field, Schema, paths_above
from falselight.mappings.columnar import flat
from falselight.readers import scanning
from falselight.readers.blocks import Block
from falselight.readers.leaves import Fault, Leaves, Refused
from falselight.store import timestamps

# A block that departs is cut in so many pieces, these again, down to so few bytes.
_PIECES, _SMALLEST = 8, 1 << 19
# So often it is cut about the line that the parser tells, give or take some lines; again where so many lines pay for it.
_HINTS, _NEAR, _WORTH = 4, 1, 2_000
# For lines that are written again, with each key once, there are none: what departs even so is cut.
_WRITTEN = -1
_ARROW = {"string": pa.string(), "integer": pa.int64(), "real": pa.float64(), "boolean": pa.bool_()}
_TAKES: dict[str, frozenset[str]] = {
    **dict.fromkeys(STRING_TYPES, frozenset({"string", "integer", "boolean"})),
    **dict.fromkeys(INTEGER_TYPES, frozenset({"string", "integer"})),
    **dict.fromkeys(FLOAT_TYPES, frozenset({"string", "integer", "real"})),
    **dict.fromkeys({"ip", "version"} | DATE_TYPES, frozenset({"string"})),
    "boolean": frozenset({"string", "boolean"}),
    "nested": frozenset(),
}
_SHAPES = {str: "string", int: "integer", float: "real", bool: "boolean"}
# An object that some sensors write as an array of objects. It is read as one text, and what its fields are is told by the exact
# path for each distinct text: there are few.
_WHOLE = "code_signature"
_QUOTE, _BACKSLASH = ord('"'), ord("\\")
_NAMES = Field("", "keyword")


@dataclass(frozen=True)
class Part:
    """So many lines of a block, and what came of them under this schema: a normalised batch whose ``_record`` counts them
    from 0, or the lines themselves where only the exact path may answer."""

    count: int
    schema: Schema
    table: pa.Table | None
    lines: bytes = b""


class Projection:
    """Parses blocks for the wanted fields. Several threads may, at once."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self._wanted = wanted | {TIMESTAMP}
        self._made: tuple[Schema, Leaves | None] | None = None

    def parts(self, block: Block, schema: Schema) -> Iterator[Part]:
        """A block's lines in their order, in as few parts as may be."""
        yield from self._parts(block.lines, block.path, schema, _HINTS, False)

    def _parts(
        self, block: bytes | memoryview, path: str | None, schema: Schema, hints: int, checked: bool
    ) -> Iterator[Part]:
        while len(block):
            try:
                table, count, fault = self._read(block, path, schema, checked)
            except Refused:
                yield from self._cut(bytes(block), schema)
                return
            if count:
                yield Part(count, schema, table)
            if fault is None:
                return
            if fault.twice and _WRITTEN < hints < _HINTS and count < _WORTH:
                again, plain = _written_again(block[_start(block, count) :])
                yield from self._parts(again, None, schema, _WRITTEN, plain)
                return
            block, path, hints = block[_start(block, count) :], None, _HINTS if count >= _WORTH else hints - 1
            if hints < 0 or len(block) <= _SMALLEST:
                yield from self._cut(bytes(block), schema)
                return
            before, near, block = _around(block, fault.line - count)
            yield from self._parts(before, None, schema, 0, True)
            yield Part(_lines(near), schema, None, bytes(near))
            checked = True

    def _cut(self, block: bytes, schema: Schema) -> Iterator[Part]:
        """Pieces of a block that departs where it does not tell; those that depart are cut as long as others do not."""
        if len(block) <= _SMALLEST:
            yield Part(_lines(block), schema, None, block)
            return
        pieces = list(_pieces(block))
        tables = [self.table(piece, schema) for piece in pieces]
        scattered = sum(table is None for table in tables) <= len(tables) // 2
        for piece, table in zip(pieces, tables, strict=True):
            if table is None and scattered:
                yield from self._cut(piece, schema)
            else:
                yield Part(_lines(piece), schema, table, b"" if table is not None else piece)

    def table(self, block: bytes | memoryview, schema: Schema) -> pa.Table | None:
        """A normalised batch of one row a line, with ``_time`` and ``_record``, in the order of the lines; None where only
        the exact path may answer."""
        try:
            table, _, fault = self._read(block, None, schema)
        except Refused:
            return None
        return table if fault is None else None

    def _read(
        self, block: bytes | memoryview, file: str | None, schema: Schema, checked: bool = False
    ) -> tuple[pa.Table, int, Fault | None]:
        """The batch of the first lines, how many these are, and what is wrong with the next one."""
        leaves = self._leaves(schema)
        if leaves is None:
            raise Refused
        if block[-1] != ord("\n"):
            block, file = bytes(block) + b"\n", None
        texts = leaves.texts(block, file, checked)
        arrays: dict[str, Any] = {}
        for path, each in texts.leaves.items():
            name = ".".join(path)
            entry = _NAMES if name in METADATA else schema.find(name)
            if path[-1] == _WHOLE and (entry is None or entry.type != "nested"):
                arrays |= self._whole(path, flat(each), schema)
                continue
            # What a field's name with a dot in a key would give, the exact path tells.
            if entry is None or any("." in part for part in path):
                raise Refused
            if name in METADATA and not pc.all(pc.starts_with(each, '"')).as_py():
                raise Refused
            arrays[name] = _values(flat(each), entry)
            if arrays[name] is None:
                raise Refused
        times = nanoseconds(arrays.pop(TIMESTAMP, pa.nulls(len(texts.numbers), pa.string())))
        if times is None:
            raise Refused
        made = pa.table({"_time": times, **arrays, "_record": texts.numbers})
        # As the exact path gives it, so that batches of both can be joined.
        return made.append_column(TIMESTAMP, timestamps(made, schema)), texts.lines, texts.fault

    def _whole(self, path: tuple[str, ...], texts: pa.Array, schema: Schema) -> dict[str, pa.Array]:
        """The columns of the wanted fields of an object that was read as one text. Raises ``Refused`` where they are not
        plain."""
        if any("." in part for part in path):
            raise Refused
        encoded, malformed = texts.dictionary_encode(), Counter[str]()
        wanted = frozenset(name for name in self._wanted if name.startswith(".".join(path) + "."))
        collector = Collector(schema, malformed=malformed, wanted=wanted)
        for text in encoded.dictionary.to_pylist():
            try:
                document = orjson.loads(text)
            except orjson.JSONDecodeError:
                raise Refused from None
            for part in reversed(path):
                document = {part: document}
            collector.add(document)
        table = collector.take()
        if malformed or collector.schema is not schema:
            raise Refused
        return {name: table.column(name).take(encoded.indices) for name in table.column_names if name != "_time"}

    def _leaves(self, schema: Schema) -> Leaves | None:
        """The parser, made once for a schema; None where the exact path must read all."""
        made = self._made
        if made is None or made[0] is not schema:
            tree, before = self._tree(schema), None if made is None else made[1]
            same = before is not None and before.tree == tree
            self._made = made = schema, before if same else None if tree is None else Leaves(tree)
        return made[1]

    def _tree(self, schema: Schema) -> dict[str, Any] | None:
        """What to look for, nested: names to subtrees, or to None for a leaf or a place where nothing may be."""
        tree: dict[str, Any] = dict.fromkeys(METADATA)
        for name in sorted(self._wanted):
            entry = schema.find(name)
            if entry is not None and (entry.null_value is not None or physical_type(entry.type) is None):
                return None
            opaque = [each for above in paths_above(name) if (each := schema.find(above)) is not None]
            if any(each.type in OPAQUE_TYPES for each in opaque) or is_reserved(name):
                return None
            if any(is_scalar(schema.find(above)) for above in paths_above(name)) or name in schema.aliases:
                return None
            parts = name.split(".")
            if not _place(tree, parts, parts.index(_WHOLE) if _WHOLE in parts[:-1] else len(parts) - 1):
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


def _lines(block: bytes | memoryview) -> int:
    """How many lines end in it."""
    return scanning.count(block, b"\n")


def _start(block: bytes | memoryview, line: int) -> int:
    """Where a line begins; the block's end for one beyond it."""
    if line <= 0:
        return 0
    characters = np.frombuffer(block, np.uint8)
    for at in range(0, len(block), scanning.AT_ONCE):
        ends = np.flatnonzero(characters[at : at + scanning.AT_ONCE] == ord("\n"))
        if line <= len(ends):
            return at + int(ends[line - 1]) + 1
        line -= len(ends)
    return len(block)


def _written_again(block: bytes | memoryview) -> tuple[bytes, bool]:
    """The same lines as the exact path understands them, with each key once, and whether each is plain JSON; one that is not
    stands as it was."""
    made, plain = [], True
    for line in bytes(block).removesuffix(b"\n").split(b"\n"):
        try:
            made.append(orjson.dumps(orjson.loads(line)) if line and not line.isspace() else b"")
        except orjson.JSONDecodeError:
            made.append(line)
            plain = False
    return b"\n".join([*made, b""]), plain


def _around(block: bytes | memoryview, line: int) -> tuple[bytes | memoryview, bytes | memoryview, bytes | memoryview]:
    """The lines before this one, some about it, and those after them."""
    start, end = (_start(block, line + way) for way in (-_NEAR, _NEAR + 1))
    return block[:start], block[start:end], block[end:]


def _values(texts: pa.Array, entry: Field) -> pa.Array | None:
    """The values that JSON texts stand for, as far as the field takes them; else None."""
    offsets = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1, 4 * texts.offset)
    characters = np.frombuffer(texts.buffers()[2], np.uint8)
    starts = characters[offsets[:-1][np.asarray(texts.is_valid())]]
    plain = entry.type != "nested" and (starts == _QUOTE).all()
    if plain and not (characters[offsets[0] : offsets[-1]] == _BACKSLASH).any():
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
        if convert is None or ("object" in shapes and entry.type != "nested"):
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


def _place(tree: dict[str, Any], parts: list[str], last: int) -> bool:
    """Puts a leaf into the tree, and beside it every dotted key that could name it. The leaf is of the part ``last``: of the
    last one, or of an object that holds it and is read as one text."""
    for depth, part in enumerate(parts[: last + 1]):
        for length in range(2, len(parts) - depth + 1):
            if tree.setdefault(".".join(parts[depth : depth + length])) is not None:
                return False
        if depth == last:
            if part in tree:
                return last < len(parts) - 1 and tree[part] is None
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
