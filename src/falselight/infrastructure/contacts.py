"""Which servers hosts of the telemetry met, and what the telemetry itself shows of them, as facts beside those of the files.

Relation ``contacts``: host, server, address, name, port, times, first, last: one row for each host, server (address, or name
where no address is known) and port. Relation ``server_facts``: the columns of ``scan_facts``, of servers only: what is known of a
certificate stands with each server that presents it."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path

import pyarrow as pa

from falselight.analytics import connections
from falselight.infrastructure import facts
from falselight.infrastructure.facts import Fact, Subject, Trait
from falselight.intel import observed
from falselight.intel.model import Kind
from falselight.store import EventTable
from falselight.systems import systems

CONTACTS, FACTS, TELEMETRY = "contacts", "server_facts", "telemetry"
WANTED = connections.WANTED | observed.WANTED
# How a trait of a scan is compared with indicators; ``network`` comes of the address.
INDICATORS: dict[Kind, Trait] = {
    Kind.DOMAIN: Trait.NAME, Kind.CERTIFICATE_HASH: Trait.CERTIFICATE, Kind.CERTIFICATE_SERIAL: Trait.NUMBER,
    Kind.CERTIFICATE_SUBJECT: Trait.SUBJECT, Kind.JARM: Trait.JARM, Kind.JA3S: Trait.JA3S, Kind.ASN: Trait.SYSTEM,
}  # fmt: skip


def build(table: EventTable, scope: connections.Scope, asn: Path | None = None) -> None:
    """Make both relations. Needs ``scan_facts``. ``asn``: a MaxMind database of autonomous systems."""
    connection = table.connection
    connections.build(table, scope)
    connection.execute(f"""CREATE OR REPLACE TEMP TABLE {CONTACTS} AS
      SELECT host, coalesce(address, domain) AS server, address, domain AS name, port, count(*) AS times, min(time) AS first,
        max(time) AS last
      FROM (SELECT host, CASE WHEN proxied THEN NULL ELSE address END AS address, domain, port, time FROM connections
            WHERE outward OR queried) WHERE coalesce(address, domain) IS NOT NULL GROUP BY ALL""")
    observed.build(table)
    _own_facts(table)
    _of_certificates(table)
    _places(table, asn)
    _observe(table)


def _own_facts(table: EventTable) -> None:
    """What the telemetry shows of its servers: names, certificates, fingerprints of servers' TLS."""
    connection = table.connection
    told = {kind.value: trait.value for kind, trait in INDICATORS.items() if kind not in (Kind.DOMAIN, Kind.ASN)}
    kinds = ", ".join(f"('{kind}', '{trait}')" for kind, trait in told.items())
    connection.execute(f"""CREATE OR REPLACE TEMP TABLE {FACTS} AS
      SELECT server, subject, port, trait, value, first, last, source FROM {facts.TABLE} WHERE subject <> '{Subject.CERTIFICATE}'
      UNION ALL
      SELECT address, '{Subject.ADDRESS}', port, trait, o.value, min(first), max(last), '{TELEMETRY}'
      FROM {observed.TABLE} o JOIN (VALUES {kinds}) k(kind, trait) USING (kind)
      WHERE address IN (SELECT address FROM {CONTACTS}) GROUP BY ALL""")
    named = connection.execute(f"""SELECT server, address IS NULL, name, min(first), max(last) FROM {CONTACTS}
      WHERE name IS NOT NULL GROUP BY ALL ORDER BY ALL""").fetchall()
    rows: list[Fact] = []
    for server, bare, name, first, last in named:
        rows += facts.of_names(Subject.NAME if bare else Subject.ADDRESS, server, (name,), first, last, TELEMETRY)
    _insert(table, rows)


def _of_certificates(table: EventTable) -> None:
    """What is known of a certificate, for each server that has it by its hash or by issuer and serial number."""
    table.connection.execute(f"""INSERT INTO {FACTS} BY NAME
      SELECT DISTINCT s.server, s.subject, s.port, c.trait, c.value, s.first, s.last, c.source
      FROM {FACTS} s JOIN {facts.TABLE} c ON c.subject = '{Subject.CERTIFICATE}' AND c.server = s.value
      WHERE s.trait IN ('{Trait.CERTIFICATE}', '{Trait.SERIAL}') AND c.trait <> '{Trait.VALIDITY}'""")


def _places(table: EventTable, path: Path | None) -> None:
    """The network of each address, and its autonomous system where a database knows it."""
    found = table.connection.execute(
        f"SELECT DISTINCT server FROM {FACTS} WHERE subject = '{Subject.ADDRESS}' UNION SELECT address FROM {CONTACTS} "
        "WHERE address IS NOT NULL ORDER BY 1"
    ).fetchall()
    addresses = [row[0] for row in found]
    rows = [Fact(Subject.ADDRESS, one, None, Trait.NETWORK, _network(one), None, None, "address") for one in addresses]
    for one, known in (systems(path, addresses) if path is not None else {}).items():
        for trait, value in ((Trait.SYSTEM, known.number), (Trait.ORGANISATION, known.holder)):
            if value is not None:
                rows.append(Fact(Subject.ADDRESS, one, None, trait, str(value), None, None, "--asn"))
    _insert(table, rows)


def _network(address: str) -> str:
    return str(ip_network((address, 24 if ip_address(address).version == 4 else 48), strict=False))


def _insert(table: EventTable, rows: list[Fact]) -> None:
    if rows:
        columns = {name: pa.array(column, pa.int64() if name in ("port", "first", "last") else pa.string())
                   for name, column in zip(Fact._fields, zip(*rows, strict=True), strict=True)}  # fmt: skip
        table.connection.register("incoming_facts", pa.table(columns))
        table.connection.execute(f"INSERT INTO {FACTS} BY NAME SELECT * FROM incoming_facts")
        table.connection.unregister("incoming_facts")


def _observe(table: EventTable) -> None:
    """Lets indicators meet what the files say of every server, whether it was contacted or not."""
    told = ", ".join(f"('{kind}', '{trait}')" for kind, trait in INDICATORS.items())
    table.connection.execute(f"""INSERT INTO {observed.BESIDE} BY NAME
      SELECT k.kind, f.value, f.value AS raw, 'a scan (' || source || ')' AS role, '' AS host,
        CASE WHEN subject = '{Subject.ADDRESS}' THEN server END AS address,
        CASE WHEN subject = '{Subject.NAME}' THEN server END AS name, port, 1 AS count, first, last
      FROM {FACTS} f JOIN (VALUES {told}) k(kind, trait) USING (trait) WHERE source <> '{TELEMETRY}'
      UNION ALL
      SELECT DISTINCT '{Kind.IP}', server, server, 'a scan', '', server, NULL, NULL, 1, first, last FROM (
        SELECT server, min(first) AS first, max(last) AS last FROM {FACTS}
        WHERE subject = '{Subject.ADDRESS}' AND source NOT IN ('{TELEMETRY}', 'address', '--asn') GROUP BY server)""")
