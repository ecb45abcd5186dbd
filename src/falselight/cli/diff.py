"""``diff``: what a changed rule gains and loses on data."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click
from rich.console import Console
from rich.text import Text

from falselight.cli import errors, options
from falselight.comparing import RuleChange, both, compare
from falselight.diagnostics import Diagnostic
from falselight.drawing import visible
from falselight.findings import Finding
from falselight.readers.places import any_there
from falselight.readers.settings import Settings
from falselight.report import words
from falselight.rules import load_pack
from falselight.sinks import write

MOST_SHOWN = 10


@click.command("diff")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--format",
    "format",
    type=click.Choice(["table", "json", "ndjson"]),
    default="table",
    help="How it is written to stdout.",
)
@options.reading
@options.diagnostics
def command(old: str, new: str, paths: tuple[str, ...], format: str, settings: Settings, diagnostics: str) -> int:
    """Run the rules OLD and NEW (files or folders, with their exceptions) over PATH, and say which findings the new ones gain
    and lose. Rules are the same by their id. Exit code 1: something was gained or lost.
    """
    talk = errors.Talk(diagnostics == "json")
    report = _once(talk.report)
    before, after = (load_pack([name], report) for name in (old, new))
    results = both(paths, before, after, report=report, settings=settings)
    changes = compare(*results)
    if format != "table":
        write(format, [change.to_dict() for change in changes], sys.stdout)
    else:
        console = Console(no_color=not errors.colour(sys.stdout), highlight=False, soft_wrap=True)
        for change in changes:
            if change.differs:
                _show(console, change)
    gained, lost = sum(len(each.gained) for each in changes), sum(len(each.lost) for each in changes)
    changed, same = sum(len(each.changed) for each in changes), sum(each.same for each in changes)
    told = f"{words.plural(len(changes), 'rule')} on {words.plural(results[0].table.rows, 'event')}: {gained} gained, {lost} lost"
    click.echo(f"{told}, {changed} changed, {same} the same", err=True)
    if not any_there(paths):
        return errors.MISUSE
    if talk.left_out:
        return errors.DAMAGED
    return errors.FOUND if gained or lost else errors.DONE


def _once(report: Callable[[Diagnostic], None]) -> Callable[[Diagnostic], None]:
    """Tell what both packs have to tell only once: wherever it stands, it says the same."""
    told: set[tuple[str, str]] = set()

    def tell(diagnostic: Diagnostic) -> None:
        key = (diagnostic.code, diagnostic.message)
        if key not in told:
            told.add(key)
            report(diagnostic)

    return tell


def _show(console: Console, change: RuleChange) -> None:
    only = f" (only in the {change.only} rules)" if change.only else ""
    console.print(Text(visible(change.name) + only, style="bold"))
    for sign, findings, style in (("+", change.gained, "green"), ("-", change.lost, "red")):
        for finding in findings[:MOST_SHOWN]:
            console.print(Text(f"  {sign} {_told(finding)}", style=style))
        if len(findings) > MOST_SHOWN:
            console.print(Text(f"  {sign} … and {len(findings) - MOST_SHOWN} more", style=style))
    for before, after in change.changed[:MOST_SHOWN]:
        windows = (
            f"{before.windows} → {words.plural(after.windows, 'window')}, "
            f"{before.events} → {words.plural(after.events, 'event')}"
        )
        console.print(Text(f"  ~ {_keys(after)}: {windows}"))
    for fault in change.faults:
        console.print(Text(f"  ! {visible(fault)}"))


def _told(finding: Finding) -> str:
    server = ", ".join((*finding.servers[:2], *finding.domains[:1]))
    return f"{_keys(finding)}: {words.plural(finding.windows, 'window')}" + (
        f", server {visible(server)}" if server else ""
    )


def _keys(finding: Finding) -> str:
    keys = finding.keys or {"host.name": ", ".join(finding.hosts) or "?"}
    return visible(", ".join(f"{name} {words.shown(value)}" for name, value in keys.items()))
