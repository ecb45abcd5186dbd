"""Which fields exist, of what type, and how each stands in the event table.

A schema is an Elasticsearch mapping: Falselight's own (ECS and the integrations' fields, ``fields.toml``), one that the
user gives, or either of them widened by the fields that the input holds. Whether a field exists is decided here for the
whole input, never per event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

STRING_TYPES = frozenset({"keyword", "wildcard", "constant_keyword", "text", "match_only_text"})
EXACT_STRING_TYPES = frozenset({"keyword", "wildcard", "constant_keyword"})
INTEGER_TYPES = frozenset({"long", "integer", "short", "byte", "unsigned_long"})
FLOAT_TYPES = frozenset({"double", "float", "half_float", "scaled_float"})
NUMBER_TYPES = INTEGER_TYPES | FLOAT_TYPES
DATE_TYPES = frozenset({"date", "date_nanos"})
CONTAINER_TYPES = frozenset({"object", "nested"})


@dataclass(frozen=True, slots=True)
class Field:
    """One field. ``type`` is Elasticsearch's; ``many`` tells that some event holds several values (a list column);
    ``filled`` that some event holds a value (a column exists). ``exact`` names the keyword sub-field of a text.
    ``conflict`` holds the types where indices disagree."""

    name: str
    type: str
    many: bool = False
    filled: bool = False
    exact: str | None = None
    ignore_above: int | None = None
    null_value: Any = None
    normalizer: str | None = None
    index: bool = True
    format: str | None = None
    scaling_factor: float | None = None
    conflict: tuple[str, ...] = ()


class Schema:
    """Fields by name, and aliases that lead to them. Immutable; ``with_fields`` gives a widened copy."""

    def __init__(self, fields: Mapping[str, Field], aliases: Mapping[str, str] | None = None) -> None:
        self._fields = dict(fields)
        self._aliases = dict(aliases or {})

    def find(self, name: str) -> Field | None:
        """The field of that name, through an alias if it is one."""
        return self._fields.get(self._aliases.get(name, name))

    def __contains__(self, name: str) -> bool:
        return self.find(name) is not None

    def __iter__(self) -> Iterator[Field]:
        return iter(self._fields.values())

    def __len__(self) -> int:
        return len(self._fields)

    @property
    def aliases(self) -> Mapping[str, str]:
        return self._aliases

    def beyond(self, other: Schema) -> dict[str, Field]:
        """The fields that the other schema lacks."""
        added = self._fields.keys() - other._fields.keys()
        return {name: self._fields[name] for name in sorted(added) if name not in other}

    def similar(self, name: str, most: int = 3) -> list[str]:
        """Names close to one that does not exist, best first, for "did you mean"."""
        leaves = (known for known, field in self._fields.items() if field.type not in CONTAINER_TYPES)
        return get_close_matches(name, [*leaves, *self._aliases], n=most, cutoff=0.75)

    def with_fields(self, fields: Mapping[str, Field], aliases: Mapping[str, str] | None = None) -> Schema:
        """A copy in which these fields are added or replaced."""
        widened = Schema({})
        widened._fields = {**self._fields, **fields}
        widened._aliases = {**self._aliases, **aliases} if aliases else self._aliases
        return widened

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Schema:
        """From an Elasticsearch mapping (``{"properties": …}``, ``{"mappings": …}`` or an index's whole answer)."""
        fields: dict[str, Field] = {}
        aliases: dict[str, str] = {}
        _collect(_properties(mapping), "", fields, aliases)
        return cls(fields, aliases)


def _properties(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    while "properties" not in mapping:
        if "mappings" in mapping:
            mapping = mapping["mappings"]
        elif len(mapping) == 1 and isinstance(next(iter(mapping.values())), Mapping):
            mapping = next(iter(mapping.values()))
        else:
            return {}
    properties: Mapping[str, Any] = mapping["properties"]
    return properties


def _collect(properties: Mapping[str, Any], prefix: str, fields: dict[str, Field], aliases: dict[str, str]) -> None:
    for key, entry in properties.items():
        name = prefix + key
        kind = entry.get("type", "object")
        if kind == "alias":
            aliases[name] = entry["path"]
            continue
        fields[name] = _field(name, kind, entry)
        if "properties" in entry:
            _collect(entry["properties"], name + ".", fields, aliases)
        for sub, sub_entry in entry.get("fields", {}).items():
            sub_name = f"{name}.{sub}"
            sub_kind = sub_entry.get("type", "keyword")
            fields[sub_name] = _field(sub_name, sub_kind, sub_entry)
            if sub_kind in EXACT_STRING_TYPES and fields[name].exact is None and "normalizer" not in sub_entry:
                fields[name] = replace(fields[name], exact=sub_name)


def _field(name: str, kind: str, entry: Mapping[str, Any]) -> Field:
    return Field(
        name=name,
        type=kind,
        ignore_above=entry.get("ignore_above"),
        null_value=entry.get("null_value"),
        normalizer=entry.get("normalizer"),
        index=entry.get("index", True) is not False or entry.get("doc_values", True) is not False,
        format=entry.get("format"),
        scaling_factor=entry.get("scaling_factor"),
    )


def paths_above(name: str) -> list[str]:
    """The paths of the objects that a dotted name stands in."""
    parts = name.split(".")
    return [".".join(parts[:depth]) for depth in range(1, len(parts))]


def column(name: str) -> str:
    """The physical column of a field. DuckDB's identifiers ignore case, Elasticsearch's fields do not: an upper-case
    letter is written as ``^`` and the lower-case letter (``Name`` is ``^name``), ``^`` itself is doubled."""
    if name.islower() and "^" not in name:
        return name
    return "".join("^" + c.lower() if "A" <= c <= "Z" else "^^" if c == "^" else c for c in name)


def ip_column(name: str) -> str:
    """The column of an ip field's 16 bytes (IPv4 mapped into IPv6), beside its canonical text."""
    return column(name) + "#ip"


def order_column(name: str) -> str:
    """The column of a version field's sort key, beside its text."""
    return column(name) + "#order"
