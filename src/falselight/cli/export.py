"""``export``: rules for Kibana's import, or as detection-rules writes them."""

from __future__ import annotations

from pathlib import Path

import click

from falselight.cli import errors, options
from falselight.guidance import write
from falselight.report import words
from falselight.rules import Rule, bundled_pack, exporting, load_pack

TECHNIQUE = "T1583.004"


@click.command("export")
@click.argument("rules", nargs=-1, metavar="[RULES]...")
@click.option(
    "--to", "target", type=click.Choice(["kibana", "detection-rules"]), required=True, help="Whose form to write."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Folder, or a file for Kibana's rules; stdout without it."
)
@options.diagnostics
def command(rules: tuple[str, ...], target: str, output: Path | None, diagnostics: str) -> int:
    """Write RULES (files, folders, @page; the bundled pack without any) for Elastic Security.

    kibana: NDJSON for Security → Rules → Import, with exception lists; value lists are files beside it. detection-rules: a
    TOML file for each rule. A look-back that is too short for its sequence is lengthened, and told. Falselight's own rules
    carry the investigation guide and the response playbook in their note.
    """
    talk = errors.Talk(diagnostics == "json")
    pack = load_pack(rules, talk.report) if rules else bundled_pack(talk.report)
    pack.rules = [_guided(rule) for rule in pack.rules]
    files = list((exporting.to_kibana if target == "kibana" else exporting.to_detection_rules)(pack, talk.report))
    if output is None and target == "detection-rules" and len(files) > 1:
        raise click.UsageError(f"{len(files)} rules are {len(files)} files of TOML: give a folder with -o")
    if output is None:
        for file in files if target == "detection-rules" else files[:1]:
            click.echo(file.text, nl=False)
        if target == "kibana" and files[1:]:
            click.echo(
                f"hint: {words.plural(len(files) - 1, 'value list')} not written: give a folder with -o", err=True
            )
    else:
        _write(files, output, target)
        click.echo(f"{words.plural(len(pack.rules), 'rule')} in {words.plural(len(files), 'file')}: {output}", err=True)
    return errors.DAMAGED if talk.left_out else errors.DONE


def _guided(rule: Rule) -> Rule:
    """A rule of T1583.004 that is Falselight's own and has no note gets the guide and the playbook as its note."""
    techniques = {sub.id for block in rule.threat for technique in block.technique for sub in technique.subtechnique}
    if TECHNIQUE not in techniques or rule.note or "rule_id" in rule.raw:
        return rule
    note = "\n".join(write.guide(part) for part in write.PARTS)
    return rule.model_copy(update={"note": note, "raw": {**rule.raw, "note": note}})


def _write(files: list[exporting.File], output: Path, target: str) -> None:
    single = target == "kibana" and output.suffix == ".ndjson"
    folder = output.parent if single else output
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, file in enumerate(files):
            path = output if single and number == 0 else folder / file.name
            path.write_text(file.text, encoding="utf-8")
    except OSError as fault:
        raise click.UsageError(f"{output} cannot be written: {fault.strerror}") from fault
