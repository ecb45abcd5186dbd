"""Whole-column operations that the conversions of records are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from falselight.batches import as_lists

NOTHING = "\x00"
_JOINT = "\x1f"
_NUMBERS = {pa.int64(), pa.float64()}


def distinct(values: pa.Array, convert: Callable[[Any], Any], kind: pa.DataType) -> pa.Array:
    """Converts each distinct value once; None stays None."""
    encoded = values.dictionary_encode()
    made = pa.array([convert(value) for value in encoded.dictionary.to_pylist()], kind)
    return made.take(encoded.indices)


def jointly(columns: Sequence[pa.Array | None], rows: int, convert: Callable[..., Any], kind: pa.DataType) -> pa.Array:
    """Converts each distinct combination of values once. The values come as strings, a missing one as None."""
    texts = [
        pa.repeat(pa.scalar(NOTHING), rows) if column is None else pc.fill_null(as_text(column), NOTHING)
        for column in columns
    ]
    keys = texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, _JOINT)

    def each(key: str) -> Any:
        parts = key.split(_JOINT)
        if len(parts) != len(columns):
            return None
        return convert(*(None if part == NOTHING else part for part in parts))

    return distinct(keys, each, kind)


def as_text(values: pa.Array) -> pa.Array:
    """Values as strings; of lists the first element."""
    if pa.types.is_list(values.type):
        return as_text(first(values))
    if pa.types.is_string(values.type):
        return values
    return values.cast(pa.string())


def either(one: pa.Array, other: pa.Array) -> pa.Array:
    """The first column's values, where it has none the other's; of two types in one that holds both: lists, real numbers, else
    texts."""
    if one.type != other.type:
        many = pa.types.is_list(one.type) or pa.types.is_list(other.type)
        kinds = {values.type.value_type if pa.types.is_list(values.type) else values.type for values in (one, other)}
        kinds -= {pa.null()} if len(kinds) > 1 else set()
        kind = kinds.pop() if len(kinds) == 1 else pa.float64() if kinds == _NUMBERS else pa.string()
        one, other = (_lifted(values, kind, many) for values in (one, other))
    return pc.if_else(pc.is_valid(one), one, other)


def _lifted(values: pa.Array, kind: pa.DataType, many: bool) -> pa.Array:
    if pa.types.is_list(values.type):
        return pa.ListArray.from_arrays(values.offsets, values.values.cast(kind, safe=False), mask=pc.is_null(values))
    cast = values.cast(kind, safe=False)
    return as_lists(pa.chunked_array([cast])) if many else cast


def renamed(columns: Mapping[str, pa.Array], name_of: Callable[[str], str]) -> dict[str, pa.Array]:
    """The columns by other names; of several that get one name the first counts in each row that it fills."""
    found: dict[str, pa.Array] = {}
    for name, values in columns.items():
        proper = name_of(name)
        found[proper] = either(found[proper], values) if proper in found else values
    return found


def first(lists: pa.Array) -> pa.Array:
    """The first element of each list; null for an empty one."""
    starts = lists.offsets.slice(0, len(lists))
    ends = lists.offsets.slice(1, len(lists))
    filled = pc.and_(pc.greater(ends, starts), pc.is_valid(lists))
    return lists.values.take(pc.if_else(filled, starts, pa.scalar(None, pa.int32())))


def whole(values: pa.Array, malformed: Counter[str], name: str) -> pa.Array | None:
    """int64; what is no whole number of 64 bits is null and counted."""
    return _number(values, pa.int64(), _as_int, malformed, name)


def real(values: pa.Array, malformed: Counter[str], name: str) -> pa.Array | None:
    """float64; what is no number is null and counted."""
    return _number(values, pa.float64(), _as_float, malformed, name)


def _number(
    values: pa.Array, kind: pa.DataType, convert: Callable[[Any], Any], malformed: Counter[str], name: str
) -> pa.Array:
    if pa.types.is_list(values.type):
        values = first(values)
    if values.type == kind:
        return values
    try:
        return values.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        made = distinct(values, convert, kind)
        malformed[name] += made.null_count - values.null_count
        return made


def _as_int(value: Any) -> int | None:
    try:
        number = int(value) if not isinstance(value, float) or value.is_integer() else None
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number is not None and -(2**63) <= number < 2**63 else None


def _as_float(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def paired(left: pa.Array | None, right: pa.Array | None, once: bool = False) -> pa.Array | None:
    """One list a row of the two values, nulls left in place; ``once`` leaves out a right that equals the left."""
    if left is None or right is None:
        only = left if left is not None else right
        if only is None:
            return None
        offsets = pa.array(np.arange(len(only) + 1, dtype=np.int32))
        return pa.ListArray.from_arrays(offsets, only)
    if once:
        same = pc.fill_null(pc.equal(left, right), False)
        right = pc.if_else(same, pa.scalar(None, right.type), right)
    rows = len(left)
    order = pa.array(np.arange(2 * rows).reshape(2, rows).T.ravel())
    offsets = pa.array(np.arange(0, 2 * rows + 1, 2, dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, pa.concat_arrays([left, right]).take(order))


def flat(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """One contiguous array."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    combined = column.combine_chunks()
    return pa.concat_arrays(combined.chunks) if isinstance(combined, pa.ChunkedArray) else combined


def seconds_to_nanoseconds(values: pa.Array) -> pa.Array:
    """Seconds since 1970 (exact to the microsecond) as int64 nanoseconds; what 64 bits cannot hold is null."""
    if pa.types.is_integer(values.type):
        fits = pc.and_(pc.greater(values, -9_223_372_036), pc.less(values, 9_223_372_036))
        return pc.multiply(pc.if_else(fits, values, pa.scalar(None, values.type)).cast(pa.int64()), 1_000_000_000)
    fits = pc.and_(pc.greater(values, -9.2e9), pc.less(values, 9.2e9))
    held = pc.if_else(fits, values, pa.scalar(None, values.type))
    return pc.multiply(pc.round(pc.multiply(held, 1e6)).cast(pa.int64()), 1000)
