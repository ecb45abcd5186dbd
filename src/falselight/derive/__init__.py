"""Fields that a source does not give, from what the user or other records say. What is derived is named in
``falselight.derived`` of the event, and nothing that a source gave is overwritten."""

from __future__ import annotations

from falselight.mappings import data_stream

DERIVED = "falselight.derived"
DIRECTION, NAME = "network.direction", "destination.domain"
# Where a TLS handshake's server name stands: in ECS, and where the sensors' own logs keep it.
SERVER_NAMES = ("tls.client.server_name", "zeek.ssl.server.name", "suricata.eve.tls.sni")
# What must be read so that a field can be derived, or named (``mappings.data_stream``).
NEEDS = {
    data_stream.TARGET: frozenset({data_stream.SOURCE}),
    DIRECTION: frozenset({"source.ip", "destination.ip", "host.ip", "event.module", "process.entity_id", DERIVED}),
    NAME: frozenset(
        {
            "source.ip", "destination.ip", "host.name", "dns.question.name", "dns.resolved_ip", "dns.answers.data",
            *SERVER_NAMES, "url.domain", DERIVED,
        }
    ),
}  # fmt: skip


def needed(wanted: frozenset[str]) -> frozenset[str]:
    """The fields to read, if these are wanted."""
    return wanted.union(*(NEEDS[name] for name in NEEDS if name in wanted))
