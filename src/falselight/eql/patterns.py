"""Wildcards: ``*`` is any run of characters, ``?`` exactly one code point, and nothing else is special.

A pattern is a text. Where a ``*`` or ``?`` in it must be literal (``escape``), a lone surrogate stands for it: no text
that UTF-8 can carry holds one. Insensitive matching folds ASCII letters only, as Elasticsearch's automata do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from falselight.eql.regular.charset import spelled_text

LITERAL_STAR, LITERAL_QUESTION = "\udc2a", "\udc3f"
_ESCAPES = str.maketrans({"*": LITERAL_STAR, "?": LITERAL_QUESTION})
_PLAIN = str.maketrans({LITERAL_STAR: "*", LITERAL_QUESTION: "?"})
_ASCII_LOWER = str.maketrans({chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)})
_TOKENS = re.compile(r"[*?]+|[^*?]+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Wildcard:
    """What a pattern asks for. text is the literal part, ASCII-folded where insensitive; "" for any and general."""

    shape: str
    text: str
    pattern: str
    insensitive: bool


def escape(text: str) -> str:
    """The pattern that only this text matches."""
    return text.translate(_ESCAPES)


def fold(text: str) -> str:
    """ASCII letters in lower case, all else as it is."""
    return text.translate(_ASCII_LOWER)


def has_wildcard(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern


def lucene_wildcard(text: str) -> str:
    """The pattern that Lucene's WildcardQuery sees in a text: a backslash makes the next character literal.

    ``endsWith`` and ``stringContains`` hand a constant over unescaped, unlike ``:`` and ``like``. A backslash at the
    very end is literal.
    """
    characters = []
    literal = False
    for position, character in enumerate(text):
        if literal:
            characters.append(escape(character))
            literal = False
        elif character == "\\" and position + 1 < len(text):
            literal = True
        else:
            characters.append(character)
    return "".join(characters)


def wildcard(pattern: str, insensitive: bool) -> Wildcard:
    """The shape of a pattern: exact, prefix, suffix, contains, any (even the empty text), or general."""
    inner = pattern.strip("*")
    text = inner.translate(_PLAIN)
    text = fold(text) if insensitive else text
    if has_wildcard(inner):
        return Wildcard("general", "", pattern, insensitive)
    if not inner:
        return Wildcard("any" if pattern else "exact", "", pattern, insensitive)
    starts, ends = pattern.startswith("*"), pattern.endswith("*")
    shape = "contains" if starts and ends else "suffix" if starts else "prefix" if ends else "exact"
    return Wildcard(shape, text, pattern, insensitive)


def to_re2(patterns: Iterable[str], insensitive: bool) -> str:
    """One RE2, to be searched for in a text, that is found where any of the patterns matches the whole. Without patterns it
    is found nowhere. A search takes a third of the time of a full match where a pattern begins or ends with ``*``."""
    spelled = [_spelled(pattern, insensitive) for pattern in dict.fromkeys(patterns)]
    return "(?s)" + ("|".join(spelled) if spelled else r"[^\x00-\x{10ffff}]")


def _spelled(pattern: str, insensitive: bool) -> str:
    tokens = _TOKENS.findall(pattern)
    open_start = bool(tokens) and "*" in tokens[0]
    open_end = bool(tokens) and "*" in tokens[-1]
    pieces = []
    for number, token in enumerate(tokens):
        if token[0] in "*?":
            outside = (number == 0 and open_start) or (number == len(tokens) - 1 and open_end)
            pieces.append("." * token.count("?") + (".*" if "*" in token and not outside else ""))
        else:
            pieces.append(spelled_text(token.translate(_PLAIN), insensitive))
    return ("" if open_start else r"\A") + ("".join(pieces) or "(?:)") + ("" if open_end else r"\z")
