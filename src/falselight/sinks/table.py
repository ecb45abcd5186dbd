"""Documents as a table for the eye: whole columns only, each cell on one line, nothing that a terminal would obey."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from falselight.drawing import visible
from falselight.sinks.flat import cell, flat, is_number

MOST_SHOWN = 3
WIDEST = 48
# A column is cut no narrower than this.
LEAST = 12
GAP = "  "
CUT = "…"


def draw(documents: Sequence[Mapping[str, Any]], stream: TextIO, columns: Sequence[str] = ()) -> list[str]:
    """Print ``columns`` as far as some document has them (without any: every field), and give the names of those that a
    terminal had no room for. A stream that is no terminal has room for all. Longer cells than ``WIDEST`` end in ``…``."""
    rows = [dict(flat(document)) for document in documents]
    found = dict.fromkeys(name for row in rows for name in row)
    names = [name for name in dict.fromkeys(columns) if name in found] or list(found)
    cells = {name: [_short(row.get(name)) for row in rows] for name in names}
    widths = {name: max(map(cell_len, [*heading(name), *cells[name]])) for name in names}
    width = shutil.get_terminal_size().columns if stream.isatty() else None
    shown = _fitting(names, widths, width)
    if not rows or not shown:
        return []
    numeric = {name for name in shown if all(row.get(name) is None or is_number(row[name]) for row in rows)}
    lines = [[heading(name)[at] for name in shown] for at in (0, 1)]
    console = Console(file=stream, highlight=False, soft_wrap=True)
    for line in [line for line in lines if any(line)]:
        console.print(_line(line, shown, numeric), style="bold")
    for at in range(len(rows)):
        console.print(_line([cells[name][at] for name in shown], shown, numeric))
    return [name for name in names if name not in shown]


def heading(name: str) -> tuple[str, str]:
    """A field's name on two lines, so that ``destination.port`` is no wider than it must be."""
    parent, dot, leaf = visible(name).rpartition(".")
    return (parent + dot, leaf) if parent else ("", leaf)


def _fitting(names: Sequence[str], widths: Mapping[str, int], width: int | None) -> dict[str, int]:
    """The first columns that fit, and their widths; the last of them is cut, if enough of it would be left."""
    shown: dict[str, int] = {}
    room = width
    for name in names:
        if room is not None and shown:
            room -= len(GAP)
        if room is not None and widths[name] > room:
            least = max(map(cell_len, heading(name)))
            if not shown or room >= max(LEAST, least):
                shown[name] = max(room, 1)
            break
        shown[name] = widths[name]
        if room is not None:
            room -= widths[name]
    return shown


def _line(cells: Sequence[str], widths: Mapping[str, int], numeric: set[str]) -> Text:
    parts = []
    for whole, (name, room) in zip(cells, widths.items(), strict=True):
        text = _cut(whole, room)
        parts.append(" " * (room - cell_len(text)) + text if name in numeric else set_cell_size(text, room))
    return Text(GAP.join(parts).rstrip())


def _short(value: Any) -> str:
    """The first values of a long list, and how many more there are; cut where it is wider than a column may be."""
    more = ""
    if isinstance(value, list) and len(value) > MOST_SHOWN:
        value, more = value[:MOST_SHOWN], f" +{len(value) - MOST_SHOWN}"
    text, room = visible(cell(value)), WIDEST - len(more)
    return _cut(text, room) + more


def _cut(text: str, room: int) -> str:
    return text if cell_len(text) <= room else set_cell_size(text, room - 1) + CUT
