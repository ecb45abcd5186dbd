"""``python -m bench.captures DATA``: real captures as a hunt ranks them: where the adversary's servers stand, and what ordinary
servers stand above them or are shown. DATA is the folder of published captures beside the project, which are no part of it.

Below, of the ordinary captures, how often each sign of handshakes and lookups is seen where no adversary is known."""

from __future__ import annotations

import argparse
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from falselight.analytics.networks import parse
from falselight.analytics.wording import duration
from falselight.diagnostics import plural
from falselight.dns.scoring import scores
from falselight.expressions import Expressions
from falselight.fusion import ranking, traits
from falselight.fusion.ranking import HOST, ServerRisk
from falselight.hunting import HuntResult, hunt
from falselight.intel import store
from falselight.readers.settings import Settings
from falselight.rules import bundled

SHOWN, ALONE = 20.0, 50.0
SIMDA = r"(?:[bcdfghjklmnpqrstvwxz][aeiouy]){3}[bcdfghjklmnpqrstvwxz]\.(?:com|eu|info)"


@dataclass(frozen=True)
class Capture:
    """A capture: what it is of, its adversary's servers (a regular expression over their addresses and names; none where the
    traffic is ordinary), and networks that are the user's by their addresses and yet the adversary's."""

    path: str
    what: str
    servers: str | None = None
    external: str | None = None


CAPTURES = (
    Capture("zeek/ctu-230-1-njrat", "NjRAT", r"41\.108\.179\.197"),
    Capture("zeek/rita-proxy", "a beacon through CONNECT", r"www\.honestimnotevil\.com"),
    Capture("zeek/androidtester-rat", "AndroidTester RAT", r"147\.32\.83\.234"),
    Capture("zeek/ctu-355-1-simda-dga", "Simda, generated names",
            rf"{SIMDA}|{re.escape(HOST)}|23\.253\.126\.58|104\.239\.157\.210"),
    Capture("zeek/otrf-apt29-day1-NASHUA-zeek_logs.zip", "an evaluation's APT29", r"192\.168\.0\.4", "192.168.0.4/32"),
    Capture("suricata/emotet-2022-02-08-eve.json", "Emotet",
            r"tonysommers\.net|185\.248\.140\.40|51\.68\.138\.110|144\.217\.88\.125"),
    Capture("pcap/asyncrat-cd010953.pcap", "AsyncRAT", r"181\.131\.218\.39|.*\.con-ip\.com"),
    Capture("pcap/dns-tunnel-iodine.pcap", "iodine, a tunnel", r"pirate\.sea"),
    Capture("pcap/caldera-manx-udp.pcap", "Caldera manx", r"172\.18\.0\.2", "172.18.0.2/32"),
    Capture("pcap/caldera-ragdoll.pcap", "Caldera ragdoll", r"172\.18\.0\.2", "172.18.0.2/32"),
    Capture("pcap/strrat-4423258f-59bc-4a88-bfec-d8ac08c88538.pcap", "STRRAT, one connection", r".*"),
    Capture("windows-json/empire_dllinjection_LoadLibrary_CreateRemoteThread.zip", "Empire, an injection",
            r"10\.10\.10\.5", "10.10.10.5/32"),
    Capture("windows-json/empire_mimikatz_logonpasswords.zip", "Empire, passwords", r"10\.10\.10\.5", "10.10.10.5/32"),
    Capture("windows-json/empire_invoke_runas.tar.gz", "Empire, another user", r"10\.0\.10\.106", "10.0.10.106/32"),
    Capture("windows-json/empire_monologue_netntlm_downgrade.zip", "Empire, a downgrade",
            r"172\.18\.39\.8|ip-172-18-39-8\..*", "172.18.39.8/32"),
    Capture("zeek/ctu-normal-40-day1", "a workstation's day"),
    Capture("zeek/rita-proxy_rolling", "browsing through a proxy"),
    Capture("zeek/slips-test9-mixed", "browsing"),
    Capture("zeek/slips-test10-mixed", "a minute of a network"),
    Capture("zeek/wrccdc-2018", "a competition's lookups"),
    Capture("zeek/rita-json_with_all_fields", "a format's sample"),
    Capture("windows-json/empire_ninjacopy_dumping_ntds_dit_file.zip", "a server of names among root servers"),
)  # fmt: skip


def hunted(data: Path, capture: Capture) -> tuple[HuntResult, list[ServerRisk]]:
    """What ``hunt`` reads and ranks of a capture, with the bundled rules and without any list of indicators."""
    settings = Settings(external=parse([capture.external]) if capture.external else ())
    found = hunt([data / capture.path], bundled(_silent), report=_silent, also=ranking.WANTED, settings=settings)
    store.load(found.table.connection, [], _silent)
    every = [finding for run in found.rules for finding in run.findings]
    return found, ranking.rank(found.table, settings, findings=every, indicators=True, once=True)


def line(capture: Capture, rows: Sequence[ServerRisk]) -> str:
    """The table's row of a capture."""
    own = [row for row in rows if capture.servers is not None and _is(row, capture.servers)]
    others = [row for row in rows if row not in own]
    best = f"{_called(others[0])}, {_risk(others[0])}" if others else "none"
    shown = sum(row.risk >= SHOWN for row in others)
    where = "-" if capture.servers is None else "not ranked"
    if own:
        place = rows.index(own[0]) + 1
        more = sum(row.risk >= SHOWN for row in own)
        where = f"{place}: {_called(own[0])}, {_risk(own[0])}" + (f"; {more} rows from {SHOWN:g}" if more > 1 else "")
    return f"| {capture.what} | {where} | {best} | {shown} of {len(others)} |"


def _is(row: ServerRisk, pattern: str) -> bool:
    return any(re.fullmatch(pattern, each) for each in (row.server, row.address, *row.names) if each is not None)


def _called(row: ServerRisk) -> str:
    server = row.server if row.server != HOST else f"{row.host} {HOST}"
    return server + (f", every {duration(row.beacon.sleep_s)}" if row.beacon and row.beacon.law != "none" else "")


def _risk(row: ServerRisk) -> str:
    return f"risk {row.risk:g}" if row.risk else "risk below 0.1"


_SIGNS = {
    "domains": ("tunnel: names", "tunnel: information", "generated: name", "generated: group", "fast flux"),
    "hosts": ("generated: group", "failed lookups", "encrypted lookups", "direct"),
}


def signs(found: HuntResult) -> Iterator[tuple[str, int, int]]:
    """How often each sign is seen in a capture without an adversary: its name, where it is seen, among how many."""
    table, read = found.table, Expressions(found.table)
    weights = Counter(
        reason.factor for one in traits.traits(table, ranking.parameters()["tls"]) for reason in one.reasons
    )
    pair = f"(coalesce({read.text('host.name')}, {read.text('source.ip')}), {read.text('destination.ip')})"
    for factor, fields in (("tls: certificate", ["tls.server.subject"]), ("tls: age", ["tls.server.not_before"]),
                           ("tls: client", ["tls.client.ja4", "tls.client.ja3"])):  # fmt: skip
        known = f"coalesce({', '.join(f'CAST({read.text(field)} AS VARCHAR)' for field in fields)}) IS NOT NULL"
        ((among,),) = table.connection.execute(
            f"SELECT count(DISTINCT {pair}) FROM {read.table} WHERE {known} AND {read.text('destination.ip')} IS NOT NULL"
        ).fetchall()
        yield factor, weights[factor], among
    every = scores(table)
    for whose, rows in (
        ("domains", [one for one in every if one.domain]),
        ("hosts", [one for one in every if not one.domain]),
    ):
        counted = Counter(reason.factor for one in rows for reason in one.reasons if reason.weight > 0)
        counted[f"risk from {SHOWN:g}"] = sum(one.risk >= SHOWN for one in rows)
        for factor in (*_SIGNS[whose], f"risk from {SHOWN:g}"):
            yield f"{whose}: {factor}", counted[factor], len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.captures", description=__doc__)
    shared = Path(os.environ.get("FALSELIGHT_SHARED", Path(__file__).parents[2] / "shared"))
    parser.add_argument("data", type=Path, nargs="?", default=shared / "data")
    data = parser.parse_args().data
    print("| capture | the adversary's first server | the ordinary server with most risk | ordinary rows from 20 |")
    print("|---|---|---|---|", flush=True)
    seen, among = Counter[str](), Counter[str]()
    for capture in CAPTURES:
        found, rows = hunted(data, capture)
        print(line(capture, rows), flush=True)
        for factor, count, of in signs(found) if capture.servers is None else ():
            seen[factor] += count
            among[factor] += of
    print(
        f"\n| sign, on {plural(sum(one.servers is None for one in CAPTURES), 'ordinary capture')} | seen |\n|---|---|"
    )
    for factor in among:
        print(f"| {factor} | {seen[factor]:,} of {among[factor]:,} |")


def _silent(_: object) -> None:
    """What is damaged in these captures is known (tests/readers)."""


if __name__ == "__main__":
    main()
