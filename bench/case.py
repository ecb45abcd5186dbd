"""A case beside plain paths, and ten thousand small files beside one of the same bytes: whole processes."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.generators import ndjson
from bench.harness import Case, Ratio, Timing, environment, measure

FALSELIGHT = [sys.executable, "-m", "falselight"]
SMALL_FILES = 10_000


def imported(path: str, folder: str) -> dict[str, Any]:
    """An import into a case that is not there yet."""
    shutil.rmtree(folder, ignore_errors=True)
    started = time.perf_counter()
    subprocess.run([*FALSELIGHT, "import", path, "--case", folder], check=True, capture_output=True, env=environment())
    return {"seconds": time.perf_counter() - started}


def split(path: Path, folder: Path, files: int) -> None:
    """The file's lines in so many files, in their order."""
    folder.mkdir()
    lines = path.read_bytes().splitlines(keepends=True)
    for number in range(files):
        own = lines[len(lines) * number // files : len(lines) * (number + 1) // files]
        if own:
            (folder / f"{number:05}.ndjson").write_bytes(b"".join(own))


def run(events: int, seed: int, rounds: int, folder: Path) -> tuple[dict[str, Timing], list[Ratio]]:
    one, many = folder / "events.ndjson", folder / "many"
    size = ndjson(one, events, 50_000, seed)
    split(one, many, SMALL_FILES)
    print(f"{events:,} documents, {size / 1e6:,.0f} MB", file=sys.stderr)
    # The case that is hunted in is made before anything is timed.
    imported(str(one), str(folder / "case"))

    def hunt(path: Path) -> dict[str, Any]:
        return {"command": [*FALSELIGHT, "hunt", str(path), "--rules", "@page", "--format", "ndjson"]}

    cases = [
        Case("hunt, one file", "process", "whole", hunt(one)),
        Case("hunt, small files", "process", "whole", hunt(many)),
        Case("hunt, the case", "process", "whole", hunt(folder / "case")),
        Case("import, one file", "case", "imported", {"path": str(one), "folder": str(folder / "case one")}),
        Case("import, small files", "case", "imported", {"path": str(many), "folder": str(folder / "case many")}),
    ]
    timings = measure(cases, rounds)
    for timing in timings.values():
        timing.figures["MB/s"] = round(size / 1e6 / timing.median)
    median = {label: timing.median for label, timing in timings.items()}
    return timings, [
        Ratio("hunt, small files / one file", median["hunt, small files"] / median["hunt, one file"], 2.0),
        Ratio("import, small files / one file", median["import, small files"] / median["import, one file"], 2.0),
        Ratio("hunt, the case / its file", median["hunt, the case"] / median["hunt, one file"], 0.5),
    ]
