"""The tables of ``clusters``: one row for each cluster, and the events in the order of their clusters.

The copy is parted by the first field, which most rules compare (the category), so that a part holds only the columns that are
asked of its events. It is a database of its own in memory, which spills as the connection does: packing it would take longer
than all that is read of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from falselight.diagnostics import EqlError
from falselight.ecs.schema import Field, column, ip_column, order_column
from falselight.engines import duckdb as engine
from falselight.engines import texts
from falselight.plan import nodes
from falselight.sql import functions
from falselight.sql.predicates import condition
from falselight.sql.spelling import disjunction
from falselight.store import EventTable, quoted

GROUPS, SAMPLE, WHOLE, DATABASE = "event clusters", "sampled events", "clustered_events", "clustered"
SAMPLED, STRETCHES = 100_000, 20
SYSTEM = ("_seq", "_input", "_record", "_time")
MOST_PARTS = 24
Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Sieve:
    """``whole``: clusters that are copied as they are. ``guarded``: clusters, and what their events must satisfy.
    ``apart``: the predicates whose events the copy may lack."""

    whole: frozenset[tuple[int, int]]
    guarded: Mapping[Ranges, nodes.Predicate]
    apart: frozenset[nodes.Predicate]


@dataclass(frozen=True)
class Part:
    """Events with one value of the first field, or with one of several rare ones: their relation, its number, its first and
    last cluster. ``only``: the one value, alone in a tuple."""

    relation: str
    number: int
    first: int
    last: int
    only: tuple[Any] | None


def sample(table: EventTable, names: Iterable[str]) -> None:
    """Makes the relation of sampled events with some fields of theirs: all events, where they are few, else stretches of
    neighbours, which are read without the rest."""
    kinds = _kinds(table)
    found = [entry for each in names if (entry := table.schema.find(each)) is not None and entry.filled]
    columns = dict.fromkeys(each for entry in found for each, _ in _columns(entry, kinds))
    select = f"SELECT {', '.join([*SYSTEM, *columns])} FROM {quoted(table.name)}"
    if table.rows > 2 * SAMPLED:
        ((first, last),) = _execute(table, f"SELECT min(_seq), max(_seq) FROM {quoted(table.name)}")
        starts = [first + (last - first) * number // STRETCHES for number in range(STRETCHES)]
        length = SAMPLED // STRETCHES
        select = " UNION ALL ".join(
            f"({select} WHERE _seq BETWEEN {start} AND {start + length - 1})" for start in starts
        )
    _execute(table, f"CREATE OR REPLACE TEMP TABLE {quoted(SAMPLE)} AS {select}")


def group(table: EventTable, known: Sequence[Field]) -> list[Part]:
    """Makes the relation of clusters: the fields' values and their ``_hash``, ``_part``, ``_cluster`` (from 1) and how many
    ``_events``; gives the parts in order, none where two clusters have one hash. Sampled events get their cluster."""
    keys = _keys(known)
    listed = ", ".join(keys)
    _execute(
        table,
        f"CREATE OR REPLACE TEMP TABLE {quoted(GROUPS)} AS SELECT row_number() OVER (ORDER BY _part, {listed}) AS _cluster, *, "
        f"{_hash(keys)} AS _hash "
        f"FROM (SELECT least(dense_rank() OVER (ORDER BY {keys[0]}), {MOST_PARTS}) AS _part, * FROM "
        f"(SELECT {listed}, count(*) AS _events FROM {quoted(table.name)} GROUP BY {listed}))",
    )
    ((alike,),) = _execute(table, f"SELECT count(*) - count(DISTINCT _hash) FROM {quoted(GROUPS)}")
    if alike:
        return []
    _execute(
        table,
        f"CREATE OR REPLACE TEMP TABLE {quoted(SAMPLE)} AS FROM {quoted(SAMPLE)} "
        f"JOIN (SELECT _cluster, _hash FROM {quoted(GROUPS)}) ON _hash = {_hash(keys)}",
    )
    rows = _execute(
        table,
        f"SELECT _part, min(_cluster), max(_cluster), any_value({keys[0]}) FROM {quoted(GROUPS)} GROUP BY _part ORDER BY 1",
    )
    return [
        Part(f"{DATABASE}.part_{part}", part, first, last, (value,) if part < MOST_PARTS else None)
        for part, first, last, value in rows
    ]


def copy(
    table: EventTable,
    known: Sequence[Field],
    parts: Sequence[Part],
    sieve: Sieve,
    wanted: Mapping[str, Collection[str]],
) -> None:
    """Makes the tables of the parts, and the view of all. Only events that pass the sieve are copied, of each part the fields
    that are wanted of it; the view has all columns."""
    _execute(table, f"DETACH DATABASE IF EXISTS {DATABASE}")
    _execute(table, f"ATTACH ':memory:' AS {DATABASE}")
    kinds = _kinds(table)
    names = frozenset().union(*wanted.values())
    columns = {entry.name: _columns(entry, kinds) for entry in table.schema if entry.filled and entry.name in names}
    passing = _passing(table, parts[-1].last, sieve)
    for part in parts:
        guards = [
            (number, guard)
            for number, guard in enumerate(sieve.guarded.values())
            if passing[number][part.first - 1 : part.last].any()
        ]
        _copy_part(table, part, _keys(known), columns, wanted[part.relation], guards)
    union = " UNION ALL BY NAME ".join(f"FROM {part.relation}" for part in parts)
    _execute(table, f"CREATE OR REPLACE TEMP VIEW {WHOLE} AS {union}")


def _passing(table: EventTable, clusters: int, sieve: Sieve) -> list[NDArray[np.bool_]]:
    """Makes the relation of clusters that are copied: ``_whole``, or under which guards ``_0``…; gives for each guard the
    clusters in order."""
    passing = [_members(clusters, sieve.whole), *(_members(clusters, ranges) for ranges in sieve.guarded)]
    whole, *guarded = passing
    marks = {
        "_number": np.arange(1, clusters + 1),
        "_whole": whole,
        **{f"_{at}": each for at, each in enumerate(guarded)},
    }
    some = np.logical_or.reduce(passing)
    with engine.registered(table, "passing", pa.table({name: each[some] for name, each in marks.items()})):
        _execute(
            table,
            "CREATE OR REPLACE TEMP TABLE read_clusters AS SELECT _cluster, _hash, _part, passing.* "
            f"FROM {quoted(GROUPS)} JOIN passing ON _number = _cluster",
        )
    return guarded


def _members(clusters: int, ranges: Iterable[tuple[int, int]]) -> NDArray[np.bool_]:
    """For each cluster in order, whether it lies in one of the ranges."""
    members = np.zeros(clusters, dtype=np.bool_)
    for low, high in ranges:
        members[low - 1 : high] = True
    return members


def _copy_part(
    table: EventTable,
    part: Part,
    keys: Sequence[str],
    columns: Mapping[str, Sequence[tuple[str, str]]],
    wanted: Collection[str],
    guards: Sequence[tuple[int, nodes.Predicate]],
) -> None:
    """The events of one part that pass, in the order of their clusters. What passes is found first: only then are all its columns
    read."""
    copied = [each for name, own in columns.items() if name in wanted for each, _ in own]
    only = "TRUE" if part.only is None else f"{keys[0]} IS NOT DISTINCT FROM $only"
    asked = ", ".join(["*", *texts.columns(guard for _, guard in guards)])
    passes = disjunction(["_whole", *(f"(_{number} AND {condition(guard)})" for number, guard in guards)])
    functions.install(table.connection, passes)
    _execute(
        table,
        "CREATE OR REPLACE TEMP TABLE passing_events AS SELECT CAST(_cluster AS INTEGER) AS _cluster, _seq "
        f"FROM (SELECT {asked} FROM {quoted(table.name)} WHERE {only}) JOIN read_clusters ON _hash = {_hash(keys)} "
        f"WHERE _part = {part.number} AND {passes}",
        {} if part.only is None else {"only": part.only[0]},
    )
    listed = ", ".join(f"e.{each}" for each in (*SYSTEM, *copied))
    _execute(
        table,
        f"CREATE TABLE {part.relation} AS SELECT p._cluster, {listed} FROM {quoted(table.name)} e "
        "JOIN passing_events p ON p._seq = e._seq ORDER BY 1, e._seq",
    )


def _keys(known: Sequence[Field]) -> list[str]:
    return [quoted(column(entry.name)) for entry in known]


def _hash(keys: Sequence[str]) -> str:
    """SQL: what tells the cluster of an event. Comparing the fields themselves takes longer."""
    return f"hash({', '.join(keys)})"


def _kinds(table: EventTable) -> dict[str, str]:
    """The physical columns of the table with their types."""
    return {row[0]: row[1] for row in _execute(table, f"DESCRIBE {quoted(table.name)}")}


def _columns(entry: Field, kinds: Mapping[str, str]) -> list[tuple[str, str]]:
    """The physical columns of a field with their types."""
    found = [column(entry.name), ip_column(entry.name), order_column(entry.name)]
    return [(quoted(each), kinds[each]) for each in found if each in kinds]


def _execute(table: EventTable, sql: str, given: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    try:
        return table.connection.execute(sql, dict(given or {})).fetchall()
    except duckdb.Error as fault:
        raise EqlError([engine.fault_of(fault)]) from fault
