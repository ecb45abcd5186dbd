"""What stands behind a finding: its windows with their events, and the original records, verified. As documents, and as
text for the eye."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

from falselight.diagnostics import Diagnostic, FalselightError
from falselight.drawing import visible
from falselight.findings import Finding
from falselight.hunting import HuntResult
from falselight.readers.evidence import original
from falselight.report import words
from falselight.sinks import json_text

Report = Callable[[Diagnostic], None]
Document = dict[str, Any]


def windows(result: HuntResult, found: Iterable[Finding]) -> Iterator[Document]:
    """Every window of the findings: ``rule.id``, ``keys``, ``window`` (from 0) and ``events``."""
    for finding in found:
        for number, events in enumerate(result.sequences(finding)):
            yield {**_whose(finding), "window": number, "events": events}


def originals(result: HuntResult, found: Iterable[Finding], report: Report) -> Iterator[Document]:
    """Every original record of the findings, once: ``rule.id``, ``keys``, ``input``, ``member``, ``sha256``, ``record`` and
    ``original``. An input that is not what it was when it was read goes to ``report``, and its records are left out."""
    for finding in found:
        for number in dict.fromkeys(reference.input for reference in finding.evidence):
            source = result.table.inputs[number]
            # One record may hold several events.
            records = list(dict.fromkeys(each.record for each in finding.evidence if each.input == number))
            try:
                lines = original(source, records)
            except FalselightError as fault:
                for diagnostic in fault.diagnostics:
                    report(diagnostic)
                continue
            place = {"input": source.path, "member": source.member, "sha256": source.sha256}
            for record, line in zip(records, lines, strict=True):
                text = line.decode("utf-8", "replace") if isinstance(line, bytes) else json_text(line)
                yield {**_whose(finding), **place, "record": record, "original": text}


def _whose(finding: Finding) -> Document:
    return {"rule": {"id": finding.rule.id}, "keys": finding.keys}


def text(result: HuntResult, finding: Finding, sequences: bool, evidence: bool, report: Report) -> Iterator[str]:
    """Windows and originals of one finding as lines to read, safe on a terminal."""
    keys = ", ".join(f"{name} {words.shown(value)}" for name, value in finding.keys.items())
    yield f"# {visible(finding.rule.name)}: {visible(keys)}"
    if sequences:
        for window in windows(result, [finding]):
            yield f"## window {window['window'] + 1} of {finding.windows}"
            yield from map(json_text, window["events"])
    if evidence:
        for (path, member, sha256), records in groupby(originals(result, [finding], report), _origin):
            label = path + (f"!{member}" if member else "")
            yield f"## {visible(label)} (sha256 {sha256}, verified)"
            yield from (f"{each['record']}: {visible(each['original'])}" for each in records)


def _origin(document: Document) -> tuple[str, str | None, str]:
    return document["input"], document["member"], document["sha256"]
