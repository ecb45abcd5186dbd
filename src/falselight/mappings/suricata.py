"""Suricata's EVE records as ECS, by the table ``suricata_eve.toml``; what only these records need is converted here."""

from __future__ import annotations

import tomllib
from functools import cache, partial
from importlib.resources import files
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from falselight.mappings import columnar, network, steps
from falselight.mappings.records import Convert, Frame, Step, Table, build

_LISTS = pa.list_(pa.string())
_NO_PROTOCOL = frozenset({"failed", "template", "template-rust"})


@cache
def table() -> Table:
    """The mapping of all records: what a record lacks gives no field."""
    text = files("falselight.mappings").joinpath("suricata_eve.toml").read_text("utf-8")
    return build(tomllib.loads(text), CONVERSIONS)


def eve_types(frame: Frame, step: Step) -> None:
    """event.type by the kind of record, a flow's state and what was done about an alert."""
    types = step.options["types"]

    def each(kind: str | None, state: str | None, action: str | None) -> list[str] | None:
        found = list(types.get(kind, []))
        found += {"new": ["start"], "closed": ["end"]}.get(state or "", [])
        if action:
            found.append("denied" if action == "blocked" else action)
        return found or None

    columns = [frame.get(name) for name in step.sources]
    frame.put(step.targets[0], columnar.jointly(columns, frame.rows, each, _LISTS))


def eve_protocol(frame: Frame, step: Step) -> None:
    """network.protocol: the application protocol that Suricata found, else that of the kind of record."""
    protocols = step.options["protocols"]

    def each(kind: str | None, found: str | None) -> str | None:
        name = (found or "").lower()
        if name and name not in _NO_PROTOCOL:
            return name
        return str(protocols[kind]) if kind in protocols else None

    frame.put(step.targets[0], columnar.jointly([frame.get(n) for n in step.sources], frame.rows, each, pa.string()))


def eve_outcome(frame: Frame, step: Step) -> None:
    """success or failure of HTTP records by their status."""

    def each(kind: str | None, status: str | None) -> str | None:
        if kind != "http" or status is None or not status.isdecimal() or len(status) > 9:
            return None
        return "success" if int(status) < 400 else "failure"

    frame.put(step.targets[0], columnar.jointly([frame.get(n) for n in step.sources], frame.rows, each, pa.string()))


def eve_dns(frame: Frame, step: Step) -> None:
    """The dns fields: version 1 has one answer a record, version 2 all answers, and the question always."""
    protocol, kind, version, name, record, data, ttl, *rest = (frame.get(source) for source in step.sources)
    base = step.targets[0]
    if protocol is None or (kind is None and rest[4] is None):
        return
    is_dns = pc.fill_null(pc.equal(protocol, "dns"), False)

    def where(mask: pa.Array, column: pa.Array | None) -> pa.Array | None:
        return None if column is None else pc.if_else(mask, column, pa.scalar(None, column.type))

    def text(column: pa.Array | None) -> pa.Array | None:
        return None if column is None else columnar.as_text(column)

    frame.put(f"{base}.id", where(is_dns, text(rest[4])))
    frame.put(f"{base}.response_code", where(is_dns, text(rest[5])))
    frame.put(f"{base}.type", where(is_dns, text(kind)))
    never = pa.repeat(pa.scalar(False), frame.rows)
    is_answer = never if kind is None else pc.and_(is_dns, pc.fill_null(pc.equal(text(kind), "answer"), False))
    is_query = never if kind is None else pc.and_(is_dns, pc.fill_null(pc.equal(text(kind), "query"), False))
    is_second = never if version is None else pc.and_(is_dns, pc.fill_null(pc.equal(text(version), "2"), False))
    frame.put(f"{base}.question.name", where(pc.or_(is_query, is_second), text(name)))
    frame.put(f"{base}.question.type", where(pc.or_(is_query, is_second), text(record)))
    old = pc.and_(is_answer, pc.is_null(version)) if version is not None else is_answer
    new = pc.and_(is_answer, is_second)
    parts = (("name", name, rest[0]), ("type", record, rest[1]), ("data", data, rest[2]), ("ttl", ttl, rest[3]))
    for part, single, several in parts:
        frame.put(f"{base}.answers.{part}", _either(where(old, single), where(new, several)))
    frame.put(
        f"{base}.resolved_ip", _either(where(old, _addresses(record, data)), where(new, _addresses(rest[1], rest[2])))
    )


def _addresses(kinds: pa.Array | None, data: pa.Array | None) -> pa.Array | None:
    """The data of A and AAAA records, of rows that have a kind for each."""
    if kinds is None or data is None:
        return None
    wanted = pa.array(["A", "AAAA"])
    if not pa.types.is_list(data.type):
        return pc.if_else(pc.is_in(columnar.as_text(kinds), value_set=wanted), data, pa.scalar(None, data.type))
    if not pa.types.is_list(kinds.type):
        return None
    equal = pc.equal(pc.list_value_length(kinds), pc.list_value_length(data))
    kinds, data = (pc.if_else(equal, lists, pa.scalar(None, lists.type)) for lists in (kinds, data))
    is_address = pc.is_in(columnar.as_text(kinds.values), value_set=wanted)
    found = pc.if_else(is_address, data.values, pa.scalar(None, data.type.value_type))
    return pa.ListArray.from_arrays(data.offsets, found, mask=pc.is_null(data))


def _either(single: pa.Array | None, several: pa.Array | None) -> pa.Array | None:
    """One column from a column of values and one of lists."""
    if single is None or single.null_count == len(single):
        return several
    if several is None or several.null_count == len(several):
        return single
    return columnar.either(several, single)


def eve_dns_flags(frame: Frame, step: Step) -> None:
    """The header's flags of DNS records."""
    names = step.options["names"]

    def each(protocol: str | None, *cells: str | None) -> list[str] | None:
        if protocol != "dns":
            return None
        return [name for name, cell in zip(names, cells, strict=True) if cell == "true"] or None

    columns = [frame.get(name) for name in step.sources]
    if any(column is not None for column in columns[1:]):
        frame.put(step.targets[0], columnar.jointly(columns, frame.rows, each, _LISTS))


def eve_tls_version(frame: Frame, step: Step) -> None:
    """``TLS 1.2`` as 1.2 and tls; UNDETERMINED is none."""
    column = frame.get(step.sources[0])
    if column is None or not pa.types.is_string(column.type):
        return

    def part(text: str | None, at: int) -> str | None:
        protocol, _, version = (text or "").partition(" ")
        return None if not version else version if at == 0 else protocol.lower()

    for at, target in enumerate(step.targets):
        frame.put(target, columnar.distinct(column, partial(part, at=at), pa.string()))


def eve_url_domain(frame: Frame, step: Step) -> None:
    """The host that HTTP was asked for, where the URL itself names none."""
    protocol, domain = (frame.get(name) for name in step.sources)
    known = frame.get(step.targets[0])
    if protocol is None or domain is None or domain.type != pa.string():
        return
    found = pc.if_else(pc.fill_null(pc.equal(protocol, "http"), False), domain, pa.scalar(None, pa.string()))
    frame.put(step.targets[0], found if known is None else pc.coalesce(known, found))


def eve_span(frame: Frame, step: Step) -> None:
    """event.start, event.end (milliseconds) and their distance in nanoseconds, as the pipeline measures it."""
    whole: list[pa.Array | None] = []
    for source, target in zip(step.sources, step.targets, strict=False):
        column = frame.get(source)
        if column is not None:
            found = steps.nanoseconds(column, frame, source)
            below = pc.subtract(found, pc.if_else(pc.less(found, 0), 999_999, 0))
            column = pc.divide(below, 1_000_000)
            frame.put(target, column)
        whole.append(column)
    if whole[0] is not None and whole[1] is not None:
        span = pc.multiply(pc.subtract(whole[1], whole[0]), 1_000_000)
        frame.put(step.targets[2], pc.if_else(pc.greater_equal(span, 0), span, pa.scalar(None, pa.int64())))


def eve_related(frame: Frame, step: Step) -> None:
    """The resolved addresses join the related ones."""
    if frame.get(step.sources[1]) is not None:
        steps.gather(frame, Step(eve_related, step.sources, step.targets, False, {"once": True}))


def alert_date(frame: Frame, step: Step) -> None:
    """``2019_07_26``, also in a list of one, as epoch milliseconds."""
    column = frame.get(step.sources[0])
    if column is None:
        return

    def each(text: str | None) -> int | None:
        found = None if text is None else steps.instant(text.replace("_", "-"))
        return None if found is None else found // 1_000_000

    frame.put(step.targets[0], columnar.distinct(columnar.as_text(column), each, pa.int64()))


CONVERSIONS: dict[str, Convert] = {
    **steps.CONVERSIONS,
    **network.CONVERSIONS,
    **{
        made.__name__: made
        for made in (
            eve_types, eve_protocol, eve_outcome, eve_dns, eve_dns_flags, eve_tls_version, eve_url_domain, eve_span,
            eve_related, alert_date,
        )
    },
}  # fmt: skip


def fields() -> dict[str, Any]:
    """The table as written, for references."""
    return tomllib.loads(files("falselight.mappings").joinpath("suricata_eve.toml").read_text("utf-8"))
