"""The whole inventory of an event table, each part one query."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from falselight.ecs.schema import column
from falselight.expressions import Expressions
from falselight.inventory import events
from falselight.inventory.clocks import Clocks, clocks
from falselight.inventory.feeding import Feed, feeds
from falselight.plan.dates import iso
from falselight.rules import Rule
from falselight.store import EventTable, quoted

# A source that is silent for longer than this has a gap.
GAP_MINUTES = 60
MOST_GAPS, MOST_HOSTS = 5, 1_000
_COLUMNS_AT_ONCE = 400


@dataclass(frozen=True)
class Kinds:
    """Inputs of one kind: how many, their events, and how many of their records were left out."""

    kind: str
    inputs: int
    events: int
    skipped: int


@dataclass(frozen=True)
class Dataset:
    """Events of one source as the integrations name it; first and last in epoch nanoseconds, of times that can be true."""

    name: str
    events: int
    first: int | None
    last: int | None


@dataclass(frozen=True)
class Gap:
    """A span of more than an hour without events of a dataset, in whole minutes as epoch nanoseconds."""

    dataset: str
    start: int
    end: int


@dataclass(frozen=True)
class Host:
    name: str
    events: int
    first: int | None
    last: int | None


@dataclass(frozen=True)
class FieldRate:
    """A field that some events fill: in how many, and in how many of each dataset."""

    name: str
    type: str
    events: int
    datasets: dict[str, int]


@dataclass(frozen=True)
class Inventory:
    """What the input holds. ``gaps`` are the longest of each dataset, ``gap_counts`` counts all; ``hosts`` are the most
    frequent of ``host_count``. ``left_out`` tells for each input (by its label) what was skipped and why."""

    events: int
    kinds: tuple[Kinds, ...]
    datasets: tuple[Dataset, ...]
    categories: dict[str, int]
    gaps: tuple[Gap, ...]
    gap_counts: dict[str, int]
    host_count: int
    hosts: tuple[Host, ...]
    clocks: Clocks
    fields: tuple[FieldRate, ...]
    left_out: dict[str, dict[str, int]]
    malformed: dict[str, int]
    feeds: tuple[Feed, ...]
    labels: tuple[str, ...]

    @property
    def span(self) -> tuple[int, int] | None:
        """First and last time that can be true."""
        firsts = [each.first for each in self.datasets if each.first is not None]
        lasts = [each.last for each in self.datasets if each.last is not None]
        return (min(firsts), max(lasts)) if firsts and lasts else None

    def to_dict(self) -> dict[str, Any]:
        """As JSON: times in ISO 8601, distances in seconds, inputs by their labels, rates from 0 to 1."""
        span = self.span
        odd = asdict(self.clocks)
        odd["jumps"] = [
            {"input": self.labels[each.input], "count": each.count, "longest_seconds": each.longest / events.SECOND}
            for each in self.clocks.jumps
        ]
        odd["hosts"] = [
            {"host": each.host, "offset_seconds": each.offset / events.SECOND, "records": each.records,
             "witness": each.witness}
            for each in self.clocks.hosts
        ]  # fmt: skip
        return {
            "events": self.events,
            "first": _iso(span[0] if span else None),
            "last": _iso(span[1] if span else None),
            "sources": [asdict(each) for each in self.kinds],
            "datasets": [_timed(each) for each in self.datasets],
            "categories": self.categories,
            "gaps": [{"dataset": g.dataset, "start": iso(g.start), "end": iso(g.end)} for g in self.gaps],
            "gap_counts": self.gap_counts,
            "host_count": self.host_count,
            "hosts": [_timed(each) for each in self.hosts],
            "clocks": odd,
            "fields": [
                {"name": each.name, "type": each.type, "events": each.events, "rate": round(each.events / self.events, 6),
                 "datasets": each.datasets}
                for each in self.fields
            ],
            "left_out": self.left_out,
            "malformed": self.malformed,
            "detections": [asdict(each) for each in self.feeds],
        }  # fmt: skip


def _iso(instant: int | None) -> str | None:
    return None if instant is None else iso(instant)


def _timed(each: Dataset | Host) -> dict[str, Any]:
    return {**asdict(each), "first": _iso(each.first), "last": _iso(each.last)}


def survey(table: EventTable, rules: Sequence[Rule], now: int) -> Inventory:
    """Everything about the table's events; ``now`` (epoch nanoseconds) tells which times lie in the future."""
    gaps, gap_counts = _gaps(table, now)
    host_count, hosts = _hosts(table, now)
    labels = tuple(source.path + (f"!{source.member}" if source.member else "") for source in table.inputs)
    skipped = {
        label: dict(sorted(count.skipped.items()))
        for label, count in zip(labels, table.counts, strict=True)
        if count.skipped.total()
    }
    return Inventory(
        table.rows, _kinds(table), _datasets(table, now), _categories(table), gaps, gap_counts, host_count, hosts,
        clocks(table, now), _fields(table), skipped, dict(table.malformed), tuple(feeds(table, rules)), labels,
    )  # fmt: skip


def _kinds(table: EventTable) -> tuple[Kinds, ...]:
    inputs: Counter[str] = Counter()
    rows: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    for source, count in zip(table.inputs, table.counts, strict=True):
        kind = source.kind or "unknown"
        inputs[kind] += 1
        rows[kind] += count.events
        skipped[kind] += count.skipped.total()
    order = sorted(inputs, key=lambda kind: (-rows[kind], kind))
    return tuple(Kinds(kind, inputs[kind], rows[kind], skipped[kind]) for kind in order)


def _datasets(table: EventTable, now: int) -> tuple[Dataset, ...]:
    found = table.connection.execute(
        f"SELECT dataset, count(*), min(time), max(time) FROM {events.rows(table, now)} GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    return tuple(Dataset(*row) for row in found)


def _categories(table: EventTable) -> dict[str, int]:
    found = table.connection.execute(
        f"SELECT unnest({Expressions(table).all('event.category')}) AS category, count(*) FROM {quoted(table.name)} "
        "GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    return dict(found)


def _gaps(table: EventTable, now: int) -> tuple[tuple[Gap, ...], dict[str, int]]:
    minute = 60 * events.SECOND
    found = table.connection.execute(
        f"WITH minutes AS (SELECT DISTINCT dataset, time // {minute} AS minute FROM {events.rows(table, now)} "
        "WHERE time IS NOT NULL), steps AS (SELECT dataset, minute, "
        "lead(minute) OVER (PARTITION BY dataset ORDER BY minute) AS next FROM minutes) "
        "SELECT dataset, minute + 1, next, count(*) OVER (PARTITION BY dataset) FROM steps "
        f"WHERE next - minute - 1 > {GAP_MINUTES} "
        f"QUALIFY row_number() OVER (PARTITION BY dataset ORDER BY next - minute DESC, minute) <= {MOST_GAPS} "
        "ORDER BY 1, 2"
    ).fetchall()
    gaps = tuple(Gap(dataset, start * minute, end * minute) for dataset, start, end, _ in found)
    return gaps, {dataset: count for dataset, _, _, count in found}


def _hosts(table: EventTable, now: int) -> tuple[int, tuple[Host, ...]]:
    found = table.connection.execute(
        f"SELECT host, count(*), min(time), max(time), count(*) OVER () FROM {events.rows(table, now)} "
        f"WHERE host IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST_HOSTS}"
    ).fetchall()
    return (found[0][4] if found else 0), tuple(Host(*row[:4]) for row in found)


def _fields(table: EventTable) -> tuple[FieldRate, ...]:
    made = []
    fields = events.filled(table)
    for start in range(0, len(fields), _COLUMNS_AT_ONCE):
        some = fields[start : start + _COLUMNS_AT_ONCE]
        counts = ", ".join(f"count({quoted(column(entry.name))})" for entry in some)
        found = table.connection.execute(
            f"SELECT {events.dataset(table)}, {counts} FROM {quoted(table.name)} GROUP BY 1 ORDER BY 1"
        ).fetchall()
        for at, entry in enumerate(some, 1):
            datasets = {row[0]: row[at] for row in found if row[at]}
            made.append(FieldRate(entry.name, entry.type, sum(datasets.values()), datasets))
    return tuple(made)
