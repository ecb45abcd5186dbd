"""JSON documents in, Arrow columns out, as Elasticsearch's document mapper reads them under a schema.

Nested objects and dotted keys name the same path; every object of an array contributes its values; a field that the
schema lacks is mapped by its first value. What the mapper would reject is counted, the rest of the document is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Any

import pyarrow as pa

from falselight import cells
from falselight import values as conversions
from falselight.columns import is_reserved, physical, physical_type
from falselight.ecs.dynamic import SUBFIELD_LIMIT, Strings, dynamic_field
from falselight.ecs.schema import Field, Schema, column, paths_above
from falselight.slots import SCALARS, Alike, Place, Slot

TIMESTAMP = "@timestamp"
METADATA = ("_id", "_index")
OPAQUE_TYPES = frozenset({"nested", "flattened", "geo_point", "geo_shape", "binary", "point", "shape"})
# Elasticsearch's own limits are 20 levels and 1000 fields an index; more fields than this can only be an attack.
MAX_DEPTH, MAX_FIELDS = 20, 20_000
BEYOND = f"(fields beyond the first {MAX_FIELDS})"
# Documents of the same keys wait for one another: of so many such groups, if they have so few keys.
_MOST_GROUPS, _MOST_KEYS = 1_024, 256


def columns(
    documents: Iterable[Mapping[str, Any]],
    schema: Schema,
    *,
    dynamic: bool = True,
    strings: Strings = "text",
    malformed: Counter[str] | None = None,
) -> tuple[pa.Table, Schema]:
    """Documents as physical columns (see ``store``) with ``_seq``, ``_time`` and, where documents carry them, ``_id`` and
    ``_index``; and the schema with the dynamic fields added and ``filled`` and ``many`` set. ``strings`` tells how dynamic
    strings are mapped (``text`` with ``.keyword``, or ``keyword``); ``malformed`` counts rejected values by field."""
    counter: Counter[str] = Counter() if malformed is None else malformed
    collector = Collector(schema, dynamic=dynamic, strings=strings, malformed=counter)
    for document in documents:
        collector.add(document)
    batch = collector.take()
    arrays: dict[str, pa.Array] = {"_seq": pa.array(range(batch.num_rows), pa.int64())}
    truth: dict[str, Field] = {entry.name: replace(entry, filled=False, many=False) for entry in collector.schema}
    for name in batch.column_names:
        if name.startswith("_") and name in {"_time", *METADATA}:
            arrays[name] = batch[name].combine_chunks()
            continue
        for entry in (truth[name], *subfields(collector.schema, name)):
            made = physical(batch[name], entry, counter)
            if made:
                arrays.update(made)
                many = pa.types.is_list(made[column(entry.name)].type)
                truth[entry.name] = replace(entry, filled=True, many=many)
    return pa.table(arrays), collector.schema.with_fields(truth)


def subfields(schema: Schema, name: str) -> list[Field]:
    """The multi-fields of a field that have a column of their own: the exact one of a text."""
    parent = schema.find(name)
    if parent is None or parent.name != name or parent.exact is None:
        return []
    exact = schema.find(parent.exact)
    return [exact] if exact is not None else []


class Collector:
    """Gathers documents and gives them up as normalised batches. Dynamic mappings last from batch to batch.

    ``wanted`` limits the work to these fields (dotted names, aliases resolved by the caller)."""

    def __init__(
        self,
        schema: Schema,
        *,
        dynamic: bool = True,
        strings: Strings = "text",
        malformed: Counter[str],
        wanted: frozenset[str] | None = None,
    ) -> None:
        self.schema = schema
        self.rows = 0
        self._malformed = malformed
        self._dynamic = dynamic
        self._strings: Strings = strings
        self._wanted = None if wanted is None else wanted | {TIMESTAMP}
        self._above = None if self._wanted is None else {above for name in self._wanted for above in paths_above(name)}
        self._slots: dict[str, Slot | None] = {}
        self._root = Place("")
        self._places: dict[str, Place] = {}
        self._alike: dict[tuple[str, ...], Alike | None] = {}
        self._times: list[int | None] = []
        self._metadata: dict[str, list[Any]] = {}

    @cached_property
    def _objects(self) -> set[str]:
        """The paths that objects stand at."""
        return set(_objects_of(self.schema))

    @cached_property
    def _defaults(self) -> frozenset[str]:
        """The fields for which null stands for a value."""
        return _defaults_of(self.schema)

    def add(self, document: Mapping[str, Any]) -> None:
        """One document is one row."""
        for name in METADATA:
            if name in document and isinstance(document[name], str | int):
                self._metadata.setdefault(name, [None] * self.rows).append(conversions.text(document[name]))
        self._times.append(None)
        self._gather(document)
        self.rows += 1
        for kept in self._metadata.values():
            if len(kept) < self.rows:
                kept.append(None)

    def _gather(self, document: Mapping[str, Any]) -> None:
        keys = tuple(document)
        alike = self._alike.get(keys)
        if alike is not None:
            for key in alike.apart:
                if document[key] is not None:
                    break
            else:
                alike.add(self.rows, document)
                return
        self._walk(self._root, document)
        if alike is not None:
            alike.apart = self._apart(alike.apart)
        elif keys not in self._alike and len(self._alike) < _MOST_GROUPS and len(keys) <= _MOST_KEYS:
            has_objects = any(key in self._objects for key in keys)
            self._alike[keys] = None if has_objects else Alike(keys, self._apart(keys))

    def _apart(self, keys: Iterable[str]) -> list[str]:
        """Those of some keys of documents that no slot is open for, but what is not wanted."""
        return [
            key
            for key in keys
            if key not in self._root.slots
            and (self._above is None or self._wanted is None or key in self._wanted or key in self._above)
        ]

    def _settle(self) -> None:
        """Puts what waits into the slots."""
        count, slots = self.rows, self._root.slots
        for alike in self._alike.values():
            if alike is None or not alike.rows:
                continue
            for key, rows, values in alike.columns(self._defaults):
                slot = slots.get(key)
                if slot is not None:
                    for self.rows, value in slot.put(rows, values):
                        self._meet(self._root, key, value)
            alike.clear()
        self.rows = count

    def take(self) -> pa.Table:
        """The rows since the last call, as a normalised batch; the collector is empty then."""
        self._settle()
        arrays: dict[str, pa.Array] = {"_time": pa.array(self._times, pa.int64())}
        arrays.update({name: pa.array(kept, pa.string()) for name, kept in self._metadata.items()})
        for name, slot in self._slots.items():
            if slot is not None and slot.entry is not None and slot.rows:
                arrays.update(self._column(name, slot, slot.entry))
                slot.clear()
        self._times, self._metadata, self.rows = [], {}, 0
        return pa.table(arrays)

    def _column(self, name: str, slot: Slot, entry: Field) -> dict[str, pa.Array]:
        """The column of a field's values, with ``_time`` if it is the time; nothing where the mapper takes none of them."""
        rows: Sequence[int] = slot.rows
        raw: Sequence[Any] = slot.values
        made, whole = cells.converted(entry, raw)
        if not whole:
            if rejected := sum(value is cells.REJECTED for value in made):
                self._malformed[name] += rejected
            taken = [place for place, value in enumerate(made) if value is not None and value is not cells.REJECTED]
            rows, raw, made = ([each[place] for place in taken] for each in (rows, raw, made))
        arrays: dict[str, pa.Array] = {}
        if made and name == TIMESTAMP:
            for row, nanos in zip(rows, cells.times(entry, raw), strict=True):
                if self._times[row] is None:
                    self._times[row] = nanos
            arrays["_time"] = pa.array(self._times, pa.int64())
        if made:
            arrays[name] = cells.column(entry, rows, made, self.rows)
        return arrays

    def _walk(self, place: Place, document: Mapping[str, Any]) -> None:
        row, slots, objects = self.rows, place.slots, place.objects
        for key, value in document.items():
            kind = value.__class__
            if kind in SCALARS:
                if (slot := slots.get(key)) is not None:
                    slot.rows.append(row)
                    slot.values.append(value)
                    continue
            elif kind is dict:
                if (below := objects.get(key)) is not None:
                    self._walk(below, value)
                    continue
            elif kind is list:
                kinds = set(map(type, value))
                if kinds <= SCALARS and (slot := slots.get(key)) is not None:
                    slot.rows.extend([row] * len(value))
                    slot.values.extend(value)
                    continue
                if kinds == {dict} and (below := objects.get(key)) is not None:
                    for each in value:
                        self._walk(below, each)
                    continue
            self._meet(place, key, value)

    def _meet(self, place: Place, key: str, value: Any) -> None:
        """A value at a key that is not known, or not for such values."""
        name = place.prefix + key
        if (not place.prefix and key in METADATA) or (value is None and self._dynamic and name not in self._defaults):
            return
        if isinstance(value, dict):
            self._object(name, value)
        elif isinstance(value, list):
            self._array(name, value)
        else:
            self._leaf(name, value)
        if (slot := self._slots.get(name)) is not None and slot.open:
            place.slots[key] = slot
        if (below := self._places.get(name)) is not None:
            place.objects[key] = below

    def _array(self, name: str, elements: list[Any]) -> None:
        pending = list(reversed(elements))
        while pending:
            element = pending.pop()
            if isinstance(element, dict):
                self._object(name, element)
            elif isinstance(element, list):
                pending.extend(reversed(element))
            else:
                self._leaf(name, element)

    def _object(self, name: str, value: dict[str, Any]) -> None:
        if self._is_kept(name):
            self._leaf(name, value)
            return
        if self._above is not None and name not in self._above:
            if self._wanted is not None and name in self._wanted and is_scalar(self.schema.find(name)):
                self._malformed[name] += 1
            return
        if name not in self._objects:
            known = self.schema.find(name)
            if known is not None and known.type in OPAQUE_TYPES:
                return
            if is_scalar(known) or name in self.schema.aliases or name.count(".") >= MAX_DEPTH:
                self._malformed[name] += 1
                return
            self._objects.add(name)
        below = self._places.get(name) or Place(name + ".")
        if len(self._places) < MAX_FIELDS:
            self._places[name] = below
        self._walk(below, value)

    def _is_kept(self, name: str) -> bool:
        """Whether objects at this path are values: those of a nested field, which stay whole."""
        if self._wanted is not None and name not in self._wanted:
            return False
        known = self.schema.find(name)
        return known is not None and known.type == "nested"

    def _leaf(self, name: str, value: Any) -> None:
        slot = self._slots.get(name)
        if slot is None:
            if name in self._slots or (self._wanted is not None and name not in self._wanted):
                return
            slot = self._open(name, value)
            if slot is None:
                return
        if value is None:
            value = slot.entry.null_value if slot.entry is not None else None
            if value is None:
                return
        if slot.open:
            slot.rows.append(self.rows)
            slot.values.append(value)
        elif not slot.opaque:
            self._malformed[name] += 1

    def _open(self, name: str, value: Any) -> Slot | None:
        """The slot of a field at its first value, None while it is unmapped (a null maps nothing)."""
        known = self.schema.find(name)
        blocked = name in self.schema.aliases or name in self._objects or is_reserved(name)
        blocked = blocked or any(is_scalar(self.schema.find(above)) for above in paths_above(name))
        blocked = blocked or any(_is_opaque(self.schema.find(above)) for above in paths_above(name))
        if known is None and not blocked:
            if not self._dynamic:
                self._slots[name] = None
                return None
            if value is None:
                return None
            if len(self._slots) >= MAX_FIELDS:
                self._malformed[BEYOND] += 1
                return None
            known = dynamic_field(name, value, self._strings)
            added = {name: known}
            if known.exact is not None:
                added[known.exact] = Field(known.exact, "keyword", ignore_above=SUBFIELD_LIMIT)
            self.schema = self.schema.with_fields(added)
            self._objects.update(paths_above(name))
        if any(_is_opaque(self.schema.find(above)) for above in paths_above(name)):
            slot = Slot(None, opaque=True)
        elif known is None or blocked:
            slot = Slot(None)
        else:
            slot = Slot(known, conversions.converter(known) is not None, known.type in OPAQUE_TYPES)
        self._slots[name] = slot
        return slot


@lru_cache(maxsize=4)
def _objects_of(schema: Schema) -> frozenset[str]:
    """The paths that a schema's objects stand at. Kept, since each small input has a collector of its own."""
    above = {path for entry in schema for path in paths_above(entry.name)}
    return frozenset(path for path in above if not is_scalar(schema.find(path)) and not _is_opaque(schema.find(path)))


@lru_cache(maxsize=4)
def _defaults_of(schema: Schema) -> frozenset[str]:
    return frozenset(entry.name for entry in schema if entry.null_value is not None)


def is_scalar(entry: Field | None) -> bool:
    """Whether the field holds values itself, so that no field can stand below it."""
    return entry is not None and entry.type != "nested" and physical_type(entry.type) is not None


def _is_opaque(entry: Field | None) -> bool:
    return entry is not None and entry.type in OPAQUE_TYPES
