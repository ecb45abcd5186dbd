"""``beacons``: hosts and servers ranked by the rhythm of their connections."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from falselight.cli import errors, loading, options, plots, servers
from falselight.fusion import ranking, timeline
from falselight.readers.places import any_there
from falselight.readers.settings import Settings
from falselight.report import words
from falselight.sinks import write


@click.command("beacons")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--min-risk",
    type=click.FloatRange(0, 100),
    default=10.0,
    show_default=True,
    help="Leave out pairs below this risk; 0 shows all.",
)
@click.option(
    "--allow",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Names and addresses whose risk is lowered, a line each.",
)
@plots.drawn
@options.output()
@options.reading
@options.diagnostics
def command(
    paths: tuple[str, ...],
    min_risk: float,
    allow: Path | None,
    plot: bool,
    svg: Path | None,
    format: str | None,
    settings: Settings,
    diagnostics: str,
) -> int:
    """Rank the servers in PATH by how much each host's connections to them look like a beacon's.

    Regularity is one factor among others (prevalence, age, sizes, process); each is told with what it adds. A risk of
    50 is the alert line, and false_alarm tells how many benign pairs per host and day score as high on the lab's networks.
    """
    talk = errors.Talk(diagnostics == "json")
    console = Console(stderr=True, no_color=not errors.colour(sys.stderr), highlight=False)
    table = loading.read(paths, ranking.WANTED, settings, talk, console)
    allowed = allow.read_text(encoding="utf-8", errors="replace").splitlines() if allow is not None else []
    rows = ranking.rank(table, settings, allowed=allowed)
    shown = [row for row in rows if row.risk >= min_risk or min_risk == 0]
    chosen = options.chosen(format)
    moments = (timeline.of_connections(row.host, row.server, row.first_seen, row.last_seen) for row in shown)
    lines = plots.draw(table, moments, plot, svg)
    if chosen == "table":
        servers.show(shown, lines)
    else:
        write(chosen, (row.to_document() for row in shown), sys.stdout)
    below = len(rows) - len(shown)
    hint = f"; {words.number(below)} below risk {min_risk:g}: --min-risk 0 shows them" if below else ""
    console.print(
        Text(f"{words.plural(len(shown), 'pair')} of host and server, {words.plural(table.rows, 'event')}{hint}"),
        soft_wrap=True,
    )
    if not any_there(paths):
        return errors.MISUSE
    return errors.DAMAGED if talk.left_out else errors.DONE
