"""Columns of Windows events as ECS columns: what ``apply`` makes event by event, made of whole columns.

A conversion sees each distinct value once. Steps run in the plan's order, so that for each row the outcome is that of
the record-wise way; ``tests/mappings/test_windows_columns.py`` holds both against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from falselight.mappings import conversions
from falselight.mappings.apply import ALWAYS_LISTS, TYPES, WELL_KNOWN, leaves, shared
from falselight.mappings.conversions import Document
from falselight.mappings.parts import Column, listed
from falselight.mappings.plans import DATA, FIELD, Plan, Step
from falselight.mappings.windows_wanted import DATA_PREFIX, READ_BESIDE, Needs
from falselight.readers.windows_columns import NO_TEXT, EventColumns, clock
from falselight.readers.windows_event import Unsuitable, braced

_SYSTEM_FIELDS = (
    ("Computer", ("host.name", "winlog.computer_name")),
    ("EventRecordID", ("winlog.record_id",)),
    ("ProcessID", ("winlog.process.pid",)),
    ("ThreadID", ("winlog.process.thread.id",)),
    ("UserID", ("winlog.user.identifier",)),
)
_MEMOS, _MEMO_TEXT = 4_096, 512
_LONGEST = 255
_ABSENT_ONLY = frozenset({conversions.basename, conversions.last_part})
# By the step's identity; the step beside it lives as long, so that no other can have it.
_memos: dict[int, tuple[Step, dict[Any, dict[str, Any]]]] = {}


def fields(columns: EventColumns, plan: Plan | None, needs: Needs) -> dict[str, Column]:
    """A column for each needed field that some event fills, and ``_time``, which may be absent."""
    mapping = _Mapping(columns, needs)
    if plan is not None:
        mapping.run(plan)
    mapping.rest(plan)
    return mapping.finished()


class _Mapping:
    def __init__(self, columns: EventColumns, needs: Needs) -> None:
        self._columns = columns
        self._needs = needs
        self._rows = columns.rows
        self._taken: dict[str, pa.Array | None] = {}
        self._present: dict[str, pa.Array] = {}
        self._lists: dict[str, list[pa.Array]] = {}
        self._fields: dict[str, pa.Array] = {}
        self._constants: Document = shared(columns.head)
        self._time = columns.time
        for name, targets in _SYSTEM_FIELDS:
            values = columns.system.get(name)
            if values is not None:
                self._fields.update(dict.fromkeys(targets, values))
        if "ActivityID" in columns.system:
            self._distinct(columns.system["ActivityID"], _activity, False)
        if "RelatedActivityID" in columns.system:
            self._distinct(columns.system["RelatedActivityID"], _related_activity, False)
        if columns.beside is not None:
            for name, values in columns.beside.items():
                self._put(name, values)
        elif "UserID" in columns.system:
            self._distinct(columns.system["UserID"], _well_known, False)

    def run(self, plan: Plan) -> None:
        if plan.created and self._columns.time is not None and self._needs.output("event.created"):
            time = self._columns.time
            absent = np.asarray(time.is_null()) if time.null_count else None
            milliseconds = time.fill_null(0).to_numpy() // 1_000_000
            self._put("event.created", pa.array(milliseconds, pa.int64(), mask=absent))
        if plan.data_time is not None and plan.data_time in self._columns.data:
            own = clock(self._columns.data[plan.data_time])
            self._time = own if self._time is None else pc.coalesce(own, self._time)
        self._constants.update(plan.constants)
        for name in plan.constants:
            self._fields.pop(name, None)
        for name, values in self._columns.data.items():
            self._present[name] = without(values, plan.missing)
        for step in self._needs.steps:
            self._step(step)
        self._users(plan)

    def _step(self, step: Step) -> None:
        value = self._present.get(step.name) if step.source == DATA else self._value(step)
        if value is None:
            return
        if step.missing:
            value = without(value, step.missing)
        if step.if_absent and (known := self.get(step.target)) is not None:
            value = pc.if_else(pc.is_valid(known), _nothing(value), value)
        if value.null_count == self._rows:
            return
        if step.source == DATA and not step.keep:
            self._take(step.name, value)
        if step.convert is conversions.text and step.values is None:
            self._put(step.target, value)
        elif step.convert is conversions.integer and step.name in self._columns.integers:
            self._put(step.target, pc.if_else(pc.is_valid(value), self._columns.integers[step.name], _NO_INTEGER))
        elif step.convert is conversions.append and step.values is None:
            self._lists.setdefault(step.target, []).append(value)
        elif step.convert is conversions.with_member:
            member = self.get("user.target.name")
            if member is not None:
                self._put(step.target, pc.if_else(pc.is_valid(member), value, _nothing(value)))
        elif (beside := READ_BESIDE.get(step.convert.__name__)) is not None:
            self._beside(step, value, beside)
        else:
            self._distinct(value, lambda text: _converted(step, text), step.convert in _ABSENT_ONLY, _memo(step))

    def _value(self, step: Step) -> pa.Array | None:
        return self.get(step.name) if step.source == FIELD else self._columns.user_data.get(step.name)

    def get(self, name: str) -> pa.Array | None:
        """A field's column so far."""
        found = self._fields.get(name)
        if found is None and name in self._constants:
            return self._repeated(self._constants[name])
        return found

    def _repeated(self, value: Any) -> pa.Array:
        return pa.repeat(_constant(tuple(value) if value.__class__ is list else value), self._rows)

    def _put(self, name: str, values: pa.Array, absent_only: bool = False) -> None:
        known = self.get(name)
        if known is not None and known.null_count < self._rows:
            if known.type != values.type and (pa.types.is_list(known.type) or pa.types.is_list(values.type)):
                known, values = listed(known), listed(values)
            if known.type != values.type:
                raise Unsuitable("values of several types")
            first, second = (known, values) if absent_only else (values, known)
            values = pc.if_else(pc.is_valid(first), first, second) if first.null_count else first
        self._fields[name] = values

    def _take(self, name: str, value: pa.Array) -> None:
        """The rows whose value became a field do not keep it among the data."""
        if value.null_count == self._present[name].null_count or (name in self._taken and self._taken[name] is None):
            self._taken[name] = None
        else:
            rows, before = pc.is_valid(value), self._taken.get(name)
            self._taken[name] = rows if before is None else pc.or_(rows, before)

    def _distinct(
        self,
        values: pa.Array,
        convert: Callable[[Any], dict[str, Any]],
        absent_only: bool,
        memo: dict[Any, dict[str, Any]] | None = None,
    ) -> None:
        encoded = values.dictionary_encode()
        made = []
        for value in encoded.dictionary.to_pylist():
            found = None if memo is None else memo.get(value)
            if found is None:
                found = dict(leaves(convert(value)))
                if memo is not None and len(str(value)) <= _MEMO_TEXT:
                    memo[value] = found
            made.append(found)
        for name in dict.fromkeys(name for found in made for name in found):
            if not self._needs.inner(name):
                continue
            column = column_of([found.get(name) for found in made]).take(encoded.indices)
            if name.startswith("related."):
                self._lists.setdefault(name, []).append(column)
            else:
                self._put(name, column, absent_only)

    def _users(self, plan: Plan) -> None:
        module = plan.constants.get("event.module")
        if module is None or module == "security":
            return
        identifier = self._columns.system.get("UserID")
        if identifier is not None:
            self._put("user.id", identifier)
        related = [("related.user", ("user.name", "source.user.name"))]
        if module in {"sysmon", "sysmon_linux"}:
            related.append(("related.ip", ("source.ip", "destination.ip")))
        for target, names in related:
            found = [values for name in names if (values := self.get(name)) is not None]
            if found and self._needs.inner(target):
                self._lists.setdefault(target, []).extend(found)

    def _beside(self, step: Step, value: pa.Array, names: tuple[str, ...]) -> None:
        """A conversion that reads other fields beside the value, once for each distinct row of them."""
        parts = [value.to_pylist(), *(self._row_values(name) for name in names)]
        memo: dict[tuple[Any, ...], Any] = {}
        made = []
        for key in zip(*parts, strict=True):
            if key not in memo:
                document: Document = {name: each for name, each in zip(names, key[1:], strict=True) if each is not None}
                if key[0] is not None:
                    step.convert(str(key[0]), step.target, document)
                memo[key] = document.get(step.target)
            made.append(memo[key])
        self._put(step.target, column_of(made))

    def _row_values(self, name: str) -> list[Any]:
        found = self.get(name)
        return [None] * self._rows if found is None else found.to_pylist()

    def rest(self, plan: Plan | None) -> None:
        """The data that no step took."""
        for name, values in (self._columns.data if plan is None else self._present).items():
            if (plan is not None and name in plan.drop) or not self._needs.data(name):
                continue
            if name in self._taken:
                mask = self._taken[name]
                if mask is None:
                    continue
                values = pc.if_else(mask, NO_TEXT, values)
            if values.null_count < self._rows:
                self._put(DATA_PREFIX + name, values, absent_only=True)
        for name, values in self._columns.user_data.items():
            self._put("winlog.user_data." + name, values)

    def finished(self) -> dict[str, Column]:
        made: dict[str, Column] = {}
        if self._time is not None:
            made["_time"] = self._time
        for name, value in self._constants.items():
            if name not in self._fields and self._needs.output(name):
                made[name] = _constant(tuple(value) if value.__class__ is list or name in ALWAYS_LISTS else value)
        for name, values in self._fields.items():
            if self._needs.output(name) and values.null_count < self._rows:
                made[name] = listed(values) if name in ALWAYS_LISTS else values
        for name, parts in self._lists.items():
            if self._needs.output(name):
                joined = _joined(parts)
                if joined is not None:
                    made[name] = joined
        return made


_NO_INTEGER = pa.scalar(None, pa.int64())


@lru_cache(maxsize=4_096, typed=True)
def _constant(value: Any) -> pa.Scalar:
    """A value of all rows; a tuple stands for a list."""
    return column_of([list(value) if value.__class__ is tuple else value])[0]


def _nothing(values: pa.Array) -> pa.Scalar:
    return NO_TEXT if pa.types.is_string(values.type) else pa.scalar(None, values.type)


def _memo(step: Step) -> dict[Any, dict[str, Any]]:
    if len(_memos) > _MEMOS:
        _memos.clear()
    _, memo = _memos.setdefault(id(step), (step, {}))
    if len(memo) > _MEMOS:
        memo.clear()
    return memo


def _converted(step: Step, value: Any) -> Document:
    made: Document = {}
    if step.values is not None:
        value = step.values.get(value, value if step.else_keep else None)
        if value is None:
            return made
    step.convert(value, step.target, made)
    return made


def _activity(identifier: str) -> dict[str, Any]:
    return {"winlog.activity_id": braced(identifier)}


def _related_activity(identifier: str) -> dict[str, Any]:
    return {"winlog.related_activity_id": braced(identifier)}


def _well_known(identifier: str) -> dict[str, Any]:
    return {"winlog.user." + part: text for part, text in WELL_KNOWN.get(identifier, {}).items()}


def without(values: pa.Array, missing: frozenset[str]) -> pa.Array:
    """Values that are in ``missing`` become null."""
    if not missing or not pa.types.is_string(values.type):
        return values
    texts, lengths = _missing(missing)
    ends = np.frombuffer(values.buffers()[1], np.int32, len(values) + 1, 4 * values.offset)
    like = lengths[np.minimum(np.diff(ends), _LONGEST)]
    if values.null_count:
        like &= np.asarray(values.is_valid())
    # Hardly any column has values that are as long, and to look for them costs more.
    if not like.any():
        return values
    found = pc.is_in(values, texts)
    return pc.if_else(found, NO_TEXT, values) if pc.any(found).as_py() else values


@lru_cache(maxsize=256)
def _missing(texts: frozenset[str]) -> tuple[pa.Array, np.ndarray[Any, np.dtype[np.bool_]]]:
    """The texts as an array, and for each number of bytes up to ``_LONGEST``, which stands for all beyond, whether one of them
    has so many."""
    lengths = np.zeros(_LONGEST + 1, np.bool_)
    for text in texts:
        lengths[min(len(text.encode()), _LONGEST)] = True
    return pa.array(sorted(texts), pa.string()), lengths


def column_of(values: Iterable[Any]) -> pa.Array:
    """A column of the type of the values: text, number, boolean, or lists of them."""
    column = list(values)
    sample = next((value for value in column if value is not None), None)
    if sample is None:
        return pa.nulls(len(column), pa.string())
    if sample.__class__ is list:
        return pa.array(column, pa.list_(TYPES[sample[0].__class__]))
    return pa.array(column, TYPES[sample.__class__])


def _joined(parts: list[pa.Array]) -> pa.Array | None:
    """One list of distinct values a row, in the order of the parts; a row without any is null."""
    if len(parts) == 1 and not pa.types.is_list(parts[0].type):
        return listed(parts[0]) if parts[0].null_count < len(parts[0]) else None
    rows, texts = [], []
    for part in parts:
        if pa.types.is_list(part.type):
            held = pc.list_parent_indices(part), part.flatten()
        else:
            held = pa.array(np.arange(len(part))), part
        rows.append(held[0].filter(held[1].is_valid()))
        texts.append(held[1].drop_null())
    values = pa.concat_arrays(texts) if len(texts) > 1 else texts[0]
    if not len(values):
        return None
    row = np.concatenate([np.asarray(each) for each in rows])
    order = np.argsort(row, kind="stable")
    encoded = values.dictionary_encode()
    key = (row * len(encoded.dictionary) + np.asarray(encoded.indices))[order]
    # Codes are given in the order in which values are met.
    codes = np.asarray(pa.array(key).dictionary_encode().indices)
    kept = np.flatnonzero(np.diff(np.maximum.accumulate(codes), prepend=-1))
    counts = np.bincount(row[order[kept]], minlength=len(parts[0]))
    offsets = pa.array(np.cumsum([0, *counts]), pa.int32())
    return pa.ListArray.from_arrays(offsets, values.take(pa.array(order[kept])), mask=pa.array(counts == 0))
