"""Remarks as SARIF 2.1.0, which code review shows beside the line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

import orjson

import falselight
from falselight.diagnostics import Severity
from falselight.lint.remark import CODES, Remark
from falselight.source import Source

# The key of a rule that a remark without a place in the query is about; else the query.
_KEYS = {
    "L02": "from", "L03": "from", "L05": "max_signals", "L50": "fires", "L51": "name", "L60": "alert_suppression",
    "L61": "exceptions_list", "L62": "alert_suppression", "L63": "alert_suppression", "L64": "max_signals",
    "L65": "exceptions_list", "L66": "exceptions_list",
}  # fmt: skip
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
    """The place in the rule's file: where its query stands there word for word, as in a TOML file, else the line of the key that
    the remark is about, or of the rule in an export. None where the file is not here."""
    path, rule = remark.rule.path, remark.rule
    if path is None or not Path(path).is_file():
        return None
    text = _text(path)
    at = text.find(rule.query.strip("\n")) if remark.span is not None else -1
    if remark.span is None or at < 0:
        line = (
            _exported(path).get(rule.id) if path.endswith(".ndjson") else _line(text, _KEYS.get(remark.code, "query"))
        )
        return {"startLine": line or 1}
    skipped = len(rule.query) - len(rule.query.lstrip("\n"))
    source = Source(text)
    line, column = source.position(at + remark.span.start - skipped)
    end_line, end_column = source.position(at + remark.span.end - skipped)
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}


def _line(text: str, key: str) -> int:
    """The line of a key of [rule], or of a table of this name; of [rule] itself where neither is there."""
    found = re.search(rf"^\s*(?:{key}\s*=|\[+(?:rule\.)?{key}\b)", text, re.MULTILINE)
    found = found or re.search(r"^\s*\[rule\]", text, re.MULTILINE)
    return text.count("\n", 0, found.start(0) + len(found.group()) - len(found.group().lstrip())) + 1 if found else 1


@lru_cache(maxsize=4)
def _text(path: str) -> str:
    return Path(path).read_text(encoding="utf-8", errors="replace")


@lru_cache(maxsize=4)
def _exported(path: str) -> dict[str, int]:
    """The lines of an export's rules by their ids, the first of each."""
    lines: dict[str, int] = {}
    for number, line in enumerate(_text(path).splitlines(), start=1):
        try:
            table = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(table, dict) and isinstance(table.get("rule_id"), str):
            lines.setdefault(table["rule_id"], number)
    return lines
