"""``explain``: why a query matched, or did not."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click
from rich.console import Console
from rich.text import Text

from falselight.cli import errors, loading, options
from falselight.drawing import visible
from falselight.eql.checker import Options
from falselight.explain import Explanation, Funnel, StageReport, explain
from falselight.readers.settings import Settings
from falselight.report import words
from falselight.sinks import json_text


@click.command("explain")
@click.argument("query")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--format", "format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--tiebreaker-field")
@options.reading
@options.diagnostics
def command(
    query: str,
    paths: tuple[str, ...],
    format: str,
    tiebreaker_field: str | None,
    settings: Settings,
    diagnostics: str,
) -> int:
    """Tell why the EQL QUERY (or @FILE) matches events of PATH, or why it does not.

    Events left after each condition and what it turned away; for a sequence each stage's events, keys and losses, and
    the key that came nearest.
    """
    talk = errors.Talk(diagnostics == "json")
    source = loading.query(query)
    asked = Options(tiebreaker_field=tiebreaker_field, size=None)
    table = loading.events(source, paths, asked, settings, talk, whole=False)
    explanation = explain(source, table, asked)
    if format == "json":
        click.echo(json_text(explanation.to_dict()))
    else:
        console = Console(no_color=not errors.colour(sys.stdout), highlight=False)
        for line in lines(explanation):
            console.print(Text(visible(line)), soft_wrap=True)
    return errors.DAMAGED if talk.left_out else errors.DONE


def lines(explanation: Explanation) -> Iterator[str]:
    """An explanation as lines to read."""
    yield f"{words.plural(explanation.matches, 'match').replace('matchs', 'matches')}."
    for number, funnel in enumerate(explanation.funnels):
        yield ""
        stages = explanation.stages
        yield from _funnel(funnel, _title(number, stages))
        if number < len(stages):
            yield from _stage(stages[number], first=number == 0)
    if explanation.nearest:
        yield ""
        for miss in explanation.nearest:
            yield words.near_miss(miss, explanation.maxspan)
    if explanation.unfilled:
        yield ""
        for field in explanation.unfilled:
            yield words.unfilled(field)


def _title(number: int, stages: tuple[StageReport, ...]) -> str:
    if not stages:
        return "events"
    if number >= len(stages):
        return "until"
    runs = f" ×{stages[number].runs}" if stages[number].runs > 1 else ""
    return f"stage {number + 1}{runs}" + (" (missing)" if stages[number].missing else "")


def _funnel(funnel: Funnel, title: str) -> Iterator[str]:
    width = len(words.number(funnel.total))
    yield f"{title}: {' '.join(funnel.filter.split())}"
    yield f"  {words.number(funnel.total):>{width}}  events"
    for step in funnel.steps:
        yield f"  {words.number(step.left):>{width}}  {step.condition}"
        if step.turned_away:
            turned = [
                f"{each.field} {words.shown(each.value)} ({words.number(each.events)})" for each in step.turned_away
            ]
            yield f"  {'':>{width}}    turned away: {', '.join(turned)}"


def _stage(stage: StageReport, *, first: bool) -> Iterator[str]:
    if stage.missing:
        yield f"  {words.plural(stage.events, 'event')} that must not come"
        return
    told = f"  {words.plural(stage.events, 'event')} in {words.plural(stage.keys, 'key')}"
    reached = words.plural(stage.prefixes, "sequence")
    yield f"{told}; {reached} reach{'es' if stage.prefixes == 1 else ''} the end of this stage"
    reason = "too few follow" if first else "nothing of the stage before stands before them"
    lost = ((stage.lost_order, reason), (stage.lost_until, "until came"), (stage.lost_maxspan, "maxspan had passed"))
    for count, reason in lost:
        if count:
            yield f"  lost: {words.plural(count, 'event')}, {reason}"
