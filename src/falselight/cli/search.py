"""``search``: one EQL query over files, answered as Elasticsearch answers it."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from falselight.cli import errors, loading, options
from falselight.drawing import visible
from falselight.eql import walk
from falselight.eql.checker import Options
from falselight.eql.parser import parse
from falselight.readers.settings import Settings
from falselight.rebuild import documents
from falselight.searching import Result, answer, plan
from falselight.sinks import json_text, write
from falselight.sources import Loaded

PLACE = ("_sequence", "missing")
TELLING = ("process.name", "destination.ip")


@click.command("search")
@click.argument("query")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@options.output("es")
@click.option("--size", type=click.IntRange(min=0), default=10, show_default=True, help="Most results.")
@click.option("--all", "everything", is_flag=True, help="All results, whatever --size says.")
@click.option("--result-position", type=click.Choice(["head", "tail"]), default="tail", show_default=True,
              help="Which results are kept: the first or the last.")  # fmt: skip
@click.option("--fetch-size", type=click.IntRange(min=2), default=1000, show_default=True,
              help="Taken for Elasticsearch's sake; it changes nothing here.")  # fmt: skip
@click.option("--timestamp-field", default="@timestamp", show_default=True)
@click.option("--event-category-field", default="event.category", show_default=True)
@click.option("--tiebreaker-field")
@click.option("--max-samples-per-key", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--filter", "dsl", metavar="JSON", help="Elasticsearch query DSL that events must satisfy as well.")
@options.reading
@options.diagnostics
def command(
    query: str,
    paths: tuple[str, ...],
    format: str | None,
    size: int,
    everything: bool,
    result_position: str,
    fetch_size: int,
    timestamp_field: str,
    event_category_field: str,
    tiebreaker_field: str | None,
    max_samples_per_key: int,
    dsl: str | None,
    settings: Settings,
    diagnostics: str,
) -> int:
    """Run the EQL QUERY (or @FILE) over the files and folders PATH.

    --format es gives the answer in the shape of Elasticsearch's _eql/search.
    """
    talk = errors.Talk(diagnostics == "json")
    source = loading.query(query)
    asked = Options(
        timestamp_field,
        event_category_field,
        tiebreaker_field,
        None if everything else size,
        result_position,
        max_samples_per_key,
    )
    table = loading.events(source, paths, asked, settings, talk, whole=True)
    made = plan(source, table.schema, asked, _json(dsl))
    result = answer(made, Loaded(table, lambda positions: documents(table, positions), table.malformed))
    chosen = options.chosen(format)
    if chosen == "es":
        click.echo(json_text(result.to_dict()))
    else:
        columns = [*PLACE, "@timestamp", "host.name", *walk.field_names(parse(source)), *TELLING]
        hidden = write(chosen, rows(result), sys.stdout, columns)
        if hidden:
            click.echo(f"hint: too narrow for {visible(', '.join(hidden))}", err=True)
        if chosen == "table" and result.hits:
            click.echo("hint: --format ndjson gives whole events, --format es Elasticsearch's answer", err=True)
    if not result.hits:
        click.echo("No match. falselight explain tells why, with the same query and paths.", err=True)
    return errors.DAMAGED if talk.left_out else errors.DONE


def _json(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError as fault:
        raise click.UsageError(f"--filter is not JSON: {fault}") from fault


def rows(result: Result) -> list[dict[str, Any]]:
    """Every event of an answer as a row: of a sequence with its number, place and join keys."""
    made = []
    for number, hit in enumerate(result.hits):
        for place, event in enumerate(hit.events):
            head: dict[str, Any] = {}
            if result.kind != "events":
                head = {"_sequence": number, "_place": place, "_keys": list(hit.join_keys)}
            body: dict[str, Any] = {"missing": True} if event.position is None else dict(event.source)
            made.append({**head, **body})
    return made
