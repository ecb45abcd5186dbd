"""Indicators against events: one join. What reading the feeds and what the join costs, beside a bare scan of the same columns."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import duckdb

from bench import feeds
from bench.engine import opened
from bench.harness import Case, Ratio, Timing, measure, run_case
from falselight.diagnostics import Diagnostic
from falselight.intel import matching, observed, scoring, store
from falselight.store import EventTable

MEMORY = "2GB"


def make(database: str, folder: str, events: int, indicators: int, seed: int) -> dict[str, Any]:
    """Generates the events in a database file, and the feeds, all of them and a tenth."""
    started = time.perf_counter()
    with duckdb.connect(database, config={"memory_limit": MEMORY}) as connection:
        feeds.event_table(connection, events, seed)
        for name, count in (("all", indicators), ("tenth", indicators // 10)):
            (Path(folder) / name).mkdir()
            feeds.feeds(connection, Path(folder) / name, count, events, seed)
    return {"seconds": time.perf_counter() - started}


def scanned(database: str, spill: str) -> dict[str, Any]:
    """Every value that indicators could meet is read once, and nothing is kept."""
    connection = opened(database, MEMORY, spill)
    columns = [entry for entry in feeds.SCHEMA if entry.filled]
    sums = ", ".join(f'bit_xor(hash("{entry.name}"))' for entry in columns)
    started, used = time.perf_counter(), time.process_time()
    connection.execute(f"SELECT {sums} FROM events").fetchall()
    return {"seconds": time.perf_counter() - started, "processor s": round(time.process_time() - used, 2)}


def matched(database: str, spill: str, indicators: str) -> dict[str, Any]:
    """From feeds and events to rated servers. ``seconds`` counts everything; its parts are told beside it."""
    connection = opened(database, MEMORY, spill)
    ((rows,),) = connection.execute("SELECT count(*) FROM events").fetchall()
    table = EventTable(connection, feeds.SCHEMA, rows=rows)
    faults: list[Diagnostic] = []
    moments, used = [time.perf_counter()], time.process_time()
    loaded = store.load(connection, [indicators], faults.append)
    moments.append(time.perf_counter())
    observed.build(table)
    moments.append(time.perf_counter())
    hits = matching.build(table)
    moments.append(time.perf_counter())
    servers = scoring.servers(table)
    moments.append(time.perf_counter())
    parts = {name: round(end - begin, 2) for name, begin, end in
             zip(("feeds", "observed", "joined", "rated"), moments, moments[1:], strict=False)}  # fmt: skip
    return {
        "seconds": moments[-1] - moments[0],
        "processor s": round(time.process_time() - used, 2), **parts,
        "indicators": loaded.count, "hits": hits, "servers": len(servers), "faults": len(faults),
    }  # fmt: skip


def run(events: int, seed: int, rounds: int, folder: Path) -> tuple[dict[str, Timing], list[Ratio]]:
    """A fifth as many indicators as events."""
    database, indicators = str(folder / "events.duckdb"), events // 5
    given = {"database": database, "folder": str(folder), "events": events, "indicators": indicators, "seed": seed}
    run_case(Case("make", "intel", "make", given))
    common = {"database": database, "spill": str(folder)}
    cases = [
        Case("bare scan", "intel", "scanned", common),
        *(
            Case(f"{count:,} indicators", "intel", "matched", {**common, "indicators": str(folder / name)})
            for name, count in (("all", indicators), ("tenth", indicators // 10))
        ),
    ]
    timings = measure(cases, rounds)
    scan, whole, tenth = (timings[case.label] for case in cases)
    join = whole.figures["observed"] + whole.figures["joined"]
    return timings, [
        Ratio("the join / the bare scan", join / scan.median, 15),
        Ratio("ten times the indicators, feeds read", whole.median / tenth.median, 10),
        Ratio("MiB at most", max(timing.peak for timing in timings.values()), 4096),
    ]
