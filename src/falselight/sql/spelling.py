"""Names and values as DuckDB's SQL spells them: the only place where text becomes SQL, always quoted."""

from __future__ import annotations

import math


def name(identifier: str) -> str:
    """A quoted identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def text(value: str) -> str:
    """A string literal. NUL cannot stand in SQL text: it is spliced in."""
    quoted = "'" + value.replace("'", "''") + "'"
    return "(" + quoted.replace("\0", "' || chr(0) || '") + ")" if "\0" in value else quoted


def literal(value: str | int | float | bool | bytes | None) -> str:
    """A value of a column's physical type."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else f"'{value!r}'::DOUBLE"
    if isinstance(value, bytes):
        return "'" + "".join(f"\\x{byte:02X}" for byte in value) + "'::BLOB"
    return text(value)


def conjunction(parts: list[str]) -> str:
    """All of these."""
    return "TRUE" if not parts else parts[0] if len(parts) == 1 else "(" + " AND ".join(parts) + ")"


def disjunction(parts: list[str]) -> str:
    """Any of these."""
    return "FALSE" if not parts else parts[0] if len(parts) == 1 else "(" + " OR ".join(parts) + ")"
