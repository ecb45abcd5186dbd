"""What tells the records of one JSON log from those of another, without loading what reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from falselight.readers.netflow_signs import collector

Record = Mapping[str, Any]


def _is_azure_flow(record: Record) -> bool:
    return record.get("category") in ("NetworkSecurityGroupFlowEvent", "FlowLogFlowEvent")


def _is_gcp_flow(record: Record) -> bool:
    payload = record.get("jsonPayload")
    held = payload if isinstance(payload, dict) else {}
    return isinstance(held.get("connection"), dict) and "src_ip" in held["connection"]


def _is_gcp_firewall(record: Record) -> bool:
    return _is_gcp_flow(record) and isinstance(record["jsonPayload"].get("rule_details"), dict)


def _is_zscaler(record: Record) -> bool:
    feeds = ("zscalernss-web", "zscalernss-fw", "zscalernss-dns")
    return record.get("sourcetype") in feeds and isinstance(record.get("event"), dict)


def _is_ocsf(record: Record) -> bool:
    named = any(name in record for name in ("category_uid", "type_uid", "activity_id"))
    return isinstance(record.get("class_uid"), int) and named and "time" in record


def _is_passive_dns(record: Record) -> bool:
    inner = record.get("obj", record)
    timed = isinstance(inner, dict) and any(
        f"{zone}time_{end}" in inner for zone in ("", "zone_") for end in ("first", "last")
    )
    return timed and "rrname" in inner and "rrtype" in inner


def is_wazuh(record: Record) -> bool:
    """Whether this is a record of Wazuh's archives, alerts or index."""
    framed = all(isinstance(record.get(name), dict) for name in ("agent", "decoder"))
    return framed and "timestamp" in record and ("full_log" in record or "location" in record)


def _is_gcp_dns(record: Record) -> bool:
    payload = record.get("jsonPayload")
    return isinstance(payload, dict) and "queryName" in payload and "queryType" in payload


def _is_route53(record: Record) -> bool:
    return "query_timestamp" in record and "query_name" in record and "srcaddr" in record


# By the name of the kind; no record bears two signs.
_SIGNS: tuple[tuple[str, Callable[[Record], bool]], ...] = (
    ("azure-flow-logs", _is_azure_flow),
    ("gcp-firewall", _is_gcp_firewall),
    ("gcp-vpcflow", _is_gcp_flow),
    ("gcp-dns", _is_gcp_dns),
    ("route53-resolver", _is_route53),
    ("zscaler-zia", _is_zscaler),
    ("ocsf", _is_ocsf),
    ("passive-dns", _is_passive_dns),
    ("wazuh", is_wazuh),
    ("netflow", lambda record: collector(record) is not None),
)
NAMES = frozenset(name for name, _ in _SIGNS)


def recognise(document: Record) -> str | None:
    """The kind of log that a record is of, or the first of the ``records`` that an object holds; None if it is of none."""
    inner = document.get("records")
    if isinstance(inner, list) and inner and isinstance(inner[0], dict):
        document = inner[0]
    return next((name for name, is_such in _SIGNS if is_such(document)), None)
