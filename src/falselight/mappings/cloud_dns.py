"""Query logs of Amazon's and Google's resolvers as ECS, by ``cloud_dns.toml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from falselight.mappings.network import address, domain_parts
from falselight.mappings.tables import flat, load, microseconds, moment_of, once, whole
from falselight.readers.settings import Settings
from falselight.readers.syslog import Document

_REVERSE = (".in-addr.arpa", ".ip6.arpa")
_NAMES = ("CNAME", "PTR", "MX", "NS")


def make(record: Mapping[str, Any], text: str, settings: Settings) -> Iterator[Document | None]:
    """The event of one record, None for what is none of these logs."""
    payload = record.get("jsonPayload")
    if isinstance(payload, dict):
        raw = flat({name: value for name, value in record.items() if name != "jsonPayload"}) | flat(payload)
        yield _event("gcp", raw, "timestamp", list(_of_google(payload)), text, settings)
    else:
        yield _event("route53", flat(record), "query_timestamp", list(_of_amazon(record)), text, settings)


def _event(
    section: str, raw: Mapping[str, Any], time: str, answers: list[dict[str, Any]], text: str, settings: Settings
) -> Document | None:
    table = load("cloud_dns.toml", section)
    event = table.event(raw)
    name = event.get("dns.question.name")
    if not isinstance(name, str):
        return None
    instance = event.get("cloud.instance.name")
    event["cloud.instance.name"] = instance.rpartition(".")[2] if isinstance(instance, str) else None
    asked = event["dns.question.name"] = name.removesuffix(".") or "."
    event["event.original"] = text
    moment = moment_of(raw.get(time), settings)
    event["@timestamp"] = None if moment is None else microseconds(moment)
    event["event.outcome"] = "success" if event.get("dns.response_code") == "NOERROR" else "failure"
    if not asked.endswith(_REVERSE):
        for part, value in zip(
            ("registered_domain", "subdomain", "top_level_domain"), domain_parts(asked), strict=True
        ):
            event[f"dns.question.{part}"] = value
    for part in ("name", "type", "class", "ttl", "data"):
        event[f"dns.answers.{part}"] = [each[part] for each in answers if each.get(part) is not None]
    source = event.get("source.ip")
    event["network.type"] = None if source is None else "ipv6" if ":" in source else "ipv4"
    event["dns.resolved_ip"] = once(
        each["data"] for each in answers if each["type"] in ("A", "AAAA") and address(each["data"])
    )
    event["related.ip"] = once([*event["dns.resolved_ip"], *([source] if source is not None else [])])
    names = [each["data"].rpartition(" ")[2] for each in answers if each["type"] in _NAMES]
    event["related.hosts"] = once([*names, *([] if event.get("dns.question.type") == "PTR" else [asked])])
    return event


def _answer(kind: Any, data: Any, **more: Any) -> dict[str, Any] | None:
    if not isinstance(kind, str) or not isinstance(data, str) or not data:
        return None
    known = {name: value for name, value in more.items() if isinstance(value, str | int)}
    return {"type": kind.upper(), "data": data.removesuffix("."), **known}


def _of_amazon(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    answers = record.get("answers")
    for each in answers if isinstance(answers, list) else []:
        if isinstance(each, dict):
            found = _answer(each.get("Type"), each.get("Rdata"), **{"class": each.get("Class")})
            if found is not None:
                yield found | ({"name": found["data"]} if found["type"] == "CNAME" else {})


def _of_google(payload: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Answers as objects, or as lines of a zone: name, time to live, class, type, data."""
    told = payload.get("structuredRdata")
    for each in told if isinstance(told, list) else []:
        if isinstance(each, dict):
            kept = {"name": each.get("domainName"), "class": each.get("class"), "ttl": whole(each.get("ttl"))}
            found = _answer(each.get("type"), each.get("rvalue"), **kept)
            if found is not None:
                yield found
    data = payload.get("rdata")
    for line in data.splitlines() if isinstance(data, str) else []:
        cells = line.split("\t")
        if len(cells) < 5 or not cells[1].isdecimal() or len(cells[1]) > 9:
            continue
        found = _answer(cells[3], cells[4], **{"name": cells[0], "class": cells[2], "ttl": int(cells[1])})
        if found is not None:
            yield found
