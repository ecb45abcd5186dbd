"""``python -m bench.false_alarms``: how many benign rows of a kind reach given log-odds, a host and day: the tables
``false_alarm`` of ``infrastructure/parameters.toml`` and ``dns/parameters.toml``.

Staging servers and uploads: the lab's benign look-alikes on both backgrounds, by the sensor that shows most. Domains: the share
of popular names (``--names``, a rank and a name a line) that reach the odds as lookups of forty hosts, times the pairs of host
and domain that the lab's hosts have a day: the lab's own names are too plain to judge names by. Where nothing was counted
stands the upper end of the 95 per cent interval: three over what was looked at."""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from bench.kinds import SENSORS, load
from falselight import ingest
from falselight.dns import lookups
from falselight.dns.scoring import scores
from falselight.ecs import release
from falselight.infrastructure import signs, staging, uploads
from falselight.lab import Lab, generate
from falselight.lab.generate import host_name

ODDS = (-2.9, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
DOMAIN_ODDS = (-6.0, -5.5, -5.0, -4.75, -4.5, -4.0, -3.0)
HOSTS = 40


def table(name: str, odds: Sequence[float], found: Sequence[float], looked_at: float, scale: float = 1.0) -> None:
    """Prints the rates of those at or above each of the odds; ``scale`` makes what was looked at host-days."""
    values = np.sort(np.array(found))
    counts = [len(values) - int(np.searchsorted(values, line)) for line in odds]
    rates = [(count if count else 3.0) * scale / looked_at for count in counts]
    print(f"[{name}]  # counted: {counts} of {looked_at:,.0f}")
    print(f"odds = {list(odds)}")
    print(f"log10_per_host_day = {[round(math.log10(rate), 2) for rate in rates]}\n", flush=True)


def benign(lab: Lab, sensor: str) -> dict[str, list[float]]:
    """The odds of what is no implant's, by kind."""
    connection = load(lab, sensor)
    signs.of_connections(connection)
    bad = {(host_name(one.host), place) for one in lab.placed for place in (one.server, one.address)}
    # What follows an implant's staging server is the implant's as well.
    found: dict[str, list[float]] = {}
    for kind, rows in ((staging.KIND, staging.score(connection)), (uploads.KIND, uploads.score(connection))):
        own = [one for one in rows if not {(one.host, one.server), (one.host, one.address)} & bad]
        found[kind] = [one.odds for one in own]
    connection.close()
    return found


def popular(path: Path) -> Iterator[float]:
    """The odds of each registered domain of a list, looked up by one of forty hosts."""
    names = [line.partition(",")[2] for line in path.read_text("utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder) / "events.ndjson"
        with events.open("w", encoding="utf-8") as out:
            for number, name in enumerate(names):
                told = {"question": {"name": name, "type": "A"}, "type": "query"}
                host = {"ip": f"10.1.1.{1 + number % HOSTS}"}
                out.write(json.dumps({"@timestamp": number * 1000, "source": host, "dns": told}) + "\n")
        read = ingest.read_events([events], release.schema(), wanted=lookups.WANTED, report=lambda _: None)
        yield from (score.odds for score in scores(read) if score.domain is not None)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.false_alarms", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=[941, 942, 943])
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--days", type=int, default=21)
    parser.add_argument("--names", type=Path, help="popular names, a rank and a name a line")
    asked = parser.parse_args()
    found: dict[tuple[str, str], list[float]] = {}
    host_days, pairs = 0.0, 0
    for seed in asked.seeds:
        for background in ("first", "second"):
            lab = generate(seed, asked.hosts, asked.days, [], staging=1, uploads=1, background=background)
            host_days += asked.hosts * asked.days
            named = lab.events.select(["host", "domain"]).group_by(["host", "domain"]).aggregate([])
            pairs += named.num_rows - named.column("domain").null_count
            for sensor in SENSORS:
                for kind, odds in benign(lab, sensor).items():
                    found.setdefault((kind, sensor), []).extend(odds)
    for kind in (staging.KIND, uploads.KIND):
        most = max(SENSORS, key=lambda sensor: len(found[kind, sensor]))
        table(f"{kind}.false_alarm", ODDS, found[kind, most], host_days)
    print(f"# {pairs / host_days:.2f} pairs of host and name a host and day, over {host_days:,.0f} host-days\n")
    if asked.names is not None:
        odds = list(popular(asked.names))
        table("false_alarm", DOMAIN_ODDS, odds, len(odds), pairs / host_days)


if __name__ == "__main__":
    main()
