"""``<n-m>``: decimal numbers between two bounds, as plain alternatives."""

from __future__ import annotations

from falselight.eql.regular.syntax import Class, Concatenation, Item, Node, Repeat, Text, Union

ZERO, NINE = ord("0"), ord("9")


def expand(low: int, high: int, digits: int) -> Node:
    """Numbers low to high, both included, written with exactly so many digits; 0: with any number of leading zeros."""
    if digits:
        return _fixed(str(low).zfill(digits), str(high).zfill(digits))
    alternatives = []
    for width in range(len(str(low)), len(str(high)) + 1):
        least = 0 if width == 1 else 10 ** (width - 1)
        alternatives.append(_fixed(str(max(low, least)), str(min(high, 10**width - 1))))
    numbers = alternatives[0] if len(alternatives) == 1 else Union(tuple(alternatives))
    return Concatenation((Repeat(Text("0"), 0, None), numbers))


def _fixed(low: str, high: str) -> Node:
    """Strings of digits, all of one length, from low to high."""
    if not low:
        return Text("")
    if low == "0" * len(low) and high == "9" * len(high):
        return _digits(0, 9, len(low))
    if low[0] == high[0]:
        return Concatenation((Text(low[0]), _fixed(low[1:], high[1:])))
    rest = len(low) - 1
    first, last = int(low[0]), int(high[0])
    head: list[Node] = []
    tail: list[Node] = []
    if low[1:] != "0" * rest:
        head.append(Concatenation((Text(low[0]), _fixed(low[1:], "9" * rest))))
        first += 1
    if high[1:] != "9" * rest:
        tail.append(Concatenation((Text(high[0]), _fixed("0" * rest, high[1:]))))
        last -= 1
    middle: list[Node] = []
    if first <= last:
        middle.append(Concatenation((_digits(first, last, 1), _digits(0, 9, rest))))
    alternatives = head + middle + tail
    return alternatives[0] if len(alternatives) == 1 else Union(tuple(alternatives))


def _digits(first: int, last: int, count: int) -> Node:
    one = Class((Item(ZERO + first, ZERO + last, False),), False)
    return Text("") if count == 0 else one if count == 1 else Repeat(one, count, count)
