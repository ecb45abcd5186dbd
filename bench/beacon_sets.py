"""Lab sets for the beacon score: training and held-out profiles, drawn, loaded and scored.

Training seeds and the training grid (one-sided and symmetric laws) never meet the evaluation's: other seeds, the frameworks
with their own laws besides the grid with all laws and channels, and a second background that nothing was fitted to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falselight.analytics import beacons
from falselight.lab import FRAMEWORKS, Implant, Lab, generate, grid
from falselight.store import connect

HELD_OUT = (913, 914)
# What a sensor does not know: both together, Zeek, Sysmon's connections, a firewall's log.
SENSORS: dict[str, tuple[str, ...]] = {
    "both": (), "zeek": ("process",), "sysmon": ("sent", "received", "duration"), "firewall": ("process", "domain"),
}  # fmt: skip
_TYPES = {"domain": "VARCHAR", "process": "VARCHAR", "sent": "BIGINT", "received": "BIGINT", "duration": "BIGINT"}


@dataclass(frozen=True)
class Extent:
    """Hosts, days drawn, and how many of the last days are scored; implants live in these."""

    hosts: int
    days: int = 21
    scored: int = 7

    @property
    def host_days(self) -> float:
        return self.hosts * self.scored


@dataclass(frozen=True)
class Set:
    """A scored lab. ``units`` are the numbers of the listed units, one for each host and server; ``bad`` tells which of these
    are an implant's, ``odds`` their scores."""

    lab: Lab
    scores: beacons.Scores
    units: NDArray[np.int64]
    bad: NDArray[np.bool_]
    connection: Any

    @property
    def odds(self) -> NDArray[np.float64]:
        return self.scores.odds[self.units]

    @property
    def named(self) -> list[tuple[str, str]]:
        """Host and server of each listed unit; an implant's by the name that its label has."""
        names = servers(self.lab)
        pairs = self.scores.pairs
        found = ((str(pairs.hosts[k]), str(pairs.servers[k])) for k in self.units)
        return [names.get(pair, pair) for pair in found]


def servers(lab: Lab) -> dict[tuple[str, str], tuple[str, str]]:
    """Every name and address by which an implant's server may be listed, on its host → host and server of the label."""
    return {
        (host, server): (label.host, label.server)
        for label in lab.labels
        for host in (label.host, *label.sources)
        for server in (label.server, *label.names, *label.addresses)
    }


def draw(seed: int, extent: Extent, implants: list[Implant], sharply: bool = False, background: str = "first") -> Lab:
    """``sharply``: all implants begin within a quarter of an hour. Nothing is fitted to a ``background`` but the first."""
    return generate(
        seed, extent.hosts, extent.days, implants, scored_days=extent.scored, together=sharply, background=background
    )


def score(lab: Lab, extent: Extent, sensor: str = "both", until: int | None = None) -> Set:
    """Loads a lab as one of ``SENSORS`` records it, up to a moment (epoch nanoseconds) if one is given, and scores it."""
    connection = connect()
    connection.register("lab", lab.events)
    own = {
        name: f"CAST(NULL AS {kind}) AS {name}" if name in SENSORS[sensor] else name for name, kind in _TYPES.items()
    }
    condition = f"WHERE time < {int(until)}" if until is not None else ""
    connection.execute(f"""CREATE TEMP TABLE connections AS SELECT host, source, address, {own["domain"]}, domain AS name, port,
      transport, CAST(NULL AS VARCHAR) AS protocol, {own["process"]}, {own["sent"]}, {own["received"]}, {own["duration"]}, time,
      CAST(NULL AS VARCHAR) AS session, proxied, FALSE AS again, TRUE AS inward, queried,
      proxied OR coalesce(address NOT LIKE '10.%', FALSE) AS outward FROM lab {condition}""")
    scores = beacons.score(connection)
    if scores is None:
        raise SystemExit(f"the lab of seed {lab.seed} has no pair to score")
    known, pairs = servers(lab), scores.pairs
    units = np.flatnonzero(scores.listed)
    bad = np.array([(str(pairs.hosts[k]), str(pairs.servers[k])) in known for k in units], dtype=np.bool_)
    # An implant that is listed as several units counts once, by its highest.
    best: dict[tuple[str, str], int] = {}
    for k in units[bad].tolist():
        label = known[str(pairs.hosts[k]), str(pairs.servers[k])]
        best[label] = max(best.get(label, k), k, key=lambda each: (scores.odds[each], -each))
    kept = ~bad | np.isin(units, list(best.values()))
    units, bad = units[kept], bad[kept]
    return Set(lab, scores, units, bad, connection)


def training(number: int) -> list[Implant]:
    """The training grid; each set takes another turn of law, loss and tasking."""
    profiles = grid(laws=("one_sided", "symmetric"), channels=("tcp", "tcp", "tcp", "fronted"))
    return [replace(each, tasking=(0.0, 1.0, 3.0)[(k + number) % 3]) for k, each in enumerate(profiles)]


def evaluation() -> list[Implant]:
    """Held-out profiles: frameworks under two duties, and the grid with all laws and channels."""
    framework: list[Implant] = [replace(each, duty="always") for each in FRAMEWORKS]
    framework += [replace(each, duty="work") for each in FRAMEWORKS]
    return framework + grid()


def frozen_line(rate: float) -> float:
    """The odds from which the training sets hold ``rate`` benign pairs per host and day."""
    table = beacons.parameters()["false_alarm"]
    return float(np.interp(-np.log10(rate), [-v for v in table["log10_per_host_day"]], table["odds"]))
