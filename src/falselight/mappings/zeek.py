"""Zeek's logs as ECS, by the tables ``zeek_*.toml``; what only Zeek's records need is converted here."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from functools import cache, partial
from importlib.resources import files
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from falselight.mappings import columnar, network, steps
from falselight.mappings.records import Convert, Frame, Step, Table, build

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_SIP = re.compile(r"(\w+):(?:([a-zA-Z0-9._-]+)@)?([0-9A-Za-z.:-]+?)(?::(\d+))?(?=[^0-9A-Za-z.-]|\Z)")


@cache
def shared() -> dict[str, Any]:
    """What all logs share."""
    return _read("zeek_shared")


@cache
def logs() -> Mapping[str, dict[str, Any]]:
    """The tables of the logs that Elastic maps, by Zeek's name of the log."""
    return {**_read("zeek_logs"), **_read("zeek_protocols")}


@cache
def table(log: str) -> Table:
    """The mapping of one log; a log that Elastic does not map gets what its connection's fields give."""
    known = logs().get(log, {})
    dataset = known.get("dataset", dataset_of(log))
    common = shared()
    flow = common["flow"] if known.get("flow", True) else {}
    left_out = set(known.get("without", []))
    entry = {
        "prefix": f"zeek.{dataset}",
        "constants": {**common["constants"], "event.dataset": f"zeek.{dataset}", **known.get("constants", {})},
        "rename": [*known.get("rename", []), *flow.get("rename", [])],
        "copy": [*_before(known), *flow.get("copy", []), *_after(known)],
        "steps": [
            *known.get("steps", []),
            *(step for step in flow.get("steps", []) if step["as"] not in left_out),
        ],
    }
    return build(entry, CONVERSIONS)


def keeps_original(log: str) -> bool:
    """Whether Elastic's pipeline of this log keeps the record's text in event.original."""
    return bool(logs().get(log, {}).get("original", False))


def dataset_of(log: str) -> str:
    """A log's name as part of field names: a name that could not be one is ``other``."""
    return log if _NAME.fullmatch(log) else "other"


def _before(known: Mapping[str, Any]) -> list[list[str]]:
    """The copies that the connection's own copies build on."""
    return [pair for pair in known.get("copy", []) if pair[1] in {"source.address", "destination.address"}]


def _after(known: Mapping[str, Any]) -> list[list[str]]:
    return [pair for pair in known.get("copy", []) if pair[1] not in {"source.address", "destination.address"}]


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files("falselight.mappings").joinpath(name + ".toml").read_text("utf-8"))


def icmp(frame: Frame, step: Step) -> None:
    """The ports of ICMP are type and code: they move, and no port is left."""
    source, destination, transport = (frame.get(name) for name in step.sources)
    if transport is None or not pa.types.is_string(transport.type):
        return
    is_icmp = pc.fill_null(pc.equal(transport, "icmp"), False)
    if not pc.any(is_icmp).as_py():
        return
    for values, part, port in zip((source, destination), step.targets[:2], step.targets[2:], strict=True):
        if values is not None:
            nothing = pa.scalar(None, values.type)
            frame.put(part, pc.if_else(is_icmp, values, nothing))
            kept = pc.if_else(is_icmp, nothing, values)
            frame.columns[port] = kept


def dns_answers(frame: Frame, step: Step) -> None:
    """dns.answers where answers and their times to live are equally many, and the addresses among them."""
    answers, ttls = (frame.get(name) for name in step.sources)
    if answers is None or ttls is None or not pa.types.is_list(answers.type) or not pa.types.is_list(ttls.type):
        return
    equal = pc.fill_null(pc.equal(pc.list_value_length(answers), pc.list_value_length(ttls)), False)
    base, addresses = step.targets
    data = pc.if_else(equal, answers, pa.scalar(None, answers.type))
    seconds = pc.if_else(equal, ttls, pa.scalar(None, ttls.type))
    if pa.types.is_string(data.type.value_type):
        frame.put(base + ".data", data)
        frame.put(addresses, with_values(data, network.addresses(data.values)))
    frame.put(base + ".ttl", with_values(seconds, columnar.whole(seconds.values, frame.malformed, step.sources[1])))


def with_values(lists: pa.Array, values: pa.Array) -> pa.Array:
    """Lists of the same shape with other values."""
    return (
        pa.ListArray.from_arrays(lists.offsets, values, mask=pc.is_null(lists))
        if lists.null_count
        else (pa.ListArray.from_arrays(lists.offsets, values))
    )


def tls_version(frame: Frame, step: Step) -> None:
    """``TLSv12`` as 1.2 and tls, ``SSLv3`` as 3.0 and ssl."""
    column = frame.get(step.sources[0])
    if column is None or not pa.types.is_string(column.type):
        return

    def part(text: str | None, at: int) -> str | None:
        protocol, letter, number = (text or "").partition("v")
        if not letter or "v" in number or not number:
            return None
        version = f"{number}.0" if protocol == "SSL" else f"{number[0]}.{number[1:]}"
        return version if at == 0 else protocol.lower()

    for at, target in enumerate(step.targets):
        frame.put(target, columnar.distinct(column, partial(part, at=at), pa.string()))


def kerberos_days(frame: Frame, step: Step) -> None:
    """Days between two times, rounded."""
    start, end = (frame.get(name) for name in step.sources)
    if start is None or end is None:
        return
    both = [steps.nanoseconds(values, frame, name) for values, name in zip((start, end), step.sources, strict=True)]
    span = pc.divide(pc.subtract(both[1], both[0]).cast(pa.float64(), safe=False), 86_400e9)
    frame.put(step.targets[0], pc.round(span).cast(pa.int64()))


def user_at_slash(frame: Frame, step: Step) -> None:
    """``name/REALM`` as user's name and domain; a client without a slash is none."""
    column = frame.get(step.sources[0])
    if column is None or not pa.types.is_string(column.type):
        return

    def part(text: str | None, at: int) -> str | None:
        return text.partition("/")[at] if text and "/" in text else None

    for at, target in zip((0, 2), step.targets, strict=True):
        frame.put(target, columnar.distinct(column, partial(part, at=at), pa.string()))


def sip_url(frame: Frame, step: Step) -> None:
    """Scheme, user, domain and port of a SIP address."""
    column = frame.get(step.sources[0])
    if column is None or not pa.types.is_string(column.type):
        return
    encoded = column.dictionary_encode()
    found = [_SIP.search(text) for text in encoded.dictionary.to_pylist()]
    for group, target in enumerate(step.targets, 1):
        texts = [match.group(group) if match else None for match in found]
        kind = pa.int64() if group == len(step.targets) else pa.string()
        cells = (
            [int(text) if text and len(text) < 6 else None for text in texts] if group == len(step.targets) else texts
        )
        frame.put(target, pa.array(cells, kind).take(encoded.indices))


def mail_date(frame: Frame, step: Step) -> None:
    """A mail's date header as epoch milliseconds; what cannot be read is left out and counted."""
    column = frame.get(step.sources[0])
    if column is None or not pa.types.is_string(column.type):
        return

    def each(text: str | None) -> int | None:
        try:
            return int(parsedate_to_datetime(text).timestamp() * 1000) if text else None
        except (ValueError, TypeError, OverflowError, IndexError):
            return None

    made = columnar.distinct(column, each, pa.int64())
    frame.malformed[step.sources[0]] += made.null_count - column.null_count
    frame.take_out(step.sources[0])
    frame.put(step.targets[0], made)


CONVERSIONS: dict[str, Convert] = {
    **steps.CONVERSIONS,
    **network.CONVERSIONS,
    **{
        made.__name__: made
        for made in (icmp, dns_answers, tls_version, kerberos_days, user_at_slash, sip_url, mail_date)
    },
}
