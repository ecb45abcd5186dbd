"""Documents as NDJSON, a JSON array, CSV or a table. Nothing that a log carries becomes a terminal's or a spreadsheet's
command: control characters stand as escapes everywhere, and a CSV cell never begins like a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO

from falselight.drawing import visible
from falselight.sinks.flat import cell, flat, is_number, json_text

FORMATS = ("table", "json", "ndjson", "csv")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write(
    format: str,
    documents: Iterable[Mapping[str, Any]],
    stream: TextIO,
    columns: Sequence[str] = (),
) -> list[str]:
    """Write documents in one of ``FORMATS``. A table shows ``columns``, as far as some document has them; without any it
    shows every field. Gives the names of columns that a terminal had no room for."""
    if format == "ndjson":
        for _ in passing(documents, stream):
            pass
    elif format == "json":
        _array(documents, stream)
    elif format == "csv":
        _csv(documents, stream)
    else:
        from falselight.sinks import table

        return table.draw(list(documents), stream, columns)
    return []


def passing(documents: Iterable[Mapping[str, Any]], stream: TextIO) -> Iterator[Mapping[str, Any]]:
    """The documents, each written as NDJSON on its way: what takes long to make is made once for two formats."""
    for document in documents:
        stream.write(json_text(document) + "\n")
        yield document


def _array(documents: Iterable[Mapping[str, Any]], stream: TextIO) -> None:
    stream.write("[")
    for position, document in enumerate(documents):
        stream.write((",\n " if position else "\n ") + json_text(document))
    stream.write("\n]\n")


def harmless(text: str) -> str:
    """A CSV cell that neither a terminal obeys nor a spreadsheet runs: control characters are escapes, and one that begins
    like a formula gets an apostrophe, as OWASP advises."""
    return ("'" if text.lstrip(" ").startswith(FORMULA_STARTS) else "") + visible(text)


def _csv(documents: Iterable[Mapping[str, Any]], stream: TextIO) -> None:
    rows = [dict(flat(document)) for document in documents]
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.writer(stream, lineterminator="\n")
    if names:
        writer.writerow([harmless(name) for name in names])
    writer.writerows(
        [cell(row.get(name)) if is_number(row.get(name)) else harmless(cell(row.get(name))) for name in names]
        for row in rows
    )
