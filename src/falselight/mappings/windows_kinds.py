"""Windows events of one kind together: what ``apply`` makes event by event, made of columns of the events."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter, itemgetter
from typing import Any

import numpy as np
import pyarrow as pa

from falselight.mappings import windows_columns
from falselight.mappings.apply import LONGEST, apply, around, array, split_context, user
from falselight.mappings.parts import Column, Part, part_of
from falselight.mappings.plans import Plan, plan
from falselight.mappings.windows_wanted import Needs, needs
from falselight.readers.windows_columns import EventColumns
from falselight.readers.windows_event import CHUNK_EVENTS, Unsuitable, WindowsEvent

# Below so many events the work for each column outweighs that for each event.
FEWEST = 64
_MOST_CELLS = 1 << 24
Numbered = tuple[int, WindowsEvent]
_KIND = attrgetter(
    "provider", "channel", "event_id", "level", "level_name", "task", "task_name", "opcode", "opcode_name", "keywords",
    "version", "provider_guid", "is_mapped",
)  # fmt: skip
_SYSTEM: tuple[tuple[str, str, pa.DataType], ...] = (
    ("Computer", "computer", pa.string()),
    ("EventRecordID", "record_id", pa.string()),
    ("ProcessID", "process_id", pa.int64()),
    ("ThreadID", "thread_id", pa.int64()),
    ("UserID", "user_sid", pa.string()),
    ("ActivityID", "activity_id", pa.string()),
    ("RelatedActivityID", "related_activity_id", pa.string()),
)


class Aim:
    """What is to be made of the records of a kind. Raises ``Unsuitable``, also for data that hold others unless these are
    ``split``."""

    def __init__(self, head: WindowsEvent, wanted: frozenset[str] | None, split: bool = False) -> None:
        self.plan = plan(head.provider, head.channel, head.event_id)
        if self.plan is not None and self.plan.split_context is not None and not split:
            raise Unsuitable("data within data")
        self.needs = needs(head.provider, head.channel, head.event_id, wanted)

    def fields(self, columns: EventColumns) -> dict[str, Column]:
        """The fields of records of the kind, and ``_time``. Raises ``Unsuitable``."""
        if "ConnectedUser" in columns.data:
            raise Unsuitable("users that change places from event to event")
        found = windows_columns.fields(columns, self.plan, self.needs)
        return {"_time": found.pop("_time", pa.nulls(columns.rows, pa.int64())), **found}


def parts(events: list[Numbered], wanted: frozenset[str] | None) -> list[Part]:
    """The events of each kind, and those that are mapped one by one."""
    kinds: dict[Any, list[Numbered]] = {}
    for numbered in events:
        kinds.setdefault(_KIND(numbered[1]), []).append(numbered)
    made: list[Part] = []
    alone: list[Numbered] = []
    for some in kinds.values():
        if len(some) < FEWEST or some[0][1].is_mapped:
            alone += some
            continue
        try:
            made.append(_part(some, wanted))
        except Unsuitable:
            alone += some
    alone.sort(key=itemgetter(0))
    made += [part_of(apply(alone[at : at + CHUNK_EVENTS], wanted)) for at in range(0, len(alone), CHUNK_EVENTS)]
    return made


def _part(events: list[Numbered], wanted: frozenset[str] | None) -> Part:
    own: dict[str, Any] = {name: None for _, name, _ in _SYSTEM}
    head = replace(events[0][1], **own, time=None, user=None, message=None, event_data={}, user_data={}, around={})
    aim = Aim(head, wanted, split=True)
    columns = EventColumns(head, len(events))
    columns.time = pa.array([event.time for _, event in events], pa.int64())
    for name, attribute, kind in _SYSTEM:
        values = list(map(attrgetter(attribute), (event for _, event in events)))
        if kind == pa.int64():
            values = [None if value is None or value > LONGEST else value for value in values]
        if any(value is not None for value in values):
            columns.system[name] = pa.array(values, kind)
    columns.data = _texts([_data(event, aim.plan) for _, event in events], aim.needs.names)
    columns.user_data = _texts([event.user_data for _, event in events], None)
    columns.beside = _beside(events, aim.needs)
    return Part(np.array([number for number, _ in events], np.int64), aim.fields(columns))


def _data(event: WindowsEvent, plan: Plan | None) -> dict[str, str]:
    """The event's data, and those that they hold."""
    if plan is None or plan.split_context not in event.event_data:
        return event.event_data
    data = dict(event.event_data)
    split_context(data, plan.split_context, plan.context_trim)
    return data


def _texts(rows: list[dict[str, str]], names: frozenset[str] | None) -> dict[str, pa.Array]:
    found: dict[str, list[str | None]] = {}
    for row, data in enumerate(rows):
        for name, value in data.items():
            column = found.get(name)
            if column is None:
                if names is not None and name not in names:
                    continue
                column = _column(found, name, len(rows))
            if not value:
                raise Unsuitable("an empty value")
            column[row] = value
    return {name: pa.array(column, pa.string()) for name, column in found.items()}


def _column(found: dict[str, list[Any]], name: str, rows: int) -> list[Any]:
    """A new column. Raises ``Unsuitable`` if there are too many."""
    if len(found) * rows > _MOST_CELLS:
        raise Unsuitable("too many names")
    column = found[name] = [None] * rows
    return column


def _beside(events: list[Numbered], needs: Needs) -> dict[str, pa.Array]:
    """What stands beside the event, by field: its message, its user, and what a collector says around it."""
    found: dict[str, list[Any]] = {}
    for row, (_, event) in enumerate(events):
        fields = {} if event.message is None else {"message": event.message}
        fields.update(user(event))
        fields.update(around(event))
        for name, value in fields.items():
            column = found.get(name)
            if column is None:
                column = _column(found, name, len(events))
            column[row] = value
    if any(name.startswith("related.") or name == "source.user.name" for name in found):
        raise Unsuitable("a field that grows with others")
    return {
        name: array(column, any(value.__class__ is list for value in column))
        for name, column in found.items()
        if needs.inner(name)
    }
