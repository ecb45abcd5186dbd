"""Passive DNS: the Common Output Format (draft-dulaunoy-dnsop-passive-dns-cof), and DNSDB's answers in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from falselight.infrastructure.records import Resolution, Unknown, at, each, moment, name, text, whole

# The types that tell of servers; TXT, SOA and others do not.
KINDS = ("A", "AAAA", "CNAME", "NS", "MX")


def is_frame(value: Mapping[str, Any]) -> bool:
    """DNSDB's streaming answer frames its rows: ``cond`` alone begins or ends it."""
    return "cond" in value and "obj" not in value


def is_ours(value: Mapping[str, Any]) -> bool:
    return "rrname" in (value["obj"] if isinstance(value.get("obj"), Mapping) else value)


def read(value: Mapping[str, Any]) -> Iterator[Resolution | Unknown]:
    """The resolution of one row; none of a type that tells nothing of servers."""
    row = value["obj"] if isinstance(value.get("obj"), Mapping) else value
    asked, kind = name(row.get("rrname")), text(row.get("rrtype"))
    held = tuple(one for one in each(row.get("rdata")) if isinstance(one, str))
    if asked is None or kind is None or not held:
        yield Unknown("a row of passive DNS without name, type or data")
    elif kind.upper() in KINDS:
        first = moment(row.get("time_first")) or moment(at(row, "zone_time_first"))
        last = moment(row.get("time_last")) or moment(at(row, "zone_time_last"))
        yield Resolution(asked, kind.upper(), held, first, last, whole(row.get("count")))
