"""Dates as Elasticsearch's date fields read them: text and a format in, epoch nanoseconds out.

A format is one or several joined by ``||``, tried in order: a built-in name (``strict_date_optional_time``,
``epoch_millis``, …) or a pattern of java.time (``dd-MM-yyyy``). Results are whole nanoseconds since 1970-01-01T00:00Z as
Python integers of any size; without an offset, UTC. Source: Elasticsearch reference, "format" (mapping parameter).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

NANOS_PER_SECOND = 1_000_000_000
NANOS_PER_MILLI = 1_000_000
DEFAULT_FORMAT = "strict_date_optional_time||epoch_millis"
DETECTED_FORMATS = ("strict_date_optional_time", "yyyy/MM/dd HH:mm:ss||yyyy/MM/dd||epoch_millis")

_OFFSET = r"(?P<zone>Z|[+-]\d\d(?::?\d\d(?::?\d\d)?)?|[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*)"
_STRICT = (
    r"(?P<y>\d{4}|[+-]\d{4,9})(?:-(?P<M>\d\d)(?:-(?P<d>\d\d)(?:T(?:(?P<H>\d\d)(?::(?P<m>\d\d)(?::(?P<s>\d\d)"
    rf"(?:[.,](?P<S>\d{{1,9}}))?)?)?{_OFFSET}?)?)?)?)?"
)
_LENIENT = (
    r"(?P<y>[+-]?\d{1,9})(?:-(?P<M>\d{1,2})(?:-(?P<d>\d{1,2})(?:T(?:(?P<H>\d{1,2})(?::(?P<m>\d{1,2})"
    rf"(?::(?P<s>\d{{1,2}})(?:[.,](?P<S>\d{{1,9}}))?)?)?{_OFFSET}?)?)?)?)?"
)
_MILLIS = re.compile(r"(-?)(\d+)(?:\.(\d{1,6}))?", re.ASCII)
_SECONDS = re.compile(r"(-?)(\d+)(?:\.(\d{1,9}))?", re.ASCII)

_NAMED = {
    "basic_date": "yyyyMMdd",
    "basic_date_time": "yyyyMMdd'T'HHmmss.SSSX",
    "basic_date_time_no_millis": "yyyyMMdd'T'HHmmssX",
    "date": "yyyy-MM-dd",
    "date_hour": "yyyy-MM-dd'T'HH",
    "date_hour_minute": "yyyy-MM-dd'T'HH:mm",
    "date_hour_minute_second": "yyyy-MM-dd'T'HH:mm:ss",
    "date_hour_minute_second_millis": "yyyy-MM-dd'T'HH:mm:ss.SSS",
    "date_hour_minute_second_fraction": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSSSS",
    "date_time": "yyyy-MM-dd'T'HH:mm:ss.SSSX",
    "date_time_no_millis": "yyyy-MM-dd'T'HH:mm:ssX",
    "year": "yyyy",
    "year_month": "yyyy-MM",
    "year_month_day": "yyyy-MM-dd",
    "ordinal_date": "yyyy-DDD",
    "ordinal_date_time": "yyyy-DDD'T'HH:mm:ss.SSSX",
    "ordinal_date_time_no_millis": "yyyy-DDD'T'HH:mm:ssX",
}
_MONTHS = {"janfebmaraprmayjunjulaugsepoctnovdec"[i * 3 : i * 3 + 3]: i + 1 for i in range(12)}
_PIECES: dict[str, Callable[[int], str]] = {
    "y": lambda n: r"(?P<yy>\d\d)" if n == 2 else rf"(?P<y>[+-]?\d{{{n},9}})",
    "M": lambda n: r"(?P<name>[A-Za-z]{3,9})" if n > 2 else _digits("M", n),
    "d": lambda n: _digits("d", n),
    "D": lambda n: rf"(?P<D>\d{{{n},3}})",
    "H": lambda n: _digits("H", n),
    "h": lambda n: _digits("h", n),
    "m": lambda n: _digits("m", n),
    "s": lambda n: _digits("s", n),
    "S": lambda n: r"(?P<S>\d{1,9})" if n == 9 else rf"(?P<S>\d{{{n}}})",
    "a": lambda n: r"(?P<a>[AaPp][Mm])",
    "E": lambda n: r"[A-Za-z]{3,9}",
}

Span = tuple[int, int]
Parser = Callable[[str], Span | None]


class UnknownFormat(ValueError):
    """A date format that is neither a known name nor a pattern that can be read."""


def parse(text: str, format: str | None = None) -> int | None:
    """Epoch nanoseconds of a date in text, or None where no part of the format fits. Raises ``UnknownFormat``."""
    found = span(text, format)
    return None if found is None else found[0]


def span(text: str, format: str | None = None) -> Span | None:
    """First and last nanosecond that a text names: the parts of the time that it leaves out run to their end, a missing
    month or day is the first, as in Elasticsearch's rounding parser. None where no part of the format fits."""
    for parser in _parsers(format or DEFAULT_FORMAT):
        found = parser(text)
        if found is not None:
            return found
    return None


def detect(text: str) -> str | None:
    """The format by which dynamic mapping would take a text for a date, or None. Pure numbers never are dates."""
    if len(text) < 7 or not text[0].isdigit() or not ("-" in text or "/" in text):
        return None
    for format in DETECTED_FORMATS:
        if parse(text, format) is not None:
            return DEFAULT_FORMAT if format == DETECTED_FORMATS[0] else format
    return None


@lru_cache(maxsize=64)
def _parsers(format: str) -> tuple[Parser, ...]:
    return tuple(_parser(part.strip()) for part in format.split("||"))


def _parser(name: str) -> Parser:
    if name == "epoch_millis":
        return lambda text: _epoch(_MILLIS, text, NANOS_PER_MILLI, 6)
    if name == "epoch_second":
        return lambda text: _epoch(_SECONDS, text, NANOS_PER_SECOND, 9)
    if name in {"strict_date_optional_time", "strict_date_optional_time_nanos", "iso8601"}:
        pattern = _STRICT
    elif name == "date_optional_time":
        pattern = _LENIENT
    else:
        pattern = _pattern(_NAMED.get(name.removeprefix("strict_"), name))
    compiled = re.compile(pattern, re.ASCII)
    return lambda text: _fields(compiled, text)


def _epoch(pattern: re.Pattern[str], text: str, unit: int, digits: int) -> Span | None:
    match = pattern.fullmatch(text)
    if match is None or len(match[2]) > 19:
        return None
    nanos = int(match[2]) * unit + (int(match[3].ljust(digits, "0")) if match[3] else 0)
    first = -nanos if match[1] else nanos
    return first, first + (0 if match[3] else unit - 1)


def _fields(pattern: re.Pattern[str], text: str) -> Span | None:
    match = pattern.fullmatch(text)
    first = None if match is None else _nanos(match.groupdict())
    return None if match is None or first is None else (first, first + _open(match.groupdict()))


def _open(part: dict[str, str | None]) -> int:
    """Nanoseconds from the first to the last instant, by the parts of the time that are left out."""
    seconds = 0 if part.get("H") or part.get("h") else 23 * 3600
    seconds += 0 if part.get("m") else 59 * 60
    seconds += 0 if part.get("s") else 59
    return seconds * NANOS_PER_SECOND + (0 if part.get("S") else NANOS_PER_SECOND - 1)


def _nanos(part: dict[str, str | None]) -> int | None:
    year = 2000 + int(part["yy"] or 0) if part.get("yy") else int(part.get("y") or 1970)
    days = _days(year, part)
    hour, minute, second = (int(part.get(key) or 0) for key in "Hms")
    if part.get("h"):
        clock = int(part["h"] or 0)
        if not 1 <= clock <= 12:
            return None
        hour = clock % 12 + (12 if (part.get("a") or "AM").upper() == "PM" else 0)
    if days is None or hour > 23 or minute > 59 or second > 59:
        return None
    seconds = days * 86400 + hour * 3600 + minute * 60 + second
    offset = _offset(part.get("zone"), seconds)
    if offset is None:
        return None
    return (seconds - offset) * NANOS_PER_SECOND + int((part.get("S") or "0").ljust(9, "0"))


def _days(year: int, part: dict[str, str | None]) -> int | None:
    """Days since the epoch in the proleptic Gregorian calendar, for any year (a cycle is 400 years, 146097 days)."""
    month = int(part.get("M") or 1)
    if part.get("name"):
        month = _MONTHS.get((part["name"] or "")[:3].lower(), 0)
    cycle, within = divmod(year, 400)
    try:
        base = date(within + 400, month, int(part.get("d") or 1)).toordinal() - date(1970, 1, 1).toordinal()
    except ValueError:
        return None
    if part.get("D"):
        base += int(part["D"] or 1) - 1
        if not 1 <= int(part["D"] or 1) <= 366:
            return None
    return base + (cycle - 1) * 146097


def _offset(zone: str | None, local_seconds: int) -> int | None:
    """Seconds east of UTC, or None if there is no such zone."""
    if zone is None or zone in {"Z", "UTC", "GMT"}:
        return 0
    if zone[0] in "+-":
        digits = zone[1:].replace(":", "").ljust(6, "0")
        seconds = int(digits[:2]) * 3600 + int(digits[2:4]) * 60 + int(digits[4:])
        return None if seconds > 18 * 3600 else -seconds if zone[0] == "-" else seconds
    try:
        moment = datetime(1970, 1, 1) if abs(local_seconds) > 200_000_000_000 else _local(local_seconds)
        shift = ZoneInfo(zone).utcoffset(moment)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
    return 0 if shift is None else int(shift.total_seconds())


def _local(seconds: int) -> datetime:
    return datetime.fromordinal(date(1970, 1, 1).toordinal() + seconds // 86400).replace(
        hour=seconds % 86400 // 3600, minute=seconds % 3600 // 60, second=seconds % 60
    )


def _digits(letter: str, width: int) -> str:
    return rf"(?P<{letter}>\d{{{2 if width > 1 else '1,2'}}})"


_TOKEN = re.compile(r"'(?P<quoted>(?:[^']|'')*)'|(?P<run>([A-Za-z])\3*)|(?P<mark>[\[\]])|(?P<literal>.)", re.DOTALL)


def _pattern(java: str) -> str:
    """A java.time pattern as a regular expression whose groups ``_nanos`` reads. Raises ``UnknownFormat``."""
    pieces: list[str] = []
    depth = 0
    for token in _TOKEN.finditer(java):
        if token["quoted"] is not None:
            pieces.append(re.escape(token["quoted"].replace("''", "'") or "'"))
        elif token["literal"]:
            pieces.append(re.escape(token["literal"]))
        elif token["mark"]:
            depth += 1 if token["mark"] == "[" else -1
            pieces.append("(?:" if token["mark"] == "[" else ")?")
        else:
            pieces.append(_piece(token["run"], java))
        if depth < 0:
            raise UnknownFormat(java)
    text = "".join(pieces)
    groups = re.findall(r"\(\?P<(\w+)>", text)
    if depth or not groups or len(groups) != len(set(groups)):
        raise UnknownFormat(java)
    return text


def _piece(run: str, java: str) -> str:
    letter = "y" if run[0] in "uy" else run[0]
    if letter in "XxZzVO":
        return _OFFSET
    if letter not in _PIECES:
        raise UnknownFormat(java)
    return _PIECES[letter](len(run))
