"""A rule's own filters and exceptions as a predicate beside its query: what they exclude is absent for every stage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from falselight.diagnostics import Diagnostic, EqlError, Severity
from falselight.ecs.schema import Schema
from falselight.plan import filters, nodes
from falselight.plan.merge import merged
from falselight.replay import joining, lists, objects
from falselight.rules.exceptions import Entry, Item
from falselight.rules.model import Rule
from falselight.rules.pack import Pack, Report
from falselight.store import EventTable

NOT_APPLIED, EXPIRED, NESTED, OF_DEFEND = "W0614", "N0616", "W0621", "N0622"
# The list that Elastic Defend applies itself.
ENDPOINT_LIST = "endpoint_list"
_OS_NAMES = {"linux": "linux", "macos": "macos", "windows": "windows"}


# What the exceptions of the same lists leave out, by those lists: rules that share them read and join them once.
Known = dict[tuple[str, ...], nodes.Predicate | None]


def restricted(
    rule: Rule,
    plan: nodes.Plan,
    pack: Pack,
    table: EventTable,
    at: datetime,
    report: Report,
    known: Known | None = None,
) -> nodes.Plan:
    """The plan without the events that the rule's filters and its exceptions at this time leave out. ``known`` is kept by who
    restricts many rules of one pack over one table at one time. Raises ``EqlError`` for a filter that is not supported."""
    parts = [of_filter(each, table) for each in rule.filters]
    items = pack.items_of(rule)
    living = [item for item in items if item.expire_time is None or item.expire_time > at]
    if len(living) < len(items):
        message = (
            f"Rule [{rule.name}]: {len(items) - len(living)} of {len(items)} exceptions have expired and do not hold"
        )
        report(Diagnostic(EXPIRED, Severity.NOTE, message, path=rule.path))
    if any(item.list_id == ENDPOINT_LIST for item in living):
        message = (
            f"Rule [{rule.name}]: Kibana applies [{ENDPOINT_LIST}] to rules up to 9.3, as it is done here; from 9.4 on Elastic "
            "Defend alone does, and the rule finds what the list excepts"
        )
        report(Diagnostic(OF_DEFEND, Severity.NOTE, message, path=rule.path))
    known = {} if known is None else known
    key = tuple(f"{each.namespace_type} {each.list_id}" for each in rule.exceptions_list)
    if key not in known:
        known[key] = _excepted(living, pack, table, report)
    excepted = known[key]
    if excepted is not None:
        parts.append(excepted)
    return filters.restrict(plan, nodes.And(tuple(parts))) if parts else plan


def _excepted(items: Sequence[Item], pack: Pack, table: EventTable, report: Report) -> nodes.Predicate | None:
    """What is left by these exceptions; None where none holds."""
    made = [predicate for item in items if (predicate := of_item(item, pack, table, report)) is not None]
    alternatives = joining.joined(map(merged, made), table)
    return merged(nodes.Not(nodes.Or(tuple(alternatives)))) if alternatives else None


def fields(rules: Iterable[Rule], pack: Pack, schema: Schema) -> set[str]:
    """Every field that the filters and exceptions of the rules read; a list that many of them name is looked at once. Of nested
    queries it is the field whose objects are read."""
    found: set[str] = set()
    seen: set[tuple[str, str]] = set()
    for rule in rules:
        new = [each for each in rule.exceptions_list if (each.namespace_type, each.list_id) not in seen]
        seen |= {(each.namespace_type, each.list_id) for each in new}
        for item in pack.items_of(rule.model_copy(update={"exceptions_list": new})) if new else []:
            found.update(_with_parents(_names(item.entries, schema)))
            if item.os_types:
                found |= {"host.os.type", "host.os.name"}
        for written in rule.filters:
            found.update(_with_parents(_filter_fields(written, schema)))
    return found


def without(plan: nodes.Plan, left_out: nodes.Predicate) -> nodes.Plan:
    """The plan over the events that do not satisfy a predicate."""
    return filters.restrict(plan, nodes.Not(left_out))


def of_filter(written: dict[str, Any], table: EventTable) -> nodes.Predicate:
    """One of Kibana's filters: a query under ``query``, turned by ``meta.negate``, without effect if ``meta.disabled``."""
    meta = written.get("meta") or {}
    if meta.get("disabled"):
        return nodes.ALWAYS
    query = written.get("query") or {key: value for key, value in written.items() if key not in ("meta", "$state")}
    predicate = objects.parsed(query, table)
    return nodes.Not(predicate) if meta.get("negate") else predicate


def of_item(item: Item, pack: Pack, table: EventTable, report: Report) -> nodes.Predicate | None:
    """The events that one exception leaves out; None where it cannot hold, which is told."""
    parts: list[nodes.Predicate] = []
    for entry in item.entries:
        made = _entry(entry, pack, table, report)
        if made is None:
            message = f"Exception [{item.name or item.item_id}] does not hold"
            report(Diagnostic(NOT_APPLIED, Severity.WARNING, message))
            return None
        parts.append(made)
    if item.os_types:
        parts.append(nodes.Or(tuple(_system(name, table) for name in item.os_types)))
    return nodes.And(tuple(parts))


def _system(name: str, table: EventTable) -> nodes.Predicate:
    return nodes.Or(
        (
            filters.parse({"term": {"host.os.type": name}}, table.schema),
            filters.parse(
                {"term": {"host.os.name": {"value": _OS_NAMES[name], "case_insensitive": True}}}, table.schema
            ),
        )
    )


def _entry(entry: Entry, pack: Pack, table: EventTable, report: Report) -> nodes.Predicate | None:
    made: nodes.Predicate | None
    if entry.value_list is not None:
        made = lists.holds(entry.field, entry.value_list.id, entry.value_list.type, pack, table, report)
    elif entry.type == "nested" and objects.source(entry.field, table.schema) is None:
        help = "name the fields below it in entries of their own"
        report(Diagnostic(NESTED, Severity.WARNING, objects.not_nested(entry.field, table.schema), help=help))
        return None
    else:
        made = objects.parsed(_query(entry), table)
    return nodes.Not(made) if made is not None and entry.operator == "excluded" else made


def _query(entry: Entry, above: str = "") -> dict[str, Any]:
    """An entry as Kibana asks it of Elasticsearch (lists, build_exception_filter)."""
    name = above + entry.field
    match entry.type:
        case "exists":
            return {"exists": {"field": name}}
        case "wildcard":
            return {"wildcard": {name: {"value": entry.value}}}
        case "match_any":
            return {"bool": {"should": [{"match_phrase": {name: value}} for value in entry.value or ()]}}
        case "nested":
            inner = [_turned(_query(each, f"{name}."), each.operator) for each in entry.entries]
            return {"nested": {"path": name, "query": {"bool": {"filter": inner}}}}
        case _:
            return {"match_phrase": {name: entry.value}}


def _turned(query: dict[str, Any], operator: str) -> dict[str, Any]:
    return {"bool": {"must_not": query}} if operator == "excluded" else query


def _with_parents(names: Iterable[str]) -> Iterable[str]:
    """The names, and for a multi-field the field that has its values."""
    for name in names:
        yield name
        above, _, last = name.rpartition(".")
        if last in filters.MULTI_FIELDS:
            yield above


def _names(entries: Sequence[Entry], schema: Schema) -> Iterable[str]:
    for entry in entries:
        name = objects.source(entry.field, schema) if entry.type == "nested" else entry.field
        if name is not None:
            yield name


def _filter_fields(query: Any, schema: Schema) -> Iterable[str]:
    """Keys below the queries of a filter that name fields: those with a dot, and of ``exists``; of ``nested`` the one whose
    objects are read."""
    if isinstance(query, dict):
        for key, value in query.items():
            if key == "nested" and isinstance(value, dict):
                name = objects.source(str(value.get("path")), schema)
                yield from () if name is None else (name,)
            elif key == "field" and isinstance(value, str):
                yield value
            elif key not in ("meta", "$state"):
                if "." in key or key == "message":
                    yield key
                yield from _filter_fields(value, schema)
    elif isinstance(query, list):
        for each in query:
            yield from _filter_fields(each, schema)


__all__ = ["EqlError", "fields", "of_filter", "of_item", "restricted", "without"]
