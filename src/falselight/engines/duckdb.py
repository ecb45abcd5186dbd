"""Runs plans over an event table in DuckDB."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import duckdb
import pyarrow as pa

from falselight.diagnostics import Diagnostic, EqlError, Severity
from falselight.plan import nodes
from falselight.plan.limits import Window, combine
from falselight.sql import emit, functions, samples
from falselight.sql.sequences import SAMPLE_PERCENT, sample
from falselight.sql.stages import key_names
from falselight.store import MEMORY, EventTable

MISSING = None
# Smaller tables are sorted in a moment: no sample is taken.
LARGE_TABLE = 1_000_000
ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Sequence:
    """Values of the join keys, and the ingest position of the event at each place; None where an event is missing."""

    keys: tuple[Any, ...]
    positions: tuple[int | None, ...]


@dataclass(frozen=True)
class Matches:
    """kind: events, sequences or samples; an event query's matches are sequences of one, without keys."""

    kind: str
    sequences: list[Sequence]


def execute(table: EventTable, sql: str) -> duckdb.DuckDBPyConnection:
    """Run one emitted statement; the macros it uses are created first. Raises ``EqlError`` (E0401)."""
    try:
        functions.install(table.connection, sql)
        return table.connection.execute(sql)
    except duckdb.Error as fault:
        raise EqlError([fault_of(fault)]) from fault


def rows(table: EventTable, sql: str) -> Generator[tuple[Any, ...], None, None]:
    """The rows of one emitted statement, some at a time: as Python's own they take many times the room. Whoever takes them asks
    the connection for nothing else meanwhile. Raises ``EqlError`` (E0401)."""
    cursor = execute(table, sql)
    try:
        while batch := cursor.fetchmany(ROWS_AT_ONCE):
            yield from batch
    except duckdb.Error as fault:
        raise EqlError([fault_of(fault)]) from fault
    finally:
        cursor.abort()


def arrow(table: EventTable, sql: str) -> pa.Table:
    """The rows of one emitted statement as Arrow. Raises ``EqlError`` (E0401)."""
    try:
        functions.install(table.connection, sql)
        return table.connection.sql(sql).to_arrow_table()
    except duckdb.Error as fault:
        raise EqlError([fault_of(fault)]) from fault


def fault_of(fault: duckdb.Error) -> Diagnostic:
    """What is told of an engine's error (E0401)."""
    message = str(fault).split("\n", 1)[0]
    help = f"{MEMORY}=8GB lets it hold more" if isinstance(fault, duckdb.OutOfMemoryException) else None
    return Diagnostic("E0401", Severity.ERROR, f"The engine could not answer: {message}", help=help)


def run(plan: nodes.Plan, table: EventTable) -> Matches:
    """The matches of a plan, limited and ordered as ``_eql/search`` gives them."""
    _check_order(plan)
    if isinstance(plan, nodes.SamplePlan):
        return Matches("samples", list(_samples(plan, table)))
    window = combine(plan.limits)
    if window.count == 0:
        return Matches("events" if isinstance(plan, nodes.EventPlan) else "sequences", [])
    if isinstance(plan, nodes.EventPlan):
        rows = execute(table, emit.matches(plan, table.name, window)).fetchall()
        return Matches("events", [Sequence((), (s,)) for *_, s in window.view(rows)])
    return Matches("sequences", sequences(plan, table, matched(plan, table, window)))


def matched(plan: nodes.SequencePlan, table: EventTable, window: Window) -> pa.Table:
    """The rows of the sequences in a window of the result, in ascending order."""
    found = arrow(table, emit.matches(plan, table.name, window, sparse=is_sparse(plan, table)))
    return found.take(pa.array(window.view(range(found.num_rows)), pa.int64()))


def is_sparse(plan: nodes.SequencePlan, table: EventTable) -> bool:
    """Whether most keys have fewer events than the first run needs, by a sample of a large table. With m events a key, a
    sample of the share r holds about mr / (1 - exp(-mr)) events of each key that it meets."""
    runs = plan.positive[0].runs
    if runs == 1 or not plan.stages[0].keys or table.rows < LARGE_TABLE:
        return False
    ((events, keys),) = execute(table, sample(plan, table.name)).fetchall()
    expected = runs * SAMPLE_PERCENT / 100
    return bool(keys) and events / keys < expected / -math.expm1(-expected)


def sequences(plan: nodes.SequencePlan, table: EventTable, found: pa.Table) -> list[Sequence]:
    """The sequences of these rows, with the event at every place."""
    if found.num_rows == 0:
        return []
    found = found.append_column("id", pa.array(range(found.num_rows), pa.int64()))
    with registered(table, "matched", found):
        members = execute(table, emit.members(plan, table.name, "matched")).fetchall()
    keys = list(zip(*(found.column(name).to_pylist() for name in key_names(plan.stages[0])), strict=True))
    places = {number: [s for _, _, s in rows] for number, rows in groupby(members, key=lambda row: row[0])}
    return [
        Sequence(keys[number] if keys else (), tuple(_placed(plan, places[number]))) for number in range(found.num_rows)
    ]


def _placed(plan: nodes.SequencePlan, positive: list[int]) -> Iterator[int | None]:
    """Positions stage by stage, with the gaps of missing events."""
    rest = iter(positive)
    for stage in plan.stages:
        for _ in range(stage.runs):
            yield MISSING if stage.missing else next(rest)


def _check_order(plan: nodes.Plan) -> None:
    for role, field in (("timestamp", plan.order.timestamp), ("tiebreaker", plan.order.tiebreaker)):
        if field is not None and field.many:
            message = (
                f"The {role} field [{field.name}] has several values in some event: events cannot be ordered by it"
            )
            raise EqlError([Diagnostic("E0402", Severity.ERROR, message)])


class registered:
    """An Arrow table under a name in the connection, for the length of a ``with`` block."""

    def __init__(self, table: EventTable, name: str, data: pa.Table) -> None:
        self.connection, self.name, self.data = table.connection, name, data

    def __enter__(self) -> None:
        self.connection.register(self.name, self.data)

    def __exit__(self, *_: object) -> None:
        self.connection.unregister(self.name)


def _samples(plan: nodes.SamplePlan, table: EventTable) -> Iterator[Sequence]:
    """Keys in ascending order; for each, the first choices of distinct documents, one for each stage."""
    left = plan.size
    width = len(key_names(plan.stages[0]))
    found = rows(table, samples.candidates(plan, table.name))
    for _, group in groupby(found, key=lambda row: row[0]):
        documents: list[list[int]] = [[] for _ in plan.stages]
        keys: tuple[Any, ...] = ()
        for row in group:
            keys = row[1 : 1 + width]
            documents[row[1 + width]].append(row[2 + width])
        for number, choice in enumerate(_choices(documents, 0, ())):
            if number == plan.per_key or left == 0:
                break
            yield Sequence(keys, choice)
            left = left - 1 if left is not None else None
        if left == 0:
            return


def _choices(documents: list[list[int]], stage: int, chosen: tuple[int, ...]) -> Iterable[tuple[int, ...]]:
    """Every way to take one document for each stage, none twice, in the order of the documents."""
    if stage == len(documents):
        yield chosen
        return
    for document in documents[stage]:
        if document not in chosen:
            yield from _choices(documents, stage + 1, (*chosen, document))
