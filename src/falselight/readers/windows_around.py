"""What a collector's document holds around the Windows event: the agent, the host, tags, and fields of its own."""

from __future__ import annotations

from typing import Any

import orjson

from falselight.columns import is_reserved
from falselight.readers.windows_event import epoch_nanoseconds, text_of

_DEEPEST, _MOST_NAMES = 20, 4_096
_ITS_OWN = frozenset(("host", "agent", "ecs", "cloud", "elastic_agent", "data_stream"))
_MOST_SAME, _LONGEST_SAME = 1_024, 4_096
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


class _Rule:
    """Which fields stay: not those of these names, nor those whose names begin so. What a collector says of itself, the same
    in most events, is looked at once."""

    def __init__(self, without: frozenset[str], below: tuple[str, ...]) -> None:
        self._without = without
        self._below = below
        self._known: dict[str, bool] = {}
        self._same: dict[tuple[str, bytes], dict[str, Any]] = {}

    def kept(self, document: dict[str, Any]) -> dict[str, Any]:
        """Values and lists of values by dotted name, times as numbers."""
        found: dict[str, Any] = {}
        for key, value in document.items():
            if key in _ITS_OWN and value.__class__ is dict:
                found.update(self._once(key, value))
            else:
                _fill(found, "", {key: value}, self, 1)
        for name in _TIMES:
            time = epoch_nanoseconds(text_of(found.pop(name, None)))
            if time is not None:
                found[name] = time // 1_000_000
        return found

    def _once(self, key: str, value: dict[str, Any]) -> dict[str, Any]:
        text = orjson.dumps(value)
        known = self._same.get((key, text))
        if known is None:
            known = {}
            _fill(known, "", {key: value}, self, 1)
            if len(self._same) >= _MOST_SAME:
                self._same.clear()
            if len(text) <= _LONGEST_SAME:
                self._same[key, text] = known
        return known

    def keeps(self, name: str) -> bool:
        known = self._known.get(name)
        if known is None:
            if len(self._known) >= _MOST_NAMES:
                self._known.clear()
            known = name not in self._without and not name.startswith(self._below) and not is_reserved(name)
            self._known[name] = known
        return known

    def enters(self, name: str) -> bool:
        """Whether something below this name may stay."""
        return not f"{name}.".startswith(self._below)


_AROUND_BEAT = _Rule(_BEAT | _OWN, _DATA[:2])
_AROUND_BEAT_6 = _Rule(_BEAT_6 | _OWN, _DATA[2:])
_WHOLE = _Rule(_OWN - {"event.code"}, ())


def around_beat(document: dict[str, Any]) -> dict[str, Any]:
    """The fields that a Winlogbeat 7 or later, or an Elastic Agent, gives beside the event."""
    return _AROUND_BEAT.kept(document)


def around_beat_6(document: dict[str, Any]) -> dict[str, Any]:
    """The fields that a Winlogbeat 6 gives beside the event; its ``host`` as ``host.hostname``."""
    found = _AROUND_BEAT_6.kept(document)
    if "host" in found:
        found.setdefault("host.hostname", found.pop("host"))
    return found


def whole_document(document: dict[str, Any]) -> dict[str, Any]:
    """All fields of a document that is ECS already."""
    return _WHOLE.kept(document)


def _fill(found: dict[str, Any], before: str, values: dict[str, Any], rule: _Rule, depth: int) -> None:
    """Values and lists of values by dotted name; what lies deeper than documents go is left out."""
    for key, value in values.items():
        name = before + key
        if value.__class__ is str:
            if rule.keeps(name):
                found[name] = value
            continue
        if isinstance(value, list) and any(isinstance(element, dict) for element in value):
            keys = dict.fromkeys(key for element in value if isinstance(element, dict) for key in element)
            value = {key: [each[key] for each in value if isinstance(each, dict) and key in each] for key in keys}
        if isinstance(value, dict):
            if depth < _DEEPEST and rule.enters(name):
                _fill(found, name + ".", value, rule, depth + 1)
        elif rule.keeps(name):
            made = _values(value) if isinstance(value, list) else _scalar(value)
            if made is not None:
                found[name] = made


def _values(values: list[Any]) -> list[Any] | None:
    scalars = [made for each in values if not isinstance(each, list) and (made := _scalar(each)) is not None]
    return _alike(scalars) if scalars else None


def _scalar(value: Any) -> Any:
    if value.__class__ is int and not -_LONGEST <= value <= _LONGEST:
        return str(value)
    return value


def _alike(values: list[Any]) -> list[Any]:
    return values if len({value.__class__ for value in values}) == 1 else [text_of(value) for value in values]
