"""The ranked list of servers at a terminal."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from falselight.analytics.wording import duration
from falselight.cli import errors
from falselight.diagnostics import plural
from falselight.drawing import visible
from falselight.fusion.ranking import totals
from falselight.fusion.rows import ServerRisk
from falselight.plan.dates import iso

MOST_REASONS, MOST_HOSTS = 4, 3


def show(rows: Sequence[ServerRisk], plots: Mapping[tuple[str, str], str]) -> None:
    """One line for each host and server, below it why. A server that many hosts call comes once, by its riskiest host."""
    console = Console(
        no_color=not errors.colour(sys.stdout), highlight=False, width=None if sys.stdout.isatty() else 140
    )
    grouped = totals(rows)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("risk", "host", "server", "process", "rhythm", "first seen", "detected"):
        table.add_column(heading, overflow="fold")
    for total in grouped:
        row = total.worst
        hosts = visible(row.host) + (f" and {total.hosts - 1} more" if total.hosts > 1 else "")
        port = f":{row.ports[0]}" if len(row.ports) == 1 else ""
        process = visible((row.process or "-").rsplit("\\", 1)[-1].rsplit("/", 1)[-1])
        first, detected = (
            iso(time)[:16].replace("T", " ") if time is not None else "-" for time in (row.first_seen, row.detected_at)
        )
        table.add_row(_risk(row), hosts, visible(row.server) + port, process, _rhythm(row), first, detected)
    if not grouped:
        return
    with console.capture() as drawn:
        console.print(table)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in drawn.get().splitlines()))
    for total in grouped[: MOST_HOSTS * 5]:
        row = total.worst
        console.print(Text(f"{_risk(row)}  {visible(row.host)} → {visible(row.server)}", style="bold"))
        if (row.host, row.server) in plots:
            console.print(Text(f"    {plots[row.host, row.server]}"))
        for reason in row.reasons[:MOST_REASONS]:
            console.print(Text(f"    {reason.weight:+.2f}  {visible(reason.text)}", style="dim"), soft_wrap=True)
        if rest := row.reasons[MOST_REASONS:]:
            weight = math.fsum(reason.weight for reason in rest)
            more = f"all else, {plural(len(rest), 'reason')}: --format ndjson tells each"
            console.print(Text(f"    {weight:+.2f}  {more}", style="dim"))
        for lever in row.lever:
            console.print(Text(f"           {lever}", style="dim"))


def _risk(row: ServerRisk) -> str:
    return f"{row.risk:g}" if row.risk else "<0.1"


def _rhythm(row: ServerRisk) -> str:
    if row.beacon is None or row.beacon.law == "none":
        return "-"
    return f"{duration(row.beacon.sleep_s)} ± {100 * row.beacon.jitter:.0f} %"
