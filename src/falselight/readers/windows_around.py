"""What a collector's document holds around the Windows event: the agent, the host, tags, and fields of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from falselight.columns import is_reserved
from falselight.readers.windows_event import epoch_nanoseconds, text_of

_DEEPEST = 20
_LONGEST = (1 << 63) - 1
# What a Windows event says itself, or what is the frame's.
_BEAT = frozenset(
    f"winlog.{name}"
    for name in (
        "event_id", "record_id", "version", "user.identifier", "activity_id", "provider_guid",
        "related_activity_id",
    )
)  # fmt: skip
_BEAT_6 = frozenset(
    (
        "source_name", "log_name", "event_id", "computer_name", "record_number", "level", "task", "opcode", "keywords",
        "process_id", "thread_id", "version", "provider_guid", "activity_id", "related_activity_id", "message", "type",
    )
)  # fmt: skip
_TIMES = ("event.created", "winlog.time_created")
_OWN = frozenset(("@timestamp", "event.code"))
_DATA = ("winlog.event_data.", "winlog.user_data.", "event_data.", "user_data.", "user.")


def around_beat(document: dict[str, Any]) -> dict[str, Any]:
    """The fields that a Winlogbeat 7 or later, or an Elastic Agent, gives beside the event."""
    return _kept(document, _BEAT | _OWN, _DATA[:2])


def around_beat_6(document: dict[str, Any]) -> dict[str, Any]:
    """The fields that a Winlogbeat 6 gives beside the event; its ``host`` as ``host.hostname``."""
    found = _kept(document, _BEAT_6 | _OWN, _DATA[2:])
    if "host" in found:
        found.setdefault("host.hostname", found.pop("host"))
    return found


def whole_document(document: dict[str, Any]) -> dict[str, Any]:
    """All fields of a document that is ECS already."""
    return _kept(document, _OWN - {"event.code"}, ())


def _kept(document: dict[str, Any], without: frozenset[str], below: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in _leaves(document):
        if name in without or name.startswith(below) or is_reserved(name):
            continue
        found[name] = value
    for name in _TIMES:
        time = epoch_nanoseconds(text_of(found.pop(name, None)))
        if time is not None:
            found[name] = time // 1_000_000
    return found


def _leaves(document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Values and lists of values by dotted name; what lies deeper than documents go is left out."""
    pending: list[tuple[str, Any, int]] = [(name, value, 1) for name, value in reversed(document.items())]
    while pending:
        name, value, depth = pending.pop()
        if isinstance(value, list) and any(isinstance(element, dict) for element in value):
            keys = dict.fromkeys(key for element in value if isinstance(element, dict) for key in element)
            value = {key: [each[key] for each in value if isinstance(each, dict) and key in each] for key in keys}
        if isinstance(value, dict):
            if depth < _DEEPEST:
                pending.extend((f"{name}.{key}", inner, depth + 1) for key, inner in reversed(value.items()))
            continue
        if isinstance(value, list):
            scalars = [made for each in value if not isinstance(each, list) and (made := _scalar(each)) is not None]
            if scalars:
                yield name, _alike(scalars)
        elif (made := _scalar(value)) is not None:
            yield name, made


def _scalar(value: Any) -> Any:
    if value.__class__ is int and not -_LONGEST <= value <= _LONGEST:
        return str(value)
    return value


def _alike(values: list[Any]) -> list[Any]:
    return values if len({value.__class__ for value in values}) == 1 else [text_of(value) for value in values]
