"""Documents as rows: dotted names, and a value as one cell."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from falselight.drawing import visible


def flat(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and values; lists stay lists."""
    for key, value in document.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def cell(value: Any) -> str:
    """A value as one cell: lists of plain values joined by ``; ``, anything nested as JSON."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        if any(isinstance(each, Mapping | list | tuple) for each in value):
            return json_text(value)
        return "; ".join(map(cell, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return json_text(value) if isinstance(value, Mapping) else str(value)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def json_text(value: Any) -> str:
    """JSON on one line. What a terminal might obey or cannot be seen stands as a JSON escape, so that the text is
    harmless and its value unchanged; a lone surrogate, which no encoding can write, as well."""
    return harmless_json(json.dumps(value, ensure_ascii=False, default=str))


def harmless_json(text: str) -> str:
    """JSON on one line, with escapes for what a terminal might obey or cannot be seen. What is printable is kept at once."""
    if text.isprintable() or visible(text) == text:
        return text
    return "".join(each if visible(each) == each else json.dumps(each)[1:-1] for each in text)
