"""All remarks on rules."""

from __future__ import annotations

from collections.abc import Iterator

from falselight.diagnostics import EqlError, Severity
from falselight.ecs import release
from falselight.ecs.schema import Schema
from falselight.eql.parser import parse
from falselight.hunting import options
from falselight.lint import conditions, logic, proof, quirks, schedule, telemetry
from falselight.lint.remark import Remark
from falselight.rules import Pack, Rule
from falselight.searching import plan
from falselight.source import Source


def lint(pack: Pack) -> Iterator[Remark]:
    """The remarks on every EQL rule of the pack, in the order of the rules and, within one, of their places."""
    schema = release.schema()
    for rule in pack.rules:
        if rule.is_eql:
            found: dict[tuple[str, object], Remark] = {}
            for remark in _rule(rule, pack, schema):
                found.setdefault((remark.code, remark.span or remark.reason), remark)
            yield from sorted(
                found.values(), key=lambda remark: (remark.span.start if remark.span else -1, remark.code)
            )


def _rule(rule: Rule, pack: Pack, schema: Schema) -> Iterator[Remark]:
    source = Source(rule.query, rule.name)
    try:
        tree = parse(source)
        plan(source, schema, options(rule))
    except EqlError as fault:
        for diagnostic in fault.diagnostics:
            span = diagnostic.labels[0].span if diagnostic.labels else None
            yield Remark(
                "L01", Severity.ERROR, diagnostic.message, diagnostic.help or "see specs/errors.md", rule, span
            )
        return
    yield from schedule.remarks(rule, tree)
    yield from telemetry.remarks(rule, tree)
    yield from conditions.remarks(rule, tree, schema)
    yield from logic.remarks(rule, tree)
    yield from quirks.remarks(rule, tree)
    yield from proof.remarks(rule, tree, pack)
