"""``dns``: registered domains and hosts whose lookups give them away."""

from __future__ import annotations

import sys

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from falselight import ingest
from falselight.cli import errors, options, progress
from falselight.dns import lookups, scoring
from falselight.drawing import visible
from falselight.ecs import release
from falselight.readers.places import any_there
from falselight.readers.settings import Settings
from falselight.report import words
from falselight.sinks import write

MOST_HOSTS = 3


@click.command("dns")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--min-risk", type=click.IntRange(0, 100), default=20, show_default=True, help="Leave out what is below this risk."
)
@options.output()
@options.reading
@options.diagnostics
def command(paths: tuple[str, ...], min_risk: int, format: str | None, settings: Settings, diagnostics: str) -> int:
    """Rank registered domains and hosts by the lookups of names in the files and folders PATH.

    Tunnels, generated names, bursts of failed lookups, fast flux, names that are new, rare or awake again, resolvers over
    HTTPS, and connections to addresses that were never looked up, each with its part of the risk in words.
    """
    talk = errors.Talk(diagnostics == "json")
    console = Console(stderr=True, no_color=not errors.colour(sys.stderr), highlight=False)
    with progress.bar(console) as tell:
        table = ingest.read_events(
            paths, release.schema(), wanted=lookups.WANTED, report=talk.report, progress=tell, settings=settings
        )
    everything = scoring.scores(table, settings.internal, settings.external)
    found = [score for score in everything if score.risk >= min_risk]
    chosen = options.chosen(format)
    if chosen == "table":
        _show(found)
    else:
        write(chosen, (score.to_document() for score in found), sys.stdout)
    domains = sum(score.domain is not None for score in everything)
    hosts = len(everything) - domains
    told = f"{words.plural(domains, 'registered domain')} and {words.plural(hosts, 'host')}"
    console.print(
        Text(
            f"{words.number(len(found))} of {told} at risk {min_risk} or above, in {words.plural(table.rows, 'event')}"
        )
    )
    if not any_there(paths):
        return errors.MISUSE
    return errors.DAMAGED if talk.left_out else errors.DONE


def _show(found: list[scoring.Score]) -> None:
    console = Console(no_color=not errors.colour(sys.stdout), highlight=False)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("risk", "domain", "hosts", "why"):
        table.add_column(heading, overflow="fold")
    for score in found:
        hosts = ", ".join(score.hosts[:MOST_HOSTS])
        hosts += f" and {len(score.hosts) - MOST_HOSTS} more" if len(score.hosts) > MOST_HOSTS else ""
        why = "\n".join(f"{reason.weight:+.1f} {reason.text}" for reason in score.reasons)
        table.add_row(str(score.risk), Text(visible(score.domain or "(host)")), Text(visible(hosts)),
                      Text("\n".join(visible(line) for line in why.split("\n"))))  # fmt: skip
    if found:
        console.print(table)
