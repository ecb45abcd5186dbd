"""Writes specs/command-line.md from the commands' own help. Run it after a change of an option."""

from __future__ import annotations

from pathlib import Path

import click
from click.testing import CliRunner

from falselight.cli.main import VERBS, cli

TARGET = Path(__file__).parents[1] / "specs" / "command-line.md"
HEAD = "# The command line\n\nMade from `--help` by `scripts/command_line.py`; a test fails when it is stale.\n"


def reference() -> str:
    """The whole reference as Markdown."""
    parts = [HEAD]
    for words in [[], *[[name] for name in sorted(VERBS)]]:
        title = " ".join(["falselight", *words])
        shown = CliRunner().invoke(cli, [*words, "--help"], prog_name="falselight", terminal_width=100, color=False)
        parts.append(f"\n## `{title}`\n\n```text\n{shown.output.strip()}\n```\n")
    return "".join(parts)


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
    click.echo(f"{TARGET} written")
