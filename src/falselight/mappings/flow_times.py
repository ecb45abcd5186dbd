"""When flows began, ended and were received, of whole columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from falselight.mappings import columnar
from falselight.mappings.tables import UNITS, Table, moment_of
from falselight.readers.settings import TIMEZONE, Settings

_PLAIN = r"\A\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?\z"
_LONGEST = 9.0e15


@dataclass(frozen=True, slots=True)
class FlowTimes:
    """Microseconds since 1970. ``seen`` is when a flow was received, else its end, else its start; ``lasted`` is a span."""

    start: pa.Array | None
    end: pa.Array | None
    lasted: pa.Array | None
    seen: pa.Array | None


def times(columns: dict[str, pa.Array], table: Table, rows: int, settings: Settings) -> FlowTimes:
    """Takes the times out of the columns that the table names; dates without a zone are the user's."""
    start, end, received = (_first(columns, table.entry[part], settings) for part in ("start", "end", "time"))
    lasted = None
    for name in table.entry.get("seconds", ()):
        values = columns.pop(name, None)
        if values is not None and lasted is None:
            lasted = _duration(values)
    if start is not None and lasted is not None:
        reached = pc.add(start, lasted)
        end = reached if end is None else pc.coalesce(end, reached)
    if start is not None and end is not None:
        between = pc.subtract(end, start)
        between = pc.if_else(pc.greater_equal(between, 0), between, pa.scalar(None, pa.int64()))
        lasted = between if lasted is None else pc.coalesce(lasted, between)
    known = [values for values in (received, end, start) if values is not None]
    return FlowTimes(start, end, lasted, pc.coalesce(*known) if known else None)


def _first(columns: dict[str, pa.Array], names: Iterable[str], settings: Settings) -> pa.Array | None:
    """The first of these columns that holds a time, row by row."""
    found = None
    for name in names:
        values = columns.pop(name, None)
        if values is not None and not pa.types.is_null(values.type):
            made = microseconds(values, settings)
            found = made if found is None else pc.coalesce(found, made)
    return found


def microseconds(values: pa.Array, settings: Settings) -> pa.Array:
    """Epoch microseconds of counts since 1970 or of dates."""
    if pa.types.is_integer(values.type):
        made = pc.multiply(pc.if_else(pc.less(values, UNITS[-1][0]), values, pa.scalar(None, values.type)), 1_000_000)
        for least, unit in reversed(UNITS):
            parts = pc.divide(values, unit // 1_000_000) if unit > 1_000_000 else pc.multiply(
                pc.if_else(pc.less(values, least * 1_000), values, pa.scalar(None, values.type)), 1_000_000 // unit
            )  # fmt: skip
            made = pc.if_else(pc.greater_equal(values, least), parts, made)
        return pc.if_else(pc.greater(values, 0), made, pa.scalar(None, pa.int64()))
    if pa.types.is_string(values.type) and settings.timezone.utcoffset(None) is not None:
        plain = pc.match_substring_regex(values, _PLAIN)
        if pc.all(plain).as_py():
            try:
                local = pc.cast(pc.cast(values, pa.timestamp("us")), pa.int64())
            except pa.ArrowInvalid:
                local = None
            if local is not None:
                settings.assumed[TIMEZONE] += len(values) - values.null_count
                offset = settings.timezone.utcoffset(None)
                return pc.subtract(local, round(offset.total_seconds() * 1_000_000) if offset is not None else 0)
    return pa.array([moment_of(value, settings) for value in values.to_pylist()], pa.int64())


def _duration(seconds: pa.Array) -> pa.Array:
    """Seconds as microseconds; what is no length of time is null."""
    found = columnar.distinct(seconds, _length, pa.float64())
    return pc.cast(pc.round(pc.multiply(found, 1e6)), pa.int64())


def _length(value: object) -> float | None:
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return found if 0 <= found < _LONGEST / 1e6 else None
