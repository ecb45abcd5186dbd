"""``guide``: what to do about a finding."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.markdown import Markdown

from falselight import ingest
from falselight.cli import errors, options
from falselight.ecs import release
from falselight.guidance import facts, write
from falselight.readers.settings import Settings
from falselight.report import words

# What hunt -o calls its findings, and its ranked servers, which follow them.
FINDINGS, SERVERS = "findings.ndjson", "servers.ndjson"


@click.command("guide")
@click.argument("findings", type=click.Path(path_type=Path), required=False, metavar="[FINDING]")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option(
    "--number",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Which finding of the file, from 1; of a folder, ranked servers come after findings.",
)
@click.option(
    "--part",
    type=click.Choice(["both", *write.PARTS]),
    default="both",
    help="The investigation guide, the response playbook, or both.",
)
@click.option(
    "--format",
    "format",
    type=click.Choice(["markdown", "terminal"]),
    help="How it is written.  [default: terminal at one, else markdown]",
)
@options.reading
@options.diagnostics
def command(
    findings: Path | None,
    paths: tuple[str, ...],
    number: int,
    part: str,
    format: str | None,
    settings: Settings,
    diagnostics: str,
) -> int:
    """The investigation guide and the response playbook of T1583.004, filled with the facts of FINDING.

    FINDING is a file of finding documents, as hunt writes them (- is stdin, a folder is that of hunt -o).
    Facts come from the events in PATH, or from the finding's own inputs where they are still there.
    Without FINDING both are general.
    """
    talk = errors.Talk(diagnostics == "json")
    known = None
    if findings is not None:
        document = document_of(findings, number)
        known = facts.of_document(document)
        sources = [Path(path) for path in paths] or _inputs(document)
        if sources:
            wanted = frozenset(facts.FIELDS)
            table = ingest.read_events(sources, release.schema(), wanted=wanted, report=talk.report, settings=settings)
            known = facts.gather(document, table)
        else:
            click.echo(
                "hint: no input of this finding is here; give its telemetry as PATH to have its facts filled in",
                err=True,
            )
    chosen = write.PARTS if part == "both" else (part,)
    text = "\n".join(write.guide(each, known) for each in chosen)  # type: ignore[arg-type]
    if (format or ("terminal" if sys.stdout.isatty() else "markdown")) == "terminal":
        Console(highlight=False, no_color=not errors.colour(sys.stdout)).print(Markdown(text, hyperlinks=False))
    else:
        click.echo(text, nl=False)
    return errors.DAMAGED if talk.left_out else errors.DONE


def document_of(path: Path, number: int) -> dict[str, Any]:
    """One finding of a file of NDJSON, or of one JSON array or object; of a folder that hunt wrote, its findings and
    then its ranked servers."""
    data = _read(path)
    try:
        whole = orjson.loads(data)
        found = whole if isinstance(whole, list) else [whole]
    except orjson.JSONDecodeError:
        lines = [line for line in data.splitlines() if line.strip()]
        if number > len(lines):
            raise click.UsageError(f"{path} has {words.plural(len(lines), 'finding')}, not {number}") from None
        try:
            found = [None] * (number - 1) + [orjson.loads(lines[number - 1])]
        except orjson.JSONDecodeError as fault:
            raise click.UsageError(f"{path}, line {number}: not JSON ({fault})") from fault
    if number > len(found):
        raise click.UsageError(f"{path} has {words.plural(len(found), 'finding')}, not {number}")
    document = found[number - 1]
    if not isinstance(document, dict) or "falselight" not in document:
        raise click.UsageError(f"{path}: number {number} is no finding (it has no falselight object)")
    return document


def _read(path: Path) -> bytes:
    try:
        if str(path) == "-":
            return sys.stdin.buffer.read()
        if not path.is_dir():
            return path.read_bytes()
        ranked = path / SERVERS
        return (path / FINDINGS).read_bytes() + (ranked.read_bytes() if ranked.exists() else b"")
    except OSError as fault:
        raise click.UsageError(f"{path} cannot be read: {fault.strerror}") from fault


def _inputs(document: dict[str, Any]) -> list[Path]:
    """The finding's own inputs that are still there."""
    evidence = document["falselight"].get("evidence") or []
    named = dict.fromkeys(str(entry["input"]) for entry in evidence if isinstance(entry, dict) and "input" in entry)
    return [Path(name) for name in named if Path(name).exists()]
