"""Cisco Umbrella's logs of DNS, proxy, IP layer and cloud firewall (CSV) as ECS, with the fields of Elastic's Cisco module."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from datetime import UTC
from itertools import zip_longest

from falselight.mappings.network import address, community, url_parts
from falselight.mappings.tables import TRANSPORTS
from falselight.readers.settings import Settings
from falselight.readers.syslog import MOMENT, Document, append, iso, moment

_OWN = "cisco.umbrella."
_ADDRESSES = ("source.address", "source.nat.ip", "destination.address")
# The columns of each log behind the time; a name without a dot is not kept as it is.
_DNS = (
    "source.user.name", "identities", "source.address", "source.nat.ip", "action", "dns.question.type", "dns.response_code",
    "destination.domain", _OWN + "categories", _OWN + "policy_identity_type", _OWN + "identity_types",
    _OWN + "blocked_categories",
)  # fmt: skip
_PROXY = (
    _OWN + "identities", *_ADDRESSES, _OWN + "content_type", "verdict", "url.original", "http.request.referrer",
    "user_agent.original", "http.response.status_code", "http.request.bytes", "http.response.bytes",
    "http.response.body.bytes", _OWN + "sha_sha256", _OWN + "categories", _OWN + "av_detections", _OWN + "puas",
    _OWN + "amp_disposition", _OWN + "amp_malware_name", _OWN + "amp_score", _OWN + "identity_types",
    _OWN + "blocked_categories",
)  # fmt: skip
# Newer logs name the computer first, and hold more at their end.
_NEWER_PROXY = (
    _OWN + "computer_name", *_PROXY, _OWN + "identity_types", _OWN + "request_method", _OWN + "dlp_status",
    _OWN + "certificate_errors", _OWN + "file_name", _OWN + "ruleset_id", _OWN + "rule_id", _OWN + "destination_lists_id",
)  # fmt: skip
_IP = (
    "source.user.name", "source.address", "source.port", "destination.address", "destination.port", _OWN + "categories",
)  # fmt: skip
_FIREWALL = (
    _OWN + "origin_id", "source.user.name", _OWN + "identity_types", "network.direction", "network.transport", "source.bytes",
    "source.address", "source.port", "destination.address", "destination.port", _OWN + "datacenter", "rule.id", "verdict",
)  # fmt: skip
_WHOLE = (
    "source.port", "destination.port", "source.bytes", "http.response.status_code", "http.request.bytes",
    "http.response.bytes", "http.response.body.bytes",
)  # fmt: skip
_VERDICTS = {
    "Allowed": "allowed", "ALLOWED": "allowed", "ALLOW": "allowed", "Blocked": "denied", "BLOCKED": "denied", "BLOCK": "denied",
}  # fmt: skip
_PORT = re.compile(r"\d{0,5}")


def parse(line: str, settings: Settings) -> Document | None:
    """The event of one line, None if it is no row of one of the logs."""
    try:
        cells = next(csv.reader([line], strict=True), [])
    except csv.Error:
        return None
    found = MOMENT.fullmatch(cells[0]) if len(cells) >= 7 else None
    log = _log(cells) if found is not None else None
    if found is None or log is None:
        return None
    kind, columns = log
    row = {name: cell for name, cell in zip_longest(columns, cells[1 : len(columns) + 1], fillvalue="") if cell}
    event: Document = {
        # Umbrella writes UTC, whatever zone the user gives.
        "@timestamp": iso(moment(found, replace(settings, timezone=UTC))),
        "event.original": line, "message": line, "event.module": "cisco", "event.dataset": "cisco.umbrella",
        "observer.vendor": "Cisco", "observer.product": "Umbrella", "observer.type": kind, "event.category": "network",
        **{name: cell for name, cell in row.items() if "." in name},
    }  # fmt: skip
    if columns is _DNS:
        _query(event, row)
    append(event, "event.type", _VERDICTS.get(row.get("action") or row.get("verdict", "")))
    if columns is _DNS:
        append(event, "event.type", "connection")
    for name in _WHOLE:
        text = row.get(name, "")
        event[name] = int(text) if text.isdecimal() and len(text) < 19 else None
    event["user.name"] = event.get("source.user.name")
    _ends(event)
    _network(event)
    url = event.get("url.original")
    if url:
        event |= {"url.full": url, **{f"url.{name}": part for name, part in url_parts(url).items()}}
    _relate(event, row)
    return event


def _log(cells: list[str]) -> tuple[str, tuple[str, ...]] | None:
    """observer.type and the columns of the log that a row is of, by what only that log has at a place."""
    if len(cells) >= 14 and cells[4] in ("INBOUND", "OUTBOUND") and cells[13] in _VERDICTS:
        return "firewall", _FIREWALL
    if len(cells) >= 12 and cells[6] in ("ALLOWED", "BLOCKED"):
        return "proxy", _PROXY
    if len(cells) >= 13 and cells[7] in ("ALLOWED", "BLOCKED") and address(cells[3]):
        return "proxy", _NEWER_PROXY
    if len(cells) < 10:
        is_ip = address(cells[2]) and address(cells[4]) and _PORT.fullmatch(cells[3]) and _PORT.fullmatch(cells[5])
        return ("firewall", _IP) if is_ip else None
    return "dns", _DNS


def _query(event: Document, row: Document) -> None:
    event |= {
        "dns.type": "query", "dns.question.name": event.get("destination.domain"),
        "event.action": f"dns-request-{row['action']}" if "action" in row else None,
        "cisco.umbrella.identities": row["identities"].split(",") if "identities" in row else None,
    }  # fmt: skip


def _ends(event: Document) -> None:
    """Addresses as ip or domain; what stands in the place of a translated address and is none is no value."""
    for side in ("source", "destination"):
        text = event.get(f"{side}.address")
        if text:
            event[f"{side}.ip" if address(text) else f"{side}.domain"] = text
    nat = event.get("source.nat.ip")
    event["source.nat.ip"] = nat if nat and address(nat) else None


def _network(event: Document) -> None:
    direction, number = event.get("network.direction"), event.get("network.transport")
    if direction is None:
        return
    event["network.direction"] = direction.lower()
    event["network.iana_number"] = number
    event["network.transport"] = TRANSPORTS.get(number or "", number)
    ports = [None if event[name] is None else str(event[name]) for name in ("source.port", "destination.port")]
    event["network.community_id"] = community(
        event.get("source.ip"), event.get("destination.ip"), ports[0], ports[1], event["network.transport"], "0", "0"
    )


def _relate(event: Document, row: Document) -> None:
    kinds = row.get("cisco.umbrella.identity_types", "").split(",")
    names = row.get("identities", "").split(",")
    people = [who for who, kind in zip(names, kinds, strict=False) if kind == "AD Users"]
    append(event, "related.user", event.get("source.user.name"), *people)
    append(event, "related.ip", event.get("source.ip"), event["source.nat.ip"], event.get("destination.ip"))
    append(event, "related.hosts", event.get("source.domain"), event.get("destination.domain"))
    append(event, "related.hash", event.get("cisco.umbrella.sha_sha256"))
