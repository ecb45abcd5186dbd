"""Normalised Arrow columns in, the event table's physical columns out.

A normalised column is named by its dotted field and holds values or lists of values: string, int64, uint64, float64 or
bool; ip as text; a date as whole number in the unit of its field (``date`` milliseconds, ``date_nanos`` nanoseconds) or
as text in the field's format. ``physical`` casts to the field's type, drops what Elasticsearch does not index
(``ignore_above``), and adds the columns that stand beside ip and version fields. See ``store`` for the physical form.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from falselight import quads
from falselight import values as conversions
from falselight.ecs.schema import DATE_TYPES, FLOAT_TYPES, STRING_TYPES, Field, column, ip_column, order_column

_PHYSICAL = {
    **dict.fromkeys(STRING_TYPES | {"ip", "version", "nested"}, pa.string()),
    **dict.fromkeys({"long", "integer", "short", "byte"} | DATE_TYPES, pa.int64()),
    **dict.fromkeys(FLOAT_TYPES, pa.float64()),
    "unsigned_long": pa.uint64(),
    "float": pa.float32(),
    "boolean": pa.bool_(),
}
_UTC_TIME = r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z\z"
RESERVED = frozenset({"_seq", "_input", "_record", "_time", "_id", "_index", "_cluster", "_named"})
_DUCKDB = {
    pa.string(): "VARCHAR",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.uint64(): "UBIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.binary(): "BLOB",
}
_WHOLE = frozenset({"long"}) | DATE_TYPES


def physical_type(kind: str) -> pa.DataType | None:
    """The Arrow type of one value of an Elasticsearch type, or None for a type that has no column."""
    return _PHYSICAL.get(kind)


def duckdb_type(kind: pa.DataType) -> str:
    """How DuckDB names the type of a physical column."""
    if pa.types.is_list(kind):
        return duckdb_type(kind.value_type) + "[]"
    return _DUCKDB[kind]


def is_reserved(name: str) -> bool:
    """Whether no column can have this name: it is empty or holds a NUL, or the table needs the place for a column of its own."""
    return not name or "\0" in name or name in RESERVED or name.endswith(("#ip", "#order", "#values"))


def physical(
    array: pa.Array | pa.ChunkedArray, field: Field, malformed: Counter[str] | None = None
) -> dict[str, pa.Array]:
    """The columns of one field, by physical name: empty if no value is left. A column is a list column iff some row holds
    several values. Values that the field's mapper would reject become null and are counted under the field's name."""
    if field.type not in _PHYSICAL:
        return {}
    flat = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    if isinstance(flat, pa.ChunkedArray):
        flat = pa.concat_arrays(flat.chunks)
    if pa.types.is_dictionary(flat.type):
        if pa.types.is_string(flat.type.value_type) and field.type in STRING_TYPES:
            return _decoded(flat, field)
        if field.type != "ip" or not pa.types.is_string(flat.type.value_type):
            flat = flat.dictionary_decode()
    shape = flat if pa.types.is_list(flat.type) or pa.types.is_large_list(flat.type) else None
    given = flat if shape is None else shape.values
    if field.type == "ip":
        result = _quads(given, field)
        if result:
            return result if shape is None else {name: _lists(shape, value) for name, value in result.items()}
        given = given.dictionary_decode() if pa.types.is_dictionary(given.type) else given
    stored, rejected = _convert(given, field)
    if rejected and malformed is not None:
        malformed[field.name] += rejected
    stored = _indexed(stored, field)
    if stored.null_count == len(stored):
        return {}
    result = {column(field.name): stored, **_beside(stored, field)}
    return result if shape is None else {name: _lists(shape, value) for name, value in result.items()}


def _decoded(values: pa.DictionaryArray, field: Field) -> dict[str, pa.Array]:
    """The column of a field of texts, of which each is looked at once."""
    distinct, _ = _convert(values.dictionary, field)
    stored = _indexed(distinct, field).take(values.indices)
    return {} if stored.null_count == len(stored) else {column(field.name): stored}


def nanoseconds(texts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray | None:
    """Epoch nanoseconds of UTC times (``2024-05-01T10:20:30.123Z``), or None if some text is not of this form."""
    if not pa.types.is_string(texts.type):
        return None
    if not pc.all(pc.match_substring_regex(texts, _UTC_TIME)).as_py() and texts.null_count < len(texts):
        return None
    try:
        return pc.cast(pc.cast(texts, pa.timestamp("ns", "UTC")), pa.int64())
    except pa.ArrowInvalid:
        return None


def _lists(shape: pa.ListArray, values: pa.Array) -> pa.Array:
    """Puts converted values back into their rows: nulls leave their list, an empty list is null, and if no list holds
    two values the column is scalar."""
    kept = pc.cast(pc.is_valid(values), pa.int64())
    ends = pc.cumulative_sum(kept)
    before = pa.concat_arrays([pa.array([0], pa.int64()), ends.combine_chunks() if _chunked(ends) else ends])
    offsets = before.take(shape.offsets)
    starts, lengths = offsets.slice(0, len(shape)), pc.subtract(offsets.slice(1), offsets.slice(0, len(shape)))
    empty = pc.or_(pc.is_null(shape), pc.equal(lengths, 0))
    dense = values.drop_null()
    lengths = pc.if_else(empty, 0, lengths)
    if (pc.max(lengths).as_py() or 0) <= 1:
        return dense.take(pc.if_else(empty, pa.scalar(None, pa.int64()), starts))
    return pa.ListArray.from_arrays(pc.cast(offsets, pa.int32()), dense, mask=empty)


def _chunked(array: Any) -> bool:
    return isinstance(array, pa.ChunkedArray)


def _convert(values: pa.Array, field: Field) -> tuple[pa.Array, int]:
    """Values in the field's physical type, and how many were rejected."""
    target = _PHYSICAL[field.type]
    if pa.types.is_large_string(values.type) or pa.types.is_string_view(values.type):
        values = values.cast(pa.string())
    if values.type == pa.null():
        return values.cast(target), 0
    if (
        field.type != "ip"
        and values.type == target
        and (
            field.type in STRING_TYPES
            or field.type in _WHOLE
            or field.type in {"boolean", "unsigned_long", "version", "nested"}
        )
    ):
        return values, 0
    if field.type in DATE_TYPES and pa.types.is_integer(values.type):
        return values.cast(target, safe=False), 0
    if field.type in STRING_TYPES and pa.types.is_integer(values.type):
        return values.cast(pa.string()), 0
    convert = conversions.converter(field)
    if convert is None:
        raise TypeError(f"a field of type {field.type} has no converter")
    return _through(values, convert, target)


def _through(values: pa.Array, convert: Callable[[Any], Any], target: pa.DataType) -> tuple[pa.Array, int]:
    """Converts each distinct value once."""
    encoded = values.dictionary_encode()
    converted: list[Any] = []
    bad: list[bool] = []
    for value in encoded.dictionary.to_pylist():
        try:
            converted.append(convert(value))
            bad.append(False)
        except conversions.Malformed:
            converted.append(None)
            bad.append(True)
    rejected = pc.sum(pa.array(bad, pa.bool_()).take(encoded.indices)).as_py() if any(bad) else 0
    return pa.array(converted, target).take(encoded.indices), int(rejected or 0)


def _quads(texts: pa.Array, field: Field) -> dict[str, pa.Array]:
    """The columns of addresses that are all dotted quads, whose texts are canonical already; else none."""
    if texts.null_count == len(texts) or not (pa.types.is_dictionary(texts.type) or pa.types.is_string(texts.type)):
        return {}
    encoded = texts if pa.types.is_dictionary(texts.type) else texts.dictionary_encode()
    found = quads.read(encoded.dictionary)
    if not found.all:
        return {}
    plain = encoded.dictionary.take(encoded.indices) if encoded is texts else texts
    beside = quads.binary(quads.sixteen(found.numbers), encoded.indices)
    return {column(field.name): plain, ip_column(field.name): beside}


def _indexed(values: pa.Array, field: Field) -> pa.Array:
    """Without the strings longer than ``ignore_above``: Elasticsearch keeps them out of the index and of doc values. The
    length counts UTF-16 units, as Java does."""
    limit = field.ignore_above
    if limit is None or not pa.types.is_string(values.type) or field.type == "ip":
        return values
    bytes_each = pc.binary_length(values)
    if (pc.max(bytes_each).as_py() or 0) <= limit:
        return values
    long_ones = pc.indices_nonzero(pc.fill_null(pc.greater(bytes_each, limit), False))
    dropped = [
        row
        for row, text in zip(long_ones.to_pylist(), values.take(long_ones).to_pylist(), strict=True)
        if len(text) + sum(character > "\uffff" for character in text) > limit
    ]
    if not dropped:
        return values
    mask = pc.is_in(pa.array(range(len(values)), pa.int64()), value_set=pa.array(dropped, pa.int64()))
    return pc.if_else(mask, pa.scalar(None, values.type), values)


def _beside(values: pa.Array, field: Field) -> dict[str, pa.Array]:
    """The column of bytes beside an ip or a version."""
    if field.type == "ip":
        return {ip_column(field.name): _through(values, lambda text: conversions.ip(text)[1], pa.binary())[0]}
    if field.type == "version":
        return {order_column(field.name): _through(values, conversions.version_order, pa.binary())[0]}
    return {}
