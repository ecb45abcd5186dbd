"""What is wrong, where, and what to do: the one error type that users see.

A diagnostic is a value. It is drawn at the edge (``draw``), or handed to editors (``to_dict``). Codes by stage:
E01 text, E02 meaning, E03 plan, E04 engine, E05 input files, E06 rules, E07 command line; W for warnings alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from falselight.source import Source, Span


def plural(count: int, noun: str) -> str:
    """So many of a thing: ``1 event``, ``2,000 events``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Label:
    """A place in the source, with what is to be said of it there."""

    span: Span
    text: str = ""


@dataclass(frozen=True)
class Diagnostic:
    """One finding about a user's text or file. The message stands alone; labels[0] is the place."""

    code: str
    severity: Severity
    message: str
    labels: tuple[Label, ...] = ()
    help: str | None = None
    source: Source | None = None
    path: str | None = None
    record: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON form for editors: positions are lines and columns from 1, ends exclusive."""
        document: dict[str, Any] = {"code": self.code, "severity": str(self.severity), "message": self.message}
        if self.help:
            document["help"] = self.help
        if self.path is not None:
            document["path"] = self.path
        if self.record is not None:
            document["record"] = self.record
        if self.source is not None and self.labels:
            document["source"] = self.source.name
            document["labels"] = [_place(self.source, label) for label in self.labels]
        return document


def _place(source: Source, label: Label) -> dict[str, Any]:
    start_line, start_column = source.position(label.span.start)
    end_line, end_column = source.position(label.span.end)
    return {
        "text": label.text,
        "start": {"line": start_line, "column": start_column, "offset": label.span.start},
        "end": {"line": end_line, "column": end_column, "offset": label.span.end},
    }


class FalselightError(Exception):
    """Something a user can mend. Carries one or more diagnostics."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics: tuple[Diagnostic, ...] = tuple(diagnostics)
        super().__init__("\n".join(diagnostic.message for diagnostic in self.diagnostics))


class EqlError(FalselightError):
    """A query that is refused."""
