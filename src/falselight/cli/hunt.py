"""``hunt``: rules over files."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

import click
from rich.console import Console
from rich.text import Text

from falselight import hunting
from falselight.cli import errors, options, progress
from falselight.cli import ranked as ranked_list
from falselight.cli.ranked import Ranked, Ranking
from falselight.drawing import visible
from falselight.explaining import explain
from falselight.findings import Finding
from falselight.hunting import HuntResult
from falselight.readers.places import any_there
from falselight.readers.settings import Settings
from falselight.report import findings as findings_table
from falselight.report import panel, words
from falselight.rules import LEVELS, Pack, bundled_pack, load_pack
from falselight.sinks import passing, write
from falselight.source import Source
from falselight.store import OUTSIDE

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
@ranked_list.options
@click.option("--building-blocks", is_flag=True, help="Show findings of the bundled pack's building-block rules, too.")
@click.option(
    "--exceptions",
    multiple=True,
    metavar="PATH",
    help="Exception lists to apply: exceptions.ndjson of tune, or Kibana's.",
)
@click.option(
    "--as-scheduled", is_flag=True, help="Replay each rule's schedule, cap and suppression as Kibana has them."
)
@click.option(
    "--alerts", type=click.Path(dir_okay=False, path_type=Path), help="Write the alerts that Kibana would, as NDJSON."
)
@click.option("--sequences", is_flag=True, help="List each window of a finding with its events (table, ndjson, or -o).")
@click.option("--evidence", is_flag=True, help="Show the original records, verified by SHA-256 (table, ndjson, or -o).")
@options.reading
@options.diagnostics
def command(
    paths: tuple[str, ...],
    rules: tuple[str, ...],
    output: Path | None,
    format: str | None,
    since: int | None,
    until: int | None,
    fail_on: str | None,
    building_blocks: bool,
    exceptions: tuple[str, ...],
    as_scheduled: bool,
    alerts: Path | None,
    sequences: bool,
    evidence: bool,
    ranked: Ranked,
    settings: Settings,
    diagnostics: str,
) -> int:
    """Hunt in PATH: files, folders, quoted patterns, - for stdin, s3:// and http(s):// addresses.

    The bundled pack of rules runs, and all servers are ranked by rules, rhythm, lookups and known-bad indicators together,
    highest risk first. With --rules these rules alone run.
    """
    talk = errors.Talk(diagnostics == "json")
    asked = Asked(options.chosen(format), output, building_blocks, as_scheduled, alerts, sequences, evidence, ranked)
    if (sequences or evidence) and output is None and asked.format not in ("table", "ndjson"):
        raise click.UsageError(f"--sequences and --evidence do not fit into {asked.format}; add -o FOLDER")
    pack = _rules(rules, exceptions, talk)
    console = Console(stderr=True, no_color=not errors.colour(sys.stderr), highlight=False)
    started = time.perf_counter()
    with progress.bar(console) as tell:
        result = hunting.hunt(
            list(paths),
            pack.rules,
            since=since,
            until=None if until is None else until + 1,
            report=talk.report,
            progress=tell,
            settings=settings,
            pack=pack,
            as_scheduled=as_scheduled or alerts is not None,
            also=ranked.fields,
        )
    seconds = time.perf_counter() - started
    result.building_blocks = bool(rules) or building_blocks
    ranking = ranked_list.rank(result, ranked, talk)
    _deliver(result, ranking, asked, talk)
    faults = talk.errors + talk.warnings
    panel.show(console, result, seconds, faults, _hints(console, result, ranking, output), ranking.panel())
    return _exit_code(paths, result, talk, fail_on)


@dataclass(frozen=True)
class Asked:
    """What is to be written, and where."""

    format: str
    output: Path | None
    building_blocks: bool
    as_scheduled: bool
    alerts: Path | None
    sequences: bool
    evidence: bool
    ranked: Ranked


def _deliver(result: HuntResult, ranking: Ranking, asked: Asked, talk: errors.Talk) -> None:
    """Findings, or what a schedule made of them, and the ranked list below them; then what belongs to single findings."""
    found = result.findings
    if asked.format == "table":
        _tables(result, found, ranking, asked)
    else:
        replayed = (run.replay.to_dict() for run in result.rules if run.replay)
        first = replayed if asked.as_scheduled else (finding.to_document() for finding in found)
        write(asked.format, chain(first, (row.to_document() for row in ranking.shown)), sys.stdout)
    if asked.alerts is not None:
        from falselight.cli import replays

        replays.save(result, asked.alerts)
    if asked.output is not None:
        save(asked.output, result, asked.sequences, asked.evidence, talk)
        if asked.ranked.wanted:
            _file(asked.output / "servers.ndjson", "ndjson", (row.to_document() for row in ranking.rows))
    elif asked.sequences or asked.evidence:
        _details(result, found, asked.format, asked.sequences, asked.evidence, talk)
    sys.stdout.flush()


def _tables(result: HuntResult, found: list[Finding], ranking: Ranking, asked: Asked) -> None:
    if asked.as_scheduled:
        from falselight.cli import replays

        replays.show(result)
    else:
        findings_table.show(sys.stdout, found, colour=errors.colour(sys.stdout))
    if ranking.shown:
        from falselight.cli import servers

        servers.show(ranking.shown, {})


def _exit_code(paths: tuple[str, ...], result: HuntResult, talk: errors.Talk, fail_on: str | None) -> int:
    if not any_there(paths):
        return errors.MISUSE
    if not any(run.rule.is_eql for run in result.rules):
        return errors.DAMAGED
    if talk.left_out or any(count.skipped.keys() - {OUTSIDE} for count in result.table.counts):
        return errors.DAMAGED
    return errors.FOUND if _fails(result.findings, fail_on) else errors.DONE


def _rules(paths: tuple[str, ...], exceptions: tuple[str, ...], talk: errors.Talk) -> Pack:
    pack = load_pack(paths, talk.report) if paths else bundled_pack(talk.report)
    if exceptions:
        from falselight.tuning.writing import apply

        pack = apply(pack, load_pack(exceptions, talk.report))
    if not pack.rules:
        raise click.UsageError("there is no rule to run")
    return pack


def _fails(found: list[Finding], level: str | None) -> bool:
    return level is not None and any(LEVELS.index(f.severity) >= LEVELS.index(level) for f in found)


def _details(
    result: HuntResult, found: list[Finding], format: str, sequences: bool, evidence: bool, talk: errors.Talk
) -> None:
    """Windows and original records on stdout: as text below a table, as more lines of NDJSON."""
    from falselight.cli import details

    if format == "table":
        for finding in found:
            for line in details.text(result, finding, sequences, evidence, talk.report):
                click.echo(line)
        return
    if sequences:
        write(format, details.windows(result, found), sys.stdout)
    if evidence:
        write(format, details.originals(result, found, talk.report), sys.stdout)


def _hints(console: Console, result: HuntResult, ranking: Ranking, output: Path | None) -> Iterator[str]:
    if result.hidden:
        hidden = words.plural(result.hidden, "finding")
        yield f"{hidden} of building-block rules, which prove nothing alone: --building-blocks shows them"
    if ranking.rows and not ranking.shown:
        first = ranking.rows[0]
        pair = visible(f"{first.server}, called by {first.host}" if first.host else first.server)
        yield f"the highest risk of a server is {first.risk:g} ({pair}): --min-risk 0 shows the whole ranking"
    if not result.findings:
        yield from _silence(console, result, ranking)
        return
    if output is None:
        yield "add --sequences to see each window, --evidence for the original records, -o FOLDER to keep all of it"
    else:
        yield f"all results are in {output}"


def _silence(console: Console, result: HuntResult, ranking: Ranking) -> Iterator[str]:
    """Zero findings, in words: what each rule could not see in this data."""
    console.print(Text("No findings of rules; servers are ranked." if ranking.shown else "No findings.", style="bold"))
    if result.table.rows == 0:
        outside = sum(count.skipped[OUTSIDE] for count in result.table.counts)
        if outside:
            yield f"all {words.plural(outside, 'event')} lie outside --from and --to"
        else:
            yield "nothing was read: check the paths, and the messages above"
        return
    silent = [run for run in result.rules if run.plan is not None and not run.findings]
    for run in silent[:MOST_EXPLAINED]:
        explanation = explain(
            Source(run.rule.query, run.rule.name), result.table, hunting.options(run.rule), only_emptied=True
        )
        console.print(Text(visible(f"{run.rule.name}:")))
        for sentence in words.why_silent(explanation):
            console.print(Text(visible(f"  {words.shortened(sentence)}")), soft_wrap=True)
        if explanation.matches:
            told = f"Its filters and exceptions leave out whatever matches ({words.number(explanation.matches)})"
            which = f"falselight explain {run.rule.id} tells which"
            console.print(Text(visible(f"  {told}: {which}.")), soft_wrap=True)
    if len(silent) > MOST_EXPLAINED:
        console.print(Text(f"… and {words.plural(len(silent) - MOST_EXPLAINED, 'more rule')} that matched nothing."))
    if not silent:
        yield "no rule was run: see the messages above"
        return
    yield "falselight explain QUERY PATH… tells for any query why it matched or did not"


def save(
    folder: Path,
    result: HuntResult,
    sequences: bool,
    evidence: bool,
    talk: errors.Talk,
) -> None:
    """All results as files: findings.ndjson, findings.csv, summary.json, and sequences.ndjson and evidence.ndjson where
    asked for."""
    from falselight.cli import details

    folder.mkdir(parents=True, exist_ok=True)
    with _opened(folder / "findings.ndjson") as stream:
        documents = passing((finding.to_document() for finding in result.findings), stream)
        _file(folder / "findings.csv", "csv", documents)
    if sequences:
        _file(folder / "sequences.ndjson", "ndjson", details.windows(result, result.findings))
    if evidence:
        _file(folder / "evidence.ndjson", "ndjson", details.originals(result, result.findings, talk.report))
    (folder / "summary.json").write_text(json.dumps(summary(result), indent=2, default=str) + "\n", encoding="utf-8")


def _opened(path: Path) -> TextIO:
    return path.open("w", encoding="utf-8", newline="")


def _file(path: Path, format: str, documents: Iterable[Mapping[str, Any]]) -> None:
    with _opened(path) as stream:
        write(format, documents, stream)


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
