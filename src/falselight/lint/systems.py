"""The operating systems that an event filter is about."""

from __future__ import annotations

from falselight.eql import syntax
from falselight.lint import leaves
from falselight.rules import Rule

WINDOWS, LINUX, MACOS = "windows", "linux", "macos"
ALL = frozenset({WINDOWS, LINUX, MACOS})
# Elastic Defend has such events of these systems only.
_BY_CATEGORY = {"registry": frozenset({WINDOWS}), "library": frozenset({WINDOWS, MACOS})}


def of(rule: Rule, event: syntax.EventFilter) -> frozenset[str]:
    """Those that the filter asks for, else those of the rule's tags; of these such as have events of its category."""
    able = _BY_CATEGORY.get(event.category or "", ALL)
    found = _asked(event.condition) or _tagged(rule)
    return (found & able) or able


def _asked(condition: syntax.Expression) -> frozenset[str]:
    parts = condition.operands if isinstance(condition, syntax.And) else (condition,)
    for part in parts:
        leaf = leaves.leaf(part)
        if leaf is not None and leaf.field == "host.os.type" and not leaf.negated and leaf.patterns:
            return frozenset(str(pattern).lower() for pattern in leaf.patterns) & ALL
    return frozenset()


def _tagged(rule: Rule) -> frozenset[str]:
    tags = {tag.lower().removeprefix("os:").strip() for tag in rule.tags}
    return frozenset(tags & ALL)
