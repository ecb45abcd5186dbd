"""``tune``: false positives tuned away, with proof."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from falselight import hunting
from falselight.cli import errors, options, progress
from falselight.diagnostics import FalselightError
from falselight.drawing import visible
from falselight.readers.places import any_there
from falselight.readers.settings import Settings
from falselight.report import words
from falselight.rules import load_pack
from falselight.sinks import json_text
from falselight.tuning import causes, labels, writing
from falselight.tuning.proposals import Proposal, propose
from falselight.tuning.trial import Cost, Trial, attempt, costs

BENIGN, ALL = "benign", "all"


@click.command("tune")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--rules", multiple=True, metavar="PATH", help="Rules to tune; the page's rule without it.")
@click.option("--labels", "labels_path", type=click.Path(path_type=Path), help="File of verdicts, or a case folder.")
@click.option(
    "--accept", default=None, metavar="WHICH", help="Proposals to accept: numbers (1,3), benign (so labelled), or all."
)
@click.option(
    "--sleep",
    "sleeps",
    type=click.IntRange(1, 86_400),
    multiple=True,
    default=(60, 300),
    help="Sleep of trial implants, seconds.",
)
@click.option(
    "-o", "--output", type=click.Path(file_okay=False, path_type=Path), help="Write accepted exceptions into a folder."
)
@click.option(
    "--format", "format", type=click.Choice(["table", "json"]), default="table", help="How it is written to stdout."
)
@options.reading
@options.diagnostics
def command(
    paths: tuple[str, ...],
    rules: tuple[str, ...],
    labels_path: Path | None,
    accept: str | None,
    sleeps: tuple[int, ...],
    output: Path | None,
    format: str,
    settings: Settings,
    diagnostics: str,
) -> int:
    """Group the findings in PATH into causes, and propose an exception for each: as narrow as it can be, with the alerts that
    it removes, the implants that it would hide, and how an adversary could.

    Accepted exceptions are tried together on the data and on implants put into it. -o writes them for Kibana's import, and
    for hunt --exceptions. Exit code 1: an accepted exception hides an implant or a finding labelled malicious.
    """
    talk = errors.Talk(diagnostics == "json")
    pack = load_pack(rules, talk.report) if rules else load_pack(("@page",), talk.report)
    console = Console(stderr=True, no_color=not errors.colour(sys.stderr), highlight=False)
    with progress.bar(console) as tell:
        result = hunting.hunt(
            list(paths), pack.rules, pack=pack, report=talk.report, progress=tell, settings=settings, also=causes.FIELDS
        )
    verdicts = _verdicts(labels_path)
    proposals = propose(causes.causes(result, verdicts))
    accepted = _accepted(accept, proposals)
    trials = _trials(result, proposals if accept is None else accepted, sleeps)
    alone = _costs(result, proposals, sleeps)
    if format == "json":
        click.echo(json_text(_document(proposals, accepted, alone, trials)))
    else:
        _show(proposals, accepted, alone, trials, accept is not None)
    if output is not None:
        for path in writing.write(output, writing.pack_of(accepted, pack.rules)):
            click.echo(f"{path} written", err=True)
    if not any_there(paths):
        return errors.MISUSE
    bad = [proposal for proposal in accepted if "malicious" in proposal.cause.verdicts]
    if bad or (accept is not None and any(trial.lost for trial in trials)):
        return errors.FOUND
    return errors.DAMAGED if talk.left_out else errors.DONE


def _verdicts(path: Path | None) -> dict[str, labels.Verdict]:
    try:
        return labels.read(labels.place(path)) if path is not None else {}
    except FalselightError as fault:
        raise click.UsageError(str(fault)) from fault


def _accepted(text: str | None, proposals: list[Proposal]) -> list[Proposal]:
    if text is None:
        return []
    if text == ALL:
        return [proposal for proposal in proposals if "malicious" not in proposal.cause.verdicts]
    if text == BENIGN:
        return [proposal for proposal in proposals if proposal.cause.verdicts == {"benign"}]
    numbers = {part.strip() for part in text.split(",")}
    known = {str(proposal.number) for proposal in proposals}
    if numbers - known:
        raise click.UsageError(
            f"there is no proposal {', '.join(sorted(numbers - known))}; there are 1 to {len(proposals)}"
        )
    return [proposal for proposal in proposals if str(proposal.number) in numbers]


def _trials(result: hunting.HuntResult, proposals: list[Proposal], sleeps: tuple[int, ...]) -> list[Trial]:
    return [attempt(run, own, result, sleeps) for run, own in _by_rule(result, proposals)]


def _costs(result: hunting.HuntResult, proposals: list[Proposal], sleeps: tuple[int, ...]) -> dict[int, Cost]:
    found: dict[int, Cost] = {}
    for run, own in _by_rule(result, proposals):
        found |= costs(run, own, result, sleeps)
    return found


def _by_rule(result: hunting.HuntResult, proposals: list[Proposal]) -> Iterator[tuple[hunting.RuleRun, list[Proposal]]]:
    by_rule: dict[str, list[Proposal]] = defaultdict(list)
    for proposal in proposals:
        by_rule[proposal.cause.rule.id].append(proposal)
    runs = {run.rule.id: run for run in result.rules}
    yield from ((runs[key], own) for key, own in by_rule.items())


def _document(
    proposals: list[Proposal], accepted: list[Proposal], alone: dict[int, Cost], trials: list[Trial]
) -> dict[str, Any]:
    return {
        "proposals": [
            {
                "number": each.number,
                "rule": {"id": each.cause.rule.id, "name": each.cause.rule.name},
                "name": each.item.name,
                "alerts": each.cause.alerts,
                "removes": alone[each.number].removes,
                "implants_found": alone[each.number].found,
                "implants_hidden": [vars_of(implant) for implant in alone[each.number].hidden],
                "findings": len(each.cause.findings),
                "hosts": sorted(each.cause.hosts),
                "verdicts": sorted(each.cause.verdicts),
                "asks_for": list(each.parts),
                "hiding": each.hiding,
                "exception": each.item.raw,
                "accepted": each in accepted,
            }
            for each in proposals
        ],
        "trials": [
            {
                "rule": trial.rule.id,
                "alerts_before": trial.before,
                "alerts_after": trial.after,
                "implants": [vars_of(each) for each in trial.implants],
                "implants_lost": len(trial.lost),
            }
            for trial in trials
        ],
    }


def vars_of(implant: Any) -> dict[str, Any]:
    """An implant's figures."""
    return {"imitates": implant.kind, "sleep_s": implant.sleep, "found": implant.found, "left": implant.left}


def _show(
    proposals: list[Proposal], accepted: list[Proposal], alone: dict[int, Cost], trials: list[Trial], chosen: bool
) -> None:
    console = Console(highlight=False, no_color=not errors.colour(sys.stdout), soft_wrap=True)
    for each in proposals:
        cause, cost = each.cause, alone[each.number]
        mark = "accepted" if each in accepted else "malicious" if "malicious" in cause.verdicts else "proposed"
        console.print(Text(f"{each.number:>3}  {visible(each.item.name)}  ({mark})", style="bold"))
        hosts = words.plural(max(len(cause.hosts), 1), "host")
        lines = [
            f"removes {words.plural(cost.removes, 'alert')} of {visible(cause.rule.name)} on {hosts}",
            f"asks for {', '.join(each.parts)}",
            f"{each.hiding}",
            f"alone it hides {len(cost.hidden)} of {words.plural(cost.found, 'trial implant')} that the rule finds",
        ]
        if cause.verdicts:
            lines.append(f"labelled {', '.join(sorted(cause.verdicts))}")
        for line in lines:
            console.print(Text(f"     {visible(line)}", style="dim"))
    if not proposals:
        console.print("No findings: there is nothing to tune.")
    for trial in trials:
        found = [implant for implant in trial.implants if implant.found]
        which = "the accepted exceptions" if chosen else "all proposals together"
        console.print(Text(f"{visible(trial.rule.name)}, {which}:", style="bold"))
        console.print(
            f"     {words.plural(trial.before, 'alert')} before, {words.number(trial.after)} after; "
            f"{words.plural(len(trial.removed), 'finding')} gone, "
            f"{len(trial.left)} left"
        )
        told = f"{len(found)} of {len(trial.implants)} trial implants are found by the rule"
        told += f", {len(trial.lost)} of these are hidden"
        console.print(f"     {told}")
        for implant in trial.lost:
            console.print(Text(f"     hidden: sleep {implant.sleep} s, imitates {implant.kind}", style="red"))
