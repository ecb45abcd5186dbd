"""The abstract series of Elasticsearch's sequence specification give the sequences that it lists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import falselight

from . import suite

TOKEN = re.compile(r"(?:(\w+)\|)?([A-Z])(\d+)")


def series(text: str) -> list[tuple[str, list[list[tuple[str, str, int]]], list[list[str]]]]:
    """(name, the tokens of each stage's line, the expected sequences) of every spec."""
    lines = [line for line in text.splitlines() if not line.strip().startswith("//")]
    specs = []
    while any(line.strip() for line in lines):
        while not lines[0].strip():
            lines.pop(0)
        name = lines.pop(0).strip()
        stages, lines = _until_semicolon(lines)
        expected, lines = _until_semicolon(lines)
        specs.append(
            (
                name,
                [[(key, letter, int(time)) for key, letter, time in TOKEN.findall(line)] for line in stages],
                [[token.rpartition("|")[2] for token in line.split()] for line in expected],
            )
        )
    return specs


def _until_semicolon(lines: list[str]) -> tuple[list[str], list[str]]:
    end = next(number for number, line in enumerate(lines) if line.strip() == ";")
    return [line for line in lines[:end] if line.strip()], lines[end + 1 :]


def test_series(shared: Path) -> None:
    specs = series((suite.folder(shared) / "sequences.series-spec").read_text(encoding="utf-8"))
    assert len(specs) >= 20
    wrong = []
    for name, stages, expected in specs:
        documents: list[dict[str, Any]] = [
            {"@timestamp": time, "event": {"category": f"c{stage}"}, "key": key or "-", "name": f"{letter}{time}"}
            for stage, line in enumerate(stages)
            for key, letter, time in line
        ]
        query = "sequence by key " + " ".join(f"[c{stage} where true]" for stage in range(len(stages)))
        answer = falselight.search(query, documents, size=None).to_dict()
        found = [[event["_source"]["name"] for event in hit["events"]] for hit in answer["hits"]["sequences"]]
        if found != expected:
            wrong.append(f"{name}: {found}, not {expected}")
    assert not wrong, "\n".join(wrong)
