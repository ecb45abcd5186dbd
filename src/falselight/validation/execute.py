"""``validate --execute``: the Linux forms of the tests, run in truth on a test network, captured, read and hunted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from falselight.diagnostics import Diagnostic
from falselight.rules import Rule
from falselight.validation import atomics, matrix
from falselight.validation.atomics import Atomic
from falselight.validation.network import SERVER, Network

WEB, OTHER_PORTS = [8888, 8080], [4444, 8443]
# Seconds between two calls, in place of the tests' half minutes: the rules count, and do not ask for a rhythm.
PAUSE = "0.2"
LONGEST_RUN = 120.0


def numbers() -> list[int]:
    """The tests that run here."""
    return [test.number for test in atomics.tests() if atomics.LINUX in test.platforms]


def of_execution(
    test: Atomic,
    network: Network,
    rules: Sequence[Rule],
    report: Callable[[Diagnostic], None],
    keep: Path | None = None,
) -> matrix.Row:
    """Run one test at the implant's host and hunt in its capture; ``keep`` is a folder for the capture. The clean-up of
    the test is run as well."""
    shorter = replace(test, inputs={**test.inputs, **({"interval": PAUSE} if "interval" in test.inputs else {})})
    command, cleanup = shorter.filled()
    resolves = SERVER if "rounds" in test.inputs and "zone" in test.inputs else ""
    with network.captured(f"test-{test.number}") as path, network.resolving(test.inputs.get("zone", ""), resolves):
        network.run(shorter.executor, command, LONGEST_RUN)
        if cleanup:
            network.run(shorter.executor, cleanup, LONGEST_RUN)
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / path.name).write_bytes(path.read_bytes())
    return matrix.of_paths([shorter], [path], rules, report, alone=True)[0]
