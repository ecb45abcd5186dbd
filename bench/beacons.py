"""``python -m bench.beacons``: beacon scores on lab sets, beside the page's rule and RITA's score. ``--fit`` prints weights.

Training seeds and the training grid (one-sided and symmetric laws) never meet the evaluation's: other seeds, and the
frameworks with their own laws besides the grid. Ties count against the implants."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falselight.analytics import beacons, rita_pairs
from falselight.lab import FRAMEWORKS, Implant, Lab, generate, grid
from falselight.store import connect

TRAINING, HELD_OUT = (101, 102, 103, 104), (901, 902)
DAYS, SCORED = 21, 7
STRENGTH = 60.0
PRIOR = {
    "base": -8.0, "regular": 1.2, "jittered": 1.0, "prevalence": -1.0, "fresh": 0.7, "history": -1.5, "hours": 0.2,
    "sizes": 1.0, "breadth": -0.2, "spread": -0.1, "direct": 0.5, "known": -1.0,
}  # fmt: skip


@dataclass(frozen=True)
class Set:
    """A scored lab: for each pair whether it is an implant's, and the implant's label."""

    lab: Lab
    scores: beacons.Scores
    bad: NDArray[np.bool_]
    connection: Any


def prepare(seed: int, hosts: int, implants: list[Implant], processes: bool = True) -> Set:
    """Draws, loads and scores a lab."""
    lab = generate(seed, hosts, DAYS, implants, scored_days=SCORED)
    connection = connect()
    connection.register("lab", lab.events)
    process = "process" if processes else "CAST(NULL AS VARCHAR)"
    connection.execute(f"""CREATE TEMP TABLE connections AS SELECT host, source, address, domain, domain AS name, port,
      transport, {process} AS process, sent, received, time, CAST(NULL AS VARCHAR) AS session, FALSE AS proxied,
      TRUE AS inward, address NOT LIKE '10.%' AS outward FROM lab""")
    scores = beacons.score(connection)
    if scores is None:
        raise SystemExit(f"the lab of seed {seed} has no pair to score")
    labels = {(label.host, label.server) for label in lab.labels}
    found = zip(scores.pairs.hosts, scores.pairs.servers, strict=True)
    return Set(lab, scores, np.array([pair in labels for pair in found]), connection)


def training(number: int) -> list[Implant]:
    """The training grid; each set takes another turn of law, loss and tasking."""
    profiles = grid(laws=("one_sided", "symmetric"))
    return [replace(each, tasking=(0.0, 1.0, 3.0)[(k + number) % 3]) for k, each in enumerate(profiles)]


def evaluation() -> list[Implant]:
    """Held-out profiles: frameworks under three duties, and the grid with all laws."""
    framework = [replace(each, duty=duty) for each in FRAMEWORKS for duty in ("always", "work")]
    return framework + grid()


def fit(hosts: int) -> None:
    """Logistic regression with a ridge over the training sets; prints weights and the false-alarm table."""
    rows, labels = [], []
    for number, seed in enumerate(TRAINING):
        made = prepare(seed, hosts, training(number), processes=number % 2 == 0)
        rows.append(np.column_stack([made.scores.factors[name] for name in beacons.FACTORS]))
        labels.append(made.bad)
    x, y = np.concatenate(rows), np.concatenate(labels).astype(np.float64)
    design = np.column_stack([np.ones(len(x)), x])
    # The prior keeps each weight near what the literature lets expect, and its sign: a lab's accidents must not teach the
    # opposite (that regular callers are harmless, say).
    ridge = np.diag([0.0] + [STRENGTH] * x.shape[1])
    prior = np.array([PRIOR[name] for name in ("base", *beacons.FACTORS)])
    weights = prior.copy()
    for _ in range(60):
        chance = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        slope = design.T @ (y - chance) - ridge @ (weights - prior)
        curve = (design * (chance * (1 - chance))[:, None]).T @ design + ridge + 1e-6 * np.eye(len(weights))
        step = np.linalg.solve(curve, slope)
        weights = weights + step * min(1.0, 3.0 / max(float(np.abs(step).max()), 1e-9))
        weights = np.where(np.sign(prior) * weights < 0.5 * np.abs(prior), 0.5 * prior, weights)
    for name, weight in zip(("base", *beacons.FACTORS), weights, strict=True):
        print(f"{name} = {weight:.3f}")
    odds = np.sort((design @ weights)[y == 0])[::-1]
    host_days = hosts * SCORED * len(TRAINING)
    points = sorted({int(r) for r in np.geomspace(1, len(odds), 14)})
    print("odds =", [round(float(odds[r - 1]), 2) for r in reversed(points)])
    print("log10_per_host_day =", [round(float(np.log10(r / host_days)), 2) for r in reversed(points)])
    for rate in (1.0, 0.1, 0.01):
        print(f"line at {rate} per host-day: {odds[min(int(rate * host_days), len(odds) - 1)]:.2f}")


def recall(values: NDArray[np.float64], bad: NDArray[np.bool_], total: int, host_days: float, rate: float) -> float:
    """Share of all implants that lie above the benign pair which exhausts the budget; ties are lost."""
    benign = np.sort(values[~bad])[::-1]
    budget = int(rate * host_days)
    line = benign[budget] if budget < len(benign) else -np.inf
    return float((values[bad] > line).sum()) / max(total, 1)


def precision(values: NDArray[np.float64], bad: NDArray[np.bool_], top: int) -> float:
    order = np.lexsort((bad, -values))[:top]
    return float(bad[order].mean())


def wilson(share: float, count: int) -> tuple[float, float]:
    """95 per cent interval of a share."""
    z = 1.96
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return float(middle - half), float(min(middle + half, 1.0))


def evaluate(seed: int, hosts: int, processes: bool, peers: bool) -> None:
    made = prepare(seed, hosts, evaluation(), processes)
    odds, bad, labels = made.scores.odds, made.bad, made.lab.labels
    host_days = hosts * SCORED
    print(f"\nseed {seed}, {hosts} hosts, {DAYS} days ({SCORED} scored), {made.lab.events.num_rows} connections, "
          f"{len(bad)} pairs scored, {len(labels)} implants, {len(made.lab.rare)} rare benign pollers, "
          f"{'with' if processes else 'without'} processes, lab {made.lab.digest[:16]}")  # fmt: skip
    print(
        "| ranker | recall @1 | @0.1 (95 %) | @0.01 FP/host-day | P@20 | P@50 | P@100 |\n|---|---|---|---|---|---|---|"
    )
    _line("Falselight", odds, bad, len(labels), host_days)
    if peers:
        _peers(made, host_days)
    _by_profile(made, host_days)


def _line(name: str, values: NDArray[np.float64], bad: NDArray[np.bool_], total: int, host_days: float) -> None:
    shares = [recall(values, bad, total, host_days, rate) for rate in (1, 0.1, 0.01)]
    low, high = wilson(shares[1], total)
    tops = " | ".join(f"{precision(values, bad, top):.2f}" for top in (20, 50, 100))
    print(f"| {name} | {shares[0]:.3f} | {shares[1]:.3f} ({low:.2f}–{high:.2f}) | {shares[2]:.3f} | {tops} |")


def _peers(made: Set, host_days: float) -> None:
    labels = {(label.host, label.server) for label in made.lab.labels}
    hosts = {f"10.1.{k // 250}.{k % 250 + 1}": f"ws{k:04d}" for k in range(made.lab.hosts)}
    # RITA looks at a day at a time: the best of the seven runs counts, the budget is that of the seven days.
    best: dict[tuple[str, str], tuple[float, float]] = {}
    high = made.scores.pairs.high // 10**9
    for day in range(SCORED):
        for pair in rita_pairs.score(made.connection, until=high - day * 86_400).pairs:
            key = hosts[pair.source], pair.server
            known = best.get(key, (0.0, 0.0))
            best[key] = max(known[0], pair.final), max(known[1], pair.beacon)
    bad = np.array([key in labels for key in best])
    for place, name in enumerate(("RITA v5 final, best of 7 days", "RITA v5 beacon, best of 7 days")):
        _line(name, np.array([value[place] for value in best.values()]), bad, len(labels), host_days)
    low = made.scores.pairs.low
    fired = made.connection.execute(f"""
      SELECT DISTINCT host, coalesce(domain, address) FROM (SELECT host, domain, address, time, lag(time, 9) OVER
        (PARTITION BY host, address ORDER BY time) AS tenth FROM connections WHERE outward AND time >= {low}
        AND NOT regexp_matches(coalesce(process, ''), '(browser|msedge|outlook)[.]exe$'))
      WHERE time - tenth <= 3600 * 1000000000::BIGINT""").fetchall()
    hits = sum(pair in labels for pair in fired)
    noise = (len(fired) - hits) / host_days
    print(
        f"| page's rule (a set, without the lab's browser and mail) | {hits / len(labels):.3f} at {noise:.2f} pairs a host-day |"
    )


def _by_profile(made: Set, host_days: float) -> None:
    """Recall at 0.1 by sleep, jitter and duty, and the delay of detection."""
    odds, bad, pairs = made.scores.odds, made.bad, made.scores.pairs
    benign = np.sort(odds[~bad])[::-1]
    line = benign[min(int(0.1 * host_days), len(benign) - 1)]
    numbers = {(pairs.hosts[k], pairs.servers[k]): int(k) for k in np.flatnonzero(bad)}
    found = []
    for label in made.lab.labels:
        k = numbers.get((label.host, label.server))
        hit = k is not None and odds[k] > line
        row = made.scores.row(k) if k is not None else None
        late = (row.detected_at - label.first) / 1e9 if row is not None and row.detected_at is not None else None
        found.append((label.profile, hit, late))
    print("\n| implants | recall @0.1 | n | detected within, median / p95 |\n|---|---|---|---|")
    for title, chosen in _groups(found):
        late = [each[2] for each in chosen if each[2] is not None]
        times = f"{np.median(late) / 60:.0f} / {np.percentile(late, 95) / 60:.0f} min" if late else "–"
        if chosen:
            print(f"| {title} | {np.mean([each[1] for each in chosen]):.3f} | {len(chosen)} | {times} |")


def _groups(
    found: list[tuple[Implant, bool, float | None]],
) -> Iterable[tuple[str, list[tuple[Implant, bool, float | None]]]]:
    yield "sleep ≤ 5 min, jitter ≤ 65 %", [e for e in found if e[0].sleep <= 300 and e[0].jitter <= 0.65]
    yield "sleep ≤ 1 h, jitter ≤ 65 %", [e for e in found if e[0].sleep <= 3600 and e[0].jitter <= 0.65]
    for duty in ("always", "work", "laptop"):
        yield f"duty {duty}", [e for e in found if e[0].duty == duty]
        yield f"4 h, {duty}", [e for e in found if e[0].sleep == 14_400 and e[0].duty == duty]
        yield f"09–17 up to 1 h, {duty}", [e for e in found if e[0].sleep <= 3600 and e[0].duty == duty]
    for sleep in sorted({e[0].sleep for e in found}):
        yield f"sleep {sleep:g} s", [e for e in found if e[0].sleep == sleep]
    for jitter in sorted({e[0].jitter for e in found}):
        yield f"jitter {100 * jitter:g} %", [e for e in found if e[0].jitter == jitter]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.beacons", description=__doc__)
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="*", default=list(HELD_OUT))
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--no-processes", action="store_true")
    given = parser.parse_args()
    if given.fit:
        fit(given.hosts)
        return
    for seed in given.seeds:
        evaluate(seed, given.hosts, not given.no_processes, not given.no_peers)


if __name__ == "__main__":
    main()
