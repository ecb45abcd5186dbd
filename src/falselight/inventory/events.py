"""The events as the surveys ask of them: one row each with its source's name, time and host, and SQL for a field."""

from __future__ import annotations

from falselight.ecs.schema import Field
from falselight.expressions import Expressions
from falselight.store import EventTable, quoted

SECOND = 1_000_000_000
# Telemetry of before this is a clock that was never set, or a time relative to its own start.
EARLIEST = 315_532_800 * SECOND
DAY = 86_400 * SECOND
DATASET = ("event.dataset", "data_stream.dataset", "event.module", "winlog.channel", "event.provider", "agent.type")
NO_DATASET = "(none)"


def dataset(table: EventTable) -> str:
    """SQL of the name of an event's source."""
    return f"coalesce({Expressions(table).text(*DATASET)}, '{NO_DATASET}')"


def rows(table: EventTable, now: int, **more: str) -> str:
    """A subquery of ``seq, input, dataset, host, raw, time``: ``raw`` is the event's time, ``time`` the same where it can be
    true (not before 1980, not a day or more after ``now``); both in nanoseconds. ``more``: further columns' SQL by name."""
    added = "".join(f", {sql} AS {quoted(name)}" for name, sql in more.items())
    return (
        f"(SELECT _seq AS seq, _input AS input, {dataset(table)} AS dataset, "
        f"{Expressions(table).text('host.name')} AS host, _time AS raw, "
        f"CASE WHEN _time >= {EARLIEST} AND _time < {now + DAY} THEN _time END AS time{added} FROM {quoted(table.name)})"
    )


def filled(table: EventTable) -> list[Field]:
    """The fields that some event fills, by name; not the keyword beside a text, which is the same value."""
    fields = [entry for entry in table.schema if entry.filled]
    beside = {entry.exact for entry in fields if entry.exact is not None}
    return sorted((entry for entry in fields if entry.name not in beside), key=lambda entry: entry.name)
