"""Date constants: what instants a text names, as Elasticsearch's date fields read it in a query.

A text may leave out its smaller parts: its first and last instants differ then (``2024-05-01`` names a day). Forms:
ISO 8601 (``strict_date_optional_time``), epoch milliseconds, the field's own format, and date math (``now-1d/d``,
``2024-05-01||+1M``).
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta, timezone

MILLISECOND, SECOND, MINUTE, HOUR = 10**6, 10**9, 60 * 10**9, 3600 * 10**9
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ISO = re.compile(
    r"(?P<year>\d{4}|[+-]\d{4,9})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d))?)?"
    r"(?:[T ](?P<hour>\d\d)(?::?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?)?"
    r"(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?|T)?\Z"
)
EPOCH_MILLIS = re.compile(r"-?\d+(?:\.\d+)?\Z")
MATH = re.compile(r"(?P<sign>[+-])(?P<count>\d*)(?P<unit>[yMwdhHms])|/(?P<round>[yMwdhHms])")
JAVA = {"yyyy": r"(?P<year>\d{4})", "uuuu": r"(?P<year>\d{4})", "MM": r"(?P<month>\d\d)", "dd": r"(?P<day>\d\d)",
        "HH": r"(?P<hour>\d\d)", "mm": r"(?P<minute>\d\d)", "ss": r"(?P<second>\d\d)", "SSS": r"(?P<fraction>\d{3})",
        "XXX": r"(?P<zone>Z|[+-]\d\d:\d\d)", "Z": r"(?P<zone>[+-]\d{4})"}  # fmt: skip
NAMED_FORMATS = ("strict_date_optional_time", "date_optional_time", "epoch_millis", "strict_date_optional_time_nanos",
                 "iso8601", "date", "strict_date", "date_time", "strict_date_time")  # fmt: skip


def span(text: str, format: str | None = None, *, nanoseconds: bool = False, now: int | None = None) -> tuple[int, int]:
    """First and last instant named by a text: epoch milliseconds, or nanoseconds. Raises ValueError."""
    base, _, math = text.partition("||")
    if text.startswith("now"):
        base, math = "now", text[3:]
    if base == "now":
        instant = time.time_ns() if now is None else now
        low = high = instant
    else:
        low, high = _parse(base, format)
    if math:
        low, high = _calculate(low, math, up=False), _calculate(high, math, up=True)
    return (low, high) if nanoseconds else (low // MILLISECOND, high // MILLISECOND)


def _parse(text: str, format: str | None) -> tuple[int, int]:
    for pattern in (format or "strict_date_optional_time||epoch_millis").split("||"):
        if pattern in ("epoch_millis", "epoch_second") and EPOCH_MILLIS.match(text):
            whole, _, fraction = text.lstrip("-").partition(".")
            unit = MILLISECOND if pattern == "epoch_millis" else SECOND
            instant = int(whole) * unit + int((fraction + "0" * 9)[:9]) * unit // 10**9
            instant = -instant if text.startswith("-") else instant
            return instant, instant + (0 if fraction else unit - 1)
        match = ISO.match(text) if pattern in NAMED_FORMATS else _java(pattern).match(text)
        if match and pattern != "epoch_millis":
            return _instants(match)
    raise ValueError(f"it does not have the form {format or 'strict_date_optional_time||epoch_millis'}")


def _java(pattern: str) -> re.Pattern[str]:
    """A Java date pattern of the common letters as a regular expression. Raises ValueError on any other letter."""
    expression, position = "", 0
    while position < len(pattern):
        letter = pattern[position]
        end = position
        while end < len(pattern) and pattern[end] == letter:
            end += 1
        part = pattern[position:end]
        if part in JAVA:
            expression += JAVA[part]
        elif letter == "'":
            end = pattern.index("'", position + 1) + 1
            expression += re.escape(pattern[position + 1 : end - 1])
        elif letter.isalpha():
            raise ValueError(f"the format letter [{letter}] is not supported")
        else:
            expression += re.escape(part)
        position = end
    return re.compile(expression + r"\Z")


def _instants(match: re.Match[str]) -> tuple[int, int]:
    parts = match.groupdict()
    year = int(parts["year"])
    if not 1 <= year <= 9999:
        raise ValueError("years run from 1 to 9999")
    day = datetime(year, int(parts.get("month") or 1), int(parts.get("day") or 1), tzinfo=_zone(parts.get("zone")))
    low = _nanoseconds(day)
    rest = (parts.get("hour"), parts.get("minute"), parts.get("second"))
    high = low
    for value, unit, last in zip(rest, (HOUR, MINUTE, SECOND), (23, 59, 59), strict=True):
        low += int(value or 0) * unit
        high += int(value if value is not None else last) * unit
    fraction = parts.get("fraction")
    nanos = int((fraction + "0" * 9)[:9]) if fraction else 0
    return low + nanos, high + (nanos if fraction else SECOND - 1)


def _zone(text: str | None) -> timezone:
    if not text or text == "Z":
        return UTC
    digits = text[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return timezone(offset if text[0] == "+" else -offset)


def _nanoseconds(moment: datetime) -> int:
    difference = moment - EPOCH
    return (difference.days * 86_400 + difference.seconds) * SECOND + difference.microseconds * 1000


def _calculate(instant: int, math: str, *, up: bool) -> int:
    position = 0
    while position < len(math):
        step = MATH.match(math, position)
        if step is None:
            raise ValueError(f"date math [{math[position:]}] is not understood")
        if step["round"]:
            start = _floor(instant, step["round"])
            instant = _add(start, step["round"], 1) - 1 if up else start
        else:
            count = int(step["count"] or 1)
            instant = _add(instant, step["unit"], count if step["sign"] == "+" else -count)
        position = step.end()
    return instant


def _add(instant: int, unit: str, count: int) -> int:
    fixed = {"w": 7 * 24 * HOUR, "d": 24 * HOUR, "h": HOUR, "H": HOUR, "m": MINUTE, "s": SECOND}
    if unit in fixed:
        return instant + count * fixed[unit]
    seconds, nanos = divmod(instant, SECOND)
    moment = EPOCH + timedelta(seconds=seconds)
    months = moment.year * 12 + moment.month - 1 + count * (12 if unit == "y" else 1)
    year, month = divmod(months, 12)
    day = moment.day
    while True:
        try:
            return _nanoseconds(moment.replace(year=year, month=month + 1, day=day)) + nanos
        except ValueError:
            if day <= 28:
                raise
            day -= 1


def _floor(instant: int, unit: str) -> int:
    moment = EPOCH + timedelta(seconds=instant // SECOND)
    midnight = moment.replace(hour=0, minute=0, second=0)
    floors = {
        "y": midnight.replace(month=1, day=1),
        "M": midnight.replace(day=1),
        "w": midnight - timedelta(days=moment.weekday()),
        "d": midnight,
        "h": moment.replace(minute=0, second=0),
        "H": moment.replace(minute=0, second=0),
        "m": moment.replace(second=0),
        "s": moment,
    }
    return _nanoseconds(floors[unit])


def iso(instant: int) -> str:
    """An instant (epoch nanoseconds) as Elasticsearch prints dates: at least milliseconds, and more where there are."""
    seconds, nanos = divmod(instant, SECOND)
    moment = EPOCH + timedelta(seconds=seconds)
    digits = f"{nanos:09d}"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{digits if digits[3:] != '000000' else digits[:3]}Z"
