"""Where Elasticsearch reads a text otherwise than its writer may think."""

from __future__ import annotations

import re
from collections.abc import Iterator

from falselight.diagnostics import Severity
from falselight.eql import syntax, walk
from falselight.lint.remark import Remark
from falselight.rules import Rule

_UNESCAPED = ("endswith", "stringcontains")
# Two backslashes within a path; elsewhere they name a host.
_DOUBLED = re.compile(r"(?:^[A-Za-z?]:|[A-Za-z0-9%)])\\\\")


def remarks(rule: Rule, tree: syntax.Query) -> Iterator[Remark]:
    """Remarks on the texts of all conditions."""
    for event in walk.filters(tree):
        for expression in _all(event.condition):
            match expression:
                case syntax.Match(operator=operator):
                    yield from _regex(rule, expression) if operator.startswith("regex") else _wildcard(rule, expression)
                case syntax.Membership():
                    yield from _membership(rule, expression)
                case syntax.Call():
                    yield from _call(rule, expression)


def _all(expression: syntax.Expression) -> Iterator[syntax.Expression]:
    pending = [expression]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(reversed(walk.children(current)))


def _regex(rule: Rule, match: syntax.Match) -> Iterator[Remark]:
    """Lucene always matches the whole value, and has no anchors."""
    for pattern in match.patterns:
        text = str(pattern.value)
        if text.startswith("^") or (text.endswith("$") and not text.endswith("\\$")):
            reason = f"Lucene takes `^` and `$` of [{text}] for letters: it matches whole values and has no anchors"
            fix = "leave them out; write `.*` where more may follow"
            yield Remark("L35", Severity.WARNING, reason, fix, rule, pattern.span)


def _wildcard(rule: Rule, match: syntax.Match) -> Iterator[Remark]:
    for pattern in match.patterns:
        if _DOUBLED.search(str(pattern.value)):
            reason = f"[{pattern.value}] asks for two backslashes, since a backslash of a pattern stands for itself"
            fix = 'one backslash: `\\\\` within "…", `\\` within three quotation marks'
            yield Remark("L37", Severity.NOTE, reason, fix, rule, pattern.span)


def _membership(rule: Rule, membership: syntax.Membership) -> Iterator[Remark]:
    operator = "in~" if membership.insensitive else "in"
    for item in membership.items:
        if isinstance(item, syntax.Literal) and isinstance(item.value, str) and "*" in item.value:
            reason = f"`{operator}` compares with the text [{item.value}] itself: its wildcards match nothing"
            yield Remark("L32", Severity.WARNING, reason, "use `:` (or `like`) with the list", rule, item.span)


def _call(rule: Rule, call: syntax.Call) -> Iterator[Remark]:
    """``endsWith`` and ``stringContains`` hand their constant to a wildcard query as it is; ``startsWith`` does not."""
    constant = call.arguments[1] if len(call.arguments) == 2 else None
    if not isinstance(constant, syntax.Literal) or not isinstance(constant.value, str):
        return
    if not isinstance(call.arguments[0], syntax.FieldName):
        return
    name, text = call.name.lower(), constant.value
    if name in _UNESCAPED and any(sign in text for sign in "*?\\"):
        reason = (
            f"Elasticsearch hands [{text}] of {call.name} to a wildcard query as it is: `*` and `?` in it are wildcards, and a "
            "backslash is eaten"
        )
        yield Remark("L36", Severity.NOTE, reason, "use `:` with the pattern that is meant", rule, constant.span)
    elif name == "startswith" and "*" in text:
        reason = f"startsWith compares with the text [{text}] itself: its wildcards match nothing"
        yield Remark("L32", Severity.WARNING, reason, "use `:` with the pattern", rule, constant.span)
