"""``compile``: what a query becomes at each stage."""

from __future__ import annotations

import click

from falselight.cli import errors, loading, options
from falselight.compiling import ENGINES, STAGES, compile
from falselight.drawing import visible
from falselight.ecs import release


@click.command("compile")
@click.argument("query")
@click.option("--stage", type=click.Choice(STAGES), default="sql", show_default=True, help="What to show.")
@click.option("--engine", type=click.Choice(ENGINES), default="duckdb", show_default=True, help="Whose language.")
@options.diagnostics
def command(query: str, stage: str, engine: str, diagnostics: str) -> int:
    """Show what the EQL QUERY (or @FILE) becomes: tokens, syntax, typed tree, plan or SQL.

    Fields are those of ECS and Elastic's integrations, as if every one were filled.
    """
    text = compile(loading.query(query), release.schema(), stage=stage, engine=engine)
    for line in text.split("\n"):
        click.echo("\t".join(visible(part) for part in line.split("\t")))
    return errors.DONE
