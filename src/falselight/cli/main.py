"""The command line: ``falselight VERB …``. One module per verb."""

from __future__ import annotations

import io
import os
import signal
import sys
from importlib import import_module
from typing import Any

import click

import falselight
from falselight import collector
from falselight.cli import errors

HELP = ["-h", "--help"]
# The module of each verb, loaded when it is asked for: no verb waits for what only another needs.
VERBS = {
    **{
        name: name
        for name in (
            "beacons", "compile", "coverage", "diff", "dns", "explain", "export", "fmt", "guide", "hunt", "infrastructure",
            "intel", "lab", "label", "lint", "read", "search", "test", "tune", "validate",
        )
    },
    "import": "importing",
}  # fmt: skip


class Verbs(click.Group):
    """Commands whose output is complete, or whose reader is known to be gone, when they return."""

    def make_context(self, *arguments: Any, **more: Any) -> click.Context:
        """Read the command line; ``--help`` and ``--version`` write here."""
        try:
            return super().make_context(*arguments, **more)
        except BrokenPipeError as gone:
            raise errors.ReaderGone from gone

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs, sorted."""
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb of this name, None if there is none."""
        if cmd_name not in VERBS:
            return None
        with collector.paused(kept=True):
            command: click.Command = import_module(f"falselight.cli.{VERBS[cmd_name]}").command
        command.context_settings.setdefault("help_option_names", HELP)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the verb and flush what it wrote."""
        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
        except (BrokenPipeError, SystemExit) as gone:
            # rich ends the process when its stream is closed.
            raise errors.ReaderGone from gone
        return code


@click.group(cls=Verbs, context_settings={"help_option_names": HELP, "max_content_width": 100})
@click.version_option(falselight.__version__, prog_name="falselight")
def cli() -> None:
    """Find adversary-run servers (ATT&CK T1583.004) in telemetry that you have, with Elastic's EQL rules and no cluster.

    Results go to stdout, talk to stderr. Exit codes: 0 done, 1 findings (only with --fail-on), 2 misuse, 3 failed,
    4 done but some input was damaged or left out, 130 interrupted.
    """


def main() -> None:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that knows less than Unicode shows escapes; it is no reason to stop.
            stream.reconfigure(errors="backslashreplace")
    # Arrow's own pool asks for pages anew where the system's has some left: clearing them took a twentieth of a hunt.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    # A service that is stopped ends as one interrupted at the keyboard: what it spilled is removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(errors.run(lambda: cli.main(standalone_mode=False)))
