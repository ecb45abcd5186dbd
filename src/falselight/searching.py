"""``search``: one EQL query over events, answered as Elasticsearch's ``_eql/search`` answers it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa

from falselight import sources
from falselight.diagnostics import Diagnostic, EqlError, Severity
from falselight.ecs.schema import DATE_TYPES, Field, Schema
from falselight.engines import duckdb as engine
from falselight.eql.checker import Options, check, check_expression
from falselight.eql.faults import Faults
from falselight.eql.parser import parse, parse_expression
from falselight.plan import filters, nodes
from falselight.plan.dates import iso
from falselight.plan.lower import lower
from falselight.plan.rewrite import rewrite
from falselight.source import Source
from falselight.sql import expressions
from falselight.store import EventTable, connect

MISSING_EVENT = {"_index": "", "_id": "", "_source": {}, "missing": True}


def plan(query: str | Source, schema: Schema, options: Options | None = None, filter: Any = None) -> nodes.Plan:
    """Text → plan: parse, check, rewrite, lower. Raises ``EqlError``."""
    source = query if isinstance(query, Source) else Source(query)
    options = options or Options()
    lowered = lower(rewrite(check(parse(source), schema, options)), options)
    return filters.restrict(lowered, filters.parse(filter, schema)) if filter is not None else lowered


@dataclass(frozen=True)
class Event:
    """One event of an answer. position: its row in the event table; None where an event is missing."""

    position: int | None
    index: str = ""
    id: str = ""
    source: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        if self.position is None:
            return dict(MISSING_EVENT)
        return {"_index": self.index, "_id": self.id, "_source": self.source}


@dataclass(frozen=True)
class Hit:
    """A sequence or a sample with its join keys, or one event of an event query (without keys)."""

    join_keys: tuple[Any, ...]
    events: tuple[Event, ...]

    def to_dict(self) -> dict[str, Any]:
        events = [event.to_dict() for event in self.events]
        return {"join_keys": list(self.join_keys), "events": events} if self.join_keys else {"events": events}


@dataclass(frozen=True)
class Result:
    """The answer to a query. Iterates over ``Hit``s. ``malformed`` counts values that were not of their field's type."""

    kind: str
    hits: tuple[Hit, ...]
    malformed: Mapping[str, int] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)

    def to_dict(self) -> dict[str, Any]:
        """The shape of ``_eql/search``."""
        answer: dict[str, Any] = {"total": {"value": len(self.hits), "relation": "eq"}}
        if self.kind == "events":
            answer["events"] = [hit.events[0].to_dict() for hit in self.hits]
        else:
            answer["sequences"] = [hit.to_dict() for hit in self.hits]
        return {"is_partial": False, "is_running": False, "timed_out": False, "hits": answer}

    def to_arrow(self) -> pa.Table:
        """One row for every event: hit, place, join_keys (list of text), _index, _id, _seq (null where missing)."""
        rows = [
            (number, place, hit, event)
            for number, hit in enumerate(self.hits)
            for place, event in enumerate(hit.events)
        ]
        return pa.table(
            {
                "hit": pa.array([row[0] for row in rows], pa.int64()),
                "place": pa.array([row[1] for row in rows], pa.int64()),
                "join_keys": pa.array(
                    [[_text(key) for key in row[2].join_keys] for row in rows], pa.list_(pa.string())
                ),
                "_index": pa.array([row[3].index for row in rows], pa.string()),
                "_id": pa.array([row[3].id for row in rows], pa.string()),
                "_seq": pa.array([row[3].position for row in rows], pa.int64()),
            }
        )


def _text(key: Any) -> str | None:
    return None if key is None else str(key).lower() if isinstance(key, bool) else str(key)


Documents: TypeAlias = Iterable[Mapping[str, Any]] | pa.Table | EventTable | str | Path | Iterable[str | Path]


def search(
    query: str,
    source: Documents | Mapping[str, Documents],
    *,
    mapping: Mapping[str, Any] | None = None,
    timestamp_field: str = "@timestamp",
    event_category_field: str = "event.category",
    tiebreaker_field: str | None = None,
    size: int | None = 10,
    fetch_size: int = 1000,
    result_position: str = "tail",
    max_samples_per_key: int = 1,
    filter: Any = None,
) -> Result:
    """Run an EQL query and return what Elasticsearch would.

    source: a path or paths, an iterable of documents, an Arrow table, an event table, or a dictionary from index name to
    any of these. mapping: an Elasticsearch mapping, or a dictionary from index name to one; without it ECS and what the
    input holds. size: most results, None for all. fetch_size has no influence on results here. filter: Elasticsearch
    query DSL that events must satisfy as well. Raises ``EqlError`` for what is refused.
    """
    _check_options(size, fetch_size, result_position, max_samples_per_key)
    options = Options(
        timestamp_field, event_category_field, tiebreaker_field, size, result_position, max_samples_per_key
    )
    text = Source(query)
    parse(text)
    loaded = sources.load(source, mapping, extra=(timestamp_field, tiebreaker_field))
    made = plan(text, loaded.table.schema, options, filter)
    return answer(made, loaded)


def answer(made: nodes.Plan, loaded: sources.Loaded) -> Result:
    """Run a plan and look up the events of its matches."""
    matches = engine.run(made, loaded.table)
    positions = sorted({s for sequence in matches.sequences for s in sequence.positions if s is not None})
    events = {s: Event(s, index, id, document) for s, index, id, document in loaded.events(positions)}
    missing = Event(None)
    texts = _key_texts(made)
    hits = tuple(
        Hit(
            tuple(text(value) for text, value in zip(texts, sequence.keys, strict=True)),
            tuple(missing if s is None else events[s] for s in sequence.positions),
        )
        for sequence in matches.sequences
    )
    return Result(matches.kind, hits, loaded.malformed)


def _key_texts(made: nodes.Plan) -> list[Any]:
    """How each join key is shown: dates of sequences as ISO 8601, of samples as epoch milliseconds."""
    if isinstance(made, nodes.EventPlan):
        return []
    positions = range(len(made.stages[0].keys))
    fields = [next((s.keys[p].field for s in made.stages if s.keys[p].field), None) for p in positions]
    return [_shown(entry, isinstance(made, nodes.SamplePlan)) for entry in fields]


def _shown(entry: Field | None, sample: bool) -> Any:
    if entry is None or entry.type not in DATE_TYPES:
        return lambda value: value
    unit = 1 if entry.type == "date_nanos" else 1_000_000
    if sample:
        return lambda value: value if value is None else value * unit // 1_000_000
    return lambda value: value if value is None else iso(value * unit)


def evaluate(expression: str) -> Any:
    """The value of a constant expression: None, a boolean, a number or a text. Raises ``EqlError``."""
    source = Source(expression, "expression")
    value = check_expression(parse_expression(source), source, Schema({}))
    with connect() as connection:
        table = EventTable(connection, Schema({}))
        ((result,),) = engine.execute(table, f"SELECT {expressions.fixed(value)}").fetchall()
    return result


def _check_options(size: int | None, fetch_size: int, result_position: str, max_samples_per_key: int) -> None:
    wrong = None
    if size is not None and size < 0:
        wrong = f"size must be greater than or equal to 0; found [{size}]"
    elif fetch_size < 2:
        wrong = f"fetch size must be greater than 1; found [{fetch_size}]"
    elif result_position not in ("head", "tail"):
        wrong = f"result position needs to be 'head' or 'tail', received '{result_position}'"
    elif max_samples_per_key < 1:
        wrong = f"max_samples_per_key must be greater than 0; found [{max_samples_per_key}]"
    if wrong:
        raise EqlError([Diagnostic("E0291", Severity.ERROR, wrong)])


__all__ = ["Event", "Faults", "Hit", "Result", "answer", "evaluate", "plan", "search"]
