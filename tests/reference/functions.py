"""EQL's functions over plain values; None is null. Positions count UTF-16 units, as in Java."""

from __future__ import annotations

import math
from typing import Any

LONG = 2**63


def call(name: str, arguments: list[Any], insensitive: bool) -> Any:
    """The value of one call; names in lower case."""
    return globals()[f"_{name}"](*arguments, **({"fold": True} if insensitive else {}))


def units(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def _lower(text: str, fold: bool) -> str:
    return text.lower() if fold else text


def _length(text: Any) -> Any:
    return None if text is None else len(units(text)) // 2


def _string(value: Any) -> Any:
    return None if value is None else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def _concat(*values: Any) -> Any:
    return None if None in values else "".join(map(_text, values))


def _startswith(text: Any, part: Any, fold: bool = False) -> Any:
    return None if text is None or part is None else _lower(text, fold).startswith(_lower(part, fold))


def _endswith(text: Any, part: Any, fold: bool = False) -> Any:
    return None if text is None or part is None else _lower(text, fold).endswith(_lower(part, fold))


def _stringcontains(text: Any, part: Any, fold: bool = False) -> Any:
    if text is None or part is None:
        return None
    return part != "" and _lower(part, fold) in _lower(text, fold)


def _indexof(text: Any, part: Any, start: Any = None, fold: bool = False) -> Any:
    if text is None or part is None:
        return None
    found = _lower(text, fold).find(_lower(part, fold), max(start or 0, 0))
    return None if found < 0 else found


def _substring(text: Any, start: Any, end: Any = None) -> Any:
    if text is None:
        return None
    return text[slice(start or 0, end)] if (start or 0) >= 0 or -(start or 0) <= len(text) else text[:end]


def _between(text: Any, left: Any, right: Any, greedy: Any = False, fold: bool = False) -> Any:
    if None in (text, left, right, greedy):
        return None
    inside = _lower(text, fold)
    first = inside.find(_lower(left, fold))
    if first < 0:
        return ""
    begin = first + len(left)
    last = inside.rfind(_lower(right, fold)) if greedy else inside.find(_lower(right, fold), begin)
    return "" if last < begin else text[begin:last]


def _number(text: Any, base: Any = None) -> Any:
    if text is None:
        return None
    if base not in (None, 10):
        return int(text, base)
    return float(text)


def _long(value: int) -> Any:
    return value if -LONG <= value < LONG else None


def _arithmetic(left: Any, right: Any, whole: Any, real: Any) -> Any:
    if left is None or right is None:
        return None
    if isinstance(left, int) and isinstance(right, int):
        return whole(left, right)
    return real(float(left), float(right))


def _add(left: Any, right: Any) -> Any:
    return _arithmetic(left, right, lambda a, b: _long(a + b), lambda a, b: a + b)


def _subtract(left: Any, right: Any) -> Any:
    return _arithmetic(left, right, lambda a, b: _long(a - b), lambda a, b: a - b)


def _multiply(left: Any, right: Any) -> Any:
    return _arithmetic(left, right, lambda a, b: _long(a * b), lambda a, b: a * b)


def _divide(left: Any, right: Any) -> Any:
    def whole(a: int, b: int) -> Any:
        return None if b == 0 else _long(abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1))

    return _arithmetic(left, right, whole, lambda a, b: None if b == 0 else a / b)


def _modulo(left: Any, right: Any) -> Any:
    def whole(a: int, b: int) -> Any:
        return None if b == 0 else int(math.copysign(abs(a) % abs(b), a))

    return _arithmetic(left, right, whole, lambda a, b: None if b == 0 else math.fmod(a, b))


def _negate(value: Any) -> Any:
    return None if value is None else -value
