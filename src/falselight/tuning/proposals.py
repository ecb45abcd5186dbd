"""Exceptions for causes, as narrow as the data allow: process, signer and server together before two of them, and a name alone
last; each with the words of how an adversary could hide in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from falselight.diagnostics import plural
from falselight.rules.exceptions import Item
from falselight.tuning.causes import NAME, Cause

MOST_VALUES = 20
LIST_ID = "falselight-tuning"


@dataclass(frozen=True)
class Proposal:
    """One exception. ``number`` counts from 1; ``parts`` names what it asks for, narrowest first."""

    number: int
    cause: Cause
    item: Item
    parts: tuple[str, ...]
    hiding: str


def propose(causes: list[Cause]) -> list[Proposal]:
    """One proposal for each cause."""
    return [_proposal(number, cause) for number, cause in enumerate(causes, start=1)]


def _proposal(number: int, cause: Cause) -> Proposal:
    entries: list[dict[str, Any]] = []
    parts: list[str] = []
    if cause.executable:
        entries.append(_match("process.executable", cause.executable))
        parts.append("the program's path")
    elif cause.process:
        entries.append(_match("process.name", cause.process))
        parts.append("the program's name")
    if cause.signer:
        entries.append(_match("process.code_signature.subject_name", cause.signer))
        parts.append("its signer")
    if cause.by_name:
        entries.append(_names(cause))
        parts.append("the server's name")
    elif cause.addresses:
        entries.append(_values("destination.ip", sorted(cause.addresses)))
        parts.append("the server's address")
    if len(cause.ports) == 1:
        entries.append(_match("destination.port", str(next(iter(cause.ports)))))
        parts.append("the port")
    item_id = "falselight-" + hashlib.sha256(repr((cause.rule.id, entries)).encode()).hexdigest()[:16]
    raw = {
        "item_id": item_id,
        "list_id": f"{LIST_ID}-{cause.rule.id}",
        "type": "simple",
        "namespace_type": "single",
        "name": _name(cause),
        "description": f"{plural(cause.alerts, 'alert')} on {plural(len(cause.hosts) or 1, 'host')}",
        "entries": entries,
        "os_types": [],
        "tags": ["falselight"],
        "comments": [],
    }
    return Proposal(number, cause, Item.model_validate({**raw, "raw": raw}), tuple(parts), _hiding(cause))


def _name(cause: Cause) -> str:
    program = (cause.executable or cause.process or "any program").rsplit("\\", 1)[-1].rsplit("/", 1)[-1]
    more = "" if cause.by_name or len(cause.addresses) < 2 else f" and {len(cause.addresses) - 1} more addresses"
    return f"{program} to {cause.server}{more}"


def _match(field: str, value: str) -> dict[str, Any]:
    return {"field": field, "operator": "included", "type": "match", "value": value}


def _values(field: str, values: list[str]) -> dict[str, Any]:
    if len(values) == 1:
        return _match(field, values[0])
    return {"field": field, "operator": "included", "type": "match_any", "value": values}


def _names(cause: Cause) -> dict[str, Any]:
    """The names that were seen; with too many, all below the registered domain, at a dot."""
    field = cause.named_in or NAME
    names = sorted(cause.names)
    if len(names) <= MOST_VALUES:
        return _values(field, names)
    return {"field": field, "operator": "included", "type": "wildcard", "value": f"*.{cause.server}"}


def _hiding(cause: Cause) -> str:
    """Who could still hide behind the exception."""
    ways = []
    if cause.executable:
        lies = any(
            part in cause.executable.lower() for part in ("\\users\\", "\\programdata\\", "\\temp\\", "/tmp/", "/home/")
        )
        ways.append("replace that file, which users may write" if lies else "run code inside that program")
    elif cause.process:
        ways.append(f"call any program {cause.process}")
    else:
        ways.append("use any program")
    if cause.by_name:
        ways.append(
            f"use a server named below {cause.server}"
            + ("" if len(cause.names) > MOST_VALUES else ", of the names seen")
        )
    else:
        ways.append("hold that address" if len(cause.addresses) == 1 else "hold one of those addresses")
    return "an adversary would have to " + " and ".join(ways)
