from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from falselight import ingest
from falselight.case.importing import Imported, import_paths
from falselight.diagnostics import Diagnostic
from falselight.ecs import release
from falselight.store import EventTable, quoted


class Place:
    """A case below a temporary folder, and what was told of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "case"
        self.told: list[Diagnostic] = []

    def write(self, name: str, *documents: dict[str, Any]) -> Path:
        """A file of ECS lines."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(each) + "\n" for each in documents), encoding="utf-8")
        return path

    def add(self, *paths: Path | str, **options: Any) -> Imported:
        return import_paths(paths, self.folder, release.schema(), report=self.told.append, **options)

    def read(self, *more: Path | str, **options: Any) -> EventTable:
        return ingest.read_events([self.folder, *more], release.schema(), report=self.told.append, **options)

    def rows(self, *names: str) -> list[tuple[Any, ...]]:
        return rows(self.read(), *names)

    @property
    def codes(self) -> list[str]:
        return [each.code for each in self.told]


def rows(table: EventTable, *names: str) -> list[tuple[Any, ...]]:
    columns = ", ".join(quoted(name) for name in names)
    return table.connection.execute(f"SELECT {columns} FROM {quoted(table.name)} ORDER BY _seq").fetchall()


def event(second: int, **fields: Any) -> dict[str, Any]:
    return {"@timestamp": f"2026-01-01T00:{second // 60:02}:{second % 60:02}Z", "event.category": "network", **fields}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets after how many rows a file of the case is full."""

    def set_rows(count: int) -> None:
        for name in ("case.staging.MOST_ROWS", "case.staging.ROWS_AT_ONCE", "readers.ndjson.BATCH_DOCUMENTS"):
            monkeypatch.setattr(f"falselight.{name}", count)

    return set_rows
