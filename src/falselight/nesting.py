"""Normalised batches as nested ECS documents, one line of JSON for each record: what Elastic's index would hold.

A batch is what readers give (see ``columns``): ``_record``, ``_time`` and fields by dotted name. Its lists stay lists,
without the nulls that keep their places; a field without a value is left out. Dates are ISO 8601 in UTC, with
milliseconds, and more digits where there are more. Columns of the table's own (``_record``, ``_time``) are no fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from falselight import timestamps
from falselight.columns import RESERVED
from falselight.documents import OPAQUE_TYPES, TIMESTAMP
from falselight.ecs import release
from falselight.ecs.schema import DATE_TYPES, INTEGER_TYPES, Field, Schema
from falselight.plan.dates import iso

Document = dict[str, Any]
MILLISECOND, MICROSECOND = 1_000_000, 1_000
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}([0-9]{1,6})?Z")
# The names below these are the sender's: a dot in them makes no object.
_OWN_NAMES = ("winlog.event_data.", "winlog.user_data.")
# Objects in a list: their columns are lists whose places belong together.
_OBJECTS = ("dns.answers",)
_ALIGNED = tuple(name + "." for name in _OBJECTS)


def numbered(batch: pa.RecordBatch | pa.Table, schema: Schema, *, unit: int = 1) -> Iterator[tuple[int, Document]]:
    """The records' numbers and documents, in the batch's order. ``unit``: nanoseconds of the smallest part of a time that
    is kept in ``@timestamp``."""
    documents: list[Document] = [{} for _ in range(batch.num_rows)]
    names = batch.schema.names
    places = _Places(documents, names)
    if "_time" in names:
        times = batch.column("_time").to_pylist()
        for document, time in zip(documents, times, strict=True):
            if time is not None:
                document[TIMESTAMP] = instant(time // unit * unit)
    for name in names:
        if name in RESERVED or (name == TIMESTAMP and "_time" in names):
            continue
        values = batch.column(name)
        if values.null_count < len(values):
            found = _plain(values, _entry(name, schema))
            if pa.types.is_list(values.type) and not name.startswith(_ALIGNED):
                found = [_dense(value) for value in found]
            places.fill(name, found)
    for name in _OBJECTS:
        if any(each.startswith(name + ".") for each in names):
            for document in documents:
                _together(document, name)
    if TIMESTAMP in names and "_time" in names:
        _far(documents, batch.column(TIMESTAMP), _entry(TIMESTAMP, schema))
    return zip(batch.column("_record").to_pylist(), documents, strict=True)


def json_lines(documents: Iterable[tuple[int, Document]]) -> list[tuple[int, bytes]]:
    """Documents as JSON in UTF-8, without line breaks, and their numbers."""
    return [(number, orjson.dumps(document)) for number, document in documents]


def instant(nanoseconds: int) -> str:
    """Epoch nanoseconds as ISO 8601: three digits of a second, six where there are microseconds, beyond these as many as
    say something."""
    text = iso(nanoseconds)
    if nanoseconds % MILLISECOND == 0:
        return text
    return text[:-4] + "Z" if nanoseconds % MICROSECOND == 0 else text[:-1].rstrip("0") + "Z"


def _entry(name: str, schema: Schema) -> Field | None:
    return schema.find(name) or release.dynamic(name)


def _plain(values: pa.Array | pa.ChunkedArray, entry: Field | None) -> list[Any]:
    """A column as Python values that JSON can hold."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        values = values.cast(kind.value_type)
        kind = values.type
    if entry is not None and entry.type == "nested":
        return [_each(value, orjson.loads) for value in values.to_pylist()]
    if entry is not None and entry.type in DATE_TYPES:
        unit = 1 if entry.type == "date_nanos" else MILLISECOND
        return [_each(value, lambda one: _date(one, unit, entry)) for value in values.to_pylist()]
    if entry is not None and entry.type in INTEGER_TYPES and pa.types.is_floating(kind):
        with suppress(pa.ArrowInvalid):
            values = values.cast(pa.int64())
    if pa.types.is_floating(kind) and values.type == kind:
        values = pc.if_else(pc.is_finite(values), values, pa.scalar(None, kind))
    return [_each(value, None) for value in values.to_pylist()] if pa.types.is_list(kind) else values.to_pylist()


def _each(value: Any, convert: Callable[[Any], Any] | None) -> Any:
    if isinstance(value, list):
        return value if convert is None else [None if one is None else convert(one) for one in value]
    return value if value is None or convert is None else convert(value)


def _date(value: Any, unit: int, entry: Field) -> Any:
    """A whole number in the field's unit, or a text in its format, as ISO 8601; a text that is no date stays."""
    if isinstance(value, int):
        return instant(value * unit)
    if isinstance(value, str):
        found = timestamps.parse(value, entry.format or timestamps.DEFAULT_FORMAT)
        return value if found is None else instant(found)
    return value


def _far(documents: list[Document], values: pa.Array | pa.ChunkedArray, entry: Field | None) -> None:
    """Times that nanoseconds of 64 bits cannot hold stand in ``@timestamp`` alone."""
    for document, value in zip(documents, _plain(values, entry), strict=True):
        if value is not None and TIMESTAMP not in document:
            document[TIMESTAMP] = value


def _dense(values: list[Any] | None) -> list[Any] | None:
    """A list without its nulls, None if nothing else is in it; a list that is empty stays."""
    if values is None or None not in values:
        return values
    return [each for each in values if each is not None] or None


def _parts(name: str) -> list[str]:
    prefix = next((own for own in _OWN_NAMES if name.startswith(own)), None)
    return name.split(".") if prefix is None else [*prefix.split(".")[:-1], name[len(prefix) :]]


class _Places:
    """Where values go: the objects of each row, by the path that leads to them. ``names`` are all fields to come."""

    def __init__(self, documents: list[Document], names: Iterable[str] = ()) -> None:
        self._documents = documents
        self._names = frozenset(names)
        self._above = frozenset(name[:at] for name in self._names for at, sign in enumerate(name) if sign == ".")
        self._holders: dict[str, list[Document | None]] = {}

    def fill(self, name: str, values: list[Any]) -> None:
        """A whole column; None is no value."""
        parts = _parts(name)
        if name in self._above or any(".".join(parts[:end]) in self._names for end in range(1, len(parts))):
            for row, value in enumerate(values):
                if value is not None:
                    self.put(row, parts, value)
            return
        *parents, leaf = parts
        holders = self._holders.setdefault(".".join(parents), [None] * len(values))
        for row, value in enumerate(values):
            if value is not None:
                holder = holders[row]
                if holder is None:
                    holder = holders[row] = self._object(row, parents)
                holder[leaf] = value

    def _object(self, row: int, parents: list[str]) -> Document:
        """The object at a path on which no field's value stands."""
        target = self._documents[row]
        for part in parents:
            below = target.get(part)
            if below is None:
                below = target[part] = {}
            target = below
        return target

    def put(self, row: int, parts: list[str], value: Any) -> None:
        """A value at its path; where another value stands on the way, the dotted rest is the key."""
        target = self._documents[row]
        last = len(parts) - 1
        for number in range(last):
            below = target.get(parts[number])
            if below is None:
                below = target[parts[number]] = {}
            elif below.__class__ is not dict:
                target[".".join(parts[number:])] = value
                return
            target = below
        below = target.get(parts[last])
        if below.__class__ is dict:
            # An object stands where this value belongs: its leaves move beside it, under their dotted names.
            target.update((f"{parts[last]}.{rest}", leaf) for rest, leaf in _leaves(below))
        target[parts[last]] = value


def _leaves(tree: Document, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _together(document: Document, name: str) -> None:
    """Lists of equal length below a name become a list of objects, as the record had them; others lose their nulls."""
    *parents, leaf = name.split(".")
    holder: Any = document
    for parent in parents:
        holder = holder.get(parent) if isinstance(holder, dict) else None
    parts = holder.get(leaf) if isinstance(holder, dict) else None
    if not isinstance(parts, dict):
        return
    columns = {key: value if isinstance(value, list) else [value] for key, value in parts.items()}
    if len({len(column) for column in columns.values()}) == 1:
        rows = (
            {k: v for k, v in zip(columns, row, strict=True) if v is not None}
            for row in zip(*columns.values(), strict=True)
        )
        holder[leaf] = [row for row in rows if row]
        return
    holder[leaf] = {key: kept for key, column in columns.items() if (kept := [v for v in column if v is not None])}


def nested(document: Document, schema: Schema) -> Document:
    """An ECS document as it was written: dotted keys as objects, dates in ISO 8601, nothing where a value is null. ``_id``
    and ``_index`` are no fields."""
    made: Document = {}
    _copy(made, {key: value for key, value in document.items() if key not in RESERVED}, "", schema)
    return made


def _copy(target: Document, document: Document, prefix: str, schema: Schema) -> None:
    for key, value in document.items():
        if value is None:
            continue
        entry = schema.find(prefix + key)
        if value.__class__ is dict and (entry is None or entry.type not in OPAQUE_TYPES):
            below: Document = {}
            _copy(below, value, f"{prefix}{key}.", schema)
            value = below
        elif entry is not None and entry.type in DATE_TYPES:
            value = _each(value, partial(_written, entry=entry))
        _set(target, key, value)


def _set(target: Document, key: str, value: Any) -> None:
    if "." in key.strip("."):
        _Places([target]).put(0, key.split("."), value)
    elif value.__class__ is dict and target.get(key).__class__ is dict:
        for below, leaf in value.items():
            _set(target[key], below, leaf)
    elif key in target and (value.__class__ is dict or target[key].__class__ is dict):
        _Places([target]).put(0, [key], value)
    else:
        target[key] = value


def _written(value: Any, entry: Field) -> Any:
    """A date as a document may write it; what is no date stays."""
    if value.__class__ is str and _ISO.fullmatch(value):
        return value
    if value.__class__ is bool or value.__class__ not in {str, int, float}:
        return value
    found = timestamps.parse(str(value), entry.format or timestamps.DEFAULT_FORMAT)
    return value if found is None else instant(found)
