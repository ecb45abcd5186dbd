"""What one leaf of a condition asks of one field, in a form in which two leaves can be compared.

A leaf holds where some value of its field satisfies it, and ``not`` holds where none does: a field may hold several values,
or none."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace

from falselight.eql import syntax
from falselight.eql.patterns import LITERAL_QUESTION, LITERAL_STAR, escape, fold, has_wildcard, lucene_wildcard
from falselight.source import Span

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_AROUND = {"endswith": ("*", ""), "startswith": ("", "*"), "stringcontains": ("*", "*")}
_PLAIN = str.maketrans({LITERAL_STAR: "*", LITERAL_QUESTION: "?"})


@dataclass(frozen=True, slots=True)
class Pattern:
    """A wildcard pattern as ``eql.patterns`` has it, whether letters' case is ignored, and where it stands."""

    text: str
    insensitive: bool
    span: Span

    @property
    def is_literal(self) -> bool:
        return not has_wildcard(self.text)

    def __str__(self) -> str:
        return self.text.translate(_PLAIN)


@dataclass(frozen=True, slots=True)
class Interval:
    """Numbers from low to high; an open end leaves its number out."""

    low: float = float("-inf")
    high: float = float("inf")
    low_open: bool = False
    high_open: bool = False

    def is_apart(self, other: Interval) -> bool:
        """Whether no number lies in both."""
        return self._is_below(other) or other._is_below(self)

    def holds(self, other: Interval) -> bool:
        """Whether every number of the other lies in it."""
        low = self.low < other.low or (self.low == other.low and (other.low_open or not self.low_open))
        return low and (other.high < self.high or (self.high == other.high and (other.high_open or not self.high_open)))

    def _is_below(self, other: Interval) -> bool:
        return self.high < other.low or (self.high == other.low and (self.high_open or other.low_open))


@dataclass(frozen=True, slots=True)
class Leaf:
    """One question about one field. Exactly one of patterns, intervals and networks is filled; none of them where the question
    is whether the field has a value."""

    field: str
    span: Span
    negated: bool
    patterns: tuple[Pattern, ...] = ()
    intervals: tuple[Interval, ...] = ()
    networks: tuple[Network, ...] = ()

    @property
    def is_existence(self) -> bool:
        return not (self.patterns or self.intervals or self.networks)


def leaf(expression: syntax.Expression) -> Leaf | None:
    """The leaf of an expression, None where it asks of several fields, of none, or of more than is looked at here."""
    match expression:
        case syntax.Not(operand=operand, span=span):
            inner = leaf(operand)
            return replace(inner, negated=not inner.negated, span=span) if inner is not None else None
        case syntax.Comparison(left=syntax.FieldName() as name, right=syntax.Literal(value=value)):
            return _comparison(name.name, expression, value) if not name.optional else None
        case syntax.Membership(operand=syntax.FieldName(optional=False, name=name), items=items):
            return _membership(name, expression, items)
        case syntax.Match(operand=syntax.FieldName(optional=False, name=name), operator=operator, patterns=texts):
            if operator.startswith("regex"):
                return None
            insensitive = operator in (":", "like~")
            found = tuple(Pattern(str(each.value), insensitive, each.span) for each in texts)
            return Leaf(name, expression.span, False, patterns=found)
        case syntax.Call(arguments=(syntax.FieldName(optional=False, name=name), *rest)):
            return _call(name, expression, rest)
    return None


def _comparison(name: str, expression: syntax.Comparison, value: object) -> Leaf | None:
    operator, span = expression.operator, expression.span
    if operator in ("==", "!="):
        if value is None:
            return Leaf(name, span, operator == "==")
        return _equal(name, span, operator == "!=", [(value, expression.right.span)])
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = float(value)
    within = {
        ">": Interval(low=number, low_open=True),
        ">=": Interval(low=number),
        "<": Interval(high=number, high_open=True),
        "<=": Interval(high=number),
    }
    return Leaf(name, span, False, intervals=(within[operator],))


def _membership(name: str, expression: syntax.Membership, items: tuple[syntax.Expression, ...]) -> Leaf | None:
    values = [(each.value, each.span) for each in items if isinstance(each, syntax.Literal) and each.value is not None]
    if len(values) != len(items):
        return None
    found = _equal(name, expression.span, expression.negated, values)
    if found is None or not expression.insensitive:
        return found
    return replace(found, patterns=tuple(replace(each, insensitive=True) for each in found.patterns))


def _equal(name: str, span: Span, negated: bool, values: Sequence[tuple[object, Span]]) -> Leaf | None:
    if all(isinstance(value, str) for value, _ in values):
        patterns = tuple(Pattern(escape(str(value)), False, place) for value, place in values)
        return Leaf(name, span, negated, patterns=patterns)
    numbers = [float(value) for value, _ in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(values):
        return None
    return Leaf(name, span, negated, intervals=tuple(Interval(number, number) for number in numbers))


def _call(name: str, call: syntax.Call, rest: list[syntax.Expression]) -> Leaf | None:
    texts = [
        (each.value, each.span) for each in rest if isinstance(each, syntax.Literal) and isinstance(each.value, str)
    ]
    if not texts or len(texts) != len(rest):
        return None
    function = call.name.lower()
    if function == "cidrmatch":
        networks = [network(text) for text, _ in texts]
        known = tuple(each for each in networks if each is not None)
        return Leaf(name, call.span, False, networks=known) if len(known) == len(networks) else None
    if function in _AROUND and len(texts) == 1 and texts[0][0]:
        before, after = _AROUND[function]
        text, place = texts[0]
        inner = escape(text) if function == "startswith" else lucene_wildcard(text)
        return Leaf(name, call.span, False, patterns=(Pattern(before + inner + after, call.insensitive, place),))
    return None


def network(text: str) -> Network | None:
    """An address or network; None for what is neither."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def is_within(inner: Network, outer: Network) -> bool:
    """Whether a network lies in another one of its version."""
    if isinstance(inner, ipaddress.IPv4Network) and isinstance(outer, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, ipaddress.IPv6Network) and isinstance(outer, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False


def covers(outer: Pattern, inner: Pattern) -> bool:
    """Whether every text of the inner pattern is one of the outer. True is certain; a cover that needs both wildcards to be
    taken apart is not seen."""
    if outer.insensitive:
        return _matches(fold(outer.text), fold(inner.text))
    letters = inner.insensitive and any(character.isalpha() for character in inner.text)
    return not letters and _matches(outer.text, inner.text)


def apart(one: Pattern, other: Pattern) -> bool:
    """Whether no text is of both; True is certain. Two patterns with wildcards are compared by how they begin and end."""
    insensitive = one.insensitive or other.insensitive
    mine, yours = (fold(each.text) if insensitive else each.text for each in (one, other))
    if one.is_literal:
        return not _matches(yours, mine)
    if other.is_literal:
        return not _matches(mine, yours)
    return _disagree(_head(mine), _head(yours)) or _disagree(_head(mine[::-1]), _head(yours[::-1]))


def _head(pattern: str) -> str:
    """What stands before the first wildcard."""
    return pattern[: next((at for at, sign in enumerate(pattern) if sign in "*?"), len(pattern))]


def _disagree(one: str, other: str) -> bool:
    shared = min(len(one), len(other))
    return one[:shared] != other[:shared]


def _matches(pattern: str, text: str) -> bool:
    """Wildcards of the pattern against a text, in which a ``*`` is taken only by a ``*``."""
    at = place = 0
    star, resumed = -1, 0
    while place < len(text):
        asked = pattern[at] if at < len(pattern) else ""
        if asked == "*":
            star, resumed, at = at, place, at + 1
        elif asked == text[place] or (asked == "?" and text[place] != "*"):
            at, place = at + 1, place + 1
        elif star >= 0:
            resumed += 1
            at, place = star + 1, resumed
        else:
            return False
    return not pattern[at:].strip("*")
