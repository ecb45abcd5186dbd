"""How diagnostics look, and that nothing hostile passes through them."""

from __future__ import annotations

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


@pytest.mark.parametrize("hostile", ["\x1b[2J", "\u202e", "\x07", "\x9b", "\u2028"])
def test_hostile_characters_are_escaped(hostile: str) -> None:
    assert hostile not in drawn(f'a where "{hostile}" = {hostile}')
    message = Diagnostic("E0501", Severity.ERROR, f"bad {hostile}", path=f"a{hostile}", record=7)
    assert hostile not in draw(message) and "record 7" in draw(message)
