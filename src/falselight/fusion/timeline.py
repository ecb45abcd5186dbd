"""When a host called a server: counts over time, for the terminal and as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from falselight.plan.dates import iso
from falselight.store import EventTable

_BARS = " ▁▂▃▄▅▆▇█"
_WIDTH, _HEIGHT, _ROW = 960, 36, 64


def counts(table: EventTable, host: str, server: str, first: int, last: int, bins: int) -> list[int]:
    """Connections of the pair in so many equal parts of the time from first to last (epoch nanoseconds)."""
    span = max(last - first + 1, bins)
    rows: list[tuple[Any, ...]] = table.connection.execute(
        "SELECT least((time - ?) * ? // ?, ? - 1) AS bin, count(*) FROM connections WHERE host = ? "
        "AND coalesce(domain, address) = ? AND time BETWEEN ? AND ? GROUP BY bin",
        [first, bins, span, bins, host, server, first, last],
    ).fetchall()
    found = [0] * bins
    for place, count in rows:
        found[int(place)] = int(count)
    return found


def bars(values: Sequence[int]) -> str:
    """One line of block characters; a part with any connection is never empty."""
    most = max(values, default=0)
    return "".join(_BARS[0 if not value else max(1, round(value * (len(_BARS) - 1) / most))] for value in values)


def svg(rows: Sequence[tuple[str, str, int, int, Sequence[int]]]) -> str:
    """A drawing of timelines: host, server, first, last and counts of each. All text is escaped."""
    height = _ROW * max(len(rows), 1) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="12">'
    ]
    for number, (host, server, first, last, values) in enumerate(rows):
        top = number * _ROW + 16
        most = max(max(values, default=0), 1)
        step = (_WIDTH - 16) / max(len(values), 1)
        label = escape(f"{host} → {server}   {iso(first)[:16]} to {iso(last)[:16]}")
        parts.append(f'<text x="8" y="{top}">{label}</text>')
        for place, value in enumerate(values):
            if value:
                tall = max(1.0, value * _HEIGHT / most)
                parts.append(
                    f'<rect x="{8 + place * step:.2f}" y="{top + 6 + _HEIGHT - tall:.2f}" width="{max(step - 0.5, 0.5):.2f}" '
                    f'height="{tall:.2f}" fill="#3b6ea5"/>'
                )
    return "\n".join([*parts, "</svg>"]) + "\n"
