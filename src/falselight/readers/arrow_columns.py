"""A batch of nested Arrow columns as raw columns by dotted name, in the types that mappings know: text, whole and real numbers,
truth values, and lists of these. Lists of objects give a list for each of their leaves; maps of few keys are as objects.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from falselight.readers.json_columns import leaves
from falselight.readers.json_shapes import MAX_FIELDS

_MOST_KEYS = 200
_KEY = re.compile(r"[A-Za-z0-9_.-]{1,100}")


def columns(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    """The columns of a batch; beyond ``MAX_FIELDS`` none."""
    found: dict[str, pa.Array] = {}
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        # Arrays that are parts of others do not take a mask.
        for leaf, column in leaves(name, pa.concat_arrays([values])):
            for full, plain in _unmapped(leaf, column):
                if len(found) < MAX_FIELDS or full in found:
                    found[full] = plain
    return found


def mended(values: pa.Array) -> tuple[pa.Array, int]:
    """A column whose texts are valid UTF-8, with replacement characters for bytes that are not; and in how many texts."""
    if pa.types.is_list(values.type):
        inner, count = mended(values.values)
        made = pa.ListArray.from_arrays(values.offsets, inner, mask=pc.is_null(values)) if count else values
        return made, count
    if not pa.types.is_string(values.type) or _is_valid(values):
        return values, 0
    cells = values.cast(pa.binary()).to_pylist()
    texts = [None if cell is None else cell.decode("utf-8", "replace") for cell in cells]
    count = sum(text is not None and cell != text.encode() for cell, text in zip(cells, texts, strict=True))
    return pa.array(texts, pa.string()), count


def _is_valid(values: pa.Array) -> bool:
    try:
        values.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _unmapped(name: str, values: pa.Array) -> Iterator[tuple[str, pa.Array]]:
    if not pa.types.is_map(values.type):
        yield name, _plain(values)
        return
    keys = pc.unique(values.keys).to_pylist()
    if len(keys) > _MOST_KEYS or not all(isinstance(key, str) and _KEY.fullmatch(key) for key in keys):
        yield name, _json(values)
        return
    rows = [dict(row) if row is not None else {} for row in values.to_pylist()]
    for key in keys:
        held = pa.array([row.get(key) for row in rows], values.type.item_type)
        yield from ((leaf, _plain(column)) for leaf, column in leaves(f"{name}.{key}", held))


def _plain(values: pa.Array) -> pa.Array:
    """The values in a type that mappings know."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _plain(values.dictionary_decode())
    if pa.types.is_list(kind) and not pa.types.is_nested(kind.value_type):
        return pa.ListArray.from_arrays(values.offsets, _plain(values.values), mask=pc.is_null(values))
    if (
        pa.types.is_string(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_null(kind)
        or kind in (pa.int64(), pa.float64())
    ):
        return values
    if (
        pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_date(kind)
        or pa.types.is_time(kind)
    ):
        return values.cast(pa.string())
    if pa.types.is_timestamp(kind):
        return pc.strftime(values.cast(pa.timestamp(kind.unit, "UTC")), format="%Y-%m-%dT%H:%M:%SZ")
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return values.cast(pa.int64())
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return values.cast(pa.float64(), safe=False)
    return _json(values)


def _json(values: pa.Array) -> pa.Array:
    """Each value as the text of its JSON."""
    cells = values.to_pylist()
    texts = [
        None if cell is None else orjson.dumps(cell, default=_text, option=orjson.OPT_NON_STR_KEYS).decode()
        for cell in cells
    ]
    return pa.array(texts, pa.string())


def _text(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
