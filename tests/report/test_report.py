"""What a hunt shows at a terminal, at the widths that people have."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from falselight.hunting import HuntResult, hunt
from falselight.report import findings, panel, words
from falselight.rules import load

ROOT = Path(__file__).parents[2]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def result() -> HuntResult:
    return hunt([ROOT / "examples" / "day"], load(["@page"], pytest.fail), report=pytest.fail)


def shown(result: HuntResult, width: int, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    findings.show(stream, result.findings, colour=False)
    return re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_no_line_is_wider_than_the_terminal(result: HuntResult, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(result, width, monkeypatch)
    assert max(map(cell_len, text.splitlines())) <= width
    for known in ("ws03.marlfinch.example", "203.0.113.77", "wuhelper.exe", "231", "240", "2026-03-11 16:35:35"):
        assert known in text


def test_times_move_below_where_the_line_has_no_room(result: HuntResult, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "first 2026-03-11 13:11:59 · last 2026-03-11 16:35:35" in shown(result, 80, monkeypatch)
    assert "first 2026" not in shown(result, 120, monkeypatch)


def test_the_panel_counts_what_was_read_and_found(result: HuntResult) -> None:
    stream = io.StringIO()
    panel.show(Console(file=stream, width=80), result, 2.0, 0, ["do this next"])
    text = stream.getvalue()
    for line in (
        "3 inputs",
        "6,416 in 2.0 s (3,208 events/s)",
        "MiB",
        "none",
        "1 rule run",
        "1 medium",
        "203.0.113.77 (1)",
    ):
        assert line in text
    assert text.endswith("hint: do this next\n")


@pytest.mark.parametrize(
    ("milliseconds", "told"),
    [
        (0, "0 s"),
        (999, "999 ms"),
        (3_900_000, "1 h 05 m"),
        (86_400_000, "1 d"),
        (90_061_000, "1 d 01 h"),
        (1500, "1 s 500 ms"),
    ],
)
def test_durations(milliseconds: int, told: str) -> None:
    assert words.duration(milliseconds) == told


def test_plurals() -> None:
    assert (words.plural(1, "event"), words.plural(1234, "event")) == ("1 event", "1,234 events")
