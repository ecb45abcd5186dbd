"""Sequences that must spill: a tenth of the events beside all of them, and one key beside a million."""

from __future__ import annotations

from pathlib import Path

from bench.harness import Case, Ratio, Timing, measure, run_case

MANY = 1_000_000
QUERIES = {
    "three stages": (
        "sequence by host.name, destination.ip with maxspan=1h\n"
        '[network where process.name : "svchost.exe"] [network where process.name : "agent.exe"] '
        '[network where process.name : "java.exe"]'
    ),
    "runs=10": 'sequence by host.name, destination.ip with maxspan=1h [network where event.type == "start"] with runs=10',
}


def run(
    events: int, seed: int, rounds: int, folder: Path, memory: str = "4GB"
) -> tuple[dict[str, Timing], list[Ratio]]:
    sizes = {"all": (events, MANY), "tenth": (events // 10, MANY), "one key": (events // 10, 1)}
    cases = []
    for label, (count, keys) in sizes.items():
        database = str(folder / f"{label.replace(' ', '-')}.duckdb")
        run_case(Case(label, "engine", "make", {"database": database, "events": count, "keys": keys, "seed": seed}))
        for name, query in QUERIES.items():
            arguments = {
                "database": database,
                "query": query,
                "warm": False,
                "memory_limit": memory,
                "spill": str(folder),
            }
            cases.append(Case(f"{name}, {count:,} events, {label}", "engine", "by_falselight", arguments))
    timings = measure(cases, rounds)
    medians = {label: timing.median for label, timing in timings.items()}
    ratios = []
    for name in QUERIES:
        few = medians[f"{name}, {events // 10:,} events, tenth"]
        ratios.append(Ratio(f"{name}: ten times the events", medians[f"{name}, {events:,} events, all"] / few, 13))
        one = medians[f"{name}, {events // 10:,} events, one key"]
        ratios.append(Ratio(f"{name}: one key / a million", one / few, 2))
    return timings, ratios
