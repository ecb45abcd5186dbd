"""Remarks on what a search engine pays for patterns."""

from __future__ import annotations

import re
from collections.abc import Iterator

from falselight.diagnostics import Severity
from falselight.ecs.schema import Schema
from falselight.eql import syntax
from falselight.lint.remark import Remark
from falselight.rules import Rule

_MANY_LEADING, _MANY_STARS, _MANY_GAPS = 25, 5, 3
# A field of type wildcard has its values' parts of three letters in its index.
_INDEXED, _PART = "wildcard", 3
_ESCAPED = re.compile(r"\\.")
_NOT_PLAIN = re.compile(r"\[[^\]]*\]|\{[^}]*\}|[^A-Za-z0-9_/:=%, -]")


def remarks(rule: Rule, expression: syntax.Match, schema: Schema) -> Iterator[Remark]:
    """What the patterns of one condition cost."""
    field = expression.operand.name if isinstance(expression.operand, syntax.FieldName) else ""
    entry = schema.find(field)
    indexed = entry is not None and entry.type == _INDEXED
    if expression.operator.startswith("regex"):
        yield from _expressions(rule, expression, indexed)
    else:
        yield from _wildcards(rule, expression, indexed)


def _expressions(rule: Rule, expression: syntax.Match, indexed: bool) -> Iterator[Remark]:
    for pattern in expression.patterns:
        text = str(pattern.value)
        if indexed and any(len(part) >= _PART for part in _NOT_PLAIN.split(_ESCAPED.sub("\0", text))):
            continue
        gaps = text.count(".*")
        if text.startswith(".*"):
            reason = f"the pattern [{text}] begins anywhere: every value is tried at every place"
            fix = "begin the pattern with what the value begins with"
        elif gaps > _MANY_GAPS:
            reason = f"the pattern [{text}] has {gaps} gaps of any length: each is tried at every place of a value"
            fix = "say what stands between"
        else:
            continue
        yield Remark("L33", Severity.NOTE, reason, fix, rule, pattern.span)


def _wildcards(rule: Rule, expression: syntax.Match, indexed: bool) -> Iterator[Remark]:
    texts = [(str(pattern.value), pattern.span) for pattern in expression.patterns]
    for text, span in texts:
        if text.count("*") > _MANY_STARS:
            reason = f"[{text[:80]}] has {text.count('*')} wildcards: each is tried at every place of a value"
            yield Remark("L33", Severity.NOTE, reason, "compare its parts one by one, joined with `and`", rule, span)
    leading = sum(text.startswith("*") and not (indexed and _is_indexed(text)) for text, _ in texts)
    if leading > _MANY_LEADING:
        reason = f"{leading} patterns begin with a wildcard: no index helps, every value is tried with each"
        fix = "compare a part that stands whole in a field (a name instead of a path)"
        yield Remark("L33", Severity.NOTE, reason, fix, rule, expression.span)


def _is_indexed(text: str) -> bool:
    return any(len(part) >= _PART for part in re.split(r"[*?]", text))
