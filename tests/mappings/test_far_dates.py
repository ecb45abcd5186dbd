"""Certificates that are valid until the year 9999 keep their date."""

from __future__ import annotations

from pathlib import Path

import pytest

from falselight import ingest
from falselight.ecs import release
from falselight.rebuild import documents


@pytest.mark.parametrize("until", ["253402300799.000000", "9999-12-31T23:59:59Z"])
def test_the_year_9999(tmp_path: Path, until: str) -> None:
    record = '{"_path": "x509", "ts": 1.5, "id": "F", "certificate.serial": "01", "certificate.not_valid_after": %s}\n'
    text = until if until[0] == "2" else f'"{until}"'
    path = tmp_path / "x509.log"
    path.write_text(record % text)
    told: list[object] = []
    table = ingest.read_events([path], release.schema(), report=told.append)
    assert told == []
    ((*_, document),) = documents(table, [0])
    assert document["file"]["x509"]["not_after"].startswith("9999-12-31T23:59:59")
