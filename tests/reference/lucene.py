"""Lucene's regular expressions by brute force: for each node the set of places where a match that began here may end."""

from __future__ import annotations

import re
from collections.abc import Callable

Node = Callable[[str, int], frozenset[int]]


def matches(pattern: str, text: str, insensitive: bool) -> bool:
    """Whether the whole text matches."""
    node, rest = _union(pattern, 0, insensitive)
    assert rest == len(pattern), pattern[rest:]
    return len(text) in node(text, 0)


def wildcard(pattern: str, text: str, insensitive: bool, *, escapes: bool = False) -> bool:
    """``*`` and ``?``; a backslash is literal, or where ``escapes`` makes the next character literal."""
    node: Node = lambda _, at: frozenset({at})  # noqa: E731
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if escapes and character == "\\" and at + 1 < len(pattern):
            at += 1
            node = _then(node, _one(pattern[at], insensitive))
        elif character == "*":
            node = _then(node, lambda text, place: frozenset(range(place, len(text) + 1)))
        elif character == "?":
            node = _then(node, _any)
        else:
            node = _then(node, _one(character, insensitive))
        at += 1
    return len(text) in node(text, 0)


def same(left: str, right: str, insensitive: bool) -> bool:
    return left == right or (insensitive and _fold(left) == _fold(right))


def _fold(text: str) -> str:
    return re.sub("[A-Z]", lambda match: match[0].lower(), text)


def _one(character: str, insensitive: bool) -> Node:
    return lambda text, at: frozenset({at + 1} if at < len(text) and same(text[at], character, insensitive) else ())


def _any(text: str, at: int) -> frozenset[int]:
    return frozenset({at + 1} if at < len(text) else ())


def _then(first: Node, second: Node) -> Node:
    return lambda text, at: frozenset(end for middle in first(text, at) for end in second(text, middle))


def _repeat(node: Node, least: int, most: int | None) -> Node:
    def run(text: str, at: int) -> frozenset[int]:
        ends, reached, count = set(), {at}, 0
        seen: set[int] = set()
        while reached and (most is None or count <= most):
            if count >= least:
                ends |= reached
                if most is None and reached <= seen:
                    break
                seen |= reached
            reached = {end for place in reached for end in node(text, place)}
            count += 1
            if count > least + len(text) + 1 and most is None:
                break
        return frozenset(ends)

    return run


def _union(pattern: str, at: int, fold: bool) -> tuple[Node, int]:
    nodes, at = _listed(pattern, at, fold, "|", _intersection)
    return lambda text, place: frozenset().union(*(node(text, place) for node in nodes)), at


def _intersection(pattern: str, at: int, fold: bool) -> tuple[Node, int]:
    nodes, at = _listed(pattern, at, fold, "&", _concatenation)
    return lambda text, place: frozenset.intersection(*(node(text, place) for node in nodes)), at


def _listed(
    pattern: str, at: int, fold: bool, mark: str, below: Callable[..., tuple[Node, int]]
) -> tuple[list[Node], int]:
    node, at = below(pattern, at, fold)
    nodes = [node]
    while at < len(pattern) and pattern[at] == mark:
        node, at = below(pattern, at + 1, fold)
        nodes.append(node)
    return nodes, at


def _concatenation(pattern: str, at: int, fold: bool) -> tuple[Node, int]:
    node: Node = lambda _, place: frozenset({place})  # noqa: E731
    while at < len(pattern) and pattern[at] not in "|&)":
        part, at = _counted(pattern, at, fold)
        node = _then(node, part)
    return node, at


def _counted(pattern: str, at: int, fold: bool) -> tuple[Node, int]:
    node, at = _complement(pattern, at, fold)
    while at < len(pattern) and pattern[at] in "?*+{":
        if pattern[at] == "{":
            end = pattern.index("}", at)
            least, comma, most = pattern[at + 1 : end].partition(",")
            node = _repeat(node, int(least), int(most) if most else None if comma else int(least))
            at = end + 1
        else:
            node = _repeat(node, *{"?": (0, 1), "*": (0, None), "+": (1, None)}[pattern[at]])
            at += 1
    return node, at


def _complement(pattern: str, at: int, fold: bool) -> tuple[Node, int]:
    if pattern[at] != "~":
        return _atom(pattern, at, fold)
    node, at = _complement(pattern, at + 1, fold)
    return lambda text, place: frozenset(range(place, len(text) + 1)) - node(text, place), at


def _atom(pattern: str, at: int, fold: bool) -> tuple[Node, int]:
    character = pattern[at]
    if character == "(":
        node, at = _union(pattern, at + 1, fold)
        return node, at + 1
    if character == ".":
        return _any, at + 1
    if character == "@":
        return (lambda text, place: frozenset(range(place, len(text) + 1))), at + 1
    if character == "#":
        return (lambda text, place: frozenset()), at + 1
    if character == '"':
        end = pattern.index('"', at + 1)
        node: Node = lambda _, place: frozenset({place})  # noqa: E731
        for each in pattern[at + 1 : end]:
            node = _then(node, _one(each, fold))
        return node, end + 1
    if character == "[":
        return _class(pattern, at + 1, fold)
    if character == "\\":
        return _one(pattern[at + 1], fold), at + 2
    return _one(character, fold), at + 1


def _class(pattern: str, at: int, fold: bool) -> tuple[Node, int]:
    """Single characters fold, ranges do not."""
    negated = pattern[at] == "^"
    at += negated
    tests: list[Callable[[str], bool]] = []
    while pattern[at] != "]":
        if pattern[at + 1] == "-" and pattern[at + 2] != "]":
            low, high = pattern[at], pattern[at + 2]
            tests.append(lambda c, low=low, high=high: low <= c <= high)  # type: ignore[misc]
            at += 3
        else:
            tests.append(lambda c, own=pattern[at]: same(c, own, fold))  # type: ignore[misc]
            at += 1
    return (
        lambda text, place: frozenset(
            {place + 1} if place < len(text) and any(test(text[place]) for test in tests) != negated else ()
        )
    ), at + 1


__all__ = ["matches", "same", "wildcard"]
