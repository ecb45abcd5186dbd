"""Where the values of documents stand until they are columns."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import NoneType
from typing import Any

from falselight.ecs.schema import Field

SCALARS = frozenset({str, int, float, bool})


@dataclass(slots=True)
class Slot:
    """The values of one field in the current batch: parallel lists of row and value, those of one row as they came. One that
    is not ``open`` takes no values: ``opaque`` ones are passed over, others are malformed."""

    entry: Field | None
    open: bool = False
    opaque: bool = False
    rows: array[int] = field(default_factory=partial(array, "q"))
    values: list[Any] = field(default_factory=list)

    def put(self, rows: Sequence[int], values: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Takes the single values of some rows, and lists of them; gives the others back, with their rows."""
        if set(map(type, values)) <= SCALARS:
            self.rows.extend(rows)
            self.values.extend(values)
            return
        for row, value in zip(rows, values, strict=True):
            if value.__class__ in SCALARS:
                self.rows.append(row)
                self.values.append(value)
            elif value.__class__ is list and set(map(type, value)) <= SCALARS:
                self.rows.extend([row] * len(value))
                self.values.extend(value)
            else:
                yield row, value

    def clear(self) -> None:
        """Forgets the values."""
        self.rows, self.values = array("q"), []


@dataclass(slots=True)
class Place:
    """Where an object stands, and what is known by its keys: the open slots of fields, and the places of objects."""

    prefix: str
    slots: dict[str, Slot] = field(default_factory=dict)
    objects: dict[str, Place] = field(default_factory=dict)


@dataclass(slots=True)
class Alike:
    """Documents of the same keys that wait to be put into the slots, a column at a time. None of them has a value at the keys
    that are ``apart``: those that no slot is open for, where what is met first decides what a field is."""

    keys: tuple[str, ...]
    apart: list[str]
    rows: array[int] = field(default_factory=partial(array, "q"))
    values: list[tuple[Any, ...]] = field(default_factory=list)

    def add(self, row: int, document: Mapping[str, Any]) -> None:
        """Another document."""
        self.rows.append(row)
        self.values.append(tuple(document.values()))

    def columns(self, defaults: Collection[str]) -> Iterator[tuple[str, Sequence[int], Sequence[Any]]]:
        """Each key with its rows and values. None is a value of the ``defaults`` only."""
        columns: Iterator[Sequence[Any]] = zip(*self.values, strict=True)
        for key, values in zip(self.keys, columns, strict=True):
            if NoneType in set(map(type, values)) and key not in defaults:
                held = [place for place, value in enumerate(values) if value is not None]
                yield key, [self.rows[place] for place in held], [values[place] for place in held]
            else:
                yield key, self.rows, values

    def clear(self) -> None:
        """Forgets the documents."""
        self.rows, self.values = array("q"), []
