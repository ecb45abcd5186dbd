"""From ECS NDJSON to findings, beside DuckDB's bare ``read_json`` of the same file: whole processes.

The same events in mixed shapes (``generators.mixed_ndjson``), which bare ``read_json`` cannot read, are set beside its
reading of the plain file; a hunt in both must find the same."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.generators import mixed_ndjson, ndjson
from bench.harness import Case, CaseFailed, Ratio, Timing, environment, measure, run_case

BARE = "import duckdb, sys; duckdb.execute('CREATE TABLE t AS SELECT * FROM read_json($path)', {'path': sys.argv[1]})"
PROMISE = 2.0


def hunt(path: Path) -> list[str]:
    """The command that hunts in a file."""
    return [sys.executable, "-m", "falselight", "hunt", str(path), "--rules", "@page", "--format", "ndjson"]


def found(path: Path) -> str:
    """What a hunt in a file finds, without what the file is."""
    done = subprocess.run(hunt(path), check=True, capture_output=True, env=environment(), text=True)
    return re.sub(r'"sha256": "[0-9a-f]+"', "", done.stdout.replace(str(path), ""))


def files(path: str, mixed: str, events: int, seed: int) -> dict[str, Any]:
    """Makes both files; gives the bytes of the plain one."""
    mixed_ndjson(Path(mixed), events, 50_000, seed)
    return {"bytes": ndjson(Path(path), events, 50_000, seed)}


def run(events: int, seed: int, rounds: int, folder: Path) -> tuple[dict[str, Timing], list[Ratio]]:
    path, mixed = folder / "events.ndjson", folder / "mixed.ndjson"
    # In a process of its own: a process's peak memory is at least what the one had that started it.
    arguments = {"path": str(path), "mixed": str(mixed), "events": events, "seed": seed}
    size = run_case(Case("files", "ndjson", "files", arguments))[2]["bytes"]
    print(f"{events:,} documents, {size / 1e6:,.0f} MB", file=sys.stderr)
    if found(path) != found(mixed):
        raise CaseFailed("the hunts in the plain and in the mixed file differ")
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
