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
from falselight.readers.settings import Settings
from falselight.rules import Rule, bundled
from falselight.validation import atomics, execute, matrix, scenarios, show
from falselight.validation.atomics import Atomic
from falselight.validation.matrix import Row
from falselight.validation.network import NotAllowed, network

# Tests and rules take this width at least; a pipe has none of its own.
WIDTH = 140
# Inputs become part of queries and commands: only what addresses, names and numbers are made of.
_INPUT = re.compile(r"(\w+)=([\w.:-]+)")


@click.command("validate")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--test", "numbers", type=int, multiple=True, metavar="N", help="Only this test; may be repeated.")
@click.option("--execute", "executes", is_flag=True, help="Run the tests' Linux forms between network namespaces.")
@click.option(
    "--keep", type=click.Path(file_okay=False, path_type=Path), help="Keep the captures of --execute in a folder."
)
@click.option(
    "--input", "inputs", multiple=True, metavar="NAME=VALUE", help="An input of the tests, such as server=192.0.2.7."
)
@click.option(
    "--format", "format", type=click.Choice(["table", "json"]), default="table", help="How the matrix is written."
)
@options.reading
@options.diagnostics
def command(
    paths: tuple[str, ...],
    numbers: tuple[int, ...],
    executes: bool,
    keep: Path | None,
    inputs: tuple[str, ...],
    format: str,
    settings: Settings,
    diagnostics: str,
) -> int:
    """Prove the T1583.004 package by its tests: each test, the signals that it must leave, and the rules that must fire.

    Without PATH the telemetry that the page names is made for each test, read by the ordinary readers and hunted. With
    PATH it is the telemetry that you recorded while you ran the tests; --input tells with which inputs. With --execute
    the Linux forms (9 to 16) run in truth on a test network of their own, are captured, read and hunted; it needs root
    on Linux. A blank cell tells why the rule is silent. Exit code 1: a signal is missing, a promised rule is silent, or
    one fires that must not; in PATH, where tests and other things stand together, any rule may fire.
    """
    if executes and paths:
        raise click.UsageError("--execute makes its own telemetry: give no PATH with it")
    talk = errors.Talk(diagnostics == "json")
    rules = bundled(talk.report)
    if executes:
        chosen = [_with(_linux(number), inputs) for number in numbers or execute.numbers()]
        rows = _executed(chosen, rules, talk, keep)
    elif paths:
        chosen = [_with(_test(number), inputs) for number in numbers or scenarios.numbers()]
        rows = matrix.of_paths(chosen, [Path(path) for path in paths], rules, talk.report, settings)
    else:
        chosen = [_with(_scenario(number), inputs) for number in numbers or scenarios.numbers()]
        rows = [matrix.of_scenario(test, rules, talk.report) for test in chosen]
    if format == "json":
        click.echo(json.dumps([row.to_dict() for row in rows], indent=2))
    else:
        width = None if sys.stdout.isatty() else WIDTH
        show.show(Console(width=width, highlight=False, no_color=not errors.colour(sys.stdout)), rows)
    told = [row for row in rows if row.present]
    held = [row for row in told if row.holds]
    click.echo(f"{len(held)} of {len(told)} tests hold in all their cells", err=True)
    if not told or len(held) < len(told):
        return errors.FOUND
    return errors.DAMAGED if talk.left_out else errors.DONE


def _executed(chosen: list[Atomic], rules: list[Rule], talk: errors.Talk, keep: Path | None) -> list[Row]:
    try:
        with network() as made:
            made.listen(execute.WEB, execute.OTHER_PORTS)
            return [execute.of_execution(test, made, rules, talk.report, keep) for test in chosen]
    except NotAllowed as reason:
        click.echo(f"error: the tests cannot be executed here: {reason}", err=True)
        raise click.exceptions.Exit(errors.FAILED) from reason


def _test(number: int) -> Atomic:
    try:
        return atomics.test(number)
    except LookupError as fault:
        raise click.UsageError(str(fault)) from fault


def _scenario(number: int) -> Atomic:
    found = _test(number)
    if number not in scenarios.numbers():
        raise click.UsageError(f"test {number} ({found.name}) leaves no Windows records: run it with --execute")
    return found


def _linux(number: int) -> Atomic:
    """The test, or the Linux form of a Windows test: they stand in the same order."""
    found = _test(number)
    return found if atomics.LINUX in found.platforms else _test(number + len(scenarios.numbers()))


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
