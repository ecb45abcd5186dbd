"""When a host and a server met: counts over time, for the terminal and as SVG."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import duckdb

from falselight.drawing import visible
from falselight.plan.dates import iso

_BARS = " ▁▂▃▄▅▆▇█"
_WIDTH, _HEIGHT, _ROW = 960, 36, 64


@dataclass(frozen=True)
class Timeline:
    """How often a host and a server met in equal parts of the time from ``first`` to ``last`` (epoch nanoseconds)."""

    host: str
    server: str
    first: int
    last: int
    counts: Sequence[int]


@dataclass(frozen=True)
class Moments:
    """Whose moments are counted, and the query whose column ``time`` holds them (epoch nanoseconds)."""

    host: str
    server: str
    first: int | None
    last: int | None
    query: str
    parameters: Sequence[Any]


def of_connections(host: str, server: str, first: int | None, last: int | None) -> Moments:
    """The connections of a pair that ``analytics.connections`` has made."""
    query = "SELECT time FROM connections WHERE host = ? AND coalesce(domain, address) = ?"
    return Moments(host, server, first, last, query, [host, server])


def timelines(connection: duckdb.DuckDBPyConnection, wanted: Iterable[Moments], bins: int) -> Iterator[Timeline]:
    """The timelines of those whose first and last moment are known."""
    for each in wanted:
        if each.first is None or each.last is None:
            continue
        width = (each.last - each.first) // bins + 1
        rows = connection.execute(
            f"SELECT (time - ?) // ? AS bin, count(*) FROM ({each.query}) WHERE time BETWEEN ? AND ? GROUP BY bin",
            [each.first, width, *each.parameters, each.first, each.last],
        ).fetchall()
        found = [0] * bins
        for place, count in rows:
            found[int(place)] = int(count)
        yield Timeline(each.host, each.server, each.first, each.last, found)


def bars(values: Sequence[int]) -> str:
    """One line of block characters; a part with any connection is never empty."""
    most = max(values, default=0)
    return "".join(_BARS[0 if not value else max(1, round(value * (len(_BARS) - 1) / most))] for value in values)


def svg(rows: Sequence[Timeline]) -> str:
    """A drawing of timelines. All text is escaped."""
    height = _ROW * max(len(rows), 1) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="12">'
    ]
    for number, row in enumerate(rows):
        top = number * _ROW + 16
        most = max(max(row.counts, default=0), 1)
        step = (_WIDTH - 16) / max(len(row.counts), 1)
        label = escape(visible(f"{row.host} → {row.server}   {iso(row.first)[:16]} to {iso(row.last)[:16]}"))
        parts.append(f'<text x="8" y="{top}">{label}</text>')
        for place, value in enumerate(row.counts):
            if value:
                tall = max(1.0, value * _HEIGHT / most)
                parts.append(
                    f'<rect x="{8 + place * step:.2f}" y="{top + 6 + _HEIGHT - tall:.2f}" width="{max(step - 0.5, 0.5):.2f}" '
                    f'height="{tall:.2f}" fill="#3b6ea5"/>'
                )
    return "\n".join([*parts, "</svg>"]) + "\n"
