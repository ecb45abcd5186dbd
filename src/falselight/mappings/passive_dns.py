"""Passive DNS (Common Output Format) as ECS, by ``passive_dns.toml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from falselight.mappings.network import address, domain_parts
from falselight.mappings.tables import first_moment, flat, load, microseconds, moment_of, once
from falselight.readers.settings import Settings
from falselight.readers.syslog import Document

_TIMES = ("time_first", "time_last", "zone_time_first", "zone_time_last")


def make(record: Mapping[str, Any], text: str, settings: Settings) -> Iterator[Document | None]:
    """The event of one record; nothing for what frames DNSDB's stream, None for what is no observation."""
    inner = record.get("obj")
    if inner is None and "cond" in record:
        return
    yield _event(inner if isinstance(inner, dict) else record, text, settings)


def _event(record: Mapping[str, Any], text: str, settings: Settings) -> Document | None:
    name, kind = record.get("rrname"), record.get("rrtype")
    if not isinstance(name, str) or not isinstance(kind, str):
        return None
    table = load("passive_dns.toml", "cof")
    raw = flat(record)
    start, end = (first_moment(raw, table.entry[part], settings) for part in ("start", "end"))
    if start is None and end is None:
        return None
    event = table.event(raw)
    for each in _TIMES:
        found = moment_of(raw.get(each), settings)
        event[f"{table.prefix}.{each}"] = None if found is None else microseconds(found)
    data = record.get("rdata")
    answers = [each for each in (data if isinstance(data, list) else [data]) if isinstance(each, str)]
    plain = name.removesuffix(".")
    registered, below, top = domain_parts(plain)
    event |= {
        "@timestamp": microseconds(end if end is not None else start),
        "event.start": None if start is None else microseconds(start), "event.end": None if end is None else microseconds(end),
        "event.original": text, "dns.question.name": plain, "dns.question.type": kind,
        "dns.question.registered_domain": registered, "dns.question.subdomain": below,
        "dns.question.top_level_domain": top, "dns.answers.data": answers, "dns.answers.name": [plain] * len(answers),
        "dns.answers.type": [kind] * len(answers),
        "dns.resolved_ip": once(each for each in answers if kind in ("A", "AAAA") and address(each) is not None),
    }  # fmt: skip
    event["related.ip"] = event["dns.resolved_ip"]
    names = [each.removesuffix(".") for each in answers if kind in ("CNAME", "NS", "PTR", "DNAME")]
    event["related.hosts"] = once([plain, *names])
    return event
