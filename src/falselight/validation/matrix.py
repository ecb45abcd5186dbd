"""The matrix test × signal × detection: each cell checked on events that came through the ordinary readers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from falselight import hunting
from falselight.diagnostics import Diagnostic
from falselight.explaining import explain
from falselight.hunting import HuntResult, RuleRun
from falselight.readers.settings import DEFAULTS, Settings
from falselight.report import words
from falselight.rules import Rule
from falselight.searching import search
from falselight.source import Source
from falselight.validation import scenarios
from falselight.validation.atomics import Atomic
from falselight.validation.records import Record
from falselight.validation.signals import Signal, expectation

Report = Callable[[Diagnostic], None]
PUBLIC = "203.0.113.10"
SYNTHETIC, RECORDED, UNPROVEN = "synthetic", "recorded", "unproven"
# Begins the ids of signals, which are hunted as rules are.
SIGNAL = "signal "


@dataclass(frozen=True)
class SignalCell:
    """One signal of one test: matches found and needed; ``mapping`` and ``telemetry`` say what the cell rests on."""

    event: str
    text: str
    found: int
    needed: int
    mapping: str
    telemetry: str

    @property
    def holds(self) -> bool:
        return self.found >= self.needed


@dataclass(frozen=True)
class DetectionCell:
    """One rule on one test, on the same ``telemetry``.
    ``windows`` is 0 in a blank cell, and ``reasons`` say why it is blank. ``alone``: the telemetry
    is of this test and nothing else, so that a rule that was not promised must stay silent."""

    rule: str
    name: str
    severity: str
    promised: bool
    windows: int
    reasons: tuple[str, ...]
    telemetry: str
    alone: bool = True

    @property
    def holds(self) -> bool:
        """A promised cell fires; any other stays blank, where the test is alone."""
        return self.windows > 0 if self.promised else not (self.alone and self.windows)


@dataclass(frozen=True)
class Row:
    """All cells of one test. ``present`` is False where the given telemetry holds no signal of the test at all."""

    test: int
    name: str
    signals: tuple[SignalCell, ...]
    detections: tuple[DetectionCell, ...]
    claims: tuple[str, ...]
    present: bool = True

    @property
    def holds(self) -> bool:
        return all(cell.holds for cell in self.signals) and all(cell.holds for cell in self.detections)

    def to_dict(self) -> dict[str, Any]:
        cells = [[{**asdict(cell), "holds": cell.holds} for cell in each] for each in (self.signals, self.detections)]
        return {**asdict(self), "signals": cells[0], "detections": cells[1], "holds": self.holds}


def of_scenario(test: Atomic, rules: Sequence[Rule], report: Report) -> Row:
    """One test on the records of its scenario."""
    result = _of_records(scenarios.records(test), _reading([test], rules), report)
    elsewhere = None
    if test.inputs.get("server", PUBLIC) != PUBLIC:
        to_public = replace(test, inputs={**test.inputs, "server": PUBLIC})
        elsewhere = _of_records(scenarios.records(to_public), rules, report)
    return _row(test, result, elsewhere, SYNTHETIC)


def of_paths(
    tests: Sequence[Atomic],
    paths: Sequence[Path],
    rules: Sequence[Rule],
    report: Report,
    settings: Settings = DEFAULTS,
    *,
    alone: bool = False,
) -> list[Row]:
    """The tests on telemetry that was recorded while they ran, read once. Where none of a test's signals is there, it was
    not run, and its cells say nothing. ``alone``: one test and nothing else left it."""
    result = hunting.hunt(paths, _reading(tests, rules), report=report, settings=settings)
    rows = [_row(test, result, None, RECORDED, alone) for test in tests]
    return [replace(row, present=any(cell.found for cell in row.signals)) for row in rows]


def _reading(tests: Sequence[Atomic], rules: Sequence[Rule]) -> list[Rule]:
    """The rules, and the tests' signals as rules of their own, so that one reading brings the fields of both."""
    signals = ((_id(test, n), signal) for test in tests for n, signal in enumerate(expectation(test).signals))
    return [*rules, *(Rule(id=id, name=signal.text, query=signal.query) for id, signal in signals)]


def _id(test: Atomic, number: int) -> str:
    return f"{SIGNAL}{test.number}.{number}"


def _of_records(records: list[Record], rules: Sequence[Rule], report: Report) -> HuntResult:
    with tempfile.TemporaryDirectory(prefix="falselight-") as folder:
        path = Path(folder) / "events.json"
        path.write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))
        return hunting.hunt([path], rules, report=report)


def _row(test: Atomic, result: HuntResult, elsewhere: HuntResult | None, telemetry: str, alone: bool = True) -> Row:
    expected = expectation(test)
    runs = {run.rule.id: run for run in result.rules}
    others = {run.rule.id: run for run in elsewhere.rules} if elsewhere is not None else {}
    signals = []
    for number, signal in enumerate(expected.signals):
        found = _found(signal, runs[_id(test, number)], result)
        mapping = RECORDED if signal.recorded else UNPROVEN
        signals.append(SignalCell(signal.event, signal.text, found, signal.count, mapping, telemetry))
    detections = []
    for run in (each for each in runs.values() if not each.rule.id.startswith(SIGNAL)):
        windows = _windows(run)
        reasons = () if windows else tuple(_reasons(run, result, others.get(run.rule.id), elsewhere))
        promised = run.rule.id in expected.promises
        detections.append(
            DetectionCell(run.rule.id, run.rule.name, run.rule.severity, promised, windows, reasons, telemetry, alone)
        )
    for absent in sorted(expected.promises - runs.keys()):
        detections.append(
            DetectionCell(
                absent, absent, "-", True, 0, ("The rule is not among those that were run.",), telemetry, alone
            )
        )
    return Row(test.number, test.name, tuple(signals), tuple(detections), expected.claims)


def _found(signal: Signal, run: RuleRun, result: HuntResult) -> int:
    """Matches of a signal. Its query finds single events where a text must stand in one of their fields."""
    if signal.contains is None:
        return _windows(run)
    field, text = signal.contains
    values = (hit.events[0].source for hit in search(signal.query, result.table, size=None))
    return sum(text in str(_value(document, field)) for document in values)


def _value(document: Mapping[str, Any], name: str) -> Any:
    value: Any = document
    for part in name.split("."):
        value = value.get(part, {})
    return value


def _windows(run: RuleRun) -> int:
    return sum(finding.windows for finding in run.findings)


def _reasons(run: RuleRun, result: HuntResult, other: RuleRun | None, elsewhere: HuntResult | None) -> Iterator[str]:
    """Why a rule is silent on a test's events; and, where its server is a local one, what the rule would say of the
    same test towards a public address."""
    if run.plan is None:
        yield from (diagnostic.message for diagnostic in run.diagnostics)
        return
    yield from _silence(run, result)
    if other is None or elsewhere is None:
        return
    if other.findings:
        yield f"Towards {PUBLIC} it would fire."
    else:
        yield from (f"Towards {PUBLIC}: {sentence}" for sentence in islice(_silence(other, elsewhere), 1))


def _silence(run: RuleRun, result: HuntResult) -> Iterator[str]:
    explanation = explain(Source(run.rule.query, run.rule.name), result.table, hunting.options(run.rule))
    return words.why_silent(explanation)
