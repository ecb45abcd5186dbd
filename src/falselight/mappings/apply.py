"""Windows events as ECS documents and Arrow batches, by the mapping tables (see ``plans``).

The target is what Elastic's ingest pipelines of the Windows integration and of Winlogbeat index, field by field."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from falselight.documents import METADATA
from falselight.mappings.conversions import Document, append
from falselight.mappings.plans import DATA, FIELD, Plan, Step, names, plan
from falselight.mappings.windows_wanted import needs
from falselight.readers.windows_event import (
    AUDIT_FAILURE,
    AUDIT_SUCCESS,
    CLASSIC,
    LEVELS,
    WindowsEvent,
    epoch_nanoseconds,
    text_of,
)

WELL_KNOWN = {
    "S-1-5-18": {"name": "SYSTEM", "domain": "NT AUTHORITY", "type": "Well Known Group"},
    "S-1-5-19": {"name": "LOCAL SERVICE", "domain": "NT AUTHORITY", "type": "Well Known Group"},
    "S-1-5-20": {"name": "NETWORK SERVICE", "domain": "NT AUTHORITY", "type": "Well Known Group"},
}
LONGEST = (1 << 63) - 1
DATES = frozenset({"event.created"})
ALWAYS_LISTS = frozenset({"event.category", "event.type"})
TEXTS = pa.list_(pa.string())
TYPES = {str: pa.string(), int: pa.int64(), bool: pa.bool_(), float: pa.float64()}


def apply(events: list[tuple[int, WindowsEvent]], wanted: frozenset[str] | None = None) -> pa.RecordBatch:
    """One row an event: ``_record`` and ``_time`` (int64, ns), and a column for each field that some event fills.

    ``wanted`` names the fields to build; without it all are."""
    count = len(events)
    times: list[int | None] = [None] * count
    columns: dict[str, list[Any]] = {}
    lists: set[str] = set()
    for row, (_, event) in enumerate(events):
        document, times[row] = flat(event, wanted)
        for name, value in leaves(document):
            if wanted is not None and name not in wanted and name not in METADATA:
                continue
            column = columns.get(name)
            if column is None:
                column = columns[name] = [None] * count
            column[row] = value
            if value.__class__ is list:
                lists.add(name)
    arrays: dict[str, pa.Array] = {
        "_record": pa.array([number for number, _ in events], pa.int64()),
        "_time": pa.array(times, pa.int64()),
    }
    for name, column in columns.items():
        arrays[name] = array(column, name in lists or name in ALWAYS_LISTS)
    return pa.RecordBatch.from_pydict(arrays)


def leaves(document: Document) -> Iterable[tuple[str, Any]]:
    """The fields of a flat document; of lists of objects, the values below each name, in their order."""
    for name, value in document.items():
        if value.__class__ is list and value and value[0].__class__ is dict:
            found: dict[str, list[Any]] = {}
            for element in value:
                for key, inner in element.items():
                    below = inner if inner.__class__ is dict else None
                    for part, each in (below or {"": inner}).items():
                        found.setdefault(f"{key}.{part}" if part else key, []).append(each)
            yield from ((f"{name}.{key}", found[key]) for key in sorted(found))
        else:
            yield name, value


def array(column: list[Any], many: bool) -> pa.Array:
    """A column of values; of lists if there are ``many``. What is not of one type is text."""
    if many:
        column = [value if value is None or value.__class__ is list else [value] for value in column]
        kinds = {each.__class__ for value in column if value is not None for each in value}
    else:
        kinds = {value.__class__ for value in column if value is not None}
    if kinds == {int, float}:
        # Arrow takes no whole number for a real one that is not exactly it.
        kinds = {float}
        column = [_real(value) for value in column]
    if len(kinds) == 1 and (kind := TYPES.get(next(iter(kinds)))) is not None:
        return pa.array(column, pa.list_(kind) if many else kind)
    # Documents of several senders may differ in what a field is.
    if many:
        return pa.array([None if value is None else [text_of(each) for each in value] for value in column], TEXTS)
    return pa.array([None if value is None else text_of(value) for value in column], pa.string())


def _real(value: Any) -> Any:
    if value.__class__ is list:
        return [_real(each) for each in value]
    return float(value) if value.__class__ is int else value


def nested(event: WindowsEvent) -> dict[str, Any]:
    """The event as Elastic's index holds it: a nested document, ``@timestamp`` in ISO 8601 with the record's digits."""
    document, time = flat(event)
    tree: dict[str, Any] = {}
    if time is not None:
        tree["@timestamp"] = iso(time)
    for name, value in document.items():
        # The names of an event's own data are the sender's: a dot in them makes no object.
        own = name.startswith(("winlog.event_data.", "winlog.user_data."))
        *parents, leaf = name.split(".", 2) if own else name.split(".")
        place = tree
        for parent in parents:
            place = place.setdefault(parent, {})
        place[leaf] = iso(value * 1_000_000) if name in DATES else value
    return tree


def iso(nanoseconds: int) -> str:
    """Epoch nanoseconds as ISO 8601 in UTC, without the zeros at the fraction's end beyond milliseconds."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    digits = f"{fraction:09d}".rstrip("0").ljust(3, "0")
    start = pa.scalar(seconds, pa.timestamp("s")).as_py()
    return f"{start.isoformat()}.{digits}Z"


def flat(event: WindowsEvent, wanted: frozenset[str] | None = None) -> tuple[Document, int | None]:
    """The event's fields by dotted name, and its ``@timestamp`` in epoch nanoseconds. ``wanted`` names those that must be among
    them."""
    if event.is_mapped:
        return dict(event.around), event.time
    document = shared(event)
    found = plan(event.provider, event.channel, event.event_id)
    time = event.time
    data = event.event_data
    if found is not None:
        data = dict(data)
        if found.data_time is not None and found.data_time in data:
            time = epoch_nanoseconds(data[found.data_time]) or time
        if found.created and event.time is not None:
            document["event.created"] = event.time // 1_000_000
        document.update(found.constants)
        for name in ALWAYS_LISTS:
            if name in document:
                document[name] = list(document[name])
        if found.split_context is not None:
            split_context(data, found.split_context, found.context_trim)
        steps = needs(event.provider, event.channel, event.event_id, wanted).steps
        _run(steps, found.missing, data, event.user_data, document)
        for name in found.drop:
            data.pop(name, None)
        _users(event, found, document)
    missing = found.missing if found is not None else frozenset[str]()
    for name, value in data.items():
        if value not in missing:
            document.setdefault("winlog.event_data." + name, value)
    for name, value in event.user_data.items():
        document["winlog.user_data." + name] = value
    return document, time


def _run(
    steps: tuple[Step, ...],
    missing: frozenset[str],
    data: dict[str, str],
    user_data: dict[str, str],
    document: Document,
) -> None:
    taken: set[str] = set()
    for step in steps:
        if step.source == DATA:
            value = data.get(step.name)
        elif step.source == FIELD:
            value = document.get(step.name)
        else:
            value = user_data.get(step.name)
        if value is None or value == "" or value in missing or (step.if_absent and step.target in document):
            continue
        if value in step.missing:
            continue
        if step.source == DATA and not step.keep:
            taken.add(step.name)
        if step.values is not None:
            value = step.values.get(value, value if step.else_keep else None)
            if value is None:
                continue
        step.convert(value, step.target, document)
    for name in taken:
        data.pop(name, None)


def split_context(data: dict[str, str], name: str, trim: str) -> None:
    """``Key = value`` lines of one value become data of their own, names without white space, values without ``trim``."""
    for line in data.pop(name, "").split("\n"):
        key, equals, value = line.partition("=")
        if equals and (kept := value.strip(trim)):
            data["".join(key.split())] = kept


def _users(event: WindowsEvent, found: Plan, document: Document) -> None:
    module = found.constants.get("event.module")
    if module is None:
        return
    if module != "security" and event.user_sid:
        document["user.id"] = event.user_sid
    if module == "powershell" and "source.user.name" in document:
        for part in ("domain", "name"):
            own = document.pop(f"user.{part}", None)
            if own is not None:
                document[f"destination.user.{part}"] = own
            connected = document.get(f"source.user.{part}")
            if connected is not None:
                document[f"user.{part}"] = connected
    if module != "security":
        for name in ("user.name", "source.user.name"):
            if name in document:
                append(document[name], "related.user", document)
    if module in {"sysmon", "sysmon_linux"}:
        for name in ("source.ip", "destination.ip"):
            if name in document:
                append(document[name], "related.ip", document)


def shared(event: WindowsEvent) -> Document:
    """The fields that every event has, as Winlogbeat gives them."""
    code = str(event.event_id)
    document: Document = {
        "event.kind": "event",
        "event.code": code,
        "event.provider": event.provider,
        "host.os.type": "windows",
        "winlog.api": "wineventlog",
        "winlog.channel": event.channel,
        "winlog.event_id": code,
        "winlog.provider_name": event.provider,
    }
    if event.computer is not None:
        document["host.name"] = document["winlog.computer_name"] = event.computer
    level = event.level_name or LEVELS.get(event.level if event.level is not None else -1)
    if level is not None:
        document["log.level"] = level
    _names(event, document)
    keywords = event.keywords
    if keywords & (AUDIT_SUCCESS | AUDIT_FAILURE):
        document["event.outcome"] = "success" if keywords & AUDIT_SUCCESS else "failure"
        document["winlog.keywords"] = ["Audit Success" if keywords & AUDIT_SUCCESS else "Audit Failure"]
    elif keywords & CLASSIC:
        document["winlog.keywords"] = ["Classic"]
    optional: tuple[tuple[str, Any], ...] = (
        ("winlog.record_id", event.record_id),
        ("winlog.process.pid", event.process_id),
        ("winlog.process.thread.id", event.thread_id),
        ("winlog.provider_guid", event.provider_guid),
        ("winlog.activity_id", event.activity_id),
        ("winlog.related_activity_id", event.related_activity_id),
        ("message", event.message),
        ("winlog.version", event.version or None),
    )
    for name, value in optional:
        if value is not None and (value.__class__ is str or value <= LONGEST):
            document[name] = value
    if event.user_sid:
        document["winlog.user.identifier"] = event.user_sid
    document.update(user(event))
    document.update(around(event))
    return document


def user(event: WindowsEvent) -> Document:
    """What is known of the event's user beside the identifier."""
    if not event.user_sid:
        return {}
    known = event.user or WELL_KNOWN.get(event.user_sid) or {}
    return {"winlog.user." + name: value for name, value in known.items()}


def around(event: WindowsEvent) -> Document:
    """What a collector says beside the event; its own host is the observer of what another computer sent it."""
    name = event.around.get("host.name")
    if not isinstance(name, str) or event.computer is None or _short(name) == _short(event.computer):
        return event.around
    return {
        "observer." + key.removeprefix("host.") if key.startswith("host.") else key: value
        for key, value in event.around.items()
    }


def _short(name: str) -> str:
    return name.partition(".")[0].lower()


def _names(event: WindowsEvent, document: Document) -> None:
    tasks, opcodes = names(event.provider)
    task = event.task_name or (tasks.get(str(event.task)) if event.task is not None else None)
    if task is not None:
        document["winlog.task"] = document["event.action"] = task
    opcode = event.opcode_name
    if opcode is None and event.opcode is not None:
        opcode = "Info" if event.opcode == 0 else opcodes.get(str(event.opcode))
    elif opcode is None and event.keywords & CLASSIC:
        opcode = "Info"  # classic events have no opcode, which Windows renders as its zero
    if opcode is not None:
        document["winlog.opcode"] = opcode
