"""The canonical layout keeps the tree and the comments, and is its own layout."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings

from falselight.diagnostics import EqlError
from falselight.eql.expressions import NESTING_LIMIT
from falselight.eql.formatter import LIMIT, format
from falselight.eql.lexer import lex_with_comments
from falselight.eql.parser import parse
from falselight.source import Source
from tests.eql.queries import bare, texts


def comments(text: str) -> list[str]:
    return sorted(comment.text.rstrip() for comment in lex_with_comments(Source(text))[1])


def check(text: str) -> str:
    """Formats, and asserts what holds for every query."""
    result = format(text)
    assert bare(parse(Source(result))) == bare(parse(Source(text)))
    assert comments(result) == comments(text)
    assert format(result) == result
    return result


@settings(max_examples=400)
@given(texts())
def test_any_layout(text: str) -> None:
    check(text)


def test_rules(shared: Path) -> None:
    for path in sorted((shared / "rules/elastic-eql").glob("*.toml")):
        result = check(tomllib.loads(path.read_text(encoding="utf-8"))["rule"]["query"])
        for line in result.splitlines():
            assert line == line.rstrip()
            words = re.sub(r'"(\\.|[^"\\])*"|//.*|/\*.*', "", line).removesuffix(" and").removesuffix(" or")
            assert len(line) <= LIMIT or not re.search(r" (and|or) ", words), path.name


def test_refusals_are_the_parsers() -> None:
    with pytest.raises(EqlError):
        format("process where")


def alternating(depth: int) -> str:
    """``a or b and (a or b and (…`` up to the nesting that the parser takes."""
    return "any where " + "a or b and (" * depth + "c" + ")" * depth


@pytest.mark.parametrize(
    "query",
    [
        "any where " + "(" * (NESTING_LIMIT - 1) + "a" + ")" * (NESTING_LIMIT - 1),
        "any where " + "not " * (NESTING_LIMIT - 1) + "a",
        "any where " + "-" * (NESTING_LIMIT - 1) + "1",
        "any where " + "f(" * (NESTING_LIMIT - 1) + "a" + ")" * (NESTING_LIMIT - 1),
        "any where " + "1 + " * (NESTING_LIMIT - 1) + "1",
        "any where " + "a in (" * (NESTING_LIMIT - 1) + "1" + ")" * (NESTING_LIMIT - 1),
        alternating((NESTING_LIMIT - 2) // 3),
    ],
)
def test_deepest_nesting(query: str) -> None:
    check(query)


def test_long_chains() -> None:
    assert check("any where " + " and ".join(["a == 1"] * 5000)).count("\n") == 5000


def test_line_breaks_of_windows() -> None:
    assert check("any where a and // b\r\n  c\r\n| head 1\r\n") == "any where\n  a and // b\n  c\n| head 1"


def test_unneeded_spelling_goes_and_constants_stay() -> None:
    query = '"process" where ((+(`a`.`by`) == 1.50)) and f ("""x\\y""") with'
    with pytest.raises(EqlError):
        format(query)
    assert check(query.removesuffix(" with")) == 'process where a.`by` == 1.50 and f("""x\\y""")'
