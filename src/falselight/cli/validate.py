"""``validate``: the proof of the package by its tests."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console

from falselight.cli import errors, options
from falselight.rules import bundled
from falselight.validation import atomics, matrix, scenarios, show
from falselight.validation.atomics import Atomic

# Tests and rules take this width at least; a pipe has none of its own.
WIDTH = 140
# Inputs become part of queries and commands: only what addresses, names and numbers are made of.
_INPUT = re.compile(r"(\w+)=([\w.:-]+)")


@click.command("validate")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--test", "numbers", type=int, multiple=True, metavar="N", help="Only this test; may be repeated.")
@click.option(
    "--format", "format", type=click.Choice(["table", "json"]), default="table", help="How the matrix is written."
)
@options.diagnostics
def command(
    paths: tuple[str, ...], numbers: tuple[int, ...], inputs: tuple[str, ...], format: str, diagnostics: str
) -> int:
    """Prove the T1583.004 package by its tests: each test, the signals that it must leave, and the rules that must fire.

    Without PATH the telemetry that the page names is made for each test, read by the ordinary readers and hunted. With
    PATH it is the telemetry that you recorded while you ran the tests; --input tells with which inputs. A blank cell
    tells why the rule is silent. Exit code 1: a signal is missing, a promised rule is silent, or one fires that must not.
    """
    talk = errors.Talk(diagnostics == "json")
    rules = bundled(talk.report)
    chosen = [_with(_test(number), inputs) for number in numbers or scenarios.numbers()]
    if paths:
        rows = [matrix.of_paths(test, [Path(path) for path in paths], rules, talk.report) for test in chosen]
    else:
        rows = [matrix.of_scenario(test, rules, talk.report) for test in chosen]
    if format == "json":
        click.echo(json.dumps([row.to_dict() for row in rows], indent=2))
    else:
        width = None if sys.stdout.isatty() else WIDTH
        show.show(Console(width=width, highlight=False, no_color=not errors.colour(sys.stdout)), rows)
    failed = [row for row in rows if row.present and not row.holds]
    told = [row for row in rows if row.present]
    click.echo(f"{len(told) - len(failed)} of {len(told)} tests hold in all their cells", err=True)
    return errors.FOUND if failed or not told else errors.DONE


def _test(number: int) -> Atomic:
    try:
        found = atomics.test(number)
    except LookupError as fault:
        raise click.UsageError(str(fault)) from fault
    if number not in scenarios.numbers():
        raise click.UsageError(f"test {number} ({found.name}) leaves no Windows records")
    return found


def _with(test: Atomic, inputs: tuple[str, ...]) -> Atomic:
    """The test with the inputs given; those that it does not take are for others."""
    given = dict(test.inputs)
    for text in inputs:
        written = _INPUT.fullmatch(text)
        if written is None:
            raise click.UsageError(f"{text!r} is no NAME=VALUE of letters, digits, dots, colons and hyphens")
        if written.group(1) in given:
            given[written.group(1)] = written.group(2)
    return replace(test, inputs=given)
