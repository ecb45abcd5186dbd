"""Contradictions and their opposites: what is said is so, and what is possible has no remark."""

from __future__ import annotations

import pytest

from falselight.lint import lint
from falselight.rules import Pack, Rule
from falselight.searching import search


def remarked(condition: str) -> set[str]:
    return {remark.code for remark in lint(Pack([Rule(id="x", name="x", query=f"any where {condition}")]))}


@pytest.mark.parametrize(
    "condition",
    [
        "destination.port == 80 and not destination.port in (80, 443)",
        "destination.port >= 80 and destination.port < 80",
        "destination.port > 5 and not destination.port > 5",
        'file.name == "a" and file.name : "b*"',
        'file.name : "a*" and not file.name : "a*"',
        'file.name : "ab*c" and not file.name : "A*C"',
        'length(file.name) > 3 and not length(file.name) > 3',
        'endsWith(file.name, ".exe") and not file.name : "*.exe"',
        "file.name != null and (file.size > 1 or file.name == null)",
        '1 == 2 or file.name == "a"',
    ],
)  # fmt: skip
def test_what_can_never_hold(condition: str) -> None:
    assert "L20" in remarked(condition)


@pytest.mark.parametrize(
    "condition",
    [
        'file.name : "a" or not file.name : "a"',
        "file.name == null or not file.name == null",
        "file.size != 1 or file.size != 2",
    ],
)
def test_what_always_holds(condition: str) -> None:
    assert "L21" in remarked(condition)


@pytest.mark.parametrize(
    "condition",
    [
        'file.name : ("a*", "b*") and (file.size > 1 or (file.size > 2 and not file.name : "a*"))',
        'file.name : "cmd.exe" and not file.name == "cmd.exe"',
        'file.name : "*.exe" and not file.name : "a.exe"',
        'file.name : "??" and not file.name : "a*"',
        "destination.port > 80 and destination.port <= 81",
        'event.type != "start" or event.type != "end"',
        'file.name != "a" or not file.name : "A"',
        'cidrMatch(source.ip, "10.0.0.0/8") and not cidrMatch(source.ip, "10.1.0.0/16")',
        'not (file.name : "a" and not file.path : "b")',
        '?file.nmae == null and file.name == "a"',
    ],
)
def test_what_is_possible_has_no_remark(condition: str) -> None:
    assert not {"L20", "L21", "L23"} & remarked(condition)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (r'process.args : "*\\\\host\\share*"', "L37"),
        (r'process.args : "/namespace:\\\\root*"', "L37"),
        (r'process.args regex "a\\$"', "L35"),
        (r'startsWith(file.path, "C:\\Windows")', "L36"),
        (r'stringContains(concat(file.name, "x"), "a*")', "L36"),
        ('file.name in ("a?", "b")', "L32"),
    ],
)
def test_texts_that_are_meant(text: str, code: str) -> None:
    assert code not in remarked(text)


def test_contradictions_are_those_of_the_engine() -> None:
    """What is called never true matches no event of single values, and what is called always true misses none."""
    names = [None, "a", "A", "b", "ab", "abc", "ab.exe", "cmd.exe", "CMD.EXE"]
    events = [
        {
            "@timestamp": f"2026-01-01T00:00:{number:02}Z",
            "event.category": "file",
            **({"file.name": name} if name else {}),
        }
        for number, name in enumerate(names)
    ]
    asked = ['file.name == "a"', 'file.name : "a*"', 'file.name : "*b"', 'file.name in ("ab", "b")', "file.name == null",
             'file.name : ("cmd.*", "?")', 'endsWith(file.name, "exe")']  # fmt: skip
    asked += [f"not ({each})" for each in asked]
    said = 0
    for one in asked:
        for other in asked:
            if "L20" in remarked(f"{one} and {other}"):
                said += 1
                assert not len(search(f"any where {one} and {other}", events)), (one, other)
            if "L21" in remarked(f"{one} or {other}"):
                said += 1
                assert len(search(f"any where {one} or {other}", events)) == len(events), (one, other)
    assert said > 20
