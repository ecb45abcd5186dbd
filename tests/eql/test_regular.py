"""Lucene's regular expressions against a plain model of their meaning, with DuckDB's RE2 as the engine."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falselight.eql import regular
from falselight.eql.regular import charset
from falselight.eql.regular.syntax import (
    AnyCharacter,
    Class,
    Complement,
    Concatenation,
    Intersection,
    Nothing,
    Repeat,
    Text,
    Union,
)

CONNECTION = duckdb.connect()


def matches(pattern: str, value: str, insensitive: bool = False) -> bool:
    """What DuckDB says of a value."""
    return _holds(regular.translate(pattern, insensitive), value)


def _holds(translation: regular.Translation, value: str) -> bool:
    if isinstance(translation, regular.Re2):
        query = "SELECT regexp_full_match(?, ?)"
        row = CONNECTION.execute(query, [value, translation.text]).fetchone()
        assert row is not None
        return bool(row[0])
    if isinstance(translation, regular.Not):
        return not _holds(translation.part, value)
    holds = [_holds(part, value) for part in translation.parts]
    return all(holds) if isinstance(translation, regular.AllOf) else any(holds)


def ends(node: regular.Node, text: str, start: int, insensitive: bool) -> set[int]:
    """The model: all positions at which a match that begins at start may end."""
    size = len(text)
    if isinstance(node, Nothing):
        return set()
    if isinstance(node, AnyCharacter):
        return {start + 1} if start < size else set()
    if isinstance(node, Class):
        ranges = charset.of_class(node, insensitive)
        good = start < size and any(first <= ord(text[start]) <= last for first, last in ranges)
        return {start + 1} if good else set()
    if isinstance(node, Text):
        found = text[start : start + len(node.value)]
        same = found.lower() == node.value.lower() if insensitive else found == node.value
        return {start + len(node.value)} if same and len(found) == len(node.value) else set()
    if isinstance(node, Union):
        return set().union(*(ends(part, text, start, insensitive) for part in node.parts))
    if isinstance(node, Intersection):
        return set.intersection(*(ends(part, text, start, insensitive) for part in node.parts))
    if isinstance(node, Complement):
        return set(range(start, size + 1)) - ends(node.part, text, start, insensitive)
    if isinstance(node, Concatenation):
        reached = {start}
        for part in node.parts:
            reached = set().union(*(ends(part, text, place, insensitive) for place in reached))
        return reached
    return _repeat_ends(node, text, start, insensitive)


def _repeat_ends(node: Repeat, text: str, start: int, insensitive: bool) -> set[int]:
    reached, found = {start}, {start} if node.minimum == 0 else set()
    most = node.minimum + len(text) + 1 if node.maximum is None else node.maximum
    for count in range(1, most + 1):
        reached = set().union(*(ends(node.part, text, place, insensitive) for place in reached))
        if count >= node.minimum:
            found |= reached
    return found


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        ("a.b", ["a\nb", "a😀b"], ["ab", "xa.b"]),
        ("^a$", ["^a$"], ["a"]),
        (".*?net1.*?", ["c:\\net1 x\ny"], ["net 1"]),
        ('"a.b"c', ["a.bc"], ["axbc"]),
        ("@b#?", ["b", "xxb"], ["bx"]),
        ("()", [""], ["a"]),
        ("#", [], ["", "a"]),
        ("a|b&c", ["a"], ["b", "c"]),
        (".*a.*&.*b.*", ["ab", "b a"], ["a", "b"]),
        ("~(foo)", ["", "fo", "foox"], ["foo"]),
        ("x~(foo)y", ["xy", "xfoy", "xfooxy"], ["xfooy"]),
        ("(ab)~(c.*)", ["ab", "abd"], ["abc", "abcd"]),
        ("[^a-c]", ["d", "\n", "😀"], ["a", "dd"]),
        ("[\\]a]", ["]", "a"], ["\\"]),
        ("[]a]", ["]", "a"], [""]),
        ("\\w+\\s\\d", ["a_Z \u0031", "a\t1"], ["é 1", "a\f1"]),
        ("\\W\\S\\D", ["-xé"], ["axx", "-\nx", "-x1"]),
        ("[\\d\\W]+", ["1-2"], ["a"]),
        ("a{2}b{1,}c{0,2}", ["aab", "aabbcc"], ["ab", "aabccc"]),
        ("a{0}b", ["b"], ["ab"]),
        ("*a", ["*a"], ["a"]),
        ("a||b", ["a", "|b"], ["b"]),
        ("C:\\\\x\\.exe", ["C:\\x.exe"], ["C:\\xyexe"]),
    ],
)
def test_operators(pattern: str, good: list[str], bad: list[str]) -> None:
    assert [value for value in good if not matches(pattern, value)] == []
    assert [value for value in bad if matches(pattern, value)] == []


@pytest.mark.parametrize(("low", "high"), [(0, 0), (1, 255), (7, 7), (5, 120), (99, 1001), (0, 50)])
def test_intervals_with_leading_zeros(low: int, high: int) -> None:
    pattern = f"<{low}-{high}>"
    padded = len(str(low)) == len(str(high))
    for number in {low - 1, low, low + 1, (low + high) // 2, high - 1, high, high + 1} - {-1}:
        inside = low <= number <= high
        assert matches(pattern, str(number)) == (inside and (not padded or len(str(number)) == len(str(low))))
        assert matches(pattern, f"00{number}") == (inside and not padded)
    assert not matches(pattern, "") and not matches(pattern, "x")


def test_interval_of_one_width() -> None:
    assert matches("<01-10>", "07") and not matches("<01-10>", "7") and matches("<10-01>", "10")


@pytest.mark.parametrize(
    ("pattern", "position"),
    [("a(", 2), ("a|", 2), ("(a", 2), ("a)", 1), ("[a", 2), ("[", 1), ("[z-a]", 1), ("a{", 2), ("a{x}", 2), ("a{1", 3),
     ("a{3,2}", 2), ('"a', 2), ("<1-2", 4), ("<a-b>", 1), ("\\", 1), ("\\q", 1), ("[\\q]", 2), ("a{99999999999}", 2)],
)  # fmt: skip
def test_syntax_errors_have_a_place(pattern: str, position: int) -> None:
    with pytest.raises(regular.RegexSyntaxError) as caught:
        regular.parse(pattern)
    assert caught.value.position == position


def test_refusals_name_the_construct() -> None:
    with pytest.raises(regular.RegexUnsupported, match="named automaton") as caught:
        regular.parse("<name>")
    assert caught.value.construct == "named automaton"
    with pytest.raises(regular.RegexUnsupported) as caught:
        regular.translate("((a{900}){900}){900}", False)
    assert caught.value.construct == "repetition"
    with pytest.raises(regular.RegexUnsupported) as caught:
        regular.translate("x~(.*a.{30})y", False)
    assert caught.value.construct == "complement"


def test_limits() -> None:
    with pytest.raises(regular.RegexSyntaxError):
        regular.parse("a" * 1001)
    with pytest.raises(regular.RegexSyntaxError, match="deep"):
        regular.parse("(" * 400 + "a" + ")" * 400)
    assert matches("a{2500}", "a" * 2500) and not matches("a{2500}", "a" * 2499)
    assert matches(".{1500,1700}", "é" * 1700) and not matches(".{1500,1700}", "é" * 1701)
    assert matches("(a{40}){50}", "a" * 2000) and not matches("(a{40}){50}", "a" * 1999)
    assert matches("(a{2,40}){1,60}", "aa")


def test_insensitive_is_ascii_only() -> None:
    assert matches("kill", "KILL", True)
    assert not matches("kill", "\u212aill", True) and not matches("s", "\u017f", True)
    assert not matches("é", "É", True)
    assert matches("[k]", "K", True) and not matches("[^k]", "K", True)
    assert not matches("[a-z]", "K", True), "Lucene folds no range"
    assert not matches("~(abc)", "ABC", True) and matches("x~(abc)", "xabd", True)


def test_literal() -> None:
    assert regular.literal(regular.parse("C:\\\\a\\.exe")) == "C:\\a.exe"
    assert regular.literal(regular.parse('a"*"b')) == "a*b"
    assert regular.literal(regular.parse("a.b")) is None


ATOMS = st.sampled_from(["a", "b", "K", ".", "[ab]", "[^a]", "#", "@", "()", '"a"', "é", "<1-12>", "\\d", "\\."])
COUNTS = st.sampled_from(["?", "*", "+", "{2}", "{1,3}", "{2,}"])
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda two: f"({two[0]}|{two[1]})"),
        st.tuples(inner, inner).map(lambda two: f"({two[0]}&{two[1]})"),
        inner.map(lambda one: f"~({one})"),
        st.tuples(inner, COUNTS).map(lambda two: f"({two[0]}){two[1]}"),
    ),
    max_leaves=6,
)
VALUES = st.lists(st.text(alphabet="abKké1.\n", max_size=5), min_size=1, max_size=6)


@settings(max_examples=150)
@given(PATTERNS, VALUES, st.booleans())
def test_as_the_model(pattern: str, values: list[str], insensitive: bool) -> None:
    node = regular.parse(pattern)
    try:
        translation = regular.to_re2(node, insensitive)
    except regular.RegexUnsupported:
        return
    for value in values:
        assert _holds(translation, value) == (len(value) in ends(node, value, 0, insensitive)), (pattern, value)


@settings(max_examples=200)
@given(st.text(alphabet='ab()[]{}<>|&~@#?*+.,-^$\\"1dw\n', max_size=12))
def test_any_text_is_translated_or_refused(pattern: str) -> None:
    try:
        translation = regular.translate(pattern, True)
    except (regular.RegexSyntaxError, regular.RegexUnsupported):
        return
    _holds(translation, "ab1")
