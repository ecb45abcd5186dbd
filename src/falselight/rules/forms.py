"""What Kibana's form of a rule and detection-rules' TOML say differently, each in the words of the other."""

from __future__ import annotations

import json
import re
from typing import Any

from falselight.rules.model import Rule

Table = dict[str, Any]
TABLES = frozenset({"metadata", "transform"})
# The keys of [rule] that detection-rules 2.1 loads; it refuses a file with another one. ``version`` is kept elsewhere there.
KNOWN = frozenset(
    {
        "actions", "alert_suppression", "anomaly_threshold", "author", "building_block_type", "concurrent_searches",
        "data_view_id", "description", "enabled", "event_category_override", "exceptions_list", "false_positives", "filters",
        "from", "index",
        "interval", "investigation_fields", "items_per_search", "language", "license", "machine_learning_job_id", "max_signals",
        "meta", "name", "new_terms", "note", "query", "references", "related_integrations", "required_fields",
        "response_actions", "risk_score", "risk_score_mapping", "rule_id", "rule_name_override", "setup", "severity",
        "severity_mapping", "tags", "threat", "threat_filters", "threat_index", "threat_indicator_path", "threat_language",
        "threat_mapping", "threat_query", "threshold", "throttle", "tiebreaker_field", "timeline_id", "timeline_title",
        "timestamp_field", "timestamp_override", "to", "type",
    }
)  # fmt: skip
_FIELDS, _START = "new_terms_fields", "history_window_start"
_PLUGIN = re.compile(r"\$(?:\{(\w+)_(\d+)\}|(\w+?)_(\d+))")
# Building blocks are expected to run each hour over two; others say that they mean it.
_HOUR, _TWO_HOURS = 3_600_000_000_000, 119 * 60_000_000_000


def as_kibana(rule: Rule) -> tuple[Table, set[str]]:
    """Keys as Kibana has them, and those that they stand for. A rule of Elastic's repository has a version there; Kibana refuses
    it without."""
    made: Table = {}
    instead: set[str] = set()
    terms = rule.raw.get("new_terms")
    if isinstance(terms, dict) and _FIELDS not in rule.raw:
        starts = [each.get("value") for each in terms.get(_START, []) if isinstance(each, dict)]
        made |= {_FIELDS: terms.get("value"), **({_START: starts[0]} if starts else {})}
        instead.add("new_terms")
    note = _rendered(rule)
    if note is not None:
        made["note"] = note
    if "metadata" in rule.beside and "version" not in rule.raw:
        made["version"] = rule.version
    return made, instead


def as_detection_rules(rule: Rule) -> tuple[Table, set[str]]:
    """Keys as detection-rules has them, and those that they stand for, or that it has no place for."""
    made: Table = {}
    instead = rule.raw.keys() - KNOWN
    if {_FIELDS, _START} <= rule.raw.keys():
        start = {"field": _START, "value": rule.raw[_START]}
        made["new_terms"] = {"field": _FIELDS, "value": rule.raw[_FIELDS], _START: [start]}
    return made, set(instead)


def bypasses_timing(rule: Rule) -> bool:
    """Whether a building block runs more often, or looks back less far, than detection-rules expects of one."""
    every, look_back = rule.every, rule.look_back
    return rule.is_building_block and ((every or 0) < _HOUR or (look_back or 0) < _TWO_HOURS)


def _rendered(rule: Rule) -> str | None:
    """The note with the queries of ``[transform]`` where it names them, as Kibana's guides have them; None where it has none."""
    transform = rule.beside.get("transform")
    if not isinstance(transform, dict) or not rule.note:
        return None

    def plugin(found: re.Match[str]) -> str:
        name, number = found.group(1) or found.group(3), int(found.group(2) or found.group(4))
        entries = transform.get(name)
        if not isinstance(entries, list) or number >= len(entries):
            return found.group()
        return f"!{{{name}{json.dumps(entries[number], sort_keys=True, separators=(',', ':'), default=str)}}}"

    note = _PLUGIN.sub(plugin, rule.note)
    return None if note == rule.note else note


def without_null(value: Any) -> tuple[Any, list[str]]:
    """A table without nulls, which TOML does not have, and where they stood as JSON pointers (RFC 6901), in the table's order."""
    places: list[str] = []
    return _without(value, "", places), places


def _without(value: Any, place: str, places: list[str]) -> Any:
    if isinstance(value, dict):
        kept = {key: _without(each, f"{place}/{_escaped(str(key))}", places) for key, each in value.items()}
        return {key: each for key, each in kept.items() if each is not None}
    if isinstance(value, list):
        parts = [_without(each, f"{place}/{at}", places) for at, each in enumerate(value)]
        return [each for each in parts if each is not None]
    if value is None:
        places.append(place)
    return value


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def with_null(table: Table, places: Any) -> Table:
    """The table with nulls back in these places; what is no place of the table is left out."""
    for place in places if isinstance(places, list) else []:
        if isinstance(place, str) and place.startswith("/"):
            _put_null(table, [part.replace("~1", "/").replace("~0", "~") for part in place[1:].split("/")])
    return table


def _put_null(value: Any, place: list[str]) -> None:
    *above, last = place
    for key in above:
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and (at := _index(key)) is not None and at < len(value):
            value = value[at]
        else:
            return
    if isinstance(value, dict):
        value.setdefault(last, None)
    elif isinstance(value, list) and (at := _index(last)) is not None and at <= len(value):
        value.insert(at, None)


def _index(key: str) -> int | None:
    return int(key) if key.isascii() and key.isdecimal() and len(key) < 10 else None
