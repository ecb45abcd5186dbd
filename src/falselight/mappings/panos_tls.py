"""PAN-OS logs of decryption: what the firewall saw of a TLS handshake and of the server's certificate."""

from __future__ import annotations

import re
from collections.abc import Callable

from falselight.readers.syslog import Document, append

_VERSION = re.compile(r"(TLS|SSL)v?(\d(?:\.\d)?)")
_CERTIFICATE = "panw.panos.certificate."
# Elastic's pipeline calls the certificate the client's; the firewall tells of the server's.
_PLACES = {
    "panw.panos.subject_common_name.value": "tls.server.x509.subject.common_name",
    "panw.panos.issuer_common_name.value": "tls.server.x509.issuer.common_name",
    f"{_CERTIFICATE}serial_number": "tls.server.x509.serial_number",
    f"{_CERTIFICATE}version": "tls.server.x509.version_number",
}
_HASHES = {32: "md5", 40: "sha1", 64: "sha256"}


def fill(event: Document, iso: Callable[[str | None], str | None]) -> None:
    """The event's own fields, of its columns. ``iso`` writes a time of the log."""
    for name, target in _PLACES.items():
        event[target] = event.get(name)
    written, fingerprint = event.pop("tls", None), event.pop("fingerprint", None)
    version = _VERSION.fullmatch(written or "")
    if version is not None:
        event["tls.version_protocol"] = version[1].lower()
        event["tls.version"] = version[2] if "." in version[2] else f"{version[2]}.0"
    event["panw.panos.tls.version"], event["panw.panos.hash"] = written, fingerprint
    kind = _HASHES.get(len(fingerprint or ""))
    if kind is not None:
        event[f"tls.server.hash.{kind}"] = fingerprint
        append(event, "related.hash", fingerprint)
    size = event.get(f"{_CERTIFICATE}size")
    if size is not None:
        is_number = size.isdecimal() and len(size) < 10
        event[f"{_CERTIFICATE}size"] = event["tls.server.x509.public_key_size"] = int(size) if is_number else None
        event[f"{_CERTIFICATE}raw_size"] = None if is_number else size
    for name in ("not_before", "not_after"):
        time = iso(event.get(_CERTIFICATE + name))
        event[_CERTIFICATE + name] = event[f"tls.server.{name}"] = event[f"tls.server.x509.{name}"] = time
    event["panw.panos.logged_time"] = iso(event.pop("logged_time", None))
    event["event.outcome"] = "failure" if "panw.panos.error_message" in event else "success"
