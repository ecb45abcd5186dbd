"""Wildcards: shapes, escapes, and RE2 against a plain model."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falselight.eql import patterns

CONNECTION = duckdb.connect()


def matches(given_patterns: list[str], value: str, insensitive: bool = False) -> bool:
    regex = patterns.to_re2(given_patterns, insensitive)
    row = CONNECTION.execute("SELECT regexp_matches(?, ?)", [value, regex]).fetchone()
    assert row is not None
    return bool(row[0])


def model(pattern: str, value: str) -> bool:
    """Positions of the pattern that the value so far may have reached."""

    def closed(places: set[int]) -> set[int]:
        for place in sorted(places):
            while place < len(pattern) and pattern[place] == "*":
                place += 1
                places.add(place)
        return places

    places = closed({0})
    for character in value:
        after = set()
        for place in places:
            if place < len(pattern) and pattern[place] == "*":
                after.add(place)
            elif place < len(pattern) and pattern[place] in ("?", character):
                after.add(place + 1)
        places = closed(after)
    return len(pattern) in places


@pytest.mark.parametrize(
    ("pattern", "shape", "text"),
    [
        ("", "exact", ""),
        ("Abc", "exact", "abc"),
        ("Abc*", "prefix", "abc"),
        ("**Abc", "suffix", "abc"),
        ("*Abc*", "contains", "abc"),
        ("*", "any", ""),
        ("***", "any", ""),
        ("a*b", "general", ""),
        ("?", "general", ""),
        ("a\\b", "exact", "a\\b"),
        ("É*", "prefix", "É"),
    ],
)
def test_shapes(pattern: str, shape: str, text: str) -> None:
    found = patterns.wildcard(pattern, insensitive=True)
    assert (found.shape, found.text) == (shape, text)


def test_escape_is_literal() -> None:
    pattern = patterns.escape("a*?\\.")
    assert patterns.wildcard(pattern, False) == patterns.Wildcard("exact", "a*?\\.", pattern, False)
    assert matches([pattern], "a*?\\.") and not matches([pattern], "axy\\.")
    assert patterns.wildcard(patterns.escape("*A") + "*", True).text == "*a"


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        ("a*", ["a", "abc"], ["ba"]),
        ("a\\*", ["a*"], ["ab", "a\\*"]),
        ("C:\\\\x", ["C:\\x"], ["C:\\\\x"]),
        ("\\System32", ["System32"], ["\\System32"]),
        ("x\\", ["x\\"], ["x"]),
        ("x?", ["xy"], ["x"]),
    ],
)
def test_constants_as_lucene_reads_them(text: str, good: list[str], bad: list[str]) -> None:
    pattern = patterns.lucene_wildcard(text)
    assert all(matches([pattern], value) for value in good)
    assert not any(matches([pattern], value) for value in bad)


def test_many_patterns_are_one_expression() -> None:
    many = ["*.exe", "cmd?", "a\\b", ""]
    assert all(matches(many, value) for value in ("x\n.exe", "cmd😀", "a\\b", ""))
    assert not any(matches(many, value) for value in ("exe", "cmd", "a\\\\b", "x"))
    assert not matches([], "") and not matches([], "a")


def test_insensitive_folds_ascii_only() -> None:
    assert matches(["*KEY*"], "xkeyx", True)
    assert not matches(["k"], "\u212a", True) and not matches(["s"], "\u017f", True) and not matches(["é"], "É", True)


def test_catastrophic_pattern_is_linear() -> None:
    assert not matches(["*a" * 30 + "b"], "a" * 20_000)


@settings(max_examples=200)
@given(st.text(alphabet="ab*?\\.\n", max_size=8), st.text(alphabet="ab\\.\n*", max_size=8))
def test_as_the_model(pattern: str, value: str) -> None:
    assert matches([pattern], value) == model(pattern, value)


@given(st.text(max_size=20), st.text(max_size=20))
def test_escape_matches_only_the_text(text: str, other: str) -> None:
    pattern = patterns.escape(text)
    assert not patterns.has_wildcard(pattern)
    assert patterns.wildcard(pattern, False).text == text
