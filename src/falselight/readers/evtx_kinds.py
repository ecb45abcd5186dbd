"""Records of intact EVTX chunks, those of one kind as columns, straight from their binary form.

A chunk is intact if its checksums hold and its records follow each other without a gap. Whatever is not what Windows
usually writes, and all damage, is left to the general parser (``evtx``); ``tests/readers/test_evtx_kinds.py`` holds
both against each other.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from zlib import crc32

import numpy as np
import pyarrow as pa

from falselight.readers.binxml import BINARY_XML, BODY, ELEMENT, EVENT, HEADER_BYTES, Definition
from falselight.readers.evtx_columns import Made, Places, Slots, codes, columns, times
from falselight.readers.evtx_definitions import CHUNK_BYTES, Definitions
from falselight.readers.evtx_values import TICKS_TO_1970, Bytes, Numbers, fits, value
from falselight.readers.windows_columns import EventColumns
from falselight.readers.windows_event import Unsuitable, WindowsEvent, text_of
from falselight.readers.windows_tree import event_of_tree

FIRST_RECORD, RECORD_HEADER = 512, 24
_RECORD_MAGIC = b"**\0\0"
_HEADS = struct.Struct("<4sIQ")
_NO_CHECKSUMS = 0x4
_FRAGMENT, _TEMPLATE = 0x0001010F, 0x0C
_INSTANCE_BYTES = 10
_MOST_VALUES = 512
_UNKNOWN, _NO_TREE = -1, -2
_TIME = ("System", "TimeCreated", "#attributes", "SystemTime")
# What all records of a kind share.
_HEAD = frozenset({
    ("System", "EventID"), ("System", "EventID", "#text"), ("System", "Version"), ("System", "Level"),
    ("System", "Task"), ("System", "Opcode"), ("System", "Keywords"), ("System", "Channel"),
    *(("System", "Provider", "#attributes", name) for name in ("Name", "Guid", "EventSourceName")),
})  # fmt: skip
_SYSTEM = {
    ("System", "EventRecordID"): "EventRecordID",
    ("System", "Correlation", "#attributes", "ActivityID"): "ActivityID",
    ("System", "Correlation", "#attributes", "RelatedActivityID"): "RelatedActivityID",
    ("System", "Execution", "#attributes", "ProcessID"): "ProcessID",
    ("System", "Execution", "#attributes", "ThreadID"): "ThreadID",
    ("System", "Computer"): "Computer",
    ("System", "Security", "#attributes", "UserID"): "UserID",
}

Path: TypeAlias = tuple[str, ...]


def record_starts(chunk: memoryview) -> list[int] | None:
    """Where the records of an intact chunk begin; None if it is not intact."""
    last, _, _, free, checksum = struct.unpack_from("<QIIII", chunk, 32)
    flags, own = struct.unpack_from("<II", chunk, 120)
    if flags & _NO_CHECKSUMS or not FIRST_RECORD <= free <= CHUNK_BYTES:
        return None
    if crc32(chunk[128:FIRST_RECORD], crc32(chunk[:120])) != own or crc32(chunk[FIRST_RECORD:free]) != checksum:
        return None
    starts = []
    at = FIRST_RECORD
    while at + RECORD_HEADER <= free:
        magic, size, record = _HEADS.unpack_from(chunk, at)
        if magic != _RECORD_MAGIC or size < RECORD_HEADER + 4 or at + size > free:
            return None
        starts.append(at)
        at += size
        if record == last:
            return starts
    return None


@dataclass(slots=True)
class _Instances:
    """Template instances of some records: which definition, and where the descriptors of values and the values lie."""

    definitions: Numbers
    counts: Numbers
    descriptors: Numbers
    limits: Numbers

    def slots(self, chunks: Bytes, rows: Numbers, count: int, tree: int | None) -> tuple[Slots, Numbers]:
        """The values of instances that have so many, and whether they are of known types and within their record. ``tree``
        may be a tree."""
        descriptors = self.descriptors[rows]
        # For each value its number of bytes (16 bits), its type, and a byte that says nothing.
        found = chunks.rows(4 * count, descriptors)
        sizes = found.view("<u2").T[0::2].astype(np.int32, order="C")
        kinds = np.ascontiguousarray(found.T[2::4])
        starts = np.empty((count + 1, len(rows)), np.int32)
        starts[0] = descriptors + 4 * count
        for index in range(count):
            np.add(starts[index], sizes[index], out=starts[index + 1])
        good = fits(kinds, sizes)
        if tree is not None:
            good[tree] |= kinds[tree] == BINARY_XML
        whole: Numbers = np.asarray(good.all(axis=0))
        if count:
            whole &= starts[-1] <= self.limits[rows]
        return Slots(starts[:-1], sizes, kinds), whole


class Kind:
    """Records that share the head of their event and the names of its data. ``rows`` counts the block's records."""

    def __init__(self, chunks: Bytes, rows: Numbers, parts: list[tuple[Definition, Slots]]) -> None:
        self.rows = rows
        self._chunks = chunks
        self._parts = parts

    def event(self, row: int) -> WindowsEvent | None:
        """One of the records by itself. Raises ``Unsuitable``."""
        event = event_of_tree(self._tree(row, None))
        ticks = None if event is None else self._ticks(row)
        if event is not None and event.time is not None and ticks is not None:
            event.time = (ticks - TICKS_TO_1970) * 100
        return event

    def head(self) -> WindowsEvent:
        """What all records share. Raises ``Unsuitable``."""
        head = event_of_tree(self._tree(0, _HEAD))
        if head is None:
            raise Unsuitable("no event id")
        return head

    def holes(self, wanted: frozenset[str] | None, system: frozenset[str]) -> dict[Path, Places]:
        """Where the values lie that count. ``wanted`` names the data that does, None says all; ``system`` says which parts of
        ``System`` do."""
        found: dict[Path, Places] = {}
        for layout, slots in self._parts:
            counted = {
                path: index
                for path, index in layout.holes.items()
                if path != _TIME and self._counts(path, wanted, system)
            }
            found.update(zip(counted, slots.places(list(counted.values())), strict=True))
        return found

    def columns(
        self, head: WindowsEvent, wanted: frozenset[str] | None, system: frozenset[str], made: Mapping[Path, Made]
    ) -> EventColumns:
        """``made`` has what was made of the ``holes``. Raises ``Unsuitable``."""
        found = EventColumns(head, len(self.rows))
        for layout, slots in self._parts:
            for path, text in layout.literals.items():
                if path == _TIME:
                    raise Unsuitable("a time for all")
                if text and self._counts(path, wanted, system):
                    self._put(found, path, pa.repeat(pa.scalar(text_of(text), pa.string()), found.rows))
            for path, index in layout.holes.items():
                if path == _TIME:
                    found.time = times(self._chunks, slots.places([index])[0])
                elif (values := made.get(path)) is not None:
                    if isinstance(values, Unsuitable):
                        raise values
                    self._put(found, path, values)
            if layout.user_data is not None:
                name = pa.repeat(pa.scalar(layout.user_data, pa.string()), found.rows)
                found.user_data = {"xml_name": name, **found.user_data}
        return found

    def _counts(self, path: tuple[str, ...], wanted: frozenset[str] | None, system: frozenset[str]) -> bool:
        if path[0] == "EventData":
            return wanted is None or path[1] in wanted
        return path[0] == "UserData" or _SYSTEM.get(path) in system

    def _put(self, found: EventColumns, path: tuple[str, ...], values: pa.Array) -> None:
        name = _SYSTEM.get(path, path[-1])
        if name in ("ProcessID", "ThreadID") and path[0] == "System":
            if values.type != pa.int64():
                raise Unsuitable("an id that is no integer")
            found.system[name] = values
            return
        texts = values if pa.types.is_string(values.type) else values.cast(pa.string())
        if path[0] == "System":
            found.system[name] = texts
        elif path[0] == "EventData":
            if values.type == pa.int64():
                found.integers[name] = values
            found.data[name] = texts
        else:
            found.user_data[name] = texts

    def _tree(self, row: int, only: frozenset[tuple[str, ...]] | None) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        for layout, slots in self._parts:
            if layout.user_data is not None:
                tree["UserData"] = {layout.user_data: {}}
            for path, text in layout.literals.items():
                if only is None or path in only:
                    _place(tree, path, text)
            for path, index in layout.holes.items():
                if only is None or path in only:
                    start, size, kind = slots.one(index, row)
                    _place(tree, path, value(kind, self._chunks.raw[start : start + size]))
        return tree

    def _ticks(self, row: int) -> int | None:
        layout, slots = self._parts[0]
        index = layout.holes.get(_TIME)
        start, size, _ = (0, 0, 0) if index is None else slots.one(index, row)
        return int(self._chunks.at("<u8", np.array(start))) if size == 8 else None


def _place(tree: dict[str, Any], path: tuple[str, ...], found: Any) -> None:
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = found


class Intact:
    """The intact chunks of a block. ``starts`` has the offsets of each chunk's records, None for the others; ``chunks``
    and ``ordinals`` tell for each record the number of its chunk, and its own within the chunk. ``kinds`` has the
    records that are understood, and ``left`` those that are not."""

    def __init__(self, chunks: bytes, definitions: Definitions) -> None:
        view = memoryview(chunks)
        bases = range(0, len(chunks), CHUNK_BYTES)
        self.starts = [record_starts(view[base : base + CHUNK_BYTES]) for base in bases]
        self.kinds: list[Kind] = []
        self.left: Numbers = np.zeros(0, np.int64)
        places = [base + start for base, starts in zip(bases, self.starts, strict=True) for start in starts or ()]
        counts = np.array([len(starts or ()) for starts in self.starts], np.int64)
        self.chunks = np.repeat(np.arange(len(counts)), counts)
        self.ordinals = np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts)
        self._bytes = Bytes(chunks)
        self._view = view
        self._definitions = definitions
        self._all: list[Definition] = []
        self._numbers: dict[int, int] = {}
        self._places = np.array(places, np.int64)
        if places:
            self._find(self._places)

    def columns(self, wanted: Sequence[Places]) -> list[Made]:
        """What ``evtx_columns.columns`` makes of these places of values."""
        return columns(self._bytes, wanted)

    def _find(self, places: Numbers) -> None:
        limits = places + self._bytes.at("<u4", places + 4) - 4
        outer = self._instances(places + RECORD_HEADER, limits, places // CHUNK_BYTES * CHUNK_BYTES)
        for rows in _groups(outer.definitions, outer.counts):
            number, count = int(outer.definitions[rows[0]]), int(outer.counts[rows[0]])
            if self._may_be(number, count, EVENT):
                slots, whole = outer.slots(self._bytes, rows, count, self._all[number].tree)
                if whole.any():
                    self._group(self._all[number], rows[whole], slots if whole.all() else slots.some(whole))
        understood = np.zeros(len(places), bool)
        for kind in self.kinds:
            understood[kind.rows] = True
        self.left = np.flatnonzero(~understood)

    def _group(self, outer: Definition, rows: Numbers, slots: Slots) -> None:
        """Finds the kinds among records of one definition."""
        shared = [index for path, index in outer.holes.items() if path in _HEAD]
        keys: list[Numbers] = []
        for places in slots.places(shared):
            keys += [codes(self._bytes, places), places.kinds]
        inner = None
        if outer.tree is not None:
            inner = self._trees(slots.places([outer.tree])[0], rows)
            keys += [inner.definitions, inner.counts]
        for some in _groups(*keys) if keys else [np.arange(len(rows))]:
            parts = [(outer, slots.some(some))]
            number = _NO_TREE if inner is None else int(inner.definitions[some[0]])
            if inner is not None and number != _NO_TREE:
                count = int(inner.counts[some[0]])
                if not self._may_be(number, count, outer.tree_root):
                    continue
                below, whole = inner.slots(self._bytes, some, count, self._all[number].tree)
                some = some[whole]
                parts = [(outer, slots.some(some)), (self._all[number], below.some(whole))]
            if len(some):
                self._put(rows[some], parts)

    def _may_be(self, number: int, count: int, root: int) -> bool:
        """Whether instances of so many values are of a definition with this root."""
        return number >= 0 and count >= self._all[number].values() and self._all[number].root == root

    def _put(self, rows: Numbers, parts: list[tuple[Definition, Slots]]) -> None:
        """Records of one kind, or of several where the tree below UserData is a value too."""
        body, slots = parts[-1]
        if body.root != BODY or body.tree is None:
            self.kinds.append(Kind(self._bytes, rows, parts))
            return
        inner = self._trees(slots.places([body.tree])[0], rows)
        for some in _groups(inner.definitions, inner.counts):
            number, count = int(inner.definitions[some[0]]), int(inner.counts[some[0]])
            if self._may_be(number, count, ELEMENT) and self._all[number].tree is None:
                below, whole = inner.slots(self._bytes, some, count, None)
                some = some[whole]
                if len(some):
                    kept = [(layout, values.some(some)) for layout, values in parts]
                    self.kinds.append(Kind(self._bytes, rows[some], [*kept, (self._all[number], below.some(whole))]))

    def _trees(self, tree: Places, rows: Numbers) -> _Instances:
        """What the trees are that stand at these places of the records."""
        bases = self._places[rows] // CHUNK_BYTES * CHUNK_BYTES
        found = self._instances(tree.starts, tree.starts + tree.sizes, bases)
        empty = (tree.sizes == 0) | (tree.kinds == 0)
        found.definitions[empty], found.counts[empty] = _NO_TREE, 0
        found.definitions[~empty & (tree.kinds != BINARY_XML)] = _UNKNOWN
        return found

    def _instances(self, places: Numbers, limits: Numbers, bases: Numbers) -> _Instances:
        def look(form: str, at: Numbers) -> Numbers:
            return self._bytes.at(form, np.minimum(at, len(self._bytes.raw) - 8)).astype(np.int64)

        at = places + np.where(look("<u4", places) == _FRAGMENT, 4, 0)
        known = look("<u1", at) == _TEMPLATE
        offsets = look("<u4", at + 6)
        after = at + _INSTANCE_BYTES
        own = offsets == after - bases
        after = after + np.where(own, HEADER_BYTES + look("<u4", after + 20), 0)
        known &= after + 4 <= limits
        counts = look("<u4", after)
        known &= (counts <= _MOST_VALUES) & (after + 4 + 4 * counts <= limits) & (offsets < CHUNK_BYTES)
        definitions = np.full(len(places), _UNKNOWN)
        definitions[known] = self._numbered((bases + offsets)[known])
        return _Instances(definitions, np.where(known, counts, 0), after + 4, limits)

    def _numbered(self, places: Numbers) -> Numbers:
        """The numbers of the definitions at these places."""
        distinct, inverse = np.unique(places, return_inverse=True)
        return np.array([self._number(place) for place in distinct.tolist()], np.int64)[inverse]

    def _number(self, place: int) -> int:
        base = place // CHUNK_BYTES * CHUNK_BYTES
        found = self._definitions.at(self._view[base : base + CHUNK_BYTES], place - base)
        if found is None:
            return _UNKNOWN
        number = self._numbers.setdefault(id(found), len(self._all))
        if number == len(self._all):
            self._all.append(found)
        return number


def _groups(*keys: Numbers) -> Iterator[Numbers]:
    """The rows that have equal keys, each group in order."""
    code = np.zeros(len(keys[0]), np.int64)
    groups = 1
    for key in keys:
        if (key == key[0]).all():
            continue
        encoded = pa.array(key).dictionary_encode()
        both = pa.array(code * len(encoded.dictionary) + np.asarray(encoded.indices)).dictionary_encode()
        code, groups = np.asarray(both.indices).astype(np.int64), len(both.dictionary)
    if groups == 1:
        yield np.arange(len(code))
        return
    # Sorting small numbers is fast.
    order = np.argsort(code.astype(np.uint16) if groups <= 1 << 16 else code, kind="stable")
    ends = np.flatnonzero(np.diff(code[order])) + 1
    yield from np.split(order, ends)
