"""Verdicts on findings, a line each, newest last: what was judged, by rule and keys, so that it holds for the next hunt too."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import orjson

from falselight.diagnostics import Diagnostic, FalselightError, Severity

Verdict = Literal["benign", "malicious", "open"]
VERDICTS: tuple[Verdict, ...] = ("benign", "malicious", "open")
FILE = "labels.ndjson"
BROKEN = "E0641"


def identity(document: Mapping[str, Any]) -> str:
    """Which finding a document is: its rule, its keys, its host and its server; not its times, which grow."""
    own = document.get("falselight") or {}
    parts = [
        (document.get("rule") or {}).get("id"),
        own.get("kind"),
        own.get("keys") or {},
        (document.get("host") or {}).get("name"),
        (document.get("destination") or {}).get("ip"),
        (document.get("destination") or {}).get("domain")
        if not (document.get("destination") or {}).get("ip")
        else None,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def write(path: Path, document: Mapping[str, Any], verdict: Verdict, note: str = "") -> dict[str, Any]:
    """Append one verdict to a file of labels (made if need be); gives what was written. OSError where it cannot be."""
    own = document.get("falselight") or {}
    entry = {
        "finding": identity(document),
        "verdict": verdict,
        "note": note,
        "at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "rule": (document.get("rule") or {}).get("id"),
        "keys": own.get("keys") or {},
        "host": (document.get("host") or {}).get("name"),
        "destination": document.get("destination") or {},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as stream:
        stream.write(orjson.dumps(entry) + b"\n")
    return entry


def read(path: Path) -> dict[str, Verdict]:
    """The newest verdict of each finding. ``FalselightError`` (E0641) names a line that is none."""
    found: dict[str, Verdict] = {}
    if not path.exists():
        return found
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            entry = orjson.loads(line)
            verdict = entry["verdict"]
            if verdict not in VERDICTS:
                raise ValueError(f"verdict {verdict}")
            found[str(entry["finding"])] = verdict
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as fault:
            message = f"{path}, line {number} is no label: {fault}"
            raise FalselightError(
                [Diagnostic(BROKEN, Severity.ERROR, message, path=str(path), record=number - 1)]
            ) from fault
    return found


def place(path: Path) -> Path:
    """The file of labels of a case folder, or a file that was named."""
    return path / FILE if path.is_dir() else path
