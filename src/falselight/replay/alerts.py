"""Alert documents as Kibana's detection engine writes them: one for an event, blocks and a shell for a sequence.

Ids are SHA-256 of what Kibana hashes (elastic/kibana, rule_types/factories/utils: build_alert, generate_building_block_ids;
wrap_hits). The rule's uuid is the stored rule's where an export has one, else its ``rule_id``; indices are those of the
documents, or the input's path."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from falselight.plan.dates import iso
from falselight.rules.model import LEVELS, Rule

SPACE = "default"
Document = dict[str, Any]
# What Kibana says of every rule of this type, and what it takes from the rule as it is.
_OF_EQL = {
    "kibana.alert.rule.category": "Event Correlation Rule",
    "kibana.alert.rule.consumer": "siem",
    "kibana.alert.rule.producer": "siem",
    "kibana.alert.rule.rule_type_id": "siem.eqlRule",
}
_AS_WRITTEN = (
    "actions", "author", "created_at", "created_by", "enabled", "immutable", "license", "namespace", "rule_name_override",
    "severity_mapping", "risk_score_mapping", "throttle", "timeline_id", "timeline_title", "updated_at", "updated_by",
)  # fmt: skip
_NOT_PARAMETERS = frozenset(
    {"id", "created_at", "created_by", "updated_at", "updated_by", "execution_summary", "revision"}
)


class Event:
    """An event that became part of an alert: its index, its id there, and its document."""

    def __init__(self, index: str, id: str, document: Mapping[str, Any]) -> None:
        self.index, self.id, self.document = index, id, document

    def ancestor(self) -> Document:
        return {"id": self.id, "type": "event", "index": self.index, "depth": 0}


def uuid(rule: Rule) -> str:
    """What stands for the stored rule's id."""
    stored = rule.raw.get("id")
    return str(stored) if stored and "rule_id" in rule.raw else rule.id


def of_event(rule: Rule, event: Event, run: int) -> Document:
    """The alert of one event; severity, risk and name overrides apply."""
    text = event.index + event.id + "undefined" + f"{SPACE}:{uuid(rule)}"
    fields = _fields(rule, [event.ancestor()], 1, run, event.document, overrides=True)
    return {**_source(event.document), **fields, "kibana.alert.uuid": hashlib.sha256(text.encode()).hexdigest()}


def of_sequence(rule: Rule, events: Sequence[Event], run: int) -> tuple[Document, list[Document]]:
    """The shell of a sequence and its blocks. Overrides do not apply to them."""
    base = [
        {**_source(event.document), **_fields(rule, [event.ancestor()], 1, run, event.document, overrides=False)}
        for event in events
    ]
    hashed = "".join(event.id + event.index + uuid(rule) for event in events)
    blocks = []
    for number, block in enumerate(base):
        block_id = hashlib.sha256((hashed + str(number)).encode()).hexdigest()
        blocks.append({**block, "kibana.alert.uuid": block_id})
    merged = reduce(_common, blocks[1:], blocks[0]) or {}
    # Kibana gives blocks that are not stored yet an index of no name.
    parents = [
        {"id": block["kibana.alert.uuid"], "type": "signal", "index": "", "depth": 1, "rule": uuid(rule)}
        for block in blocks
    ]
    ancestors = [part for event, parent in zip(events, parents, strict=True) for part in (event.ancestor(), parent)]
    shell_id = hashlib.sha256(("".join(a["id"] + a["index"] for a in ancestors) + uuid(rule)).encode()).hexdigest()
    shell = {
        **merged,
        **_fields(rule, ancestors, 2, run, merged, overrides=False),
        # Kibana takes it from the first block, whose time is the run's.
        "kibana.alert.original_time": iso(run),
        "kibana.alert.uuid": shell_id,
        "kibana.alert.group.id": shell_id,
    }
    grouped = [
        {
            **block,
            "kibana.alert.building_block_type": "default",
            "kibana.alert.group.id": shell_id,
            "kibana.alert.group.index": number,
        }
        for number, block in enumerate(blocks)
    ]
    return shell, grouped


def value(document: Mapping[str, Any], name: str) -> Any:
    """The value of a dotted field of a nested or partly dotted document; None where it is missing."""
    if name in document:
        return document[name]
    head, dot, rest = name.partition(".")
    while dot:
        inner = document.get(head)
        if isinstance(inner, Mapping):
            found = value(inner, rest)
            if found is not None:
                return found
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"
    return None


def _source(document: Mapping[str, Any]) -> Document:
    """The event's own fields; its ``event`` moves to ``kibana.alert.original_event``."""
    source = {key: each for key, each in document.items() if key not in ("@timestamp", "_input", "_record")}
    event = source.pop("event", None)
    if isinstance(event, Mapping):
        source.update({f"kibana.alert.original_event.{key}": each for key, each in event.items()})
        source["event"] = {key: each for key, each in event.items() if key != "kind"}
    return source


def _fields(
    rule: Rule, ancestors: list[Document], depth: int, run: int, document: Mapping[str, Any], *, overrides: bool
) -> Document:
    severity, risk, name = overridden(rule, document) if overrides else (rule.severity, rule.risk_score, rule.name)
    when = iso(run)
    fields = {
        **_OF_EQL,
        **{f"kibana.alert.rule.{name}": rule.raw.get(name) for name in _AS_WRITTEN},
        "@timestamp": when,
        "event.kind": "signal",
        "kibana.space_ids": [SPACE],
        "kibana.alert.original_time": document.get("@timestamp"),
        "kibana.alert.ancestors": ancestors,
        "kibana.alert.depth": depth,
        "kibana.alert.status": "active",
        "kibana.alert.workflow_status": "open",
        "kibana.alert.workflow_tags": [],
        "kibana.alert.workflow_assignee_ids": [],
        "kibana.alert.reason": reason(document, severity, name),
        "kibana.alert.severity": severity,
        "kibana.alert.risk_score": risk,
        "kibana.alert.start": when,
        "kibana.alert.last_detected": when,
        "kibana.alert.intended_timestamp": when,
        "kibana.alert.rule.execution.timestamp": when,
        "kibana.alert.rule.execution.type": "scheduled",
        "kibana.alert.rule.name": name,
        "kibana.alert.rule.rule_id": rule.id,
        "kibana.alert.rule.uuid": uuid(rule),
        "kibana.alert.rule.type": rule.type,
        "kibana.alert.rule.version": rule.version,
        "kibana.alert.rule.description": rule.description,
        "kibana.alert.rule.tags": rule.tags,
        "kibana.alert.rule.references": rule.references,
        "kibana.alert.rule.false_positives": rule.false_positives,
        "kibana.alert.rule.threat": [block.model_dump(exclude_none=True) for block in rule.threat],
        "kibana.alert.rule.interval": rule.interval,
        "kibana.alert.rule.from": rule.from_,
        "kibana.alert.rule.to": rule.to,
        "kibana.alert.rule.indices": rule.index,
        "kibana.alert.rule.max_signals": rule.max_signals,
        "kibana.alert.rule.severity": rule.severity,
        "kibana.alert.rule.risk_score": rule.risk_score,
        "kibana.alert.rule.timestamp_override": rule.timestamp_override,
        "kibana.alert.rule.exceptions_list": [each.model_dump() for each in rule.exceptions_list],
        "kibana.alert.rule.note": rule.note or None,
        "kibana.alert.building_block_type": rule.building_block_type,
        "kibana.alert.rule.parameters": {key: each for key, each in rule.raw.items() if key not in _NOT_PARAMETERS},
    }
    return {key: each for key, each in fields.items() if each is not None}


def overridden(rule: Rule, document: Mapping[str, Any]) -> tuple[str, int, str]:
    """Severity, risk score and name of an event's alert after the rule's mappings: the highest severity whose field has the
    value, a risk score of a mapped value or of a field that holds one, and the text of a field as name."""
    severity: str = rule.severity
    matched = [
        mapping.severity
        for mapping in rule.severity_mapping
        if mapping.severity is not None and mapping.value in _texts(document, mapping.field)
    ]
    if matched:
        severity = max(matched, key=lambda level: LEVELS.index(level) if level in LEVELS else -1)
    risk = rule.risk_score
    for mapping in rule.risk_score_mapping:
        texts = _texts(document, mapping.field)
        if mapping.value and mapping.value in texts and mapping.risk_score is not None:
            risk = mapping.risk_score
        elif not mapping.value:
            numbers = [float(text) for text in texts if _is_number(text)]
            risk = next((int(number) for number in numbers if 0 <= number <= 100), risk)
    names = _texts(document, rule.rule_name_override) if rule.rule_name_override else []
    return severity, risk, names[0] if names else rule.name


def _texts(document: Mapping[str, Any], name: str) -> list[str]:
    found = value(document, name)
    return [] if found is None else [str(each) for each in (found if isinstance(found, list) else [found])]


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal()


def reason(document: Mapping[str, Any], severity: str, name: str) -> str:
    """The sentence that Kibana shows for an alert; what the event lacks is left out."""

    def first(field: str) -> str | None:
        texts = _texts(document, field)
        return texts[0] if texts else None

    def place(role: str) -> str | None:
        address, port = first(f"{role}.ip") or first(f"{role}.address"), first(f"{role}.port")
        return f"{address}:{port}" if address and port else address

    category = first("event.category")
    parts = [
        ("process", first("process.name")),
        ("parent process", first("process.parent.name")),
        ("file", first("file.name")),
        ("source", place("source")),
        ("destination", place("destination")),
    ]
    told = ", ".join(f"{label} {each}" for label, each in parts if each)
    whose = "".join(
        f" {word} {each}" for word, each in (("by", first("user.name")), ("on", first("host.name"))) if each
    )
    kind = f"{category} event" if category else "event"
    return f"{kind}{' with ' + told + ',' if told else ''}{whose} created {severity} alert {name}."


def _common(left: Any, right: Any) -> Any:
    """What two documents share: equal values, and the intersection of lists; None where nothing is."""
    found: Document = {}
    for key, mine in left.items() if isinstance(left, Mapping) else ():
        if not isinstance(right, Mapping) or key not in right:
            continue
        other = right[key]
        if isinstance(mine, Mapping) and isinstance(other, Mapping):
            both = _common(mine, other)
            if both is not None:
                found[key] = both
        elif isinstance(mine, list) or isinstance(other, list):
            theirs = other if isinstance(other, list) else [other]
            found[key] = [each for each in (mine if isinstance(mine, list) else [mine]) if each in theirs]
        elif type(mine) is type(other) and mine == other:
            found[key] = mine
    return found or None
