"""The matrix as text for the eye, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from string import ascii_uppercase

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from falselight.drawing import visible
from falselight.report import words
from falselight.validation.matrix import DetectionCell, Row, SignalCell


def show(console: Console, rows: Iterable[Row]) -> None:
    """All tests beside all rules; then each test with its signals and rules, those that fire first. A blank cell has its
    reason below."""
    rows = list(rows)
    if len(rows) > 1:
        _overview(console, rows)
    for row in rows:
        console.print(Text(f"Test {row.test}  {row.name}", style="bold"))
        if not row.present:
            console.print(Text("  none of its signals is in this telemetry: it was not run, or not recorded\n"))
            continue
        console.print(Padding(_signals(row), (0, 0, 0, 2)))
        for cell in sorted(row.detections, key=lambda cell: cell.windows == 0):
            _detection(console, cell)
        for claim in row.claims:
            console.print(Padding(Text(f"the page's claim: {claim}", style="dim"), (0, 0, 0, 2)))
        console.print()


def _overview(console: Console, rows: Sequence[Row]) -> None:
    """A line a test, a column a rule: how often it fires, or a dash."""
    rules = [(cell.rule, f"{visible(cell.name)} ({cell.severity})") for cell in rows[0].detections]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="")
    table.add_column("Test", no_wrap=True)
    table.add_column("signals", justify="right")
    for letter in ascii_uppercase[: len(rules)]:
        table.add_column(letter, justify="right")
    for row in rows:
        fired = {cell.rule: cell for cell in row.detections}
        found = sum(cell.holds for cell in row.signals)
        signals = Text(f"{found} of {len(row.signals)}", style="" if found == len(row.signals) else "bold red")
        if not row.present:
            signals = Text("not seen", style="dim")
        table.add_row(f"{row.test}  {row.name}", signals, *(_times(row, fired[rule]) for rule, _ in rules))
    console.print(table)
    for letter, (_, told) in zip(ascii_uppercase, rules, strict=False):
        console.print(Text(f"  {letter}  {told}"), soft_wrap=True)
    console.print()


def _times(row: Row, cell: DetectionCell) -> Text:
    if not row.present:
        return Text(" ")
    if not cell.holds:
        return Text("FAILS", style="bold red")
    return Text(str(cell.windows), style="green") if cell.windows else Text("–", style="dim")


def _signals(row: Row) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for cell in row.signals:
        found = f"{cell.found} of {cell.needed}"
        basis = f"{cell.telemetry} telemetry, {cell.mapping} mapping"
        table.add_row(_mark(cell), cell.event, visible(cell.text), found, Text(basis, style="dim"))
    return table


def _detection(console: Console, cell: DetectionCell) -> None:
    outcome = f"fires {cell.windows} times" if cell.windows > 1 else "fires" if cell.windows else "blank"
    if cell.promised:
        outcome += ", as promised" if cell.windows else ", but promised"
    elif cell.windows:
        outcome += ", not promised" if cell.alone else ", by this test or something else that was recorded"
    line = Text.assemble("  ", _mark(cell), f"  {visible(cell.name)} ({cell.severity}): {outcome}")
    line.append(f"  {cell.telemetry} telemetry", style="dim")
    console.print(line, soft_wrap=True)
    for reason in _telling(cell):
        console.print(Padding(Text(visible(words.shortened(reason)), style="dim"), (0, 0, 0, 6)))


def _mark(cell: SignalCell | DetectionCell) -> Text:
    if not cell.holds:
        return Text("FAILS", style="bold red")
    empty = isinstance(cell, DetectionCell) and not cell.windows
    return Text("– " if empty else "ok", style="dim" if empty else "green")


def _telling(cell: DetectionCell) -> Iterator[str]:
    """The first reason, and what would be elsewhere where that says something new. What no event fills is left to JSON."""
    yield from cell.reasons[:1]
    for reason in cell.reasons[1:]:
        if reason.startswith("Towards ") and not reason.endswith(cell.reasons[0]):
            yield reason
