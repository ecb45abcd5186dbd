"""How long a rule takes from text to SQL, over all rules of a folder."""

from __future__ import annotations

import statistics
import time
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.harness import Case, Ratio, Timing, measure

if TYPE_CHECKING:
    from falselight.ecs.schema import Schema


def queries(folder: Path) -> dict[str, str]:
    """EQL by file name, from rule files (TOML with ``rule.query``) and from bare ``.eql`` files."""
    found = {path.name: path.read_text("utf-8") for path in sorted(folder.rglob("*.eql"))}
    for path in sorted(folder.rglob("*.toml")):
        entry = tomllib.loads(path.read_text("utf-8")).get("rule", {})
        if entry.get("language", "eql") == "eql" and "query" in entry:
            found[path.name] = entry["query"]
    return found


LISTS = frozenset({"event.category", "event.type", "process.args", "process.parent.args", "host.ip", "dns.resolved_ip"})


def _filled(schema: Schema) -> Schema:
    """The schema of data that fills every field: a condition on a field that no event fills would compile to FALSE."""
    return schema.with_fields({f.name: replace(f, filled=True, many=f.name in LISTS) for f in schema})


def compile_all(folder: str) -> dict[str, Any]:
    """Compiles each query once after one that warms the tables; refused ones are counted, not timed."""
    from falselight.diagnostics import EqlError
    from falselight.ecs import release
    from falselight.plan import nodes
    from falselight.searching import plan
    from falselight.sql import emit

    found = queries(Path(folder))
    if not found:
        raise ValueError(f"{folder}: no EQL rules (.toml with rule.query, or .eql)")
    schema = _filled(release.schema())
    plan("any where true", schema)
    times: list[float] = []
    refused = characters = 0
    for query in found.values():
        started = time.perf_counter()
        try:
            made = plan(query, schema)
            if not isinstance(made, nodes.SamplePlan):
                characters += len(emit.matches(made, "events", None))
        except EqlError:
            refused += 1
            continue
        times.append((time.perf_counter() - started) * 1000)
    return {
        "seconds": sum(times) / 1000,
        "rules": len(times),
        "refused": refused,
        "sql_chars": characters,
        "median_ms": round(statistics.median(times), 3) if times else None,
        "p95_ms": round(statistics.quantiles(times, n=20)[18], 3) if len(times) > 1 else None,
        "worst_ms": round(max(times), 3) if times else None,
    }


def run(rules: Path, rounds: int) -> tuple[dict[str, Timing], list[Ratio]]:
    timings = measure([Case("text to SQL", "compile", "compile_all", {"folder": str(rules.resolve())})], rounds)
    median = timings["text to SQL"].figures["median_ms"]
    return timings, [Ratio("median milliseconds of a rule", median if median is not None else float("inf"), 5)]
