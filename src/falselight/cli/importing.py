"""``import``: inputs into a case, to be read once and hunted in often."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from falselight.case.importing import Imported, import_paths
from falselight.cli import errors, options, progress
from falselight.drawing import visible
from falselight.ecs import release
from falselight.readers.places import any_there
from falselight.readers.settings import Settings
from falselight.report import panel
from falselight.report.words import number, plural
from falselight.sinks import json_text

MOST_NAMES = 5


@click.command("import")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--case", "folder", required=True, type=click.Path(path_type=Path), metavar="FOLDER",
              help="The case: a folder, made if it is not there.")  # fmt: skip
@click.option("--keep-originals", is_flag=True,
              help="Keep a copy of every input in the case, for --evidence. Stdin is always kept.")  # fmt: skip
@click.option("--format", "format", type=click.Choice(["panel", "json"]), default="panel", show_default=True,
              help="A panel on stderr, or the figures as one JSON object on stdout.")  # fmt: skip
@options.reading
@options.diagnostics
def command(
    paths: tuple[str, ...], folder: Path, keep_originals: bool, format: str, settings: Settings, diagnostics: str
) -> int:
    """Read PATH (files, folders, quoted patterns, - for stdin, s3:// and http(s)://) once into a case.

    Every verb that takes paths takes the case's folder as well, and reads only the columns it needs. What was imported
    before is not read again; an import that was stopped is taken up by the same command.
    """
    talk = errors.Talk(diagnostics == "json")
    console = Console(stderr=True, no_color=not errors.colour(sys.stderr), highlight=False)
    started = time.perf_counter()
    with progress.bar(console, "importing") as tell:
        done = import_paths(
            paths,
            folder,
            release.schema(),
            report=talk.report,
            progress=tell,
            settings=settings,
            keep_originals=keep_originals,
        )
    seconds = time.perf_counter() - started
    if format == "json":
        click.echo(json_text(_figures(done, seconds)))
    _show(console, done, settings, seconds, talk.errors + talk.warnings)
    if not any_there(paths):
        return errors.MISUSE
    return errors.DAMAGED if talk.left_out or done.skipped else errors.DONE


def _figures(done: Imported, seconds: float) -> dict[str, object]:
    return {
        "case": str(done.folder),
        "inputs": done.inputs,
        "imported_before": done.known,
        "events": done.events,
        "copies": done.copies,
        "skipped": dict(sorted(done.skipped.items())),
        "malformed": dict(sorted(done.malformed.items())),
        "bytes": done.bytes,
        "seconds": round(seconds, 3),
        "case_inputs": done.total_inputs,
        "case_events": done.total_events,
    }


def _show(console: Console, done: Imported, settings: Settings, seconds: float, faults: int) -> None:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in _lines(done, settings, seconds, faults):
        grid.add_row(label, text)
    console.print(Panel(grid, title="import", title_align="left", box=box.ROUNDED, expand=False))


def _lines(done: Imported, settings: Settings, seconds: float, faults: int) -> Iterable[tuple[str, Text]]:
    before = f", {plural(done.known, 'other')} imported before and not read again" if done.known else ""
    yield "inputs", Text(f"{number(done.inputs)} new{before}")
    rate = f" ({number(round(done.events / seconds))} events/s)" if seconds > 0 else ""
    yield "events", Text(f"{number(done.events)} in {seconds:.1f} s{rate}")
    if done.copies:
        yield "copies", Text(f"{number(done.copies)}, which stand in the case from another input")
    yield "bytes", Text(number(done.bytes))
    yield "peak memory", Text(f"{number(panel.peak_memory() // 2**20)} MiB")
    left_out = ", ".join(f"{number(count)} {reason}" for reason, count in sorted(done.skipped.items())) or "none"
    yield "left out", Text(visible(left_out), style="yellow" if done.skipped else "")
    yield from panel.assumptions(settings)
    if done.malformed:
        fields = ", ".join(f"{name} {number(count)}" for name, count in done.malformed.most_common(MOST_NAMES))
        yield "odd values", Text(visible(f"{fields} (not of the field's type, ignored)"), style="yellow")
    if faults:
        yield "messages", Text(f"{number(faults)} above", style="yellow")
    held = f"{plural(done.total_events, 'event')} from {plural(done.total_inputs, 'input')}"
    yield (
        "case",
        Text(visible(f"{done.folder}: {held if done.folder.exists() else 'not made, since nothing was found'}")),
    )
