"""The XML of a scheduled task in events 4698 to 4702, as Elastic's scheduled_task pipeline takes it apart."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from falselight.mappings import xml_values
from falselight.mappings.conversions import Conversion, Document

_MOST = 1_000
_TRIGGERS = {
    "boottrigger": "boot", "wnfstatechangetrigger": "wnf_state_change", "timetrigger": "time",
    "calendartrigger": "calendar", "logontrigger": "logon", "registrationtrigger": "registration",
    "sessionstatechangetrigger": "session_state_change", "eventtrigger": "event", "idletrigger": "idle",
}  # fmt: skip
_ACTIONS = {
    "exec": ("exec", {"command": "command", "arguments": "arguments", "workingdirectory": "working_directory"}),
    "comhandler": ("com_handler", {"classid": "class_id"}),
}
_ACTION_KEYS = ("type", "context", "command", "arguments", "working_directory", "class_id")
_TRIGGER_KEYS = ("type", "enabled", "interval", "duration", "stop_at_duration_end")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def scheduled_task(value: str, target: str, document: Document) -> None:
    """``<target>.uri``, ``.principals``, ``.settings``, ``.triggers`` and ``.actions`` of a task's XML."""
    root = xml_values.root(value, "<Task")
    if root is None:
        return
    task = {xml_values.name(child): child for child in root}
    uri = _text(_child(task.get("registrationinfo"), "uri"))
    if uri is not None:
        document[target + ".uri"] = uri
    for name in ("enabled", "hidden"):
        setting = _boolean(_child(task.get("settings"), name))
        if setting is not None:
            document[f"{target}.settings.{name}"] = setting
    lists = {
        "principals": [_principal(each) for each in _children(task.get("principals"), "principal")],
        "triggers": [
            _trigger(each, kind) for tag, kind in _TRIGGERS.items() for each in _children(task.get("triggers"), tag)
        ],
        "actions": _actions(task.get("actions")),
    }
    for name, found in lists.items():
        if kept := [each for each in found if each][:_MOST]:
            document[f"{target}.{name}"] = kept


def _actions(actions: ElementTree.Element | None) -> list[dict[str, Any]]:
    found = []
    context = None if actions is None else actions.attrib.get("Context")
    for tag, (kind, keys) in _ACTIONS.items():
        for element in _children(actions, tag):
            action: dict[str, Any] = {"type": kind, **({"context": context} if context else {})}
            for name, key in keys.items():
                text = _text(_child(element, name))
                if text is not None:
                    action[key] = text
            found.append({**action, "definition": _definition(action, _ACTION_KEYS)})
    return found


def _principal(element: ElementTree.Element) -> dict[str, Any]:
    texts = {
        "id": element.attrib.get("id"),
        "user": _text(_child(element, "userid")),
        "group": _text(_child(element, "groupid")),
        "logon": _text(_child(element, "logontype")),
        "run_level": _text(_child(element, "runlevel")),
    }
    inner = {"user": "identifier", "group": "identifier", "logon": "type"}
    return {name: {inner[name]: text} if name in inner else text for name, text in texts.items() if text}


def _trigger(element: ElementTree.Element, kind: str) -> dict[str, Any]:
    if len(element) == 0 and not element.attrib and _text(element) is not None:
        return {}
    enabled = _child(element, "enabled")
    is_enabled = True if enabled is None else _boolean(enabled)
    trigger: dict[str, Any] = {"type": kind, **({} if is_enabled is None else {"enabled": is_enabled})}
    repetition = _child(element, "repetition")
    repeated: dict[str, Any] = {
        "interval": _text(_child(repetition, "interval")),
        "duration": _text(_child(repetition, "duration")),
        "stop_at_duration_end": _boolean(_child(repetition, "stopatdurationend")),
    }
    repeated = {name: value for name, value in repeated.items() if value is not None}
    if repeated:
        trigger["repetition"] = repeated
    return {**trigger, "definition": _definition({**trigger, **repeated}, _TRIGGER_KEYS)}


def _definition(values: dict[str, Any], keys: tuple[str, ...]) -> str:
    return "v=1" + "".join(f"|{key}={_escaped(values.get(key))}" for key in keys)


def _escaped(value: Any) -> str:
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return "".join(f"%{ord(each):02X}" if each in "%|=\x7f" or each < " " else each for each in text)


def _children(element: ElementTree.Element | None, name: str) -> list[ElementTree.Element]:
    return [] if element is None else [child for child in element if xml_values.name(child) == name]


def _child(element: ElementTree.Element | None, name: str) -> ElementTree.Element | None:
    return next(iter(_children(element, name)), None)


def _text(element: ElementTree.Element | None) -> str | None:
    return ((element.text or "").strip() or None) if element is not None else None


def _boolean(element: ElementTree.Element | None) -> bool | None:
    return _BOOLEANS.get((_text(element) or "").lower())


CONVERSIONS: dict[str, Conversion] = {"scheduled_task": scheduled_task}
