"""A case's events as they are stored, input by input, with normalised columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import duckdb
import pyarrow as pa

from falselight.case import reader
from falselight.case.manifest import EVENTS, CaseFile, Manifest
from falselight.ecs.schema import Schema, column
from falselight.readers import Report
from falselight.store import Counts, Input, connect

_AT_ONCE = 16_384


def batches(folder: Path, manifest: Manifest, report: Report) -> Iterator[tuple[Input, Counts, pa.Table | None]]:
    """Tables of one input each, in order of import and record; of an input without events one None."""
    inputs = reader.inputs(folder, manifest)
    counts = [Counts(each.events, Counter(each.skipped)) for each in manifest.inputs]
    for told in reader.lost(folder, manifest):
        report(told)
    files = reader.whole_files(folder, manifest, report)
    columns = reader.chosen(manifest, None)
    asked = reader.Asked(folder, columns, columns.types, 0, 0, "TRUE", None)
    names = _names(manifest)
    connection = connect()
    passed = 0
    for together in _in_turn(files):
        text, parameters = reader.union(asked, together)
        query = f"SELECT * FROM ({text}) ORDER BY _input, _record, _seq"
        for number, table in _tables(connection, query, parameters, together, folder, report):
            while passed < number:
                yield inputs[passed], counts[passed], None
                passed += 1
            yield inputs[number], counts[number], _normalised(table, names)
    for number in range(passed, len(inputs)):
        yield inputs[number], counts[number], None


def _tables(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    parameters: dict[str, list[str]],
    files: list[CaseFile],
    folder: Path,
    report: Report,
) -> Iterator[tuple[int, pa.Table]]:
    """Inputs' numbers with some of their rows, up to what is damaged."""
    try:
        for batch in connection.sql(query, params=parameters).to_arrow_reader(_AT_ONCE):
            yield from _by_input(pa.Table.from_batches([batch]))
    except reader.DAMAGE as error:
        for each in files:
            reader.tell(folder / EVENTS / each.name, each, f"cannot be read with those of its inputs ({error})", report)


def _in_turn(files: list[CaseFile]) -> Iterator[list[CaseFile]]:
    """Files in order of their inputs; those that share an input together."""
    together: list[CaseFile] = []
    last = -1
    for each in sorted(files, key=lambda each: (min(each.inputs), max(each.inputs))):
        if together and min(each.inputs) > last:
            yield together
            together = []
        together.append(each)
        last = max(last, *each.inputs)
    if together:
        yield together


def _by_input(table: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    """The rows of each input, which stand together."""
    numbers = table.column("_input").to_numpy()
    cuts = [0, *(int(place) + 1 for place in (numbers[1:] != numbers[:-1]).nonzero()[0]), len(numbers)]
    for start, end in pairwise(cuts):
        if end > start:
            yield int(numbers[start]), table.slice(start, end - start)


def _names(manifest: Manifest) -> dict[str, str]:
    """Fields by their physical columns; a text's exact sub-field is none of its own."""
    known = Schema(manifest.fields)
    below = {each.exact for each in known}
    return {column(each.name): each.name for each in known if each.name not in below}


def _normalised(table: pa.Table, names: dict[str, str]) -> pa.Table:
    kept = [name for name in table.column_names if name in names or name in {"_record", "_time"}]
    return table.select(kept).rename_columns([names.get(name, name) for name in kept])
