"""What all scored findings have in common: reasons, severity, and those parts of their documents (specs/findings.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from falselight.plan.dates import iso


@dataclass(frozen=True)
class Reason:
    """What one factor adds; ``weight`` in natural log-odds (of indicators: a probability), ``text`` says it in words."""

    factor: str
    weight: float
    text: str


@dataclass(frozen=True)
class Alarm:
    """How many benign pairs a host and day look as bad by one kind of evidence, and how that is known."""

    per_host_day: float
    source: str


def per_host_day(odds: float, table: Mapping[str, Sequence[float]]) -> float:
    """Benign pairs a host and day at or above these log-odds, between the measured ones; its ends are not extrapolated."""
    return rates([odds], table)[0]


def rates(odds: Sequence[float], table: Mapping[str, Sequence[float]]) -> list[float]:
    """``per_host_day`` of many."""
    return [10.0**power for power in np.interp(odds, table["odds"], table["log10_per_host_day"]).tolist()]


def false_alarm(alarms: Sequence[Alarm], unknown: str) -> dict[str, Any]:
    """``false_alarm`` and how it is known: the rarest kind of evidence, times the kinds there are, since each of them was a
    chance to be as rare. ``unknown`` says why there is none."""
    if not alarms:
        return {"false_alarm": None, "false_alarm_by": f"not known: {unknown}"}
    rarest = min(alarms, key=lambda alarm: (alarm.per_host_day, alarm.source))
    several = f"; the rarest of {len(alarms)} kinds of evidence, times {len(alarms)}" if len(alarms) > 1 else ""
    return {"false_alarm": rarest.per_host_day * len(alarms), "false_alarm_by": rarest.source + several}


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
