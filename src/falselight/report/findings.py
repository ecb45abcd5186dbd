"""Findings at a terminal: one line for each that fits the eye, and under it what else is known and why it was found."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from falselight.drawing import visible
from falselight.findings import Finding
from falselight.plan.dates import iso
from falselight.report import words
from falselight.report.panel import STYLES

HEADINGS = ("severity", "host", "server", "process", "windows", "events", "first seen", "last seen")
NUMERIC = (4, 5)
MOST_VALUES = 3
WIDEST = 40
MILLISECOND = 1_000_000
LAST_SEEN = HEADINGS.index("last seen")
INDENT = " " * 10


def show(stream: TextIO, findings: Sequence[Finding], *, colour: bool) -> None:
    """Print the findings as a table; a stream that is no terminal gets 120 columns."""
    if not findings:
        return
    width = None if stream.isatty() else 120
    console = Console(file=stream, width=width, no_color=not colour, highlight=False, soft_wrap=True)
    rows = [_row(finding) for finding in findings]
    columns = _fitting(rows, console.width)
    widths = [min(WIDEST, max(cell_len(row[at]) for row in (HEADINGS, *rows))) for at in columns]
    console.print(_line([HEADINGS[at] for at in columns], widths, columns), style="bold")
    for finding, row in zip(findings, rows, strict=True):
        line = _line([row[at] for at in columns], widths, columns)
        line.stylize(STYLES[finding.severity], 0, len(row[0]))
        console.print(line)
        for told in details(finding, timed=LAST_SEEN not in columns):
            for part in _wrapped(visible(told), console.width - len(INDENT)) if stream.isatty() else [visible(told)]:
                console.print(Text(INDENT + part), style="dim")


def _row(finding: Finding) -> tuple[str, ...]:
    return (
        finding.severity,
        _values(finding.hosts),
        _values(finding.servers),
        _values(finding.processes),
        words.number(finding.windows),
        words.number(finding.events),
        _time(finding.first_seen),
        _time(finding.last_seen),
    )


def _time(instant: int) -> str:
    return iso(instant)[:19].replace("T", " ")


def _values(values: Sequence[object]) -> str:
    shown = ", ".join(str(value) for value in values[:MOST_VALUES])
    more = f" +{len(values) - MOST_VALUES}" if len(values) > MOST_VALUES else ""
    return visible(shown + more) or "-"


def _fitting(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """The columns that fit the width: times give way first, then processes."""
    columns = list(range(len(HEADINGS)))
    for leaving in ((7, 6), (3,)):
        needed = sum(min(WIDEST, max(cell_len(row[at]) for row in (HEADINGS, *rows))) + 2 for at in columns)
        if needed - 2 <= width:
            break
        columns = [at for at in columns if at not in leaving]
    return columns


def _line(cells: Sequence[str], widths: Sequence[int], columns: Sequence[int]) -> Text:
    parts = []
    for text, width, at in zip(cells, widths, columns, strict=True):
        padded = text.rjust(width) if at in NUMERIC else text if cell_len(text) > width else set_cell_size(text, width)
        parts.append(padded)
    return Text("  ".join(parts).rstrip())


def _wrapped(text: str, width: int) -> list[str]:
    """Lines broken at spaces; what is longer than a line stays whole, so that it can be copied."""
    return textwrap.wrap(text, max(width, 20), break_long_words=False, break_on_hyphens=False)


def details(finding: Finding, *, timed: bool = False) -> Iterator[str]:
    """What else is known of a finding, and why the rule found it; with the times, where the line has no room for them."""
    known = list(_labelled(finding))
    if known:
        yield " · ".join(known)
    if timed:
        yield f"first {_time(finding.first_seen)} · last {_time(finding.last_seen)}"
    yield why(finding)


def _labelled(finding: Finding) -> Iterable[str]:
    if finding.domains:
        yield f"name {_values(finding.domains)}"
    if finding.ports:
        yield f"port {_values(finding.ports)}"
    if finding.details.get("user.name"):
        yield f"user {_values(finding.details['user.name'])}"


def why(finding: Finding) -> str:
    """Why: which rule, how often, over what time."""
    lasted = words.duration((finding.last_seen - finding.first_seen) // MILLISECOND)
    if not finding.keys:
        return f"{finding.rule.name}: {words.plural(finding.events, 'event')}"
    matched = f"matched {words.plural(finding.windows, 'time')}"
    return f"{finding.rule.name}: {matched} among {words.plural(finding.events, 'event')} over {lasted}"
