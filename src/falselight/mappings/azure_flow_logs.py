"""Azure's flow logs as JSON (network security groups, virtual networks) as ECS, by ``azure_flow_logs.toml``: an event a tuple."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from falselight.mappings.tables import Table, flat, load, once
from falselight.readers.settings import Settings
from falselight.readers.syslog import Document

_FILE = "azure_flow_logs.toml"
# How many columns a tuple has: of version 1, of the others.
_RESOURCE = re.compile(
    r"(?i)/subscriptions/(?P<subscription>[^/]{1,64})/resourcegroups/(?P<group>[^/]{1,128})"
    r"/providers/(?P<provider>[^/]{1,128}/[^/]{1,128})/(?P<name>.{1,512})"
)
_LENGTHS = (8, 13)
_ACTIONS = {"Begin": "flow-began", "Continue": "flow-continued", "Continuing": "flow-continued", "End": "flow-ended"}


def make(record: Mapping[str, Any], text: str, settings: Settings) -> Iterator[Document | None]:
    """The events of one record, None for what is no record and for each tuple that is none."""
    vnet, nsg = record.get("flowRecords"), record.get("properties")
    if isinstance(vnet, dict):
        table, whole = load(_FILE, "vnet"), flat({**record, "flowRecords": None})
        tuples = _tuples(vnet.get("flows"), ("aclID",), "flowGroups", ("rule",))
    elif isinstance(nsg, dict):
        table, whole = load(_FILE, "nsg"), flat({**record, "properties": {**nsg, "flows": None}})
        tuples = _tuples(nsg.get("flows"), ("rule",), "flows", ("mac",))
    else:
        yield None
        return
    for around, found in tuples:
        yield _event(table, {**whole, **around}, found)


def _tuples(
    outer: Any, names: tuple[str, ...], within: str, inner: tuple[str, ...]
) -> Iterator[tuple[dict[str, Any], Any]]:
    """Each tuple with what is told of the groups that it stands in; None for a group that is none."""
    for group in _objects(outer):
        for flows in _objects(group.get(within)):
            around = {name: group.get(name) for name in names} | {name: flows.get(name) for name in inner}
            tuples = flows.get("flowTuples")
            for each in tuples if isinstance(tuples, list) else [None]:
                yield around, each


def _objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; for anything else an empty one, in which no tuple is."""
    return [each if isinstance(each, dict) else {} for each in value] if isinstance(value, list) else [{}]


def _event(table: Table, whole: dict[str, Any], found: Any) -> Document | None:
    cells = found.split(",") if isinstance(found, str) else []
    if len(cells) not in _LENGTHS:
        return None
    words = table.entry["words"]
    columns = zip(table.entry["columns"], cells, strict=False)
    flow = {name: words.get(name, {}).get(cell, cell) for name, cell in columns if cell}
    event = table.event({**whole, **flow})
    if event.get("@timestamp") is None:
        return None
    state = flow.get("flowState")
    event["event.original"] = found
    event["event.action"] = _ACTIONS.get(state or "")
    begins = state not in ("Continue", "Continuing", "End")
    verdict = "denied" if "Denied" in flow.values() or state == "Deny" else "allowed"
    event["event.type"] = once([
        "info", "connection" if begins else None, "start" if state == "Begin" else None, "end" if state == "End" else None,
        verdict,
    ])  # fmt: skip
    _resource(event, str(whole.get("resourceId") or whole.get("flowLogResourceID") or ""))
    event["related.ip"] = once(event.get(f"{side}.ip") for side in ("destination", "source"))
    return event


def _resource(event: Document, path: str) -> None:
    """What the path of an Azure resource tells of it."""
    found = _RESOURCE.fullmatch(path)
    if found is not None:
        event["azure.resource.id"] = path
        event["azure.subscription_id"], event["azure.resource.group"] = found["subscription"], found["group"]
        event["azure.resource.provider"], event["azure.resource.name"] = found["provider"], found["name"]
