"""Lookups of names, once for each host, name and type: the relation that all DNS scores come from.

``lookups``: host, name (lower case, no final dot), domain (registered), below (the labels under it), kind (record type),
times, answers, failures (NXDOMAIN), hosts' first and last (epoch nanoseconds), ttl (least, seconds), size (longest answer,
characters), and ``resolved``: host, name, domain, address (16 bytes), ttl.

Left out, because nobody rents a name there: reverse lookups (in-addr.arpa, ip6.arpa), mDNS, LLMNR and NetBIOS (their ports,
``.local``), names of one label, local suffixes, and service records (DKIM, DMARC, SRV:
a label begins with an underscore)."""

from __future__ import annotations

import pyarrow as pa

from falselight.analytics.domains import OWN
from falselight.expressions import Expressions
from falselight.mappings.network import domain_parts
from falselight.store import EventTable

WANTED = frozenset(
    {
        "@timestamp", "host.name", "source.ip", "source.port", "destination.ip", "destination.port", "network.transport",
        "network.protocol", "dns.type", "dns.question.name", "dns.question.type", "dns.question.registered_domain",
        "dns.response_code", "dns.resolved_ip", "dns.answers.data", "dns.answers.ttl", "sysmon.dns.status",
        "event.dataset", "event.category", "event.action", "event.code", "network.direction",
        "tls.client.server_name", "url.domain", "destination.domain",
    }
)  # fmt: skip
# The analytical log of Windows' DNS server, and its events about clients: a query received, answered, failed, ignored.
_SERVER, _SERVED = "microsoft_dnsserver.analytical", ("256", "257", "258", "259")
# Types whose answers are texts of the server's choice.
TELLING = ("TXT", "NULL")
_LOCAL_PORTS = "(137, 5353, 5355)"


def build(table: EventTable) -> int:
    """Make the relations; gives the rows of ``lookups``."""
    connection = table.connection
    connection.execute(f"CREATE OR REPLACE TEMP TABLE asked AS {_asked(Expressions(table))}")
    _register_domains(table)
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE lookups AS SELECT host, asked.name, domains.domain,
        CASE WHEN length(asked.name) > length(domains.domain)
          THEN left(asked.name, length(asked.name) - length(domains.domain) - 1) ELSE '' END AS below,
        coalesce(kind, '') AS kind, count(*) AS times, count(*) FILTER (answer) AS answers,
        count(*) FILTER (failed) AS failures, min(time) AS first, max(time) AS last, min(ttl) AS ttl, max(size) AS size
        FROM asked JOIN domains USING (name) WHERE host IS NOT NULL GROUP BY ALL"""
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE resolved AS SELECT host, name, domain, address, min(ttl) AS ttl, min(time) AS first
        FROM (SELECT host, name, unnest(addresses) AS address, ttl, time FROM asked WHERE addresses IS NOT NULL)
        LEFT JOIN domains USING (name) WHERE host IS NOT NULL GROUP BY ALL"""
    )
    return int(connection.execute("SELECT count(*) FROM lookups").fetchall()[0][0])


def _asked(read: Expressions) -> str:
    """One row for each record of a lookup. An answer that travels from a server's port 53 belongs to its receiver. What the
    DNS server of Windows records is its clients': queries that it receives and answers, not those that it passes on."""
    ports = f"{read.number('source.port')} = 53 AND {read.number('destination.port')} <> 53"
    back = f"({read.text('dns.type')} = 'answer' AND {ports})"
    client = f"CASE WHEN {back} THEN {read.text('destination.ip')} ELSE {read.text('source.ip')} END"
    serves = f"({read.text('event.dataset')} = '{_SERVER}')"
    served = f"CASE WHEN {read.text('network.direction')} = 'egress' THEN {read.text('destination.ip')} "
    served += f"ELSE {read.text('source.ip')} END"
    code = f"upper({read.text('dns.response_code')})"
    status = f"upper({read.text('sysmon.dns.status')})"
    host = f"CASE WHEN {serves} THEN {served} ELSE coalesce({read.text('host.name')}, {client}) END"
    return f"""SELECT * FROM (SELECT {host} AS host,
      rtrim(lower({read.text("dns.question.name")}), '.') AS name, upper({read.text("dns.question.type")}) AS kind,
      rtrim(lower({read.text("dns.question.registered_domain")}), '.') AS registered,
      {code} IN ('NXDOMAIN', '3') OR {status} IN ('DNS_ERROR_RCODE_NAME_ERROR', '9003') AS failed,
      {read.text("dns.type")} = 'answer' OR {code} IS NOT NULL OR {status} IS NOT NULL AS answer,
      list_sum([length(each) for each in {read.all("dns.answers.data", "VARCHAR")}]) AS size,
      CASE WHEN upper({read.text("dns.question.type")}) IN {TELLING} THEN {read.all("dns.answers.data", "VARCHAR")} END AS texts,
      list_min({read.all("dns.answers.ttl", "BIGINT")}) AS ttl, {read.all("dns.resolved_ip", "BLOB")} AS addresses, _time AS time,
      least({read.number("source.port")}, {read.number("destination.port")}) AS port
      FROM {read.table} WHERE {serves} IS NOT TRUE OR {read.text("event.code")} IN {_SERVED})
      WHERE name IS NOT NULL AND contains(name, '.') AND length(name) <= 255
      AND (port IS NULL OR port NOT IN {_LOCAL_PORTS})
      AND string_split(name, '.')[-1] NOT IN ({", ".join(f"'{each}'" for each in OWN)})
      AND NOT contains('.' || name, '._')"""


def _register_domains(table: EventTable) -> None:
    """``domains``: name, domain, of each distinct name: the event's own where it is one of the name's, else by the suffix
    rules, which are asked once for each distinct tail of five labels."""
    connection = table.connection
    tail = "array_to_string(string_split(name, '.')[-5:], '.')"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE known AS SELECT name, {tail} AS tail, min(registered) FILTER (
        contains(registered, '.') AND (name = registered OR ends_with(name, '.' || registered))) AS registered
        FROM asked GROUP BY name"""
    )
    missing = "SELECT DISTINCT tail FROM known WHERE registered IS NULL ORDER BY 1"
    tails = [row[0] for row in connection.execute(missing).fetchall()]
    found = pa.table(
        {
            "tail": pa.array(tails, pa.string()),
            "domain": pa.array([domain_parts(each)[0] for each in tails], pa.string()),
        }
    )
    connection.register("tails", found)
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE domains AS SELECT name, coalesce(registered, domain) AS domain
        FROM known LEFT JOIN tails USING (tail) WHERE coalesce(registered, domain) IS NOT NULL"""
    )
    connection.unregister("tails")
