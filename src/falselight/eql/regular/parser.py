"""Text → syntax tree, by Lucene's grammar with all optional operators (``org.apache.lucene.util.automaton.RegExp``).

Where Lucene's versions differ this is 10.2 and later (Elasticsearch 9.1): in a class an escaped character never begins
a range, and ``{5,2}`` is an error. Of letters only ``d D s S w W`` may follow a backslash (since Lucene 8.6).
"""

from __future__ import annotations

import re

from falselight.eql.regular.interval import expand
from falselight.eql.regular.syntax import (
    ANY_STRING,
    HIGHEST_CODE_POINT,
    AnyCharacter,
    Class,
    Complement,
    Concatenation,
    Intersection,
    Item,
    Node,
    Nothing,
    RegexSyntaxError,
    RegexUnsupported,
    Repeat,
    Text,
    Union,
)

# Elasticsearch's index.max_regex_length, in UTF-16 units.
MAXIMUM_LENGTH = 1000
# A group costs seven frames of Python's stack. Lucene's parser recurses too; its limit is Java's stack.
MAXIMUM_DEPTH = 60
HIGHEST_INTEGER = 2**31 - 1
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
PREDEFINED = {
    "d": (Item(0x30, 0x39, False),),
    "s": (Item(0x09, 0x0A, False), Item(0x0D, 0x0D, False), Item(0x20, 0x20, False)),
    "w": (Item(0x30, 0x39, False), Item(0x41, 0x5A, False), Item(0x5F, 0x5F, False), Item(0x61, 0x7A, False)),
}
NUMBER = re.compile(r"\+?[0-9]+")


def parse(pattern: str) -> Node:
    """The syntax tree of a whole pattern.

    Raises ``RegexSyntaxError`` where Lucene would refuse the pattern, ``RegexUnsupported`` for a named automaton
    (``<name>``), which Elasticsearch does not define either.
    """
    units = len(pattern) + sum(1 for character in pattern if ord(character) > 0xFFFF)
    if units > MAXIMUM_LENGTH:
        raise RegexSyntaxError(f"a regular expression of {units} characters, more than the {MAXIMUM_LENGTH} allowed", 0)
    if not pattern:
        return Text("")
    parser = _Parser(pattern)
    node = parser.union()
    if parser.more():
        raise RegexSyntaxError("end of pattern expected", parser.position)
    return node


class _Parser:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.position = 0
        self.depth = 0

    def more(self) -> bool:
        return self.position < len(self.pattern)

    def peek(self, characters: str | frozenset[str]) -> bool:
        return self.more() and self.pattern[self.position] in characters

    def match(self, character: str) -> bool:
        if self.peek(character):
            self.position += 1
            return True
        return False

    def next(self) -> str:
        if not self.more():
            raise RegexSyntaxError("unexpected end of pattern", self.position)
        self.position += 1
        return self.pattern[self.position - 1]

    def expect(self, character: str) -> None:
        if not self.match(character):
            raise RegexSyntaxError(f"expected '{character}'", self.position)

    def union(self) -> Node:
        parts = [self._intersection()]
        while self.match("|"):
            parts.append(self._intersection())
        return parts[0] if len(parts) == 1 else Union(tuple(parts))

    def _intersection(self) -> Node:
        parts = [self._concatenation()]
        while self.match("&"):
            parts.append(self._concatenation())
        return parts[0] if len(parts) == 1 else Intersection(tuple(parts))

    def _concatenation(self) -> Node:
        parts = [self._repeat()]
        while self.more() and not self.peek(")|&"):
            part = self._repeat()
            if isinstance(part, Text) and isinstance(parts[-1], Text):
                parts[-1] = Text(parts[-1].value + part.value)
            else:
                parts.append(part)
        return parts[0] if len(parts) == 1 else Concatenation(tuple(parts))

    def _repeat(self) -> Node:
        node = self._complement()
        while self.peek("?*+{"):
            operator = self.next()
            if operator == "?":
                node = Repeat(node, 0, 1)
            elif operator == "*":
                node = Repeat(node, 0, None)
            elif operator == "+":
                node = Repeat(node, 1, None)
            else:
                node = self._counted(node)
        return node

    def _counted(self, node: Node) -> Node:
        start = self.position
        minimum = self._integer()
        if minimum is None:
            raise RegexSyntaxError("integer expected", self.position)
        maximum: int | None = minimum
        if self.match(","):
            maximum = self._integer()
        self.expect("}")
        if maximum is not None and minimum > maximum:
            raise RegexSyntaxError(f"repetition range out of order: {minimum}..{maximum}", start)
        return Repeat(node, minimum, maximum)

    def _integer(self) -> int | None:
        start = self.position
        while self.peek("0123456789"):
            self.position += 1
        if start == self.position:
            return None
        number = int(self.pattern[start : self.position])
        if number > HIGHEST_INTEGER:
            raise RegexSyntaxError("the number is too large", start)
        return number

    def _complement(self) -> Node:
        count = 0
        while self.match("~"):
            count += 1
        node = self._class()
        # Two complements cancel out.
        return Complement(node) if count % 2 else node

    def _class(self) -> Node:
        if not self.match("["):
            return self._simple()
        negated = self.match("^")
        items: list[Item] = []
        while True:
            items.extend(self._items())
            if not self.more() or self.peek("]"):
                break
        self.expect("]")
        return Class(tuple(items), negated)

    def _items(self) -> tuple[Item, ...]:
        start = self.position
        if self.match("\\"):
            if self.peek(LETTERS):
                return self._predefined()
            code = ord(self.next())
            return (Item(code, code, False),)
        first = ord(self.next())
        if not self.match("-"):
            return (Item(first, first, True),)
        last = ord(self._character())
        if first > last:
            raise RegexSyntaxError("range out of order", start)
        return (Item(first, last, False),)

    def _predefined(self) -> tuple[Item, ...]:
        """What a backslash and a letter stand for."""
        letter = self.next()
        items = PREDEFINED.get(letter.lower())
        if items is None:
            raise RegexSyntaxError(f"invalid character class \\{letter}", self.position - 1)
        if letter.islower():
            return items
        gaps = []
        start = 0
        for item in items:
            gaps.append(Item(start, item.first - 1, False))
            start = item.last + 1
        gaps.append(Item(start, HIGHEST_CODE_POINT, False))
        return tuple(gaps)

    def _character(self) -> str:
        self.match("\\")
        return self.next()

    def _simple(self) -> Node:
        if self.match("."):
            return AnyCharacter()
        if self.match("#"):
            return Nothing()
        if self.match("@"):
            return ANY_STRING
        if self.match('"'):
            return self._quoted()
        if self.match("("):
            return self._group()
        if self.match("<"):
            return self._interval()
        if self.match("\\") and self.peek(LETTERS):
            return Class(self._predefined(), False)
        return Text(self.next())

    def _quoted(self) -> Node:
        start = self.position
        while self.more() and not self.peek('"'):
            self.position += 1
        self.expect('"')
        return Text(self.pattern[start : self.position - 1])

    def _group(self) -> Node:
        if self.match(")"):
            return Text("")
        self.depth += 1
        if self.depth > MAXIMUM_DEPTH:
            raise RegexSyntaxError(f"groups nested more than {MAXIMUM_DEPTH} deep", self.position)
        node = self.union()
        self.depth -= 1
        self.expect(")")
        return node

    def _interval(self) -> Node:
        start = self.position
        while self.more() and not self.peek(">"):
            self.position += 1
        self.expect(">")
        written = self.pattern[start : self.position - 1]
        if "-" not in written:
            raise RegexUnsupported("named automaton", f"the named automaton <{written}> is not defined")
        low, _, high = written.partition("-")
        if not NUMBER.fullmatch(low) or not NUMBER.fullmatch(high) or max(int(low), int(high)) > HIGHEST_INTEGER:
            raise RegexSyntaxError("interval syntax error", start)
        bounds = sorted((int(low), int(high)))
        return expand(bounds[0], bounds[1], len(low) if len(low) == len(high) else 0)
