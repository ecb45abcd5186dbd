"""``test``: rules against their own cases."""

from __future__ import annotations

import sys

import click
from rich.console import Console
from rich.text import Text

from falselight import testing
from falselight.cli import errors, options
from falselight.drawing import visible
from falselight.report import words
from falselight.rules import bundled, load
from falselight.sinks import write


@click.command("test")
@click.argument("rules", nargs=-1, metavar="[RULES]...")
@click.option(
    "--format",
    "format",
    type=click.Choice(["table", "json", "ndjson", "junit"]),
    default="table",
    help="How results are written to stdout.",
)
@options.diagnostics
def command(rules: tuple[str, ...], format: str, diagnostics: str) -> int:
    """Run the cases of RULES (files, folders, @page; the bundled pack without any): events that must fire a rule, and
    events that must not.

    Exit code 1: a case failed. A rule without cases is counted and told.
    """
    talk = errors.Talk(diagnostics == "json")
    chosen = load(rules, talk.report) if rules else bundled(talk.report)
    results = list(testing.run(chosen))
    if format == "junit":
        click.echo(testing.junit(results), nl=False)
    elif format != "table":
        write(format, [result.to_dict() for result in results], sys.stdout)
    else:
        _show(results)
    failed = [result for result in results if not result.passed]
    bare = sum(1 for rule in chosen if not rule.fires and not rule.stays_silent)
    told = f"{words.plural(len(results), 'case')} of {words.plural(len(chosen), 'rule')}: "
    told += f"{len(results) - len(failed)} passed, {len(failed)} failed"
    click.echo(told + (f"; {words.plural(bare, 'rule')} without a case" if bare else ""), err=True)
    if failed:
        return errors.FOUND
    return errors.DAMAGED if talk.left_out else errors.DONE


def _show(results: list[testing.CaseResult]) -> None:
    console = Console(highlight=False, no_color=not errors.colour(sys.stdout), soft_wrap=True)
    previous = None
    for result in results:
        if result.rule is not previous:
            console.print(Text(visible(result.rule.name), style="bold"))
            previous = result.rule
        mark = Text("ok    ", style="green") if result.passed else Text("FAILED", style="bold red")
        kind = f"fires ({result.matches})" if result.fires else "stays silent"
        console.print(Text.assemble("  ", mark, f"  {kind}: {visible(result.case.name)}"))
        for line in [result.error] if result.error is not None else result.differences:
            console.print(Text(f"          {visible(line)}", style="dim"))
