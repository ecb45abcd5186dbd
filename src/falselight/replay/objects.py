"""Queries of type nested: asked of each object of a field alone, as Elasticsearch indexes each as a document of its own.

The event table keeps the objects of a nested field as JSON. Those that differ become an event table of their own, over which
the query is a condition like any other; the events that hold for it are those with an object that does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import count
from typing import Any

import orjson
import pyarrow as pa

from falselight.diagnostics import Diagnostic, EqlError, Severity
from falselight.documents import Collector
from falselight.ecs.schema import Field, Schema, column, paths_above
from falselight.engines import duckdb as engine
from falselight.plan import filters, nodes
from falselight.sql.predicates import condition
from falselight.store import Builder, EventTable, quoted

# Up to so many objects are compared like other values; more are joined.
FEW = 100
_AT_ONCE = 20_000
_NUMBERS = count()


def source(path: str, schema: Schema) -> str | None:
    """The outermost nested field at or above a nested one, whose objects are kept whole; None for a path that is not nested."""
    if not _is_nested(schema.find(path)):
        return None
    return next(each for each in (*paths_above(path), path) if _is_nested(schema.find(each)))


def parsed(query: Any, table: EventTable) -> nodes.Predicate:
    """A query as ``filters.parse`` reads it, nested ones included. Raises ``EqlError`` (E0302) for what is not supported, and for
    a nested query on a field of another type, as Elasticsearch does."""
    return filters.parse(query, table.schema, partial(_holds, table=table))


def _holds(path: str, query: Any, ignore_unmapped: bool, table: EventTable) -> nodes.Predicate:
    """The events of which one object at the path satisfies the query."""
    outer = source(path, table.schema)
    if outer is None:
        if ignore_unmapped:
            return nodes.NEVER
        raise EqlError([Diagnostic("E0302", Severity.ERROR, f"filter: {not_nested(path, table.schema)}")])
    entry = table.schema.find(outer)
    if entry is None or not entry.filled:
        return nodes.NEVER
    objects = table.objects.get(path)
    if objects is None:
        objects = table.objects[path] = _made(path, entry, table)
    sql = f"SELECT DISTINCT _record FROM {quoted(objects.name)} WHERE {condition(parsed(query, objects))}"
    found = f"SELECT text FROM {quoted(_texts(objects))} JOIN ({sql}) ON _record = n ORDER BY n"
    few = engine.execute(table, f"{found} LIMIT {FEW + 1}").fetchall()
    if len(few) <= FEW:
        return nodes.Equal(entry, tuple(text for (text,) in few)) if few else nodes.NEVER
    relation = f"{objects.name} {next(_NUMBERS)}"
    engine.execute(
        table,
        f"CREATE TEMP TABLE {quoted(relation)} AS "
        f"SELECT DISTINCT _seq FROM ({_each(entry, table)}) JOIN ({found}) USING (text)",
    )
    return nodes.Rows(relation)


def not_nested(path: str, schema: Schema) -> str:
    """What is wrong with a nested query on this path."""
    entry = schema.find(path)
    known = "no field that is known here" if entry is None else f"of type {entry.type}"
    return f"[{path}] is {known}, not nested: Elasticsearch's search fails where objects are looked for in it"


def _is_nested(entry: Field | None) -> bool:
    return entry is not None and entry.type == "nested"


def _texts(objects: EventTable) -> str:
    return f"{objects.name} as text"


def _each(entry: Field, table: EventTable) -> str:
    """SELECT _seq, text: every object of the field as JSON."""
    name = quoted(column(entry.name))
    return f"SELECT _seq, {f'unnest({name})' if entry.many else name} AS text FROM {quoted(table.name)}"


def _made(path: str, outer: Field, table: EventTable) -> EventTable:
    """The objects at the path, one a row, whose ``_record`` is the number of the text that they stand in."""
    name = f"{table.name} {column(path)}"
    above = [each for each in (*paths_above(path), path) if _is_nested(table.schema.find(each))]
    schema = table.schema.with_fields({each: Field(each, "object") for each in above})
    collector = Collector(schema, strings="keyword", malformed=table.malformed)
    made = Builder(table.connection, schema, name)
    texts = quoted(f"{name} as text")
    engine.execute(
        table,
        f"CREATE OR REPLACE TEMP TABLE {texts} AS SELECT row_number() OVER () AS n, text FROM "
        f"(SELECT DISTINCT text FROM ({_each(outer, table)}) WHERE text IS NOT NULL)",
    )
    ((distinct,),) = engine.execute(table, f"SELECT count(*) FROM {texts}").fetchall()
    for start in range(0, distinct, _AT_ONCE):
        numbers: list[int] = []
        some = f"SELECT n, text FROM {texts} WHERE n > {start} AND n <= {start + _AT_ONCE} ORDER BY n"
        for number, text in engine.execute(table, some).fetchall():
            for each in _objects(orjson.loads(text), path.removeprefix(outer.name)[1:]):
                collector.add({path: each})
                numbers.append(number)
        made.adopt(collector.schema)
        made.append(collector.take().append_column("_record", pa.array(numbers, pa.int64())), 0)
    return made.finish()


def _objects(value: Any, path: str) -> Iterator[Mapping[str, Any]]:
    """The objects at a dotted path below a value, those of lists each alone."""
    pending = [(value, path)]
    while pending:
        value, path = pending.pop()
        if isinstance(value, list):
            pending.extend((each, path) for each in reversed(value))
        elif isinstance(value, dict) and path:
            below = [(each, key) for key, each in value.items() if path == key or path.startswith(f"{key}.")]
            pending.extend((each, path[len(key) + 1 :]) for each, key in below)
        elif isinstance(value, dict):
            yield value
