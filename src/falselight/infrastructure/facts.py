"""Records → facts: one trait of one server each, which can be compared with those of others.

Relation ``scan_facts``: subject (what ``server`` is: address, name, or a certificate by its key), server, port, trait, value,
first, last (epoch nanoseconds), source."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa

from falselight.analytics.domains import public
from falselight.diagnostics import Diagnostic
from falselight.dns.letters import model
from falselight.infrastructure import reading, signatures
from falselight.infrastructure.records import (
    Certificate,
    Machine,
    Record,
    Resolution,
    Service,
    Skipped,
    address,
    name,
)
from falselight.readers import containers, fault

TABLE = "scan_facts"
NOT_A_SCAN, NO_SCANS = "W0542", "W0543"
_ROWS = 100_000


class Subject(StrEnum):
    ADDRESS = "address"
    NAME = "name"
    CERTIFICATE = "certificate"


class Trait(StrEnum):
    """What a fact tells. Those of ``parameters.toml`` below ``pivots`` are compared between servers."""

    CERTIFICATE = "certificate hash"
    SERIAL = "issuer and serial number"
    KEY = "certificate's key"
    SELF_SIGNED = "self-signed subject"
    SUBJECT = "certificate subject"
    ISSUER = "certificate issuer"
    NUMBER = "certificate serial"
    VALIDITY = "validity"
    JARM = "jarm"
    JA3S = "ja3s"
    JA4S = "ja4s"
    SSH_KEY = "ssh host key"
    FAVICON = "favicon"
    PAGE = "page"
    TITLE = "title"
    BANNER = "banner"
    BEACON_KEY = "beacon key"
    NAME = "name"
    DOMAIN = "registered domain"
    PATTERN = "name pattern"
    ADDRESS = "address"
    CNAME = "cname"
    NS = "ns"
    MX = "mx"
    SYSTEM = "autonomous system"
    ORGANISATION = "organisation"
    NETWORK = "network"
    SERVICE = "service"
    SIGNATURE = "signature"


class Fact(NamedTuple):
    subject: str
    server: str
    port: int | None
    trait: str
    value: str
    first: int | None
    last: int | None
    source: str


_SCHEMA = pa.schema(
    [("subject", pa.string()), ("server", pa.string()), ("port", pa.int64()), ("trait", pa.string()), ("value", pa.string()),
     ("first", pa.int64()), ("last", pa.int64()), ("source", pa.string())]
)  # fmt: skip


@dataclass
class Loaded:
    """What was read: records by source, and by file what could not be used."""

    records: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, Skipped] = field(default_factory=dict)


def load(
    connection: duckdb.DuckDBPyConnection, paths: Iterable[str | Path], report: Callable[[Diagnostic], None]
) -> Loaded:
    """Make the relation of the files' facts, each once. What cannot be used is told once a file, with its first places."""
    loaded = Loaded()
    columns = ", ".join(f"{one.name} {'BIGINT' if one.type == pa.int64() else 'VARCHAR'}" for one in _SCHEMA)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {TABLE} ({columns})")
    for opened in containers.open_all([Path(path) for path in paths], report):
        skipped = loaded.skipped.setdefault(opened.label, Skipped())
        count = 0
        rows: list[Fact] = []
        for record, source in reading.read(opened.stream, opened.head(), skipped):
            count += 1
            loaded.records[source] = loaded.records.get(source, 0) + 1
            rows.extend(facts(record, source))
            if len(rows) >= _ROWS:
                insert(connection, TABLE, rows)
                rows = []
        insert(connection, TABLE, rows)
        _tell(opened.label, opened.input.path, count, skipped, report)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {TABLE} AS SELECT subject, server, port, trait, value, min(first) AS first, "
        f"max(last) AS last, source FROM {TABLE} GROUP BY ALL"
    )
    return loaded


def _tell(label: str, path: str, count: int, skipped: Skipped, report: Callable[[Diagnostic], None]) -> None:
    told = "; ".join(
        f"{number:,} × {why} (first at {', '.join(map(str, skipped.places[why]))})"
        for why, number in skipped.counts.items()
    )
    if count == 0:
        report(
            fault(NO_SCANS, f"{label} holds no scan, certificate or resolution" + (f": {told}" if told else ""), path)
        )
    elif told:
        report(fault(NOT_A_SCAN, f"{label}: left out {told}", path))


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: list[Fact]) -> None:
    """Append facts to a relation of their columns."""
    if not rows:
        return
    columns = [pa.array(column, one.type) for column, one in zip(zip(*rows, strict=True), _SCHEMA, strict=True)]
    connection.register("incoming_facts", pa.table(columns, schema=_SCHEMA))
    connection.execute(f"INSERT INTO {table} SELECT * FROM incoming_facts")
    connection.unregister("incoming_facts")


def facts(record: Record, source: str) -> Iterator[Fact]:
    """All that one record tells of servers."""
    if isinstance(record, Service):
        yield from _of_service(record, source)
    elif isinstance(record, Machine):
        yield from of_names(Subject.ADDRESS, record.address, record.names, record.seen, record.seen, source)
        for trait, value in ((Trait.SYSTEM, record.system), (Trait.ORGANISATION, record.organisation)):
            if value is not None:
                yield Fact(Subject.ADDRESS, record.address, None, trait, str(value), record.seen, record.seen, source)
    elif isinstance(record, Certificate):
        yield from _of_certificate(record, source)
    elif isinstance(record, Resolution):
        yield from _of_resolution(record, source)


def _of_service(service: Service, source: str) -> Iterator[Fact]:
    def fact(trait: str, value: str) -> Fact:
        return Fact(Subject.ADDRESS, service.address, service.port, trait, value, service.seen, service.seen, source)

    yield fact(Trait.SERVICE, " ".join(filter(None, (service.transport, service.product))) or "open")
    for trait, value in service.marks:
        yield fact(trait, value)
    for signature in signatures.matching(service):
        yield fact(Trait.SIGNATURE, signature)
    held = service.certificate
    if held is not None:
        for hashed in held.hashes:
            yield fact(Trait.CERTIFICATE, hashed)
        if held.key is not None:
            yield fact(Trait.KEY, held.key)
        if held.issuer is not None and held.serial is not None:
            yield fact(Trait.SERIAL, f"{held.issuer} {held.serial}")
        if held.is_self_signed and held.subject is not None:
            yield fact(Trait.SELF_SIGNED, held.subject)
        yield from of_names(Subject.ADDRESS, service.address, held.names, service.seen, service.seen, source)
        yield from _of_certificate(held, source)


def _of_certificate(held: Certificate, source: str) -> Iterator[Fact]:
    """What a certificate says, under each of its hashes, or else under issuer and serial number."""
    joined = f"{held.issuer} {held.serial}" if held.issuer is not None and held.serial is not None else None
    for key in held.hashes or filter(None, (joined,)):
        told = ((Trait.SUBJECT, held.subject), (Trait.ISSUER, held.issuer), (Trait.NUMBER, held.serial), (Trait.KEY, held.key),
                (Trait.SERIAL, joined), (Trait.SELF_SIGNED, held.subject if held.is_self_signed else None))  # fmt: skip
        for trait, value in told:
            if value is not None:
                yield Fact(Subject.CERTIFICATE, key, None, trait, value, held.begins, held.ends, source)
        for other in held.hashes:
            if other != key:
                yield Fact(Subject.CERTIFICATE, key, None, Trait.CERTIFICATE, other, held.begins, held.ends, source)
        if held.begins is not None or held.ends is not None:
            yield Fact(Subject.CERTIFICATE, key, None, Trait.VALIDITY, "", held.begins, held.ends, source)
        yield from of_names(Subject.CERTIFICATE, key, held.names, None, None, source)


def _of_resolution(found: Resolution, source: str) -> Iterator[Fact]:
    for value in found.values:
        if found.kind in ("A", "AAAA"):
            place = address(value)
            if place is not None:
                yield from of_names(Subject.ADDRESS, place, (found.name,), found.first, found.last, source)
                yield Fact(Subject.NAME, found.name, None, Trait.ADDRESS, place, found.first, found.last, source)
            continue
        target = name(value.split()[-1]) if value.split() else None
        if target is not None:
            yield Fact(Subject.NAME, found.name, None, found.kind.lower(), target, found.first, found.last, source)


def of_names(
    subject: str, server: str, names: Iterable[str], first: int | None, last: int | None, source: str
) -> Iterator[Fact]:
    """A server's names, their registered domains, and the patterns that they follow."""
    for one in names:
        yield Fact(subject, server, None, Trait.NAME, one, first, last, source)
        domain = public(one)
        if domain is not None:
            yield Fact(subject, server, None, Trait.DOMAIN, domain, first, last, source)
            made = pattern(domain)
            if made is not None:
                yield Fact(subject, server, None, Trait.PATTERN, made, first, last, source)


_DIGITS = re.compile(r"[0-9]+")
_GENERATED = 6.0
_LETTERS = 4


def pattern(domain: str) -> str | None:
    """What a registered domain has in common with its like: its label with each number as #, or the length of a label that looks
    generated; None for ordinary ones."""
    label, _, suffix = domain.partition(".")
    if model().generated(label) > _GENERATED:
        return f"{len(label)} generated letters under .{suffix}"
    made = _DIGITS.sub("#", label)
    return made if "#" in made and sum(letter.isalpha() for letter in made) >= _LETTERS else None
