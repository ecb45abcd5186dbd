"""Exceptions on multi-fields and text: they compare what the field above has, as Elasticsearch's mappings do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from falselight.diagnostics import Diagnostic
from falselight.hunting import hunt
from falselight.rules import Pack, Rule
from falselight.rules.exceptions import Item, Reference

EVENT: dict[str, Any] = {
    "@timestamp": "2026-03-11T09:00:00Z", "event": {"category": "process"}, "message": "The quick-brown fox isn't at a.example:",
    "process": {"executable": "C:\\Dir\\A.exe", "Ext": {"code_signature": [{"subject_name": "M"}]}},
}  # fmt: skip


def left_out(folder: Path, entry: dict[str, Any]) -> tuple[bool, list[str]]:
    path = folder / "events.ndjson"
    path.write_text(json.dumps(EVENT) + "\n")
    rule = Rule(id="a", name="a", query="process where true", exceptions_list=[Reference(list_id="l")])
    item = Item.model_validate({"item_id": "i", "list_id": "l", "entries": [entry]})
    told: list[Diagnostic] = []
    (run,) = hunt([path], [rule], pack=Pack([rule], items=[item]), report=told.append).rules
    return not run.findings, [each.code for each in told]


@pytest.mark.parametrize(
    ("name", "kind", "value", "holds"),
    [
        ("process.executable", "match", "c:\\dir\\a.exe", False),
        ("process.executable.caseless", "match", "c:\\dir\\a.EXE", True),
        ("process.executable.caseless", "match", "c:\\dir", False),
        ("process.executable.caseless", "wildcard", "*\\\\a.EX?", True),
        ("process.executable.text", "match", "DIR a.exe", True),
        ("process.executable.text", "match", "a", False),
        ("message", "match", "quick brown", True),
        ("message", "match", "QUICK-BROWN", True),
        ("message", "match", "fox quick", False),
        ("message", "match", "quick fox", False),
        ("message", "match", "the", True),
        ("message", "match", "isn't at", True),
        ("message", "match", "isn", False),
        ("message", "match", "example", False),
        ("message", "match", "a.example", True),
        ("message", "match", "row", False),
        ("message", "match", "-", False),
    ],
)
def test_how_a_field_is_compared(name: str, kind: str, value: str, holds: bool, tmp_path: Path) -> None:
    assert left_out(tmp_path, {"field": name, "type": kind, "value": value}) == (holds, [])


def test_a_multi_field_exists_where_its_field_does(tmp_path: Path) -> None:
    assert left_out(tmp_path, {"field": "process.executable.caseless", "type": "exists"}) == (True, [])
