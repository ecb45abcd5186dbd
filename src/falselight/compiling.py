"""``compile``: what a query becomes at each stage, as text to read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from falselight.diagnostics import Diagnostic, EqlError, Severity
from falselight.ecs.schema import Field, Schema
from falselight.eql import walk
from falselight.eql.checker import Options, check
from falselight.eql.lexer import lex
from falselight.eql.parser import parse
from falselight.plan import nodes
from falselight.plan.limits import combine
from falselight.plan.lower import lower
from falselight.plan.rewrite import rewrite
from falselight.source import Source, Span
from falselight.sql import emit, samples

STAGES = ("tokens", "syntax", "typed", "plan", "sql")
ENGINES = ("duckdb", "elasticsearch")
HIDDEN = frozenset({"span", "name_span", "operator_span", "source"})


def compile(
    query: str | Source,
    schema: Schema,
    *,
    stage: str = "sql",
    engine: str = "duckdb",
    options: Options | None = None,
    table: str = "events",
) -> str:
    """The text of one stage (``STAGES``) of a query's compilation. Elasticsearch takes the EQL itself. Raises
    ``EqlError`` where an earlier stage refuses the query."""
    source = query if isinstance(query, Source) else Source(query)
    options = options or Options()
    if stage not in STAGES or engine not in ENGINES:
        known = f"stages are {', '.join(STAGES)}; engines are {', '.join(ENGINES)}"
        raise EqlError([Diagnostic("E0490", Severity.ERROR, f"Unknown stage or engine [{stage}, {engine}]: {known}")])
    if stage == "tokens":
        return "\n".join(_tokens(source))
    tree = parse(source)
    if stage == "syntax":
        return "\n".join(_drawn(tree, 0))
    typed_query = check(tree, assumed(schema, walk.field_names(tree), options), options)
    if stage == "typed":
        return "\n".join(_drawn(typed_query, 0))
    if stage == "sql" and engine == "elasticsearch":
        return source.text.strip()
    plan = lower(rewrite(typed_query), options)
    return "\n".join(_drawn(plan, 0)) if stage == "plan" else sql(plan, table)


def assumed(schema: Schema, names: list[str], options: Options) -> Schema:
    """The schema as if data filled these fields, and the ones that every query uses: there is no data to ask."""
    used = [*names, options.timestamp_field, options.event_category_field, options.tiebreaker_field or ""]
    found = [entry for name in used if (entry := schema.find(name)) is not None]
    exact = [entry for each in found if each.exact and (entry := schema.find(each.exact)) is not None]
    return schema.with_fields({entry.name: replace(entry, filled=True) for entry in (*found, *exact)})


def sql(plan: nodes.Plan, table: str = "events") -> str:
    """The statement that a plan is for DuckDB."""
    if isinstance(plan, nodes.SamplePlan):
        return samples.candidates(plan, table)
    window = combine(plan.limits)
    return emit.matches(plan, table, window if window.count is not None else None)


def _tokens(source: Source) -> Iterator[str]:
    for token in lex(source):
        line, column = source.position(token.start)
        yield f"{line}:{column}\t{token.kind}\t{token.text}".rstrip()


def _drawn(node: Any, depth: int, label: str = "") -> Iterator[str]:
    """One line for every node; its parts below it, further in."""
    margin = "  " * depth + (f"{label}: " if label else "")
    if isinstance(node, Field):
        yield f"{margin}{node.name} ({node.type}{', several values' if node.many else ''})"
    elif is_dataclass(node) and not isinstance(node, Span):
        parts = [(part.name, getattr(node, part.name)) for part in fields(node) if part.name not in HIDDEN]
        plain = [f"{name}={value!r}" for name, value in parts if not _is_tree(value)]
        yield f"{margin}{type(node).__name__}{' ' + ' '.join(plain) if plain else ''}"
        for name, value in parts:
            if _is_tree(value):
                yield from _drawn(value, depth + 1, name)
    elif isinstance(node, tuple):
        if label:
            yield f"{margin.rstrip()}"
        for each in node:
            yield from _drawn(each, depth + 1)
    else:
        yield f"{margin}{node!r}"


def _is_tree(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(_is_tree(each) for each in value)
    return is_dataclass(value) and not isinstance(value, Span)
