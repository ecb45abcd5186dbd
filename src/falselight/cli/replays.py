"""What ``hunt --as-scheduled`` shows: for each rule what its schedule, cap and suppression made of its matches."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from falselight.cli import errors
from falselight.drawing import visible
from falselight.hunting import HuntResult
from falselight.plan.dates import iso
from falselight.replay.run import RuleReplay
from falselight.report import words
from falselight.sinks import json_text


def show(result: HuntResult) -> None:
    """Every rule that matched, in words."""
    replays = [run.replay for run in result.rules if run.replay is not None]
    console = Console(highlight=False, no_color=not errors.colour(sys.stdout), soft_wrap=True)
    for each in replays:
        if each.matches or each.kept:
            _rule(console, each)
    silent = sum(1 for each in replays if not each.matches and not each.kept)
    if silent:
        console.print(Text(f"{words.plural(silent, 'rule')} matched nothing."))


def _rule(console: Console, replay: RuleReplay) -> None:
    console.print(Text(visible(replay.rule.name), style="bold"))
    for line in lines(replay):
        console.print(Text(f"  {visible(line)}"))


def lines(replay: RuleReplay) -> Iterator[str]:
    """What became of the matches of one rule, in the order in which Kibana would have it."""
    rule, schedule = replay.rule, replay.schedule
    yield f"every {rule.interval} from {rule.from_}: {words.plural(schedule.runs, 'run')} over the time of the data"
    yield f"{words.number(replay.matches)} matches in all, {words.number(schedule.busiest)} at most within one run"
    if replay.partial:
        yield (
            f"{words.number(replay.partial)} more by runs that see a part of the data: the end of a range is an absence there, "
            "or an event is late"
        )
    yield from _never_found(replay)
    reached = f"{words.plural(schedule.capped_runs, 'run')} reached max_signals {rule.max_signals}"
    if schedule.cut:
        pipes = "" if replay.pipes.count is None else "the query's pipes or "
        yield (
            f"{words.number(len(schedule.cut))} cut by {pipes}max_signals {rule.max_signals}, "
            f"which {words.plural(schedule.capped_runs, 'run')} reached: the newest are taken"
        )
    elif schedule.capped_runs:
        yield f"{reached}, and what they left out was an alert already"
    yield _written(replay)
    cut = [f"{words.number(replay.over)} more cut"] if replay.over else []
    cut += [f"{words.plural(replay.incomplete, 'shell')} without all blocks"] if replay.incomplete else []
    if cut:
        yield f"{', '.join(cut)}: with suppression max_signals counts blocks"
    if rule.alert_suppression is not None:
        by = ", ".join(rule.alert_suppression.group_by)
        yield f"suppression by {by}: {words.number(replay.suppressed)} suppressed, {words.number(len(replay.kept))} left"
    if replay.kept:
        yield f"first at {iso(replay.kept[0].run)}, last at {iso(replay.kept[-1].run)}"


def _never_found(replay: RuleReplay) -> Iterator[str]:
    if replay.untimed:
        yield f"{words.number(replay.untimed)} without a time in {replay.rule.timestamp_override}: no run finds them"
    if replay.late:
        yield (
            f"{words.number(replay.late)} ingested after the last run that looks so far back: set timestamp_override to "
            "event.ingested, or lengthen the look-back"
        )
    rest = len(replay.schedule.unseen) - replay.untimed - replay.late
    if rest:
        yield f"{words.number(rest)} lie whole in no run's range and are never found: lengthen the look-back"


def _written(replay: RuleReplay) -> str:
    shells = len(replay.kept)
    if not replay.block_count and not replay.incomplete:
        return f"Kibana would write {words.plural(shells, 'alert')}"
    total = words.number(shells + replay.block_count)
    parts = f"{words.plural(shells, 'shell')} and {words.plural(replay.block_count, 'building block')}"
    return f"Kibana would write {total} documents: {parts}"


def save(result: HuntResult, path: Path) -> None:
    """All alerts as NDJSON, rule by rule, in the order of writing."""
    try:
        with path.open("w", encoding="utf-8") as stream:
            for run in result.rules:
                for document in run.replay.documents() if run.replay is not None else ():
                    stream.write(json_text(document) + "\n")
    except OSError as fault:
        raise click.UsageError(f"{path} cannot be written: {fault.strerror}") from fault
