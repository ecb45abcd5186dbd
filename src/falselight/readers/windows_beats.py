"""Documents of Winlogbeat 6 to 9 and of Elastic Agents as Windows events."""

from __future__ import annotations

from typing import Any

from falselight.mappings.plans import plan
from falselight.readers.windows_around import around_beat, around_beat_6, whole_document
from falselight.readers.windows_event import WindowsEvent, epoch_nanoseconds, name_of, text_of, whole

_LEVEL_NUMBERS = {"critical": 1, "error": 2, "warning": 3, "information": 4, "verbose": 5}
_KEYWORD_BITS = {"Audit Success": 1 << 53, "Audit Failure": 1 << 52, "Classic": 1 << 55}


def would_have_category(document: dict[str, Any]) -> bool:
    """Whether the pipeline of this event gives it a category."""
    event = beat_event(document)
    found = None if event is None else plan(event.provider, event.channel, event.event_id)
    return found is not None and "event.category" in found.constants


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {name: text for name, inner in value.items() if (text := text_of(inner))}


def _inner(value: Any, *names: str) -> Any:
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _unfolded(document: dict[str, Any]) -> dict[str, Any]:
    """A document whose dotted ``winlog.…`` keys are nested."""
    winlog: dict[str, Any] = {}
    for key, value in document.items():
        if key.startswith("winlog."):
            first, _, rest = key[7:].partition(".")
            if rest and first in {"event_data", "user_data", "user"}:
                winlog.setdefault(first, {})[rest] = value
            elif key.startswith("winlog.process."):
                target = winlog.setdefault("process", {})
                target.update({"pid": value} if rest == "pid" else {"thread": {"id": value}})
            else:
                winlog[key[7:]] = value
    return {**document, "winlog": winlog}


def beat_event(document: dict[str, Any]) -> WindowsEvent | None:
    """The event of a document of Winlogbeat 7 or later, or of an Elastic Agent; None without an event id."""
    if not isinstance(document.get("winlog"), dict):
        document = _unfolded(document)
    winlog = document["winlog"]
    event_id = whole(winlog.get("event_id"))
    if event_id is None:
        return None
    level = text_of(_inner(document, "log", "level") or document.get("log.level") or winlog.get("level")).lower()
    return WindowsEvent(
        provider=text_of(winlog.get("provider_name") or _inner(document, "event", "provider")),
        channel=text_of(winlog.get("channel")),
        event_id=event_id,
        computer=text_of(winlog.get("computer_name")) or None,
        record_id=text_of(winlog.get("record_id")) or None,
        time=_first_time(winlog.get("time_created"), document.get("@timestamp")),
        level=_LEVEL_NUMBERS.get(level),
        level_name=level or None,
        task=None,
        opcode=whole(winlog.get("opcode")),
        opcode_name=name_of(winlog.get("opcode")),
        keywords=_keywords(winlog.get("keywords")),
        process_id=whole(_inner(winlog, "process", "pid")),
        thread_id=whole(_inner(winlog, "process", "thread", "id")),
        user_sid=text_of(_inner(winlog, "user", "identifier")) or None,
        version=whole(winlog.get("version")) or 0,
        provider_guid=text_of(winlog.get("provider_guid")) or None,
        activity_id=text_of(winlog.get("activity_id")) or None,
        related_activity_id=text_of(winlog.get("related_activity_id")) or None,
        task_name=text_of(winlog.get("task")) or None,
        user=_user(winlog.get("user")),
        message=text_of(document.get("message")) or None,
        event_data=_texts(winlog.get("event_data")),
        user_data=_texts(winlog.get("user_data")),
        around=around_beat(document),
    )


def _first_time(*values: Any) -> int | None:
    times = (epoch_nanoseconds(text_of(value)) for value in values)
    return next((time for time in times if time is not None), None)


def beat_6_event(document: dict[str, Any]) -> WindowsEvent | None:
    """The event of a document of Winlogbeat 6, None without an event id."""
    event_id = whole(document["event_id"])
    if event_id is None:
        return None
    level = text_of(document.get("level")).lower()
    return WindowsEvent(
        provider=text_of(document.get("source_name")),
        channel=text_of(document.get("log_name")),
        event_id=event_id,
        computer=text_of(document.get("computer_name")) or None,
        record_id=text_of(document.get("record_number")) or None,
        time=epoch_nanoseconds(text_of(document.get("@timestamp"))),
        level=_LEVEL_NUMBERS.get(level),
        level_name=level or None,
        opcode=whole(document.get("opcode")),
        opcode_name=name_of(document.get("opcode")),
        keywords=_keywords(document.get("keywords")),
        process_id=whole(document.get("process_id")),
        thread_id=whole(document.get("thread_id")),
        user_sid=text_of(_inner(document, "user", "identifier")) or None,
        version=whole(document.get("version")) or 0,
        provider_guid=text_of(document.get("provider_guid")) or None,
        activity_id=text_of(document.get("activity_id")) or None,
        related_activity_id=text_of(document.get("related_activity_id")) or None,
        task_name=text_of(document.get("task")) or None,
        user=_user(document.get("user")),
        message=text_of(document.get("message")) or None,
        event_data=_texts(document.get("event_data")),
        user_data=_texts(document.get("user_data")),
        around=around_beat_6(document),
    )


def _user(value: Any) -> dict[str, str] | None:
    texts = _texts(value)
    found = {part: text for part, text in texts.items() if part in {"name", "domain", "type"}}
    return found or None


def _keywords(value: Any) -> int:
    mask = 0
    for name in value if isinstance(value, list) else [value]:
        mask |= _KEYWORD_BITS.get(name, 0) if isinstance(name, str) else 0
    return mask


def mapped_event(document: dict[str, Any]) -> WindowsEvent | None:
    """A document that is ECS already, as others of a dump are, None if it has no time."""
    time = epoch_nanoseconds(text_of(document.get("@timestamp")))
    if time is None:
        return None
    return WindowsEvent(time=time, around=whole_document(document), is_mapped=True)
