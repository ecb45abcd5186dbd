"""What the lexer hands to the parser: tokens, and the words of the language."""

from __future__ import annotations

from typing import NamedTuple

from falselight.source import Span

KEYWORDS = frozenset(
    (
        *("and", "any", "by", "false", "in", "join", "like", "maxspan", "not", "null", "of", "or", "regex"),
        *("sample", "sequence", "true", "until", "where", "with"),
    )
)
TILDE_KEYWORDS = frozenset(("in~", "like~", "regex~"))

# A token's kind is its own text for keywords and punctuation, else one of these.
IDENTIFIER = "identifier"
QUOTED = "quoted"
TILDE = "tilde"
INTEGER = "integer"
DECIMAL = "decimal"
STRING = "string"
END = "end"

COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">="))
MATCHES = frozenset((":", "like", "like~", "regex", "regex~"))
NAMED_IN_WORDS = {
    IDENTIFIER: "a name",
    QUOTED: "a backquoted name",
    TILDE: "a function name",
    INTEGER: "a number",
    DECIMAL: "a number",
    STRING: "a string",
    END: "the end of the query",
}


class Token(NamedTuple):
    """One token. ``text`` is as written; ``value`` is the name, number or string that it stands for, else None."""

    kind: str
    text: str
    value: str | int | float | None
    start: int
    end: int

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)


class Comment(NamedTuple):
    """``// …`` or ``/* … */`` as written."""

    text: str
    start: int
    end: int
