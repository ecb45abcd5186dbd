"""The event's own tree, ``{"System": …, "EventData": …}``, as JSON: what EVTX files give, and evtx_dump writes."""

from __future__ import annotations

from typing import Any

from falselight.readers.windows_event import WindowsEvent, braced, epoch_nanoseconds, text_of, whole

_NONE: dict[str, Any] = {}


def event_of_tree(event: dict[str, Any]) -> WindowsEvent | None:
    """The event, None if it has no event id. Attributes stand in ``#attributes`` or beside in ``<name>_attributes``."""
    system = event.get("System")
    if not isinstance(system, dict):
        return None
    event_id = system.get("EventID")
    if event_id.__class__ is not int:
        event_id = whole(text_of(event_id))
        if event_id is None:
            return None
    provider = _attributes(system, "Provider")
    execution = _attributes(system, "Execution")
    correlation = _attributes(system, "Correlation")
    keywords = system.get("Keywords")
    data = event.get("EventData")
    user_data = event.get("UserData")
    return WindowsEvent(
        provider=text_of(provider.get("Name")),
        channel=text_of(system.get("Channel")),
        event_id=event_id,
        computer=text_of(system.get("Computer")) or None,
        record_id=text_of(system.get("EventRecordID")) or None,
        time=epoch_nanoseconds(text_of(_attributes(system, "TimeCreated").get("SystemTime"))),
        level=whole(system.get("Level")),
        task=whole(system.get("Task")),
        opcode=whole(system.get("Opcode")),
        keywords=(whole(keywords) or 0) & 0xFFFF_FFFF_FFFF_FFFF,
        process_id=whole(execution.get("ProcessID")),
        thread_id=whole(execution.get("ThreadID")),
        user_sid=text_of(_attributes(system, "Security").get("UserID")) or None,
        version=whole(system.get("Version")) or 0,
        provider_guid=braced(provider.get("Guid")) if "Guid" in provider else None,
        activity_id=braced(correlation.get("ActivityID")) if correlation else None,
        related_activity_id=braced(correlation.get("RelatedActivityID")) if correlation else None,
        event_data=_event_data(data) if isinstance(data, dict) else {},
        user_data=_user_data(user_data) if isinstance(user_data, dict) else {},
    )


def _attributes(system: dict[str, Any], name: str) -> dict[str, Any]:
    element = system.get(name)
    found = element.get("#attributes") if isinstance(element, dict) else system.get(name + "_attributes")
    return found if isinstance(found, dict) else _NONE


def _event_data(data: dict[str, Any]) -> dict[str, str]:
    """Named values by name; unnamed ones as ``param1``, ``param2``, …, as Winlogbeat names them."""
    found: dict[str, str] = {}
    for name, value in data.items():
        if name == "Data":
            _unnamed(value, found)
        elif name != "#attributes" and not name.endswith("_attributes"):
            text = text_of(value)
            if text:
                found[name] = text
    return found


def _unnamed(value: Any, found: dict[str, str]) -> None:
    if isinstance(value, dict):
        value = value.get("#text")
    for number, element in enumerate(value if isinstance(value, list) else [value], start=1):
        text = text_of(element)
        if text:
            found[f"param{number}"] = text


def _user_data(user_data: dict[str, Any]) -> dict[str, str]:
    for name, element in user_data.items():
        if isinstance(element, dict) and not name.startswith("#") and not name.endswith("_attributes"):
            found = {"xml_name": name}
            _flatten(element, found)
            return found
    return {}


def _flatten(element: dict[str, Any], found: dict[str, str]) -> None:
    for name, value in element.items():
        if name.startswith("#") or name.endswith("_attributes"):
            continue
        text = text_of(value)
        if text:
            found[name] = text
