"""The syntax tree of a Lucene regular expression. It always matches whole values."""

from __future__ import annotations

from dataclasses import dataclass

HIGHEST_CODE_POINT = 0x10FFFF


class RegexSyntaxError(ValueError):
    """Not a Lucene regular expression. position: code point of the pattern, from 0, where it is found out."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"{message} at position {position}")
        self.message = message
        self.position = position


class RegexUnsupported(ValueError):
    """A Lucene regular expression that has no RE2 of reasonable size. construct names what stands in the way."""

    def __init__(self, construct: str, message: str) -> None:
        super().__init__(message)
        self.construct = construct
        self.message = message


@dataclass(frozen=True, slots=True)
class Nothing:
    """``#``: matches no value."""


@dataclass(frozen=True, slots=True)
class Text:
    """Literal characters, perhaps none. ASCII letters fold where the match is insensitive."""

    value: str


@dataclass(frozen=True, slots=True)
class Item:
    """Code points of a class, both ends included. A range never folds in Lucene, a single character does."""

    first: int
    last: int
    folds: bool


@dataclass(frozen=True, slots=True)
class Class:
    """``[…]`` or ``[^…]``, or a predefined class."""

    items: tuple[Item, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class AnyCharacter:
    """``.``: one code point, line breaks too."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """maximum None: without bound."""

    part: Node
    minimum: int
    maximum: int | None


@dataclass(frozen=True, slots=True)
class Concatenation:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Union:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Intersection:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Complement:
    """``~x``: every value, of any length, that x does not match."""

    part: Node


Node = Nothing | Text | Class | AnyCharacter | Repeat | Concatenation | Union | Intersection | Complement

ANY_STRING = Repeat(AnyCharacter(), 0, None)


def children(node: Node) -> tuple[Node, ...]:
    """The direct parts."""
    if isinstance(node, Concatenation | Union | Intersection):
        return node.parts
    if isinstance(node, Repeat | Complement):
        return (node.part,)
    return ()


def literal(node: Node) -> str | None:
    """The one string that the node matches (letters folded where the match is), None where it may match others."""
    if isinstance(node, Text):
        return node.value
    if isinstance(node, Concatenation):
        texts = [literal(part) for part in node.parts]
        known = [text for text in texts if text is not None]
        return "".join(known) if len(known) == len(texts) else None
    return None
