"""``coverage``: which rules this data can feed."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from falselight import ingest
from falselight.cli import errors, options, progress
from falselight.coverage import Coverage, coverage
from falselight.diagnostics import FalselightError
from falselight.drawing import visible
from falselight.ecs import release
from falselight.eql import walk
from falselight.eql.parser import parse
from falselight.readers.places import any_there
from falselight.readers.settings import Settings
from falselight.report import words
from falselight.rules import Rule, load
from falselight.source import Source

MOST_SHOWN = 40


@click.command("coverage")
@click.argument("rules", metavar="RULES")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--format", "format", type=click.Choice(["table", "json"]), default="table", help="How it is written to stdout."
)
@click.option(
    "--navigator", type=click.Path(dir_okay=False, path_type=Path), help="Write a layer for the ATT&CK Navigator."
)
@options.reading
@options.diagnostics
def command(
    rules: str, paths: tuple[str, ...], format: str, navigator: Path | None, settings: Settings, diagnostics: str
) -> int:
    """Say for each of RULES (a file, a folder, @page) whether the data in PATH can feed it, which fields it lacks, and which
    source would fill them; with totals by ATT&CK tactic and technique.
    """
    talk = errors.Talk(diagnostics == "json")
    chosen = load([rules], talk.report)
    console = Console(stderr=True, no_color=not errors.colour(sys.stderr), highlight=False)
    with progress.bar(console) as tell:
        table = ingest.read_events(
            list(paths), release.schema(), wanted=_wanted(chosen), report=talk.report, progress=tell, settings=settings
        )
    found = coverage(table, chosen)
    if format == "json":
        click.echo(json.dumps(found.to_dict(), indent=2))
    else:
        _show(found)
    if navigator is not None:
        navigator.write_text(json.dumps(found.layer(), indent=2) + "\n", encoding="utf-8")
    counts = Counter(each.feed.verdict for each in found.rules)
    told = ", ".join(
        f"{words.number(counts[verdict])} {verdict}"
        for verdict in ("fed", "partly", "starved", "not run")
        if counts[verdict]
    )
    click.echo(f"{words.plural(len(found.rules), 'rule')} on {words.plural(table.rows, 'event')}: {told}", err=True)
    if not any_there(paths):
        return errors.MISUSE
    return errors.DAMAGED if talk.left_out else errors.DONE


def _wanted(rules: list[Rule]) -> frozenset[str]:
    """The fields that the rules name; a rule that cannot be read names none."""
    names = {"@timestamp", "event.category"}
    for rule in rules:
        if rule.is_eql:
            try:
                names |= {
                    *walk.field_names(parse(Source(rule.query))),
                    rule.event_category_override,
                    rule.timestamp_field,
                }
            except FalselightError:
                continue
    return frozenset(names)


def _show(found: Coverage) -> None:
    console = Console(
        no_color=not errors.colour(sys.stdout), highlight=False, width=None if sys.stdout.isatty() else 140
    )
    totals = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("tactic", "", "rules", "fed"):
        totals.add_column(heading)
    for total in found.tactics:
        totals.add_row(total.id, visible(total.name), str(total.rules), str(total.fed))
    if found.tactics:
        console.print(totals)
        console.print()
    starved = [each for each in found.rules if each.feed.verdict == "starved"]
    for each in starved[:MOST_SHOWN]:
        console.print(Text(f"starved  {visible(each.rule.name)}"))
        for category, brought in each.absent.items():
            by = f"; these would bring some: {', '.join(brought[:3])}" if brought else ""
            console.print(
                Text(f"         no event is of category {visible(category)}{by}", style="dim"), soft_wrap=True
            )
        for fields in each.lacking:
            sources = dict.fromkeys(source for name in fields for source in each.supplies.get(name, ()))
            by = f"; these would fill it: {', '.join(list(sources)[:3])}" if sources else ""
            console.print(
                Text(f"         no event fills {' or '.join(map(visible, fields))}{by}", style="dim"), soft_wrap=True
            )
        if not each.lacking and not each.absent:
            console.print(Text("         no event fills all that it needs", style="dim"))
    if len(starved) > MOST_SHOWN:
        console.print(
            Text(
                f"… and {words.plural(len(starved) - MOST_SHOWN, 'more rule')} that are starved: --format json has all"
            )
        )
