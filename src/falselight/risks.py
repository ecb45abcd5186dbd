"""What all scored findings have in common: reasons, severity, and those parts of their documents (specs/findings.md)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from falselight.plan.dates import iso


@dataclass(frozen=True)
class Reason:
    """What one factor adds; ``weight`` in natural log-odds (of indicators: a probability), ``text`` says it in words."""

    factor: str
    weight: float
    text: str


def severity(risk: float) -> str:
    """critical from 90, high from 70, medium from 40."""
    return "critical" if risk >= 90 else "high" if risk >= 70 else "medium" if risk >= 40 else "low"


def head(rule: str, name: str, last: int | None) -> dict[str, Any]:
    """How a document begins; ``last`` is the time of the last event, epoch nanoseconds."""
    document: dict[str, Any] = {"event": {"kind": "alert"}, "rule": {"id": rule, "name": name}}
    if last is not None:
        document["@timestamp"] = iso(last)
    return document


def destination(address: str | None, names: Iterable[str], ports: Iterable[int]) -> dict[str, Any]:
    """A server as ``destination``, without what is not known of it."""
    known = {"ip": address, "domain": list(names), "port": list(ports)}
    return {name: value for name, value in known.items() if value}


def rated(kind: str, risk: float, reasons: Iterable[Reason]) -> dict[str, Any]:
    """How ``falselight`` begins."""
    told = [{"factor": each.factor, "weight": round(each.weight, 3), "text": each.text} for each in reasons]
    return {"kind": kind, "severity": severity(risk), "risk": round(risk), "reasons": told}


def moments(first: int | None, last: int | None, detected: int | None) -> dict[str, str]:
    """The times that are known, epoch nanoseconds, as dates."""
    known = {"first_seen": first, "last_seen": last, "detected_at": detected}
    return {name: iso(time) for name, time in known.items() if time is not None}
