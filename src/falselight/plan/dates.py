"""Date constants: what instants a text names, as Elasticsearch's date fields read it in a query.

A text may leave out its smaller parts: its first and last instants differ then (``2024-05-01`` names a day). Forms:
ISO 8601 (``strict_date_optional_time``), epoch milliseconds, the field's own format, and date math (``now-1d/d``,
``2024-05-01||+1M``).
"""

from __future__ import annotations

import re
import time
from datetime import UTC, date, datetime, timedelta

from falselight import timestamps

MILLISECOND, SECOND, MINUTE, HOUR = 10**6, 10**9, 60 * 10**9, 3600 * 10**9
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MATH = re.compile(r"(?P<sign>[+-])(?P<count>\d*)(?P<unit>[yMwdhHms])|/(?P<round>[yMwdhHms])")


def span(text: str, format: str | None = None, *, nanoseconds: bool = False, now: int | None = None) -> tuple[int, int]:
    """First and last instant named by a text: epoch milliseconds, or nanoseconds. Raises ValueError."""
    base, _, math = text.partition("||")
    if text.startswith("now"):
        base, math = "now", text[3:]
    if base == "now":
        instant = time.time_ns() if now is None else now
        low = high = instant
    else:
        named = timestamps.span(base, format)
        if named is None:
            raise ValueError(f"it does not have the form {format or timestamps.DEFAULT_FORMAT}")
        low, high = named
    if math:
        try:
            low, high = _calculate(low, math, up=False), _calculate(high, math, up=True)
        except OverflowError as fault:
            raise ValueError("date math leaves the years 1 to 9999") from fault
    return (low, high) if nanoseconds else (low // MILLISECOND, high // MILLISECOND)


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
    """An instant (epoch nanoseconds) as Elasticsearch prints dates: at least milliseconds, and more where there are. Years
    beyond four digits carry a sign, as ISO 8601 asks."""
    seconds, nanos = divmod(instant, SECOND)
    days, clock = divmod(seconds, 86_400)
    # The calendar repeats every 400 years (146,097 days); Python's ends with the year 9999.
    cycle, within = divmod(days + 719_468, 146_097)
    moment = date(400, 3, 1) + timedelta(days=within)
    year = moment.year - 400 + cycle * 400
    shown = f"{year:04d}" if 0 <= year <= 9999 else f"{year:+05d}"
    digits = f"{nanos:09d}"
    return (
        f"{shown}-{moment:%m-%d}T{clock // 3600:02d}:{clock // 60 % 60:02d}:{clock % 60:02d}."
        f"{digits if digits[3:] != '000000' else digits[:3]}Z"
    )
