"""One Windows event in a normal form, whatever file it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

LEVELS = {0: "information", 1: "critical", 2: "error", 3: "warning", 4: "information", 5: "verbose"}
AUDIT_SUCCESS, AUDIT_FAILURE, CLASSIC = 1 << 53, 1 << 52, 1 << 55
CHUNK_EVENTS = 5_000

_EPOCH_DAY = date(1970, 1, 1).toordinal()
_KEPT_SECONDS = 4_096
_LONGEST = (1 << 63) - 1
_seconds: dict[str, int | None] = {}


class Unsuitable(ValueError):
    """Records that must be read one by one, or by another reader."""


@dataclass(slots=True)
class WindowsEvent:
    """The system part of an event as Windows records it, and its data as text.

    ``time`` is TimeCreated in epoch nanoseconds (Windows ticks are 100 ns), None if the record has none. ``keywords``
    is the 64-bit mask. ``task_name``, ``opcode_name``, ``message`` and ``user`` (``name``, ``domain``, ``type``) are
    rendered texts that only some sources carry. ``event_data`` and ``user_data`` hold no empty values; ``user_data``
    has the element's name as ``xml_name``. ``around`` holds fields, by dotted name, that a collector's document has beside
    the event; with ``is_mapped`` they are all that there is, since a pipeline of Elastic's made them."""

    provider: str = ""
    channel: str = ""
    event_id: int = 0
    computer: str | None = None
    record_id: str | None = None
    time: int | None = None
    level: int | None = None
    task: int | None = None
    opcode: int | None = None
    keywords: int = 0
    process_id: int | None = None
    thread_id: int | None = None
    user_sid: str | None = None
    version: int = 0
    provider_guid: str | None = None
    activity_id: str | None = None
    related_activity_id: str | None = None
    task_name: str | None = None
    opcode_name: str | None = None
    level_name: str | None = None
    user: Mapping[str, str] | None = None
    message: str | None = None
    event_data: dict[str, str] = field(default_factory=dict)
    user_data: dict[str, str] = field(default_factory=dict)
    around: dict[str, Any] = field(default_factory=dict)
    is_mapped: bool = False


def epoch_nanoseconds(text: str) -> int | None:
    """``YYYY-MM-DD[T ]HH:MM:SS[.fraction][Z|±HH:MM]`` as epoch nanoseconds; without a zone it is UTC. None if it is
    no such time, or beyond 64 bits. Digits beyond the ninth of the fraction are cut off."""
    start = text[:19]
    seconds = _seconds.get(start)
    if seconds is None:
        seconds = _whole_seconds(start)
        if seconds is None:
            return None
        if len(_seconds) >= _KEPT_SECONDS:
            _seconds.clear()
        _seconds[start] = seconds
    rest = text[19:]
    time = seconds * 1_000_000_000 if rest in {"", "Z"} else _with_rest(seconds, rest)
    return time if time is not None and -_LONGEST <= time <= _LONGEST else None


def _whole_seconds(text: str) -> int | None:
    try:
        day = date.fromisoformat(text[:10]).toordinal() - _EPOCH_DAY
        hour, minute, second = int(text[11:13]), int(text[14:16]), int(text[17:19])
    except ValueError:
        return None
    if text[13:14] != ":" or text[16:17] != ":" or hour > 23 or minute > 59 or second > 59:
        return None
    return day * 86_400 + hour * 3_600 + minute * 60 + second


def _with_rest(seconds: int, rest: str) -> int | None:
    fraction = 0
    if rest[0] in ".,":
        end = 1
        while end < len(rest) and rest[end] in "0123456789":
            end += 1
        fraction = int(rest[1:end][:9].ljust(9, "0"))
        rest = rest[end:]
    if rest in {"", "Z", " UTC", "z"}:
        return seconds * 1_000_000_000 + fraction
    digits = rest[1:].replace(":", "")
    if rest[0] not in "+-" or len(digits) not in {2, 4} or not (digits.isascii() and digits.isdigit()):
        return None
    shift = int(digits[:2]) * 3_600 + int(digits[2:] or 0) * 60
    return (seconds - shift if rest[0] == "+" else seconds + shift) * 1_000_000_000 + fraction


def text_of(value: Any) -> str:
    """A value of an event as Winlogbeat writes it: GUIDs in braces and small letters, lines end in ``\\n``."""
    if value.__class__ is not str:
        if value is None:
            return ""
        if value is True or value is False:
            return "true" if value else "false"
        if isinstance(value, list):
            return ",".join(text_of(element) for element in value)
        if isinstance(value, dict):
            inner = value.get("#text", value.get("Value"))
            return text_of(inner) if inner is not None else ""
        return str(value)
    if len(value) == 36 and value[8] == "-" and value[13] == "-" and value[18] == "-" and value.upper() == value:
        return "{" + value.lower() + "}"
    if "\n" in value:
        return value.replace("\r\n", "\n").rstrip("\n")
    return str(value)


def braced(guid: Any) -> str | None:
    """A GUID in braces and small letters, None if there is none."""
    text = text_of(guid).strip().lower()
    if not text:
        return None
    return text if text.startswith("{") else "{" + text + "}"


def whole(value: Any, base: int = 10) -> int | None:
    """An integer from a JSON number or text (``0x…`` is hexadecimal, up to 64 bits), None if it is neither."""
    if value.__class__ is int:
        return int(value) if -_LONGEST <= value <= _LONGEST else None
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        number = int(value, 16) if value[:2] in {"0x", "0X"} else int(value, base)
    except ValueError:
        return None
    return number if -_LONGEST <= number < 1 << 64 else None


def name_of(value: Any) -> str | None:
    """A rendered name, None for a number."""
    return value if isinstance(value, str) and value and whole(value) is None else None
