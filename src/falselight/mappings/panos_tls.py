"""PAN-OS logs of decryption: what the firewall saw of a TLS handshake and of the server's certificate."""

from __future__ import annotations

import re

from falselight.readers.syslog import Document, append

# The columns behind the action (PAN-OS 10 administrator's guide, decryption log fields).
COLUMNS = (
    "tunnel_type", "", "", "source_vm_uuid", "destination_vm_uuid", "rule_uuid", "hs_stage_c2f", "hs_stage_f2s", "tls",
    "tls.key_exchange_algorithm", "cipher", "tls.auth", "policy.name", "curve", "tls.error_type", "root_certificate_status",
    "chain_status", "proxy_type", "serial_number", "fingerprint", "not_before", "not_after", "version", "size", "", "", "", "",
    "certificate.flags", "subject", "issuer", "root_common_name.value", "server_name", "error_message", "container.id",
    "pod.namespace", "pod.name", *[""] * 4, "high_resolution_timestamp", *[""] * 16, "seqno", "action_flags",
    *(f"device_group_hierarchy{level}" for level in range(1, 5)), "vsys_name", "device_name", "vsys_id",
    "application.sub_category", "application.category", "application.technology", "application.risk_level",
)  # fmt: skip
_AS_THEY_ARE = (
    "tunnel_type", "hs_stage_c2f", "hs_stage_f2s", "tls.key_exchange_algorithm", "tls.auth", "policy.name", "tls.error_type",
    "root_certificate_status", "chain_status", "proxy_type", "certificate.flags", "root_common_name.value", "error_message",
    "container.id", "pod.namespace", "pod.name", "vsys_id", "application.sub_category", "application.category",
    "application.technology", "application.risk_level",
)  # fmt: skip
_VERSION = re.compile(r"(TLS|SSL)v?(\d(?:\.\d)?)")
# Elastic's pipeline calls the certificate the client's; the firewall tells of the server's.
_PLACES = {
    "server_name": ("tls.client.server_name",), "subject": ("tls.server.x509.subject.common_name",),
    "issuer": ("tls.server.x509.issuer.common_name",), "serial_number": ("tls.server.x509.serial_number",),
    "fingerprint": ("tls.server.hash.sha256",), "version": ("tls.server.x509.version_number",), "cipher": ("tls.cipher",),
    "curve": ("tls.curve",), "size": ("tls.server.x509.public_key_size",), "rule_uuid": ("rule.uuid",),
}  # fmt: skip


def fill(event: Document, raw: dict[str, str]) -> None:
    """The event's own fields; dates of the certificate stay as the log writes them for who knows its zone."""
    event |= {f"panw.panos.{name}": raw[name] for name in _AS_THEY_ARE if name in raw}
    for name, targets in _PLACES.items():
        event |= dict.fromkeys(targets, raw.get(name))
    version = _VERSION.fullmatch(raw.get("tls", ""))
    if version is not None:
        event["tls.version_protocol"] = version[1].lower()
        event["tls.version"] = version[2] if "." in version[2] else f"{version[2]}.0"
    event["event.category"], event["event.outcome"] = ["network"], "failure" if "error_message" in raw else "success"
    event["network.type"] = "ipv6" if ":" in raw.get("src", "") else "ipv4"
    append(event, "related.hosts", raw.get("server_name"))
    append(event, "related.hash", raw.get("fingerprint"))
