"""``python -m bench.beacons``: the beacon score on lab sets, beside other methods. ``--fit`` prints weights instead.

Thresholds come from the training sets (``beacon_sets``) and are frozen; ties count against the implants. The lines at a rate
of false positives are also drawn on each set itself, for methods that have no frozen line."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import beacon_fit, beacon_peers
from bench.beacon_sets import HELD_OUT, SENSORS, Extent, Set, draw, evaluation, frozen_line, score
from falselight.lab import Implant, Lab, profiles
from falselight.lab.generate import BACKGROUNDS, Label
from falselight.lab.seen import SIGHTS

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
AGES = ((1, "1 h"), (4, "4 h"), (24, "1 d"), (72, "3 d"), (158, "6.6 d"))
HOUR = 3600 * 10**9


IMPLANTS = {"grid": evaluation, "margins": profiles.margins, "apart": profiles.apart}


@dataclass(frozen=True)
class View:
    """What is benign, what is known of a connection, and how a sensor on the network sees the hosts, if it is one."""

    background: str
    sensor: str
    network: str | None

    def sight(self, lab: Lab) -> Lab:
        return lab if self.network is None else SIGHTS[self.network](lab)

    @property
    def words(self) -> str:
        missing = ", ".join(SENSORS[self.sensor])
        return (f"without {missing}" if missing else "with processes and sizes") + (
            f", {self.network}" if self.network else ""
        )


def recall(values: Floats, bad: Mask, total: int, host_days: float, rate: float) -> float:
    """Share of all implants that lie above the benign pair which exhausts the budget; ties are lost."""
    benign = np.sort(values[~bad])[::-1]
    budget = int(rate * host_days)
    line = benign[budget] if budget < len(benign) else -np.inf
    return float((values[bad] > line).sum()) / max(total, 1)


def precision(values: Floats, bad: Mask, top: int) -> float:
    """Share of implants in the first ``top``; among equals benign ones come first."""
    order = np.lexsort((bad, -values))[:top]
    return float(bad[order].mean()) if len(order) else 0.0


def wilson(share: float, count: int) -> tuple[float, float]:
    """95 per cent interval of a share."""
    z, count = 1.96, max(count, 1)
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return max(float(middle - half), 0.0), min(float(middle + half), 1.0)


def _share(hits: float, count: int) -> str:
    low, high = wilson(hits, count)
    return f"{hits:.3f} ({low:.2f}–{high:.2f})"


def evaluate(seed: int, extent: Extent, view: View, peers: bool, implants: list[Implant]) -> None:
    """Prints the tables of one held-out seed."""
    made = score(view.sight(draw(seed, extent, implants, background=view.background)), extent, view.sensor)
    lab = made.lab
    print(f"\nseed {seed}, {view.background} background, {extent.hosts} hosts, {extent.days} days ({extent.scored} scored), "
          f"{lab.events.num_rows} connections, {len(made.bad)} pairs scored, {len(lab.labels)} implant pairs, "
          f"{len(lab.rare)} rare benign pollers, "
          f"{view.words}, lab {lab.digest[:16]}\n")  # fmt: skip
    print(
        "| method | recall @1 | @0.1 (95 %) | @0.01 FP/host-day | P@20 | P@100 | all it names: recall at FP/host-day |"
    )
    print("|---|---|---|---|---|---|---|")

    def line(name: str, values: Floats, bad: Mask, total: int) -> None:
        shares = [recall(values, bad, total, extent.host_days, rate) for rate in (1, 0.1, 0.01)]
        tops = " | ".join(f"{precision(values, bad, top):.2f}" for top in (20, 100))
        every = f"{bad.sum() / max(total, 1):.2f} at {(~bad).sum() / extent.host_days:.2f}"
        print(f"| {name} | {shares[0]:.3f} | {_share(shares[1], total)} | {shares[2]:.3f} | {tops} | {every} |")

    line("Falselight", made.odds, made.bad, len(lab.labels))
    if peers:
        beacon_peers.compare(made, extent, line)
    _by_profile(made, extent)


def _by_profile(made: Set, extent: Extent) -> None:
    """Recall at the frozen line of 0.1 by sleep, jitter, duty and channel."""
    line = frozen_line(0.1)
    noise = float((made.odds[~made.bad] >= line).sum()) / extent.host_days
    odds = dict(sorted(zip(made.named, made.odds.tolist(), strict=True), key=lambda each: each[1]))
    found = [(label.profile, odds.get((label.host, label.server), -np.inf) >= line) for label in made.lab.labels]
    print(f"\nAt the line frozen on the training sets for 0.1 ({line:.2f}): {noise:.3f} benign pairs a host-day.\n")
    print("| implants | recall (95 %) | n |\n|---|---|---|")
    for title, hits in _groups(found):
        if hits:
            print(f"| {title} | {_share(float(np.mean(hits)), len(hits))} | {len(hits)} |")


def _groups(found: list[tuple[Implant, bool]]) -> Iterable[tuple[str, list[bool]]]:
    usual = [(each, hit) for each, hit in found if each.sleep <= 3600 and each.jitter <= 0.65]
    yield "sleep up to 1 h, jitter up to 65 %", [hit for _, hit in usual]
    yield "of these, named below no content network", [hit for each, hit in usual if each.channel != "fronted"]
    yield "of these, named below a content network", [hit for each, hit in usual if each.channel == "fronted"]
    yield "sleep 4 h", [hit for each, hit in found if each.sleep == 14_400]
    for duty in ("always", "work", "laptop"):
        yield f"duty {duty}", [hit for each, hit in found if each.duty == duty]
    yield "duty work, sleep up to 1 h", [hit for each, hit in found if each.duty == "work" and each.sleep <= 3600]
    for framework in sorted({each.framework for each, _ in found}):
        yield f"framework {framework}", [hit for each, hit in found if each.framework == framework]
    for sleep in sorted({each.sleep for each, _ in found}):
        yield f"sleep {sleep:g} s", [hit for each, hit in found if each.sleep == sleep]
    for jitter in sorted({each.jitter for each, _ in found}):
        yield f"jitter {100 * jitter:g} %", [hit for each, hit in found if each.jitter == jitter]
    for channel in dict.fromkeys(each.channel for each, _ in found):
        yield f"channel {channel}", [hit for each, hit in found if each.channel == channel]
    for count in (1, 3):
        yield f"on {count} hosts", [hit for each, hit in found if each.hosts == count]


def calibration(seeds: list[int], background: str) -> None:
    """Prints the benign pairs a host and day at the frozen line of 0.1 on networks of several sizes, for several times."""
    line = frozen_line(0.1)
    print(f"\nbenign pairs a host-day at the frozen line of 0.1, {background} background: with, without "
          "processes (95 % by Poisson)\n\n| hosts | 1 day | 7 days | 21 days |\n|---|---|---|---|")  # fmt: skip
    for hosts in (12, 30, 60, 200):
        cells = []
        for days in (1, 7, 21):
            extent = Extent(hosts, days, min(days, 7))
            count = max(round(400 / extent.host_days), 1)
            labs = [draw(seed + number, extent, evaluation()[: hosts // 2], background=background)
                    for number, seed in enumerate(np.resize(np.array(seeds) * 100, count).tolist())]  # fmt: skip
            cells.append(" · ".join(_noise(labs, extent, line, sensor) for sensor in ("both", "zeek")))
        print(f"| {hosts} | " + " | ".join(cells) + " |", flush=True)


def _noise(labs: list[Lab], extent: Extent, line: float, sensor: str) -> str:
    found, days = 0, extent.host_days * len(labs)
    for lab in labs:
        made = score(lab, extent, sensor)
        found += int((made.odds[~made.bad] >= line).sum())
        made.connection.close()
    # Byar's approximation of the Poisson interval.
    low = found * (1 - 1 / (9 * found) - 1.96 / (3 * found**0.5)) ** 3 if found else 0.0
    high = (found + 1) * (1 - 1 / (9 * (found + 1)) + 1.96 / (3 * (found + 1) ** 0.5)) ** 3
    return f"{found / days:.3f} ({low / days:.2f}–{high / days:.2f})"


def detection(seed: int, extent: Extent, view: View) -> None:
    """Prints recall at the frozen line with only the data up to so long after the first beacon."""
    lab = draw(seed, extent, evaluation(), sharply=True, background=view.background)
    line, begin = frozen_line(0.1), max(label.first for label in lab.labels if label.profile.sleep <= 300)
    classes: dict[str, list[Label]] = {}
    for label in lab.labels:
        title = "up to 5 min" if label.profile.sleep <= 300 else f"{label.profile.sleep / 60:g} min"
        classes.setdefault(title, []).append(label)
    table: dict[str, list[str]] = {title: [] for title in classes}
    noise = []
    for hours, _ in AGES:
        made = score(lab, extent, view.sensor, until=begin + hours * HOUR)
        noise.append(f"{float((made.odds[~made.bad] >= line).sum()) / extent.host_days:.3f}")
        above = {name for name, odds in zip(made.named, made.odds, strict=True) if odds >= line}
        for title, labels in classes.items():
            table[title].append(
                _share(float(np.mean([(each.host, each.server) in above for each in labels])), len(labels))
            )
    print(f"\nseed {seed}: found with the data up to so long after the first beacon, at the frozen line ({line:.2f})\n")
    print("| sleep | n | " + " | ".join(name for _, name in AGES) + " |\n|" + "---|" * (len(AGES) + 2))
    for title, cells in table.items():
        print(f"| {title} | {len(classes[title])} | " + " | ".join(cells) + " |")
    print("| benign pairs a host-day | | " + " | ".join(noise) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.beacons", description=__doc__)
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--days", type=int, default=21)
    parser.add_argument("--scored", type=int, default=7, help="days of implants; the score's window is seven days")
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="*", default=list(HELD_OUT))
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--sensor", choices=list(SENSORS), default="both", help="what is known of each connection")
    parser.add_argument("--network", choices=list(SIGHTS), help="as sensors on the network see the hosts")
    parser.add_argument("--background", choices=list(BACKGROUNDS), default="first", help="only the first was fitted to")
    parser.add_argument(
        "--implants", choices=list(IMPLANTS), default="grid", help="which; margins and apart are not in the grid"
    )
    parser.add_argument("--detection", action="store_true", help="only the table of time to detection")
    parser.add_argument("--calibration", action="store_true", help="only false positives by hosts and days")
    given = parser.parse_args()
    extent = Extent(given.hosts, given.days, given.scored)
    if given.fit:
        beacon_fit.fit()
        return
    if given.calibration:
        calibration(given.seeds, given.background)
        return
    view = View(given.background, given.sensor, given.network)
    implants = IMPLANTS[given.implants]()
    for seed in given.seeds:
        if given.detection:
            detection(seed, extent, view)
        else:
            evaluate(seed, extent, view, not given.no_peers, implants)


if __name__ == "__main__":
    main()
