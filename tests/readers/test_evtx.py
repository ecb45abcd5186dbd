from __future__ import annotations

import csv
import io
import os
from collections import Counter
from pathlib import Path

import pytest

from falselight.diagnostics import Diagnostic
from falselight.readers import evtx

SHARED = Path(os.environ.get("FALSELIGHT_SHARED", Path(__file__).parents[3] / "shared"))
MANIFEST = SHARED / "data" / "MANIFEST.tsv"
HEADER = evtx.MAGIC + bytes(evtx.HEADER_BYTES - len(evtx.MAGIC))


def count(data: bytes) -> tuple[int, list[Diagnostic]]:
    reported: list[Diagnostic] = []
    return sum(len(chunk) for chunk in evtx.read_stream(io.BytesIO(data), "x.evtx", reported.append)), reported


@pytest.mark.parametrize("data", [b"", b"xx", bytes(70_000), HEADER + b"ElfChnk\0" + bytes(9), HEADER + b"\1" * 65_536])
def test_damaged_files_are_reported(data: bytes) -> None:
    events, reported = count(data)
    assert events == 0
    assert {fault.code for fault in reported} == {"E0504"}


def test_every_damaged_chunk_is_counted_though_only_the_first_are_told_one_by_one() -> None:
    reported: list[Diagnostic] = []
    skipped: Counter[str] = Counter()
    data = HEADER + b"\1" * (30 * 65_536)
    assert list(evtx.read_stream(io.BytesIO(data), "x.evtx", reported.append, skipped)) == []
    assert skipped == {"damaged chunk": 30}
    assert len(reported) == 20
    assert {fault.path for fault in reported} == {"x.evtx"}
    assert reported[-1].message == "x.evtx: chunk 19 has no chunk header; further damage is only counted"


def test_absent_file(tmp_path: Path) -> None:
    reported: list[Diagnostic] = []
    assert list(evtx.read(tmp_path / "none.evtx", reported.append)) == []
    assert [fault.code for fault in reported] == ["E0502"]


@pytest.mark.skipif(not MANIFEST.exists(), reason="no shared data beside the project")
def test_every_file_yields_the_events_it_holds() -> None:
    wrong = []
    with MANIFEST.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream, delimiter="\t") if row["format"] == "evtx"]
    for row in rows:
        reported: list[Diagnostic] = []
        events = sum(len(chunk) for chunk in evtx.read(MANIFEST.parent / row["path"], reported.append))
        if events != int(row["events"]) or reported:
            wrong.append((row["path"], events, row["events"], reported))
    assert wrong == []
