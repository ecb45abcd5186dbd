"""Cisco Umbrella's DNS log (CSV, version 1 and later) as ECS, with the fields of Elastic's Cisco module."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import UTC
from itertools import zip_longest

from falselight.mappings.network import address
from falselight.readers.settings import Settings
from falselight.readers.syslog import MOMENT, Document, append, iso, moment

_COLUMNS = (
    "time", "user", "identities", "internal", "external", "action", "type", "code", "domain", "categories", "policy",
    "identity_types", "blocked",
)  # fmt: skip


def parse(line: str, settings: Settings) -> Document | None:
    """The event of one line, None if it is no row of the DNS log."""
    try:
        cells = next(csv.reader([line], strict=True), [])
    except csv.Error:
        return None
    found = MOMENT.fullmatch(cells[0]) if len(cells) >= 10 else None
    if found is None:
        return None
    row = {name: cell for name, cell in zip_longest(_COLUMNS, cells[: len(_COLUMNS)], fillvalue="") if cell}
    event: Document = {
        # Umbrella writes UTC, whatever zone the user gives.
        "@timestamp": iso(moment(found, replace(settings, timezone=UTC))),
        "event.original": line, "message": line, "event.module": "cisco", "event.dataset": "cisco.umbrella",
        "observer.vendor": "Cisco", "observer.product": "Umbrella", "observer.type": "dns",
        "source.user.name": row.get("user"), "source.address": row.get("internal"), "source.nat.ip": row.get("external"),
        "dns.question.type": row.get("type"), "dns.response_code": row.get("code"), "dns.type": "query",
        "destination.domain": row.get("domain"), "event.category": "network",
        "event.action": f"dns-request-{row['action']}" if "action" in row else None,
        "cisco.umbrella.categories": row.get("categories"),
        "cisco.umbrella.policy_identity_type": row.get("policy"),
        "cisco.umbrella.identity_types": row.get("identity_types"),
        "cisco.umbrella.blocked_categories": row.get("blocked"),
        "cisco.umbrella.identities": row["identities"].split(",") if "identities" in row else None,
    }  # fmt: skip
    verdict = {"Allowed": "allowed", "Blocked": "denied"}.get(row.get("action", ""))
    append(event, "event.type", verdict, "connection")
    if address(event["source.address"]):
        event["source.ip"] = event["source.address"]
    elif event["source.address"]:
        event["source.domain"] = event["source.address"]
    kinds = row.get("identity_types", "").split(",")
    people = [
        who for who, kind in zip(event["cisco.umbrella.identities"] or [], kinds, strict=False) if kind == "AD Users"
    ]
    append(event, "related.user", event["source.user.name"], *people)
    append(event, "related.ip", event.get("source.ip"), event["source.nat.ip"])
    append(event, "related.hosts", event.get("source.domain"), event["destination.domain"])
    return event
