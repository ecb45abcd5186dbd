"""Alert suppression: alerts of one rule with the same values become one, within a run or for a while."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from falselight.plan.dates import iso
from falselight.replay.alerts import SPACE, uuid, value
from falselight.rules.exceptions import Suppression
from falselight.rules.model import Rule


@dataclass
class Kept:
    """An alert that stays, how many it stands for beside itself, and until when it takes more (epoch nanoseconds)."""

    alert: dict[str, Any]
    run: int
    suppressed: int = 0


def suppress(rule: Rule, alerts: Iterable[tuple[dict[str, Any], int]]) -> list[Kept]:
    """``alerts``: the alerts of events, or the shells of sequences, with their runs, in order of writing. Those that stay get
    ``kibana.alert.suppression.*`` and ``kibana.alert.instance.id``."""
    plan = rule.alert_suppression
    if plan is None:
        return [Kept(alert, run) for alert, run in alerts]
    kept: list[Kept] = []
    open_alerts: dict[str, Kept] = {}
    for alert, run in alerts:
        terms = [{"field": name, "value": _terms(alert, name)} for name in plan.group_by]
        if plan.missing_fields_strategy == "doNotSuppress" and any(term["value"] is None for term in terms):
            kept.append(Kept(alert, run))
            continue
        instance = _instance(rule, terms)
        known = open_alerts.get(instance)
        if known is not None and _takes(plan, known, run):
            known.suppressed += 1
            known.alert["kibana.alert.suppression.docs_count"] = known.suppressed
            known.alert["kibana.alert.suppression.end"] = alert.get("kibana.alert.original_time")
            known.alert["kibana.alert.last_detected"] = iso(run)
            continue
        made = Kept({**alert, **_fields(alert, terms, instance)}, run)
        open_alerts[instance] = made
        kept.append(made)
    return kept


def _takes(plan: Suppression, known: Kept, run: int) -> bool:
    """Whether an alert written at a run takes up another: within that run, or for the duration since it was written."""
    return known.run == run if plan.duration is None else known.run >= run - plan.duration.nanoseconds


def _terms(alert: Mapping[str, Any], name: str) -> list[str] | None:
    found = value(alert, name)
    if found is None or found == []:
        return None
    return sorted(str(each) for each in (found if isinstance(found, list) else [found]))


def _instance(rule: Rule, terms: list[dict[str, Any]]) -> str:
    return hashlib.sha256(json.dumps([terms, uuid(rule), SPACE], sort_keys=True).encode()).hexdigest()


def _fields(alert: Mapping[str, Any], terms: list[dict[str, Any]], instance: str) -> dict[str, Any]:
    when = alert.get("kibana.alert.original_time")
    return {
        "kibana.alert.instance.id": instance,
        "kibana.alert.suppression.terms": terms,
        "kibana.alert.suppression.start": when,
        "kibana.alert.suppression.end": when,
        "kibana.alert.suppression.docs_count": 0,
    }
