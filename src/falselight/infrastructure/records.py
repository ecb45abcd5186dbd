"""What scan exports, certificates and passive DNS say, whatever file it came from.

Values come from strangers: the functions below take what has the expected type, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from falselight import timestamps
from falselight.values import Malformed, ip

# Beyond this a banner or page is compared by its hash alone.
MOST_TEXT = 65_536


@dataclass(frozen=True)
class Certificate:
    """A certificate. ``hashes`` are lower-case SHA-256, SHA-1 or MD5 of the whole, ``key`` SHA-256 of its public key;
    ``serial`` upper-case hexadecimal without leading zeros. Times are epoch nanoseconds."""

    hashes: tuple[str, ...] = ()
    serial: str | None = None
    subject: str | None = None
    issuer: str | None = None
    key: str | None = None
    names: tuple[str, ...] = ()
    self_signed: bool | None = None
    begins: int | None = None
    ends: int | None = None

    @property
    def is_self_signed(self) -> bool:
        """As the source says, else whether subject and issuer are the same."""
        return (
            self.self_signed
            if self.self_signed is not None
            else self.subject is not None and self.subject == self.issuer
        )


@dataclass(frozen=True)
class Service:
    """What a scanner was answered at one port. ``seen`` is when, epoch nanoseconds; ``banner`` the head of the answer;
    ``marks`` the values by which it may be found elsewhere, by trait (``traits.Trait``)."""

    address: str
    port: int | None
    seen: int | None
    transport: str | None = None
    product: str | None = None
    banner: str = ""
    title: str | None = None
    certificate: Certificate | None = None
    marks: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Machine:
    """What a scanner knows of an address as a whole: its names, its autonomous system and whose that is."""

    address: str
    names: tuple[str, ...] = ()
    system: int | None = None
    organisation: str | None = None
    seen: int | None = None


@dataclass(frozen=True)
class Resolution:
    """One row of passive DNS: a name, a record type, what it held, between two moments, so many times."""

    name: str
    kind: str
    values: tuple[str, ...]
    first: int | None
    last: int | None
    count: int | None


@dataclass(frozen=True)
class Unknown:
    """A value that is no record, and why. It stands in its place, so that nothing beside it is lost."""

    why: str


Record = Certificate | Service | Machine | Resolution | Unknown


@dataclass
class Skipped:
    """What one file had that could not be used: by reason how many, and the first places (lines, or positions from 1)."""

    counts: dict[str, int] = field(default_factory=dict)
    places: dict[str, list[int]] = field(default_factory=dict)

    def add(self, why: str, place: int) -> None:
        self.counts[why] = self.counts.get(why, 0) + 1
        known = self.places.setdefault(why, [])
        if len(known) < 3:
            known.append(place)


def at(value: Any, *path: str) -> Any:
    """The value below these keys; None where there is none."""
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def text(value: Any) -> str | None:
    """A string that is not empty."""
    return value.strip() or None if isinstance(value, str) else None


def whole(value: Any) -> int | None:
    """A whole number, written as one or as text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value) else None


def port(value: Any) -> int | None:
    number = whole(value)
    return number if number is not None and 0 <= number <= 65_535 else None


def each(value: Any) -> Iterator[Any]:
    """The members of a list; of anything else that is there, itself."""
    if isinstance(value, list):
        yield from value
    elif value is not None:
        yield value


def address(value: Any) -> str | None:
    """An address in its usual form."""
    if not isinstance(value, str):
        return None
    try:
        return ip(value)[0]
    except Malformed:
        return None


def moment(value: Any) -> int | None:
    """Epoch nanoseconds: of ISO 8601 (UTC where no zone is named), ASN.1 (20260311090000Z), or epoch seconds."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _bounded(int(value * 1_000_000_000)) if 0 <= value < 1e11 else None
    if not isinstance(value, str):
        return None
    written = value.strip()
    if re.fullmatch(r"[0-9]{14}Z", written):
        written = f"{written[:4]}-{written[4:6]}-{written[6:8]}T{written[8:10]}:{written[10:12]}:{written[12:]}"
    elif re.fullmatch(r"[0-9]{1,11}", written):
        return _bounded(int(written) * 1_000_000_000)
    written = written.replace(" ", "T", 1)
    zoned = written.endswith("Z") or re.search(r"T.*[+-][0-9]{2}:?[0-9]{2}$", written)
    try:
        return _bounded(
            timestamps.parse(written if zoned else (written if "T" in written else f"{written}T00:00:00") + "Z")
        )
    except ValueError:
        return None


def nanoseconds(value: datetime) -> int | None:
    """Epoch nanoseconds of a moment in UTC."""
    return _bounded(int(value.timestamp()) * 1_000_000_000)


def _bounded(time: int | None) -> int | None:
    """None as well beyond what 64 bits of nanoseconds can say (the year 2262), as of certificates that hold until 9999."""
    return time if time is not None and abs(time) < 1 << 63 else None


def digest(value: Any) -> str | None:
    """A hash in lower-case hexadecimal, with or without colons and the name of its method."""
    if not isinstance(value, str):
        return None
    plain = value.rpartition(":")[2] if re.match(r"(sha256|sha1|md5):", value, re.IGNORECASE) else value
    plain = plain.replace(":", "").lower()
    return plain if re.fullmatch(r"[0-9a-f]{8,128}", plain) else None


def serial(value: Any) -> str | None:
    """A serial number as upper-case hexadecimal; a JSON number is decimal."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:X}" if value > 0 else None
    plain = value.replace(":", "").removeprefix("0x").upper().lstrip("0") if isinstance(value, str) else ""
    return plain if re.fullmatch(r"[0-9A-F]{1,64}", plain) else None


_PART = re.compile(r"(?:[^,\\]|\\.)+")


def distinguished(value: Any) -> str | None:
    """A distinguished name in one order and in lower case, whichever order and form its source has: text, or a mapping of
    attributes to values."""
    if isinstance(value, Mapping):
        parts = [f"{_ATTRIBUTES.get(str(key).lower(), str(key))}={one}" for key, many in value.items() for one in each(many)
                 if isinstance(one, str)]  # fmt: skip
    elif isinstance(value, str):
        parts = [part.strip() for part in _PART.findall(value)]
    else:
        return None
    found = sorted(f"{left.strip().lower()}={right.strip().lower()}" for left, _, right in (part.partition("=") for part in parts)
                   if right.strip())  # fmt: skip
    return ", ".join(found) or None


_ATTRIBUTES = {"common_name": "cn", "organization": "o", "organizational_unit": "ou", "country": "c", "locality": "l",
               "province": "st", "email_address": "emailaddress"}  # fmt: skip
_NAME = re.compile(r"(?=.{1,253}\Z)(?:[\w-]{1,63}\.)+[\w-]{2,63}", re.ASCII)


def name(value: Any) -> str | None:
    """A host's name in lower case, without final dot and without the star of a wildcard."""
    if not isinstance(value, str):
        return None
    plain = value.strip().lower().removeprefix("*.").rstrip(".")
    return plain if _NAME.fullmatch(plain) and address(plain) is None else None


def names(*values: Any) -> tuple[str, ...]:
    """All names among the values, each once, in order."""
    found = (name(one) for value in values for one in each(value))
    return tuple(sorted({one for one in found if one is not None}))
