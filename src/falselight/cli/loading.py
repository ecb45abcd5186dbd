"""Reading events for the verbs, with a progress bar; for ``search`` and ``explain`` the query's fields only."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from falselight import ingest
from falselight.cli import errors, progress
from falselight.ecs import release
from falselight.eql import walk
from falselight.eql.checker import Options
from falselight.eql.parser import parse
from falselight.readers.places import any_there
from falselight.readers.settings import Settings
from falselight.source import Source
from falselight.store import EventTable


def query(text: str) -> Source:
    """The query itself, or the text of a file where ``@FILE`` is written."""
    if not text.startswith("@"):
        return Source(text)
    try:
        return Source(Path(text[1:]).read_text(encoding="utf-8"), text[1:])
    except (OSError, UnicodeDecodeError) as fault:
        raise click.UsageError(f"{text[1:]} cannot be read: {fault}") from fault


def read(
    paths: tuple[str, ...], wanted: frozenset[str] | None, settings: Settings, talk: errors.Talk, console: Console
) -> EventTable:
    """The events under the paths with the wanted fields, all without them; a bar on the console tells how far it is."""
    with progress.bar(console) as tell:
        return ingest.read_events(
            paths, release.schema(), wanted=wanted, report=talk.report, progress=tell, settings=settings
        )


def events(
    source: Source, paths: tuple[str, ...], options: Options, settings: Settings, talk: errors.Talk, *, whole: bool
) -> EventTable:
    """The events under the paths; only the columns that the query needs, unless their whole documents are shown.
    Where no path exists, the command ends."""
    needed = {options.timestamp_field, options.event_category_field, *walk.field_names(parse(source))}
    if options.tiebreaker_field:
        needed.add(options.tiebreaker_field)
    console = Console(stderr=True, no_color=not errors.colour(sys.stderr))
    table = read(paths, None if whole else frozenset(needed), settings, talk, console)
    if not any_there(paths):
        raise click.exceptions.Exit(errors.MISUSE)
    return table
