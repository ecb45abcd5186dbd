"""Rows out: every value whole in JSON, and nothing that a terminal or a spreadsheet would obey."""

from __future__ import annotations

import csv
import io
import json
import os
import unicodedata
from typing import Any

import pytest

from falselight.sinks import FORMATS, json_text, write
from falselight.sinks.table import heading

NASTY = [
    "\x1b]0;title\x07",
    "\x9b31m",
    "\u202egnp.exe",
    "two\nlines\r\x00",
    "a\ud800b",
    "\U000e0041",
    "\x7f\u200b\u2028",
    "[bold red]markup[/]",
    "=cmd|' /C calc'!A0",
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def out(format: str, documents: list[dict[str, Any]], *columns: str) -> str:
    stream = io.StringIO()
    write(format, documents, stream, columns)
    return stream.getvalue()


def obeyed(text: str) -> list[str]:
    return [hex(ord(each)) for each in text if each != "\n" and unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl")]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("value", NASTY)
def test_no_format_writes_what_a_terminal_obeys(format: str, value: str) -> None:
    written = out(format, [{"host": {"name": value}, value: 1}])
    assert not obeyed(written)
    written.encode("utf-8")


@pytest.mark.parametrize("value", NASTY)
def test_json_is_harmless_and_its_values_are_unchanged(value: str) -> None:
    assert json.loads(json_text({value: [value]})) == {value: [value]}
    assert json.loads(out("ndjson", [{"a": value}])) == {"a": value}
    assert json.loads(out("json", [{"a": value}, {"a": 1}])) == [{"a": value}, {"a": 1}]


def test_json_keeps_letters_of_every_script() -> None:
    assert json_text({"user": "Zoë 山田 🜚"}) == '{"user": "Zoë 山田 🜚"}'


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1", "  =1"])
def test_no_cell_begins_like_a_formula(start: str) -> None:
    (row,) = csv.DictReader(io.StringIO(out("csv", [{"a": start, "b": -1, "c": [start]}])))
    assert row["a"].startswith("'") and row["c"].startswith("'")
    assert row["b"] == "-1"


def test_csv_has_the_columns_of_all_rows() -> None:
    assert out("csv", [{"a": {"b": 1}}, {"c": [1, 2], "d": [{"e": None}]}, {"f": True}]).splitlines() == [
        "a.b,c,d,f",
        "1,,,",
        ',1; 2,"[{""e"": null}]",',
        ",,,true",
    ]


def test_nothing_is_an_empty_array_and_no_line() -> None:
    assert out("ndjson", []) == out("csv", []) == out("table", []) == ""
    assert json.loads(out("json", [])) == []


def test_a_table_shows_the_columns_asked_for_as_far_as_there_are_any() -> None:
    rows = [{"a": 1, "process": {"name": "x"}}, {"a": 22, "b": list(range(5))}]
    assert out("table", rows, "a", "process.name", "absent").splitlines() == [
        "    process.",
        " a  name",
        " 1  x",
        "22",
    ]
    assert "0; 1; 2 +2" in out("table", rows)


def test_a_narrow_terminal_cuts_the_last_column_and_names_what_it_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_: os.terminal_size((40, 20)))
    stream = Terminal()
    rows = [{"first": "x" * 20, "second": "y" * 30, "third": "z"}]
    assert write("table", rows, stream, ["first", "second", "third"]) == ["third"]
    assert f"{'x' * 20}  {'y' * 17}…" in stream.getvalue()
    assert write("table", rows, io.StringIO(), ["first", "second", "third"]) == []


def test_headings_stand_on_two_lines() -> None:
    assert heading("destination.port") == ("destination.", "port")
    assert heading("@timestamp") == ("", "@timestamp")
