"""Raw columns in, ECS columns out, by mapping tables: a table is a list of steps, each a named conversion of whole columns.

A table's names that begin with a dot stand below its ``prefix`` (``.uid`` is ``zeek.conn.uid``), and so do all raw
columns at the start. What no step takes stays there: nothing is lost. Only the steps that the wanted fields need are run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import numpy as np
import pyarrow as pa

Convert = Callable[["Frame", "Step"], None]
T = TypeVar("T")


@dataclass(slots=True)
class Frame:
    """One batch of records as columns of equal length. ``malformed`` counts values that could not be read, by column."""

    rows: int
    columns: dict[str, pa.Array]
    constants: dict[str, Any] = field(default_factory=dict)
    malformed: Counter[str] = field(default_factory=Counter)
    _made: list[tuple[pa.Array, Callable[[pa.Array], Any], Any]] = field(default_factory=list)
    _encoded: list[tuple[pa.Array, pa.DictionaryArray]] = field(default_factory=list)

    def once(self, values: pa.Array, make: Callable[[pa.Array], T]) -> T:
        """What a function makes of a column, made once however many steps ask for it."""
        for known, function, made in self._made:
            if known is values and function is make:
                return cast(T, made)
        result = make(values)
        self._made.append((values, make, result))
        return result

    def encode(self, values: pa.Array) -> pa.DictionaryArray:
        """A column as its distinct values, made once; it leaves the frame so, since what comes after asks for these again."""
        found = self.encoded(values)
        if found is None:
            found = values.dictionary_encode()
            self._encoded.append((values, found))
        return found

    def encoded(self, values: pa.Array) -> pa.DictionaryArray | None:
        """What ``encode`` made of a column, if it was asked for."""
        return next((found for known, found in self._encoded if known is values), None)

    def get(self, name: str) -> pa.Array | None:
        """The column, a constant spread over all rows, or None."""
        column = self.columns.get(name)
        if column is None and name in self.constants:
            return repeated(self.constants[name], self.rows)
        return column

    def put(self, name: str, values: pa.Array | None) -> None:
        """Sets the column where it has values; rows without one keep what they had."""
        if values is None or values.null_count == len(values):
            return
        self.columns[name] = values
        self.constants.pop(name, None)

    def take_out(self, name: str) -> pa.Array | None:
        self.constants.pop(name, None)
        return self.columns.pop(name, None)


_FILLED_BELOW: dict[Convert, tuple[str, ...]] = {}


def fills_below(*names: str) -> Callable[[Convert], Convert]:
    """Marks a conversion that fills only these fields below each target: where none of them is wanted it is not run."""

    def mark(convert: Convert) -> Convert:
        _FILLED_BELOW[convert] = names
        return convert

    return mark


@dataclass(frozen=True, slots=True)
class Step:
    """One conversion: what it reads, where it puts the result, whether it takes its source away, and its own options."""

    convert: Convert
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    moves: bool
    options: Mapping[str, Any]

    def fills(self, wanted: Collection[str]) -> bool:
        """Whether it fills one of these fields: a target, or a field below it."""
        below = _FILLED_BELOW.get(self.convert)
        if below is not None:
            return any(f"{target}.{name}" in wanted for target in self.targets for name in below)
        return any(name == target or name.startswith(target + ".") for name in wanted for target in self.targets)


@dataclass(frozen=True, slots=True)
class Table:
    """A compiled table: the prefix of raw columns, constants, and the steps in order."""

    prefix: str
    constants: Mapping[str, Any]
    steps: tuple[Step, ...]

    def only(self, wanted: frozenset[str] | None) -> tuple[tuple[Step, ...], frozenset[str] | None]:
        """The steps that the wanted fields need, and the raw columns these read (None: all)."""
        if wanted is None:
            return self.steps, None
        needed = set(wanted)
        kept: list[Step] = []
        for step in reversed(self.steps):
            if step.fills(needed):
                kept.append(step)
                needed.update(step.sources)
        start = self.prefix + "."
        return tuple(reversed(kept)), frozenset(name[len(start) :] for name in needed if name.startswith(start))


def build(entry: Mapping[str, Any], conversions: Mapping[str, Convert]) -> Table:
    """Compiles a table as read from TOML: ``prefix``, ``constants``, ``rename`` and ``copy`` (pairs of names, run in this
    order) and ``steps`` (``as``, ``from``, ``to``, ``move``, and options of the conversion)."""
    prefix = entry["prefix"]

    def full(name: str) -> str:
        return prefix + name if name.startswith(".") else name

    steps = [_step("copy", [full(old)], [full(new)], True, {}, conversions) for old, new in entry.get("rename", [])]
    for old, new, *kind in entry.get("copy", []):
        steps.append(_step(kind[0] if kind else "copy", [full(old)], [full(new)], False, {}, conversions))
    for step in entry.get("steps", []):
        sources = step["from"] if isinstance(step["from"], list) else [step["from"]]
        targets = step.get("to", sources)
        targets = targets if isinstance(targets, list) else [targets]
        names = [full(name) for name in sources], [full(name) for name in targets]
        steps.append(_step(step["as"], *names, step.get("move", False), step, conversions))
    return Table(prefix, entry.get("constants", {}), tuple(steps))


def _step(
    kind: str, sources: list[str], targets: list[str], moves: bool, options: Mapping[str, Any],
    conversions: Mapping[str, Convert],
) -> Step:  # fmt: skip
    return Step(conversions[kind], tuple(sources), tuple(targets), moves, options)


def apply(frame: Frame, mapping: Table, wanted: frozenset[str] | None = None) -> Frame:
    """The frame's raw columns as fields; ``wanted`` limits the result."""
    steps, _ = mapping.only(wanted)
    columns = {f"{mapping.prefix}.{name}": values for name, values in frame.columns.items()}
    result = Frame(frame.rows, columns, dict(mapping.constants), frame.malformed)
    for step in steps:
        try:
            step.convert(result, step)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
            # Columns of shapes that the conversion does not know: they stay where they are, and are told.
            result.malformed[step.sources[0]] += result.rows
            continue
        if step.moves:
            for name in step.sources:
                if name not in step.targets:
                    result.take_out(name)
    if wanted is not None:
        result.columns = {name: values for name, values in result.columns.items() if name in wanted}
        result.constants = {name: value for name, value in result.constants.items() if name in wanted}
    return result


def batch(frame: Frame, records: pa.Array, times: pa.Array | None) -> pa.RecordBatch:
    """The normalised batch: the fields, ``_record`` and ``_time`` (see ``columns``). Texts of which few are distinct are held by
    their places in a dictionary."""
    arrays: dict[str, pa.Array] = {
        "_record": records,
        "_time": times if times is not None else pa.nulls(frame.rows, pa.int64()),
    }
    for name, value in frame.constants.items():
        arrays[name] = _once(value, frame.rows) if isinstance(value, str) else repeated(value, frame.rows)
    for name, values in frame.columns.items():
        if values.null_count < len(values) and values.type != pa.null():
            arrays[name] = frame.encoded(values) or values
    return pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))


def _once(text: str, rows: int) -> pa.DictionaryArray:
    """A text for all rows, held once."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([text]))


def repeated(value: Any, rows: int) -> pa.Array:
    """A constant as a column; a list of strings as a column of lists."""
    if isinstance(value, list):
        offsets = np.arange(rows + 1, dtype=np.int32) * len(value)
        places = pa.array(np.tile(np.arange(len(value)), rows))
        return pa.ListArray.from_arrays(pa.array(offsets), pa.array(value, pa.string()).take(places))
    return pa.repeat(pa.scalar(value), rows)
