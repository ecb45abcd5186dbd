"""The values of one field from many documents: converted as ``values`` converts each, and made a column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from falselight import timestamps
from falselight import values as conversions
from falselight.columns import nanoseconds, physical_type
from falselight.ecs.schema import DATE_TYPES, STRING_TYPES, Field

# What stands for a value that the field's mapper rejects.
REJECTED = object()
_TEXTS = STRING_TYPES | {"version"}
# So few are had sooner one by one.
_FEW = 128
_STRICT = "strict_date_optional_time"


def converted(entry: Field, raw: Sequence[Any]) -> tuple[Sequence[Any], bool]:
    """What the field's mapper makes of each value: None where that is no value, ``REJECTED`` where it takes none; and whether
    each is a value."""
    kinds = set(map(type, raw))
    if kinds == {str}:
        if entry.type in _TEXTS:
            return raw, True
        if entry.type in DATE_TYPES and (exact := _exact_times(entry, raw)) is not None:
            unit = 1 if entry.type == "date_nanos" else timestamps.NANOS_PER_MILLI
            return (exact // unit).tolist(), True
    elif kinds == {int} and entry.type in conversions.INTEGER_RANGES:
        low, high = conversions.INTEGER_RANGES[entry.type]
        if low <= min(raw) and max(raw) <= high:
            return raw, True
    elif kinds == {bool} and entry.type == "boolean":
        return raw, True
    convert = conversions.converter(entry)
    if convert is None:
        raise TypeError(f"a field of type {entry.type} has no converter")
    if kinds == {str}:
        known = {value: _tried(convert, value) for value in set(raw)}
        return [known[value] for value in raw], not any(value is None or value is REJECTED for value in known.values())
    made = [_tried(convert, value) for value in raw]
    return made, not any(value is None or value is REJECTED for value in made)


def times(entry: Field, raw: Sequence[Any]) -> Sequence[int | None]:
    """The exact time of each value that the field takes; None where 64 bits of nanoseconds do not reach (before 1677, after
    2262), and for a field that holds no dates."""
    if entry.type not in DATE_TYPES:
        return [None] * len(raw)
    if set(map(type, raw)) == {str} and (exact := _exact_times(entry, raw)) is not None:
        return exact.tolist()  # type: ignore[no-any-return]
    found = (conversions.date(value, entry.format) for value in raw)
    return [nanos if -(2**63) <= nanos < 2**63 else None for nanos in found]


def column(entry: Field, rows: Sequence[int], cells: Sequence[Any], count: int) -> pa.Array:
    """A column of so many rows; of lists iff some row has several values, in their order."""
    kind = physical_type(entry.type)
    if count < _FEW:
        return _small_column(kind, rows, cells, count)
    flat = pa.array(cells, kind)
    places = np.asarray(rows, np.int64)
    each = np.bincount(places, minlength=count)
    if each.max() > 1:
        if (places[1:] < places[:-1]).any():
            flat = flat.take(pa.array(np.argsort(places, kind="stable")))
        offsets = np.concatenate([[0], np.cumsum(each)]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), flat, mask=pa.array(each == 0))
    if len(flat) == count and (places[1:] > places[:-1]).all():
        return flat
    order = np.zeros(count, np.int64)
    order[places] = np.arange(len(flat))
    return flat.take(pa.array(order, mask=each == 0))


def _small_column(kind: pa.DataType | None, rows: Sequence[int], cells: Sequence[Any], count: int) -> pa.Array:
    made: list[Any] = [None] * count
    if len(set(rows)) == len(rows):
        for row, cell in zip(rows, cells, strict=True):
            made[row] = cell
        return pa.array(made, kind)
    for row, cell in zip(rows, cells, strict=True):
        if made[row] is None:
            made[row] = [cell]
        else:
            made[row].append(cell)
    return pa.array(made, pa.list_(kind))


def _tried(convert: Callable[[Any], Any], value: Any) -> Any:
    try:
        return convert(value)
    except conversions.Malformed:
        return REJECTED


def _exact_times(entry: Field, raw: Sequence[str]) -> np.ndarray[Any, np.dtype[np.int64]] | None:
    """Epoch nanoseconds of texts, where all of them are plain times in UTC that the field's format takes first."""
    if len(raw) < _FEW or (entry.format or timestamps.DEFAULT_FORMAT).split("||")[0].strip() != _STRICT:
        return None
    try:
        exact = nanoseconds(pa.array(raw, pa.string()))
    except UnicodeEncodeError:  # a lone surrogate
        return None
    return None if exact is None else exact.to_numpy(zero_copy_only=False)
