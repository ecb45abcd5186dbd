"""Documents as NDJSON, a JSON array, CSV or a table. Nothing that a log carries becomes a terminal's or a spreadsheet's
command: a table shows control characters as escapes, a CSV cell never begins like a formula."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from falselight.drawing import visible

FORMATS = ("table", "json", "ndjson", "csv")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
MOST_SHOWN = 3


def write(
    format: str,
    documents: Iterable[Mapping[str, Any]],
    stream: TextIO,
    columns: Sequence[str] = (),
) -> None:
    """Write documents in one of ``FORMATS``. A table shows ``columns``, as far as some document has them; without any it
    shows every field."""
    if format == "ndjson":
        for document in documents:
            stream.write(json.dumps(document, ensure_ascii=False, default=str) + "\n")
    elif format == "json":
        _array(documents, stream)
    elif format == "csv":
        _csv(documents, stream)
    else:
        _table(list(documents), stream, columns)


def _array(documents: Iterable[Mapping[str, Any]], stream: TextIO) -> None:
    stream.write("[")
    for position, document in enumerate(documents):
        stream.write((",\n " if position else "\n ") + json.dumps(document, ensure_ascii=False, default=str))
    stream.write("\n]\n")


def flat(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and values; lists stay lists."""
    for key, value in document.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def cell(value: Any) -> str:
    """A value as one cell: lists of plain values joined by ``; ``, anything nested as JSON."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        if any(isinstance(each, Mapping | list | tuple) for each in value):
            return json.dumps(value, ensure_ascii=False, default=str)
        return "; ".join(map(cell, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, Mapping) else str(value)


def harmless(text: str) -> str:
    """A CSV cell that no spreadsheet runs: one that begins like a formula gets an apostrophe, as OWASP advises."""
    return "'" + text if text.startswith(FORMULA_STARTS) else text


def _csv(documents: Iterable[Mapping[str, Any]], stream: TextIO) -> None:
    rows = [dict(flat(document)) for document in documents]
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.writer(stream, lineterminator="\n")
    if names:
        writer.writerow([harmless(name) for name in names])
    writer.writerows(
        [cell(row.get(name)) if _is_number(row.get(name)) else harmless(cell(row.get(name))) for name in names]
        for row in rows
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _table(documents: list[Mapping[str, Any]], stream: TextIO, columns: Sequence[str]) -> None:
    rows = [dict(flat(document)) for document in documents]
    if not rows:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    found = dict.fromkeys(name for row in rows for name in row)
    names = [name for name in dict.fromkeys(columns) if name in found] or list(found)
    for name in names:
        numeric = all(_is_number(row.get(name)) for row in rows)
        table.add_column(
            visible(name), justify="right" if numeric else "left", overflow="fold", no_wrap=name == "@timestamp"
        )
    for row in rows:
        table.add_row(*(Text(visible(_short(row.get(name)))) for name in names))
    Console(file=stream, soft_wrap=False, highlight=False).print(table)


def _short(value: Any) -> str:
    """The first values of a long list, and how many more there are."""
    if isinstance(value, list) and len(value) > MOST_SHOWN:
        return f"{cell(value[:MOST_SHOWN])} +{len(value) - MOST_SHOWN}"
    return cell(value)
