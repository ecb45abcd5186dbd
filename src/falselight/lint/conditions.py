"""Remarks on single conditions: case, wildcards, names, addresses, cost, contradictions."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from falselight.diagnostics import Severity
from falselight.ecs.schema import EXACT_STRING_TYPES, Schema
from falselight.eql import syntax, walk
from falselight.lint.remark import Remark
from falselight.rules import Rule
from falselight.source import Span

_NAME_ENDS = (".domain", ".server_name", "dns.question.name", ".registered_domain", "url.domain")
# Names under which adversaries rent servers, or get one for a trial.
_CLOUDS = ("amazonaws.com", "azure.com", "azurewebsites.net", "cloudapp.net", "googleapis.com", "googleusercontent.com",
           "cloudfront.net", "azureedge.net", "windows.net", "digitaloceanspaces.com", "cloudflare.com",
           "akamaiedge.net", "herokuapp.com")  # fmt: skip
_LOOPBACK = "127.0.0.0/8"
_PRIVATE = (_LOOPBACK, "10.0.0.0/8", "192.168.0.0/16", "172.16.0.0/12")
_MANY_LEADING = 25
_LEFT_OUT, _NEITHER, _ASKED = -1, 0, 1
# Fields whose values keep the case that the system gave them; programs' names differ by caller.
_BY_CASE = (
    "process.name",
    "process.parent.name",
    "process.executable",
    "file.name",
    "file.path",
    "registry.path",
    "dll.name",
)


def remarks(rule: Rule, tree: syntax.Query, schema: Schema) -> Iterator[Remark]:
    """All remarks on the conditions of a query."""
    for event in walk.filters(tree):
        for expression, negated, parent in _walked(event.condition):
            match expression:
                case syntax.Comparison():
                    yield from _comparison(rule, expression, schema)
                case syntax.Match():
                    yield from _match(rule, expression, negated)
                case syntax.Call(name=name) if name.lower() == "cidrmatch":
                    yield from _addresses(rule, expression, negated)
                case syntax.And():
                    yield from _twice(rule, expression)
                case syntax.Or():
                    yield from _twice(rule, expression)
                    yield from _precedence(rule, expression)
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


def _comparison(rule: Rule, expression: syntax.Comparison, schema: Schema) -> Iterator[Remark]:
    name, value = expression.left, expression.right
    if (
        not isinstance(name, syntax.FieldName)
        or not isinstance(value, syntax.Literal)
        or not isinstance(value.value, str)
    ):
        return
    if expression.operator not in ("==", "!="):
        return
    text = value.value
    if "*" in text or text.endswith("?"):
        reason = f"`{expression.operator}` compares with the text [{text}] itself: its wildcards match nothing"
        yield Remark("L32", Severity.WARNING, reason, f'{name.name} : "{text}"', rule, expression.span)
        return
    entry = schema.find(name.name)
    exact = entry is not None and entry.type in EXACT_STRING_TYPES
    if exact and name.name in _BY_CASE and any(letter.isalpha() for letter in text) and not _linux(rule):
        reason = f"`{expression.operator}` tells {text} from {text.swapcase()}, and Windows does not"
        fix = f'{name.name} : "{text}"' if expression.operator == "==" else f'not {name.name} : "{text}"'
        yield Remark("L31", Severity.NOTE, reason, fix, rule, expression.span)


def _linux(rule: Rule) -> bool:
    """Whether a rule is for systems whose names have a case."""
    tags = {tag.lower() for tag in rule.tags}
    return not tags & {"os: windows", "windows"} and bool(tags & {"os: linux", "os: macos", "linux", "macos"})


def _match(rule: Rule, expression: syntax.Match, negated: bool) -> Iterator[Remark]:
    texts = [(str(pattern.value), pattern.span) for pattern in expression.patterns]
    field = expression.operand.name if isinstance(expression.operand, syntax.FieldName) else ""
    if field.endswith(_NAME_ENDS):
        yield from _names(rule, field, texts, negated)
    if expression.operator.startswith("regex"):
        for text, span in texts:
            if text.startswith(".*") or text.count(".*") > 3:
                reason = f"the pattern [{text}] begins anywhere: every value is tried at every place"
                yield Remark(
                    "L33", Severity.NOTE, reason, "begin the pattern with what the value begins with", rule, span
                )
    leading = sum(text.startswith("*") for text, _ in texts)
    if leading > _MANY_LEADING:
        reason = f"{leading} patterns begin with a wildcard: no index helps, every value is tried with each"
        yield Remark(
            "L33",
            Severity.NOTE,
            reason,
            "compare a part that stands whole in a field (a name instead of a path)",
            rule,
            expression.span,
        )


def _names(rule: Rule, field: str, texts: list[tuple[str, Span]], negated: bool) -> Iterator[Remark]:
    for text, span in texts:
        rest = text.lstrip("*")
        if text.startswith("*") and rest and not rest.startswith(".") and "." in rest and "*" not in rest:
            hidden = ", and leaves it out" if negated else ""
            reason = f"[{text}] also matches evil{rest}{hidden}: the wildcard does not stop at a dot"
            severity = Severity.WARNING if negated else Severity.NOTE
            yield Remark("L30", severity, reason, f'"{rest}", "*.{rest}"', rule, span)
    clouds = [(text, span) for text, span in texts if text.lstrip("*.").lower().endswith(_CLOUDS)]
    if negated and clouds:
        named = ", ".join(text.lstrip("*.") for text, _ in clouds[:4])
        reason = f"servers are rented under {named}: leaving these names out of {field} hides an adversary's there"
        fix = "leave out the process and the exact service together, or let the name lower a score"
        yield Remark("L40", Severity.WARNING, reason, fix, rule, clouds[0][1])


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
        text = " ".join(rule.query[part.span.start : part.span.end].split())
        if text in seen and not isinstance(part, syntax.Literal):
            yield Remark("L22", Severity.NOTE, f"[{text[:80]}] stands here twice", "leave one out", rule, part.span)
        seen[text] = part


def _precedence(rule: Rule, expression: syntax.Or) -> Iterator[Remark]:
    """``a or b and c`` without brackets: what binds first is easily misread."""
    for part in expression.operands:
        before = rule.query[: part.span.start].rstrip()
        if isinstance(part, syntax.And) and not before.endswith("("):
            reason = "`and` binds before `or`: this `and` is one alternative"
            yield Remark("L34", Severity.NOTE, reason, "put the alternative in brackets", rule, part.span)
            return
