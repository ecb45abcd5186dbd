"""What TLS handshakes say of a host's server: a certificate that signs itself, a young one, a client that calls nothing else.

The first two are the server's own work; the third compares clients by fingerprint (JA4, else JA3) over all the data, and says
nothing where too few servers were met to compare with. Weights in ``fusion.toml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from falselight.expressions import Expressions
from falselight.plan.dates import iso
from falselight.risks import Reason
from falselight.store import EventTable

WANTED = frozenset(
    {
        "@timestamp", "host.name", "source.ip", "destination.ip", "tls.client.server_name", "tls.client.ja3", "tls.client.ja4",
        "tls.server.subject", "tls.server.issuer", "tls.server.not_before",
    }
)  # fmt: skip
_DAY = 86_400_000_000_000


@dataclass(frozen=True)
class Traits:
    """A host's server, by address and the names that its handshakes ask for, and what these say."""

    host: str
    address: str
    names: tuple[str, ...]
    reasons: tuple[Reason, ...]


def traits(table: EventTable, settings: Mapping[str, Any]) -> Iterator[Traits]:
    """All pairs of which handshakes say something, by host and address."""
    table.connection.execute(f"CREATE OR REPLACE TEMP TABLE handshakes AS {_handshakes(Expressions(table))}")
    for host, address, names, subject, born, met, print_, hosts in table.connection.execute(
        _PAIRS, [int(settings["fewest_servers"])]
    ).fetchall():
        reasons = []
        if subject is not None:
            reasons.append(
                Reason("tls: certificate", settings["self_signed"], f"its certificate signs itself: {subject}")
            )
        age = None if born is None or met is None else (met - born) / _DAY
        if age is not None and 0 <= age < settings["young_days"]:
            text = f"its certificate of {iso(born)[:10]} was {age:.0f} days old at the first contact"
            reasons.append(Reason("tls: age", settings["young"], text))
        if print_ is not None:
            whose = "this host alone calls it so" if hosts == 1 else f"{hosts} hosts call it so"
            text = f"its client's fingerprint {print_} is met at no other server; {whose}"
            reasons.append(Reason("tls: client", settings["own_client"], text))
        if reasons:
            yield Traits(host, address, tuple(names or ()), tuple(reasons))


def _handshakes(read: Expressions) -> str:
    """host, address, name, print, subject (of a certificate that signs itself), born (not before), time. Clocks in
    milliseconds, as the event table holds dates, become nanoseconds."""
    subject, issuer = read.text("tls.server.subject"), read.text("tls.server.issuer")
    return f"""SELECT coalesce({read.text("host.name")}, {read.text("source.ip")}) AS host,
      {read.text("destination.ip")} AS address, rtrim(lower({read.text("tls.client.server_name")}), '.') AS name,
      coalesce({read.text("tls.client.ja4")}, {read.text("tls.client.ja3")}) AS print,
      CASE WHEN {subject} = {issuer} THEN {subject} END AS subject,
      {read.number("tls.server.not_before")} * 1000000 AS born, _time AS time FROM {read.table}
      WHERE {read.text("destination.ip")} IS NOT NULL AND coalesce({read.text("tls.client.ja4")},
        {read.text("tls.client.ja3")}, {subject}, {read.text("tls.server.not_before")}) IS NOT NULL"""


# A client's fingerprint is the pair's own where no other server was called with it, and the server with no other.
_PAIRS = """WITH servers AS (SELECT print, coalesce(name, address) AS server, count(DISTINCT host) AS hosts FROM handshakes
    WHERE print IS NOT NULL GROUP BY ALL),
  own AS (SELECT print, min(server) AS server, max(hosts) AS hosts FROM servers GROUP BY print HAVING count(*) = 1),
  alone AS (SELECT own.* FROM own JOIN (SELECT server FROM servers GROUP BY server HAVING count(*) = 1) USING (server)
    WHERE (SELECT count(DISTINCT server) FROM servers) >= ?)
  SELECT h.host, h.address, list(DISTINCT h.name ORDER BY h.name) FILTER (h.name IS NOT NULL) AS names, min(h.subject),
    max(h.born), min(h.time), min(alone.print), min(alone.hosts)
  FROM handshakes h LEFT JOIN alone ON alone.print = h.print AND alone.server = coalesce(h.name, h.address)
  WHERE h.host IS NOT NULL GROUP BY h.host, h.address ORDER BY h.host, h.address"""
