"""From Zeek logs to findings, and to a table of all fields, beside DuckDB's bare readers of the same files: whole processes."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.harness import Case, Ratio, Timing, measure
from bench.zeek_logs import HEADER_LINES, SHARES, columns, write

BARE_TSV = """
import duckdb, sys
for log, names in {names}.items():
    duckdb.execute(
        f"CREATE TABLE {{log}} AS SELECT * FROM read_csv($path, names = $names, delim = '\\t', header = false, skip = {skip}, "
        "nullstr = '-', quote = '', escape = '')", {{"path": f"{{sys.argv[1]}}/{{log}}.log", "names": names}})
"""
BARE_JSON = """
import duckdb, sys
for log in {logs}:
    duckdb.execute(f"CREATE TABLE {{log}} AS SELECT * FROM read_json($path)", {{"path": f"{{sys.argv[1]}}/{{log}}.json"}})
"""
ALL_FIELDS = """
import sys
from falselight import ingest
from falselight.ecs import release
table = ingest.read_events(sys.argv[1:], release.schema(), report=print)
assert table.rows == {events}, table.rows
"""
PROMISE = 2.5


def run(events: int, seed: int, rounds: int, folder: Path) -> tuple[dict[str, Timing], list[Ratio]]:
    sizes = dict(zip(("tsv", "json"), write(folder, events, seed), strict=True))
    made = sum(events * share // 10 for share in SHARES.values())
    print(
        f"{made:,} records, " + ", ".join(f"{size / 1e6:,.0f} MB of {name}" for name, size in sizes.items()),
        file=sys.stderr,
    )
    names = {log: [name for name, _, _ in columns(log)] for log in SHARES}
    bare = {"tsv": BARE_TSV.format(names=names, skip=HEADER_LINES), "json": BARE_JSON.format(logs=list(SHARES))}
    cases = []
    for form in sizes:
        path = str(folder / form)
        hunt = [sys.executable, "-m", "falselight", "hunt", path, "--rules", "@page", "--format", "ndjson"]
        whole = [sys.executable, "-c", ALL_FIELDS.format(events=made), path]
        cases += [
            Case(f"{form}: hunt", "process", "whole", {"command": hunt}),
            Case(f"{form}: all fields", "process", "whole", {"command": whole}),
            Case(f"{form}: bare", "process", "whole", {"command": [sys.executable, "-c", bare[form], path]}),
        ]
    timings = measure(cases, rounds)
    for label, timing in timings.items():
        timing.figures["MB/s"] = round(sizes[label.partition(":")[0]] / 1e6 / timing.median)
    return timings, [
        Ratio(f"{form}: {what} / bare", timings[f"{form}: {what}"].median / timings[f"{form}: bare"].median, PROMISE)
        for form in sizes
        for what in ("hunt", "all fields")
    ]
