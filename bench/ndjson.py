"""From ECS NDJSON to findings, beside DuckDB's bare ``read_json`` of the same file: whole processes."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.generators import ndjson
from bench.harness import Case, Ratio, Timing, measure

BARE = "import duckdb, sys; duckdb.execute('CREATE TABLE t AS SELECT * FROM read_json($path)', {'path': sys.argv[1]})"


def run(events: int, seed: int, rounds: int, folder: Path) -> tuple[dict[str, Timing], list[Ratio]]:
    path = folder / "events.ndjson"
    size = ndjson(path, events, 50_000, seed)
    print(f"{events:,} documents, {size / 1e6:,.0f} MB", file=sys.stderr)
    hunt = [sys.executable, "-m", "falselight", "hunt", str(path), "--rules", "@page", "--format", "ndjson"]
    cases = [
        Case("falselight hunt", "process", "whole", {"command": hunt}),
        Case("read_json alone", "process", "whole", {"command": [sys.executable, "-c", BARE, str(path)]}),
    ]
    timings = measure(cases, rounds)
    for timing in timings.values():
        timing.figures = {"MB/s": round(size / 1e6 / timing.median)}
    return timings, [
        Ratio("hunt / read_json", timings["falselight hunt"].median / timings["read_json alone"].median, 2.5)
    ]
