"""What text logs share: lines in, documents out, and the header of syslog (RFC 3164, RFC 5424, ISO 8601) before a message."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from itertools import chain
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from falselight.collector import paused
from falselight.documents import TIMESTAMP, Collector
from falselight.ecs import release
from falselight.readers import Report, ndjson, tallies
from falselight.readers.settings import TIMEZONE, YEAR, Settings

Document = dict[str, Any]
Parse = Callable[[str, Settings], Document | None]
_TOGETHER = 4_096
_NESTED = frozenset({dict, list})
_MONTHS = {
    name: number
    for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)  # noqa: SIM905
}
# The zones that Cisco devices write, in minutes from UTC.
_ZONES = {
    "UTC": 0, "GMT": 0, "Z": 0, "EST": -300, "EDT": -240, "CST": -360, "CDT": -300, "MST": -420, "MDT": -360,
    "PST": -480, "PDT": -420, "CET": 60, "CEST": 120,
}  # fmt: skip
MOMENT = re.compile(
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?"
    r"(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6} +(?P<day>\d{1,2})(?: (?P<year>\d{4}))? "
    r"(?P<time>\d\d:\d\d:\d\d)(?P<part>\.\d{1,9})?(?: (?P<zone>[A-Z]{3,4})(?=[ :]|$))?"
    r"|(?P<iso>\d{4}-\d\d-\d\d)[T ](?P<clock>\d\d:\d\d:\d\d)(?P<fraction>\.\d{1,9})?(?P<offset>Z|[+-]\d\d:?\d\d)?"
)


def read(
    parse: Parse, stream: BinaryIO, path: str, label: str, report: Report, skipped: Counter[str],
    wanted: frozenset[str] | None, settings: Settings, copies: Sequence[tuple[str, str]] = (),
) -> Iterator[pa.Table]:  # fmt: skip
    """The lines of a log as normalised batches: ``parse`` gives an event's fields by dotted name, None for a line that is
    none of its log, which is counted, and nothing at all for one that tells of the others. Each of ``copies`` is a field and
    the name that it stands under as well, unless ``parse`` gives another value there."""
    numbered = (
        (number, parse(line.decode("utf-8", "replace").rstrip("\r\n"), settings))
        for number, line in ndjson.lines(stream, path, label, report, skipped)
    )
    if wanted is not None:
        copies = [(field, copy) for field, copy in copies if copy in wanted]
    needed = None if wanted is None else wanted.union(field for field, _ in copies)
    kept = frozenset() if wanted is None else wanted | {TIMESTAMP, "_time", "_record"}
    for batch in batches(numbered, "line", path, label, report, skipped, needed):
        for field, copy in copies:
            if field in batch.column_names:
                batch = _copied(batch, batch[field], copy)
        yield batch if wanted is None else batch.select([name for name in batch.column_names if name in kept])


def _copied(batch: pa.Table, values: pa.ChunkedArray, name: str) -> pa.Table:
    at = batch.schema.get_field_index(name)
    return (
        batch.append_column(name, values)
        if at < 0
        else batch.set_column(at, name, pc.coalesce(batch[name], values.cast(batch[name].type)))
    )


def batches(
    numbered: Iterable[tuple[int, Document | None]], unit: str, path: str, label: str, report: Report,
    skipped: Counter[str], wanted: frozenset[str] | None,
) -> Iterator[pa.Table]:  # fmt: skip
    """Events' fields, each with its record's number, as normalised batches; those of one record stand in one. None is a
    ``unit`` that is none of the log."""
    malformed: Counter[str] = Counter()
    collector = Collector(release.schema(), strings="keyword", malformed=malformed, wanted=wanted)
    kept = None if wanted is None else wanted | {TIMESTAMP}
    rest, unread = iter(numbered), 0
    held: list[tuple[int, Document | None]] = []
    while True:
        records: list[int] = []
        with paused():
            for number, document in chain(held, rest):
                if document is None:
                    unread += 1
                    continue
                if not document:
                    continue
                if kept is not None:
                    # What stands below an object's or a list's name is not known by it.
                    document = {
                        name: value for name, value in document.items() if name in kept or value.__class__ in _NESTED
                    }
                if len(records) >= _TOGETHER and number != records[-1]:
                    held = [(number, document)]
                    break
                collector.add(document)
                records.append(number)
            else:
                held = []
        if not records:
            break
        yield collector.take().append_column("_record", pa.array(records, pa.int64()))
    tallies.tell_unread(unread, unit, path, label, report, skipped)
    tallies.tell_malformed(malformed, path, label, report)


@dataclass(frozen=True)
class Header:
    """What stands before a message: ``fields`` are log.syslog.*, @timestamp and the zone where the record tells none;
    ``message`` is RFC 5424's name of the kind of message, which begins at ``end``."""

    fields: Document
    host: str | None
    process: str | None
    pid: int | None
    message: str | None
    end: int


_BEFORE = re.compile(r"(?:<(?P<priority>\d{1,3})>)?(?P<version>\d{1,2} )?\s*")
_NO_TIME = re.compile(r"-(?= )")
_IETF = re.compile(r" +(?P<host>\S{1,255}) +(?P<process>\S{1,128}) +(?P<pid>\S{1,128}) +(?P<message>\S{1,128})\s*")
_BSD = re.compile(
    r":?\s+(?:(?P<host>(?!\S*:\s)[\w.:-]{1,255})\s+)?(?:(?P<process>[^\s\[\]:=<>\"]{1,128})(?:\[(?P<pid>\d{1,10})\])?:\s*)?"
)


def header(text: str, settings: Settings) -> Header:
    """The header of RFC 5424 or RFC 3164, of which any part may be missing."""
    before = _BEFORE.match(text)
    end = before.end() if before is not None else 0
    fields: Document = {}
    if before is not None and before["priority"]:
        number = fields["log.syslog.priority"] = int(before["priority"])
        fields["log.syslog.facility.code"], fields["log.syslog.severity.code"] = number >> 3, number & 7
    found = MOMENT.match(text, end)
    if found is not None:
        time = moment(found, settings)
        fields["@timestamp"] = iso(time)
        if found["zone"] is None and found["offset"] is None:
            fields["event.timezone"] = zone_name(settings, time)
        end = found.end()
    elif before is not None and before["version"] and _NO_TIME.match(text, end):
        end += 1
    else:
        return Header(fields, None, None, None, None, end)
    rest = (_IETF if before is not None and before["version"] else _BSD).match(text, end)
    if rest is None:
        return Header(fields, None, None, None, None, end)
    told = {name: value for name, value in rest.groupdict().items() if value not in (None, "-")}
    pid = told.get("pid", "")
    number_of = int(pid) if pid.isdecimal() and len(pid) <= 10 else None
    return Header(fields, told.get("host"), told.get("process"), number_of, told.get("message"), rest.end())


def moment(found: re.Match[str], settings: Settings) -> datetime | None:
    """The time that ``MOMENT`` found, in its own zone or the user's; None if there is no such date."""
    month_name, day_text, year_text, clock, fraction, zone_text, date, iso_clock, iso_fraction, offset = found.groups()
    if date:
        year, month, day = int(date[:4]), int(date[5:7]), int(date[8:])
        clock, fraction, zone = iso_clock, iso_fraction, _offset(offset)
    else:
        month, day, zone = _MONTHS[month_name.lower()], int(day_text), _named(zone_text)
        if year_text is None:
            settings.assumed[YEAR] += 1
        year = int(year_text or settings.year or 0)
    if zone is None:
        settings.assumed[TIMEZONE] += 1
    hour, minute, second = int(clock[:2]), int(clock[3:5]), int(clock[6:])
    micro = int((fraction[1:] + "000000")[:6]) if fraction else 0
    try:
        if year == 0:
            return _latest(month, day, hour, minute, second, micro, zone or settings.timezone)
        return datetime(year, month, day, hour, minute, min(second, 59), micro, zone or settings.timezone)
    except ValueError:
        return None


def _latest(month: int, day: int, hour: int, minute: int, second: int, micro: int, zone: tzinfo) -> datetime:
    """The latest such date that is not in the future."""
    latest = datetime.now(UTC) + timedelta(days=1)
    first = latest.astimezone(zone).year
    for year in range(first, first - 5, -1):
        try:
            found = datetime(year, month, day, hour, minute, min(second, 59), micro, zone)
        except ValueError:
            continue  # 29 February of a year that has none
        if found <= latest:
            return found
    raise ValueError("no such date")


def _offset(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    if text == "Z":
        return UTC
    digits = text[1:].replace(":", "")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return _zone(-minutes if text[0] == "-" else minutes)


def _named(text: str | None) -> tzinfo | None:
    return None if text is None or text not in _ZONES else _zone(_ZONES[text])


def offset_of(name: str | None) -> str:
    """The offset of a zone's name as ``+01:00``; nothing for a name that is unknown or has several meanings."""
    minutes = _ZONES.get(name or "")
    if minutes is None:
        return ""
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


@lru_cache(maxsize=256)
def _zone(minutes: int) -> tzinfo | None:
    return timezone(timedelta(minutes=minutes)) if -1_440 < minutes < 1_440 else None


def iso(time: datetime | None) -> str | None:
    """The time as text in UTC, as dates are written to fields."""
    if time is None:
        return None
    if time.tzinfo is not UTC:
        try:
            time = time.astimezone(UTC)
        except OverflowError:
            return None
    return time.isoformat(timespec="microseconds")[:26] + "Z"


def zone_name(settings: Settings, time: datetime | None = None) -> str:
    """The user's zone as ``+02:00``."""
    zone = settings.timezone
    if isinstance(zone, timezone):
        return _written(zone.utcoffset(None))
    return _written((time or datetime.now(UTC)).astimezone(zone).utcoffset())


@lru_cache(maxsize=256)
def _written(offset: timedelta | None) -> str:
    text = datetime(1970, 1, 1, tzinfo=timezone(offset or timedelta())).strftime("%z")
    return text[:3] + ":" + text[3:5]


def append(document: Document, name: str, *values: Any) -> None:
    """Puts values that the list does not hold yet behind it."""
    known = document.setdefault(name, [])
    for value in values:
        if value not in (None, "") and value not in known:
            known.append(value)
    if not known:
        del document[name]


_KEY = r"(?<![\w.-])[A-Za-z_][\w.-]{0,80}"
# Quotes inside are escaped by a backslash.
_QUOTED = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_PAIR = re.compile(rf'({_KEY})=({_QUOTED}|[^\s"]*)')
_SPACED = re.compile(rf'({_KEY})=({_QUOTED}|[^"]*?(?=\s{{1,4}}{_KEY}=|$))')


def pairs(text: str, spaced: bool = False) -> dict[str, str]:
    """``key=value`` and ``key="value with spaces"``; a key's last value counts. ``spaced`` values hold spaces without quotes
    too: they end where the next key begins."""
    found = (_SPACED if spaced else _PAIR).findall(text)
    return {key: value[1:-1] if value[:1] == '"' else value for key, value in found}
