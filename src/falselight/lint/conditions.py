"""Remarks on single conditions, each by the room that it belongs in; here constants, addresses, repetitions and brackets."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from itertools import pairwise

from falselight.diagnostics import Severity
from falselight.ecs.schema import Schema
from falselight.eql import syntax, walk
from falselight.eql.lexer import lex, one_line
from falselight.eql.patterns import fold
from falselight.lint import cost, letters, names, systems
from falselight.lint.remark import Remark
from falselight.rules import Rule
from falselight.source import Source

_LOOPBACK = "127.0.0.0/8"
_PRIVATE = (_LOOPBACK, "10.0.0.0/8", "192.168.0.0/16", "172.16.0.0/12")
_LEFT_OUT, _NEITHER, _ASKED = -1, 0, 1


def remarks(rule: Rule, tree: syntax.Query, schema: Schema) -> Iterator[Remark]:
    """All remarks on the conditions of a query."""
    opened = _opened(rule)
    for event in walk.filters(tree):
        own = systems.of(rule, event)
        for expression, negated, parent in _walked(event.condition):
            yield from names.remarks(rule, expression, negated=negated)
            yield from letters.remarks(rule, expression, own)
            match expression:
                case syntax.Call(name=name) if name.lower() == "cidrmatch":
                    yield from _addresses(rule, expression, negated)
                case syntax.Match():
                    yield from cost.remarks(rule, expression, schema)
                    yield from _listed_twice(rule, expression)
                case syntax.And():
                    yield from _twice(rule, expression)
                case syntax.Or():
                    yield from _twice(rule, expression)
                    yield from _precedence(rule, expression, opened)
                case syntax.Literal(value=value) if isinstance(value, bool) and (
                    isinstance(parent, syntax.And | syntax.Or | syntax.Not) or (parent is None and not value)
                ):
                    code = "L21" if value != negated else "L20"
                    yield Remark(
                        code,
                        Severity.WARNING,
                        "a constant decides this condition",
                        "leave it out",
                        rule,
                        expression.span,
                    )


def _walked(expression: syntax.Expression) -> Iterator[tuple[syntax.Expression, bool, syntax.Expression | None]]:
    """Every sub-expression, whether a ``not`` leaves out all that satisfies it, and what it stands in. What a ``not`` leaves
    out only together with something else (``not (a and b)``) is not left out. Depth is bounded by the parser."""
    pending: list[tuple[syntax.Expression, int, syntax.Expression | None]] = [(expression, _ASKED, None)]
    while pending:
        current, state, above = pending.pop()
        yield current, state == _LEFT_OUT, above
        inner = -state if isinstance(current, syntax.Not) else state
        if isinstance(current, syntax.And) and state == _LEFT_OUT:
            inner = _NEITHER
        pending.extend((each, inner, current) for each in reversed(walk.children(current)))


def _addresses(rule: Rule, call: syntax.Call, negated: bool) -> Iterator[Remark]:
    texts = [
        each.value for each in call.arguments[1:] if isinstance(each, syntax.Literal) and isinstance(each.value, str)
    ]
    if not negated:
        return
    excluded = [private for private in _PRIVATE if any(_covers(text, private) for text in texts)]
    if excluded:
        loopback, laboratory = excluded[0] == _LOOPBACK, excluded[-1] != _LOOPBACK
        places = ["on loopback"] * loopback + ["in a private laboratory"] * laboratory
        reason = f"the rule leaves out {', '.join(excluded)}: no test {' or '.join(places)} can fire it"
        yield Remark(
            "L41", Severity.NOTE, reason, "test it with documentation addresses (203.0.113.0/24)", rule, call.span
        )


def _covers(text: str, private: str) -> bool:
    try:
        network, other = ipaddress.ip_network(text, strict=False), ipaddress.ip_network(private)
    except ValueError:
        return False
    return (
        network.version == 4
        and isinstance(network, ipaddress.IPv4Network)
        and isinstance(other, ipaddress.IPv4Network)
        and other.subnet_of(network)
    )


def _twice(rule: Rule, expression: syntax.And | syntax.Or) -> Iterator[Remark]:
    seen: dict[str, syntax.Expression] = {}
    for part in expression.operands:
        text = one_line(rule.query[part.span.start : part.span.end])
        if text in seen and not isinstance(part, syntax.Literal):
            yield Remark("L22", Severity.NOTE, f"[{text[:80]}] stands here twice", "leave one out", rule, part.span)
        seen[text] = part


def _listed_twice(rule: Rule, expression: syntax.Match) -> Iterator[Remark]:
    """A pattern that an earlier one of its list is as well."""
    seen: set[str] = set()
    for pattern in expression.patterns:
        text = str(pattern.value)
        text = text if expression.operator in ("like", "regex") else fold(text)
        if text in seen:
            yield Remark("L22", Severity.NOTE, f"[{text[:80]}] stands here twice", "leave one out", rule, pattern.span)
        seen.add(text)


def _opened(rule: Rule) -> frozenset[int]:
    """Where the query has the first token behind an opening bracket."""
    found = lex(Source(rule.query, rule.name))
    return frozenset(after.start for before, after in pairwise(found) if before.text == "(")


def _precedence(rule: Rule, expression: syntax.Or, opened: frozenset[int]) -> Iterator[Remark]:
    """``a or b and c`` without brackets: what binds first is easily misread. The span of an ``and`` begins behind its bracket."""
    for part in expression.operands:
        if isinstance(part, syntax.And) and part.span.start not in opened:
            reason = "`and` binds before `or`: this `and` is one alternative"
            yield Remark("L34", Severity.NOTE, reason, "put the alternative in brackets", rule, part.span)
            return
