"""Elasticsearch query DSL, as far as rules and exceptions use it, as a predicate beside the query's own condition."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NoReturn

from falselight.diagnostics import Diagnostic, EqlError, Severity
from falselight.ecs.schema import EXACT_STRING_TYPES, STRING_TYPES, Field, Schema
from falselight.eql import patterns, typed
from falselight.eql.resolver import constant_type
from falselight.plan import nodes
from falselight.plan.literals import Literals
from falselight.source import Source, Span

RANGES = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
NOWHERE = Span(0, 0)


def restrict(plan: nodes.Plan, predicate: nodes.Predicate) -> nodes.Plan:
    """The plan over the events that satisfy the predicate: every stage, ``until`` and missing events alike."""
    if isinstance(plan, nodes.EventPlan):
        return replace(plan, predicate=nodes.And((predicate, plan.predicate)))
    stages = tuple(replace(stage, predicate=nodes.And((predicate, stage.predicate))) for stage in plan.stages)
    if isinstance(plan, nodes.SamplePlan) or plan.until is None:
        return replace(plan, stages=stages)
    until = replace(plan.until, predicate=nodes.And((predicate, plan.until.predicate)))
    return replace(plan, stages=stages, until=until)


# What a query of type nested holds for: of its path, its query, and whether the path need not be mapped.
Nested = Callable[[str, Any, bool], nodes.Predicate]


def parse(query: Any, schema: Schema, nested: Nested | None = None) -> nodes.Predicate:
    """A query, or a list of queries that all must hold. Raises ``EqlError`` (E0302) naming what is not supported: queries of type
    nested without ``nested`` too."""
    return _Reader(schema, Literals(Source("", "filter")), nested).read(query)


class _Reader:
    def __init__(self, schema: Schema, literals: Literals, nested: Nested | None) -> None:
        self.schema = schema
        self.literals = literals
        self.nested = nested
        self.supported = SUPPORTED | ({"nested"} if nested is not None else set())

    def read(self, query: Any) -> nodes.Predicate:
        if isinstance(query, list):
            return nodes.And(tuple(self.read(each) for each in query))
        if not isinstance(query, Mapping) or len(query) != 1:
            _refuse("a query is an object with one key")
        kind, body = next(iter(query.items()))
        reader = getattr(self, f"_{kind}", None) if kind in self.supported else None
        if reader is None:
            _refuse(f"[{kind}] queries are not supported; known are {', '.join(sorted(self.supported))}")
        result: nodes.Predicate = reader(body)
        return result

    def _match_all(self, body: Any) -> nodes.Predicate:
        return nodes.ALWAYS

    def _match_none(self, body: Any) -> nodes.Predicate:
        return nodes.NEVER

    def _bool(self, body: Any) -> nodes.Predicate:
        unknown = set(body) - {"must", "filter", "should", "must_not", "minimum_should_match", "boost"}
        if unknown:
            _refuse(f"[bool] has unknown parts: {', '.join(sorted(unknown))}")
        required = [self.read(each) for part in ("must", "filter") for each in _list(body.get(part))]
        required += [nodes.Not(self.read(each)) for each in _list(body.get("must_not"))]
        should = [self.read(each) for each in _list(body.get("should"))]
        needed = body.get("minimum_should_match", 0 if body.get("must") or body.get("filter") else 1)
        if needed not in (0, 1, "0", "1"):
            _refuse("[minimum_should_match] above 1 is not supported")
        if should and int(needed):
            required.append(nodes.Or(tuple(should)))
        return nodes.And(tuple(required))

    def _nested(self, body: Any) -> nodes.Predicate:
        unknown = set(body) - {"path", "query", "score_mode", "ignore_unmapped", "boost"}
        if unknown or self.nested is None or "path" not in body or "query" not in body:
            _refuse(f"[nested] has a path and a query, and not {', '.join(sorted(unknown)) or 'one of them alone'}")
        return self.nested(str(body["path"]), body["query"], bool(body.get("ignore_unmapped")))

    def _field(self, name: str) -> Field | None:
        """The field whose values a query sees: the objects of a nested one are seen by nested queries only."""
        found = self.schema.find(name)
        if found is not None and found.type == "nested":
            return None
        if found is not None and found.type not in EXACT_STRING_TYPES and found.exact:
            found = self.schema.find(found.exact)
        return found

    def _exists(self, body: Any) -> nodes.Predicate:
        found, _ = self._target(body["field"])
        return nodes.Exists(found) if found else nodes.NEVER

    def _term(self, body: Any) -> nodes.Predicate:
        name, value = _single(body, "value")
        insensitive = isinstance(next(iter(body.values())), Mapping) and next(iter(body.values())).get(
            "case_insensitive"
        )
        found = self._field(name)
        if found is None:
            return nodes.NEVER
        if insensitive:
            return nodes.Like(found, (patterns.escape(str(value)),), True)
        return self.literals.equal(found, (_constant(value),))

    def _target(self, name: str) -> tuple[Field | None, str]:
        """The field that has the values of a name, and how they are compared: exact, folded (``.caseless``), analysed (text)."""
        found = self.schema.find(name)
        above, _, last = name.rpartition(".")
        if last in MULTI_FIELDS and (found is None or not found.filled):
            parent = self._field(above)
            if parent is not None and parent.type in STRING_TYPES:
                return parent, MULTI_FIELDS[last]
        if found is not None and found.type in STRING_TYPES - EXACT_STRING_TYPES:
            return found if found.filled or not found.exact else self._field(name), "analysed"
        return self._field(name), "exact"

    def _match_phrase(self, body: Any) -> nodes.Predicate:
        name, value = _single(body, "query")
        found, how = self._target(name)
        if found is None:
            return nodes.NEVER
        if how == "folded":
            return nodes.Like(found, (patterns.escape(str(value)),), True)
        return _phrase(found, str(value)) if how == "analysed" else self.literals.equal(found, (_constant(value),))

    def _match(self, body: Any) -> nodes.Predicate:
        return self._match_phrase(body)

    def _terms(self, body: Any) -> nodes.Predicate:
        (name, values), *_ = [(key, value) for key, value in body.items() if key != "boost"]
        found = self._field(name)
        return self.literals.equal(found, tuple(map(_constant, values))) if found and values else nodes.NEVER

    def _range(self, body: Any) -> nodes.Predicate:
        (name, bounds), *_ = body.items()
        found = self._field(name)
        if found is None:
            return nodes.NEVER
        unknown = set(bounds) - {*RANGES, "format", "boost"}
        if unknown:
            _refuse(f"[range] has unknown parts: {', '.join(sorted(unknown))}")
        if "format" in bounds:
            found = replace(found, format=bounds["format"])
        return nodes.And(
            tuple(self.literals.range(found, RANGES[key], _constant(bounds[key])) for key in RANGES if key in bounds)
        )

    def _prefix(self, body: Any) -> nodes.Predicate:
        name, value = _single(body, "value")
        found = self._field(name)
        return nodes.Like(found, (patterns.escape(str(value)) + "*",), False) if found else nodes.NEVER

    def _wildcard(self, body: Any) -> nodes.Predicate:
        name, value = _single(body, "value")
        options = body[name] if isinstance(body[name], Mapping) else {}
        found, how = self._target(name)
        found = self._field(name) if how == "analysed" else found
        if found is None:
            return nodes.NEVER
        text = patterns.lucene_wildcard(str(options.get("wildcard", value)))
        return nodes.Like(found, (text,), how == "folded" or bool(options.get("case_insensitive")))


# Multi-fields that hold the values of the field above them, and how they compare.
MULTI_FIELDS = {"caseless": "folded", "text": "analysed"}
_WORDS = re.compile(r"\w+(?:[.':]\w+)*")
_END, _JOINT, _SIGN = "[^a-zA-Z0-9_.:']", "[.:']", "[^a-zA-Z0-9_]"
_BEFORE = f"(.*({_END}|{_SIGN}{_JOINT})|{_JOINT})?"
_AFTER = f"(({_END}|{_JOINT}{_SIGN}).*|{_JOINT})?"
_BETWEEN = f"({_SIGN}*{_END}{_SIGN}*|{_JOINT}{_SIGN}+)"
SUPPORTED = frozenset(
    {
        "match_all",
        "match_none",
        "bool",
        "exists",
        "term",
        "terms",
        "match_phrase",
        "match",
        "range",
        "prefix",
        "wildcard",
    }
)


def _phrase(field: Field, text: str) -> nodes.Predicate:
    """Some value has the words of the text one after the other, whatever their case, as a text field is analysed. Words end at
    what is neither letter, digit nor underline; a single dot, colon or apostrophe between letters ends none."""
    words = _WORDS.findall(text)
    if not words:
        return nodes.NEVER
    phrase = _BETWEEN.join(
        "".join(each if each.isalnum() or each == "_" else f"\\{each}" for each in word) for word in words
    )
    return nodes.Regex(field, f"{_BEFORE}{phrase}{_AFTER}", True)


def _single(body: Any, inner: str) -> tuple[str, Any]:
    (name, value), *_ = body.items()
    return name, value.get(inner, value.get("value")) if isinstance(value, Mapping) else value


def _constant(value: Any) -> typed.Constant:
    return typed.Constant(value, constant_type(value), NOWHERE)


def _list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _refuse(what: str) -> NoReturn:
    raise EqlError([Diagnostic("E0302", Severity.ERROR, f"filter: {what}")])
