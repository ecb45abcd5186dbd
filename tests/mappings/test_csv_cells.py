"""A line that is no row of a table is one damaged line, whichever reader meets it."""

from __future__ import annotations

from pathlib import Path

import pytest

from falselight import ingest
from falselight.diagnostics import Diagnostic
from falselight.ecs import release
from falselight.mappings.csv_cells import cells
from falselight.readers.csv_mapping import CsvMapping, Layout
from falselight.readers.settings import Settings

SAMPLES = Path(__file__).parents[1] / "data" / "readers"
MAPPING = CsvMapping(csv=Layout(columns=["when", "client"], time="when"), fields={"client": "source.ip"})


def test_cells() -> None:
    assert cells('a,"b, c", d') == ["a", "b, c", " d"] and cells("a;  b", ";", blanks=False) == ["a", "b"]
    assert cells("a\rb,c") is None and cells('"a"b,c', strict=True) is None and cells("") == []


@pytest.mark.parametrize("name", ["panos", "CSV"])
def test_a_carriage_return_in_a_line_damages_that_line_alone(tmp_path: Path, name: str) -> None:
    text = "when,client\n" + "2026-03-11T09:00:00Z,10.4.0.13\n" * 3 if name == "CSV" else ""
    lines = (text or (SAMPLES / name / "sample").read_text(encoding="utf-8")).splitlines()
    told: list[Diagnostic] = []

    def rows(kept: list[str]) -> int:
        path = tmp_path / "log"
        path.write_text("\n".join(kept) + "\n", encoding="utf-8", newline="")
        return ingest.read_events([path], release.schema(), report=told.append, settings=Settings(csv=(MAPPING,))).rows

    whole = rows(lines)
    assert whole > 2 and not told
    last = lines[-1]
    assert rows([*lines[:-1], f"{last[:-4]}\r{last[-4:]}"]) == rows(lines[:-1]) < whole
    assert [diagnostic.code for diagnostic in told] == ["W0514"]
