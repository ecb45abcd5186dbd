"""Events that stand in another input already: the same Zeek uid and log at the same time, or the same Windows computer,
channel and record id in the same second.

Equal records of one input are distinct events, so a key may occur several times: of an input that has it m times, as many
are copies as are stored from other inputs. In whatever order inputs come, the greatest number of one input is stored.
Windows times count to the second, since some forwarders keep no more; Zeek's to the microsecond, in which it writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from falselight.store import quoted

_KEY = "k, a, b, c, t"
_SECOND, _MICROSECOND = 1_000_000_000, 1_000


@dataclass(frozen=True)
class Relation:
    """Rows with physical columns: how SQL reads them (with ``file_row_number``), the parameters for it, and for each
    column whether it holds lists."""

    sql: str
    parameters: Mapping[str, Any]
    columns: Mapping[str, bool]


def keys(relation: Relation) -> str | None:
    """A SELECT of ``_input``, the row's number and its key, of rows that have one; None where no row can."""
    windows = [_first(relation, name) for name in ("winlog.computer_name", "winlog.channel", "winlog.record_id")]
    is_windows = " AND ".join(f"{each} IS NOT NULL" for each in windows) if None not in windows else "FALSE"
    dataset, uid = _first(relation, "event.dataset"), _uid(relation)
    is_zeek = f"{dataset} IS NOT NULL AND {uid} IS NOT NULL" if dataset and uid else "FALSE"
    if is_windows == is_zeek:
        return None
    computer, channel, record = (each or "NULL" for each in windows)
    return (
        f"SELECT _input, file_row_number AS row, CASE WHEN {is_windows} THEN 'windows' ELSE 'zeek' END AS k, "
        f"CASE WHEN {is_windows} THEN {computer} ELSE {dataset or 'NULL'} END AS a, "
        f"CASE WHEN {is_windows} THEN {channel} ELSE {uid or 'NULL'} END AS b, "
        f"CASE WHEN {is_windows} THEN {record} ELSE '' END AS c, "
        f"CASE WHEN {is_windows} THEN _time // {_SECOND} ELSE (_time + {_MICROSECOND // 2}) // {_MICROSECOND} END AS t, "
        f"_time FROM {relation.sql} WHERE _time IS NOT NULL AND ({is_windows} OR {is_zeek})"
    )


def _first(relation: Relation, name: str) -> str | None:
    if name not in relation.columns:
        return None
    return f"CAST({quoted(name)}{'[1]' if relation.columns[name] else ''} AS VARCHAR)"


def _uid(relation: Relation) -> str | None:
    session, own, dataset = (_first(relation, name) for name in ("zeek.session_id", "event.id", "event.dataset"))
    if own and dataset:
        own = f"CASE WHEN starts_with({dataset}, 'zeek.') THEN {own} END"
        return f"coalesce({session}, {own})" if session else own
    return session


def find(
    connection: duckdb.DuckDBPyConnection, incoming: Sequence[Relation], stored: Sequence[Relation]
) -> list[list[int]]:
    """For each incoming relation, the numbers of the rows that are copies: of rows that are stored, or of rows of earlier
    inputs among the incoming."""
    new = [(number, keys(each), each) for number, each in enumerate(incoming)]
    parts = [(number, text, each) for number, text, each in new if text is not None]
    result: list[list[int]] = [[] for _ in incoming]
    if not parts:
        return result
    run = connection.execute
    union, parameters = _union([(f"SELECT {number} AS part, * FROM ({text})", each) for number, text, each in parts])
    run(f"CREATE OR REPLACE TEMP TABLE incoming_keys AS {union}", parameters)
    run(f"CREATE OR REPLACE TEMP TABLE stored_keys AS SELECT {_KEY}, 0::BIGINT AS n FROM incoming_keys LIMIT 0")
    old = [(text, each) for each in stored if (text := keys(each)) is not None]
    ((low, high),) = run("SELECT min(_time), max(_time) FROM incoming_keys").fetchall()
    if old and low is not None:
        union, parameters = _union([(f"SELECT {_KEY}, _time, _input FROM ({text})", each) for text, each in old])
        run(
            f"INSERT INTO stored_keys SELECT {_KEY}, count(*) FROM ({union}) SEMI JOIN incoming_keys USING ({_KEY}) "
            f"WHERE _time BETWEEN {low - _SECOND:d} AND {high + _SECOND:d} "
            "AND _input NOT IN (SELECT DISTINCT _input FROM incoming_keys) GROUP BY ALL",
            parameters,
        )
    for part, row in run(_COPIES).fetchall():
        result[part].append(row)
    run("DROP TABLE incoming_keys")
    run("DROP TABLE stored_keys")
    return result


_COPIES = f"""
WITH suspects AS (
    SELECT {_KEY}, n FROM stored_keys
    UNION ALL BY NAME
    SELECT {_KEY}, 0 AS n FROM incoming_keys ANTI JOIN stored_keys USING ({_KEY})
    GROUP BY ALL HAVING min(_input) < max(_input)
),
counted AS (
    SELECT {_KEY}, _input, any_value(n) AS n, count(*) AS own FROM incoming_keys JOIN suspects USING ({_KEY}) GROUP BY ALL
),
earlier AS (
    SELECT {_KEY}, _input, greatest(n, coalesce(max(own) OVER (
        PARTITION BY {_KEY} ORDER BY _input ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)) AS n FROM counted
),
placed AS (
    SELECT part, row, n, row_number() OVER (PARTITION BY {_KEY}, _input ORDER BY part, row) AS place
    FROM incoming_keys JOIN earlier USING ({_KEY}, _input)
)
SELECT part, row FROM placed WHERE place <= n ORDER BY part, row
"""


def _union(parts: Sequence[tuple[str, Relation]]) -> tuple[str, dict[str, Any]]:
    parameters: dict[str, Any] = {}
    for _, each in parts:
        parameters.update(each.parameters)
    return " UNION ALL ".join(text for text, _ in parts), parameters
