"""XML that stands as text in a field of an event."""

from __future__ import annotations

from xml.etree import ElementTree

_LONGEST = 1 << 20


def root(value: str, opening: str) -> ElementTree.Element | None:
    """The element that begins with ``opening``; None where there is none, or what is there is no XML or too long.

    What stands before it is passed over, as it can declare entities."""
    start = value.find(opening)
    if start < 0 or len(value) > _LONGEST:
        return None
    try:
        return ElementTree.fromstring(value[start:])
    except (ElementTree.ParseError, ValueError):
        return None


def name(element: ElementTree.Element) -> str:
    """An element's name in lower case, without its namespace."""
    return element.tag.rpartition("}")[2].lower()
