"""``intel``: servers that indicators name."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from falselight.cli import errors, loading, options, plots
from falselight.drawing import visible
from falselight.fusion import timeline
from falselight.intel import matching, observed, scoring, store
from falselight.readers.places import any_there
from falselight.readers.settings import Settings
from falselight.report import words
from falselight.sinks import write

MOST_REASONS = 3


@click.command("intel")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--indicators", "-i", multiple=True, metavar="PATH", help="File or folder of indicators; may be repeated."
)
@options.asn
@click.option(
    "--min-risk", type=click.IntRange(0, 100), default=0, show_default=True, help="Leave out servers below this risk."
)
@plots.drawn
@options.output()
@options.reading
@options.diagnostics
def command(
    paths: tuple[str, ...],
    indicators: tuple[str, ...],
    asn: Path | None,
    min_risk: int,
    plot: bool,
    svg: Path | None,
    format: str | None,
    settings: Settings,
    diagnostics: str,
) -> int:
    """Match known-bad indicators with the servers in the files and folders PATH.

    Indicators are plain lists, CSV (abuse.ch), STIX 2.1, MISP, maltrail, hosts files, Zeek intel, Suricata rules, and ECS
    threat documents. Without any, the built-in traits alone are matched: default certificates of C2 frameworks.
    """
    talk = errors.Talk(diagnostics == "json")
    console = Console(stderr=True, no_color=not errors.colour(sys.stderr), highlight=False)
    table = loading.read(paths, observed.WANTED, settings, talk, console)
    loaded = store.load(table.connection, indicators, talk.report)
    observed.build(table)
    matching.build(table, asn)
    found = [server for server in scoring.servers(table, settings.internal) if server.risk >= min_risk]
    chosen = options.chosen(format)
    lines = plots.draw(table, map(_moments, found), plot, svg)
    if chosen == "table":
        _show(found, lines)
    else:
        write(chosen, (server.to_document() for server in found), sys.stdout)
    told = ", ".join(f"{words.number(count)} {kind}" for kind, count in loaded.kinds.most_common())
    console.print(
        Text(
            f"{words.plural(len(found), 'server')} by host in {words.plural(table.rows, 'event')}; indicators: {told}"
        ),
        soft_wrap=True,
    )
    if not any_there(paths):
        return errors.MISUSE
    return errors.DAMAGED if talk.left_out else errors.DONE


def _moments(server: scoring.Server) -> timeline.Moments:
    """When the host met what the strongest hit names."""
    hit = server.hits[0]
    query = "SELECT first AS time FROM observed WHERE host = ? AND role = ? AND value = ? AND " + (
        "address = ?" if server.address is not None else "name = ?"
    )
    where = server.address or next(iter(server.names), "")
    parameters = [server.host, hit.role, hit.value, where]
    return timeline.Moments(server.host, _server(server), hit.first, hit.last, query, parameters)


def _server(server: scoring.Server) -> str:
    return ", ".join(filter(None, (server.address, *server.names[:2])))


def _show(found: list[scoring.Server], lines: Mapping[tuple[str, str], str]) -> None:
    console = Console(
        no_color=not errors.colour(sys.stdout), highlight=False, width=None if sys.stdout.isatty() else 140
    )
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("risk", "host", "server", "why"):
        table.add_column(heading, overflow="fold")
    for server in found:
        shown = _server(server)
        why = "\n".join(visible(hit.text) for hit in server.hits[:MOST_REASONS])
        more = len(server.hits) - MOST_REASONS
        why += f"\n… and {more} more" if more > 0 else ""
        line = lines.get((server.host, shown))
        why += f"\n{line}" if line is not None else ""
        table.add_row(str(server.risk), Text(visible(server.host)), Text(visible(shown)), Text(why))
    if found:
        with console.capture() as drawn:
            console.print(table)
        sys.stdout.write("".join(f"{line.rstrip()}\n" for line in drawn.get().splitlines()))
