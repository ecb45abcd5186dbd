"""Conditions that contradict each other, or leave nothing out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from falselight.diagnostics import Severity
from falselight.eql import syntax, walk
from falselight.eql.lexer import one_line
from falselight.lint import leaves
from falselight.lint.leaves import Interval, Leaf, Network
from falselight.lint.remark import Remark
from falselight.rules import Rule
from falselight.source import Span

# Leaves of one field that are compared with each other, and patterns of two leaves: hand-written rules stay far below.
MOST_LEAVES, MOST_PAIRS = 60, 20_000
# What numbers can be, by how the names of their fields end.
_NUMBERS = {
    ".port": Interval(0, 65_535),
    **dict.fromkeys((".pid", ".bytes", ".packets", ".size", ".args_count", ".duration"), Interval(low=0)),
}
# Fields that ECS gives as lists: two different values may both be there.
_MANY = frozenset(
    {
        "event.type", "event.category", "process.args", "process.parent.args", "related.ip", "related.user", "host.ip", "tags",
        "dns.answers.data", "dns.resolved_ip", "file.attributes", "user.roles", "container.security_context.capabilities",
    }
)  # fmt: skip


def remarks(rule: Rule, tree: syntax.Query) -> Iterator[Remark]:
    """What can never hold and what always does, in every filter of a query."""
    for event in walk.filters(tree):
        yield from _visited(rule, event.condition, [])


def _visited(rule: Rule, expression: syntax.Expression, known: list[Leaf]) -> Iterator[Remark]:
    """``known`` are leaves that hold around. The parser bounds the depth."""
    match expression:
        case syntax.And():
            parts = _flat(expression)
            yield from _opposites(rule, parts, "L20", "stands here with and without `not`: both never hold")
            yield from _conjunction(rule, parts, known)
            for part in parts:
                if isinstance(part, syntax.Or):
                    yield from _visited(rule, part, [*known, *_leaves(other for other in parts if other is not part)])
                else:
                    yield from _visited(rule, part, [])
        case syntax.Or(operands=operands):
            reason = "stands here with and without `not`: one of the two always holds"
            yield from _opposites(rule, operands, "L21", reason)
            yield from _disjunction(rule, operands)
            for part in operands:
                if not isinstance(part, syntax.And):
                    yield from _conjunction(rule, [part], known)
                yield from _visited(rule, part, known)
            yield from _everything(rule, operands)
        case syntax.Not(operand=operand):
            yield from _visited(rule, operand, [])
        case syntax.Comparison() if list(walk.fields(expression)):
            yield from _possible(rule, expression)
        case syntax.Comparison():
            yield Remark("L20", Severity.WARNING, "no field stands in it", "compare a field", rule, expression.span)


def _possible(rule: Rule, expression: syntax.Comparison) -> Iterator[Remark]:
    """A number that no value of its field has, or that tells none from another."""
    found = leaves.leaf(expression)
    able = next((able for end, able in _NUMBERS.items() if found is not None and found.field.endswith(end)), None)
    if found is None or able is None or not found.intervals:
        return
    told = f"{found.field} is {_range(able.low, able.high, False, False)}"
    if all(each.is_apart(able) for each in found.intervals):
        code, reason = ("L21", "leaves nothing out") if found.negated else ("L20", "never holds")
        fix = "compare with a number that it can be"
    elif any(each.holds(able) for each in found.intervals) and not found.negated:
        code, reason = "L21", "holds for every event that has the field"
        fix = f"{found.field} != null"
    else:
        return
    yield Remark(code, Severity.WARNING, f"{told}: this {reason}", fix, rule, expression.span)


def _flat(expression: syntax.And) -> list[syntax.Expression]:
    found: list[syntax.Expression] = []
    for part in expression.operands:
        found.extend(_flat(part) if isinstance(part, syntax.And) else [part])
    return found


def _leaves(parts: Iterable[syntax.Expression]) -> Iterator[Leaf]:
    yield from (found for part in parts if (found := leaves.leaf(part)) is not None)


def _conjunction(rule: Rule, parts: Sequence[syntax.Expression], known: list[Leaf]) -> Iterator[Remark]:
    before = list(known)
    for found in _leaves(parts):
        same = [(number, each) for number, each in enumerate(before) if each.field == found.field]
        for number, other in same[:MOST_LEAVES]:
            remark = _against(rule, other, found)
            # A `not` of one alternative says nothing of what is asked around it, unless it leaves nothing of that.
            narrowed = remark is not None and remark.code == "L23" and found.negated and number < len(known)
            if remark is not None and not narrowed:
                yield remark
                break
        before.append(found)


def _against(rule: Rule, known: Leaf, found: Leaf) -> Remark | None:
    """What is said of two leaves of one field that must both hold, at the place of the one that was found."""
    if known.negated and found.negated:
        return None
    if known.negated or found.negated:
        wanted, refused = (found, known) if known.negated else (known, found)
        return _excluded(rule, wanted, refused, found.span)
    if found.field in _MANY or not _are_apart(known, found):
        return None
    both = f"{_told(known)} and for {_told(found)}"
    reason = f"{found.field} is asked for {both}: true only for an event that holds several values"
    return Remark("L20", Severity.WARNING, reason, "use `or`, or `in`, if either may be", rule, found.span)


def _excluded(rule: Rule, wanted: Leaf, refused: Leaf, place: Span) -> Remark | None:
    """A leaf beside the ``not`` of one that covers it, or a part of it."""
    if refused.is_existence:
        reason = f"{wanted.field} must be missing and hold a value"
        return Remark("L20", Severity.WARNING, reason, "leave out one of the two", rule, place)
    dead = _covered(wanted, refused)
    if dead and len(dead) == len(wanted.patterns):
        reason = f"{wanted.field} must be {_told(wanted)}, and `not` leaves out {_told(refused)}: nothing is left"
        return Remark("L20", Severity.WARNING, reason, "leave out one of the two", rule, place)
    if dead:
        each, cover = dead[0]
        reason = f"[{each}] lets no event in: a `not` on {wanted.field} leaves out [{cover}]"
        return Remark("L23", Severity.NOTE, reason, "take it from the list, or from the `not`", rule, each.span)
    if (wanted.networks and _all_networks(wanted, refused)) or (wanted.intervals and _all_numbers(wanted, refused)):
        reason = f"all that is asked of {wanted.field} is left out by a `not`: nothing is left"
        return Remark("L20", Severity.WARNING, reason, "leave out one of the two", rule, place)
    return None


def _covered(wanted: Leaf, refused: Leaf) -> list[tuple[leaves.Pattern, leaves.Pattern]]:
    """The patterns that a pattern of the refused ones covers, with it."""
    if len(wanted.patterns) * len(refused.patterns) > MOST_PAIRS:
        return []
    return [
        (each, cover)
        for each in wanted.patterns
        if (cover := next((no for no in refused.patterns if leaves.covers(no, each)), None)) is not None
    ]


def _all_networks(wanted: Leaf, refused: Leaf) -> bool:
    return all(any(leaves.is_within(inner, outer) for outer in refused.networks) for inner in wanted.networks)


def _all_numbers(wanted: Leaf, refused: Leaf) -> bool:
    return all(any(outer.holds(inner) for outer in refused.intervals) for inner in wanted.intervals)


def _are_apart(one: Leaf, other: Leaf) -> bool:
    if one.networks or other.networks:
        mine, yours = _networks(one), _networks(other)
        return bool(mine and yours) and not any(
            each.overlaps(no) for each in mine for no in yours if each.version == no.version
        )
    if one.patterns and other.patterns:
        if len(one.patterns) * len(other.patterns) > MOST_PAIRS:
            return False
        return all(leaves.apart(mine, yours) for mine in one.patterns for yours in other.patterns)
    if one.intervals and other.intervals:
        return all(mine.is_apart(yours) for mine in one.intervals for yours in other.intervals)
    return False


def _networks(leaf: Leaf) -> list[Network]:
    """The networks of a leaf; an address that it is compared with is one. Empty where something is neither."""
    if leaf.networks:
        return list(leaf.networks)
    found = [leaves.network(str(pattern)) if pattern.is_literal else None for pattern in leaf.patterns]
    return [each for each in found if each is not None] if all(found) else []


def _told(leaf: Leaf) -> str:
    texts = [f"[{each}]" for each in leaf.patterns]
    texts += [f"[{each}]" for each in leaf.networks]
    texts += [_range(each.low, each.high, each.low_open, each.high_open) for each in leaf.intervals]
    return " or ".join(texts[:3]) + (f" or {len(texts) - 3} more" if len(texts) > 3 else "")


def _range(low: float, high: float, low_open: bool, high_open: bool) -> str:
    if low == high:
        return f"[{low:g}]"
    if low > float("-inf") and high < float("inf"):
        return f"from {low:g} to {high:g}"
    if high == float("inf"):
        return f"above {low:g}" if low_open else f"{low:g} or above"
    return f"below {high:g}" if high_open else f"{high:g} or below"


def _disjunction(rule: Rule, parts: Sequence[syntax.Expression]) -> Iterator[Remark]:
    refused: dict[str, Leaf] = {}
    for found in _leaves(parts):
        if not found.negated or found.field in _MANY:
            continue
        other = refused.setdefault(found.field, found)
        if other is not found and _are_apart(other, found):
            reason = (
                f"{found.field} is other than {_told(other)}, or other than {_told(found)}: that leaves nothing out"
            )
            fix = "join exclusions with `and`, or use `not in`"
            yield Remark("L21", Severity.WARNING, reason, fix, rule, found.span)


def _everything(rule: Rule, parts: Sequence[syntax.Expression]) -> Iterator[Remark]:
    """Ranges of one number that leave none out."""
    by_field: dict[str, list[tuple[Interval, Span]]] = {}
    for found in _leaves(parts):
        if not found.negated:
            by_field.setdefault(found.field, []).extend((each, found.span) for each in found.intervals)
    for name, ranges in by_field.items():
        ordered = sorted(ranges, key=lambda each: (each[0].low, each[0].low_open))
        reached = Interval(high=float("-inf"))
        for each, _ in ordered:
            if each.is_apart(reached) and (each.low > reached.high or (each.low_open and reached.high_open)):
                break
            if (each.high, not each.high_open) > (reached.high, not reached.high_open):
                reached = each
        else:
            if reached.high == float("inf"):
                reason = (
                    f"these ranges of {name} leave no number out: together they hold for every event that has the field"
                )
                yield Remark("L21", Severity.WARNING, reason, f"{name} != null", rule, ordered[-1][1])


def _opposites(rule: Rule, parts: Sequence[syntax.Expression], code: str, reason: str) -> Iterator[Remark]:
    """A condition beside its own ``not``, by its text."""
    seen: set[tuple[str, bool]] = set()
    for part in parts:
        negated, inner = False, part
        while isinstance(inner, syntax.Not):
            negated, inner = not negated, inner.operand
        text = one_line(rule.query[inner.span.start : inner.span.end])
        if (text, not negated) in seen:
            yield Remark(code, Severity.WARNING, f"[{text[:80]}] {reason}", "leave one out", rule, part.span)
        seen.add((text, negated))
