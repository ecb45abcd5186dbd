"""What AppLocker tells of files: their path, and the publisher's name of a binary."""

from __future__ import annotations

import re

from falselight.mappings.conversions import Conversion, Document

_PARTS = {
    "CN": "common_name", "O": "organization", "OU": "organizational_unit", "L": "locality", "S": "state_or_province",
    "C": "country",
}  # fmt: skip
_NEXT = re.compile(r", *(?=(?:CN|OU|O|L|S|C)=)")


def file_name(value: str, target: str, document: Document) -> None:
    """What stands behind a path's last backslash."""
    document[target] = value.rpartition("\\")[2]


def binary_name(value: str, target: str, document: Document) -> None:
    """``O=…, L=…, S=…, C=…\\PRODUCT\\FILE\\VERSION`` as the signer's x509.subject and what the file says of itself, below pe."""
    subject, *rest = value.rsplit("\\", 3)
    if len(rest) != 3:
        return
    for part in _NEXT.split(subject):
        key, equals, text = part.partition("=")
        if equals and key in _PARTS and text:
            document[f"{target}.x509.subject.{_PARTS[key]}"] = text
    for name, text in zip(("product", "original_file_name", "file_version"), rest, strict=True):
        if text:
            document[f"{target}.pe.{name}"] = text


CONVERSIONS: dict[str, Conversion] = {made.__name__: made for made in (file_name, binary_name)}
