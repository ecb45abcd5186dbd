"""A place in the tokens of a query, and the refusals that any part of the grammar may raise there."""

from __future__ import annotations

from typing import NoReturn

from falselight.diagnostics import EqlError, Label
from falselight.eql import tokens
from falselight.eql.syntax_faults import fault, shortened
from falselight.eql.tokens import Token
from falselight.source import Source, Span

_OPERATOR_HELP = {
    "=": "Write [==] to compare exactly, or [:] to compare without regard to case and with wildcards.",
    "&&": "Write [and].",
    "||": "Write [or].",
    "AND": "Keywords are lower-case: write [and].",
    "OR": "Keywords are lower-case: write [or].",
    "NOT": "Keywords are lower-case: write [not].",
    "IN": "Keywords are lower-case: write [in].",
    "LIKE": "Keywords are lower-case: write [like].",
    "REGEX": "Keywords are lower-case: write [regex].",
    "WHERE": "Keywords are lower-case: write [where].",
    "BY": "Keywords are lower-case: write [by].",
    "WITH": "Keywords are lower-case: write [with].",
    "UNTIL": "Keywords are lower-case: write [until].",
    "matches": "Write [:], [like] or [regex].",
    "contains": 'Write [: "*text*"], or the function [stringContains].',
    "is": "Write [== null] or [!= null].",
    "match": "Write [regex].",
    "wildcard": "Write [like] or [:].",
}


class Cursor:
    """Reads tokens one after another; ``token`` is the next one that was not read."""

    def __init__(self, source: Source, stream: list[Token]) -> None:
        self.source = source
        self._stream = stream
        self._index = 0
        self.token = stream[0]

    @property
    def previous(self) -> Token:
        """The token read last, or the first one where none was read."""
        return self._stream[max(self._index - 1, 0)]

    def ahead(self, count: int = 1) -> Token:
        """A token after the next one; the end where there are no more."""
        return self._stream[min(self._index + count, len(self._stream) - 1)]

    def advance(self) -> Token:
        """Reads one token. The end is never passed."""
        token = self.token
        if token.kind != tokens.END:
            self._index += 1
            self.token = self._stream[self._index]
        return token

    def accept(self, kind: str) -> Token | None:
        """Reads a token of that kind, if it is next."""
        return self.advance() if self.token.kind == kind else None

    def expect(self, kind: str, expected: str = "", *, opening: Token | None = None) -> Token:
        """Reads a token of that kind, or refuses; ``opening`` is the bracket that it would close."""
        if self.token.kind == kind:
            return self.advance()
        self.unexpected(expected or f"[{kind}]", opening=opening)

    def fault(
        self, code: str, span: Span, *, help: str | None = None, second: Label | None = None, **values: object
    ) -> EqlError:
        return fault(self.source, code, span, help=help, second=second, **values)

    def unexpected(self, expected: str, *, opening: Token | None = None) -> NoReturn:
        """Refuses the next token, with the reason that most likely holds."""
        token = self.token
        self._refuse_known(token)
        if opening is not None:
            second = Label(opening.span, "opened here")
            raise self.fault(
                "E0111",
                token.span,
                second=second,
                opening=f"[{opening.text}]",
                expected=expected,
                found=self.found(token),
                help=f"Close it with [{_closing(opening)}]." if token.kind == tokens.END else None,
            )
        raise self.fault("E0110", token.span, expected=expected, found=self.found(token))

    def found(self, token: Token) -> str:
        """A token in words."""
        if token.kind == tokens.END:
            return tokens.NAMED_IN_WORDS[tokens.END]
        return f"[{shortened(token.text)}]"

    def _refuse_known(self, token: Token) -> None:
        """Mistakes that have a message of their own."""
        text, span = token.text, token.span
        if text == "|" and self.ahead().text == "|":
            text, span = "||", span.to(self.ahead().span)
        word = text if text in _OPERATOR_HELP else text.upper()
        if token.kind in (tokens.STRING, tokens.QUOTED) or word not in _OPERATOR_HELP or text in tokens.KEYWORDS:
            return
        raise self.fault("E0112", span, text=text, help=_OPERATOR_HELP[word])


def _closing(opening: Token) -> str:
    return ")" if opening.text == "(" else "]"
