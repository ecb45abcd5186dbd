"""Windows events as XML: what ``wevtutil`` and ``Get-WinEvent`` write, and Sysmon for Linux in lines of syslog."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO
from xml.etree import ElementTree

import pyarrow as pa

from falselight.mappings.apply import apply
from falselight.readers import NOT_JSON, Report, fault, ndjson
from falselight.readers.settings import Settings
from falselight.readers.syslog import MOMENT, moment
from falselight.readers.windows_event import CHUNK_EVENTS, WindowsEvent, whole
from falselight.readers.windows_tree import event_of_tree

_END = "</Event>"
_MARK = re.compile(r"<Event(?=[ >])|</Event>")
_LONGEST, _MOST_LINES, _REPORTED = 4 << 20, 20_000, 20
# A line of syslog that Sysmon for Linux wrote about itself.
_TOLD = re.compile(r"(?P<host>\S+) sysmon(?:\[(?P<pid>\d{1,9})\])?: (?P<message>.+)", re.DOTALL)
_SYSTEM_ATTRIBUTES = frozenset(("Provider", "TimeCreated", "Correlation", "Execution", "Security"))
_LEVELS = frozenset(("critical", "error", "warning", "information", "verbose"))


def read(
    stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str], wanted: frozenset[str] | None,
    settings: Settings,
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """The events of a file, whatever stands between them; an event's number is that of its first line. What is no event
    is reported (E0508) and counted in ``skipped``."""
    events: list[tuple[int, WindowsEvent]] = []
    faults = 0
    for number, text in _texts(stream, path, label, report, skipped):
        event = event_of_xml(text) if text.startswith("<Event") else _told(text, settings)
        if event is None:
            skipped["not a Windows event"] += 1
            faults += 1
            if faults <= _REPORTED:
                more = "; further lines like it are only counted" if faults == _REPORTED else ""
                report(fault(NOT_JSON, f"{label}, line {number + 1} is not a Windows event{more}", path, record=number))
            continue
        events.append((number, event))
        if len(events) >= CHUNK_EVENTS:
            yield apply(events, wanted)
            events = []
    if events:
        yield apply(events, wanted)


def _texts(stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str]) -> Iterator[tuple[int, str]]:
    """Events from ``<Event`` to ``</Event>``, and lines that hold none. An event without an end is cut off where it is too
    long for one, or at the next."""
    first, parts, size, is_open = 0, list[str](), 0, False
    for number, line in ndjson.lines(stream, path, label, report, skipped):
        text = line.decode("utf-8", "replace")
        position, is_bare = 0, not is_open
        for mark in _MARK.finditer(text):
            is_bare = False
            if mark.group() == _END:
                if is_open:
                    yield first, "".join(parts) + text[position : mark.end()]
                parts, is_open = [], False
            else:
                if is_open:
                    yield first, "".join(parts) + text[position : mark.start()]
                first, parts, size, is_open, position = number, [], 0, True, mark.start()
        if is_open:
            parts.append(text[position:])
            size += len(text) - position
            if size > _LONGEST or len(parts) > _MOST_LINES:
                yield first, "".join(parts)
                parts, is_open = [], False
        elif is_bare and _is_told(text):
            yield number, text.strip()
    if is_open:
        yield first, "".join(parts)


def _is_told(text: str) -> bool:
    """Whether a line without an event says something: not the frame of a document, nor nothing."""
    text = text.strip()
    return bool(text) and not text.startswith(("<Events", "</Events", "<?xml", "\ufeff<", "<!--"))


def event_of_xml(text: str) -> WindowsEvent | None:
    """The event of one ``<Event>`` element, None if it is none. A text that begins with it can declare no entities."""
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError):
        return None
    tree: dict[str, Any] = {}
    rendering: dict[str, str] = {}
    for child in root:
        name = _local(child.tag)
        if name == "System":
            tree[name] = _system(child)
        elif name == "EventData":
            tree[name] = _event_data(child)
        elif name in {"UserData", "DebugData"}:
            tree["UserData"] = {_local(inner.tag): _element(inner) for inner in child}
        elif name == "RenderingInfo":
            rendering = {_local(inner.tag): (inner.text or "").strip() for inner in child}
    event = event_of_tree(tree)
    if event is not None and rendering:
        event.message = rendering.get("Message") or None
        event.task_name = rendering.get("Task") or None
        event.opcode_name = rendering.get("Opcode") or None
        level = rendering.get("Level", "").lower()
        event.level_name = level if level in _LEVELS else None
    return event


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _system(element: ElementTree.Element) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for child in element:
        name = _local(child.tag)
        if name in _SYSTEM_ATTRIBUTES:
            # Sysmon for Linux writes UserId.
            attributes = {"UserID" if key == "UserId" else key: value for key, value in child.attrib.items()}
            found[name] = {"#attributes": attributes} if attributes else None
        else:
            found[name] = child.text
    return found


def _event_data(element: ElementTree.Element) -> dict[str, Any]:
    found: dict[str, Any] = {}
    unnamed: list[str] = []
    for child in element:
        name = child.attrib.get("Name", "") if _local(child.tag) == "Data" else _local(child.tag)
        text = child.text or ""
        if name and name != "Data":
            found[name] = text
        else:
            unnamed.append(text)
    if unnamed:
        found["Data"] = unnamed
    return found


def _element(element: ElementTree.Element) -> dict[str, Any]:
    return {_local(inner.tag): inner.text for inner in element}


def _told(text: str, settings: Settings) -> WindowsEvent | None:
    """A line of Sysmon's own, which is no event of the system, with the time of its header."""
    stamp = MOMENT.match(text)
    found = None if stamp is None else _TOLD.match(text[stamp.end() :].lstrip())
    time = None if stamp is None or found is None else moment(stamp, settings)
    if found is None or time is None:
        return None
    around: dict[str, Any] = {
        "event.kind": "event", "event.action": "log", "event.module": "sysmon_linux", "event.dataset": "sysmon_linux.log",
        "host.hostname": found["host"], "host.os.type": "linux", "process.name": "sysmon", "message": found["message"],
    }  # fmt: skip
    pid = whole(found["pid"] or "")
    if pid is not None:
        around["process.pid"] = pid
    return WindowsEvent(time=round(time.timestamp() * 1_000_000) * 1_000, around=around, is_mapped=True)
