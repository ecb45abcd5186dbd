"""Text → tokens. Raises ``EqlError`` (E0101 to E0109) at the first place that no token fits."""

from __future__ import annotations

import math
import re
from typing import NoReturn

from falselight.eql import tokens
from falselight.eql.syntax_faults import fault, shortened
from falselight.eql.tokens import Comment, Token
from falselight.source import Source, Span

# Possessive repeats keep every alternative linear in the length of the text.
_MASTER = re.compile(
    r"""(?P<space>[ \t\r\n]++)
    |(?P<word>[A-Za-z_@][A-Za-z0-9_]*+~?+)
    |(?P<raw>\"\"\"[^\r\n]*?\"\"\"\"?\"?)
    |(?P<string>\"[^"\\\r\n]*+(?:\\[^\r\n][^"\\\r\n]*+)*+\")
    |(?P<decimal>(?:[0-9]++\.[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?+|[0-9]++[eE][+-]?[0-9]++)
    |(?P<integer>[0-9]++)
    |(?P<line>//[^\r\n]*+)
    |(?P<block>/\*)
    |(?P<quoted>`(?:[^`]|``)*+`)
    |(?P<symbol>!\[|==|!=|<=|>=|[<>=:+\-*/%,.()\[\]|?])
    """,
    re.VERBOSE,
)
_BLOCK = re.compile(r"/\*|\*/")
_ESCAPE = re.compile(r"\\(?:u\{([0-9A-Fa-f]{2,8})\}|(.))", re.DOTALL)
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "'": "'", "\\": "\\"}
_FOREIGN = re.compile(r"\?(?:\"\"\"|[\"'])|'")
_LONG_MAX = 2**63 - 1
_WORDS = tokens.KEYWORDS | tokens.TILDE_KEYWORDS
_OTHER_SPELLINGS = {
    "&": "Write [and].",
    "!": "Write [not] before the condition, or [!=].",
    "~": "A case-insensitive function or operator has its [~] directly after the name, as in [in~].",
    "“": 'Write straight double quotes ["].',
    "”": 'Write straight double quotes ["].',
    "‘": 'Write straight double quotes ["].',
    "’": 'Write straight double quotes ["].',
    ";": "A query ends without a mark.",
    "#": "A comment begins with [//].",
}


def lex(source: Source) -> list[Token]:
    """The tokens of a query, the last one of kind ``end``."""
    return lex_with_comments(source)[0]


def one_line(text: str) -> str:
    """A part of a query in one line, without its comments."""
    for comment in reversed(lex_with_comments(Source(text))[1]):
        text = f"{text[: comment.start]} {text[comment.end :]}"
    return " ".join(text.split())


def lex_with_comments(source: Source) -> tuple[list[Token], list[Comment]]:
    """Tokens, and the comments between them, both in the order of the text."""
    text = source.text
    found: list[Token] = []
    comments: list[Comment] = []
    add = found.append
    match = _MASTER.match
    position, length = 0, len(text)
    while position < length:
        hit = match(text, position)
        if hit is None:
            _refuse(source, position)
        group, end = hit.lastgroup, hit.end()
        if group == "space":
            position = end
            continue
        part = text[position:end]
        if group == "symbol":
            if part == "?" and end < length and text[end] in "\"'":
                _refuse(source, position)
            add(Token(part, part, None, position, end))
        elif group == "word":
            add(_word(source, part, position, end))
        elif group == "line":
            comments.append(Comment(part, position, end))
        elif group == "block":
            end = _block_end(source, position)
            comments.append(Comment(text[position:end], position, end))
        else:
            add(_constant(source, group or "", part, position, end))
        position = end
    add(Token(tokens.END, "", None, length, length))
    return found, comments


def _word(source: Source, part: str, start: int, end: int) -> Token:
    if part in _WORDS:
        return Token(part, part, None, start, end)
    if part[-1] != "~":
        return Token(tokens.IDENTIFIER, part, part, start, end)
    if part[0] in "_@":
        _refuse(source, end - 1)
    return Token(tokens.TILDE, part, part[:-1], start, end)


def _constant(source: Source, group: str, part: str, start: int, end: int) -> Token:
    if group == "string":
        if part == '""' and source.text.startswith('"', end):
            _refuse(source, start)
        return Token(tokens.STRING, part, _unescaped(source, part, start), start, end)
    if group == "raw":
        return Token(tokens.STRING, part, part[3:-3], start, end)
    if group == "quoted":
        return Token(tokens.QUOTED, part, part[1:-1].replace("``", "`"), start, end)
    # Nineteen digits hold every 64-bit integer; int() refuses, and would be slow on, very long texts.
    digits = part.lstrip("0") if group == "integer" else part
    if group == "integer" and len(digits) <= 19 and int(digits or "0") <= _LONG_MAX:
        return Token(tokens.INTEGER, part, int(digits or "0"), start, end)
    number = float(part)
    if math.isinf(number):
        raise fault(
            source, "E0109", Span(start, end), text=shortened(part), help="The largest number is about 1.8e308."
        )
    return Token(tokens.DECIMAL, part, number, start, end)


def _unescaped(source: Source, part: str, start: int) -> str:
    body = part[1:-1]
    if "\\" not in body:
        return body

    def replace(hit: re.Match[str]) -> str:
        span = Span(start + 1 + hit.start(), start + 1 + hit.end())
        if hit[1] is not None:
            number = int(hit[1], 16)
            if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
                raise fault(
                    source,
                    "E0104",
                    span,
                    text=hit[0],
                    help="Characters go from 00 to 10ffff, without the surrogates d800 to dfff.",
                )
            return chr(number)
        known = _ESCAPES.get(hit[2])
        if known is None:
            raise fault(
                source,
                "E0103",
                span,
                text=hit[0],
                help=r'Write a backslash as [\\], or the whole string between ["""], where nothing is escaped.',
            )
        return known

    return _ESCAPE.sub(replace, body)


def _block_end(source: Source, start: int) -> int:
    """The end of a comment, which may hold others."""
    depth = 0
    for mark in _BLOCK.finditer(source.text, start):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    raise fault(source, "E0108", Span(start, start + 2), help="Close it with [*/]. Comments nest: each needs its own.")


def _refuse(source: Source, position: int) -> NoReturn:
    """Says why no token begins here."""
    text = source.text
    line_end = min((i for i in (text.find("\n", position), text.find("\r", position)) if i >= 0), default=len(text))
    character = text[position]
    foreign = _FOREIGN.match(text, position)
    if foreign and foreign[0] == "'":
        closing = text.find("'", position + 1, line_end)
        end = closing + 1 if closing >= 0 else position + 1
        inner = shortened(text[position + 1 : end - 1])
        help = f'Write ["{inner}"].' if closing >= 0 and '"' not in inner and "\\" not in inner else None
        raise fault(source, "E0105", Span(position, end), help=help or 'Write ["] at both ends.')
    if foreign:
        span = Span(foreign.start(), foreign.end())
        raise fault(source, "E0106", span, quote=foreign[0][1], help='Write ["""] at both ends.')
    if character == '"':
        raw = text.startswith('"""', position)
        help = 'A raw string ends with ["""].' if raw else r'Close it with ["]. A line break within is written [\n].'
        raise fault(source, "E0102", Span(position, line_end), help=help)
    if character == "`":
        raise fault(
            source, "E0107", Span(position, position + 1), help="Close it with [`]; a backquote within is doubled."
        )
    doubled = text[position : position + 2] == "&&"
    end = position + (2 if doubled else 1)
    raise fault(source, "E0101", Span(position, end), text=text[position:end], help=_OTHER_SPELLINGS.get(character))
