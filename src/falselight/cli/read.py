"""``read``: what inputs hold, and their events as Elastic would have indexed them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import click
from rich.console import Console

from falselight import ingest, nesting
from falselight.cli import errors, options, progress
from falselight.ecs import release
from falselight.ecs.schema import Schema
from falselight.ingest import Piece
from falselight.readers.detect import Kind
from falselight.readers.settings import Settings
from falselight.sinks.flat import harmless_json
from falselight.store import Counts, Input

# Elastic's pipelines read these sources' times as seconds since 1970, of which milliseconds are kept.
_MILLISECONDS = frozenset({Kind.ZEEK_TSV, Kind.ZEEK_LINES, Kind.ZEEK_ARRAY})


@click.command("read")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--events", is_flag=True, help="Write the normalised events as nested ECS NDJSON, one line a record.")
@options.reading
@options.diagnostics
def command(paths: tuple[str, ...], events: bool, settings: Settings, diagnostics: str) -> int:
    """Read the files and folders PATH.

    With --events each record is one line of JSON, in input order, as Elastic's integrations would have indexed it.
    """
    talk = errors.Talk(diagnostics == "json")
    console = Console(stderr=True, no_color=not errors.colour(sys.stderr), highlight=False)
    given = [Path(path) for path in paths]
    with progress.bar(console) as tell:
        found = ingest.stream(given, release.schema(), report=talk.report, progress=tell, settings=settings)
        skipped = write_events(found, release.schema(), sys.stdout)
    if not any(path.exists() for path in given):
        return errors.MISUSE
    return errors.DAMAGED if talk.left_out or skipped else errors.DONE


def write_events(found: Iterator[tuple[Input, Counts, Piece]], schema: Schema, stream: TextIO) -> int:
    """Write each record as a line; give how many records were left out."""
    counts: dict[int, Counts] = {}
    for lines in _in_order(found, schema, counts):
        _write([line for _, line in lines], stream)
    stream.flush()
    return sum(sum(each.skipped.values()) for each in counts.values())


def _in_order(
    found: Iterator[tuple[Input, Counts, Piece]], schema: Schema, counts: dict[int, Counts]
) -> Iterator[list[tuple[int, bytes]]]:
    """Groups of lines in the order of their records. Readers give one input's records in order, except that batches of
    several kinds may interleave: such batches become one group."""
    held: list[tuple[int, bytes]] = []
    owner: Counts | None = None
    for _, count, piece in found:
        counts[id(count)] = count
        lines = _lines(piece, schema)
        if held and (owner is not count or (lines and lines[0][0] > max(held)[0])):
            yield sorted(held, key=lambda line: line[0])
            held = []
        held.extend(lines)
        owner = count
    yield sorted(held, key=lambda line: line[0])


def _lines(piece: Piece, schema: Schema) -> list[tuple[int, bytes]]:
    if piece.batch is None:
        return nesting.json_lines((number, nesting.nested(document, schema)) for number, document in piece.documents)
    unit = nesting.MILLISECOND if piece.kind in _MILLISECONDS else 1
    return nesting.json_lines(nesting.numbered(piece.batch, schema, unit=unit))


def _write(lines: list[bytes], stream: TextIO) -> None:
    if not lines:
        return
    text = b"\n".join(lines)
    if text.isascii() and b"\x7f" not in text:
        stream.write(text.decode("ascii") + "\n")
        return
    for line in lines:
        stream.write(harmless_json(line.decode("utf-8")) + "\n")
