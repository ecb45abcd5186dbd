"""Words of the language: what each stands for, and which text is none."""

from __future__ import annotations

import pytest

from falselight.diagnostics import EqlError
from falselight.eql import tokens
from falselight.eql.lexer import lex, lex_with_comments
from falselight.source import Source


def values(text: str) -> list[object]:
    return [token.value for token in lex(Source(text))[:-1]]


def kinds(text: str) -> list[str]:
    return [token.kind for token in lex(Source(text))[:-1]]


def code(text: str) -> str:
    with pytest.raises(EqlError) as caught:
        lex(Source(text))
    return caught.value.diagnostics[0].code


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"\b\t\n\f\r\"\'\\"', "\b\t\n\f\r\"'\\"),
        (r'"\\n"', r"\n"),
        (r'"\u{41}\u{0001f600}"', "A\U0001f600"),
        (r'"\u{10FFFF}\u{d7ff}\u{e000}"', "\U0010ffff\ud7ff\ue000"),
        ('"é\t//x"', "é\t//x"),
        ('""', ""),
        (r'"""C:\q"x"""', r'C:\q"x'),
        ('""""a"""', '"a'),
        ('"""a""""', 'a"'),
        ('"""a"""""', 'a""'),
        ('""""""', ""),
        ('"""a\'"""', "a'"),
    ],
)
def test_strings(text: str, value: str) -> None:
    assert values(text) == [value]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r'"\q"', "E0103"),
        (r'"\u41"', "E0103"),
        (r'"\u{4}"', "E0103"),
        (r'"\u{123456789}"', "E0103"),
        (r'"\u{}"', "E0103"),
        (r'"\u{110000}"', "E0104"),
        (r'"\u{d800}"', "E0104"),
        (r'"\u{DFFF}"', "E0104"),
        ('"a\nb"', "E0102"),
        ('"a\\\n"', "E0102"),
        ('"""a\n"""', "E0102"),
        ('"""a""', "E0102"),
        ("'a'", "E0105"),
        ("?'a'", "E0106"),
        ('?"""a"""', "E0106"),
        ("`a", "E0107"),
        ("/* /* */", "E0108"),
        ("1e400", "E0109"),
        ("9" * 400, "E0109"),
        ("a ~", "E0101"),
        ("_a~", "E0101"),
        ("! [", "E0101"),
        ("a\u00a0b", "E0101"),
        ("é", "E0101"),
        ("a && b", "E0101"),
    ],
)
def test_no_words(text: str, expected: str) -> None:
    assert code(text) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("007", 7),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", 2.0**63),
        ("0" * 5000 + "1", 1),
        ("1.", 1.0),
        (".5", 0.5),
        ("1.5e-3", 0.0015),
        ("2E3", 2000.0),
    ],
)
def test_numbers(text: str, value: float) -> None:
    (found,) = values(text)
    assert found == value and type(found) is type(value)


def test_signs_are_no_part_of_numbers() -> None:
    assert kinds("-1+.5") == ["-", tokens.INTEGER, "+", tokens.DECIMAL]
    assert kinds("5m") == [tokens.INTEGER, tokens.IDENTIFIER]
    assert kinds("1e") == [tokens.INTEGER, tokens.IDENTIFIER]


def test_comments_nest_and_keep_their_places() -> None:
    stream, comments = lex_with_comments(Source("a /* b /* c */ // d */ e // f\ng"))
    assert [token.text for token in stream[:-1]] == ["a", "e", "g"]
    assert [comment.text for comment in comments] == ["/* b /* c */ // d */", "// f"]
    assert comments[0].start == 2 and comments[0].end == 22


def test_backquotes() -> None:
    assert values("`a``b` `by` `x.y-z`") == ["a`b", "by", "x.y-z"]
    assert set(kinds("`a` `by`")) == {tokens.QUOTED}


def test_keywords_are_lower_case() -> None:
    assert kinds(" ".join(sorted(tokens.KEYWORDS))) == sorted(tokens.KEYWORDS)
    assert set(kinds(" ".join(sorted(tokens.KEYWORDS)).upper())) == {tokens.IDENTIFIER}
    assert kinds("in~ like~ regex~ IN~ between~") == ["in~", "like~", "regex~", tokens.TILDE, tokens.TILDE]
    assert kinds("runs head") == [tokens.IDENTIFIER, tokens.IDENTIFIER]


def test_names() -> None:
    assert values("@timestamp _id a1_B") == ["@timestamp", "_id", "a1_B"]
    assert kinds("a.b") == [tokens.IDENTIFIER, ".", tokens.IDENTIFIER]


def test_missing_events_bracket_is_one_word() -> None:
    assert kinds("![a]") == ["![", tokens.IDENTIFIER, "]"]
    assert kinds("!=[") == ["!=", "["]


def test_places_cover_the_text() -> None:
    text = 'a where b == "c" // d\n and 1.5 in (2)'
    assert [text[token.start : token.end] for token in lex(Source(text))] == [token.text for token in lex(Source(text))]
