"""One remark about a rule, and the register of their codes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from falselight.diagnostics import Diagnostic, Label, Severity
from falselight.rules import Rule
from falselight.source import Source, Span

# Code → what it is about. The manual explains each with an example (specs/lint.md).
CODES = {
    "L01": "the query is refused",
    "L02": "the look-back is shorter than maxspan and interval",
    "L03": "a schedule that leaves something unsearched",
    "L04": "overlapping windows use up max_signals",
    "L05": "max_signals is above what Kibana writes",
    "L06": "pauses longer than maxspan allows never match",
    "L07": "a sequence that no key joins",
    "L08": "a sequence without maxspan",
    "L10": "a field that no named index fills",
    "L11": "`not` also passes events without the field",
    "L12": "a category that no named index has",
    "L20": "a condition that is never true",
    "L21": "a condition that is always true",
    "L22": "a condition that says a thing twice",
    "L23": "an alternative that a `not` leaves out",
    "L30": "a wildcard that matches more than a domain",
    "L31": "letters are compared by case",
    "L32": "a wildcard is taken literally",
    "L33": "an expression that is costly",
    "L34": "`and` binds before `or`",
    "L35": "an anchor in a regular expression is a letter",
    "L36": "a constant that Elasticsearch takes for a pattern",
    "L37": "a doubled backslash in a pattern",
    "L38": "an operator of Lucene's regular expressions",
    "L40": "names of rented clouds are left out",
    "L41": "private and loopback addresses are left out: a laboratory cannot fire it",
    "L50": "a case that fails",
    "L51": "no case proves the rule",
    "L60": "suppression by a field that a sequence's events need not share",
    "L61": "an exception that leaves out everything",
    "L62": "suppression that ends before the look-back",
    "L63": "suppression of sequences within one run only",
    "L64": "blocks use up max_signals",
    "L65": "an exception that looks for objects where there are none",
    "L66": "an exception that no event can meet",
}


@lru_cache(maxsize=1)
def _source(query: str, name: str) -> Source:
    """One source for all remarks of a rule, since it knows where lines begin."""
    return Source(query, name)


@dataclass(frozen=True)
class Remark:
    """``span`` is the place in the rule's query, None where it is about the rule. ``reason`` stands alone; ``fix`` says what
    to write instead."""

    code: str
    severity: Severity
    reason: str
    fix: str
    rule: Rule
    span: Span | None = None

    def diagnostic(self) -> Diagnostic:
        """As every message is drawn. Without a place in a query it names the rule, since a file can hold many."""
        if self.span is None:
            message = f"Rule [{self.rule.name}]: {self.reason}"
            return Diagnostic(self.code, self.severity, message, help=self.fix, path=self.rule.path)
        source = _source(self.rule.query, self.rule.name)
        return Diagnostic(self.code, self.severity, self.reason, (Label(self.span),), self.fix, source, self.rule.path)

    def to_dict(self) -> dict[str, Any]:
        """As JSON: the diagnostic, and which rule it is of."""
        return {**self.diagnostic().to_dict(), "rule": {"id": self.rule.id, "name": self.rule.name}}
