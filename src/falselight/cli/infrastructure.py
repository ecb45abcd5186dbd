"""``infrastructure``: what scans, certificates and passive DNS know of contacted servers, and which others they lead to."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.text import Text

from falselight.cli import errors, loading, options
from falselight.drawing import visible
from falselight.fusion import ranking
from falselight.infrastructure import contacts, facts, servers
from falselight.infrastructure.pivots import WEAK, Link
from falselight.infrastructure.servers import Server
from falselight.intel import store
from falselight.readers.places import any_there
from falselight.readers.settings import Settings
from falselight.report import words
from falselight.sinks import write

MOST_HOSTS, MOST_REASONS = 3, 4


@click.command("infrastructure")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--scan", "-s", "scans", multiple=True, required=True, metavar="PATH",
    help="File or folder of scans, certificates or passive DNS; may be repeated.",
)  # fmt: skip
@click.option(
    "--indicators",
    "-i",
    multiple=True,
    metavar="PATH",
    help="File or folder of indicators (see intel); may be repeated.",
)
@options.asn
@click.option("--server", "asked", multiple=True, metavar="NAME", help="Only this address or name; may be repeated.")
@click.option(
    "--findings", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Only the servers of these findings (NDJSON of hunt, beacons, intel or dns).",
)  # fmt: skip
@click.option(
    "--min-risk",
    type=click.FloatRange(0, 100),
    default=0.0,
    show_default=True,
    help="Leave out servers below this risk.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the documents into a file, not to stdout.",
)
@options.output()
@options.reading
@options.diagnostics
def command(
    paths: tuple[str, ...],
    scans: tuple[str, ...],
    indicators: tuple[str, ...],
    asn: Path | None,
    asked: tuple[str, ...],
    findings: Path | None,
    min_risk: float,
    output: Path | None,
    format: str | None,
    settings: Settings,
    diagnostics: str,
) -> int:
    """Tell what scans know of the servers that hosts in PATH contacted, and to which other servers they lead.

    Scans are exports of Shodan and Censys, certificates (Censys, crt.sh, PEM) and passive DNS (COF, DNSDB). Servers lead
    to others by what few share: a certificate, a key, a name, a page. Those that were contacted as well are marked.
    Nothing is probed.
    """
    talk = errors.Talk(diagnostics == "json")
    console = Console(stderr=True, no_color=not errors.colour(sys.stderr), highlight=False)
    table = loading.read(paths, contacts.WANTED, settings, talk, console)
    loaded = facts.load(table.connection, scans, talk.report)
    store.load(table.connection, indicators, talk.report)
    only = (*asked, *(_of_findings(findings) if findings is not None else ()))
    if findings is not None and not only:
        raise click.UsageError(f"no finding in {findings} names a server")
    every = servers.servers(table, ranking.scope(settings), only=only, systems=asn)
    found = [server for server in every if server.risk >= min_risk]
    _deliver(found, options.chosen(format), output)
    read = ", ".join(f"{words.number(count)} of {source}" for source, count in sorted(loaded.records.items())) or "none"
    both = sum(any(link.hosts and link.strength != WEAK for link in server.links) for server in found)
    hint = f"; {words.number(len(every) - len(found))} below risk {min_risk:g}" if len(every) > len(found) else ""
    console.print(
        Text(
            f"{words.plural(len(found), 'server')}, {words.number(both)} linked to others contacted here; records: {read}{hint}"
        )
    )
    if not any_there(paths):
        return errors.MISUSE
    return errors.DAMAGED if talk.left_out else errors.DONE


def _of_findings(path: Path) -> Iterator[str]:
    """The addresses and names of the servers in finding documents."""
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            document = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise click.UsageError(f"{path}, line {number}: {error}") from error
        where = document.get("destination") if isinstance(document, dict) else None
        for key in ("ip", "domain"):
            values = where.get(key) if isinstance(where, dict) else None
            yield from (one for one in (values if isinstance(values, list) else [values]) if isinstance(one, str))


def _deliver(found: list[Server], format: str, output: Path | None) -> None:
    if output is not None:
        with output.open("w", encoding="utf-8", newline="") as stream:
            write("ndjson" if format == "table" else format, (server.to_document() for server in found), stream)
    elif format == "table":
        _show(found)
    else:
        write(format, (server.to_document() for server in found), sys.stdout)


def _show(found: list[Server]) -> None:
    """A line for each server; below it what is known, why it is rated so, and where it leads."""
    console = Console(no_color=not errors.colour(sys.stdout), highlight=False, soft_wrap=True)
    for server in found:
        hosts = ", ".join(visible(host) for host in server.hosts[:MOST_HOSTS]) or "not contacted"
        hosts += f" and {len(server.hosts) - MOST_HOSTS} more" if len(server.hosts) > MOST_HOSTS else ""
        named = f" ({', '.join(visible(name) for name in server.names[:2])})" if server.names and server.address else ""
        console.print(Text(f"{server.risk:>5g}  {visible(server.server)}{named}  ← {hosts}", style="bold"))
        for line in _known(server):
            console.print(Text(f"       {visible(line)}"))
        for reason in server.reasons[:MOST_REASONS]:
            if reason.factor != "start":
                console.print(Text(f"       {reason.weight:+.2f}  {visible(reason.text)}", style="dim"))
        for link in server.links:
            console.print(Text(f"       → {visible(_link(link))}"))
        if server.omitted:
            console.print(Text(f"       … and {words.plural(server.omitted, 'weaker link')}"))


def _known(server: Server) -> Iterator[str]:
    services = [f"{port} {value}" for value, port, *_ in server.known.get(facts.Trait.SERVICE, [])]
    if services:
        yield "ports: " + ", ".join(dict.fromkeys(services))
    for held in server.certificates[:1]:
        signed = ", signs itself" if held.get("self_signed") else ""
        yield f"certificate: {held.get('subject', '-')}, by {held.get('issuer', '-')}{signed}, {held['hash'][0][:16]}…"
    if server.hosting.kind != "unknown" or server.hosting.system is not None:
        system = f"AS{server.hosting.system}" if server.hosting.system is not None else ""
        yield "hosting: " + ", ".join(filter(None, (server.hosting.kind, system, server.hosting.organisation)))


def _link(link: Link) -> str:
    also = f", ALSO CONTACTED by {', '.join(link.hosts[:MOST_HOSTS])}" if link.hosts else ""
    also += f" and {len(link.hosts) - MOST_HOSTS} more" if len(link.hosts) > MOST_HOSTS else ""
    guard = f"; but {link.crowded}" if link.crowded else ""
    return f"{link.other}  {link.strength}{also}: {'; '.join(one.text for one in link.shared[:3])}{guard}"
