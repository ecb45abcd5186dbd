"""``lint``: what the engine will do to a rule."""

from __future__ import annotations

import json
import sys
from collections import Counter

import click

from falselight.cli import errors, options
from falselight.diagnostics import Severity
from falselight.drawing import draw
from falselight.lint import lint, sarif
from falselight.report import words
from falselight.rules import bundled_pack, load_pack
from falselight.sinks import write

_RANK = [Severity.NOTE, Severity.WARNING, Severity.ERROR]


@click.command("lint")
@click.argument("rules", nargs=-1, metavar="[RULES]...")
@click.option(
    "--format",
    "format",
    type=click.Choice(["table", "json", "ndjson", "sarif"]),
    default="table",
    help="How remarks are written.",
)
@click.option("--only", multiple=True, metavar="CODE", help="Only remarks of this code; may be repeated.")
@click.option(
    "--fail-on",
    type=click.Choice([str(each) for each in _RANK]),
    help="Exit with 1 for a remark of this level or above.",
)
@options.diagnostics
def command(rules: tuple[str, ...], format: str, only: tuple[str, ...], fail_on: str | None, diagnostics: str) -> int:
    """Say what the engine will do to RULES (files, folders, @page; the bundled pack without any) that their authors may not
    expect: each remark with a code, a place, a reason and a fix (specs/lint.md).
    """
    talk = errors.Talk(diagnostics == "json")
    pack = load_pack(rules, talk.report) if rules else bundled_pack(talk.report)
    remarks = [remark for remark in lint(pack) if not only or remark.code in only]
    if format == "sarif":
        click.echo(json.dumps(sarif.document(remarks), indent=2))
    elif format != "table":
        write(format, [remark.to_dict() for remark in remarks], sys.stdout)
    else:
        for remark in remarks:
            click.echo(draw(remark.diagnostic(), colour=errors.colour(sys.stdout)))
    counts = Counter(remark.severity for remark in remarks)
    told = ", ".join(words.plural(counts[each], str(each)) for each in reversed(_RANK) if counts[each])
    other = sum(1 for rule in pack.rules if not rule.is_eql)
    more = f"; {words.plural(other, 'rule')} of other languages not looked at" if other else ""
    click.echo(f"{words.plural(len(pack.rules), 'rule')}: {told or 'no remark'}{more}", err=True)
    if talk.left_out:
        return errors.DAMAGED
    worst = max((_RANK.index(remark.severity) for remark in remarks), default=-1)
    return errors.FOUND if fail_on is not None and worst >= _RANK.index(Severity(fail_on)) else errors.DONE
