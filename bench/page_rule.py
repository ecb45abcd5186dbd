"""The page's rule over an event table, beside the same rule by hand; and a thousand keys beside a million."""

from __future__ import annotations

from pathlib import Path

from bench import rule
from bench.harness import Case, Ratio, Timing, measure, run_case

FEW, MANY = 1_000, 1_000_000


def run(events: int, seed: int, rounds: int, folder: Path) -> tuple[dict[str, Timing], list[Ratio]]:
    """Raises ``ValueError`` if the two disagree on what there is to find."""
    cases = []
    for keys in (FEW, MANY):
        database = str(folder / f"keys{keys}.duckdb")
        run_case(
            Case(f"make {keys}", "engine", "make", {"database": database, "events": events, "keys": keys, "seed": seed})
        )
        cases.append(
            Case(f"falselight, {keys} keys", "engine", "by_falselight", {"database": database, "query": rule.eql()})
        )
        cases.append(Case(f"by hand, {keys} keys", "engine", "by_hand", {"database": database}))
    timings = measure(cases, rounds)
    ratios = []
    for keys in (FEW, MANY):
        ours, theirs = timings[f"falselight, {keys} keys"], timings[f"by hand, {keys} keys"]
        if ours.figures != theirs.figures:
            raise ValueError(f"{keys} keys: falselight found {ours.figures}, the query by hand {theirs.figures}")
        ratios.append(Ratio(f"falselight / by hand, {keys} keys", ours.median / theirs.median, 1.25))
    few, many = (timings[f"falselight, {keys} keys"].median for keys in (FEW, MANY))
    ratios.append(Ratio("a million keys / a thousand", many / few, 1.5))
    return timings, ratios
