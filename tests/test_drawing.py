"""How diagnostics look, and that nothing hostile passes through them."""

from __future__ import annotations

import re

import pytest

from falselight.diagnostics import Diagnostic, EqlError, Severity
from falselight.drawing import draw
from falselight.eql.parser import parse
from falselight.source import Source


def drawn(query: str) -> str:
    with pytest.raises(EqlError) as caught:
        parse(Source(query))
    return draw(caught.value.diagnostics[0])


def test_place_is_underlined() -> None:
    assert drawn("process where\n\tpid = 4").splitlines() == [
        "error[E0112]: [=] is not an operator",
        " --> query:2:6",
        "2 |     pid = 4",
        "  |         ^",
        "help: Write [==] to compare exactly, or [:] to compare without regard to case and with wildcards.",
    ]


def test_wide_characters_take_two_cells() -> None:
    assert drawn('a where x == "漢字" = 1').splitlines()[3] == "  | " + " " * 20 + "^"


def test_long_line_is_cut_around_the_place() -> None:
    text = drawn("a where " + "x == 1 or " * 1000 + "= 1")
    assert "^" in text and max(map(len, text.splitlines())) < 120


def test_unclosed_bracket_shows_its_opening() -> None:
    assert "- opened here" in drawn("a where (x == 1")


def test_colours_stand_around_the_words_and_the_marks_only() -> None:
    with pytest.raises(EqlError) as caught:
        parse(Source("a where x = 1"))
    diagnostic = caught.value.diagnostics[0]
    coloured = draw(diagnostic, colour=True)
    assert coloured.startswith("\x1b[31merror[E0112]\x1b[0m: ")
    assert "\x1b[31m^\x1b[0m" in coloured and coloured.count("\x1b") == 4
    assert re.sub("\x1b\\[[0-9]*m", "", coloured) == draw(diagnostic)


@pytest.mark.parametrize(("severity", "style"), [(Severity.WARNING, "33"), (Severity.NOTE, "36")])
def test_colours_tell_severities(severity: Severity, style: str) -> None:
    assert draw(Diagnostic("W0503", severity, "m"), colour=True) == f"\x1b[{style}m{severity}[W0503]\x1b[0m: m"


def test_label_of_several_lines_says_where_it_ends() -> None:
    assert drawn("sequence\n  [a where true]\nuntil [b where true]").splitlines()[1:4] == [
        " --> query:1:1",
        "1 | sequence",
        "  | ^^^^^^^^  (to line 2)",
    ]


def test_margin_is_as_wide_as_the_greatest_line_number() -> None:
    lines = drawn("sequence [a where true] by x" + "\n" * 10 + "[b where true]").splitlines()
    assert lines[1] == "  --> query:11:1"
    assert [line[:5] for line in lines[2:6]] == ["11 | ", "   | ", " 1 | ", "   | "]


@pytest.mark.parametrize("hostile", ["\x1b[2J", "\u202e", "\x07", "\x9b", "\u2028"])
def test_hostile_characters_are_escaped(hostile: str) -> None:
    assert hostile not in drawn(f'a where "{hostile}" = {hostile}')
    message = Diagnostic("E0501", Severity.ERROR, f"bad {hostile}", path=f"a{hostile}", record=7)
    assert hostile not in draw(message) and "record 7" in draw(message)
