"""``python -m bench.beacon_scale``: seconds and memory of the beacon score over very many connections.

Two axes are told apart: ten times the connections of the same pairs, and ten times the pairs with as many connections each; then
one pair that has all connections, pairs whose sizes fall off as a power law, and one thread, whose scores must be the same bits.
Connections are drawn in the database by hash, so that a run is the same each time; each case has a process of its own."""

from __future__ import annotations

import argparse
import hashlib
import resource
import sys
import time
from typing import Any

from bench.harness import Case, CaseFailed, Ratio, Timing, measure, render
from falselight.analytics import beacons
from falselight.store import connect

# Number of the pair of row i, in so many pairs.
SHAPES = {
    "equal pairs": "hash(i) % {pairs}",
    "power law": "CAST({pairs} * pow((hash(i) % 1000003) / 1000003, 4) AS BIGINT)",
}
WEEK = 7 * 86_400
SECONDS, MEBIBYTES, TEN_TIMES = 60, 4096, 13


def scored(connections: int, pairs: int, shape: str, threads: int) -> dict[str, Any]:
    """One case: its seconds without the drawing, and how many units were scored."""
    connection = connect(threads=threads)
    owner = SHAPES[shape].format(pairs=int(pairs))
    connection.execute(f"""CREATE TEMP TABLE connections AS
      SELECT 'h' || pair % 997 AS host, '10.0.0.1' AS source, 'n' || pair // 997 || '.d' || pair % 5003 || '.example' AS domain,
        '192.0.2.' || pair % 251 AS address, 'p' || pair % 61 AS process, 443::BIGINT AS port,
        (hash(i + 7) % 900)::BIGINT AS sent, (hash(i + 9) % 9000)::BIGINT AS received, 1000000::BIGINT AS duration,
        (hash(i + 1) % {WEEK * 1_000_000})::BIGINT * 1000 AS time, TRUE AS inward, TRUE AS outward
      FROM (SELECT i, {owner} AS pair FROM range({int(connections)}) t(i))""")
    begin, processor = time.perf_counter(), _processor()
    found = beacons.score(connection)
    seconds, processor = time.perf_counter() - begin, _processor() - processor
    odds = b"" if found is None else found.odds.tobytes()
    return {
        "seconds": seconds, "processor s": round(processor, 1), "units": len(odds) // 8,
        "scores": hashlib.sha256(odds).hexdigest()[:12],
    }  # fmt: skip


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def run(connections: int, pairs: int, threads: int, rounds: int) -> tuple[dict[str, Timing], list[Ratio]]:
    many, few = f"{connections:,} connections", f"{connections // 10:,} connections"
    wanted = {
        f"{few} in {pairs // 10:,} pairs": (connections // 10, pairs // 10, "equal pairs", threads),
        f"{many} in {pairs // 10:,} pairs": (connections, pairs // 10, "equal pairs", threads),
        f"{many} in {pairs:,} pairs": (connections, pairs, "equal pairs", threads),
        f"{many} in {pairs:,} pairs, one thread": (connections, pairs, "equal pairs", 1),
        f"{many} in one pair": (connections, 1, "equal pairs", threads),
        f"{many} in {pairs:,} pairs, power law": (connections, pairs, "power law", threads),
    }
    names = ("connections", "pairs", "shape", "threads")
    cases = [
        Case(label, "beacon_scale", "scored", dict(zip(names, given, strict=True))) for label, given in wanted.items()
    ]
    timings = measure(cases, rounds)
    base, fuller, more, single, one, _ = timings.values()
    if more.figures["scores"] != single.figures["scores"]:
        raise CaseFailed("the scores on one thread are not those on many")
    return timings, [
        Ratio("seconds of all pairs", more.median, SECONDS),
        Ratio("MiB of the case that has most", max(timing.peak for timing in timings.values()), MEBIBYTES),
        Ratio("ten times the connections of the same pairs", fuller.median / base.median, TEN_TIMES),
        Ratio("ten times the pairs, as many connections each", more.median / base.median, TEN_TIMES),
        Ratio("one pair / all pairs", one.median / more.median, 1),
    ]


def main() -> int:
    """As ``python -m bench``: 0 every promise kept, 1 one was missed, 3 a case failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.beacon_scale", description=__doc__)
    parser.add_argument("--connections", type=int, default=10_000_000)
    parser.add_argument("--pairs", type=int, default=200_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    if given.pairs < 10 or given.connections < 10:
        parser.error("at least ten connections and ten pairs")
    try:
        timings, ratios = run(given.connections, given.pairs, given.threads, given.rounds)
    except CaseFailed as fault:
        print(fault, file=sys.stderr)
        return 3
    print(render(timings, ratios))
    return 0 if all(ratio.kept for ratio in ratios) else 1


if __name__ == "__main__":
    sys.exit(main())
