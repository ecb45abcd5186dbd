"""Python's ``eql`` 1.0.1 and Falselight on the page's rule and the same events.

``eql`` matches no list and is silenced by a missing domain, so it is given single values and a name for every event that
has none (``none.example``): the events that it can match. It is given them ready in memory; only its matching is timed.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from bench import rule
from bench.harness import Case, CaseFailed, Ratio, Timing, measure, run_case

KEYS = 10_000
NAMELESS = "none.example"


def by_eql(database: str, events: int) -> dict[str, Any]:
    """Seconds in which ``eql`` streams the first events of the table; windows is the number of its matches."""
    import duckdb
    import eql
    from eql.engine import PythonEngine
    from eql.events import Event
    from eql.parser import allow_runs, elasticsearch_syntax

    with duckdb.connect(database, read_only=True) as connection:
        rows = connection.execute(
            'SELECT "@timestamp", "event.type"[1], "network.direction", "host.name", "destination.ip", '
            f'coalesce("destination.domain", \'{NAMELESS}\'), "process.name" FROM events ORDER BY _seq LIMIT {events:d}'
        ).fetchall()
    stream = [
        Event(
            "network",
            ms * 10_000,
            {
                "event": {"type": kind, "category": "network"},
                "network": {"direction": direction},
                "host": {"name": host},
                "destination": {"ip": address, "domain": domain},
                "process": {"name": process},
            },
        )
        for ms, kind, direction, host, address, domain, process in rows
    ]
    with elasticsearch_syntax, allow_runs:
        query = eql.parse_query(rule.eql())
    engine, windows = PythonEngine(), 0

    def count(_: Any) -> None:
        nonlocal windows
        windows += 1

    engine.add_query(query)
    engine.add_output_hook(count)
    started = time.perf_counter()
    for event in stream:
        engine.stream_event(event)
    engine.finalize()
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "events": events, "windows": windows, "events/s": round(events / seconds)}


def run(events: int, seed: int, rounds: int, folder: Path, limit: float) -> tuple[dict[str, Timing], list[Ratio]]:
    """The ratio is of all events if ``eql`` ends within ``limit`` seconds, and of a sample (per event) in any case."""
    database = str(folder / "peer.duckdb")
    run_case(Case("make", "engine", "make", {"database": database, "events": events, "keys": KEYS, "seed": seed}))
    sample = min(events, 20_000)
    ours = Case("falselight", "engine", "by_falselight", {"database": database, "query": rule.eql()})
    theirs = Case(f"eql, first {sample:,} events", "peer_eql", "by_eql", {"database": database, "events": sample})
    timings = measure([ours, theirs], rounds)
    each = timings[theirs.label].median / sample
    text = f"eql / falselight, an event of eql's sample of {sample:,} times {events:,}"
    ratios = [Ratio(text, each * events / timings["falselight"].median, 1000, at_least=True)]
    whole = Case("eql, all events", "peer_eql", "by_eql", {"database": database, "events": events}, limit=limit)
    try:
        seconds, peak, figures = run_case(whole)
    except CaseFailed as fault:
        print(fault)
        return timings, ratios
    timings[whole.label] = Timing(whole.label, [seconds], peak, figures)
    ratios.append(Ratio("eql / falselight, all events", seconds / timings["falselight"].median, 1000, at_least=True))
    return timings, ratios
