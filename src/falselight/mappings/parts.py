"""Parts of a block's records, such as those of one kind, and one table of all in the order of the records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from falselight.readers.windows_event import text_of

Numbers: TypeAlias = np.ndarray[Any, Any]
# A scalar is the value of all rows.
Column: TypeAlias = pa.Array | pa.Scalar
_MOST_CELLS, _FEW_ROWS = 1 << 26, 5_000


@dataclass(frozen=True, slots=True)
class Part:
    """Some records: their numbers, and their fields."""

    numbers: Numbers
    columns: dict[str, Column]

    def kept(self, rows: Numbers) -> Part:
        """The records of the rows that are true."""
        mask = pa.array(rows)
        columns = {name: column.filter(mask) if is_many(column) else column for name, column in self.columns.items()}
        return Part(self.numbers[rows], columns)

    def filled(self) -> Part:
        """Without the fields that no record has."""
        columns = {
            name: column
            for name, column in self.columns.items()
            if not is_many(column) or column.null_count < len(column) or name == "_time"
        }
        return Part(self.numbers, columns)


def is_many(column: Column) -> bool:
    """Whether there is a value for each row."""
    return isinstance(column, pa.Array)


def part_of(batch: pa.RecordBatch) -> Part:
    """A batch that has ``_record`` as a part."""
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    return Part(np.asarray(columns.pop("_record")), columns)


def listed(values: pa.Array) -> pa.Array:
    """A list of one for each value, null for none; lists stay."""
    if pa.types.is_list(values.type):
        return values
    offsets = pa.array(np.arange(len(values) + 1, dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, values, mask=pc.is_null(values))


def tables(parts: Sequence[Part]) -> Iterator[pa.Table]:
    """All records in their order: one table, or more where so many fields would make it large."""
    rows = sum(len(part.numbers) for part in parts)
    names = {name for part in parts for name in part.columns}
    if len(names) * rows <= _MOST_CELLS:
        if parts:
            yield in_order(parts)
        return
    numbers = np.sort(np.concatenate([part.numbers for part in parts]))
    for start in range(0, rows, _FEW_ROWS):
        first, last = numbers[start], numbers[min(start + _FEW_ROWS, rows) - 1]
        some = [part.kept((part.numbers >= first) & (part.numbers <= last)) for part in parts]
        yield in_order([part.filled() for part in some if len(part.numbers)])


def in_order(parts: Sequence[Part]) -> pa.Table:
    """One table of all, sorted by ``_record``. A field that is a list somewhere is a list everywhere."""
    if len(parts) == 1 and all(map(is_many, parts[0].columns.values())) and (np.diff(parts[0].numbers) > 0).all():
        return pa.table({"_record": pa.array(parts[0].numbers), **parts[0].columns})
    order = _Order([part.numbers for part in parts])
    found: dict[str, list[tuple[int, Column]]] = {}
    for place, part in enumerate(parts):
        for name, column in part.columns.items():
            found.setdefault(name, []).append((place, column))
    # Fields that are the same are put in order once.
    made: dict[tuple[tuple[int, int], ...], pa.Array] = {}
    columns: dict[str, pa.Array] = {"_record": pa.array(order.numbers)}
    for name, columns_of in found.items():
        key = tuple((place, id(column)) for place, column in columns_of)
        column = made.get(key)
        if column is None:
            column = made[key] = order.column(columns_of)
        columns[name] = column
    return pa.table(columns)


def _alike(columns: list[pa.Array]) -> list[pa.Array]:
    """The columns in one type: as ``apply.array`` has values of several."""
    kinds = {column.type for column in columns}
    if len(kinds) == 1:
        return columns
    kind = pa.float64() if {_value_type(each) for each in kinds} == {pa.int64(), pa.float64()} else pa.string()
    if any(map(pa.types.is_list, kinds)):
        kind = pa.list_(kind)
    return [column if column.type == kind else _as(column, kind) for column in columns]


def _value_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_list(kind) else kind


def _as(column: pa.Array, kind: pa.DataType) -> pa.Array:
    convert = float if _value_type(kind) == pa.float64() else text_of
    if not pa.types.is_list(kind):
        return pa.array([None if value is None else convert(value) for value in column.to_pylist()], kind)
    return pa.array([None if row is None else [convert(each) for each in row] for row in column.to_pylist()], kind)


class _Order:
    """Where the rows of each part stand in the table of all."""

    def __init__(self, numbers: list[Numbers]) -> None:
        self._starts = np.cumsum([0, *map(len, numbers)]).tolist()
        together = np.concatenate(numbers)
        sorting = np.argsort(together, kind="stable")
        self.numbers = together[sorting]
        self._rows = np.empty(len(together), np.int64)
        self._rows[sorting] = np.arange(len(together))
        self._part = np.repeat(np.arange(len(numbers), dtype=np.int32), [len(each) for each in numbers])[sorting]
        self._origins: dict[tuple[int, ...], _Origin] = {}

    def column(self, found: list[tuple[int, Column]]) -> pa.Array:
        """A column of some of the parts; null where a part has none. Of values that parts share it has each but once."""
        each_row = sum(len(column) for _, column in found if is_many(column))
        is_shared = each_row <= _FEW_ROWS and any(not is_many(column) for _, column in found)
        if is_shared and len({_value_type(column.type) for _, column in found}) == 1:
            return self._shared(found)
        arrays = [(place, self._repeated(place, column)) for place, column in found]
        if any(pa.types.is_list(values.type) for _, values in arrays):
            arrays = [(place, listed(values)) for place, values in arrays]
        values = _alike([values for _, values in arrays])
        joined = pa.concat_arrays(values) if len(values) > 1 else values[0]
        return self._origin(tuple(place for place, _ in arrays)).spread(joined)

    def _repeated(self, place: int, column: Column) -> pa.Array:
        if is_many(column):
            return column
        return pa.repeat(column, self._starts[place + 1] - self._starts[place])

    def _shared(self, found: list[tuple[int, Column]]) -> pa.Array:
        """A column of few values, which most parts have in all their rows."""
        many = any(pa.types.is_list(column.type) for _, column in found)
        values: dict[Any, int] = {}

        def code(value: Any) -> int:
            if value is None:
                return -1
            return values.setdefault(
                (tuple(value) if isinstance(value, list) else (value,)) if many else value, len(values)
            )

        places = np.full(len(self._starts) - 1, -1, np.int32)
        for place, column in found:
            if not is_many(column):
                places[place] = code(column.as_py())
        rows = places[self._part]
        for place, column in found:
            if is_many(column):
                rows[self._rows[self._starts[place] : self._starts[place + 1]]] = [
                    code(each) for each in column.to_pylist()
                ]
        kind = next((column.type for _, column in found if pa.types.is_list(column.type)), found[0][1].type)
        distinct = pa.array([list(value) if many else value for value in values], kind)
        absent = rows < 0
        indices = pa.array(rows, mask=absent if absent.any() else None)
        return distinct.take(indices) if many else pa.DictionaryArray.from_arrays(indices, distinct)

    def _origin(self, places: tuple[int, ...]) -> _Origin:
        known = self._origins.get(places)
        if known is None:
            origin = np.full(len(self._rows), -1, np.int64)
            at = 0
            for place in places:
                start, end = self._starts[place], self._starts[place + 1]
                origin[self._rows[start:end]] = np.arange(at, at + end - start)
                at += end - start
            known = self._origins[places] = _Origin(origin, at == len(self._rows))
        return known


class _Origin:
    """For each row of the table the row that it has among those of some parts, or -1."""

    def __init__(self, origin: Numbers, is_full: bool) -> None:
        self._filled = None if is_full else origin >= 0
        self._rows = origin
        self._dense = pa.array(origin if self._filled is None else origin[self._filled])

    def spread(self, joined: pa.Array) -> pa.Array:
        if self._filled is None:
            return joined.take(self._dense)
        kind = joined.type
        if not (pa.types.is_string(kind) or pa.types.is_list(kind)):
            return joined.take(pa.array(self._rows, mask=~self._filled))
        dense = joined.take(self._dense)
        # Rows without the field are empty stretches between the others.
        filled = self._filled
        lengths = np.zeros(len(filled) + 1, np.int32)
        offsets = np.frombuffer(dense.buffers()[1], np.int32, len(dense) + 1, 4 * dense.offset)
        lengths[1:][filled] = np.diff(offsets)
        lengths[0] = offsets[0]
        if dense.null_count:
            filled = filled.copy()
            filled[filled] = np.asarray(dense.is_valid())
        validity = pa.py_buffer(np.packbits(filled, bitorder="little"))
        ends = pa.py_buffer(np.cumsum(lengths, dtype=np.int32))
        if pa.types.is_list(kind):
            return pa.Array.from_buffers(kind, len(filled), [validity, ends], children=[dense.values])
        return pa.Array.from_buffers(kind, len(filled), [validity, ends, dense.buffers()[2]])
