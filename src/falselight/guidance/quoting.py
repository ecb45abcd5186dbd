"""Values of a finding as constants of the query languages that a guide speaks, and as text in its Markdown.

A log's values are an attacker's: each language gets them as a quoted constant by its own rules, never as syntax."""

from __future__ import annotations

import re
from collections.abc import Iterable

from falselight.drawing import visible

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~-])")


def eql(value: object) -> str:
    """A string of EQL. Its wildcards stand for themselves with ``==``, which the guides use."""
    return _backslashed(str(value))


def esql(value: object) -> str:
    """A string of ES|QL."""
    return _backslashed(str(value))


def kql(value: object) -> str:
    """A quoted value of KQL, in which no wildcard works."""
    return _backslashed(str(value))


def sql(value: object) -> str:
    """A string of osquery's SQL."""
    return "'" + _plain(str(value)).replace("'", "''") + "'"


def listed(values: Iterable[object], quote: str) -> str:
    """``"a", "b"`` in one of the languages by its name."""
    return ", ".join(_QUOTES[quote](value) for value in values)


def markdown(value: object) -> str:
    """A value within a sentence of Markdown: its signs are escaped, control and bidirectional characters visible."""
    return _MARKDOWN.sub(r"\\\1", visible(str(value)).replace("\n", " "))


def code(value: object) -> str:
    """A value as code in Markdown: the fence is longer than any run of backticks within."""
    text = visible(str(value)).replace("\n", " ")
    fence = "`" * (max((len(run) for run in re.findall(r"`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _backslashed(text: str) -> str:
    return '"' + _plain(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _plain(text: str) -> str:
    """Without what could end a line or a terminal's patience: a query with it is shown, and cannot match."""
    return visible(text)


_QUOTES = {"eql": eql, "esql": esql, "kql": kql, "sql": sql}
