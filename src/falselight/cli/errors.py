"""The edge: diagnostics are drawn, faults become exit codes, and no traceback reaches a user."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import click

from falselight.diagnostics import Diagnostic, FalselightError, Severity
from falselight.drawing import draw
from falselight.sinks import json_text


class ReaderGone(Exception):
    """The reader of our output has gone. Not an ``OSError``: click would end with 1, which means findings."""


DONE, FOUND, MISUSE, FAILED, DAMAGED, INTERRUPTED = 0, 1, 2, 3, 4, 130


@dataclass
class Talk:
    """Where diagnostics go: drawn on stderr, or one JSON object a line. Counts what was said."""

    as_json: bool = False
    errors: int = 0
    warnings: int = 0
    codes: list[str] = field(default_factory=list)

    def report(self, diagnostic: Diagnostic) -> None:
        """Tell one diagnostic."""
        self.codes.append(diagnostic.code)
        if diagnostic.severity is Severity.ERROR:
            self.errors += 1
        elif diagnostic.severity is Severity.WARNING:
            self.warnings += 1
        if self.as_json:
            click.echo(json_text(diagnostic.to_dict()), err=True)
        else:
            click.echo(draw(diagnostic, colour=colour(sys.stderr)), err=True)

    @property
    def left_out(self) -> bool:
        """Whether some input or rule was damaged or left out."""
        return self.errors > 0 or any(code in LEFT_OUT for code in self.codes)


# Warnings that tell of an input that was not read, or not all of it.
LEFT_OUT = frozenset({"W0503", "W0505", "W0507", "W0540", "W0541", "W0542", "W0543"})


def colour(stream: object) -> bool:
    """Whether a stream takes colours: a terminal, and NO_COLOR is not set."""
    return not os.environ.get("NO_COLOR") and bool(getattr(stream, "isatty", lambda: False)())


def run(command: Callable[[], int | None]) -> int:
    """Run a command line; give its exit code."""
    try:
        return command() or DONE
    except FalselightError as fault:
        talk = Talk("json" in _after("--diagnostics"))
        for diagnostic in fault.diagnostics:
            talk.report(diagnostic)
        return MISUSE if all(d.code.startswith(QUERY_CODES) for d in fault.diagnostics) else FAILED
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.UsageError as fault:
        fault.show()
        return MISUSE
    except click.ClickException as fault:
        fault.show()
        return MISUSE
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    except ReaderGone:
        # What was left in the buffer must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except OSError as fault:
        told = f"{fault.strerror or fault}: {fault.filename or ''}".rstrip(": ")
        Talk("json" in _after("--diagnostics")).report(Diagnostic("E0798", Severity.ERROR, told))
        return FAILED
    except Exception as fault:
        # The last line of defence: whatever went wrong inside is told as one message, not as a traceback.
        if os.environ.get("FALSELIGHT_DEBUG"):
            raise
        Talk("json" in _after("--diagnostics")).report(_unforeseen(fault))
        return FAILED


def _unforeseen(fault: Exception) -> Diagnostic:
    """An engine that was out of memory says what helps; the rest is a fault of ours."""
    duckdb = sys.modules.get("duckdb")
    if duckdb is not None and isinstance(fault, duckdb.OutOfMemoryException):
        from falselight.engines.duckdb import fault_of

        return fault_of(fault)
    told = f"internal fault: {type(fault).__name__}: {fault}"
    help = "this is a fault of Falselight: please report it; FALSELIGHT_DEBUG=1 shows where it happened"
    return Diagnostic("E0799", Severity.ERROR, told, help=help)


# What the user wrote is at fault, not the data or the machine.
QUERY_CODES = ("E01", "E02", "E03", "E0403", "E0490", "E07")


def _after(option: str) -> list[str]:
    """The values that an option was given on the command line."""
    words = sys.argv[1:]
    apart = [following for word, following in pairwise(words) if word == option]
    return apart + [word.partition("=")[2] for word in words if word.startswith(option + "=")]
