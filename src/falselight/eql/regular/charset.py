"""Sets of code points, and how RE2 spells them. A set is a sorted tuple of disjoint, non-adjacent inclusive ranges."""

from __future__ import annotations

from collections.abc import Iterable

from falselight.eql.regular.syntax import HIGHEST_CODE_POINT, Class

Ranges = tuple[tuple[int, int], ...]
EVERY: Ranges = ((0, HIGHEST_CODE_POINT),)
CASE_DISTANCE = ord("a") - ord("A")


def normal(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """The set of all code points of these ranges."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)


def inverse(ranges: Ranges) -> Ranges:
    """All other code points."""
    gaps = []
    start = 0
    for first, last in ranges:
        if start < first:
            gaps.append((start, first - 1))
        start = last + 1
    if start <= HIGHEST_CODE_POINT:
        gaps.append((start, HIGHEST_CODE_POINT))
    return tuple(gaps)


def folded(code: int, insensitive: bool) -> Ranges:
    """One character with, where the match is insensitive, its other ASCII case. Nothing beyond ASCII ever folds."""
    if insensitive and chr(code).isascii() and chr(code).isalpha():
        return normal(((code, code), (code ^ CASE_DISTANCE, code ^ CASE_DISTANCE)))
    return ((code, code),)


def of_class(node: Class, insensitive: bool) -> Ranges:
    """The characters that a class matches. Lucene folds before it negates."""
    ranges: list[tuple[int, int]] = []
    for item in node.items:
        ranges.extend(folded(item.first, insensitive) if item.folds else ((item.first, item.last),))
    found = normal(ranges)
    return inverse(found) if node.negated else found


def spelled_character(code: int) -> str:
    """One character as RE2 spells it, inside a class or out of it."""
    character = chr(code)
    if code <= 0x20 or not character.isprintable():
        return f"\\x{{{code:x}}}"
    return character if not character.isascii() or character.isalnum() or character == "_" else "\\" + character


def spelled(ranges: Ranges) -> str:
    """A set as RE2 spells it, for a pattern that begins with ``(?s)``."""
    if ranges == EVERY:
        return "."
    if not ranges:
        return r"[^\x00-\x{10ffff}]"
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return spelled_character(ranges[0][0])
    negated = len(ranges) > 1 and ranges[0][0] == 0 and ranges[-1][1] == HIGHEST_CODE_POINT
    shown = inverse(ranges) if negated else ranges
    body = "".join(_spelled_range(first, last) for first, last in shown)
    return f"[^{body}]" if negated else f"[{body}]"


def _spelled_range(first: int, last: int) -> str:
    if first == last:
        return spelled_character(first)
    between = "" if last == first + 1 else "-"
    return spelled_character(first) + between + spelled_character(last)


def spelled_text(text: str, insensitive: bool) -> str:
    """Literal text; no inline flag, so that neither K (Kelvin) nor long s ever folds into ASCII."""
    return "".join(spelled(folded(ord(character), insensitive)) for character in text)
