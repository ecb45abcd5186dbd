"""What Kibana's import requires and an author may leave out: references of ATT&CK, the parts of a rule's reference to a list, the
operators of mappings, and the descriptions of lists and exceptions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Table = dict[str, Any]


def completed(rule: Mapping[str, Any]) -> Table:
    """The keys of a rule's table that lack something, each as a whole and complete; keys of another shape are left alone."""
    found = {}
    for key, complete in _KEYS.items():
        written = rule.get(key)
        if isinstance(written, list) and all(isinstance(each, dict) for each in written):
            made = [complete(each) for each in written]
            if made != written:
                found[key] = made
    return found


def exception_list(table: Table) -> Table:
    """A list as the import takes it."""
    return {"name": table["list_id"], "description": table.get("name", ""), "type": "detection", **table}


def exception(table: Table) -> Table:
    """An exception as the import takes it."""
    return {"name": table["item_id"], "description": table.get("name", ""), "type": "simple", **table}


def _list_reference(table: Table) -> Table:
    return {"id": table.get("list_id"), "type": "detection", "namespace_type": "single", **table}


def _mapping(table: Table) -> Table:
    return {"operator": "equals", "value": "", **table}


def _threat(table: Table) -> Table:
    made = {"framework": "MITRE ATT&CK", **table}
    if isinstance(made.get("tactic"), dict):
        made["tactic"] = _referenced(made["tactic"], "tactics")
    return _below(made, "technique", lambda each: _below(_referenced(each, "techniques"), "subtechnique", _technique))


def _technique(table: Table) -> Table:
    return _referenced(table, "techniques")


def _below(table: Table, key: str, complete: Callable[[Table], Table]) -> Table:
    inner = table.get(key)
    if not isinstance(inner, list) or not all(isinstance(each, dict) for each in inner):
        return table
    return {**table, key: [complete(each) for each in inner]}


def _referenced(table: Table, kind: str) -> Table:
    if table.get("reference"):
        return table
    return {**table, "reference": f"https://attack.mitre.org/{kind}/{str(table.get('id')).replace('.', '/')}/"}


_KEYS: dict[str, Callable[[Table], Table]] = {
    "exceptions_list": _list_reference,
    "risk_score_mapping": _mapping,
    "severity_mapping": _mapping,
    "threat": _threat,
}
