"""Events made of packet captures as ECS: the tables of Zeek's logs, under the module's own name.

Whatever reads Zeek's events reads these: the fields are the same, ``event.module`` and ``event.dataset`` tell who made them.
Dates of certificates are epoch milliseconds already: as nanoseconds, those of the year 9999, which malware likes, are too big.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from falselight.mappings import steps, zeek
from falselight.mappings.records import Table, build

MODULE = "pcap"
# What is told beyond Zeek's own columns.
_MORE: dict[str, dict[str, list[list[str]]]] = {
    "ssl": {
        "rename": [
            [".ja4", "tls.client.ja4"],
            [".resp_certificate_sha256", "tls.server.hash.sha256"],
            [".orig_certificate_sha256", "tls.client.hash.sha256"],
        ],
        "copy": [[".server.name", "tls.client.server_name"]],
    },
    "x509": {"rename": [[".sha1", "file.hash.sha1"]], "copy": [[".fingerprint", "file.hash.sha256"]]},
}


@cache
def table(log: str) -> Table:
    """The mapping of the events that Zeek would have written to this log."""
    known = zeek.table(log)
    constants = {**known.constants, "event.module": MODULE, "event.dataset": f"{MODULE}.{log}"}
    more = build({"prefix": known.prefix, **_MORE.get(log, {})}, zeek.CONVERSIONS)
    made = tuple(replace(step, convert=steps.copy) if step.convert is steps.date else step for step in known.steps)
    return replace(known, constants=constants, steps=(*made, *more.steps))
