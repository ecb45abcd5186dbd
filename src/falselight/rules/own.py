"""What other systems have no place for, carried along in ``meta.falselight``, which Kibana and detection-rules keep without
reading it: keys of Falselight's own and those that had to be completed (``rule``), tables beside the rule (``beside``), and
which keys an export had to add, and where nulls stood (``null``)."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from falselight.rules import completing, forms
from falselight.rules.model import Rule

META, OWN = "meta", "falselight"
# Keys of Falselight's own that Kibana's rule schema does not have.
KEYS = ("purpose", "severity_reason", "blind_spots", "data_needed")


def document(
    rule: Rule, *, carried: Iterable[str] = (), defaults: Mapping[str, Any] = {}, made: Mapping[str, Any] = {}
) -> dict[str, Any]:
    """The rule's table as Kibana names its keys. ``carried`` are further keys that go along in meta, ``defaults`` what must
    be there, ``made`` keys in other words than the rule's."""
    lacking = {**completing.completed(rule.raw), **made}
    away = {*KEYS, *carried, *lacking} | ({"id"} if "rule_id" not in rule.raw else set())
    written = {key: value for key, value in rule.raw.items() if key not in away}
    own: dict[str, Any] = {}
    moved = {key: value for key, value in rule.raw.items() if key in away}
    added = {"rule_id": rule.id, "description": rule.name, "risk_score": rule.risk_score, "severity": rule.severity}
    added |= {"type": rule.type, **({"language": "eql"} if rule.is_eql else {}), **defaults, **lacking}
    added = {key: value for key, value in added.items() if key not in written}
    if moved:
        own["rule"] = moved
    if added:
        own["added"] = list(added)
    if rule.beside:
        own["beside"] = rule.beside
    meta = written.get(META, {})
    if own and not isinstance(meta, dict):
        raise TypeError("its meta is no table")
    return {**written, **added, **({META: {**meta, OWN: own}} if own else {})}


def taken(table: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The rule's table with everything back in its place, and the tables that stood beside it; None where no export says.
    What stands in meta otherwise is left as it is."""
    meta = table.get(META)
    own = meta.get(OWN) if isinstance(meta, dict) else None
    if not isinstance(own, dict) or not all(isinstance(own.get(key, {}), dict) for key in ("rule", "beside")):
        return table, None
    added = own.get("added", [])
    if not isinstance(added, list):
        return table, None
    if own.get("null"):
        table = forms.with_null(copy.deepcopy(table), own["null"])
        own = table[META][OWN]
    kept = {key: value for key, value in table.items() if key != META and key not in added}
    rest = {key: value for key, value in table[META].items() if key != OWN}
    return {**kept, **own.get("rule", {}), **({META: rest} if rest else {})}, own.get("beside")
