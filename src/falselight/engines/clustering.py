"""The tables of ``clusters``: one row for each cluster, and the events in the order of their clusters.

The copy is parted by the first field, which most rules compare (the category), so that a part holds only the columns that are
asked of its events. It lies compressed in a file beside the connection's spilled data, and goes with it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from falselight.diagnostics import EqlError
from falselight.ecs.schema import Field, column, ip_column, order_column
from falselight.engines import duckdb as engine
from falselight.sql.spelling import text
from falselight.store import EventTable, quoted

GROUPS, WHOLE, DATABASE = "event clusters", "clustered_events", "clustered"
SYSTEM = ("_seq", "_input", "_record", "_time")
MOST_PARTS = 24


@dataclass(frozen=True)
class Part:
    """Events with one value of the first field, or with one of several rare ones: their relation, its number, its first and
    last cluster. ``only``: the one value, alone in a tuple."""

    relation: str
    number: int
    first: int
    last: int
    only: tuple[Any] | None


def group(table: EventTable, known: Sequence[Field]) -> list[Part]:
    """Makes the relation of clusters: the fields' values, ``part`` and ``_cluster``; gives the parts in order."""
    keys = [quoted(column(entry.name)) for entry in known]
    listed = ", ".join(keys)
    _execute(
        table,
        f"CREATE OR REPLACE TEMP TABLE {quoted(GROUPS)} AS SELECT row_number() OVER (ORDER BY part, {listed}) AS _cluster, * "
        f"FROM (SELECT least(dense_rank() OVER (ORDER BY {keys[0]}), {MOST_PARTS}) AS part, * FROM "
        f"(SELECT DISTINCT {listed} FROM {quoted(table.name)}))",
    )
    rows = _execute(
        table,
        f"SELECT part, min(_cluster), max(_cluster), any_value({keys[0]}) FROM {quoted(GROUPS)} GROUP BY part ORDER BY part",
    )
    return [
        Part(f"{DATABASE}.part_{part}", part, first, last, (value,) if part < MOST_PARTS else None)
        for part, first, last, value in rows
    ]


def copy(
    table: EventTable,
    known: Sequence[Field],
    parts: Sequence[Part],
    ranges: Iterable[tuple[int, int]],
    wanted: Mapping[str, Collection[str]],
) -> None:
    """Makes the tables of the parts, and the view of all. Only clusters in the ranges are copied, of each part the fields that
    are wanted of it; every table has all columns."""
    (folder,) = _execute(table, "SELECT current_setting('temp_directory')")[0]
    Path(folder).mkdir(parents=True, exist_ok=True)
    file = Path(folder) / "clustered.duckdb"
    _execute(table, f"DETACH DATABASE IF EXISTS {DATABASE}")
    file.unlink(missing_ok=True)
    _execute(table, f"ATTACH {text(str(file))} AS {DATABASE}")
    kinds = {row[0]: row[1] for row in _execute(table, f"DESCRIBE {quoted(table.name)}")}
    names = frozenset().union(*wanted.values())
    columns = {entry.name: _columns(entry, kinds) for entry in table.schema if entry.filled and entry.name in names}
    low, high = zip(*_united(ranges), strict=True)
    keys = [quoted(column(entry.name)) for entry in known]
    with engine.registered(table, "read_ranges", pa.table({"low": low, "high": high})):
        _execute(
            table,
            f"CREATE OR REPLACE TEMP TABLE read_clusters AS SELECT g.* FROM {quoted(GROUPS)} g WHERE EXISTS "
            "(SELECT 1 FROM read_ranges r WHERE g._cluster BETWEEN r.low AND r.high)",
        )
    for part in parts:
        _copy_part(table, part, keys, columns, wanted[part.relation])
    union = " UNION ALL BY NAME ".join(f"FROM {part.relation}" for part in parts)
    _execute(table, f"CREATE OR REPLACE TEMP VIEW {WHOLE} AS {union}")


def _copy_part(
    table: EventTable,
    part: Part,
    keys: Sequence[str],
    columns: Mapping[str, Sequence[tuple[str, str]]],
    wanted: Collection[str],
) -> None:
    """The events of one part in the order of their clusters, and columns without values for the rest."""
    joined = " AND ".join(f"g.{key} IS NOT DISTINCT FROM e.{key}" for key in keys)
    copied = [each for name, own in columns.items() if name in wanted for each, _ in own]
    empty = [(each, kind) for name, own in columns.items() if name not in wanted for each, kind in own]
    only = "" if part.only is None else f" AND e.{keys[0]} IS NOT DISTINCT FROM $only"
    _execute(
        table,
        f"CREATE TABLE {part.relation} AS SELECT *{''.join(f', CAST(NULL AS {kind}) AS {each}' for each, kind in empty)} "
        f"FROM (SELECT CAST(g._cluster AS INTEGER) AS _cluster, {', '.join(f'e.{each}' for each in (*SYSTEM, *copied))} "
        f"FROM {quoted(table.name)} e JOIN read_clusters g ON {joined} WHERE g.part = {part.number}{only} ORDER BY 1, e._seq)",
        {} if part.only is None else {"only": part.only[0]},
    )


def _united(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same numbers in ranges that lie apart."""
    united: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if united and low <= united[-1][1] + 1:
            united[-1] = (united[-1][0], max(high, united[-1][1]))
        else:
            united.append((low, high))
    return united


def _columns(entry: Field, kinds: Mapping[str, str]) -> list[tuple[str, str]]:
    """The physical columns of a field with their types."""
    found = [column(entry.name), ip_column(entry.name), order_column(entry.name)]
    return [(quoted(each), kinds[each]) for each in found if each in kinds]


def _execute(table: EventTable, sql: str, given: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    try:
        return table.connection.execute(sql, dict(given or {})).fetchall()
    except duckdb.Error as fault:
        raise EqlError([engine.fault_of(fault)]) from fault
