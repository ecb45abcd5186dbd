"""What readers count and tell in one sum of an input: records that are none of its log, values that their field does not take,
texts that had to be mended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from falselight.diagnostics import Diagnostic, Severity
from falselight.readers import Report

MENDED, MALFORMED, UNREAD = "W0511", "W0512", "W0514"


@dataclass(frozen=True)
class Tally(Diagnostic):
    """A diagnostic about ``count`` parts of an input, with what is said of one and of several."""

    count: int = 0
    label: str = ""
    one: str = ""
    several: str = ""

    def of(self, count: int) -> Tally:
        """The same of another number."""
        return _tally(self.code, count, self.label, self.path, self.one, self.several)


def tell_mended(count: int, unit: str, path: str, label: str, report: Report) -> None:
    """That so many lines, records or values hold bytes that are no text."""
    if count:
        rest = "bytes that are no valid UTF-8, shown as replacement characters"
        report(_tally(MENDED, count, label, path, f"{unit} holds {rest}", f"{unit}s hold {rest}"))


def tell_malformed(malformed: Mapping[str, int], path: str, label: str, report: Report) -> None:
    """How many values of each field are not of its type."""
    for name, count in sorted(malformed.items()):
        if count:
            one, several = "is not of its type and was left out", "are not of its type and were left out"
            report(_tally(MALFORMED, count, label, path, f"value of {name} {one}", f"values of {name} {several}"))


def tell_unread(count: int, unit: str, path: str, label: str, report: Report, skipped: Counter[str]) -> None:
    """That so many lines or records are none of the log; they are counted as skipped."""
    if count:
        skipped[f"not a {unit} of this log"] += count
        one, several = "is none of this log and was left out", "are none of this log and were left out"
        report(_tally(UNREAD, count, label, path, f"{unit} {one}", f"{unit}s {several}"))


def _tally(code: str, count: int, label: str, path: str | None, one: str, several: str) -> Tally:
    message = f"{label}: {count} {one if count == 1 else several}"
    return Tally(code, Severity.WARNING, message, path=path, count=count, label=label, one=one, several=several)
