"""A pack of rules over mixed telemetry: rule-events a second, and how time grows with events and with rules."""

from __future__ import annotations

import resource
import time
from pathlib import Path
from typing import Any

import duckdb

from bench import mixed
from bench.engine import opened
from bench.harness import Case, Ratio, Timing, measure, run_case
from falselight import hunting
from falselight.rules import load_pack
from falselight.store import EventTable, Input

MEMORY, PROMISED = "3GB", 300.0


def make(database: str, events: int, seed: int) -> dict[str, Any]:
    """Generates the events in a database file."""
    started = time.perf_counter()
    with duckdb.connect(database, config={"memory_limit": MEMORY}) as connection:
        mixed.event_table(connection, events, seed)
    return {"seconds": time.perf_counter() - started, "bytes": Path(database).stat().st_size}


def hunted(database: str, spill: str, rules: str, every: int = 1, clustered: bool = True) -> dict[str, Any]:
    """Rules to findings: every so-manieth rule of the folder is compiled and run. ``seconds`` counts everything; the
    layout's share is told beside it."""
    connection = opened(database, MEMORY, spill)
    ((rows,),) = connection.execute("SELECT count(*) FROM events").fetchall()
    table = EventTable(connection, mixed.schema(connection), rows=rows, inputs=[Input(database)])
    pack = load_pack([rules], lambda diagnostic: None)
    chosen = pack.rules[::every]
    faults: list[str] = []
    started, before = time.perf_counter(), _processor()
    result = hunting.hunt_table(
        table, chosen, pack=pack, clustered=clustered, report=lambda d: faults.append(d.message)
    )
    seconds, used = time.perf_counter() - started, _processor() - before
    work = len(chosen) * rows / 1e6
    return {
        "seconds": seconds,
        "rules": len(chosen),
        "starved": sum(run.starved for run in result.rules),
        "findings": len(result.findings),
        "faults": len(faults),
        "processor s": round(used, 1),
        "layout": round(result.layout_seconds, 2),
        "rate": round(work / seconds, 1),
        "rate_without_layout": round(work / (seconds - result.layout_seconds), 1),
    }


def _processor() -> float:
    """Seconds of processors that this process has taken."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def run(events: int, seed: int, rounds: int, folder: Path, rules: Path) -> tuple[dict[str, Timing], list[Ratio]]:
    cases = []
    for label, count in (("all", events), ("tenth", events // 10)):
        database = str(folder / f"{label}.duckdb")
        run_case(Case(label, "rules", "make", {"database": database, "events": count, "seed": seed}))
        given = {"database": database, "spill": str(folder), "rules": str(rules.resolve())}
        cases.append(Case(f"all rules, {count:,} events", "rules", "hunted", given))
        cases.append(Case(f"half the rules, {count:,} events", "rules", "hunted", {**given, "every": 2}))
    tenth = {**given, "every": 10, "clustered": False}
    cases.append(Case(f"a tenth of the rules, {events // 10:,} events in time order", "rules", "hunted", tenth))
    timings = measure(cases, rounds)
    whole, half, small = (timings[case.label] for case in cases[:3])
    rate = whole.figures["rules"] * events / whole.median / 1e6
    return timings, [
        Ratio("million rule-events a second", rate, PROMISED, at_least=True),
        Ratio("ten times the events", whole.median / small.median, 13),
        Ratio("twice the rules", whole.median / half.median, 2.6),
        Ratio("MiB at most", max(timing.peak for timing in timings.values()), 4096),
    ]
