"""Windows events as JSON lines: flat (NXLog and its kin), Winlogbeat 6 to 9, Elastic Agent, and the event's own tree
(evtx_dump); each also as the source of a hit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Any

from falselight.documents import METADATA
from falselight.readers import NOT_JSON, Report, fault
from falselight.readers.ndjson import Unparsable, parse
from falselight.readers.settings import DEFAULTS, TIMEZONE, Settings
from falselight.readers.windows_beats import beat_6_event, beat_event, mapped_event
from falselight.readers.windows_event import (
    CHUNK_EVENTS,
    WindowsEvent,
    braced,
    epoch_nanoseconds,
    name_of,
    text_of,
    whole,
)
from falselight.readers.windows_signs import BEAT, BEAT_6, FLAT, JOURNAL, TREE, recognise
from falselight.readers.windows_tree import event_of_tree
from falselight.readers.windows_xml import event_of_xml

_REPORTED, _GUID_LENGTH = 20, 36
_ZONED = re.compile(r"(?:[Zz]|UTC|[+-][0-9]{2}:?(?:[0-9]{2})?)\Z")
_QUARTER_HOUR = 900_000_000_000
_NXLOG_LEVELS = {1: 5, 2: 4, 3: 3, 4: 2, 5: 1}
_FLAT_SYSTEM = frozenset(
    [
        "SourceName",
        "Channel",
        "EventID",
        "Hostname",
        "RecordNumber",
        "EventTime",
        "EventReceivedTime",
        "TimeCreated",
        "@timestamp",
        "@version",
        "Severity",
        "SeverityValue",
        "Level",
        "Task",
        "Category",
        "Opcode",
        "OpcodeValue",
        "Keywords",
        "ExecutionProcessID",
        "ExecutionThreadID",
        "ThreadID",
        "UserID",
        "Version",
        "ProviderGuid",
        "ActivityID",
        "RelatedActivityID",
        "Message",
        "EventType",
        "EventTypeOrignal",
        "SourceModuleName",
        "SourceModuleType",
        "host",
        "port",
        "tags",
        "type",
        "ERROR_EVT_UNRESOLVED",
        "RecordID",
        "EventRecordID",
        "Computer",
    ]
)


def read_lines(
    lines: Iterator[tuple[int, bytes]],
    report: Report,
    label: str = "input",
    skipped: Counter[str] | None = None,
    settings: Settings = DEFAULTS,
) -> Iterator[list[tuple[int, WindowsEvent]]]:
    """Chunks of numbered events; a time that tells neither its zone nor how far it is from another is one of the user's
    zone. A line that is no JSON object or no Windows event is reported (E0508) by its number from
    1, counted in ``skipped`` and left out. label: the input's name for messages."""
    reader = Reader(report, label, Counter() if skipped is None else skipped, settings)
    chunk: list[tuple[int, WindowsEvent]] = []
    for number, line in lines:
        event = reader.event(number, line)
        if event is None:
            continue
        chunk.append((number, event))
        if len(chunk) >= CHUNK_EVENTS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


class Reader:
    """Lines as events, one by one. What is none is reported and counted."""

    def __init__(self, report: Report, label: str, skipped: Counter[str], settings: Settings) -> None:
        self._report = report
        self._label = label
        self._skipped = skipped
        self._settings = settings
        self._faults = 0

    def event(self, number: int, line: bytes) -> WindowsEvent | None:
        """The event of a line, None if it holds none."""
        try:
            document, _ = parse(line)
        except Unparsable as error:
            self._refused(number, f"is not a JSON object: {error}", "not JSON")
            return None
        event = event_of(document)
        if event is None:
            self._refused(number, "is not a Windows event", "not a Windows event")
            return None
        # Sysmon's events tell their own time, and in UTC.
        if event.time is not None and "UtcTime" not in event.event_data and _is_local(document):
            self._settings.assumed[TIMEZONE] += 1
            event.time -= _offset(event.time, self._settings.timezone)
        return event

    def _refused(self, number: int, reason: str, kind: str) -> None:
        self._skipped[kind] += 1
        self._faults += 1
        if self._faults <= _REPORTED:
            more = "; further lines like it are only counted" if self._faults == _REPORTED else ""
            message = f"{self._label}, line {number + 1} {reason}{more}"
            self._report(fault(NOT_JSON, message, self._label, record=number))


def event_of(document: dict[str, Any]) -> WindowsEvent | None:
    """The event that a parsed JSON object, or the source of a hit, holds; None if it holds none."""
    source = document.get("_source")
    if not isinstance(source, dict):
        return _event_of(document)
    event = _event_of(source)
    if event is not None:
        event.around.update({name: document[name] for name in METADATA if isinstance(document.get(name), str)})
    return event


def _event_of(document: dict[str, Any]) -> WindowsEvent | None:
    shape = recognise(document)
    if shape == FLAT:
        return _flat(document)
    if shape == TREE:
        return event_of_tree(document["Event"])
    if shape == BEAT:
        return beat_event(document)
    if shape == BEAT_6:
        return beat_6_event(document)
    if shape == JOURNAL:
        return event_of_xml(document["MESSAGE"])
    return mapped_event(document)


def _flat(document: dict[str, Any]) -> WindowsEvent | None:
    event_id = whole(document["EventID"])
    if event_id is None:
        return None
    data = _flat_data(document)
    process = document.get("ExecutionProcessID")
    if process is None and document.get("ProcessID").__class__ is int:
        # NXLog writes the process that logged the event as a number, an event's own ProcessID as text.
        process = document["ProcessID"]
        data.pop("ProcessID", None)
    version = whole(document.get("Version"))
    if version is None and "Version" in document:
        data["Version"] = text_of(document["Version"])
    user = None
    if "UserID" in document:
        names = {"name": "AccountName", "domain": "Domain", "type": "AccountType"}
        user = {part: data.pop(name) for part, name in names.items() if name in data}
    opcode = whole(document.get("OpcodeValue", document.get("Opcode")))
    keywords = whole(document.get("Keywords")) or 0
    message = text_of(document.get("Message"))
    return WindowsEvent(
        provider=text_of(document.get("SourceName")),
        channel=text_of(document.get("Channel")),
        event_id=event_id,
        computer=text_of(document.get("Hostname", document.get("Computer"))) or None,
        record_id=text_of(document.get("RecordNumber", document.get("EventRecordID"))) or None,
        time=_flat_time(document),
        level=_flat_level(document),
        task=whole(document.get("Task")),
        opcode=opcode,
        keywords=keywords & 0xFFFF_FFFF_FFFF_FFFF,
        process_id=whole(process),
        thread_id=whole(document.get("ExecutionThreadID", document.get("ThreadID"))),
        user_sid=text_of(document.get("UserID")) or None,
        version=version or 0,
        provider_guid=braced(document.get("ProviderGuid")),
        activity_id=braced(document.get("ActivityID")),
        related_activity_id=braced(document.get("RelatedActivityID")),
        task_name=text_of(document.get("Category")) or None,
        opcode_name=name_of(document.get("Opcode")),
        user=user,
        message=message or None,
        event_data=data,
        user_data=_flat_user_data(event_id, message),
    )


def _flat_data(document: dict[str, Any]) -> dict[str, str]:
    data: dict[str, str] = {}
    for name, value in document.items():
        if name in _FLAT_SYSTEM:
            continue
        # Most values are texts that stay as they are.
        is_plain = value.__class__ is str and len(value) != _GUID_LENGTH and "\n" not in value
        if text := value if is_plain else text_of(value):
            data[name] = text
    return data


def _flat_user_data(event_id: int, message: str) -> dict[str, str]:
    """The subject of an 1102, which flat writers give in the message alone."""
    if event_id != 1102 or "Subject:" not in message:
        return {}
    labels = {
        "Security ID": "SubjectUserSid",
        "Account Name": "SubjectUserName",
        "Domain Name": "SubjectDomainName",
        "Logon ID": "SubjectLogonId",
    }
    found = {"xml_name": "LogFileCleared"}
    for line in message.split("\n"):
        label, _, value = line.strip().partition(":")
        if label in labels and value.strip():
            found[labels[label]] = value.strip().lower() if label == "Logon ID" else value.strip()
    return found


def _flat_time(document: dict[str, Any]) -> int | None:
    """TimeCreated if given; else EventTime, which is local time, put right by the zone that EventReceivedTime
    shows against @timestamp, when the relay stamped both."""
    for name in ("TimeCreated", "EventTime"):
        local = epoch_nanoseconds(text_of(document.get(name)))
        if local is not None:
            break
    else:
        return epoch_nanoseconds(text_of(document.get("@timestamp")))
    if name == "TimeCreated":
        return local
    received = epoch_nanoseconds(text_of(document.get("EventReceivedTime")))
    stamped = epoch_nanoseconds(text_of(document.get("@timestamp")))
    if received is None or stamped is None:
        return local
    return local + (stamped - received + _QUARTER_HOUR // 2) // _QUARTER_HOUR * _QUARTER_HOUR


def _is_local(document: dict[str, Any]) -> bool:
    """Whether the event's time is NXLog's EventTime, which is local, and nothing tells its zone."""
    if "EventTime" not in document or recognise(document) != FLAT:
        return False
    if epoch_nanoseconds(text_of(document.get("TimeCreated"))) is not None:
        return False
    written = text_of(document["EventTime"])
    if epoch_nanoseconds(written) is None or _ZONED.search(written, 19):
        return False
    both = (epoch_nanoseconds(text_of(document.get(name))) for name in ("EventReceivedTime", "@timestamp"))
    return any(time is None for time in both)


def _offset(nanoseconds: int, zone: tzinfo) -> int:
    """How far the zone's clock is from UTC when it shows this time; 0 where no zone has a calendar for it."""
    try:
        shown = datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC).replace(tzinfo=None)
        offset = zone.utcoffset(shown)
    except (ValueError, OverflowError, OSError):
        return 0
    return 0 if offset is None else round(offset.total_seconds()) * 1_000_000_000


def _flat_level(document: dict[str, Any]) -> int | None:
    level = whole(document.get("Level"))
    if level is not None:
        return level
    return _NXLOG_LEVELS.get(whole(document.get("SeverityValue")) or 0)
