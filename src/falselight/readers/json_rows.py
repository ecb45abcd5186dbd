"""Records of JSON gathered one by one and made columns. One with a list, or a truth, where its field mostly has none, or the
other way about, stands in another block: it would change the column for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from falselight.readers.json_shapes import KINDS, MAX_FIELDS, name_of, walk

BEYOND = f"fields beyond the first {MAX_FIELDS}"
# So many blocks keep the order of the records; with more changes from one kind to another each kind has one block.
_MOST_RUNS, _MOST_KINDS = 64, 16
_REST = "rest"
Values = dict[int, Any]


@dataclass(frozen=True)
class Narrow:
    """The names that suffice for blocks of records of one kind, and those under which such records have nothing; and the kind,
    which whoever takes such a block makes sure of."""

    kind: str
    names: frozenset[str]
    absent: frozenset[str] = frozenset()


@dataclass
class Block:
    """Columns of one block, the numbers of its records, and their texts where these were asked for: as an array, or as lines.
    ``narrow``: what the block was read for, if not for all wanted names."""

    columns: dict[str, pa.Array]
    records: pa.Array
    texts: pa.Array | bytes | None = None
    narrow: Narrow | None = None

    @property
    def originals(self) -> pa.Array | None:
        """The records' texts, which are made when someone asks for them."""
        if isinstance(self.texts, bytes):
            self.texts = _lines(self.texts)
        return self.texts


class Rows:
    """Records gathered one by one, sparse. ``names`` are the input's fields so far."""

    def __init__(self, names: set[str]) -> None:
        self._names = names
        self.records: list[int] = []
        self.originals: list[str] = []
        self._values: dict[str, Values] = {}

    def cells(self) -> int:
        return len(self.records) * max(1, len(self._values))

    def add(self, number: int, document: dict[str, Any], wanted: frozenset[str] | None, skipped: Counter[str]) -> None:
        row = len(self.records)
        self.records.append(number)
        for path, value in walk(document):
            name = name_of(path)
            if (value is None and None not in path) or (wanted is not None and name not in wanted):
                continue
            column = self._values.get(name)
            if column is None:
                if name not in self._names:
                    if len(self._names) >= MAX_FIELDS:
                        skipped[BEYOND] += 1
                        continue
                    self._names.add(name)
                column = self._values[name] = {}
            if None in path:
                known = column.setdefault(row, [])
                if not isinstance(known, list):
                    known = column[row] = [known]
                if value is not None:
                    known.append(value)
            elif row in column:
                known = column[row]
                column[row] = [*known, value] if isinstance(known, list) else [known, value]
            else:
                column[row] = value

    def blocks(self) -> Iterator[Block]:
        """The records, in their order where kinds of values seldom change."""
        if not self.records:
            return
        parts = self._parts()
        if len(parts) == 1:
            yield self._block(parts[0], self._values)
            return
        places = {row: (part, at) for part, rows in enumerate(parts) for at, row in enumerate(rows)}
        shared: list[dict[str, Values]] = [{} for _ in parts]
        for name, values in self._values.items():
            for row, value in values.items():
                part, at = places[row]
                shared[part].setdefault(name, {})[at] = value
        for rows, own in zip(parts, shared, strict=True):
            yield self._block(rows, own)

    def _block(self, rows: list[int], values: Mapping[str, Values]) -> Block:
        columns = {name: _column(cells, len(rows)) for name, cells in values.items()}
        originals = pa.array([self.originals[row] for row in rows], pa.string()) if self.originals else None
        return Block(columns, pa.array([self.records[row] for row in rows], pa.int64()), originals)

    def _parts(self) -> list[list[int]]:
        """The rows of each block."""
        odd: dict[int, list[Hashable]] = {}
        for name, values in self._values.items():
            for row, kind in _departing(values):
                odd.setdefault(row, []).append((name, kind))
        signs: dict[Hashable, int] = {}
        kinds = [0] * len(self.records)
        for row, departures in odd.items():
            sign = tuple(departures) if len(signs) < _MOST_KINDS or tuple(departures) in signs else _REST
            kinds[row] = signs.setdefault(sign, len(signs) + 1)
        starts = [0, *(row for row in range(1, len(kinds)) if kinds[row] != kinds[row - 1])]
        if len(starts) <= _MOST_RUNS:
            return [list(range(start, end)) for start, end in zip(starts, [*starts[1:], len(kinds)], strict=True)]
        parts: dict[int, list[int]] = {}
        for row, number in enumerate(kinds):
            parts.setdefault(number, []).append(row)
        return list(parts.values())


def _departing(values: Values) -> Iterator[tuple[int, str]]:
    """The rows whose values are of another kind than most of a field's, and that kind."""
    types = set(map(type, values.values()))
    if len(types) == 1 or not types & {list, bool}:
        return
    kinds = {row: _kind(value) for row, value in values.items()}
    counts = Counter(kinds.values())
    usual = max(counts, key=lambda kind: counts[kind])
    if len(counts) > 1:
        yield from ((row, kind) for row, kind in kinds.items() if kind != usual)


def _kind(value: Any) -> str:
    """What a value makes of its column: lists or truths; of all others texts can be made where they are mixed."""
    return "list" if isinstance(value, list) else "truth" if isinstance(value, bool) else "text"


def _column(values: Values, rows: int) -> pa.Array:
    """The cells in one type: of mixed values texts are made."""
    many = any(isinstance(value, list) for value in values.values())
    atoms = [atom for value in values.values() for atom in (value if isinstance(value, list) else [value])]
    kinds = {type(atom) for atom in atoms}
    wide = any(isinstance(atom, int) and not -(2**63) <= atom < 2**63 for atom in atoms)
    if kinds == {int, float} and not wide:
        kind = pa.float64()
    elif len(kinds) == 1 and not wide:
        kind = KINDS[next(iter(kinds))]
    else:
        kind = pa.string() if kinds else pa.null()
    plain = kind != pa.string() or kinds <= {str}
    cells: list[Any] = [None] * rows
    for row, value in values.items():
        listed = value if isinstance(value, list) else [value]
        made: list[Any] = listed
        if kind == pa.float64():
            # Arrow takes no whole number for a real one that is not exactly it.
            made = [float(atom) for atom in listed]
        elif not plain:
            made = [atom if isinstance(atom, str) else orjson.dumps(atom).decode() for atom in listed]
        cells[row] = made if many else made[0]
    return pa.array(cells, pa.list_(kind) if many else kind)


def _lines(block: bytes) -> pa.Array:
    """Lines as texts, without their ends."""
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n"))
    offsets = np.append(0, ends - np.arange(len(ends))).astype(np.int32)
    texts = block.replace(b"\n", b"")
    return pa.Array.from_buffers(pa.string(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(texts)])
