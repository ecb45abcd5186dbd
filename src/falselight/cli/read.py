"""``read``: what inputs hold, and their events as Elastic would have indexed them."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import TextIO

import click
import pyarrow.compute as pc
from rich.console import Console

from falselight import ingest, nesting
from falselight.cli import errors, inventory, options, progress
from falselight.ecs import release
from falselight.ecs.schema import Schema
from falselight.inventory import survey
from falselight.readers.detect import Kind
from falselight.readers.places import any_there
from falselight.readers.settings import Settings
from falselight.reading import Piece
from falselight.report import panel
from falselight.rules import bundled, load
from falselight.sinks.flat import harmless_json, json_text
from falselight.store import Counts, Input

_AT_ONCE = 4_096
# Elastic's pipelines read these sources' times as seconds since 1970, of which milliseconds are kept.
_MILLISECONDS = frozenset({Kind.ZEEK_TSV, Kind.ZEEK_LINES, Kind.ZEEK_ARRAY})


@click.command("read")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--events", is_flag=True, help="Write the normalised events as nested ECS NDJSON, one line a record.")
@click.option("--fields", is_flag=True, help="List every field, not only the most telling.")
@click.option("--rules", multiple=True, metavar="PATH",
              help="Rules to judge the data for: file, folder or @page; the bundled pack without it.")  # fmt: skip
@click.option("--format", "format", type=click.Choice(["table", "json"]), default="table", show_default=True,
              help="How the inventory is written to stdout.")  # fmt: skip
@options.reading
@options.diagnostics
def command(
    paths: tuple[str, ...],
    events: bool,
    fields: bool,
    rules: tuple[str, ...],
    format: str,
    settings: Settings,
    diagnostics: str,
) -> int:
    """Tell what PATH holds (files, folders, quoted patterns, - for stdin, s3:// and http(s)://) and which detections it can
    feed.

    Sources, events by dataset and category, time span and gaps, hosts, odd clocks, fields and how often they are filled,
    and what was left out and why. With --events, each record is one line of JSON instead, in input order, as Elastic's
    integrations would have indexed it.
    """
    talk = errors.Talk(diagnostics == "json")
    skipped = _events(paths, settings, talk) if events else _inventory(paths, settings, talk, rules, format, fields)
    for label, text in panel.assumptions(settings):
        click.echo(f"{label}: {text.plain}", err=True)
    if not any_there(paths):
        return errors.MISUSE
    return errors.DAMAGED if talk.left_out or skipped else errors.DONE


def _inventory(
    paths: tuple[str, ...], settings: Settings, talk: errors.Talk, rules: tuple[str, ...], format: str, fields: bool
) -> int:
    chosen = load(rules, talk.report) if rules else bundled(talk.report)
    with progress.bar(_console()) as tell:
        table = ingest.read_events(paths, release.schema(), report=talk.report, progress=tell, settings=settings)
    found = survey(table, chosen, time.time_ns())
    if format == "json":
        click.echo(json_text(found.to_dict()))
    else:
        inventory.show(found, sys.stdout, colour=errors.colour(sys.stdout), every_field=fields)
    return sum(count.skipped.total() for count in table.counts)


def _events(paths: tuple[str, ...], settings: Settings, talk: errors.Talk) -> int:
    schema = release.schema()
    with progress.bar(_console()) as tell:
        found = ingest.stream(paths, schema, report=talk.report, progress=tell, settings=settings)
        return write_events(found, schema, sys.stdout)


def _console() -> Console:
    return Console(stderr=True, no_color=not errors.colour(sys.stderr), highlight=False)


def write_events(found: Iterator[tuple[Input, Counts, Piece]], schema: Schema, stream: TextIO) -> int:
    """Write each record as a line; give how many records were left out."""
    counts: dict[int, Counts] = {}
    for lines in _in_order(found, schema, counts):
        _write(lines, stream)
    stream.flush()
    return sum(each.skipped.total() for each in counts.values())


def _in_order(
    found: Iterator[tuple[Input, Counts, Piece]], schema: Schema, counts: dict[int, Counts]
) -> Iterator[list[bytes]]:
    """Lines in the order of their records. Readers give one input's records in order, except that batches of several kinds
    may interleave: such batches are written together."""
    held: list[Piece] = []
    last = -1
    owner: Counts | None = None
    for _, count, piece in found:
        counts[id(count)] = count
        records = _records(piece)
        if held and (owner is not count or (records is not None and records[0] > last)):
            yield from _group(held, schema)
            held, last = [], -1
        if records is not None:
            held.append(piece)
            last = max(last, records[1])
        owner = count
    yield from _group(held, schema)


def _records(piece: Piece) -> tuple[int, int] | None:
    """The first and the last record of a piece, None where it has none."""
    if piece.batch is None:
        return (piece.documents[0][0], piece.documents[-1][0]) if piece.documents else None
    numbers = piece.batch.column("_record")
    return (numbers[0].as_py(), pc.max(numbers).as_py()) if len(numbers) else None


def _group(pieces: list[Piece], schema: Schema) -> Iterator[list[bytes]]:
    if len(pieces) == 1:
        for lines in _lines(pieces[0], schema):
            yield [line for _, line in lines]
    elif pieces:
        together = [line for piece in pieces for lines in _lines(piece, schema) for line in lines]
        yield [line for _, line in sorted(together, key=lambda line: line[0])]


def _lines(piece: Piece, schema: Schema) -> Iterator[list[tuple[int, bytes]]]:
    """Some lines at a time, so that memory does not grow with a batch."""
    if piece.batch is None:
        yield nesting.json_lines((number, nesting.nested(document, schema)) for number, document in piece.documents)
        return
    unit = nesting.MILLISECOND if piece.kind in _MILLISECONDS else 1
    for start in range(0, piece.batch.num_rows, _AT_ONCE):
        yield nesting.json_lines(nesting.numbered(piece.batch.slice(start, _AT_ONCE), schema, unit=unit))


def _write(lines: list[bytes], stream: TextIO) -> None:
    if not lines:
        return
    text = b"\n".join(lines)
    if text.isascii() and b"\x7f" not in text:
        stream.write(text.decode("ascii") + "\n")
        return
    for line in lines:
        stream.write(harmless_json(line.decode("utf-8")) + "\n")
