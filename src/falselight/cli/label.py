"""``label``: verdicts on findings."""

from __future__ import annotations

from pathlib import Path

import click

from falselight.cli import errors
from falselight.cli.guide import document_of
from falselight.tuning import labels


@click.command("label")
@click.argument("findings", type=click.Path(path_type=Path), metavar="FINDING")
@click.argument("verdict", type=click.Choice(labels.VERDICTS))
@click.option(
    "--number", type=click.IntRange(min=1), default=1, show_default=True, help="Which finding of the file, from 1."
)
@click.option(
    "--labels", "path", type=click.Path(path_type=Path), required=True, help="File of verdicts, or a case folder."
)
@click.option("--note", default="", help="Why, in words.")
def command(findings: Path, verdict: labels.Verdict, number: int, path: Path, note: str) -> int:
    """Record a verdict on FINDING, a document of a file that hunt wrote (- is stdin, a folder is that of hunt -o).
    It holds for the same rule, keys, host
    and server in every later hunt; the newest verdict counts.
    """
    document = document_of(findings, number)
    try:
        entry = labels.write(labels.place(path), document, verdict, note)
    except OSError as fault:
        raise click.UsageError(f"{path} cannot be written: {fault.strerror}") from fault
    click.echo(f"{verdict}: {(document.get('rule') or {}).get('name', '?')}, {entry['host'] or '?'}", err=True)
    return errors.DONE
