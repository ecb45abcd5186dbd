"""How Elasticsearch maps a field that no mapping names, by its first value."""

from __future__ import annotations

from typing import Any, Literal

from falselight import timestamps
from falselight.ecs.schema import Field

Strings = Literal["text", "keyword"]
# Elastic's data streams map unknown strings to keyword with this limit (ecs@mappings), a plain index to text + .keyword.
KEYWORD_LIMIT, SUBFIELD_LIMIT = 1024, 256


def dynamic_field(name: str, value: Any, strings: Strings) -> Field:
    """How Elasticsearch maps a field that it meets for the first time with this value."""
    if isinstance(value, bool):
        return Field(name, "boolean")
    if isinstance(value, int):
        return Field(name, "long")
    if isinstance(value, float):
        return Field(name, "float" if strings == "text" else "double")
    if strings == "keyword":
        return Field(name, "keyword", ignore_above=KEYWORD_LIMIT)
    format = timestamps.detect(value)
    if format is not None:
        return Field(name, "date", format=format)
    return Field(name, "text", exact=name + ".keyword")
