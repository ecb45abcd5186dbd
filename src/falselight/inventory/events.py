"""The events as the surveys ask of them: one row each with its source's name, time and host, and SQL for a field."""

from __future__ import annotations

from falselight.ecs.schema import Field, column
from falselight.store import EventTable, quoted

SECOND = 1_000_000_000
# Telemetry of before this is a clock that was never set, or a time relative to its own start.
EARLIEST = 315_532_800 * SECOND
DAY = 86_400 * SECOND
DATASET = ("event.dataset", "data_stream.dataset", "event.module", "winlog.channel", "event.provider", "agent.type")
NO_DATASET = "(none)"


def value(table: EventTable, name: str) -> str | None:
    """SQL of a field's value, of several the first; None where no event has the field."""
    entry = table.schema.find(name)
    if entry is None or not entry.filled:
        return None
    return f"{quoted(column(entry.name))}[1]" if entry.many else quoted(column(entry.name))


def text(table: EventTable, name: str) -> str:
    """SQL of a field's first value as text; NULL where no event has the field."""
    found = value(table, name)
    return "CAST(NULL AS VARCHAR)" if found is None else f"CAST({found} AS VARCHAR)"


def each(table: EventTable, name: str) -> str:
    """SQL of all values of a field as a list of text, empty where there is none."""
    entry = table.schema.find(name)
    if entry is None or not entry.filled:
        return "CAST([] AS VARCHAR[])"
    own = quoted(column(entry.name))
    return f"CAST({own} AS VARCHAR[])" if entry.many else f"[CAST({own} AS VARCHAR)]"


def dataset(table: EventTable) -> str:
    """SQL of the name of an event's source."""
    return f"coalesce({', '.join(text(table, name) for name in DATASET)}, '{NO_DATASET}')"


def rows(table: EventTable, now: int, **more: str) -> str:
    """A subquery of ``seq, input, dataset, host, raw, time``: ``raw`` is the event's time, ``time`` the same where it can be
    true (not before 1980, not a day or more after ``now``); both in nanoseconds. ``more``: further columns' SQL by name."""
    added = "".join(f", {sql} AS {quoted(name)}" for name, sql in more.items())
    return (
        f"(SELECT _seq AS seq, _input AS input, {dataset(table)} AS dataset, "
        f"{text(table, 'host.name')} AS host, _time AS raw, "
        f"CASE WHEN _time >= {EARLIEST} AND _time < {now + DAY} THEN _time END AS time{added} FROM {quoted(table.name)})"
    )


def filled(table: EventTable) -> list[Field]:
    """The fields that some event fills, by name; not the keyword beside a text, which is the same value."""
    fields = [entry for entry in table.schema if entry.filled]
    beside = {entry.exact for entry in fields if entry.exact is not None}
    return sorted((entry for entry in fields if entry.name not in beside), key=lambda entry: entry.name)
