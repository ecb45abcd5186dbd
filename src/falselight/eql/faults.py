"""Gathers the checker's diagnostics of one query, and names values and types in Elasticsearch's words."""

from __future__ import annotations

from dataclasses import dataclass, field

from falselight.diagnostics import Diagnostic, EqlError, Label, Severity
from falselight.ecs.schema import DATE_TYPES, NUMBER_TYPES, STRING_TYPES
from falselight.eql import syntax
from falselight.source import Source, Span

ORDINALS = ("first", "second", "third", "fourth", "fifth")


@dataclass
class Faults:
    """All that is wrong with one query, in the order found."""

    source: Source
    found: list[Diagnostic] = field(default_factory=list)

    def add(
        self, code: str, message: str, span: Span, *, help: str | None = None, secondary: Label | None = None
    ) -> None:
        labels = (Label(span), secondary) if secondary else (Label(span),)
        self.found.append(Diagnostic(code, Severity.ERROR, message, labels, help, self.source))

    def raise_if_any(self) -> None:
        if self.found:
            raise EqlError(self.found)

    def text(self, span: Span) -> str:
        """The query's own words at a place, shortened."""
        words = self.source.text[span.start : span.end]
        return words if len(words) <= 200 else words[:199] + "…"


def family(type_name: str) -> str:
    """Types that compare with each other; empty where a type stands alone."""
    if type_name in STRING_TYPES:
        return "string"
    if type_name in NUMBER_TYPES:
        return "number"
    if type_name in DATE_TYPES:
        return "date"
    return type_name if type_name in ("boolean", "ip", "version") else ""


def described(expression: syntax.Expression, words: str) -> str:
    """``value [1]`` for a constant, ``value [f]`` otherwise: how Elasticsearch names what it found."""
    if isinstance(expression, syntax.Literal) and isinstance(expression.value, str):
        return f"value [{expression.value}]"
    return f"value [{words}]"
