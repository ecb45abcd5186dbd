"""Complement and intersection below the top: an automaton, then a plain expression.

The automaton is built by derivatives (Brzozowski 1964; similarity as in Owens, Reppy and Turon 2009), the expression by
eliminating states. Both are bounded: what grows beyond is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from falselight.eql.regular import charset
from falselight.eql.regular.charset import Ranges
from falselight.eql.regular.syntax import (
    HIGHEST_CODE_POINT,
    AnyCharacter,
    Class,
    Complement,
    Concatenation,
    Intersection,
    Item,
    Node,
    Nothing,
    RegexUnsupported,
    Repeat,
    Text,
    Union,
)

MAXIMUM_STATES = 60
MAXIMUM_TERMS = 400
MAXIMUM_WEIGHT = 5_000


@dataclass(frozen=True, slots=True)
class _Never:
    pass


@dataclass(frozen=True, slots=True)
class _Empty:
    pass


@dataclass(frozen=True, slots=True)
class _One:
    ranges: Ranges


@dataclass(frozen=True, slots=True)
class _Then:
    first: _Term
    rest: _Term


@dataclass(frozen=True, slots=True)
class _Star:
    part: _Term


@dataclass(frozen=True, slots=True)
class _Any:
    parts: frozenset[_Term]


@dataclass(frozen=True, slots=True)
class _All:
    parts: frozenset[_Term]


@dataclass(frozen=True, slots=True)
class _Other:
    part: _Term


_Term = _Never | _Empty | _One | _Then | _Star | _Any | _All | _Other
NEVER, EMPTY = _Never(), _Empty()
ALWAYS = _Other(NEVER)


def plain(node: Node, insensitive: bool) -> Node:
    """An equivalent tree without complement and intersection. Raises ``RegexUnsupported`` where it would be too large.

    Case is resolved: the result's classes do not fold.
    """
    construct = "complement" if isinstance(node, Complement) else "intersection"
    terms = _Terms(insensitive, construct)
    start = terms.of(node)
    states, moves = _explore(start, terms)
    accepting = {position for position, term in enumerate(states) if _nullable(term)}
    return _eliminate(len(states), moves, accepting, construct)


def _refusal(construct: str) -> RegexUnsupported:
    return RegexUnsupported(construct, f"{construct} inside a larger regular expression is too large to expand")


class _Terms:
    """Builds terms from trees, and notes where the sets of characters begin."""

    def __init__(self, insensitive: bool, construct: str) -> None:
        self.insensitive = insensitive
        self.construct = construct
        self.starts: set[int] = {0}
        self.left = MAXIMUM_TERMS

    def of(self, node: Node) -> _Term:
        if isinstance(node, Nothing):
            return NEVER
        if isinstance(node, AnyCharacter):
            return self._one(charset.EVERY)
        if isinstance(node, Class):
            return self._one(charset.of_class(node, self.insensitive))
        if isinstance(node, Text):
            term: _Term = EMPTY
            for character in reversed(node.value):
                term = _then(self._one(charset.folded(ord(character), self.insensitive)), term)
            return term
        if isinstance(node, Concatenation):
            term = EMPTY
            for part in reversed(node.parts):
                term = _then(self.of(part), term)
            return term
        if isinstance(node, Union):
            return _any(self.of(part) for part in node.parts)
        if isinstance(node, Intersection):
            return _all(self.of(part) for part in node.parts)
        if isinstance(node, Complement):
            return _other(self.of(node.part))
        return self._repeat(node)

    def _repeat(self, node: Repeat) -> _Term:
        term: _Term = EMPTY
        if node.maximum is None:
            term = _star(self.of(node.part))
        else:
            for _ in range(node.maximum - node.minimum):
                term = _any((EMPTY, _then(self.of(node.part), term)))
        for _ in range(node.minimum):
            term = _then(self.of(node.part), term)
        return term

    def _one(self, ranges: Ranges) -> _Term:
        self.left -= 1
        if self.left < 0:
            raise _refusal(self.construct)
        for first, last in ranges:
            self.starts.update((first, last + 1))
        return _One(ranges) if ranges else NEVER

    def atoms(self) -> list[tuple[int, int]]:
        """Ranges of code points that no set of the term tells apart."""
        starts = sorted(start for start in self.starts if start <= HIGHEST_CODE_POINT)
        ends = [*(start - 1 for start in starts[1:]), HIGHEST_CODE_POINT]
        return list(zip(starts, ends, strict=True))


def _then(first: _Term, rest: _Term) -> _Term:
    if first == NEVER or rest == NEVER:
        return NEVER
    if first == EMPTY:
        return rest
    if rest == EMPTY:
        return first
    return _Then(first.first, _then(first.rest, rest)) if isinstance(first, _Then) else _Then(first, rest)


def _star(part: _Term) -> _Term:
    return EMPTY if part in (NEVER, EMPTY) else part if isinstance(part, _Star) else _Star(part)


def _any(parts: Iterable[_Term]) -> _Term:
    flat: set[_Term] = set()
    for part in parts:
        flat.update(part.parts if isinstance(part, _Any) else (part,))
    flat.discard(NEVER)
    if ALWAYS in flat:
        return ALWAYS
    return NEVER if not flat else flat.pop() if len(flat) == 1 else _Any(frozenset(flat))


def _all(parts: Iterable[_Term]) -> _Term:
    flat: set[_Term] = set()
    for part in parts:
        flat.update(part.parts if isinstance(part, _All) else (part,))
    flat.discard(ALWAYS)
    if NEVER in flat:
        return NEVER
    return ALWAYS if not flat else flat.pop() if len(flat) == 1 else _All(frozenset(flat))


def _other(part: _Term) -> _Term:
    return part.part if isinstance(part, _Other) else _Other(part)


def _nullable(term: _Term) -> bool:
    """Whether the term matches the empty string."""
    if isinstance(term, _Then):
        return _nullable(term.first) and _nullable(term.rest)
    if isinstance(term, _Any):
        return any(_nullable(part) for part in term.parts)
    if isinstance(term, _All):
        return all(_nullable(part) for part in term.parts)
    if isinstance(term, _Other):
        return not _nullable(term.part)
    return isinstance(term, _Empty | _Star)


def _derive(term: _Term, code: int) -> _Term:
    """What must still match after one character."""
    if isinstance(term, _One):
        return EMPTY if any(first <= code <= last for first, last in term.ranges) else NEVER
    if isinstance(term, _Then):
        went = _then(_derive(term.first, code), term.rest)
        return _any((went, _derive(term.rest, code))) if _nullable(term.first) else went
    if isinstance(term, _Star):
        return _then(_derive(term.part, code), term)
    if isinstance(term, _Any):
        return _any(_derive(part, code) for part in term.parts)
    if isinstance(term, _All):
        return _all(_derive(part, code) for part in term.parts)
    if isinstance(term, _Other):
        return _other(_derive(term.part, code))
    return NEVER


def _explore(start: _Term, terms: _Terms) -> tuple[list[_Term], dict[tuple[int, int], Ranges]]:
    """All states that can be reached, and the characters that lead from one to another."""
    atoms = terms.atoms()
    states = [start]
    numbers = {start: 0}
    moves: dict[tuple[int, int], Ranges] = {}
    for number, state in enumerate(states):  # grows while it is walked
        for first, last in atoms:
            target = _derive(state, first)
            if target == NEVER:
                continue
            if target not in numbers:
                if len(states) >= MAXIMUM_STATES:
                    raise _refusal(terms.construct)
                numbers[target] = len(states)
                states.append(target)
            edge = (number, numbers[target])
            moves[edge] = charset.normal((*moves.get(edge, ()), (first, last)))
    return states, moves


def _eliminate(count: int, moves: dict[tuple[int, int], Ranges], accepting: set[int], construct: str) -> Node:
    """The expression of all ways from state 0 to an accepting state."""
    begin, end = -1, -2
    edges: dict[tuple[int, int], Node] = {
        edge: Class(tuple(Item(first, last, False) for first, last in ranges), False) for edge, ranges in moves.items()
    }
    edges[(begin, 0)] = Text("")
    edges.update(((state, end), Text("")) for state in sorted(accepting))
    left = set(range(count))
    while left:
        state = min(left, key=lambda one: (_degree(edges, one), one))
        left.remove(state)
        loop = edges.pop((state, state), None)
        incoming = [(edge[0], edges.pop(edge)) for edge in list(edges) if edge[1] == state]
        outgoing = [(edge[1], edges.pop(edge)) for edge in list(edges) if edge[0] == state]
        middle = (Repeat(loop, 0, None),) if loop is not None else ()
        for source, before in incoming:
            for target, after in outgoing:
                way = Concatenation((before, *middle, after))
                known = edges.get((source, target))
                edges[(source, target)] = way if known is None else Union((known, way))
        if sum(_weight(node) for node in edges.values()) > MAXIMUM_WEIGHT:
            raise _refusal(construct)
    return edges.get((begin, end), Nothing())


def _degree(edges: dict[tuple[int, int], Node], state: int) -> int:
    incoming = sum(1 for edge in edges if edge[1] == state)
    return incoming * sum(1 for edge in edges if edge[0] == state)


def _weight(node: Node) -> int:
    if isinstance(node, Class):
        return len(node.items)
    if isinstance(node, Concatenation | Union):
        return 1 + sum(_weight(part) for part in node.parts)
    return 1 + (_weight(node.part) if isinstance(node, Repeat) else 0)
