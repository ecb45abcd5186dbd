"""Tokens → field names."""

from __future__ import annotations

from typing import NoReturn

from falselight.diagnostics import Label
from falselight.eql import syntax, tokens
from falselight.eql.cursor import Cursor
from falselight.eql.tokens import Token
from falselight.source import Span


def field(cursor: Cursor) -> syntax.FieldName:
    """A field name; its parts joined by dots."""
    start = cursor.token
    optional = cursor.accept("?") is not None
    parts = [_part(cursor)]
    while True:
        if cursor.token.kind == "[" and cursor.ahead().kind == tokens.INTEGER:
            _refuse_index(cursor, start)
        if not cursor.accept("."):
            return syntax.FieldName(".".join(parts), optional, Span(start.start, cursor.previous.end))
        parts.append(_part(cursor))


def _part(cursor: Cursor) -> str:
    token = cursor.token
    if token.kind in (tokens.IDENTIFIER, tokens.QUOTED):
        return str(cursor.advance().value)
    if token.kind in tokens.KEYWORDS:
        refuse_keyword(cursor, token)
    cursor.unexpected("a field name")


def refuse_keyword(cursor: Cursor, token: Token) -> NoReturn:
    """Refuses a keyword where a field or a value belongs."""
    help = f"Write [`{token.text}`] if the field is meant; otherwise a value is missing before [{token.text}]."
    raise cursor.fault("E0113", token.span, text=token.text, help=help)


def _refuse_index(cursor: Cursor, start: Token) -> NoReturn:
    bracket = cursor.token
    raise cursor.fault(
        "E0119",
        Span(bracket.start, cursor.ahead().end),
        second=Label(Span(start.start, bracket.start), "the field"),
        help="A condition on a field holds if any of its values satisfies it: write the field without an index.",
    )
