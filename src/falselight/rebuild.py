"""Rows of the event table back into nested documents, as Elastic would have indexed them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from falselight.ecs.schema import DATE_TYPES, Field, column
from falselight.plan.dates import iso
from falselight.store import EventTable, quoted


def documents(table: EventTable, positions: list[int]) -> Iterator[tuple[int, str, str, Mapping[str, Any]]]:
    """(position, index, id, document) of the rows at these ingest positions, in their order. Index: the input's path."""
    if not positions:
        return
    fields = [entry for entry in table.schema if entry.filled and not _is_subfield(table, entry)]
    columns = ", ".join(["_seq", "_input", "_record", "_time", *(quoted(column(entry.name)) for entry in fields)])
    listed = ", ".join(map(str, positions))
    cursor = table.connection.execute(
        f"SELECT {columns} FROM {quoted(table.name)} WHERE _seq IN ({listed}) ORDER BY _seq"
    )
    for position, source, record, time, *values in cursor.fetchall():
        document: dict[str, Any] = {}
        for entry, value in zip(fields, values, strict=True):
            if value is not None:
                place(document, entry.name, shown(entry, value))
        if time is not None:
            document["@timestamp"] = iso(time)
        place_of = table.inputs[source] if source is not None and source < len(table.inputs) else None
        path = "" if place_of is None else place_of.path + (f"!{place_of.member}" if place_of.member else "")
        yield position, path, str(record), document


def shown(entry: Field, value: Any) -> Any:
    """A column's value as JSON shows the field: dates as ISO 8601, the objects of a nested field in a list."""
    if entry.type == "nested":
        return [orjson.loads(each) for each in (value if isinstance(value, list) else [value])]
    if entry.type not in DATE_TYPES:
        return value
    unit = 1 if entry.type == "date_nanos" else 1_000_000
    return [iso(each * unit) for each in value] if isinstance(value, list) else iso(value * unit)


def place(document: dict[str, Any], name: str, value: Any) -> None:
    """Put a value at its dotted path; where a value already stands on the way, the dotted rest is the key."""
    target = document
    parts = name.split(".")
    for number, part in enumerate(parts[:-1]):
        below = target.setdefault(part, {})
        if not isinstance(below, dict):
            target[".".join(parts[number:])] = value
            return
        target = below
    target[parts[-1]] = value


def _is_subfield(table: EventTable, entry: Field) -> bool:
    parent = table.schema.find(entry.name.rpartition(".")[0]) if "." in entry.name else None
    return parent is not None and parent.type != "object" and parent.exact == entry.name
