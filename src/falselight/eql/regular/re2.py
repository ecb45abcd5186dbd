"""Syntax tree → RE2: one pattern where RE2 can say it, else patterns under and, or and not, else a refusal by name.

RE2 has no complement and no intersection. At the top, or in the branches of a top-level union, they become boolean
operators over whole values. Deeper down the automaton of the sub-expression is built and written as a plain pattern.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from falselight.eql.regular import automaton, charset
from falselight.eql.regular.parser import parse
from falselight.eql.regular.syntax import (
    AnyCharacter,
    Class,
    Complement,
    Concatenation,
    Intersection,
    Node,
    Nothing,
    RegexUnsupported,
    Repeat,
    Text,
    Union,
    children,
)

# RE2 refuses counts above 1000, and nested counts whose product is above 1000.
MAXIMUM_REPEAT = 1000
# RE2 compiles to at most 131,072 instructions in its default memory. Estimates here are on the high side.
MAXIMUM_SIZE = 60_000
MAXIMUM_TEXT = 200_000


@dataclass(frozen=True, slots=True)
class Re2:
    """For a full match. It sets its own flags."""

    text: str


@dataclass(frozen=True, slots=True)
class AllOf:
    parts: tuple[Translation, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: tuple[Translation, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Translation


Translation = Re2 | AllOf | AnyOf | Not


@lru_cache(maxsize=4096)
def translate(pattern: str, insensitive: bool) -> Translation:
    """A Lucene pattern as RE2. Raises ``RegexSyntaxError`` and ``RegexUnsupported``."""
    return to_re2(parse(pattern), insensitive)


def to_re2(node: Node, insensitive: bool) -> Translation:
    """The conditions that a value must satisfy to match. Raises ``RegexUnsupported``."""
    if isinstance(node, Intersection):
        return AllOf(tuple(to_re2(part, insensitive) for part in node.parts))
    if isinstance(node, Complement):
        return Not(to_re2(node.part, insensitive))
    if isinstance(node, Union) and _is_boolean(node):
        plain = tuple(part for part in node.parts if not _is_boolean(part))
        parts = [to_re2(part, insensitive) for part in node.parts if _is_boolean(part)]
        if plain:
            parts.insert(0, to_re2(plain[0] if len(plain) == 1 else Union(plain), insensitive))
        return AnyOf(tuple(parts))
    return Re2("(?s)" + _emit(_plain(node, insensitive), insensitive).text)


def _is_boolean(node: Node) -> bool:
    """Whether RE2 lacks an operator that stands in the tree."""
    return isinstance(node, Intersection | Complement) or any(_is_boolean(part) for part in children(node))


def _plain(node: Node, insensitive: bool) -> Node:
    """The same language without complement and intersection."""
    if not _is_boolean(node):
        return node
    if isinstance(node, Concatenation):
        return Concatenation(tuple(_plain(part, insensitive) for part in node.parts))
    if isinstance(node, Union):
        return Union(tuple(_plain(part, insensitive) for part in node.parts))
    if isinstance(node, Repeat):
        return Repeat(_plain(node.part, insensitive), node.minimum, node.maximum)
    return automaton.plain(node, insensitive)


@dataclass(frozen=True, slots=True)
class _Piece:
    """RE2 text. binds: 0 union, 1 concatenation, 2 atom. size: about how many instructions. repeat: product of nested
    counts."""

    text: str
    binds: int
    size: int
    repeat: int = 1

    def at(self, binds: int) -> str:
        return self.text if self.binds >= binds else f"(?:{self.text})"


def _emit(node: Node, insensitive: bool) -> _Piece:
    piece = _emitted(node, insensitive)
    if piece.size > MAXIMUM_SIZE or len(piece.text) > MAXIMUM_TEXT:
        raise RegexUnsupported(
            "size", f"the regular expression expands to about {piece.size} steps, more than the {MAXIMUM_SIZE} allowed"
        )
    return piece


def _emitted(node: Node, insensitive: bool) -> _Piece:
    if isinstance(node, Text):
        text = charset.spelled_text(node.value, insensitive)
        return _Piece(text or "(?:)", 2 if len(node.value) <= 1 else 1, 4 * len(node.value) + 1)
    if isinstance(node, Class):
        ranges = charset.of_class(node, insensitive)
        return _Piece(charset.spelled(ranges), 2, 4 + 12 * len(ranges))
    if isinstance(node, AnyCharacter):
        return _Piece(".", 2, 16)
    if isinstance(node, Nothing):
        return _Piece(charset.spelled(()), 2, 1)
    if isinstance(node, Repeat):
        return _repeated(_emit(node.part, insensitive), node.minimum, node.maximum)
    written = [part for part in children(node) if part != Text("") or isinstance(node, Union)]
    parts = [_emit(part, insensitive) for part in written or [Text("")]]
    if len(parts) == 1:
        return parts[0]
    size, repeat = sum(part.size for part in parts) + len(parts), max(part.repeat for part in parts)
    if isinstance(node, Union):
        return _Piece("|".join(part.text for part in parts), 0, size, repeat)
    return _Piece("".join(part.at(1) for part in parts), 1, size, repeat)


def _repeated(part: _Piece, minimum: int, maximum: int | None) -> _Piece:
    """A repetition; counts beyond RE2's are written as several in a row."""
    operator = {(0, 1): "?", (0, None): "*", (1, None): "+"}.get((minimum, maximum))
    if operator:
        # A second operator on an operator would be lazy, possessive or refused.
        return _Piece(part.at(2) + operator, 1, part.size + 2, part.repeat)
    if maximum is None:
        required, optional = _counts(part, minimum, minimum), _Piece(part.at(2) + "*", 1, part.size + 2, part.repeat)
        pieces = [*required, optional]
    else:
        pieces = [*_counts(part, minimum, minimum), *_counts(part, 0, maximum - minimum)]
        if len(pieces) == 2 and maximum <= MAXIMUM_REPEAT // part.repeat:
            bounds = f"{{{minimum},{maximum}}}"
            pieces = [_Piece(part.at(2) + bounds, 1, (part.size + 1) * maximum, part.repeat * maximum)]
    if not pieces:
        return _Piece("(?:)", 2, 1)
    return _Piece(
        "".join(piece.text for piece in pieces),
        1,
        sum(piece.size for piece in pieces),
        max(piece.repeat for piece in pieces),
    )


def _counts(part: _Piece, minimum: int, maximum: int) -> list[_Piece]:
    """``part{n}`` (or ``part{0,n}`` where minimum is 0) in chunks that RE2 takes."""
    if (part.size + 1) * maximum > MAXIMUM_SIZE:
        raise RegexUnsupported("repetition", f"a repetition of {maximum} times is too large for the engine")
    chunk = max(MAXIMUM_REPEAT // part.repeat, 1)
    pieces = []
    while maximum > 0:
        count = min(chunk, maximum)
        bounds = f"{{{count}}}" if minimum else f"{{0,{count}}}"
        pieces.append(_Piece(part.at(2) + bounds, 1, (part.size + 1) * count, part.repeat * count))
        maximum -= count
    return pieces
