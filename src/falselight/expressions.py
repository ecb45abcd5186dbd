"""SQL of an event table's fields: what no event fills is a typed null."""

from __future__ import annotations

from falselight.ecs.schema import STRING_TYPES, Field, column, ip_column
from falselight.store import EventTable, quoted

_TEXT = STRING_TYPES | {"ip"}


class Expressions:
    """Each method gives an expression over a row of ``table``."""

    def __init__(self, events: EventTable) -> None:
        self.table = quoted(events.name)
        self._schema = events.schema

    def filled(self, name: str, kinds: frozenset[str] | None = None) -> Field | None:
        """The field, if an event has it and its type is one of ``kinds``."""
        entry = self._schema.find(name)
        return entry if entry is not None and entry.filled and (kinds is None or entry.type in kinds) else None

    def first(self, entry: Field) -> str:
        """The value, of several the first, in the field's own type."""
        return _first(column(entry.name), entry.many)

    def text(self, *names: str) -> str:
        """The first value of the first of these fields that has one, as VARCHAR."""
        found = [self._text(entry) for name in names if (entry := self.filled(name)) is not None]
        if not found:
            return "CAST(NULL AS VARCHAR)"
        return f"coalesce({', '.join(found)})" if len(found) > 1 else found[0]

    def number(self, name: str) -> str:
        """The first value as BIGINT, null where it is none."""
        entry = self.filled(name)
        return "CAST(NULL AS BIGINT)" if entry is None else f"TRY_CAST({self.first(entry)} AS BIGINT)"

    def bytes(self, name: str) -> str:
        """The first address as its 16 bytes."""
        entry = self.filled(name, frozenset({"ip"}))
        return "CAST(NULL AS BLOB)" if entry is None else _first(ip_column(entry.name), entry.many)

    def all(self, name: str, kind: str = "VARCHAR") -> str:
        """All values as a list of ``kind``, null where there is none; BLOB: addresses, 16 bytes each."""
        entry = self.filled(name, frozenset({"ip"}) if kind == "BLOB" else None)
        if entry is None:
            return f"CAST(NULL AS {kind}[])"
        value = quoted(ip_column(entry.name) if kind == "BLOB" else column(entry.name))
        if entry.many:
            return f"CAST({value} AS {kind}[])"
        return f"CASE WHEN {value} IS NOT NULL THEN [CAST({value} AS {kind})] END"

    def _text(self, entry: Field) -> str:
        return self.first(entry) if entry.type in _TEXT else f"CAST({self.first(entry)} AS VARCHAR)"


def _first(physical: str, many: bool) -> str:
    return f"{quoted(physical)}[1]" if many else quoted(physical)
