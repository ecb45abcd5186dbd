"""``search``: a whole query over documents, as plain Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from falselight.eql import syntax
from reference.conditions import Condition
from reference.mapped import Document, Kind, Version, documents, kinds
from reference.matching import Event, Ordinal, Stage, keys_of, samples, sequences


@dataclass(frozen=True)
class Request:
    timestamp_field: str = "@timestamp"
    event_category_field: str = "event.category"
    tiebreaker_field: str | None = None
    size: int | None = 10
    result_position: str = "tail"
    max_samples_per_key: int = 1


def search(
    query: syntax.Query, sources: list[Mapping[str, Any]], mapping: Mapping[str, Any], request: Request
) -> list[tuple[tuple[Any, ...], list[int | None]]]:
    """The join keys and the positions of the events of every result; None where an event is missing."""
    return _Search(query, kinds(mapping), request).over(sources)


class _Search:
    def __init__(self, query: syntax.Query, fields: dict[str, Kind], request: Request) -> None:
        self.query, self.fields, self.request = query, fields, request

    def over(self, sources: list[Mapping[str, Any]]) -> list[tuple[tuple[Any, ...], list[int | None]]]:
        found = documents(sources, self.fields)
        if isinstance(self.query, syntax.EventQuery):
            events = sorted(self._events(self.query.filter, found), key=lambda event: event.ordinal.sort())
            return self._limited([((), [event.document.position]) for event in events])
        stages = [self._stage(stage, found) for stage in self.query.stages for _ in range(stage.runs)]
        if isinstance(self.query, syntax.SampleQuery):
            most, size = self.request.max_samples_per_key, self.request.size
            made = samples(stages, most, size, lambda key: tuple((v is not None, _rank(v)) for v in key))
            return [(key, [event.document.position for event in events]) for key, events in made]
        until = self._stage(self.query.until, found, required=False) if self.query.until else None
        unit = 1_000_000 if self.fields[self.request.timestamp_field].type == "date_nanos" else 1
        maxspan = None if self.query.maxspan is None else self.query.maxspan * unit
        return self._limited(
            [
                (key, [None if event is None else event.document.position for event in events])
                for key, events in sequences(stages, until, maxspan, unit)
            ]
        )

    def _events(self, written: syntax.EventFilter, found: list[Document]) -> list[Event]:
        condition = Condition(written.condition, self.fields)
        category = self.request.event_category_field
        return [
            Event(self._ordinal(document), document)
            for document in found
            if (written.category is None or written.category in document.values.get(category, []))
            and condition.holds(document)
        ]

    def _ordinal(self, document: Document) -> Ordinal:
        tiebreaker = document.values.get(self.request.tiebreaker_field or "")
        time = document.values.get(self.request.timestamp_field, [0])[0]
        return Ordinal(time, tiebreaker[0] if tiebreaker else None, document.position)

    def _keys(self, stage: syntax.Stage) -> list[syntax.FieldName]:
        assert not isinstance(self.query, syntax.EventQuery)
        return [*self.query.keys, *stage.keys]

    def _stage(self, stage: syntax.Stage, found: list[Document], *, required: bool = True) -> Stage:
        keys = self._keys(stage)
        names = [key.name if key.name in self.fields else None for key in keys]
        optional = [key.optional or not required for key in keys]
        events = [(event, keys_of(event.document, names, optional)) for event in self._events(stage.filter, found)]
        return Stage([(event, own) for event, own in events if own], stage.missing)

    def _limited(self, results: list[Any]) -> list[Any]:
        assert not isinstance(self.query, syntax.SampleQuery)
        pipes = [(pipe.name, pipe.arguments[0].value) for pipe in self.query.pipes]  # type: ignore[union-attr]
        if self.request.size is not None:
            pipes.insert(0, (pipes[0][0] if pipes else self.request.result_position, self.request.size))
        for name, count in pipes:
            results = results[:count] if name == "head" else results[max(len(results) - count, 0) :]
        return results


def _rank(value: Any) -> Any:
    return value.rank() if isinstance(value, Version) else value if value is not None else 0
