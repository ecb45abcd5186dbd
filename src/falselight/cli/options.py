"""Options that commands share, and what they mean."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from falselight.plan import dates
from falselight.sinks import FORMATS

Command = TypeVar("Command", bound=Callable[..., Any])


def output(*more: str) -> Callable[[Command], Command]:
    """``--format`` with the usual formats, and those of one command."""
    return click.option(
        "--format",
        "format",
        type=click.Choice([*FORMATS, *more]),
        help="How results are written to stdout.  [default: table on a terminal, ndjson in a pipe]",
    )


def diagnostics(command: Command) -> Command:
    """``--diagnostics json`` for editors."""
    return click.option(
        "--diagnostics",
        type=click.Choice(["text", "json"]),
        default="text",
        help="How messages are written to stderr: drawn, or one JSON object a line.",
    )(command)


def chosen(format: str | None) -> str:
    """The format asked for, else what suits stdout."""
    return format or ("table" if sys.stdout.isatty() else "ndjson")


class Instant(click.ParamType[int]):
    """A point in time: ISO 8601, epoch milliseconds or date math. Epoch nanoseconds; ``last`` takes the end of the span
    that a text names (a whole day, where a day is written)."""

    name = "time"

    def __init__(self, *, last: bool = False) -> None:
        self.last = last

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Epoch nanoseconds of what was written."""
        try:
            low, high = dates.span(str(value), nanoseconds=True)
        except ValueError:
            self.fail(f"{value!r} is no time; write 2026-11-24, 2026-11-24T08:00:00Z or now-7d", param, ctx)
        return high if self.last else low
