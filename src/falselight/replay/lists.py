"""Value lists of exceptions as relations of the events that they hold for: joined with the distinct values of a field, never
inlined, so that a list of a million values costs its reading and one join."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import pyarrow as pa

from falselight import values as conversions
from falselight.columns import physical
from falselight.diagnostics import Diagnostic, EqlError, Severity
from falselight.ecs.schema import EXACT_STRING_TYPES, Field, column, ip_column
from falselight.engines import duckdb as engine
from falselight.plan import nodes
from falselight.rules.pack import ABSENT_VALUES, Pack, Report, ValueList
from falselight.sql.spelling import literal
from falselight.store import EventTable, quoted

KIBANA_DIFFERS, NO_VALUES = "N0615", "W0620"
# Beyond these Kibana does not apply a list to an EQL rule (facts: lists of 65,536 items, 200 ranges, no text lists).
_KIBANA_ITEMS, _KIBANA_RANGES = 65_536, 200


def holds(name: str, list_id: str, kind: str, pack: Pack, table: EventTable, report: Report) -> nodes.Predicate | None:
    """The events of which some value of the field is in the list; None where the list is not here. Raises ``EqlError`` where
    its file cannot be read any more."""
    values = pack.values.get(list_id)
    if values is None:
        return None
    entry = table.schema.find(name)
    if entry is not None and entry.type not in EXACT_STRING_TYPES and entry.exact:
        entry = table.schema.find(entry.exact)
    if entry is None or not entry.filled:
        return nodes.NEVER
    # Lists of one id differ by their files, and identifiers of the engine do not by case.
    relation = f"list {column(f'{values.path} {list_id} of {name} as {kind}')}"
    ((there,),) = engine.execute(
        table, f"SELECT count(*) FROM duckdb_tables() WHERE table_name = {literal(relation)}"
    ).fetchall()
    if not there:
        texts = list(dict.fromkeys(_read(values)))
        _compare_with_kibana(values, kind, len(texts), report)
        bad = _join(relation, entry, texts, table)
        if bad:
            told = (
                f"is none of the type of {name} and holds nothing"
                if len(bad) == 1
                else f"are none of the type of {name} and hold nothing"
            )
            message = (
                f"Value list [{values.id}]: {len(bad)} of {len(texts)} values {told}, the first is [{bad[0][:100]}]"
            )
            report(Diagnostic(NO_VALUES, Severity.WARNING, message, path=str(values.path)))
    return nodes.Rows(relation)


def _read(values: ValueList) -> Iterator[str]:
    try:
        yield from values.values()
    except OSError as fault:
        message = f"Value list [{values.id}] cannot be read: {fault.strerror}"
        raise EqlError([Diagnostic(ABSENT_VALUES, Severity.ERROR, message, path=str(values.path))]) from fault


def _join(relation: str, entry: Field, texts: list[str], table: EventTable) -> list[str]:
    """Make the relation; gives the values that the field cannot have."""
    if entry.type == "ip":
        own, (listed, bad) = quoted(ip_column(entry.name)), _ranges(texts)
        condition = "ASOF JOIN {} l ON e.value >= l.low WHERE e.value <= l.high"
    else:
        own, (listed, bad) = quoted(column(entry.name)), _values(texts, entry)
        condition = "SEMI JOIN {} l ON e.value = l.value"
    each = f"unnest({own})" if entry.many else own
    events = f"SELECT _seq, {each} AS value FROM {quoted(table.name)} WHERE {own} IS NOT NULL"
    with engine.registered(table, "listed values", listed):
        engine.execute(
            table,
            f"CREATE TEMP TABLE {quoted(relation)} AS WITH e AS ({events}), found AS (SELECT e.value FROM "
            f"(SELECT DISTINCT value FROM e) e {condition.format(quoted('listed values'))}) "
            f"SELECT DISTINCT _seq FROM e SEMI JOIN found USING (value)",
        )
    return bad


def _values(texts: list[str], entry: Field) -> tuple[pa.Table, list[str]]:
    """The values in the form of the field's column, and those that it cannot have."""
    rejected: Counter[str] = Counter()
    columns = physical(pa.array(texts, pa.string()), entry, rejected)
    stored = columns.get(column(entry.name), pa.array([], pa.string()))
    bad = [text for text, value in zip(texts, stored.to_pylist(), strict=False) if value is None] if rejected else []
    return pa.table({"value": stored}), bad if len(stored) else texts


def _ranges(texts: Iterable[str]) -> tuple[pa.Table, list[str]]:
    """First and last address of what addresses, networks (CIDR) and ranges (``a-b``) cover, 16 bytes each: in order, none
    within another; and the texts that are none of these."""
    found: list[bytes] = []
    bad: list[str] = []
    for text in texts:
        try:
            found.append(_range(text))
        except ValueError:
            bad.append(text)
    found.sort()
    lows: list[bytes] = []
    highs: list[bytes] = []
    end = b""
    for both in found:
        low, high = both[:16], both[16:]
        if low > end:
            lows.append(low)
            highs.append(high)
            end = high
        elif high > end:
            highs[-1] = end = high
    return pa.table({"low": pa.array(lows, pa.binary()), "high": pa.array(highs, pa.binary())}), bad


def _range(text: str) -> bytes:
    """First and last address, one after the other. Raises ValueError for what is neither address, network nor range."""
    if "-" in text:
        low, high = (conversions.ip(part.strip())[1] for part in text.split("-", 1))
        if low > high:
            raise ValueError(text)
        return low + high
    address, slash, length = text.partition("/")
    packed = conversions.ip(address)[1]
    if not slash:
        return packed + packed
    width = 128 if ":" in address else 32
    if not (length.isascii() and length.isdecimal() and int(length) <= width):
        raise ValueError(text)
    rest = (1 << (width - int(length))) - 1
    number = int.from_bytes(packed, "big")
    return (number & ~rest).to_bytes(16, "big") + (number | rest).to_bytes(16, "big")


def _compare_with_kibana(values: ValueList, kind: str, size: int, report: Report) -> None:
    most = _KIBANA_RANGES if kind == "ip_range" else _KIBANA_ITEMS
    if kind == "text" or size >= most:
        why = "of type text" if kind == "text" else f"of {size:,} values"
        message = (
            f"Value list [{values.id}] is {why}: it is applied here, Kibana does not apply such a list to EQL rules"
        )
        report(Diagnostic(KIBANA_DIFFERS, Severity.NOTE, message, path=str(values.path)))
