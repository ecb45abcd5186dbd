"""``python -m bench.beacons --fit``: weights, allowance and lines of the beacon score from the training sets.

Training sets are networks of 12 to 200 hosts seen for 1 to 21 days, each scored with and without processes. A logistic regression
with a ridge gives the weights; each kind of set has a constant of its own, so that the size of a network teaches no weight. Then
the allowance makes one line hold the same rate of false positives on all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.beacon_sets import Extent, draw, score, training
from falselight.analytics.factors import FACTORS
from falselight.lab import Implant

STRENGTH, LEAST, MOST = 60.0, 0.3, 2.5  # of the ridge; a weight stays within these shares of its prior
# What only a lab may teach strongly (steady sizes, where programs lie, short answers) has small priors, and so low bounds.
PRIOR = {
    "regular": 1.7, "jittered": 1.0, "kept": 0.4, "prevalence": -0.7, "fresh": 0.4, "later": 1.0, "history": -0.8, "hours": 0.2,
    "sizes": 0.25, "answers": 0.1, "small": 0.2, "peers": -0.3, "lone": 0.5, "program": 0.2, "place": 0.8, "installed": -0.4,
    "tool": 0.7, "open": 0.2, "lookups": -0.5, "breadth": -0.2, "spread": -0.1, "direct": 0.5, "service": -0.6, "known": -1.0,
}  # fmt: skip
FITTED = [FACTORS.index(name) for name in PRIOR]
# Sets by hosts and days: small networks need more of them for as many host-days.
HOSTS, DAYS = (12, 30, 60, 200), (1, 7, 21)
COUNTS = ((24, 6, 6), (12, 3, 3), (6, 2, 4), (2, 1, 1))
CAUTION = 1.75  # rates are told so many times higher than on the training sets: other networks are never like them
EVEN = 0.03  # benign pairs a host and day at and above a risk of 50, the alert line: the odds are 0 there
ALONE = 2.5  # nats, judged: who shows one host has no way to know who else calls, and a lab of such hosts is too kind
RATE = 0.1  # benign pairs a host and day at which sets are made alike
HOUR = 3600 * 10**9
# What a single host's data cannot tell: the factors are 0 there. A quarter of the weight of whole networks.
_OF_OTHERS, _OF_BEFORE, SHARE = ("prevalence", "peers", "lone", "program", "spread"), ("fresh", "history"), 0.25
_EASY = 0.06  # share that is kept of the benign pairs far below the others

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """The factors of one scored set, and which rows are an implant's. ``cut`` an hour after its implants began."""

    hosts: int
    days: int
    processes: bool
    cut: bool
    rows: Floats
    bad: NDArray[np.bool_]
    host_days: float


def fit() -> None:
    """Prints the parameters."""
    tell(list(samples()))


def tell(found: list[Sample]) -> None:
    """The parameters from these sets."""
    weights = _regress(*_design(found))
    whole = [each for each in found if not each.cut]
    allowance = _allowance(whole, weights)
    for name, weight in zip(PRIOR, weights, strict=True):
        print(f"{name} = {weight:.3f}")
    for count, row in zip((1, *HOSTS), allowance, strict=True):
        print(f"allowance of {count} hosts over {DAYS} days:", [round(float(value), 2) for value in row])
    lines = []
    for processes in (True, False):
        chosen = [each for each in whole if each.processes == processes]
        added = [allowance[1 + HOSTS.index(each.hosts)][DAYS.index(each.days)] for each in chosen]
        benign = [(s.rows[:, FITTED] @ weights + more)[~s.bad] for s, more in zip(chosen, added, strict=True)]
        lines.append(np.sort(np.concatenate(benign))[::-1])
    # With or without processes, whichever has more false alarms.
    odds = np.maximum(*(line[: min(map(len, lines))] for line in lines))
    days = sum(each.host_days for each in whole) / 2 / CAUTION
    base = -float(odds[int(EVEN * days)])
    odds = odds + base
    print(f"base = {base:.3f}")
    points = sorted({int(r) for r in np.geomspace(1, len(odds), 14)})
    print("odds =", [round(float(odds[r - 1]), 2) for r in reversed(points)])
    print("log10_per_host_day =", [round(float(np.log10(r / days)), 2) for r in reversed(points)])
    for rate in (1.0, 0.1, 0.03, 0.01):
        print(f"line at {rate} per host-day: {odds[min(int(rate * days), len(odds) - 1)]:.2f}")


def samples() -> Iterator[Sample]:
    """Draws and scores the training sets."""
    for hosts, counts in zip(HOSTS, COUNTS, strict=True):
        for days, count in zip(DAYS, counts, strict=True):
            for number in range(count):
                yield from _sample(hosts, days, 100_000 + 1000 * hosts + 7 * days + number, number)
    yield from _sample(60, 21, 100_000, 0, cut=True)


def _sample(hosts: int, days: int, seed: int, number: int, cut: bool = False) -> Iterator[Sample]:
    extent = Extent(hosts, days, min(days, 7))
    lab = draw(seed, extent, _some(training(number), hosts, seed), sharply=cut)
    until = max(label.first for label in lab.labels if label.profile.sleep <= 300) + HOUR if cut else None
    for processes in (True, False):
        made = score(lab, extent, "both" if processes else "zeek", until)
        rows = np.column_stack([made.scores.factors[name][made.units] for name in FACTORS])
        yield Sample(hosts, days, processes, cut, rows, made.bad, extent.host_days)
        made.connection.close()


def _some(profiles: list[Implant], hosts: int, seed: int) -> list[Implant]:
    """On a small network every other host has one implant, not ten."""
    order = np.random.default_rng(seed).permutation(len(profiles))
    return profiles if hosts >= 60 else [profiles[at] for at in order[: hosts // 2]]


def _design(samples: list[Sample]) -> tuple[Floats, Floats, Floats, NDArray[np.int64]]:
    """Rows, truth, weights and kinds: the sets, and those of 60 hosts again as if every host were seen alone."""
    kinds = list(dict.fromkeys((each.hosts, each.days, each.processes, each.cut) for each in samples))
    parts = []
    for each in samples:
        rows = each.rows[:, FITTED]
        kind = kinds.index((each.hosts, each.days, each.processes, each.cut))
        parts.append((rows, each.bad, 1.0, kind))
        if each.hosts == 60:
            parts.append((_seen_alone(rows, before=True), each.bad, SHARE, len(kinds)))
            parts.append((_seen_alone(rows, before=False), each.bad, SHARE, len(kinds) + 1))
    thin = [_thinned(*part, seed=number) for number, part in enumerate(parts)]
    return (
        np.concatenate([part[0] for part in thin]), np.concatenate([part[1] for part in thin]),
        np.concatenate([part[2] for part in thin]), np.concatenate([part[3] for part in thin]),
    )  # fmt: skip


def _seen_alone(rows: Floats, before: bool) -> Floats:
    found = rows.copy()
    for name in _OF_OTHERS + (() if before else _OF_BEFORE):
        found[:, list(PRIOR).index(name)] = 0.0
    return found


def _thinned(
    rows: Floats, bad: NDArray[np.bool_], share: float, kind: int, seed: int
) -> tuple[Floats, Floats, Floats, NDArray[np.int64]]:
    """All implants, the benign tenth that the prior puts highest, and a few of the others with more weight."""
    guess = rows @ np.array(list(PRIOR.values()))
    near = bad | (guess > np.quantile(guess, 0.9))
    kept = near | (np.random.default_rng(seed).random(len(rows)) < _EASY)
    weight = np.where(near, share, share / _EASY)[kept]
    return rows[kept], bad[kept].astype(np.float64), weight, np.full(len(weight), kind)


def _regress(x: Floats, y: Floats, share: Floats, kinds: NDArray[np.int64]) -> Floats:
    """Weights, by projected Newton steps. The prior keeps each weight near what the
    literature lets expect, and its sign: a lab's accidents must not teach the opposite (that regular callers are harmless)."""
    constants = (kinds[:, None] == np.arange(kinds.max() + 1)).astype(np.float64)
    first, design = constants.shape[1], np.column_stack([constants, x])
    ridge = np.array([1e-3] * first + [STRENGTH] * x.shape[1])
    prior = np.array([-8.0] * first + list(PRIOR.values()))
    bounds = np.sort(np.outer((LEAST, MOST), prior), axis=0)
    bounds[:, :first] = [[-np.inf], [np.inf]]
    weights = prior.copy()

    def loss(at: Floats) -> float:
        odds = design @ at
        return float((share * (np.logaddexp(0, odds) - y * odds)).sum() + (ridge * (at - prior) ** 2).sum() / 2)

    for _ in range(200):
        chance = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        slope = design.T @ (share * (chance - y)) + ridge * (weights - prior)
        curve = (design * (share * chance * (1 - chance))[:, None]).T @ design + np.diag(ridge)
        free = ~(((weights <= bounds[0]) & (slope > 0)) | ((weights >= bounds[1]) & (slope < 0)))
        step = np.zeros(len(weights))
        step[free] = -np.linalg.solve(curve[np.ix_(free, free)], slope[free])
        size, before = 1.0, loss(weights)
        while loss(moved := np.clip(weights + size * step, *bounds)) > before and size > 1e-6:
            size /= 2
        if before - loss(moved) < 1e-6:
            return weights[first:]
        weights = moved
    raise SystemExit("the weights do not settle")


def _allowance(samples: list[Sample], weights: Floats) -> Floats:
    """By hosts (one first) and days: what added to the odds puts the line of ``RATE`` where it lies on the largest sets, with or
    without processes, whichever needs more."""
    lines = np.zeros((len(HOSTS) + 1, len(DAYS)))
    for at, days in enumerate(DAYS):
        for place, hosts in enumerate(HOSTS):
            lines[place + 1, at] = _line([s for s in samples if (s.hosts, s.days) == (hosts, days)], weights)
        alone = [s for s in samples if s.hosts == 60 and s.days == days]
        lines[0, at] = _line(alone, weights, alone=True)
    found = lines[-1, -1] - lines
    found[0] -= ALONE
    return found


def _line(samples: list[Sample], weights: Floats, alone: bool = False) -> float:
    found = []
    for processes in (True, False):
        chosen = [each for each in samples if each.processes == processes]
        rows = [_seen_alone(s.rows[:, FITTED], before=s.days > 7) if alone else s.rows[:, FITTED] for s in chosen]
        odds = np.sort(np.concatenate([row @ weights for row in rows])[~np.concatenate([s.bad for s in chosen])])[::-1]
        found.append(float(odds[int(RATE * sum(s.host_days for s in chosen))]))
    return max(found)
