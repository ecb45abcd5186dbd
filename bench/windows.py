"""EVTX and Windows events as JSON, beside the bare parsers: the parsing and the mapping apart, in one run.

The input is made of the chunks of real logs (``FALSELIGHT_SHARED``, or ``../shared`` beside the project), repeated.
"Bare" is ``PyEvtxParser.records_json()``, iterated: texts of JSON, not parsed; or ``orjson.loads`` of every line.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from bench.harness import ROOT, Case, CaseFailed, Ratio, Timing, measure

SHARED = Path(os.environ.get("FALSELIGHT_SHARED", ROOT.parent / "shared"))
# What the page's rule reads, and the finding beside it.
WANTED = (
    "event.category", "event.type", "network.direction", "host.name", "destination.ip", "destination.domain",
    "destination.port", "process.name",
)  # fmt: skip


def run(events: int, seed: int, rounds: int, folder: Path) -> tuple[dict[str, Timing], list[Ratio]]:
    """``events`` is the least number of records; ``seed`` is not used."""
    log, lines = folder / "events.evtx", folder / "events.jsonl"
    count = _replicate(log, lines, events)
    print(f"{count:,} records, {log.stat().st_size / 1e6:,.0f} MB", file=sys.stderr)
    evtx, json = {"path": str(log)}, {"path": str(lines)}
    some = list(WANTED)
    cases = [
        Case("evtx: bare", "windows", "bare", evtx),
        Case("evtx: read", "windows", "read", evtx),
        Case("evtx: read and map, the rule's fields", "windows", "mapped", {**evtx, "wanted": some}),
        Case("evtx: read and map, all fields", "windows", "mapped", evtx),
        Case("json: bare", "windows", "bare_json", json),
        Case("json: read", "windows", "read_json", json),
        Case("json: read and map, the rule's fields", "windows", "mapped_json", {**json, "wanted": some}),
        Case("json: read and map, all fields", "windows", "mapped_json", json),
    ]
    timings = measure(cases, rounds)
    bare_of = {"evtx": timings["evtx: bare"].median, "json": timings["json: bare"].median}
    for label, timing in timings.items():
        timing.figures["us/record"] = round(timing.median / count * 1e6, 2)
        timing.figures["times bare"] = round(timing.median / bare_of[label[:4]], 2)
        spent = timing.figures["processor s"] / max(timings[f"{label[:4]}: bare"].figures["processor s"], 0.001)
        timing.figures["processor times bare"] = round(spent, 2)
    return timings, [
        Ratio(f"{label} / bare", timings[label].median / bare_of["evtx"], 3.0)
        for label in timings
        if label.startswith("evtx: read")
    ]


def _replicate(log: Path, lines: Path, events: int) -> int:
    from evtx import PyEvtxParser

    from falselight.readers.evtx import CHUNK_BYTES, HEADER_BYTES

    chunks: list[bytes] = []
    texts: list[bytes] = []
    header = b""
    for path in sorted((SHARED / "data" / "evtx").glob("**/*.evtx")):
        data = path.read_bytes()
        header = header or data[:HEADER_BYTES]
        pieces = (data[at : at + CHUNK_BYTES] for at in range(HEADER_BYTES, len(data), CHUNK_BYTES))
        chunks += [piece for piece in pieces if piece.startswith(b"ElfChnk\0")]
        texts += [record["data"].encode() for record in PyEvtxParser(str(path)).records_json() if record is not None]
    if not texts:
        raise CaseFailed(f"no EVTX files under {SHARED}: name the folder of shared data in FALSELIGHT_SHARED")
    times = -(-events // len(texts))
    with log.open("wb") as stream:
        stream.write(header)
        for _ in range(times):
            stream.writelines(chunks)
    with lines.open("wb") as stream:
        for _ in range(times):
            stream.writelines(text + b"\n" for text in texts)
    return times * len(texts)


def _timed(started: tuple[float, float], events: int) -> dict[str, Any]:
    """What has passed since ``_now``."""
    clock, processor = _now()
    return {"seconds": clock - started[0], "events": events, "processor s": round(processor - started[1], 3)}


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def bare(path: str) -> dict[str, Any]:
    from evtx import PyEvtxParser

    started = _now()
    return _timed(started, sum(1 for _ in PyEvtxParser(path).records_json()))


def read(path: str) -> dict[str, Any]:
    from falselight.mappings.windows_wanted import Needs
    from falselight.readers.evtx import Reader
    from falselight.readers.evtx_definitions import Definitions
    from falselight.readers.evtx_kinds import Intact

    started, definitions, system, rows = _now(), Definitions(), Needs(None, None).system, 0
    with Path(path).open("rb") as stream:
        for chunks in Reader(stream, path, print, Counter()).blocks():
            intact = Intact(chunks, definitions)
            holes = [kind.holes(None, system) for kind in intact.kinds]
            made = iter(intact.columns([places for each in holes for places in each.values()]))
            for kind, each in zip(intact.kinds, holes, strict=True):
                rows += kind.columns(kind.head(), None, system, dict(zip(each, made, strict=False))).rows
    return _timed(started, rows)


def mapped(path: str, wanted: list[str] | None = None) -> dict[str, Any]:
    from falselight.mappings.windows_batches import read_evtx

    fields = None if wanted is None else frozenset(wanted)
    started = _now()
    with Path(path).open("rb") as stream:
        return _timed(started, sum(batch.num_rows for batch in read_evtx(stream, path, print, Counter(), fields)))


def bare_json(path: str) -> dict[str, Any]:
    import orjson

    started = _now()
    with Path(path).open("rb") as stream:
        return _timed(started, sum(1 for line in stream if orjson.loads(line)))


def read_json(path: str) -> dict[str, Any]:
    from falselight.readers.windows_json import read_lines

    started = _now()
    with Path(path).open("rb") as stream:
        return _timed(started, sum(len(chunk) for chunk in read_lines(enumerate(stream), print, path)))


def mapped_json(path: str, wanted: list[str] | None = None) -> dict[str, Any]:
    from falselight.mappings.windows_lines import read_lines

    fields = None if wanted is None else frozenset(wanted)
    started = _now()
    with Path(path).open("rb") as stream:
        tables = read_lines(enumerate(stream), print, path, Counter(), wanted=fields)
        return _timed(started, sum(table.num_rows for table in tables))
