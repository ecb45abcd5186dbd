"""``lab``: labelled telemetry of our own making."""

from __future__ import annotations

import json
from pathlib import Path

import click

from falselight.cli import errors
from falselight.lab import false_positives, generate, profiles, writing
from falselight.lab.generate import BACKGROUNDS, host_name, moment
from falselight.lab.seen import SIGHTS
from falselight.plan.dates import iso
from falselight.report import words

PAGE, GRID, MARGINS, APART, FRAMEWORKS, SCENES = "page", "grid", "margins", "apart", "frameworks", "staging"
PROFILES = {
    GRID: profiles.grid(),
    MARGINS: profiles.margins(),
    APART: profiles.apart(),
    FRAMEWORKS: list(profiles.FRAMEWORKS),
    SCENES: [],
}


@click.command("lab")
@click.option(
    "-o", "--output", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write into."
)
@click.option("--hosts", type=click.IntRange(2, 10_000), default=50, show_default=True, help="How many hosts.")
@click.option(
    "--days",
    type=click.IntRange(1, 90),
    default=8,
    show_default=True,
    help="How many days; implants live in the last seven.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same lab.")
@click.option(
    "--implants", type=click.Choice([FRAMEWORKS, GRID, MARGINS, APART, PAGE, SCENES]), default=FRAMEWORKS, show_default=True,
    help="Frameworks' defaults, the grid of sleep, jitter and duty, what it leaves out (websockets, lookups, sleeps of 2 s or a "
    "day), other laws, hours and names than any of these (apart), the page's three classes of false positive, or staging and "
    "upload servers among what is benign and looks alike.",
)  # fmt: skip
@click.option("--background", type=click.Choice(list(BACKGROUNDS)), default="first", show_default=True,
              help="What is benign: the second and third are drawn by other laws, and no score was fitted to them.")  # fmt: skip
@click.option("--network", type=click.Choice(list(SIGHTS)), default="plain", show_default=True,
              help="How Zeek sees hosts: each by its address, all through a proxy that is asked by CONNECT, eight behind one "
              "address (nat), or with another address every day (dhcp).")  # fmt: skip
@click.option(
    "--kind", type=click.Choice(["zeek", "sysmon", "both"]), default="both", show_default=True, help="Whose records."
)
def command(
    output: Path, hosts: int, days: int, seed: int, implants: str, background: str, network: str, kind: str
) -> int:
    """Make labelled telemetry: hosts with working days, benign pollers, browsing, and implants; as Zeek and Sysmon records
    that the ordinary readers read. labels.json tells which pairs of host and server are implants.
    """
    if network != "plain" and implants in (PAGE, SCENES):
        raise click.UsageError(f"--network {network} goes with implants of frameworks, grid, margins and apart.")
    output.mkdir(parents=True, exist_ok=True)
    if implants == PAGE:
        placed = false_positives.write(output / "sysmon.json", hosts, days * 24, seed)
        labels = [{"host": host, "server": program.server, "address": program.addresses[0], "sleep_s": program.period,
                   "jitter": program.jitter} for host, program in placed]  # fmt: skip
        files = [output / "sysmon.json"]
    else:
        each = max(hosts // 5, 1) if implants == SCENES else 0
        drawn = generate(seed, hosts, days, PROFILES[implants], background=background, staging=each, uploads=each)
        seen = SIGHTS[network](drawn)
        files = writing.write_zeek(seen, output / "zeek") if kind != "sysmon" else []
        files += writing.write_sysmon(drawn, output / "sysmon") if kind != "zeek" else []
        labels = [
            {"host": label.host, "sources": label.sources, "server": label.server, "address": label.address,
             "first": iso(label.first), "connections": label.events, "framework": label.profile.framework,
             "sleep_s": label.profile.sleep, "jitter": label.profile.jitter, "law": label.profile.law,
             "duty": label.profile.duty, "channel": label.profile.channel}
            for label in seen.labels
        ]  # fmt: skip
        labels += [
            {"host": host_name(one.host), "server": one.server, "address": one.address, "first": iso(moment(one.first)),
             "kind": one.kind, "process": one.process, "known": one.known}
            for one in drawn.placed
        ]  # fmt: skip
    (output / "labels.json").write_text(json.dumps(labels, indent=2) + "\n", encoding="utf-8")
    click.echo(
        f"{words.plural(len(files), 'file')} and labels of {words.plural(len(labels), 'implant')}: {output}", err=True
    )
    return errors.DONE
