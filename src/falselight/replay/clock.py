"""The runs of a rule's schedule, and which of them see an event.

Runs are numbered by whole multiples of the interval since the epoch. Run n sees an event whose time lies between ``n × interval -
from`` and ``n × interval - to``, ends included, and which was ingested by then where ``event.ingested`` tells: those are the runs
from a first to a last one."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from falselight.diagnostics import Diagnostic, EqlError, Severity
from falselight.ecs.schema import DATE_TYPES, Field, column
from falselight.engines import duckdb as engine
from falselight.plan import nodes
from falselight.rules.model import Rule, distance
from falselight.store import EventTable, quoted

UNSCHEDULED = "E0617"
TIMESTAMP, INGESTED = "@timestamp", "event.ingested"
_NEVER = "CAST(NULL AS BIGINT)"


@dataclass(frozen=True, slots=True)
class Sight:
    """The first and the last run that see an event; ``on_time`` is the first that would, had it been ingested at its time. None
    for an event without the time by which the rule searches. An event is never seen where the last run is before the first."""

    first: int | None
    last: int | None
    on_time: int | None


@dataclass(frozen=True)
class Clock:
    """``interval`` is in nanoseconds. ``first``, ``last`` and ``on_time`` are a ``Sight`` in SQL over the event table."""

    interval: int
    first: str
    last: str
    on_time: str
    by_timestamp: bool

    def in_order(self, plan: nodes.Plan) -> bool:
        """Whether events come into sight, and leave it, in the order of their sequences: only ``@timestamp`` counts."""
        return self.by_timestamp and plan.order.timestamp.name == TIMESTAMP

    def relation(self, table: EventTable) -> str:
        """SELECT _seq, first, last of all events."""
        return f"SELECT _seq, {self.first} AS first, {self.last} AS last FROM {quoted(table.name)}"

    def sights(self, table: EventTable, positions: set[int]) -> dict[int, Sight]:
        """When the events at these ingest positions are seen."""
        if not positions:
            return {}
        wanted = pa.table({"s": pa.array(sorted(positions), pa.int64())})
        with engine.registered(table, "wanted_positions", wanted):
            rows = engine.execute(
                table,
                f"SELECT _seq, {self.first}, {self.last}, {self.on_time} FROM {quoted(table.name)} "
                "JOIN wanted_positions ON s = _seq",
            ).fetchall()
        return {s: Sight(first, last, on_time) for s, first, last, on_time in rows}

    def span(self, table: EventTable) -> tuple[int, int] | None:
        """The first and the last run that the data give something new to see; None where no event has a time."""
        ((begin, end),) = engine.execute(
            table,
            f"SELECT min(on_time), max(greatest(on_time, CASE WHEN first <= last THEN first END)) FROM "
            f"(SELECT {self.first} AS first, {self.last} AS last, {self.on_time} AS on_time FROM {quoted(table.name)})",
        ).fetchall()
        return None if begin is None else (begin, end)


def clock(rule: Rule, table: EventTable) -> Clock:
    """The clock of one rule over one table. Raises ``EqlError`` (E0617) where the schedule is none."""
    every, look_back, until = rule.every, rule.look_back, distance(rule.to)
    if not every or look_back is None or until is None:
        written = f"interval {rule.interval}, from {rule.from_}, to {rule.to}"
        message = f"Rule [{rule.name}]: {written} are no schedule of spans before now"
        raise EqlError([Diagnostic(UNSCHEDULED, Severity.ERROR, message, path=rule.path)])
    time, arrival = _searched(rule, table), _nanoseconds(_date(INGESTED, table))
    on_time = _run_at_or_after(f"({time} + {until})", every)
    return Clock(
        every,
        on_time if arrival is None else f"greatest({on_time}, {_run_at_or_after(arrival, every)})",
        _run_at_or_before(f"({time} + {look_back})", every),
        on_time,
        arrival is None and (rule.timestamp_override or TIMESTAMP) == TIMESTAMP,
    )


def _searched(rule: Rule, table: EventTable) -> str:
    """The time by which a run searches an event, epoch nanoseconds. HUGEINT: a look-back may be beyond all dates."""
    own = _nanoseconds(_date(TIMESTAMP, table)) or _NEVER
    time = own
    if rule.timestamp_override is not None and rule.timestamp_override != TIMESTAMP:
        override = _nanoseconds(_date(rule.timestamp_override, table)) or _NEVER
        time = override if rule.timestamp_override_fallback_disabled else f"coalesce({override}, {own})"
    return f"{time}::HUGEINT"


def _date(name: str, table: EventTable) -> Field | None:
    entry = table.schema.find(name)
    return entry if entry is not None and entry.filled and entry.type in DATE_TYPES else None


def _nanoseconds(entry: Field | None) -> str | None:
    if entry is None:
        return None
    value = quoted(column(entry.name))
    value = f"list_max({value})" if entry.many else value
    return f"({value})" if entry.type == "date_nanos" else f"(CAST({value} AS HUGEINT) * 1000000)"


def _run_at_or_before(time: str, interval: int) -> str:
    """Division that rounds down, also before the epoch."""
    return f"CAST(({time} - ({time} % {interval} + {interval}) % {interval}) // {interval} AS BIGINT)"


def _run_at_or_after(time: str, interval: int) -> str:
    return f"-{_run_at_or_before(f'(-{time})', interval)}"
