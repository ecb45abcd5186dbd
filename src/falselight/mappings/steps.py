"""Named conversions of columns that any source may use: copies, numbers, dates, translations, lists."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from falselight import timestamps
from falselight.mappings import columnar
from falselight.mappings.records import Convert, Frame, Step


def copy(frame: Frame, step: Step) -> None:
    """The column as it is; a constant stays one. The first source that has values wins row by row."""
    name = step.sources[0]
    if name in frame.constants:
        frame.constants[step.targets[0]] = frame.constants[name]
        return
    values = frame.get(name)
    if values is None:
        return
    for target in step.targets:
        known = frame.columns.get(target) if step.options.get("absent") or step.moves else None
        left, right = (known, values) if step.options.get("absent") else (values, known)
        frame.put(target, values if known is None else columnar.either(left, right))


def drop(frame: Frame, step: Step) -> None:
    """Takes the sources, and all that stands below them, away."""
    for name in step.sources:
        for column in [known for known in frame.columns if known == name or known.startswith(name + ".")]:
            frame.take_out(column)


def string(frame: Frame, step: Step) -> None:
    """The value as text; lists stay."""
    values = frame.get(step.sources[0])
    if values is not None and not pa.types.is_list(values.type):
        frame.put(step.targets[0], columnar.as_text(values))


def integer(frame: Frame, step: Step) -> None:
    """A whole number of 64 bits; what is none is left out and counted."""
    values = frame.get(step.sources[0])
    if values is not None:
        frame.put(step.targets[0], columnar.whole(values, frame.malformed, step.sources[0]))


def number(frame: Frame, step: Step) -> None:
    """A number; what is none is left out and counted."""
    values = frame.get(step.sources[0])
    if values is not None:
        frame.put(step.targets[0], columnar.real(values, frame.malformed, step.sources[0]))


def lower(frame: Frame, step: Step) -> None:
    """The text in lower case."""
    values = frame.get(step.sources[0])
    if values is not None and pa.types.is_string(values.type):
        frame.put(step.targets[0], pc.utf8_lower(values))


def without(frame: Frame, step: Step) -> None:
    """The text without a character, in upper case with ``upper``."""
    values = frame.get(step.sources[0])
    if values is None or not pa.types.is_string(values.type):
        return
    found = pc.replace_substring(values, step.options["text"], "")
    frame.put(step.targets[0], pc.utf8_upper(found) if step.options.get("upper") else found)


def trim_dot(frame: Frame, step: Step) -> None:
    """The name without one dot at its end."""
    values = frame.get(step.sources[0])
    if values is not None and pa.types.is_string(values.type):
        frame.put(step.targets[0], pc.replace_substring_regex(values, r"\.\z", ""))


def duration(frame: Frame, step: Step) -> None:
    """Seconds as whole nanoseconds."""
    values = frame.get(step.sources[0])
    if values is None:
        return
    seconds = columnar.real(values, frame.malformed, step.sources[0])
    fits = pc.and_(pc.greater(seconds, -9.2e9), pc.less(seconds, 9.2e9))
    held = pc.if_else(fits, seconds, pa.scalar(None, pa.float64()))
    frame.put(step.targets[0], pc.round(pc.multiply(held, 1e9)).cast(pa.int64()))


def nanoseconds(values: pa.Array, frame: Frame, name: str) -> pa.Array:
    """Epoch nanoseconds of epoch seconds or ISO 8601 texts; what is neither is null and counted."""
    if pa.types.is_list(values.type):
        values = columnar.first(values)
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        made = columnar.seconds_to_nanoseconds(values)
    elif pa.types.is_string(values.type):
        made = _parsed(values)
    else:
        made = pa.nulls(len(values), pa.int64())
    frame.malformed[name] += made.null_count - values.null_count
    return made


def far_dates(values: pa.Array, times: pa.Array) -> pa.Array | None:
    """Epoch milliseconds of all texts, where some date lies beyond what 64 bits of nanoseconds hold; None if none does."""
    if not pa.types.is_string(values.type) or times.null_count == values.null_count:
        return None

    def each(text: str | None) -> int | None:
        found = None if text is None else timestamps.parse(text, "strict_date_optional_time_nanos")
        return None if found is None else found // 1_000_000

    made = columnar.distinct(values, each, pa.int64())
    return made if made.null_count < times.null_count else None


def _parsed(values: pa.Array) -> pa.Array:
    zoned = pc.all(
        pc.match_substring_regex(values, r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)\z")
    )
    if zoned.as_py():
        try:
            return pc.cast(pc.cast(values, pa.timestamp("ns", "UTC")), pa.int64())
        except pa.ArrowInvalid:
            pass
    return columnar.distinct(values, instant, pa.int64())


def instant(text: str) -> int | None:
    """Epoch nanoseconds of ISO 8601 text or of decimal epoch seconds, None for other text or beyond 64 bits."""
    found = timestamps.parse(text, "strict_date_optional_time_nanos||strict_date_optional_time")
    if found is None:
        try:
            seconds = float(text)
        except ValueError:
            return None
        if not -9.2e9 < seconds < 9.2e9:
            return None
        found = round(seconds * 1e6) * 1000
    return found if -(2**63) <= found < 2**63 else None


def date(frame: Frame, step: Step) -> None:
    """A date as epoch milliseconds, the precision of Elasticsearch's ``date``; a later target is a copy."""
    values = frame.get(step.sources[0])
    if values is None:
        return
    far = _far_milliseconds(values)
    near = values if far is None else pc.if_else(pc.is_valid(far), pa.scalar(None, values.type), values)
    found = nanoseconds(near, frame, step.sources[0])
    whole = pc.divide(pc.subtract(found, pc.if_else(pc.less(found, 0), 999_999, 0)), 1_000_000)
    whole = whole if far is None else pc.coalesce(far, whole)
    texts = far_dates(near, found)
    if texts is not None:
        frame.malformed[step.sources[0]] -= found.null_count - texts.null_count
        whole = texts
    for target in step.targets:
        frame.put(target, whole)


def _far_milliseconds(values: pa.Array) -> pa.Array | None:
    """Epoch milliseconds of epoch seconds that are beyond 64 bits of nanoseconds (certificates are valid until 9999); None
    where no value is."""
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        return None
    seconds = pc.cast(values, pa.float64())
    far = pc.and_(pc.greater(pc.abs(seconds), 9.2e9), pc.less(pc.abs(seconds), 9.2e15))
    if not pc.any(far).as_py():
        return None
    return pc.cast(pc.floor(pc.multiply(pc.if_else(far, seconds, pa.scalar(None, pa.float64())), 1000.0)), pa.int64())


def values(frame: Frame, step: Step) -> None:
    """Translates by the table ``values``; ``default`` stands for other values, ``absent`` for none; ``keep`` keeps them.
    ``extend`` puts the result behind what the target holds for all rows."""
    column = frame.get(step.sources[0])
    table, default, absent = step.options.get("values", {}), step.options.get("default"), step.options.get("absent")
    if column is None:
        if absent is not None:
            frame.put(step.targets[0], _translated(pa.nulls(frame.rows, pa.string()), table, None, absent, []))
        return
    if pa.types.is_boolean(column.type):
        column = pc.if_else(column, "true", "false")
    target = step.targets[0]
    base = list(frame.constants.get(target, [])) if step.options.get("extend") else []
    if base and default is None:
        default = []
    if base and absent is None:
        absent = []
    frame.put(
        target, _translated(columnar.as_text(column), table, default, absent, base, step.options.get("keep", False))
    )


def _translated(
    column: pa.Array, table: dict[str, Any], default: Any, absent: Any, base: list[str], keep: bool = False
) -> pa.Array:
    samples = [*table.values(), default, absent]
    kind = pa.list_(pa.string()) if base or any(isinstance(value, list) for value in samples) else pa.string()

    def each(text: str) -> Any:
        if text == columnar.NOTHING:
            return _value(absent, base)
        return _value(table.get(text, text if keep else default), base)

    return columnar.distinct(pc.fill_null(column, columnar.NOTHING), each, kind)


def _value(value: Any, base: list[str]) -> Any:
    if not base:
        return value
    return [*base, *(value if isinstance(value, list) else [] if value is None else [value])]


def status(frame: Frame, step: Step) -> None:
    """event.outcome of a status: success below 400, failure from there."""
    column = frame.get(step.sources[0])
    if column is not None:
        codes = columnar.whole(column, frame.malformed, step.sources[0])
        frame.put(step.targets[0], pc.if_else(pc.less(codes, 400), "success", "failure"))


def total(frame: Frame, step: Step) -> None:
    """The sum of two columns; with ``any`` an absent one counts as 0 and a sum of 0 is left out."""
    left, right = (frame.get(name) for name in step.sources)
    if step.options.get("any"):
        present = [values for values in (left, right) if values is not None]
        if not present:
            return
        both = [pc.fill_null(columnar.whole(values, frame.malformed, step.sources[0]), 0) for values in present]
        summed = both[0] if len(both) == 1 else pc.add(*both)
        frame.put(step.targets[0], pc.if_else(pc.greater(summed, 0), summed, pa.scalar(None, pa.int64())))
    elif left is not None and right is not None:
        both = [columnar.whole(values, frame.malformed, step.sources[0]) for values in (left, right)]
        frame.put(step.targets[0], pc.add(*both))


def first(frame: Frame, step: Step) -> None:
    """The first of several values."""
    column = frame.get(step.sources[0])
    if column is not None:
        frame.put(step.targets[0], columnar.first(column) if pa.types.is_list(column.type) else column)


def gather(frame: Frame, step: Step) -> None:
    """All values of the sources in one list, in their order."""
    columns = [column for name in step.sources if (column := frame.get(name)) is not None]
    if not columns:
        return
    if len(columns) == 1:
        frame.put(step.targets[0], columns[0])
        return
    rows: list[list[Any] | None] = []
    for cells in zip(*(column.to_pylist() for column in columns), strict=True):
        found: list[Any] = []
        for cell in cells:
            found.extend(each for each in (cell if isinstance(cell, list) else [cell]) if each is not None)
        if step.options.get("once"):
            found = list(dict.fromkeys(found))
        rows.append(found or None)
    frame.put(step.targets[0], pa.array(rows, pa.list_(pa.string())))


def flags(frame: Frame, step: Step) -> None:
    """The names of the columns that are true, in the order of ``names``."""
    columns = [frame.get(name) for name in step.sources]
    if all(column is None for column in columns):
        return
    names = step.options["names"]

    def each(*cells: str | None) -> list[str] | None:
        return [name for name, cell in zip(names, cells, strict=True) if cell == "true"] or None

    frame.put(step.targets[0], columnar.jointly(columns, frame.rows, each, pa.list_(pa.string())))


def joined(frame: Frame, step: Step) -> None:
    """The sources with ``by`` between them, where all have a value."""
    columns = [frame.get(name) for name in step.sources]
    if all(column is not None for column in columns):
        texts = [columnar.as_text(column) for column in columns if column is not None]
        frame.put(step.targets[0], pc.binary_join_element_wise(*texts, step.options["by"]))


def default(frame: Frame, step: Step) -> None:
    """A value for the rows that have none."""
    column = frame.get(step.sources[0])
    value = step.options["value"]
    if column is None:
        frame.constants[step.targets[0]] = value
    elif isinstance(value, int):
        frame.put(step.targets[0], pc.fill_null(columnar.whole(column, frame.malformed, step.sources[0]), value))
    else:
        frame.put(step.targets[0], pc.fill_null(columnar.as_text(column), value))


def pattern(frame: Frame, step: Step) -> None:
    """The named groups of ``pattern`` (RE2), each a field below the target."""
    column = frame.get(step.sources[0])
    if column is None:
        return
    found = pc.extract_regex(columnar.as_text(column), step.options["pattern"])
    for at, group in enumerate(found.type):
        values = pc.struct_field(found, [at])
        values = pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)
        frame.put(f"{step.targets[0]}.{group.name}".lstrip("."), values)


CONVERSIONS: dict[str, Convert] = {
    made.__name__: made
    for made in (
        copy, drop, string, integer, number, lower, without, trim_dot, duration, date, values, status, total, first,
        gather, flags, joined, default, pattern,
    )
}  # fmt: skip
