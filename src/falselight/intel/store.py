"""Indicators from files and folders as a DuckDB table, normalised, each once for each source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import duckdb
import pyarrow as pa

from falselight.diagnostics import Diagnostic
from falselight.intel import builtin, forms
from falselight.intel.model import Indicator, normalised
from falselight.readers import containers, fault

TABLE = "indicators"
NOT_AN_INDICATOR, NO_INDICATORS, PASSED_OVER = "W0540", "W0541", "W0544"
_ROWS = 100_000
_SCHEMA = pa.schema(
    [("kind", pa.string()), ("value", pa.string()), ("source", pa.string()), ("description", pa.string()),
     ("first_seen", pa.int64()), ("last_seen", pa.int64()), ("expires", pa.int64()), ("confidence", pa.int64()),
     ("port", pa.int64())]
)  # fmt: skip


@dataclass
class Loaded:
    """What was read: indicators by kind, and by file what was none and why; ``passed`` is what was not meant to be one."""

    count: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    skipped: dict[str, Counter[str]] = field(default_factory=dict)
    passed: dict[str, Counter[str]] = field(default_factory=dict)


def load(
    connection: duckdb.DuckDBPyConnection, paths: Iterable[str | Path], report: Callable[[Diagnostic], None]
) -> Loaded:
    """Make the table ``indicators`` of the files' indicators and the built-in traits. What is no indicator is counted and
    told once a file."""
    loaded = Loaded()
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {TABLE} (kind VARCHAR, value VARCHAR, source VARCHAR, description VARCHAR, "
        "first_seen BIGINT, last_seen BIGINT, expires BIGINT, confidence BIGINT, port BIGINT)"
    )
    _insert(connection, builtin.traits())
    for opened in containers.open_all([Path(path) for path in paths], report):
        skipped, passed = (kept.setdefault(opened.label, Counter()) for kept in (loaded.skipped, loaded.passed))
        data = opened.stream.read()
        name = PurePath(opened.label.rpartition("!")[2]).name
        count = _insert(connection, _usable(forms.read(data, name, _counting(skipped, passed)), skipped))
        if count == 0:
            report(fault(NO_INDICATORS, f"{opened.label} holds no indicator that is known here", opened.input.path))
        for code, left in ((NOT_AN_INDICATOR, skipped), (PASSED_OVER, passed)) if count else ():
            if left:
                told = ", ".join(f"{number:,} × {why}" for why, number in left.most_common(3))
                report(fault(code, f"{opened.label}: left out {told}", opened.input.path))
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {TABLE} AS "
        "SELECT row_number() OVER (ORDER BY kind, value, source, port) - 1 AS id, * FROM ("
        "SELECT kind, value, source, port, min(description) AS description, min(first_seen) AS first_seen, "
        "max(last_seen) AS last_seen, "
        f"CASE WHEN count(*) = count(expires) THEN max(expires) END AS expires, max(confidence) AS confidence FROM {TABLE} "
        "GROUP BY kind, value, source, port)"
    )
    loaded.kinds = Counter(dict(connection.execute(f"SELECT kind, count(*) FROM {TABLE} GROUP BY kind").fetchall()))
    loaded.count = sum(loaded.kinds.values())
    return loaded


def _counting(skipped: Counter[str], passed: Counter[str]) -> forms.Skip:
    def skip(why: str, *, meant: bool = False) -> None:
        (passed if meant else skipped)[why] += 1

    return skip


def _usable(found: Iterator[Indicator], skipped: Counter[str]) -> Iterator[Indicator]:
    for indicator in found:
        made = normalised(indicator)
        if made is None:
            skipped[f"a value that is no {indicator.kind}"] += 1
        else:
            yield made


def _insert(connection: duckdb.DuckDBPyConnection, found: Iterable[Indicator]) -> int:
    rows: list[Indicator] = []
    count = 0
    for indicator in found:
        rows.append(indicator)
        if len(rows) == _ROWS:
            count += _write(connection, rows)
            rows = []
    return count + _write(connection, rows)


def _write(connection: duckdb.DuckDBPyConnection, rows: list[Indicator]) -> int:
    if not rows:
        return 0
    columns = [pa.array(values, kind) for values, kind in zip(zip(*rows, strict=True), _SCHEMA.types, strict=True)]
    connection.register("incoming_indicators", pa.table(columns, schema=_SCHEMA))
    connection.execute(f"INSERT INTO {TABLE} SELECT * FROM incoming_indicators")
    connection.unregister("incoming_indicators")
    return len(rows)
