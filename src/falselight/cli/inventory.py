"""An inventory for the eye: a section for each question, nothing that a terminal would obey."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO, cast

from rich.console import Console
from rich.text import Text

from falselight.drawing import visible
from falselight.ecs import availability
from falselight.inventory import Feed, Inventory
from falselight.inventory.events import SECOND
from falselight.plan.dates import iso
from falselight.report.words import MOST_SOURCES, duration, number, plural
from falselight.sinks import table

MOST_ROWS = 10
# What a hunter asks of telemetry first; --fields shows all.
TELLING = (
    "@timestamp", "host.name", "user.name", "process.name", "process.executable", "process.command_line",
    "process.parent.name", "process.code_signature.trusted", "source.ip", "destination.ip", "destination.port",
    "destination.domain", "network.direction", "network.transport", "dns.question.name", "dns.resolved_ip", "url.domain",
    "url.full", "user_agent.original", "tls.client.server_name", "tls.client.ja3", "tls.server.x509.subject.common_name",
    "event.action", "event.outcome",
)  # fmt: skip


def show(found: Inventory, stream: TextIO, *, colour: bool, every_field: bool) -> None:
    """Write the whole inventory; ``every_field`` lists all fields, not only the most telling."""
    console = Console(file=stream, no_color=not colour, highlight=False, soft_wrap=True)
    span = found.span
    when = f", {_time(span[0])} to {_time(span[1])}" if span else ""
    _title(console, f"{plural(found.events, 'event')} in {plural(sum(k.inputs for k in found.kinds), 'input')}{when}")
    _section(console, "Sources", _kinds(found))
    _section(console, "Datasets", _datasets(found))
    if found.categories:
        listed = ", ".join(f"{name} {number(count)}" for name, count in found.categories.items())
        _lines(console, "Categories", [listed])
    gaps = [f"{gap.dataset}: nothing from {_time(gap.start)} to {_time(gap.end)} ({_span(gap.end - gap.start)})"
            for gap in sorted(found.gaps, key=lambda gap: gap.start - gap.end)]  # fmt: skip
    _lines(console, "Gaps of more than an hour", _most(gaps, sum(found.gap_counts.values())))
    _section(console, f"Hosts ({number(found.host_count)})", _hosts(found), found.host_count)
    _lines(console, "Clocks", list(_clocks(found)) or ["nothing odd"] if found.events else [])
    _section(console, "Fields" if every_field else "Fields (the most telling; --fields lists all)",
             _fields(found, every_field), limit=None)  # fmt: skip
    left = [f"{label}: {', '.join(f'{number(count)} {reason}' for reason, count in reasons.items())}"
            for label, reasons in found.left_out.items()]  # fmt: skip
    left += [f"{field}: {plural(count, 'value')} not of the field's type" for field, count in found.malformed.items()]
    _lines(console, "Left out", _most(left, len(left)))
    _lines(console, "Detections", list(_feeds(found.feeds)))


def _title(console: Console, text: str) -> None:
    console.print(Text(visible(text), style="bold"))


def _section(
    console: Console, title: str, rows: Sequence[Mapping[str, Any]], total: int = 0, limit: int | None = MOST_ROWS
) -> None:
    if not rows:
        return
    console.print()
    _title(console, title)
    shown = rows if limit is None else rows[:limit]
    table.draw(shown, cast(TextIO, console.file))
    more = max(total, len(rows)) - len(shown)
    if more:
        console.print(Text(f"… and {number(more)} more (--format json lists them)"))


def _lines(console: Console, title: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    console.print()
    _title(console, title)
    for line in lines:
        console.print(Text(visible(line)))


def _most(lines: list[str], total: int) -> list[str]:
    more = total - len(lines[:MOST_ROWS])
    return [*lines[:MOST_ROWS], *([f"… and {number(more)} more"] if more else [])]


def _kinds(found: Inventory) -> list[dict[str, Any]]:
    return [
        {"format": each.kind, "inputs": each.inputs, "events": each.events, "left out": each.skipped}
        for each in found.kinds
    ]


def _datasets(found: Inventory) -> list[dict[str, Any]]:
    return [
        {"dataset": each.name, "events": each.events, "first": _time(each.first), "last": _time(each.last),
         "gaps": found.gap_counts.get(each.name, 0)}
        for each in found.datasets
    ]  # fmt: skip


def _hosts(found: Inventory) -> list[dict[str, Any]]:
    return [
        {"host": each.name, "events": each.events, "first": _time(each.first), "last": _time(each.last)}
        for each in found.hosts
    ]


def _clocks(found: Inventory) -> Iterator[str]:
    clocks = found.clocks
    for what, counts in (
        ("in the future", clocks.future),
        ("before 1980: a clock that was never set, or times relative to their own start", clocks.early),
        ("without a time", clocks.untimed),
    ):
        for dataset, count in counts.items():
            yield f"{dataset}: {plural(count, 'event')} {what}"
    for jump in clocks.jumps[:MOST_ROWS]:
        yield (
            f"{found.labels[jump.input]}: {plural(jump.count, 'jump')} back by more than an hour, "
            f"the longest by {_span(jump.longest)}"
        )
    if len(clocks.jumps) > MOST_ROWS:
        yield f"… and {plural(len(clocks.jumps) - MOST_ROWS, 'more input')} with jumps back"
    for host in clocks.hosts:
        way = "ahead of" if host.offset > 0 else "behind"
        witness = "the sensors' clock" if host.witness == "sensor" else f"the other hosts' (by {host.witness})"
        yield f"{host.host} is {_span(abs(host.offset))} {way} {witness}, in {plural(host.records, 'record')}"


def _fields(found: Inventory, every: bool) -> list[dict[str, Any]]:
    known = {each.name: each for each in found.fields}
    names = list(known) if every else [name for name in TELLING if name in known]
    return [
        {"field": name, "events": known[name].events, "filled": _percent(known[name].events, found.events),
         "in": ", ".join(f"{dataset} {_percent(count, _events(found, dataset))}"
                         for dataset, count in sorted(known[name].datasets.items(), key=lambda each: -each[1])[:3])}
        for name in names
    ]  # fmt: skip


def _events(found: Inventory, dataset: str) -> int:
    return next(each.events for each in found.datasets if each.name == dataset)


def _feeds(feeds: Iterable[Feed]) -> Iterator[str]:
    """What each rule can see, those that can match first."""
    order = ("fed", "partly", "starved", "not run")
    for feed in sorted(feeds, key=lambda feed: order.index(feed.verdict)):
        able = min((stage.able for stage in feed.stages), default=0)
        if feed.verdict == "not run":
            yield f"not run  {feed.name}"
            continue
        yield f"{'fed' if feed.verdict == 'fed' else feed.verdict:8} {feed.name}: {plural(able, 'event')} with all it needs"
        for group in feed.lacking:
            yield f"         needs {' or '.join(group)}{_would_fill(group)}"
        if not feed.lacking and feed.verdict == "starved":
            empty = next(stage for stage in feed.stages if not stage.able)
            category = empty.category or "any"
            reason = "there are none" if not empty.events else "no event fills all the fields it needs at once"
            yield f"         needs {category} events: {reason}"
        useful = list(dict.fromkeys(name for stage in feed.stages for name in stage.useful))
        if useful:
            yield f"         would see more with {', '.join(useful)}"


def _would_fill(names: Sequence[str]) -> str:
    known = dict.fromkeys(source for name in names for source in availability.sources(name))
    sources = [source for source in known if source != availability.EVERYWHERE]
    return f"; it comes with {', '.join(sources[:MOST_SOURCES])}" if sources else ""


def _time(instant: int | None) -> str:
    return "" if instant is None else iso(instant)[:19].replace("T", " ")


def _span(nanoseconds: int) -> str:
    return duration(nanoseconds // (SECOND // 1000))


def _percent(part: int, whole: int) -> str:
    rate = part / whole if whole else 0.0
    return "100 %" if part == whole else f"{min(rate * 100, 99.9):.1f} %"
