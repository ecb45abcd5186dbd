"""A certificate's DER in, Zeek's x509.log row out; ``cryptography`` reads it, what it refuses is told by its digest alone."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import NameOID

MAX_NAMES = 500
# As OpenSSL, and so Zeek, writes the parts of names.
_PARTS = {
    NameOID.EMAIL_ADDRESS: "emailAddress", NameOID.SERIAL_NUMBER: "serialNumber", NameOID.GIVEN_NAME: "GN",
    NameOID.SURNAME: "SN", NameOID.TITLE: "title", NameOID.STREET_ADDRESS: "street", NameOID.POSTAL_CODE: "postalCode",
    NameOID.BUSINESS_CATEGORY: "businessCategory", NameOID.JURISDICTION_COUNTRY_NAME: "jurisdictionC",
    NameOID.JURISDICTION_STATE_OR_PROVINCE_NAME: "jurisdictionST", NameOID.JURISDICTION_LOCALITY_NAME: "jurisdictionL",
    NameOID.ORGANIZATION_IDENTIFIER: "organizationIdentifier", NameOID.UNSTRUCTURED_NAME: "unstructuredName",
}  # fmt: skip
_SIGNATURES = {
    "1.2.840.113549.1.1.2": "md2WithRSAEncryption", "1.2.840.113549.1.1.4": "md5WithRSAEncryption",
    "1.2.840.113549.1.1.5": "sha1WithRSAEncryption", "1.2.840.113549.1.1.10": "rsassaPss",
    "1.2.840.113549.1.1.11": "sha256WithRSAEncryption", "1.2.840.113549.1.1.12": "sha384WithRSAEncryption",
    "1.2.840.113549.1.1.13": "sha512WithRSAEncryption", "1.2.840.113549.1.1.14": "sha224WithRSAEncryption",
    "1.2.840.10040.4.3": "dsaWithSHA1", "2.16.840.1.101.3.4.3.2": "dsa_with_SHA256", "1.2.840.10045.4.1": "ecdsa-with-SHA1",
    "1.2.840.10045.4.3.1": "ecdsa-with-SHA224", "1.2.840.10045.4.3.2": "ecdsa-with-SHA256",
    "1.2.840.10045.4.3.3": "ecdsa-with-SHA384", "1.2.840.10045.4.3.4": "ecdsa-with-SHA512",
    "1.3.101.112": "ED25519", "1.3.101.113": "ED448",
}  # fmt: skip
# OpenSSL's names of keys and of curves.
_CURVES = {"secp256r1": "prime256v1", "secp192r1": "prime192v1"}
_REFUSED = (
    ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)  # fmt: skip


@dataclass(frozen=True)
class Certificate:
    """Digests, and what could be read, in Zeek's columns. Times are epoch milliseconds."""

    sha1: str
    sha256: str
    columns: dict[str, Any] = field(default_factory=dict)


@lru_cache(maxsize=512)
def read(data: bytes) -> Certificate:
    """The certificate in these bytes; parts that cannot be read are left out."""
    sha1 = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    columns: dict[str, Any] = {"fingerprint": hashlib.sha256(data).hexdigest()}
    with warnings.catch_warnings():
        # What is wrong with a certificate of the wild is no fault of its reader.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        try:
            found = x509.load_der_x509_certificate(data)
        except _REFUSED:
            return Certificate(sha1, columns["fingerprint"], columns)
        for part in (_identity, _validity, _signature, _key, _constraints, _alternatives):
            try:
                columns.update(part(found))
            except _REFUSED:
                continue
    return Certificate(sha1, columns["fingerprint"], columns)


def _identity(found: x509.Certificate) -> dict[str, Any]:
    serial = f"{found.serial_number:X}"
    return {
        "certificate.version": found.version.value + 1,
        "certificate.serial": serial if len(serial) % 2 == 0 else "0" + serial,
        "certificate.subject": found.subject.rfc4514_string(_PARTS),
        "certificate.issuer": found.issuer.rfc4514_string(_PARTS),
    }


def _validity(found: x509.Certificate) -> dict[str, Any]:
    return {
        "certificate.not_valid_before": _milliseconds(found.not_valid_before_utc),
        "certificate.not_valid_after": _milliseconds(found.not_valid_after_utc),
    }


def _milliseconds(time: datetime) -> int:
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _signature(found: x509.Certificate) -> dict[str, Any]:
    dotted = found.signature_algorithm_oid.dotted_string
    return {"certificate.sig_alg": _SIGNATURES.get(dotted, dotted)}


def _key(found: x509.Certificate) -> dict[str, Any]:
    key = found.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        kind, algorithm, length = "rsa", "rsaEncryption", key.key_size
        return {**_named(kind, algorithm, length), "certificate.exponent": str(key.public_numbers().e)}
    if isinstance(key, ec.EllipticCurvePublicKey):
        curve = _CURVES.get(key.curve.name, key.curve.name)
        return {**_named("ecdsa", "id-ecPublicKey", key.key_size), "certificate.curve": curve}
    if isinstance(key, dsa.DSAPublicKey):
        return _named("dsa", "dsaEncryption", key.key_size)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return _named("unknown", "ED25519", 256)
    if isinstance(key, ed448.Ed448PublicKey):
        return _named("unknown", "ED448", 456)
    return {}


def _named(kind: str, algorithm: str, length: int) -> dict[str, Any]:
    return {"certificate.key_type": kind, "certificate.key_alg": algorithm, "certificate.key_length": length}


def _constraints(found: x509.Certificate) -> dict[str, Any]:
    try:
        basic = found.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return {}
    return {"basic_constraints.ca": basic.ca, "basic_constraints.path_len": basic.path_length}


def _alternatives(found: x509.Certificate) -> dict[str, Any]:
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return {}
    kinds = (("san.dns", x509.DNSName), ("san.uri", x509.UniformResourceIdentifier), ("san.email", x509.RFC822Name))
    columns = {
        column: [str(name) for name in names.get_values_for_type(kind)][:MAX_NAMES] for column, kind in kinds
    } | {"san.ip": [str(address) for address in names.get_values_for_type(x509.IPAddress)][:MAX_NAMES]}
    return {column: values for column, values in columns.items() if values}
