"""``dns``: registered domains and hosts whose lookups give them away."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from falselight.cli import errors, loading, options, plots
from falselight.dns import lookups, scoring
from falselight.drawing import visible
from falselight.fusion import ranking, timeline
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
@options.asn
@plots.drawn
@options.output()
@options.reading
@options.diagnostics
def command(
    paths: tuple[str, ...],
    min_risk: int,
    asn: Path | None,
    plot: bool,
    svg: Path | None,
    format: str | None,
    settings: Settings,
    diagnostics: str,
) -> int:
    """Rank registered domains and hosts by the lookups of names in the files and folders PATH.

    Tunnels, generated names, bursts of failed lookups, fast flux, names that are new, rare or awake again, resolvers over
    HTTPS, and connections to addresses that were never looked up, each with its part of the risk in words.
    """
    talk = errors.Talk(diagnostics == "json")
    console = Console(stderr=True, no_color=not errors.colour(sys.stderr), highlight=False)
    table = loading.read(paths, lookups.WANTED, settings, talk, console)
    everything = scoring.scores(table, settings.internal, settings.external, asn)
    found = [score for score in everything if score.risk >= min_risk]
    chosen = options.chosen(format)
    lines = plots.draw(table, map(_moments, found), plot, svg)
    if chosen == "table":
        _show(found, lines)
    else:
        write(chosen, (score.to_document() for score in found), sys.stdout)
    domains = sum(score.domain is not None for score in everything)
    hosts = len(everything) - domains
    told = f"{words.plural(domains, 'registered domain')} and {words.plural(hosts, 'host')}"
    hint = "; --min-risk 0 shows all" if len(found) < len(everything) else ""
    line = f"{words.number(len(found))} of {told} at risk {min_risk} or above, in {words.plural(table.rows, 'event')}"
    console.print(Text(line + hint), soft_wrap=True)
    if not any_there(paths):
        return errors.MISUSE
    return errors.DAMAGED if talk.left_out else errors.DONE


def _moments(score: scoring.Score) -> timeline.Moments:
    """The lookups of a domain by any host, or of a host."""
    chosen, value = ("domain", score.domain) if score.domain is not None else ("host", score.hosts[0])
    query = f"SELECT time FROM asked JOIN domains USING (name) WHERE host IS NOT NULL AND {chosen} = ?"
    return timeline.Moments(_hosts(score), _name(score), score.first, score.last, query, [value])


def _name(score: scoring.Score) -> str:
    return score.domain or ranking.HOST


def _hosts(score: scoring.Score) -> str:
    more = f" and {len(score.hosts) - MOST_HOSTS} more" if len(score.hosts) > MOST_HOSTS else ""
    return ", ".join(score.hosts[:MOST_HOSTS]) + more


def _show(found: list[scoring.Score], lines: Mapping[tuple[str, str], str]) -> None:
    """A line for each, and below it its reasons, the greatest first."""
    console = Console(no_color=not errors.colour(sys.stdout), highlight=False, soft_wrap=True)
    names = [visible(_name(score)) for score in found]
    width = max(map(len, names), default=0)
    if found:
        console.print(Text(f"risk  {'domain':{width}}  hosts", style="bold"))
    for score, name in zip(found, names, strict=True):
        console.print(Text(f"{score.risk:>4}  {name:{width}}  {visible(_hosts(score))}"))
        if (_hosts(score), _name(score)) in lines:
            console.print(Text(f"      {lines[_hosts(score), _name(score)]}"))
        for reason in score.reasons:
            console.print(Text(f"      {reason.weight:+.1f} {visible(reason.text)}"))
