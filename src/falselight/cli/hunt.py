"""``hunt``: rules over files."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from falselight import hunting
from falselight.cli import errors, options, progress
from falselight.diagnostics import FalselightError
from falselight.drawing import visible
from falselight.explain import explain
from falselight.findings import Finding
from falselight.hunting import HuntResult
from falselight.ingest import OUTSIDE
from falselight.readers import evidence as originals
from falselight.report import findings as findings_table
from falselight.report import panel, words
from falselight.rules import LEVELS, bundled, load
from falselight.sinks import json_text, write
from falselight.source import Source

# More silent rules than these are counted, not explained one by one.
MOST_EXPLAINED = 3


@click.command("hunt")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--rules", multiple=True, metavar="PATH", help="Rule file or folder, or @page; the bundled pack without it."
)
@click.option(
    "-o", "--output", type=click.Path(file_okay=False, path_type=Path), help="Write all results into a folder."
)
@options.output()
@click.option("--from", "since", type=options.Instant(), help="Leave out events before this time.")
@click.option("--to", "until", type=options.Instant(last=True), help="Leave out events after this time.")
@click.option("--fail-on", type=click.Choice(LEVELS), help="Exit with 1 if a finding is at this level or above.")
@click.option("--sequences", is_flag=True, help="List each window of a finding with its events.")
@click.option("--evidence", is_flag=True, help="Show the original records, verified against their file's SHA-256.")
@options.diagnostics
def command(
    paths: tuple[str, ...],
    rules: tuple[str, ...],
    output: Path | None,
    format: str | None,
    since: int | None,
    until: int | None,
    fail_on: str | None,
    sequences: bool,
    evidence: bool,
    diagnostics: str,
) -> int:
    """Hunt with rules in the files and folders PATH.

    Windows event logs (EVTX, or as JSON), ECS NDJSON, plain or in gz, zst, zip and tar.gz archives.
    """
    talk = errors.Talk(diagnostics == "json")
    chosen = load(rules, talk.report) if rules else bundled(talk.report)
    if not chosen:
        raise click.UsageError("there is no rule to run")
    console = Console(stderr=True, no_color=not errors.colour(sys.stderr), highlight=False)
    started = time.perf_counter()
    with progress.bar(console) as tell:
        result = hunting.hunt(
            [Path(path) for path in paths],
            chosen,
            since=since,
            until=None if until is None else until + 1,
            report=talk.report,
            progress=tell,
        )
    seconds = time.perf_counter() - started
    found = result.findings
    documents = [finding.to_document() for finding in found]
    _print(found, documents, options.chosen(format))
    if sequences or evidence:
        _details(result, found, sequences, evidence, talk)
    sys.stdout.flush()
    if output is not None:
        save(output, result, documents, sequences)
    panel.show(console, result, seconds, talk.errors + talk.warnings, _hints(console, result, output))
    if not any(Path(path).exists() for path in paths):
        return errors.MISUSE
    if talk.left_out or any(count.skipped.keys() - {OUTSIDE} for count in result.table.counts):
        return errors.DAMAGED
    return errors.FOUND if _fails(found, fail_on) else errors.DONE


def _print(found: list[Finding], documents: list[dict[str, Any]], format: str) -> None:
    if format == "table":
        findings_table.show(sys.stdout, found, colour=errors.colour(sys.stdout))
    else:
        write(format, documents, sys.stdout)


def _fails(found: list[Finding], level: str | None) -> bool:
    return level is not None and any(LEVELS.index(f.severity) >= LEVELS.index(level) for f in found)


def _details(result: HuntResult, found: Iterable[Finding], sequences: bool, evidence: bool, talk: errors.Talk) -> None:
    """Windows and original records, under a heading for each finding, as lines of JSON that are safe on a terminal."""
    for finding in found:
        keys = ", ".join(f"{name} {words.shown(value)}" for name, value in finding.keys.items())
        click.echo(f"# {visible(finding.rule.name)}: {visible(keys)}")
        if sequences:
            for number, window in enumerate(result.sequences(finding), start=1):
                click.echo(f"## window {number} of {finding.windows}")
                for event in window:
                    click.echo(json_text(event))
        if evidence:
            for line in _originals(result, finding, talk):
                click.echo(line)


def _originals(result: HuntResult, finding: Finding, talk: errors.Talk) -> Iterator[str]:
    for number in dict.fromkeys(reference.input for reference in finding.evidence):
        source = result.table.inputs[number]
        records = [reference.record for reference in finding.evidence if reference.input == number]
        label = source.path + (f"!{source.member}" if source.member else "")
        try:
            lines = originals.original(source, records)
        except FalselightError as fault:
            for diagnostic in fault.diagnostics:
                talk.report(diagnostic)
            continue
        yield f"## {visible(label)} (sha256 {source.sha256}, verified)"
        for record, line in zip(records, lines, strict=True):
            text = line.decode("utf-8", "replace") if isinstance(line, bytes) else json_text(line)
            yield f"{record}: {visible(text)}"


def _hints(console: Console, result: HuntResult, output: Path | None) -> Iterator[str]:
    if not result.findings:
        yield from _silence(console, result)
        return
    if output is None:
        yield "add --sequences to see each window, --evidence for the original records, -o FOLDER to keep all of it"
    else:
        yield f"all results are in {output}"


def _silence(console: Console, result: HuntResult) -> Iterator[str]:
    """Zero findings, in words: what each rule could not see in this data."""
    console.print(Text("No findings.", style="bold"))
    if result.table.rows == 0:
        outside = sum(count.skipped[OUTSIDE] for count in result.table.counts)
        if outside:
            yield f"all {words.plural(outside, 'event')} lie outside --from and --to"
        else:
            yield "nothing was read: check the paths, and the messages above"
        return
    silent = [run for run in result.rules if run.plan is not None]
    for run in silent[:MOST_EXPLAINED]:
        explanation = explain(Source(run.rule.query, run.rule.name), result.table, hunting.options(run.rule))
        console.print(Text(visible(f"{run.rule.name}:")))
        for sentence in words.why_silent(explanation):
            console.print(Text(visible(f"  {sentence}")), soft_wrap=True)
    if len(silent) > MOST_EXPLAINED:
        console.print(Text(f"… and {words.plural(len(silent) - MOST_EXPLAINED, 'more rule')} that matched nothing."))
    if not silent:
        yield "no rule was run: see the messages above"
        return
    yield "falselight explain QUERY PATH… tells for any query why it matched or did not"


def save(folder: Path, result: HuntResult, documents: list[dict[str, Any]], sequences: bool) -> None:
    """All results as files: findings.ndjson, findings.csv, summary.json, and sequences.ndjson where asked for."""
    folder.mkdir(parents=True, exist_ok=True)
    for format in ("ndjson", "csv"):
        with (folder / f"findings.{format}").open("w", encoding="utf-8", newline="") as stream:
            write(format, documents, stream)
    if sequences:
        with (folder / "sequences.ndjson").open("w", encoding="utf-8") as stream:
            write("ndjson", _windows(result), stream)
    (folder / "summary.json").write_text(json.dumps(summary(result), indent=2, default=str) + "\n", encoding="utf-8")


def _windows(result: HuntResult) -> Iterator[dict[str, Any]]:
    for finding in result.findings:
        for number, window in enumerate(result.sequences(finding)):
            yield {"rule": {"id": finding.rule.id}, "keys": finding.keys, "window": number, "events": window}


def summary(result: HuntResult) -> dict[str, Any]:
    """What was read and run: inputs with their hashes and counts, rules with their findings or diagnostics."""
    return {
        "events": result.table.rows,
        "inputs": [
            {
                "path": source.path,
                "member": source.member,
                "sha256": source.sha256,
                "size": source.size,
                "kind": source.kind,
                "events": count.events,
                "skipped": dict(count.skipped),
            }
            for source, count in zip(result.table.inputs, result.table.counts, strict=True)
        ],
        "malformed": dict(result.table.malformed),
        "rules": [
            {
                "id": run.rule.id,
                "name": run.rule.name,
                "ran": run.plan is not None,
                "findings": len(run.findings),
                "unfilled": run.unseen,
                "diagnostics": [diagnostic.to_dict() for diagnostic in run.diagnostics],
            }
            for run in result.rules
        ],
    }
