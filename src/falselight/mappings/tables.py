"""Records in, one event each by dotted name, by mapping tables of single values: a table's ``copy`` names a record's column,
the field, and the conversion if there is one. Fields that begin with a dot stand below the table's ``prefix``; so does what
no line takes, in snake case. The columns of nested objects have dots.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from falselight.mappings.network import address
from falselight.readers.settings import Settings
from falselight.readers.syslog import MOMENT, Document, iso, moment

Convert = Callable[[Any], Any]
TRANSPORTS = {
    "0": "hopopt", "1": "icmp", "2": "igmp", "4": "ipv4", "6": "tcp", "8": "egp", "17": "udp", "41": "ipv6", "46": "rsvp",
    "47": "gre", "50": "esp", "51": "ah", "58": "ipv6-icmp", "88": "eigrp", "89": "ospf", "103": "pim", "112": "vrrp",
    "132": "sctp",
}  # fmt: skip
_NUMBERS = {name: int(number) for number, name in TRANSPORTS.items()} | {"icmp6": 58, "icmpv6": 58, "ipip": 4}
# A count since 1970 tells its unit by its size: seconds until the year 5138, and so on.
UNITS = ((10**17, 10**9), (10**14, 10**6), (10**11, 10**3))
_DEEPEST = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[ -]+")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of ``copy``; ``name`` is the conversion's."""

    column: str
    field: str
    convert: Convert | None


@dataclass(frozen=True, slots=True)
class Table:
    """A table as read from TOML; ``entry`` holds what else it tells."""

    prefix: str
    constants: Mapping[str, Any]
    lines: tuple[Line, ...]
    taken: frozenset[str]
    entry: Mapping[str, Any]

    def event(self, raw: Mapping[str, Any]) -> Document:
        """The fields of one record, as lists where the record has lists."""
        made: Document = dict(self.constants)
        for line in self.lines:
            value = raw.get(line.column)
            if value in (None, "") or (made.get(line.field) is not None and line.field not in self.constants):
                continue
            found = value if line.convert is None else line.convert(value)
            if found is not None:
                made[line.field] = found
        for name, value in raw.items():
            if name not in self.taken and value not in (None, ""):
                made[f"{self.prefix}.{snake(name)}"] = value
        return made


@cache
def load(file: str, section: str) -> Table:
    """A section of a table, its conversions taken from ``CONVERSIONS``."""
    entry = tomllib.loads(files("falselight.mappings").joinpath(file).read_text("utf-8"))[section]
    prefix = entry["prefix"]
    lines = tuple(
        Line(column, prefix + name if name.startswith(".") else name, CONVERSIONS[kind[0]] if kind else None)
        for column, name, *kind in entry["copy"]
    )
    taken = frozenset(line.column for line in lines) | frozenset(entry.get("without", ()))
    return Table(prefix, entry.get("constants", {}), lines, taken, entry)


@cache
def snake(name: str) -> str:
    """``flowStart`` as ``flow_start``; dots stay."""
    return _WORD.sub("_", name).lower()


def flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """The leaves of nested objects by dotted name; lists are leaves."""
    found: dict[str, Any] = {}
    pending: list[tuple[str, Mapping[str, Any], int]] = [("", record, 0)]
    while pending:
        prefix, held, depth = pending.pop()
        for name, value in held.items():
            if isinstance(value, dict) and depth < _DEEPEST:
                pending.append((f"{prefix}{name}.", value, depth + 1))
            elif not isinstance(value, dict):
                found[prefix + name] = value
    return found


def seconds(value: Any) -> str | None:
    """Epoch seconds as a date."""
    return since_epoch(value, 1)


def milliseconds(value: Any) -> str | None:
    """Epoch milliseconds as a date."""
    return since_epoch(value, 1_000)


def microseconds(value: Any) -> str | None:
    """Epoch microseconds as a date."""
    return since_epoch(value, 1_000_000)


def since_epoch(value: Any, unit: int) -> str | None:
    """So many parts of a second since 1970 as a date; None for what is no number, or no date that a calendar has."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        whole = int(value) if isinstance(value, int) or str(value).strip().isdecimal() else None
        micro = whole * 1_000_000 // unit if whole is not None else round(float(value) * 1_000_000 / unit)
        return iso(_EPOCH + timedelta(microseconds=micro))
    except (ValueError, OverflowError):
        return None


def first_moment(raw: Mapping[str, Any], names: Iterable[str], settings: Settings) -> int | None:
    """Epoch microseconds of the first of these columns that holds a time."""
    return next((found for name in names if (found := moment_of(raw.get(name), settings)) is not None), None)


def moment_of(value: Any, settings: Settings) -> int | None:
    """Epoch microseconds of a count since 1970 in seconds or parts of them, or of a date; a date without a zone is the user's."""
    text = str(value).strip() if isinstance(value, int | float | str) and not isinstance(value, bool) else ""
    digits = text.replace(".", "", 1)
    if digits.isascii() and digits.isdecimal():
        whole = int(text.partition(".")[0] or 0) if len(text) < 40 else 10**30
        unit = next((unit for least, unit in UNITS if whole >= least), 1)
        found = whole * 10**6 // unit if unit > 1 or "." not in text else round(float(text) * 10**6)
        return found if 0 < found < 2**62 else None
    date = MOMENT.match(text.replace("/", "-")) if text else None
    time = moment(date, settings) if date is not None else None
    return None if time is None or time.year < 1971 else round(time.timestamp() * 10**6)


def whole(value: Any) -> Any:
    """Digits as a number of at most 63 bits; other values as they are."""
    short = isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 19
    return int(value) if short else value


def transport(value: Any) -> str | None:
    """The transport of a protocol's IANA number."""
    return TRANSPORTS.get(str(value))


def protocol(value: Any) -> Any:
    """The IANA number of a protocol that is named or numbered; other text as it is."""
    found = value.strip().lower() if isinstance(value, str) else value
    return _NUMBERS.get(found, whole(found)) if isinstance(found, str) else found


def nonzero(value: Any) -> Any:
    """The count, unless it is 0, which stands for none."""
    return None if value in (0, "0") else value


def ip(value: Any) -> Any:
    """The text, if it is an address."""
    return value if isinstance(value, str) and address(value) is not None else None


def text(value: Any) -> Any:
    """Numbers as text."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def lower(value: Any) -> Any:
    """Text in lower case."""
    return value.lower() if isinstance(value, str) else value


def mac(value: Any) -> Any:
    """A hardware address in capitals with dashes between its bytes."""
    return _dashed(value) if isinstance(value, str) else value


@lru_cache(maxsize=4_096)
def _dashed(text: str) -> str:
    digits = re.sub(r"[^0-9A-Fa-f]", "", text).upper()
    return "-".join(digits[at : at + 2] for at in range(0, 12, 2)) if len(digits) == 12 else text


def once(values: Iterable[Any]) -> list[Any]:
    """The values that there are, once each."""
    return list(dict.fromkeys(value for value in values if value not in (None, "")))


CONVERSIONS: dict[str, Convert] = {
    made.__name__: made
    for made in (
        seconds,
        milliseconds,
        whole,
        transport,
        protocol,
        nonzero,
        ip,
        text,
        lower,
        mac,
    )
}
