"""Conversions of addresses and URLs in the data of Windows events."""

from __future__ import annotations

from falselight.mappings.conversions import Conversion, Document, append, integer, ip
from falselight.mappings.urls import url_parts


def url(value: str, target: str, document: Document) -> None:
    """A URL as ``<target>.original`` and its parts."""
    document[target + ".original"] = value
    document.update({f"{target}.{name}": part for name, part in url_parts(value).items()})


def egress(value: str, target: str, document: Document) -> None:
    """The address that a host sent to."""
    _peer(value, target, "egress", document)


def ingress(value: str, target: str, document: Document) -> None:
    """The address that a host received from."""
    _peer(value, target, "ingress", document)


def _peer(value: str, target: str, direction: str, document: Document) -> None:
    ip(value, target + ".ip", document)
    if target + ".ip" in document:
        document["network.direction"] = direction
        append(document[target + ".ip"], "related.ip", document)


def port_of_address(value: str, target: str, document: Document) -> None:
    """The port of whichever side's address is known, the destination's first."""
    side = next((side for side in ("destination", "source") if side + ".ip" in document), None)
    if side is not None:
        integer(value, f"{side}.{target}", document)


CONVERSIONS: dict[str, Conversion] = {made.__name__: made for made in (url, egress, ingress, port_of_address)}
