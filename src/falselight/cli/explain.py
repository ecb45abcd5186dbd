"""``explain``: why a query matched, or did not."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import click
from rich.console import Console
from rich.text import Text

from falselight import hunting
from falselight.cli import errors, loading, options, replays
from falselight.drawing import visible
from falselight.eql.checker import Options
from falselight.explaining import Explanation, Funnel, StageReport, explain
from falselight.readers.settings import Settings
from falselight.replay.effects import RuleExplanation, explain_rule
from falselight.report import words
from falselight.rules import PAGE, Pack, bundled_pack, load_pack
from falselight.sinks import json_text
from falselight.source import Source

# What can be no query: a single word.
_ID = re.compile(r"[^\s@]\S*")
_NOT_HELD = {
    "expired": "has expired",
    "not applied": "does not hold: its value list cannot be used, or its field is not read",
}


@click.command("explain")
@click.argument("query")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--format", "format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--tiebreaker-field", help="Of a query; a rule names its own.")
@click.option(
    "--rules", multiple=True, metavar="PATH", help="Rule files or folders: QUERY is then the id of one of them."
)
@options.reading
@options.diagnostics
def command(
    query: str,
    paths: tuple[str, ...],
    format: str,
    tiebreaker_field: str | None,
    rules: tuple[str, ...],
    settings: Settings,
    diagnostics: str,
) -> int:
    """Tell why the EQL QUERY (or @FILE) matches events of PATH, or why it does not.

    Events left after each condition and what it turned away; for a sequence each stage's events, keys and losses, and
    the key that came nearest. In place of a query a rule's id, or @page: then also what each filter and exception took from
    each stage, and what the rule's schedule, cap and suppression left.
    """
    talk = errors.Talk(diagnostics == "json")
    pack = _pack(query, rules, talk)
    if pack is not None:
        _show(_rule(pack, paths, settings, talk), format)
        return errors.DAMAGED if talk.left_out else errors.DONE
    source = loading.query(query)
    asked = Options(tiebreaker_field=tiebreaker_field, size=None)
    table = loading.events(source, paths, asked, settings, talk, whole=False)
    _show(explain(source, table, asked), format)
    return errors.DAMAGED if talk.left_out else errors.DONE


def _pack(query: str, rules: tuple[str, ...], talk: errors.Talk) -> Pack | None:
    """The one rule that is meant with its exceptions; None where a query is meant."""
    if not rules and query != PAGE and not _ID.fullmatch(query):
        return None
    if query == PAGE:
        pack = load_pack([PAGE, *rules], talk.report)
        found = [rule for rule in pack.rules if PAGE in rule.tags][:1]
    else:
        pack = load_pack(rules, talk.report) if rules else bundled_pack(talk.report)
        found = [rule for rule in pack.rules if rule.id == query]
    if not found:
        raise click.UsageError(f"no rule has the id {visible(query)}" + ("" if rules else "; --rules says where it is"))
    if not found[0].is_eql:
        raise click.UsageError(f"rule {visible(query)} is no EQL rule, but of type {visible(found[0].type)}")
    pack.rules = found
    return pack


def _rule(pack: Pack, paths: tuple[str, ...], settings: Settings, talk: errors.Talk) -> RuleExplanation:
    (rule,) = pack.rules
    asked = hunting.options(rule)
    table = loading.events(Source(rule.query, rule.name), paths, asked, settings, talk, whole=True)
    return explain_rule(rule, asked, pack, table, talk.report)


def _show(explanation: Explanation | RuleExplanation, format: str) -> None:
    if format == "json":
        click.echo(json_text(explanation.to_dict()))
        return
    console = Console(no_color=not errors.colour(sys.stdout), highlight=False)
    told = lines(explanation) if isinstance(explanation, Explanation) else rule_lines(explanation)
    for line in told:
        console.print(Text(visible(line)), soft_wrap=True)


def rule_lines(explained: RuleExplanation) -> Iterator[str]:
    """An explained rule as lines to read."""
    yield explained.rule.name
    yield from lines(explained.query)
    titles = [_title(number, explained.query.stages) for number in range(len(explained.query.funnels))]
    for effect in explained.effects:
        yield ""
        yield f"{effect.kind} [{effect.name}]: " + ("holds" if effect.status == "holds" else _NOT_HELD[effect.status])
        for title, taken in zip(titles, effect.taken, strict=effect.status == "holds"):
            if taken:
                yield f"  takes {words.plural(taken, 'event')} from {title}"
        if effect.matches is not None:
            yield f"  {words.number(effect.matches)} of {words.number(explained.query.matches)} matches are left with it alone"
    yield ""
    yield "on its schedule"
    for line in replays.lines(explained.replay):
        yield f"  {line}"


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
