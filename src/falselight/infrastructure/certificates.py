"""Certificates by themselves: crt.sh's JSON, and PEM."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from hashlib import md5, sha1, sha256
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.utils import CryptographyDeprecationWarning

from falselight.infrastructure.records import (
    Certificate,
    Skipped,
    Unknown,
    distinguished,
    moment,
    name,
    names,
    nanoseconds,
    serial,
    text,
)

_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


def is_crt_sh(value: Mapping[str, Any]) -> bool:
    return "issuer_name" in value and "name_value" in value


def of_crt_sh(value: Mapping[str, Any]) -> Certificate | Unknown:
    """One row. Its hash is not in it; issuer and serial number together name the certificate."""
    listed = text(value.get("name_value"))
    issuer, number = distinguished(value.get("issuer_name")), serial(value.get("serial_number"))
    if issuer is None or number is None:
        return Unknown("a row of crt.sh without issuer or serial number")
    return Certificate(
        (), number, None, issuer, None, names((listed or "").splitlines(), value.get("common_name")), False,
        moment(value.get("not_before")), moment(value.get("not_after")),
    )  # fmt: skip


def is_pem(data: bytes) -> bool:
    return _BEGIN in data


def of_pem(data: bytes, skipped: Skipped) -> Iterator[Certificate]:
    """All certificates in a text, in order; damaged ones are counted by their number from 1."""
    for number, part in enumerate(data.split(_BEGIN)[1:], 1):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", CryptographyDeprecationWarning)
                yield _certificate(x509.load_pem_x509_certificate(_BEGIN + part.partition(_END)[0] + _END + b"\n"))
        except (ValueError, TypeError):
            skipped.add("a certificate that cannot be read", number)


def _certificate(found: x509.Certificate) -> Certificate:
    raw = found.public_bytes(Encoding.DER)
    hashes = (
        sha256(raw).hexdigest(),
        sha1(raw, usedforsecurity=False).hexdigest(),
        md5(raw, usedforsecurity=False).hexdigest(),
    )
    key = found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    try:
        extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        alternatives = extension.value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        alternatives = []
    common = [one.value for one in found.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    return Certificate(
        hashes, f"{found.serial_number:X}", distinguished(found.subject.rfc4514_string()),
        distinguished(found.issuer.rfc4514_string()), sha256(key).hexdigest(),
        names(alternatives, [one for one in common if isinstance(one, str) and name(one)]), found.subject == found.issuer,
        nanoseconds(found.not_valid_before_utc), nanoseconds(found.not_valid_after_utc),
    )  # fmt: skip
