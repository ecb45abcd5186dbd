"""``fmt``: EQL in its canonical layout."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from falselight.cli import errors, options
from falselight.source import Source


@click.command("fmt")
@click.argument("file", default="-", metavar="[FILE|-]")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if the layout is another.")
@options.diagnostics
def command(file: str, check: bool, diagnostics: str) -> int:
    """Lay out an EQL query as the manual does; comments stay. Reads FILE, or stdin with -, and writes stdout."""
    from falselight.eql.formatter import format

    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise click.UsageError(f"{file} cannot be read: {fault}") from fault
    laid_out = format(Source(text, "stdin" if file == "-" else file))
    if check:
        return errors.DONE if laid_out.strip() == text.strip() else errors.FOUND
    click.echo(laid_out.rstrip("\n"))
    return errors.DONE
