"""The XML of an AD FS audit event, as Elastic's adfs pipeline takes it apart."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import suppress
from xml.etree import ElementTree

from falselight.mappings import xml_values
from falselight.mappings.conversions import Conversion, Document, append

_MOST = 1_000
_BAD_COUNT = "current_bad_password_count"
_OF_EVENT = {
    "audittype": "audit_type", "auditresult": "audit_result", "failuretype": "failure_type", "errorcode": "error_code",
    "userid": "user_id", "ipaddress": "ip_address", "currentbadpasswordcount": _BAD_COUNT,
}  # fmt: skip
_OF_COMPONENT = {
    "userid": "user_id", "relyingparty": "relying_party", "claimsprovider": "claims_provider", "primaryauth": "primary_auth",
    "mfaperformed": "mfa_performed", "mfamethod": "mfa_method", "authprotocol": "auth_protocol",
    "oauthclientid": "oauth_client_id", "oauthgrant": "oauth_grant", "networklocation": "network_location",
    "endpoint": "endpoint", "useragentstring": "user_agent", "ipaddress": "ip_address",
    "currentbadpasswordcount": _BAD_COUNT,
}  # fmt: skip
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


def adfs_audit(value: str, target: str, document: Document) -> None:
    """What was asked of whom by which user and client below the target, and user.*, source.ip and the outcome."""
    root = xml_values.root(value, "<AuditBase")
    if root is None:
        return
    found: dict[str, str] = {}
    _take(root, _OF_EVENT, found)
    for components in root:
        if xml_values.name(components) == "contextcomponents":
            for component in components[:_MOST]:
                if xml_values.name(component) == "component":
                    _take(component, _OF_COMPONENT, found)
    _spread(found, target, document)


def _take(element: ElementTree.Element, names: dict[str, str], found: dict[str, str]) -> None:
    """The texts of these children; what was found before stays."""
    for child in element[:_MOST]:
        name, text = names.get(xml_values.name(child)), (child.text or "").strip()
        if name is not None and text not in ("", "-") and text.upper() != "N/A":
            found.setdefault(name, text)


def _spread(found: dict[str, str], target: str, document: Document) -> None:
    for name, text in found.items():
        if name == _BAD_COUNT:
            if text.isascii() and text.isdecimal() and len(text) < 19:
                document[f"{target}.{name}"] = int(text)
        elif name != "mfa_performed":
            document[f"{target}.{name}"] = text
        elif text.lower() in _TRUTHS:
            document[f"{target}.{name}"] = _TRUTHS[text.lower()]
    result = found.get("audit_result", "").lower()
    if result in ("success", "failure"):
        document.setdefault("event.outcome", result)
    if "user_id" in found:
        _user(found["user_id"], document)
    first = next(_texts(found.get("ip_address", "")), None)
    if first is not None and "source.ip" not in document:
        with suppress(ValueError):
            ipaddress.ip_address(first)
            document["source.ip"] = first


def _user(text: str, document: Document) -> None:
    if text.startswith("S-1-"):
        document["user.id"] = text
        return
    domain, slash, name = text.partition("\\")
    if not (slash and domain and name):
        name, at, domain = text.rpartition("@")
        if not (at and name and domain):
            name, domain = text, ""
    document["user.name"] = name
    if domain:
        document["user.domain"] = domain
    append(name, "related.user", document)
    append(text, "related.user", document)


def _texts(text: str) -> Iterator[str]:
    yield from (part for each in text.split(",") if (part := each.strip()) not in ("", "-"))


CONVERSIONS: dict[str, Conversion] = {"adfs_audit": adfs_audit}
