"""Lab sets for the beacon score: training and held-out profiles, drawn, loaded and scored.

Training seeds and the training grid (one-sided and symmetric laws, no shared names, one host each) never meet the evaluation's:
other seeds, and the frameworks with their own laws besides the whole grid."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falselight.analytics import beacons
from falselight.lab import FRAMEWORKS, Implant, Lab, generate, grid
from falselight.store import connect

TRAINING, HELD_OUT = (101, 102, 103, 104), (901, 902)


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
    """A scored lab: for each pair whether it is an implant's, and the implants' labels."""

    lab: Lab
    scores: beacons.Scores
    bad: NDArray[np.bool_]
    connection: Any


def draw(seed: int, extent: Extent, implants: list[Implant], sharply: bool = False) -> Lab:
    """``sharply``: all implants begin within a quarter of an hour."""
    return generate(seed, extent.hosts, extent.days, implants, scored_days=extent.scored, together=sharply)


def score(lab: Lab, extent: Extent, processes: bool = True, until: int | None = None) -> Set:
    """Loads a lab, up to a moment (epoch nanoseconds) if one is given, and scores it."""
    connection = connect()
    connection.register("lab", lab.events)
    process = "process" if processes else "CAST(NULL AS VARCHAR)"
    condition = f"WHERE time < {int(until)}" if until is not None else ""
    connection.execute(f"""CREATE TEMP TABLE connections AS SELECT host, source, address, domain, domain AS name, port,
      transport, CAST(NULL AS VARCHAR) AS protocol, {process} AS process, sent, received, CAST(NULL AS BIGINT) AS duration,
      time, CAST(NULL AS VARCHAR) AS session, FALSE AS proxied, FALSE AS again, TRUE AS inward, address NOT LIKE '10.%' AS outward
      FROM lab {condition}""")
    scores = beacons.score(connection)
    if scores is None:
        raise SystemExit(f"the lab of seed {lab.seed} has no pair to score")
    labels = {(label.host, label.server) for label in lab.labels}
    found = zip(scores.pairs.hosts, scores.pairs.servers, strict=True)
    return Set(lab, scores, np.array([pair in labels for pair in found]), connection)


def training(number: int) -> list[Implant]:
    """The training grid; each set takes another turn of law, loss and tasking."""
    profiles = grid(laws=("one_sided", "symmetric"), channels=("tcp",))
    return [replace(each, tasking=(0.0, 1.0, 3.0)[(k + number) % 3], hosts=1) for k, each in enumerate(profiles)]


def evaluation() -> list[Implant]:
    """Held-out profiles: frameworks under two duties, and the grid with all laws and channels."""
    framework: list[Implant] = [replace(each, duty="always") for each in FRAMEWORKS]
    framework += [replace(each, duty="work") for each in FRAMEWORKS]
    return framework + grid()


def frozen_line(rate: float) -> float:
    """The odds from which the training sets hold ``rate`` benign pairs per host and day."""
    table = beacons.parameters()["false_alarm"]
    return float(np.interp(-np.log10(rate), [-v for v in table["log10_per_host_day"]], table["odds"]))
