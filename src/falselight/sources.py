"""What ``search`` may be given, made into one event table: documents, Arrow tables, paths, or several indices of these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from falselight import ingest, rebuild
from falselight.diagnostics import Diagnostic, FalselightError, Severity
from falselight.documents import Collector
from falselight.ecs import release
from falselight.ecs.schema import Field, Schema
from falselight.eql.faults import family
from falselight.store import Builder, EventTable, connect

DEFAULT_INDEX = "events"


@dataclass
class Loaded:
    """An event table, and how its events' documents are looked up: positions → (position, index, id, document)."""

    table: EventTable
    events: Callable[[list[int]], Iterable[tuple[int, str, str, Mapping[str, Any]]]]
    malformed: Mapping[str, int] = field(default_factory=dict)


def load(source: Any, mapping: Mapping[str, Any] | None, extra: tuple[str | None, ...] = ()) -> Loaded:
    """Load what ``search`` was given (its documentation tells the forms). extra: date fields that must be known."""
    if isinstance(source, EventTable):
        return Loaded(source, lambda positions: rebuild.documents(source, positions), source.malformed)
    if isinstance(source, Mapping):
        return _indices(source, mapping)
    if _is_paths(source):
        paths = [source] if isinstance(source, str | Path) else list(source)
        table = ingest.read_events(paths, _schema(mapping), report=_raise)
        return Loaded(table, lambda positions: rebuild.documents(table, positions), table.malformed)
    return _indices({DEFAULT_INDEX: source}, mapping)


def _is_paths(source: Any) -> bool:
    if isinstance(source, str | Path):
        return True
    return isinstance(source, list | tuple) and bool(source) and all(isinstance(path, str | Path) for path in source)


def _raise(diagnostic: Diagnostic) -> None:
    if diagnostic.severity is Severity.ERROR:
        raise FalselightError([diagnostic])


def _schema(mapping: Mapping[str, Any] | None) -> Schema:
    return Schema.from_mapping(mapping) if mapping is not None else release.schema()


def _of_index(mapping: Mapping[str, Any] | None, index: str) -> Mapping[str, Any] | None:
    """The mapping of one index: one mapping serves all indices, or there is one for each name."""
    if mapping is None or "properties" in mapping or "mappings" in mapping:
        return mapping
    own = mapping.get(index)
    return own if isinstance(own, Mapping) else mapping if index not in mapping else None


def _indices(indices: Mapping[str, Any], mapping: Mapping[str, Any] | None) -> Loaded:
    originals: list[tuple[str, str, Mapping[str, Any]]] = []
    batches: list[pa.Table] = []
    schemas: list[Schema] = []
    malformed: Counter[str] = Counter()
    for index, documents in indices.items():
        own = _of_index(mapping, index)
        collector = Collector(
            _schema(own), dynamic=True, strings="keyword" if own is None else "text", malformed=malformed
        )
        for position, document in enumerate(_documents(documents)):
            collector.add(document)
            originals.append((index, str(document.get("_id", position)), document))
        batches.append(collector.take())
        schemas.append(collector.schema)
    connection = connect()
    builder = Builder(connection, merged(schemas))
    for number, batch in enumerate(batches):
        builder.append(batch, number)
    table = builder.finish()
    malformed.update(table.malformed)
    return Loaded(table, lambda positions: [(s, *originals[s]) for s in positions], malformed)


def _documents(source: Any) -> Iterable[Mapping[str, Any]]:
    if isinstance(source, pa.Table | pa.RecordBatch):
        return ({key: value for key, value in row.items() if value is not None} for row in source.to_pylist())
    if isinstance(source, Mapping):
        return (source,)
    return source  # type: ignore[no-any-return]


def merged(schemas: list[Schema]) -> Schema:
    """One schema for several indices. A field that they map to types which do not compare is in conflict."""
    if len(schemas) == 1:
        return schemas[0]
    fields: dict[str, Field] = {}
    aliases: dict[str, str] = {}
    for schema in schemas:
        aliases.update(schema.aliases)
        for entry in schema:
            known = fields.get(entry.name)
            if known is None:
                fields[entry.name] = entry
            elif known.type != entry.type and not _same_family(known, entry):
                types = dict.fromkeys((*(known.conflict or (known.type,)), entry.type))
                fields[entry.name] = replace(known, conflict=tuple(types))
    return Schema(fields, {name: target for name, target in aliases.items() if name not in fields})


def _same_family(left: Field, right: Field) -> bool:
    """keyword, wildcard and constant_keyword are one family to Elasticsearch's field capabilities."""
    exact = {"keyword", "wildcard", "constant_keyword"}
    return {left.type, right.type} <= exact or (
        {left.type, right.type} <= {"text", "match_only_text"} and family(left.type) == "string"
    )
