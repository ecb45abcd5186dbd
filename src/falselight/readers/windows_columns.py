"""Event trees of one kind as columns, parsed in compiled code where that provably equals the record-wise reading.

The texts of a kind agree up to their ``TimeCreated``: provider, event id, level, task, opcode, keywords. What follows is
parsed with the shape learnt from a sample; the parser fails on any departure (another type, an unknown or duplicate
name, damage), and those records are then read one by one.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as arrow_json

from falselight.columns import is_reserved, nanoseconds
from falselight.readers.windows_event import Unsuitable, WindowsEvent, epoch_nanoseconds, text_of
from falselight.readers.windows_tree import event_of_tree

TIME = b'"TimeCreated"'
_OPENING = b'{"System":{'
_SPACE = b" \t\r\n"
_SAMPLES, _MOST_SHAPES, _LONGEST_HEAD = 24, 4_096, 4_096
_PARSE_BYTES = 4 << 20
_ARROW = {str: pa.string(), int: pa.int64(), bool: pa.bool_()}
_SYSTEM: dict[str, Any] = {
    "TimeCreated": {"#attributes": {"SystemTime": pa.string()}},
    "EventRecordID": pa.int64(),
    "Correlation": {"#attributes": {"ActivityID": pa.string(), "RelatedActivityID": pa.string()}},
    "Execution": {"#attributes": {"ProcessID": pa.int64(), "ThreadID": pa.int64()}},
    "Channel": pa.string(),
    "Computer": pa.string(),
    "Security": {"#attributes": {"UserID": pa.string()}},
}
_GUID = r"\A[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}\z"
_CLOCK_LENGTH = len("2026-01-02 03:04:05.678")
_GUID_LENGTH, _LINE_END = 36, ord("\n")
_CLOCK = r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z?\z"


# Made once: a scalar costs more to make than a short column to compare.
NO_TEXT = pa.scalar(None, pa.string())
_EMPTY, _OPEN, _CLOSE, _ZULU = (pa.scalar(text) for text in ("", "{", "}", "Z"))


@dataclass(slots=True)
class EventColumns:
    """Records of one kind. ``head`` holds what all share. Columns are absent if no record has a value; ``time`` is int64
    epoch nanoseconds, process and thread int64, all others strings. ``data`` has no empty strings; ``integers`` holds
    the columns of ``data`` that the records write as integers; ``user_data`` has its element's name as ``xml_name``.
    ``beside`` has fields that stand beside the event, the user's among them."""

    head: WindowsEvent
    rows: int
    time: pa.Array | None = None
    system: dict[str, pa.Array] = field(default_factory=dict)
    data: dict[str, pa.Array] = field(default_factory=dict)
    integers: dict[str, pa.Array] = field(default_factory=dict)
    user_data: dict[str, pa.Array] = field(default_factory=dict)
    beside: dict[str, pa.Array] | None = None


def kind_of(text: bytes) -> bytes:
    """Records with equal kinds may be read together; an empty kind is none."""
    return text[: max(text.find(TIME, 0, _LONGEST_HEAD), 0)]


def head_of(kind: bytes, text: bytes) -> WindowsEvent:
    """What all records of a kind share, and the channel of one of them. Raises ``Unsuitable``."""
    try:
        # A name that holds the mark would be cut in two, which is no JSON.
        tree = orjson.loads(kind.rstrip(b",") + b"}}}")["Event"]
        whole = orjson.loads(text)["Event"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise Unsuitable(str(error)) from error
    if not isinstance(tree, dict) or set(tree) - {"#attributes", "System"}:
        raise Unsuitable("not an event's head")
    head, event = event_of_tree(tree), event_of_tree(whole)
    if head is None or event is None:
        raise Unsuitable("no event id")
    head.channel = event.channel
    return head


class Lines:
    """Records of one kind as lines of JSON. ``wanted`` names the data that counts, None says all; ``shapes`` keeps what
    was learnt of each kind. Raises ``Unsuitable``."""

    def __init__(
        self,
        head: WindowsEvent,
        kind: bytes,
        texts: list[bytes],
        wanted: frozenset[str] | None,
        shapes: dict[bytes, Any],
    ) -> None:
        self._head = head
        self._kind = kind
        self._wanted = wanted
        self._shapes = shapes
        cut = len(kind)
        self._rests = [text[cut:-2] if text[-2:] == b"}\n" else text.strip(_SPACE)[cut:-1] for text in texts]
        self._text = _OPENING + (b"\n" + _OPENING).join(self._rests)
        if kind not in shapes:
            if len(shapes) >= _MOST_SHAPES:
                shapes.clear()
            shapes[kind] = _tree(self._rests, wanted)

    def columns(self) -> EventColumns:
        """The records by the shape that is known; where it fails, by one learnt of all of them."""
        tree = self._shapes[self._kind]
        try:
            parsed = self._read(tree)
        except Unsuitable:
            tree = _tree(self._rests, self._wanted, len(self._rests))
            try:
                parsed = self._read(tree)
            except Unsuitable:
                # There may be numbers beyond 63 bits.
                tree = _unsigned(tree)
                parsed = self._read(tree)
            self._shapes[self._kind] = tree
        if parsed.num_rows != len(self._rests):
            raise Unsuitable("a record that is no line")
        return _columns(self._head, parsed, tree)

    def _read(self, tree: Mapping[str, Any]) -> pa.Table:
        everything = self._wanted is None or isinstance(tree.get("UserData"), dict)
        try:
            return arrow_json.read_json(
                io.BytesIO(self._text),
                read_options=arrow_json.ReadOptions(
                    use_threads=len(self._text) > _PARSE_BYTES,
                    block_size=max(_PARSE_BYTES, 2 * max(map(len, self._rests))),
                ),
                parse_options=arrow_json.ParseOptions(
                    explicit_schema=pa.schema(_fields(tree)),
                    unexpected_field_behavior="error" if everything else "ignore",
                ),
            )
        except pa.ArrowInvalid as error:
            raise Unsuitable(str(error)) from error


def _unsigned(tree: dict[str, Any]) -> dict[str, Any]:
    data = tree.get("EventData")
    if not isinstance(data, dict) or pa.int64() not in data.values():
        raise Unsuitable("not as the sample")
    return {**tree, "EventData": {name: pa.uint64() if kind == pa.int64() else kind for name, kind in data.items()}}


def _tree(rests: list[bytes], wanted: frozenset[str] | None, samples: int = _SAMPLES) -> dict[str, Any]:
    """The shape of what follows the kind: names to subtrees, or to Arrow types; the null type stands for no value."""
    known: dict[str, Any] = {}
    for rest in rests[:: max(1, len(rests) // samples)]:
        try:
            _learn(known, orjson.loads(_OPENING + rest))
        except orjson.JSONDecodeError as error:
            raise Unsuitable(str(error)) from error
    system, data, user_data = (known.get(name, pa.null()) for name in ("System", "EventData", "UserData"))
    if not isinstance(system, dict) or not _within(system, _SYSTEM):
        raise Unsuitable("an odd System")
    if _place(system, "TimeCreated", "#attributes", "SystemTime") is None:
        raise Unsuitable("no time")
    if isinstance(user_data, dict):
        inner = [below for name, below in user_data.items() if _is_value(name)]
        if len(inner) != 1 or not isinstance(inner[0], dict) or data != pa.null():
            raise Unsuitable("several elements of UserData")
        if any(isinstance(kind, dict) for name, kind in inner[0].items() if _is_value(name)):
            raise Unsuitable("elements below those of UserData")
        return known
    if user_data != pa.null() or not (isinstance(data, dict) or data == pa.null()):
        raise Unsuitable("odd data")
    if isinstance(data, dict):
        named = {name: kind for name, kind in data.items() if _is_value(name)}
        if "Data" in data or any(isinstance(kind, dict) for kind in named.values()):
            raise Unsuitable("values without names")
        if wanted is not None:
            known["EventData"] = {name: named.get(name, pa.null()) for name in sorted(wanted | {"Data"})}
    if wanted is not None:
        known = {"UserData": pa.null(), **{name: known[name] for name in ("System", "EventData") if name in known}}
    return known


def _is_value(name: str) -> bool:
    return name != "#attributes" and not name.endswith("_attributes")


def _learn(known: dict[str, Any], value: dict[str, Any]) -> None:
    for name, inner in value.items():
        before = known.get(name, pa.null())
        if isinstance(inner, dict) and inner:
            if before == pa.null():
                before = known[name] = {}
            if not isinstance(before, dict):
                raise Unsuitable(name)
            _learn(before, inner)
        elif inner is None:
            known.setdefault(name, pa.null())
        else:
            kind = _ARROW.get(inner.__class__)
            if kind is None or (before != kind and before != pa.null()):
                raise Unsuitable(name)
            known[name] = kind


def _within(tree: Mapping[str, Any], allowed: Mapping[str, Any]) -> bool:
    """Whether the tree holds nothing but what is allowed, or nothing in its place."""
    for name, kind in tree.items():
        if isinstance(kind, dict):
            if not isinstance(allowed.get(name), dict) or not _within(kind, allowed[name]):
                return False
        elif name not in allowed or (kind != pa.null() and kind != allowed[name]):
            return False
    return True


def _place(tree: Any, *names: str) -> pa.DataType | None:
    for name in names:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return None if tree is None or isinstance(tree, dict) or tree == pa.null() else tree


def _fields(tree: Mapping[str, Any]) -> list[pa.Field]:
    return [pa.field(name, pa.struct(_fields(kind)) if isinstance(kind, dict) else kind) for name, kind in tree.items()]


def _leaves(parsed: pa.Table, tree: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], pa.Array]]:
    """The parsed leaves by the names that lead to them, without those that no record fills."""
    for name, kind in tree.items():
        column = parsed.column(name).combine_chunks()
        column = pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column
        pending: list[tuple[tuple[str, ...], pa.Array, Any]] = [((name,), column, kind)]
        while pending:
            names, values, below = pending.pop()
            if isinstance(below, dict):
                flat = values.flatten()
                pending.extend(
                    ((*names, part), values_of, inner)
                    for (part, inner), values_of in zip(below.items(), flat, strict=True)
                )
            elif below != pa.null() and values.null_count < len(values):
                yield names, values


def _columns(head: WindowsEvent, parsed: pa.Table, tree: Mapping[str, Any]) -> EventColumns:
    found = EventColumns(head, parsed.num_rows)
    for names, values in _leaves(parsed, tree):
        name = names[-1]
        if names[0] == "System":
            if name == "SystemTime":
                found.time = clock(values)
            elif name in {"ProcessID", "ThreadID"}:
                found.system[name] = values
            else:
                found.system[name] = filled(texts_of(values))
        elif names[0] == "EventData" and len(names) == 2 and _is_value(name):
            if is_reserved(name):
                raise Unsuitable(name)
            if values.type == pa.int64():
                found.integers[name] = values
            found.data[name] = filled(texts_of(values))
        elif names[0] == "UserData" and len(names) == 3 and _is_value(names[1]) and _is_value(name):
            found.user_data[name] = filled(texts_of(values))
    _name_user_data(found, parsed, tree.get("UserData"))
    channel = found.system.get("Channel")
    if channel is not None and (
        channel.null_count or not pc.all(pc.equal(channel, pa.array([head.channel])[0])).as_py()
    ):
        raise Unsuitable("several channels")
    return found


def _name_user_data(found: EventColumns, parsed: pa.Table, tree: Any) -> None:
    if not isinstance(tree, dict):
        return
    element = next(name for name in tree if _is_value(name))
    if pc.struct_field(parsed.column("UserData"), [element]).null_count:
        raise Unsuitable("no UserData in some records")
    if "xml_name" not in found.user_data:
        found.user_data = {"xml_name": pa.repeat(pa.array([element])[0], found.rows), **found.user_data}


def filled(values: pa.Array) -> pa.Array:
    """Without the empty strings: they are no values."""
    lengths = np.diff(_ends(values))
    if np.count_nonzero(lengths) + values.null_count == len(values):
        return values
    return pc.if_else(pc.equal(values, _EMPTY), NO_TEXT, values)


def texts_of(values: pa.Array) -> pa.Array:
    """``windows_event.text_of`` of every value."""
    if not pa.types.is_string(values.type):
        return values.cast(pa.string())
    ends = _ends(values)
    if (np.diff(ends) == _GUID_LENGTH).any():
        guids = pc.match_substring_regex(values, _GUID)
        if pc.all(guids).as_py():
            return pc.binary_join_element_wise(_OPEN, pc.utf8_lower(values), _CLOSE, _EMPTY)
        return _each(values)
    data = values.buffers()[2]
    held = np.frombuffer(data, np.uint8, int(ends[-1] - ends[0]), int(ends[0])) if data is not None else ends[:0]
    return _each(values) if (held == _LINE_END).any() else values


def _ends(values: pa.Array) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Where each text ends among the bytes of all, behind where the first begins."""
    return np.frombuffer(values.buffers()[1], np.int32, len(values) + 1, 4 * values.offset)


def _each(values: pa.Array) -> pa.Array:
    encoded = values.dictionary_encode()
    made = [text_of(value) for value in encoded.dictionary.to_pylist()]
    return pa.array(made, pa.string()).take(encoded.indices)


def clock(values: pa.Array) -> pa.Array:
    """``windows_event.epoch_nanoseconds`` of every text."""
    if not values.null_count and (np.diff(_ends(values)) == _CLOCK_LENGTH).all():
        try:
            return pc.cast(pc.cast(values, pa.timestamp("ns")), pa.int64())
        except pa.ArrowInvalid:
            pass  # not all are such times
    if pc.all(pc.match_substring_regex(values, _CLOCK)).as_py():
        made = nanoseconds(pc.binary_join_element_wise(_iso(values), _ZULU, _EMPTY) if _bare(values) else _iso(values))
        if made is not None:
            return made
    encoded = values.dictionary_encode()
    times = [epoch_nanoseconds(value) for value in encoded.dictionary.to_pylist()]
    return pa.array(times, pa.int64()).take(encoded.indices)


def _iso(values: pa.Array) -> pa.Array:
    return pc.replace_substring(values, " ", "T")


def _bare(values: pa.Array) -> bool:
    return not pc.any(pc.ends_with(values, "Z")).as_py()
