"""Remarks as SARIF 2.1.0, which code review shows beside the line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

import falselight
from falselight.diagnostics import Severity
from falselight.lint.remark import CODES, Remark
from falselight.source import Source

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def document(remarks: Iterable[Remark]) -> dict[str, Any]:
    """One run of ``falselight lint``."""
    found = list(remarks)
    codes = sorted({remark.code for remark in found})
    rules = [{"id": code, "shortDescription": {"text": CODES[code]}} for code in codes]
    driver = {"name": "falselight", "version": falselight.__version__, "rules": rules}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_result(remark, codes) for remark in found],
            }
        ],
    }


def _result(remark: Remark, codes: Sequence[str]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": remark.code,
        "ruleIndex": codes.index(remark.code),
        "level": _LEVELS[remark.severity],
        "message": {"text": f"{remark.rule.name}: {remark.reason}. Fix: {remark.fix}"},
    }
    if remark.rule.path is not None:
        physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(remark.rule.path)}}
        region = _region(remark)
        if region is not None:
            physical["region"] = region
        result["locations"] = [{"physicalLocation": physical}]
    return result


def _uri(path: str) -> str:
    """A file's address: relative to where the command ran, as code review wants it, or whole."""
    return Path(path).as_uri() if Path(path).is_absolute() else quote(PurePath(path).as_posix())


def _region(remark: Remark) -> dict[str, int] | None:
    """The place in the rule's file: where its query stands there word for word, as in a TOML file."""
    if remark.span is None or remark.rule.path is None or not Path(remark.rule.path).is_file():
        return None
    text = Path(remark.rule.path).read_text(encoding="utf-8", errors="replace")
    at = text.find(remark.rule.query.strip("\n"))
    if at < 0:
        return None
    skipped = len(remark.rule.query) - len(remark.rule.query.lstrip("\n"))
    source = Source(text)
    line, column = source.position(at + remark.span.start - skipped)
    end_line, end_column = source.position(at + remark.span.end - skipped)
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}
