"""``--plot`` and ``--svg`` of the verbs that rank servers."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TypeVar

import click

from falselight.analytics.wording import duration
from falselight.fusion import timeline
from falselight.fusion.timeline import Moments, Timeline
from falselight.plan.dates import iso
from falselight.store import EventTable

BINS, MOST_PLOTTED = 72, 20
Command = TypeVar("Command")


def drawn(command: Command) -> Command:
    """The options; the command gets ``plot`` and ``svg``."""
    command = click.option(
        "--svg",
        type=click.Path(dir_okay=False, path_type=Path),
        help=f"Draw the timelines of the first {MOST_PLOTTED} into an SVG file.",
    )(command)  # type: ignore[type-var]
    return click.option(
        "--plot", is_flag=True, help=f"Draw when each of the first {MOST_PLOTTED} was met, below its line."
    )(
        command  # type: ignore[type-var]
    )


def draw(table: EventTable, wanted: Iterable[Moments], plot: bool, svg: Path | None) -> dict[tuple[str, str], str]:
    """Writes the drawing; gives the lines for the terminal by host and server."""
    if not plot and svg is None:
        return {}
    rows = list(timeline.timelines(table.connection, islice(wanted, MOST_PLOTTED), BINS))
    if svg is not None:
        svg.write_text(timeline.svg(rows), encoding="utf-8")
    return {(row.host, row.server): _line(row) for row in rows} if plot else {}


def _line(row: Timeline) -> str:
    """Bars, from when to when, and how long each of them stands for."""
    first, last = (iso(time)[:16].replace("T", " ") for time in (row.first, row.last))
    each = duration(max((row.last - row.first) / len(row.counts) / 1e9, 0.001))
    return f"{timeline.bars(row.counts)}  {first} to {last}, {each} a bar"
