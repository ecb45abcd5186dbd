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

# A backslash and what it stands before.
_ESCAPED = re.compile(r"\\(?s:.)")
# Signs outside of classes that other regular expressions take for letters.
_OPERATOR = re.compile(r"(?:\[[^\]]*\]|[^\[#@~&<\"])*+(?:([#@~&\"])|(<[^>]*>))")
_OPERATORS = {
    "#": "nothing at all matches it",
    "@": "it matches any text",
    "~": "it turns what follows round",
    "&": "both sides must match the same text",
    '"': "what stands between two of them is text",
    "<": "it is a range of numbers",
}


def remarks(rule: Rule, tree: syntax.Query) -> Iterator[Remark]:
    """Remarks on the texts of all conditions."""
    for event in walk.filters(tree):
        for expression in _all(event.condition):
            match expression:
                case syntax.Match(operator=operator):
                    yield from _regex(rule, expression) if operator.startswith("regex") else _wildcard(rule, expression)
                case syntax.Call():
                    yield from _call(rule, expression)


def _all(expression: syntax.Expression) -> Iterator[syntax.Expression]:
    pending = [expression]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(reversed(walk.children(current)))


def _regex(rule: Rule, match: syntax.Match) -> Iterator[Remark]:
    """Lucene always matches the whole value, has no anchors, and has operators of its own."""
    for pattern in match.patterns:
        text = str(pattern.value)
        operator = _OPERATOR.match(_ESCAPED.sub("  ", text))
        if operator is not None:
            sign = operator.group(1) or operator.group(2)
            reason = f"Lucene reads `{sign}` of [{text}] as an operator: {_OPERATORS[sign[0]]}"
            fix = f"write a backslash before it where it is meant as a letter: \\{sign[0]}"
            yield Remark("L38", Severity.WARNING, reason, fix, rule, pattern.span)
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


def _call(rule: Rule, call: syntax.Call) -> Iterator[Remark]:
    """``endsWith`` and ``stringContains`` hand their constant to a wildcard query as it is; ``startsWith`` does not. A sign that
    a backslash stands before is meant as it is."""
    constant = call.arguments[1] if len(call.arguments) == 2 else None
    if not isinstance(constant, syntax.Literal) or not isinstance(constant.value, str):
        return
    if not isinstance(call.arguments[0], syntax.FieldName):
        return
    name, text = call.name.lower(), constant.value
    if name in _UNESCAPED and any(sign in _ESCAPED.sub("", text) for sign in "*?\\"):
        reason = (
            f"Elasticsearch hands [{text}] of {call.name} to a wildcard query as it is: `*` and `?` in it are wildcards, and a "
            "backslash is eaten"
        )
        fix = "put a backslash before a sign that is meant as it is; use `:` where a pattern is meant"
        yield Remark("L36", Severity.NOTE, reason, fix, rule, constant.span)
    elif name == "startswith" and "*" in text:
        reason = f"startsWith compares with the text [{text}] itself: its wildcards match nothing"
        yield Remark("L32", Severity.WARNING, reason, "use `:` with the pattern", rule, constant.span)
