"""The closing panel: what was read, how fast, what was left out, what was found, what to do next."""

from __future__ import annotations

import resource
import sys
from collections import Counter
from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from falselight.drawing import visible
from falselight.hunting import HuntResult
from falselight.readers.settings import TIMEZONE, YEAR, Networks, Settings
from falselight.report.words import number, plural
from falselight.rules import LEVELS

MOST_NAMES = 5
STYLES = {"critical": "bold white on red", "high": "bold red", "medium": "yellow", "low": "cyan"}


def peak_memory() -> int:
    """Bytes of memory that this process held at most."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def show(
    console: Console,
    result: HuntResult,
    seconds: float,
    faults: int,
    hints: Iterable[str],
    more: Iterable[tuple[str, str]] = (),
) -> None:
    """Print the panel of a hunt, ``more`` lines of it below the others, and the hints."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in _lines(result, seconds, faults):
        grid.add_row(label, text)
    for label, told in more:
        grid.add_row(label, Text(visible(told)))
    console.print(Panel(grid, title="hunt", title_align="left", box=box.ROUNDED, expand=False))
    for hint in hints:
        console.print(Text.assemble(("hint: ", "bold"), visible(hint)), soft_wrap=not console.is_terminal)


def _lines(result: HuntResult, seconds: float, faults: int) -> Iterable[tuple[str, Text]]:
    table = result.table
    rate = table.rows / seconds if seconds > 0 else 0.0
    yield "files", Text(plural(len(table.inputs), "input"))
    yield "events", Text(f"{number(table.rows)} in {seconds:.1f} s ({number(round(rate))} events/s)")
    yield "peak memory", Text(f"{number(peak_memory() // 2**20)} MiB")
    skipped: Counter[str] = sum((count.skipped for count in table.counts), Counter())
    left_out = ", ".join(f"{number(count)} {reason}" for reason, count in sorted(skipped.items())) or "none"
    yield "left out", Text(visible(left_out), style="yellow" if skipped else "")
    yield from assumptions(result.settings)
    if table.malformed:
        fields = ", ".join(f"{field} {number(count)}" for field, count in table.malformed.most_common(MOST_NAMES))
        yield "odd values", Text(visible(f"{fields} (not of the field's type, ignored)"), style="yellow")
    if faults:
        yield "messages", Text(f"{number(faults)} above", style="yellow")
    run = sum(1 for each in result.rules if each.plan is not None)
    yield "rules", Text(plural(run, "rule") + " run" + _starved(result) + _not_run(result))
    yield "findings", _levels(result)
    hosts = Counter(host for finding in result.findings for host in finding.hosts)
    servers = Counter(server for finding in result.findings for server in finding.servers)
    for label, names in (("top hosts", hosts), ("top servers", servers)):
        if names:
            top = ", ".join(f"{visible(str(name))} ({number(count)})" for name, count in _top(names))
            yield label, Text(top)


def assumptions(settings: Settings) -> Iterable[tuple[str, Text]]:
    """What was taken for granted of records that name no time zone or no year, and of cases that remember networks."""
    bare = settings.assumed[TIMEZONE]
    if bare:
        yield "time zone", Text(visible(f"{zone_name(settings)} for {plural(bare, 'record')} without a zone"))
    bare = settings.assumed[YEAR]
    if bare:
        year = settings.year or "the latest that is not in the future"
        yield "year", Text(f"{year} for {plural(bare, 'record')} without a year")
    if settings.remembered is not None:
        known = _networks(*settings.remembered)
        used = _networks(settings.internal, settings.external)
        yield "networks", Text(f"{known}, as at import" if used == known else f"{used}; at import {known}")


def _networks(internal: Networks, external: Networks) -> str:
    """Some of them in words."""
    kinds = ("internal", internal), ("external", external)
    named = [
        f"{kind} {', '.join(map(str, some[:MOST_NAMES]))}{' …' * (len(some) > MOST_NAMES)}"
        for kind, some in kinds
        if some
    ]
    return " and ".join(named)


def zone_name(settings: Settings) -> str:
    """A time zone as it may be written for ``--timezone``."""
    return str(settings.timezone).removeprefix("UTC") or "UTC"


def _starved(result: HuntResult) -> str:
    count = sum(1 for each in result.rules if each.starved)
    return f", {number(count)} of which nothing here can satisfy" if count else ""


def _not_run(result: HuntResult) -> str:
    count = sum(1 for each in result.rules if each.plan is None)
    return f", {plural(count, 'rule')} not run" if count else ""


def _levels(result: HuntResult) -> Text:
    counts = Counter(finding.severity for finding in result.findings)
    if not counts:
        return Text("none", style="green")
    text = Text()
    for level in reversed(LEVELS):
        if counts[level]:
            text.append(("" if not text.plain else ", ") + f"{number(counts[level])} {level}", style=STYLES[level])
    return text


def _top(names: Counter[str]) -> list[tuple[str, int]]:
    return sorted(names.items(), key=lambda entry: (-entry[1], str(entry[0])))[:MOST_NAMES]
