"""Remarks on names of servers: wildcards that do not stop at a dot, and names that anyone can have."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from falselight.diagnostics import Severity
from falselight.eql import syntax
from falselight.eql.patterns import fold
from falselight.infrastructure.hosting import shared_endings
from falselight.lint import leaves
from falselight.lint.leaves import Pattern
from falselight.lint.remark import Remark
from falselight.mappings.network import domain_parts
from falselight.rules import Rule

_NAME_ENDS = (".domain", ".server_name", "dns.question.name", ".registered_domain", "url.domain")
# Clouds and content networks below whose names customers have theirs, beside those of free tiers (infrastructure/hosting.toml).
_CLOUDS = ("amazonaws.com", "azure.com", "azureedge.net", "windows.net", "trafficmanager.net", "googleapis.com",
           "googleusercontent.com", "cloudfront.net", "akamaiedge.net", "cloudflarestorage.com",
           "digitaloceanspaces.com")  # fmt: skip


def remarks(rule: Rule, expression: syntax.Expression, *, negated: bool) -> Iterator[Remark]:
    """Remarks on the patterns of one condition on a field of names. ``negated``: what it matches is left out."""
    if not isinstance(expression, syntax.Match | syntax.Call):
        return
    leaf = leaves.leaf(expression)
    if leaf is None or not leaf.field.endswith(_NAME_ENDS):
        return
    for pattern in leaf.patterns:
        yield from _loose(rule, pattern, negated)
    hosted = [(name, pattern) for pattern in leaf.patterns if (name := _hosted(pattern)) is not None]
    if negated and hosted:
        named = ", ".join(dict.fromkeys(name for name, _ in hosted[:4]))
        reason = f"servers are rented under {named}: leaving these names out of {leaf.field} hides an adversary's there"
        fix = "leave out the process and the exact service together, or let the name lower a score"
        yield Remark("L40", Severity.WARNING, reason, fix, rule, hosted[0][1].span)


def _loose(rule: Rule, pattern: Pattern, negated: bool) -> Iterator[Remark]:
    """A pattern that also matches names that anyone can register."""
    text = str(pattern)
    name = text.strip("*")
    if pattern.is_literal or not name or "*" in name or "?" in name:
        return
    hidden = ", and leaves it out" if negated else ""
    severity = Severity.WARNING if negated else Severity.NOTE
    front, back = text.startswith("*"), text.endswith("*")
    if front and not back and not name.startswith(".") and _is_registered(name):
        reason = f"[{text}] also matches evil{name}{hidden}: the wildcard does not stop at a dot"
        yield Remark("L30", severity, reason, f'"{name}", "*.{name}"', rule, pattern.span)
    elif back and not front and (negated if name.endswith(".") else _is_registered(name)):
        reason = f"[{text}] also matches {name.rstrip('.')}.evil.example{hidden}: whose a name is stands at its end"
        yield Remark("L30", severity, reason, "whole names", rule, pattern.span)
    elif front and back and negated:
        reason = f"[{text}] leaves out every name that has [{name}] in it, and anyone can register one"
        yield Remark("L30", severity, reason, "whole names", rule, pattern.span)


def _is_registered(name: str) -> bool:
    """Whether a name is one that is registered, so that letters before it make another owner's; not one below such."""
    registered, _, _ = domain_parts(name)
    return "." in name and (registered is None or registered == name)


def _hosted(pattern: Pattern) -> str | None:
    """The name below which anyone can have one that a pattern stands below, or all of whose names it covers."""
    name = fold(str(pattern)).lstrip("*.")
    if pattern.is_literal or "*" in name or "?" in name:
        return None
    above = next((own for own in _endings() if name == own or name.endswith(f".{own}")), None)
    if above is not None:
        return name
    text = fold(pattern.text)
    return next(
        (
            own
            for own in _endings()
            if leaves.covers(Pattern(text, True, pattern.span), Pattern(f"*.{own}", True, pattern.span))
        ),
        None,
    )


@cache
def _endings() -> tuple[str, ...]:
    return tuple(dict.fromkeys((*_CLOUDS, *sorted(shared_endings()))))
