"""From ECS NDJSON to findings, beside DuckDB's bare ``read_json`` of the same file: whole processes.

The same events in mixed shapes (``generators.mixed_ndjson``), which bare ``read_json`` cannot read, are set beside its
reading of the plain file; a hunt in both must find the same."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from bench.generators import mixed_ndjson, ndjson
from bench.harness import Case, CaseFailed, Ratio, Timing, environment, measure

BARE = "import duckdb, sys; duckdb.execute('CREATE TABLE t AS SELECT * FROM read_json($path)', {'path': sys.argv[1]})"
PROMISE = 2.0


def hunt(path: Path) -> list[str]:
    """The command that hunts in a file."""
    return [sys.executable, "-m", "falselight", "hunt", str(path), "--rules", "@page", "--format", "ndjson"]


def found(path: Path) -> str:
    """What a hunt in a file finds, without what the file is."""
    done = subprocess.run(hunt(path), check=True, capture_output=True, env=environment(), text=True)
    return re.sub(r'"sha256": "[0-9a-f]+"', "", done.stdout.replace(str(path), ""))


def run(events: int, seed: int, rounds: int, folder: Path) -> tuple[dict[str, Timing], list[Ratio]]:
    path, mixed = folder / "events.ndjson", folder / "mixed.ndjson"
    size = ndjson(path, events, 50_000, seed)
    mixed_ndjson(mixed, events, 50_000, seed)
    print(f"{events:,} documents, {size / 1e6:,.0f} MB", file=sys.stderr)
    plain = found(path)
    if not plain or plain != found(mixed):
        raise CaseFailed("the hunts in the plain and in the mixed file differ, or find nothing")
    cases = [
        Case("hunt", "process", "whole", {"command": hunt(path)}),
        Case("hunt, mixed shapes", "process", "whole", {"command": hunt(mixed)}),
        Case("read_json alone", "process", "whole", {"command": [sys.executable, "-c", BARE, str(path)]}),
    ]
    timings = measure(cases, rounds)
    for timing in timings.values():
        timing.figures["MB/s"] = round(size / 1e6 / timing.median)
    bare = timings["read_json alone"].median
    return timings, [
        Ratio(f"{label} / read_json", timings[label].median / bare, PROMISE) for label in ("hunt", "hunt, mixed shapes")
    ]
