"""Single values as Elasticsearch's field mappers take them from JSON: ip, version, numbers, booleans, text, dates.

Each conversion gives the stored value, or raises ``Malformed`` where the mapper would reject the value.
"""

from __future__ import annotations

import math
import re
import socket
import struct
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

import orjson

from falselight import timestamps
from falselight.ecs.schema import STRING_TYPES, Field

INTEGER_RANGES = {
    "long": (-(2**63), 2**63 - 1),
    "integer": (-(2**31), 2**31 - 1),
    "short": (-(2**15), 2**15 - 1),
    "byte": (-(2**7), 2**7 - 1),
    "unsigned_long": (0, 2**64 - 1),
}
_FLOAT_FORMATS = {"float": "<f", "half_float": "<e", "double": "<d", "scaled_float": "<d"}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)


_quad = partial(socket.inet_pton, socket.AF_INET)


class Malformed(ValueError):
    """A value that the field's mapper would reject."""


def ip(text: str) -> tuple[str, bytes]:
    """Canonical text as Elasticsearch prints it, and the 16 bytes (IPv4 mapped into IPv6). Raises ``Malformed``."""
    try:
        # Most addresses of a log: a dotted quad that the system's parser takes is canonical already.
        return text, _MAPPED + _quad(text)
    except (OSError, ValueError):
        pass
    try:
        packed = socket.inet_pton(socket.AF_INET6, text)
    except (OSError, ValueError) as error:
        raise Malformed(text) from error
    if packed.startswith(_MAPPED):
        return socket.inet_ntop(socket.AF_INET, packed[12:]), packed
    if packed.startswith(_COMPATIBLE):
        # Here the system would embed a dotted quad, Elasticsearch does not.
        return ":".join(_compressed(packed)), packed
    return socket.inet_ntop(socket.AF_INET6, packed), packed


_COMPATIBLE = b"\0" * 12
_MAPPED = b"\0" * 10 + b"\xff\xff"


def _compressed(packed: bytes) -> list[str]:
    """RFC 5952 groups: the first longest run of at least two zero groups becomes ``::``, no embedded IPv4."""
    groups = [f"{high << 8 | low:x}" for high, low in zip(packed[::2], packed[1::2], strict=True)]
    best_start, best = 0, 0
    start = 0
    while start < 8:
        end = start
        while end < 8 and groups[end] == "0":
            end += 1
        if end - start > best:
            best_start, best = start, end - start
        start = max(end, start + 1)
    if best < 2:
        return groups
    return [*(groups[:best_start] or [""]), "", *(groups[best_start + best :] or [""])]


_IDENTIFIER = r"(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
_VERSION = re.compile(
    rf"(?P<main>(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*))*)(?:-(?P<before>{_IDENTIFIER}(?:\.{_IDENTIFIER})*))?"
    r"(?P<build>\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?",
    re.ASCII,
)


def version_order(text: str) -> bytes:
    """Bytes that sort as Elasticsearch's ``version`` field sorts: semantic versions by precedence (a pre-release before
    its release), then text that is no version, the empty one first."""
    match = _VERSION.fullmatch(text)
    if match is None:
        return b"\x02" + text.encode("utf-8", "surrogatepass")
    key = b"\x01" + b".".join(_number(part) for part in match["main"].split("."))
    if match["before"] is None:
        key += b"\x03"
    else:
        parts = (_number(part) if part.isdigit() else part.encode() for part in match["before"].split("."))
        key += b"\x02-" + b".".join(parts)
    return key + (match["build"] or "").encode()


def _number(digits: str) -> bytes:
    # The length before the digits makes numbers sort by size; the marker makes them sort before letters.
    return b"\x01" + struct.pack(">H", min(len(digits), 65535)) + digits.encode()


def text(value: Any) -> str:
    """A keyword's text: numbers and booleans as JSON prints them. Raises ``Malformed`` for an object."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return orjson.dumps(value).decode()
    raise Malformed(repr(value))


def integer(value: Any, kind: str = "long") -> int | None:
    """A whole number as the coercing mapper takes it: text is parsed, fractions are cut off, ``""`` is no value."""
    if isinstance(value, bool):
        raise Malformed(repr(value))
    if isinstance(value, str):
        if value == "":
            return None
        plain = value.isascii() and value.isdecimal() and len(value) < 19
        value = int(value) if plain else _decimal(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise Malformed(repr(value))
    if not isinstance(value, int | float | Decimal):
        raise Malformed(repr(value))
    low, high = INTEGER_RANGES[kind]
    # An exponent of thousands of digits must not be written out: the bound is checked before the conversion.
    if not low - 1 < value < high + 1:
        raise Malformed(repr(value))
    return int(value)


def real(value: Any, kind: str = "double", scaling_factor: float | None = None) -> float | None:
    """A floating-point number, rounded as its type stores it (``half_float``: 16 bits). Not finite: ``Malformed``."""
    if isinstance(value, bool):
        raise Malformed(repr(value))
    if isinstance(value, str):
        if value == "":
            return None
        value = float(_decimal(value))
    if not isinstance(value, int | float):
        raise Malformed(repr(value))
    try:
        number = float(value)
        if kind == "scaled_float" and scaling_factor:
            number = math.floor(number * scaling_factor + 0.5) / scaling_factor
        (stored,) = struct.unpack(_FLOAT_FORMATS[kind], struct.pack(_FLOAT_FORMATS[kind], number))
    except (OverflowError, ValueError) as error:
        raise Malformed(repr(value)) from error
    if not math.isfinite(stored):
        raise Malformed(repr(value))
    return float(stored)


def _decimal(value: str) -> Decimal:
    if _NUMBER.fullmatch(value) is None:
        raise Malformed(value)
    try:
        return Decimal(value)
    except InvalidOperation as error:
        raise Malformed(value) from error


def boolean(value: Any) -> bool:
    """true, false, "true", "false", and "" which is false. Raises ``Malformed`` for all else."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in {"true", "false", ""}:
        return value == "true"
    raise Malformed(repr(value))


def date(value: Any, format: str | None = None) -> int:
    """Epoch nanoseconds of a number or text under a date format. Raises ``Malformed``."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Malformed(repr(value))
    if isinstance(value, float):
        value = format_float(value)
    nanos = timestamps.parse(str(value), format)
    if nanos is None:
        raise Malformed(str(value))
    return nanos


def format_float(value: float) -> str:
    """The plain decimal text of a number, no exponent: what a date's ``epoch_millis`` reads."""
    if not math.isfinite(value):
        raise Malformed(repr(value))
    plain = f"{Decimal(repr(value)):f}"
    return plain.removesuffix(".0")


def converter(field: Field) -> Callable[[Any], Any] | None:
    """The conversion from a JSON value to the value that a normalised batch holds (see ``columns``), by the field's type.
    None for types that hold no value of their own (object, geo, ranges, binary, …)."""
    kind = field.type
    if kind in STRING_TYPES or kind == "version":
        return text
    if kind == "ip":
        return _ip_text
    if kind in INTEGER_RANGES:
        return lambda value: integer(value, kind)
    if kind in _FLOAT_FORMATS:
        return lambda value: real(value, kind, field.scaling_factor)
    if kind == "boolean":
        return boolean
    if kind == "date":
        return lambda value: _bounded(date(value, field.format) // timestamps.NANOS_PER_MILLI)
    if kind == "date_nanos":
        return lambda value: _bounded(date(value, field.format))
    return _object_text if kind == "nested" else None


def _object_text(value: Any) -> str:
    """An object as JSON. Raises ``Malformed`` for what is none."""
    if not isinstance(value, dict):
        raise Malformed(repr(value))
    try:
        return orjson.dumps(value).decode()
    except TypeError as error:
        raise Malformed(str(error)) from error


def _ip_text(value: Any) -> str:
    if not isinstance(value, str):
        raise Malformed(repr(value))
    return ip(value)[0]


def _bounded(value: int) -> int:
    if not -(2**63) <= value < 2**63:
        raise Malformed(str(value))
    return value
