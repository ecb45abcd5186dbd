"""Diagnostics → text for people: the message, the place in the source, and what to do.

Source and messages may carry attackers' text: control characters, bidirectional marks and other invisible characters
are shown as visible escapes, so that nothing reaches a terminal raw.
"""

from __future__ import annotations

import unicodedata

from falselight.diagnostics import Diagnostic, Label, Severity
from falselight.source import Source

# Cells of a source line that are shown around the place.
WIDTH = 100
_TAB = "    "
_COLOURS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.NOTE: "36"}
_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def draw(diagnostic: Diagnostic, colour: bool = False) -> str:
    """Several lines without a line break at the end. ``colour`` adds ANSI colours."""
    style = _COLOURS[diagnostic.severity] if colour else ""
    head = _painted(f"{diagnostic.severity}[{visible(diagnostic.code)}]", style)
    lines = [f"{head}: {visible(diagnostic.message)}"]
    source = diagnostic.source
    if source is not None and diagnostic.labels:
        line, column = source.position(diagnostic.labels[0].span.start)
        margin = " " * len(str(max(source.position(label.span.start)[0] for label in diagnostic.labels)))
        lines.append(f"{margin}--> {visible(source.name)}:{line}:{column}")
        for index, label in enumerate(diagnostic.labels):
            lines.extend(_place(source, label, margin, "^" if index == 0 else "-", style))
    elif diagnostic.path is not None:
        record = f", record {diagnostic.record}" if diagnostic.record is not None else ""
        lines.append(f" --> {visible(diagnostic.path)}{record}")
    if diagnostic.help:
        lines.append(f"help: {visible(diagnostic.help)}")
    return "\n".join(lines)


def visible(text: str) -> str:
    """The text with everything that a terminal might obey, or that cannot be seen, as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character == "\t":
        return _TAB
    if unicodedata.category(character) in _HIDDEN:
        return f"\\u{{{ord(character):02x}}}"
    return character


def _cells(text: str) -> int:
    """Columns of a terminal that a shown text takes."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def _place(source: Source, label: Label, margin: str, mark: str, style: str) -> list[str]:
    """The line where a label begins, and its underline; a span of several lines is marked to the end of its first."""
    number, column = source.position(label.span.start)
    text = source.line(number)
    begin = min(column - 1, len(text))
    end = min(begin + max(label.span.end - label.span.start, 1), max(len(text), begin + 1))
    left = max(0, begin - WIDTH // 2)
    right = min(len(text), left + WIDTH)
    before, within = visible(text[left:begin]), visible(text[begin : min(end, right)])
    after = visible(text[min(end, right) : right])
    front = "…" if left else ""
    back = "…" if right < len(text) else ""
    underline = " " * _cells(front + before) + _painted(mark * max(_cells(within), 1), style)
    last = source.position(label.span.end)[0]
    note = visible(label.text) + (f" (to line {last})" if last > number else "")
    gutter = str(number).rjust(len(margin))
    return [f"{gutter} | {front}{before}{within}{after}{back}", f"{margin} | {underline} {note}".rstrip()]


def _painted(text: str, style: str) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if style else text
