"""Cisco Umbrella's logs (CSV) of DNS, proxy, IP layer, cloud firewall, intrusions, data loss and audit as ECS, with the fields of
Elastic's Cisco module, and of the integration that followed it where the module has none."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC
from itertools import zip_longest

from falselight.mappings.csv_cells import cells as csv_cells
from falselight.mappings.network import address, community, domain_parts
from falselight.mappings.tables import TRANSPORTS
from falselight.mappings.urls import url_parts
from falselight.readers.settings import Settings
from falselight.readers.syslog import MOMENT, Document, append, iso, moment

_OWN = "cisco.umbrella."
_ADDRESSES = ("source.address", "source.nat.ip", "destination.address")
_ENDS = ("source.address", "source.port", "destination.address", "destination.port")
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
# Newer logs hold more at their end; some name the computer first.
_LATER_PROXY = (
    _OWN + "identity", *_PROXY[1:-2], _OWN + "policy_identity_type", _OWN + "blocked_categories", _OWN + "identities",
    _OWN + "identity_types", "http.request.method", _OWN + "dlp_status", _OWN + "certificate_errors", "file.name",
    _OWN + "ruleset_id", "rule.id", _OWN + "destination_lists_id", _OWN + "isolate_action", _OWN + "file_action",
    _OWN + "warn_status",
)  # fmt: skip
_NAMED_PROXY = (
    _OWN + "computer_name", *_PROXY, _OWN + "identity_types", _OWN + "request_method", _OWN + "dlp_status",
    _OWN + "certificate_errors", _OWN + "file_name", _OWN + "ruleset_id", _OWN + "rule_id", _OWN + "destination_lists_id",
)  # fmt: skip
_IP = ("source.user.name", *_ENDS, _OWN + "categories")
_FIREWALL = (
    _OWN + "origin_id", "source.user.name", _OWN + "identity_types", "network.direction", "network.transport", "source.bytes",
    *_ENDS, _OWN + "datacenter", "rule.id", "verdict", _OWN + "fqdns", _OWN + "destination_lists_id",
)  # fmt: skip
_INTRUSION = (
    _OWN + "identities", _OWN + "identity_types", _OWN + "gid", _OWN + "sid", _OWN + "message", _OWN + "signature_list_id",
    _OWN + "severity", _OWN + "classification", _OWN + "cves", "network.protocol", "event.id", *_ENDS, "verdict",
)  # fmt: skip
_LOSS = (
    "event.provider", "event.id", _OWN + "severity", "network.name", "file.owner", "file.name", "network.application",
    "url.original", "verdict", "rule.name", _OWN + "data_classification", _OWN + "data_identifier", "file.mime_type",
    "file.size", "file.hash.sha256", _OWN + "file_label",
)  # fmt: skip
_AUDIT = (
    "user.email", "user.name", _OWN + "audit.type", "event.action", "source.address", _OWN + "audit.before",
    _OWN + "audit.after",
)  # fmt: skip
_OF_MODULE = (_DNS, _PROXY, _IP, _FIREWALL)
_WHOLE = (
    "source.port", "destination.port", "source.bytes", "http.response.status_code", "http.request.bytes",
    "http.response.bytes", "http.response.body.bytes", "file.size",
)  # fmt: skip
_VERDICTS = {
    "Allowed": "allowed", "ALLOWED": "allowed", "ALLOW": "allowed", "Would Block": "allowed", "Blocked": "denied",
    "BLOCKED": "denied", "BLOCK": "denied",
}  # fmt: skip
_SEVERITIES = {"LOW": 1, "MEDIUM": 2, "HIGH": 3, "CRITICAL": 4}
_CHANGES = {"create": "creation", "update": "change", "delete": "deletion"}
_MACHINES = ("AD Computers", "Roaming Computers", "Anyconnect Roaming Client", "Mobile Devices")
_NETWORKS = ("Sites", "Internal Networks", "Networks", "Network Devices", "Network Tunnels", "CDFW Tunnel Device")
_PORT = re.compile(r"\d{0,5}")
_PERSON = re.compile(r"(?P<full_name>.+) \((?P<email>(?P<name>[^@()]+)@(?P<domain>[^@()]+))\)")


def parse(line: str, settings: Settings) -> Document | None:
    """The event of one line, None if it is no row of one of the logs."""
    cells = csv_cells(line, strict=True, blanks=False)
    if cells is None:
        return None
    is_audit = len(cells) >= 9 and cells[0].isdecimal() and cells[5] in _CHANGES
    number = cells.pop(0) if is_audit else None
    found = MOMENT.fullmatch(cells[0]) if len(cells) >= 7 else None
    log = None if found is None else (None, _AUDIT) if is_audit else _log(cells)
    if found is None or log is None:
        return None
    kind, columns = log
    row = {name: cell for name, cell in zip_longest(columns, cells[1 : len(columns) + 1], fillvalue="") if cell}
    event: Document = {
        # Umbrella writes UTC, whatever zone the user gives.
        "@timestamp": iso(moment(found, replace(settings, timezone=UTC))),
        # The module, and it alone, writes the line through a template, which escapes it.
        "event.original": json.dumps(line, ensure_ascii=False)[1:-1] if columns in _OF_MODULE else line, "message": line,
        "event.module": "cisco", "event.dataset": "cisco.umbrella", "event.kind": "event",
        "observer.vendor": "Cisco", "observer.product": "Umbrella", "observer.type": kind, "event.category": "network",
        **{name: cell for name, cell in row.items() if "." in name},
    }  # fmt: skip
    _name(event, row)
    _classify(event, row, columns)
    for name in _WHOLE:
        text = row.get(name, "")
        event[name] = int(text) if text.isdecimal() and len(text) < 19 else None
    event["event.id"] = number or event.get("event.id")
    _ends(event)
    _network(event)
    url = event.get("url.original")
    if url:
        event |= {"url.full": url, **{f"url.{name}": part for name, part in url_parts(url).items()}}
    _relate(event)
    return event


def _log(cells: list[str]) -> tuple[str | None, tuple[str, ...]] | None:
    """observer.type and the columns of the log that a row is of, by what only that log has at a place."""
    if len(cells) >= 14 and cells[4] in ("INBOUND", "OUTBOUND") and cells[13] in _VERDICTS:
        return "firewall", _FIREWALL
    if len(cells) >= 12 and cells[6] in ("ALLOWED", "BLOCKED"):
        return "proxy", _LATER_PROXY if len(cells) > len(_PROXY) + 1 else _PROXY
    if len(cells) >= 13 and cells[7] in ("ALLOWED", "BLOCKED") and address(cells[3]):
        return "proxy", _NAMED_PROXY
    if len(cells) >= 17 and cells[3].isdecimal() and cells[4].isdecimal() and address(cells[12]):
        return "idps", _INTRUSION
    if len(cells) >= 16 and cells[3] in _SEVERITIES:
        return "dlp", _LOSS
    if len(cells) < 10:
        is_ip = address(cells[2]) and address(cells[4]) and _PORT.fullmatch(cells[3]) and _PORT.fullmatch(cells[5])
        return ("firewall", _IP) if is_ip else None
    return "dns", _DNS


def _classify(event: Document, row: Document, columns: tuple[str, ...]) -> None:
    """Category, type and action of the event, as each log's."""
    verdict = row.get("action") or row.get("verdict", "")
    append(event, "event.type", _VERDICTS.get(verdict))
    word = verdict.replace(" ", "-")
    if columns is _DNS:
        event["event.action"] = f"dns-request-{word}" if word else None
        append(event, "event.type", "connection")
        _query(event)
    elif columns is _FIREWALL:
        event["event.action"] = f"fw-connection-{word}"
        event[_OWN + "identities"] = _listed(row.get("source.user.name"))
        event[_OWN + "fqdns"] = _listed(row.get(_OWN + "fqdns"))
    elif columns is _LATER_PROXY:
        method = row.get("http.request.method")
        event["event.action"] = f"proxy-request-{method}" if method else None
        event["http.request.mime_type"] = event.pop(_OWN + "content_type", None)
        for name in ("identities", "identity_types"):
            event[_OWN + name] = _listed(row.get(_OWN + name))
    elif columns in (_INTRUSION, _LOSS):
        is_alert = columns is _INTRUSION
        event["event.kind"] = "alert" if is_alert else "event"
        event["event.category"] = ["network", "intrusion_detection" if is_alert else "file"]
        event["event.action"] = f"{'ips' if is_alert else 'dlp'}-{word}" if word else None
        append(event, "event.type", "connection", "info")
        event["event.severity"] = _SEVERITIES.get(row.get(_OWN + "severity", ""), 0)
    elif columns is _AUDIT:
        event["event.category"], event["event.type"] = "configuration", _CHANGES.get(row["event.action"])


def _listed(text: str | None) -> list[str] | None:
    return [part.strip() for part in text.split(",")] if text else None


def _query(event: Document) -> None:
    name = (event.get("destination.domain") or "").removesuffix(".")
    event |= {"dns.type": "query", "dns.question.name": name or None}
    for part, value in zip(("registered_domain", "subdomain", "top_level_domain"), domain_parts(name), strict=True):
        event[f"dns.question.{part}"] = value


def _name(event: Document, row: Document) -> None:
    """The user, host and networks that identities are, by the types that stand beside them."""
    one, several = row.get("source.user.name", ""), row.get("identities")
    if several is not None:  # a name may hold commas; it stands alone in the column before
        led = "," in one and several.startswith(one)
        tail = several[len(one) :].removeprefix(",") if led else several
        event[_OWN + "identities"] = [*([one] if led else []), *(_listed(tail) or [])]
    if one:
        event[_OWN + "identity"] = one
    told = event.get(_OWN + "identities") or one
    names = told if isinstance(told, list) else _listed(told) or []
    kinds = _listed(row.get(_OWN + "identity_types")) or []
    if len(names) != len(kinds) or not kinds:
        event["user.name"] = one or event.get("user.name")
        event["user.id"] = event.get("user.email")
        append(event, "related.user", event["user.name"])
        return
    people = [name for name, kind in zip(names, kinds, strict=True) if kind == "AD Users"]
    machines = [name for name, kind in zip(names, kinds, strict=True) if kind in _MACHINES]
    found = _PERSON.fullmatch(people[0]) if people else None
    if found is not None:
        event |= {"user.id": found["email"], **{f"user.{part}": text for part, text in found.groupdict().items()}}
    elif people:
        event["user.name"] = people[0]
    event["host.name"] = machines[0].lower() if machines else None
    networks = [name for name, kind in zip(names, kinds, strict=True) if kind in _NETWORKS]
    event["network.name"] = event.get("network.name") or networks or None
    append(event, "related.user", one or None, *people)


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


def _relate(event: Document) -> None:
    append(event, "related.ip", event.get("source.ip"), event["source.nat.ip"], event.get("destination.ip"))
    append(event, "related.hosts", event.get("source.domain"), event.get("destination.domain"))
    append(event, "related.hosts", *(event.get(_OWN + "fqdns") or ()))
    append(event, "related.hash", event.get(_OWN + "sha_sha256"), event.get("file.hash.sha256"))
