"""Runs cases in processes of their own, alternating, and sets their times and peak memory side by side.

A case is a function of a benchmark's module; its process prints one JSON object: seconds (of the part that counts) and
figures of its own, such as rows found. Ratios are of medians of one run, so the machine's mood cancels out.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Case:
    """One function of ``bench.<module>`` with its arguments; limit in seconds."""

    label: str
    module: str
    function: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    limit: float = 1800.0


@dataclass
class Timing:
    """All runs of a case. seconds: one for each round; peak: the greatest resident set, in MiB."""

    label: str
    seconds: list[float] = field(default_factory=list)
    peak: float = 0.0
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Ratio:
    """What was promised of two cases: ``value`` is theirs, ``bound`` the promise (``at_least`` or at most)."""

    text: str
    value: float
    bound: float
    at_least: bool = False

    @property
    def kept(self) -> bool:
        return self.value >= self.bound if self.at_least else self.value <= self.bound


class CaseFailed(Exception):
    """A case's process ended with an error or took longer than its limit."""


def environment() -> dict[str, str]:
    """The environment of a case: the project's source and the benchmarks are importable."""
    inherited = os.environ.get("PYTHONPATH", "")
    path = os.pathsep.join(filter(None, (str(ROOT / "src"), str(ROOT), inherited)))
    return {**os.environ, "PYTHONPATH": path, "NO_COLOR": "1"}


def run_case(case: Case) -> tuple[float, float, dict[str, Any]]:
    """Seconds, peak MiB and figures of one run in a process of its own. Raises ``CaseFailed``."""
    request = json.dumps({"module": case.module, "function": case.function, "arguments": dict(case.arguments)})
    command = [sys.executable, "-m", "bench.process", request]
    started = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), text=True, cwd=ROOT
    ) as process:
        try:
            out, err = process.communicate(timeout=case.limit)
        except subprocess.TimeoutExpired as fault:
            process.kill()
            raise CaseFailed(f"{case.label}: longer than {case.limit:.0f} s") from fault
    elapsed = time.perf_counter() - started
    if process.returncode != 0:
        raise CaseFailed(f"{case.label}: exit {process.returncode}\n{err[-2000:]}")
    figures = json.loads(out.splitlines()[-1])
    return figures.pop("seconds", elapsed), figures.pop("peak"), figures


def measure(cases: Sequence[Case], rounds: int) -> dict[str, Timing]:
    """Every case once in each round, in turn; the order is reversed in every other round."""
    timings = {case.label: Timing(case.label) for case in cases}
    for number in range(rounds):
        for case in cases if number % 2 == 0 else reversed(cases):
            seconds, peak, figures = run_case(case)
            timing = timings[case.label]
            timing.seconds.append(seconds)
            timing.peak = max(timing.peak, peak)
            timing.figures = figures
            print(f"  round {number + 1}: {case.label}: {seconds:.3f} s", file=sys.stderr)
    return timings


def render(timings: Mapping[str, Timing], ratios: Sequence[Ratio]) -> str:
    """The table of times, then each promise and whether it was kept."""
    width = max(len(label) for label in timings)
    lines = [f"{'case':{width}}  {'min s':>9} {'median s':>9} {'max s':>9} {'peak MiB':>9}  figures"]
    for label, timing in timings.items():
        figures = ", ".join(f"{name} {value}" for name, value in timing.figures.items())
        lines.append(
            f"{label:{width}}  {min(timing.seconds):9.3f} {timing.median:9.3f} {max(timing.seconds):9.3f} "
            f"{timing.peak:9.0f}  {figures}"
        )
    for ratio in ratios:
        word = "at least" if ratio.at_least else "at most"
        verdict = "kept" if ratio.kept else "MISSED"
        lines.append(f"{ratio.text}: {ratio.value:.2f}  ({word} {ratio.bound:g}: {verdict})")
    return "\n".join(lines)


def save(name: str, options: Mapping[str, Any], timings: Mapping[str, Timing], ratios: Sequence[Ratio]) -> Path:
    """One JSON document of the run under ``bench/results``."""
    RESULTS.mkdir(exist_ok=True)
    document = {
        "benchmark": name,
        "options": dict(options),
        "machine": {"cpus": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
        "cases": [
            {"label": t.label, "seconds": t.seconds, "peak_mib": t.peak, "figures": t.figures} for t in timings.values()
        ],
        "ratios": [{"text": r.text, "value": r.value, "bound": r.bound, "kept": r.kept} for r in ratios],
    }
    path = RESULTS / f"{name}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}.json"
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return path
