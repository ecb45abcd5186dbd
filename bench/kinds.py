"""``python -m bench.kinds``: staging servers and uploads on lab sets: recall and false positives at the risks that are told."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import duckdb

from bench.beacons import wilson
from falselight.infrastructure import parameters, signs, staging, uploads
from falselight.infrastructure.staging import Staged
from falselight.infrastructure.uploads import Upload
from falselight.lab import Lab, generate
from falselight.lab.generate import host_name
from falselight.lab.scenes import STAGING, UPLOAD, Placed
from falselight.store import connect

LINES = (20, 50, 80)
# What each sensor shows: processes and starts of programs (Sysmon), bytes and what HTTP brings (Zeek), or both of one host.
SENSORS = ("both", "network", "endpoint")


def load(lab: Lab, sensor: str) -> duckdb.DuckDBPyConnection:
    """The relations that ``signs`` makes of events, made of a lab."""
    connection = connect()
    connection.register("lab", lab.events)
    connection.register("starts", lab.starts)
    process = "process" if sensor != "network" else "CAST(NULL AS VARCHAR)"
    sizes = (
        "sent, received" if sensor != "endpoint" else "CAST(NULL AS BIGINT) AS sent, CAST(NULL AS BIGINT) AS received"
    )
    domain = "domain" if sensor != "network" else "CASE WHEN port IN (80, 443) THEN domain END"
    connection.execute(f"""CREATE TEMP TABLE connections AS SELECT host, address, {domain} AS domain, port, {process} AS process,
      {sizes}, time, FALSE AS proxied, FALSE AS again, FALSE AS queried, TRUE AS inward, address NOT LIKE '10.%' AS outward
      FROM lab""")
    own = parameters.parameters()["staging"]
    mime = ", ".join(f"'{value}'" for value in own["types"])
    ending = ", ".join(f"'{value}'" for value in own["extensions"])
    connection.execute(f"""CREATE TEMP TABLE fetched AS SELECT host, coalesce({domain}, address) AS server,
      bool_or(mime IN ({mime})) AS executable, bool_or(regexp_extract(path, '[.]([a-z0-9]+)$', 1) IN ({ending})) AS extension
      FROM lab WHERE path IS NOT NULL AND {sensor != "endpoint"} GROUP BY ALL""")
    connection.execute(f"""CREATE TEMP TABLE started AS SELECT host, process, min(time) AS first,
      count(*) OVER (PARTITION BY process) AS hosts FROM (SELECT host, lower(process) AS process, time FROM starts)
      WHERE {sensor != "network"} GROUP BY host, process""")
    return connection


def judge(kind: str, found: Sequence[Staged | Upload], placed: Sequence[Placed], host_days: float) -> None:
    """Prints recall with its interval, precision, and false positives a host and day at each risk."""
    own = [one for one in placed if one.kind == kind]
    servers = {
        (host_name(one.host), place): number for number, one in enumerate(own) for place in (one.server, one.address)
    }
    for line in LINES:
        shown = [one for one in found if 100 / (1 + 2.718281828459045**-one.odds) >= line]
        hits = {
            servers[one.host, place]
            for one in shown
            for place in (one.server, one.address)
            if (one.host, place) in servers
        }
        wrong = sum((one.host, one.server) not in servers and (one.host, one.address) not in servers for one in shown)
        share = len(hits) / max(len(own), 1)
        low, high = wilson(share, len(own))
        print(f"| {kind} | {line} | {share:.3f} ({low:.2f}–{high:.2f}) | {len(hits) / max(len(hits) + wrong, 1):.2f} | "
              f"{wrong / host_days:.4f} |")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=[911, 912])
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--days", type=int, default=21)
    parser.add_argument("--each", type=int, default=60, help="implants of each kind")
    parser.add_argument("--wrong", type=int, default=0, help="show so many of the worst false positives")
    asked = parser.parse_args()
    for seed in asked.seeds:
        lab = generate(seed, asked.hosts, asked.days, [], staging=asked.each, uploads=asked.each)
        for sensor in SENSORS:
            connection = load(lab, sensor)
            begun = time.perf_counter()
            signs.of_connections(connection)
            staged, sent = staging.score(connection), uploads.score(connection)
            took = time.perf_counter() - begun
            size = f"{asked.hosts} hosts, {asked.days} days, {lab.events.num_rows:,} connections"
            print(f"\nseed {seed}, {size}, {sensor}, {took:.1f} s\n")
            print(
                "| kind | from risk | recall (95 %) | precision | false positives a host and day |\n|---|---|---|---|---|"
            )
            judge(STAGING, staged, lab.placed, asked.hosts * asked.days)
            judge(UPLOAD, sent, lab.placed, asked.hosts * asked.days)
            _worst([*staged, *sent], lab.placed, asked.wrong)


def _worst(found: Sequence[Staged | Upload], placed: Sequence[Placed], count: int) -> None:
    """Prints the highest of what is no implant's, with its reasons."""
    bad = {(host_name(one.host), place) for one in placed for place in (one.server, one.address)}
    for one in [one for one in found if (one.host, one.server) not in bad][:count]:
        print(
            round(one.odds, 2), one.host, one.server, one.process, *(f"{r.factor} {r.weight:+.1f}" for r in one.reasons)
        )


if __name__ == "__main__":
    main()
