"""``python -m bench.beacons --fit``: weights of the beacon score from the training sets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.beacon_sets import TRAINING, Extent, draw, score, training
from falselight.analytics.factors import FACTORS

STRENGTH = 60.0
PRIOR = {
    "base": -8.0, "regular": 1.2, "jittered": 1.0, "prevalence": -1.4, "alone": -2.0, "fresh": 0.7, "history": -1.5, "hours": 0.2,
    "sizes": 1.0, "answers": 0.3, "peers": -0.3, "lone": 0.5, "program": 0.2, "place": 1.0, "tool": 0.7, "open": 0.2,
    "lookups": -0.5, "breadth": -0.2, "spread": -0.1, "direct": 0.5, "known": -1.0,
}  # fmt: skip


HOUR = 3600 * 10**9
# What a single host's data cannot tell: the factors are 0 there, and "alone" is 1. A quarter of the weight of whole networks.
_OF_OTHERS, _OF_BEFORE, SHARE = ("prevalence", "peers", "lone", "program", "spread"), ("fresh", "history"), 0.25


def _sets(extent: Extent) -> tuple[list[NDArray[np.float64]], list[NDArray[np.bool_]]]:
    """Factors and truth of the whole sets, and last of one that is cut an hour after its implants begin."""
    rows, labels = [], []
    for number, seed in enumerate((*TRAINING, TRAINING[0])):
        cut = number == len(TRAINING)
        lab = draw(seed, extent, training(number), sharply=cut)
        begin = max(label.first for label in lab.labels if label.profile.sleep <= 300)
        made = score(lab, extent, processes=number % 2 == 0, until=begin + HOUR if cut else None)
        rows.append(np.column_stack([made.scores.factors[name][made.units] for name in FACTORS]))
        labels.append(made.bad)
    return rows, labels


def _seen_alone(x: NDArray[np.float64], before: bool) -> NDArray[np.float64]:
    found = x.copy()
    for name in _OF_OTHERS + (() if before else _OF_BEFORE):
        found[:, FACTORS.index(name)] = 0.0
    found[:, FACTORS.index("alone")] = 1.0
    return found


def fit(extent: Extent) -> None:
    """Logistic regression with a ridge over the training sets; prints weights and the false-alarm table."""
    rows, labels = _sets(extent)
    whole, truth = np.concatenate(rows), np.concatenate(labels).astype(np.float64)
    x = np.concatenate([whole, _seen_alone(whole, True), _seen_alone(whole, False)])
    y = np.tile(truth, 3)
    share = np.concatenate([np.ones(len(whole)), np.full(2 * len(whole), SHARE)])
    weights = _regress(x, y, share)
    for name, weight in zip(("base", *FACTORS), weights, strict=True):
        print(f"{name} = {weight:.3f}")
    known = np.concatenate(labels[:-1])
    odds = np.sort((weights[0] + np.concatenate(rows[:-1]) @ weights[1:])[~known])[::-1]
    host_days = extent.host_days * len(TRAINING)
    points = sorted({int(r) for r in np.geomspace(1, len(odds), 14)})
    print("odds =", [round(float(odds[r - 1]), 2) for r in reversed(points)])
    print("log10_per_host_day =", [round(float(np.log10(r / host_days)), 2) for r in reversed(points)])
    for rate in (1.0, 0.1, 0.03, 0.01):
        print(f"line at {rate} per host-day: {odds[min(int(rate * host_days), len(odds) - 1)]:.2f}")


def _regress(x: NDArray[np.float64], y: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    design = np.column_stack([np.ones(len(x)), x])
    # The prior keeps each weight near what the literature lets expect, and its sign: a lab's accidents must not teach the
    # opposite (that regular callers are harmless, say).
    ridge = np.diag([0.0] + [STRENGTH] * x.shape[1])
    prior = np.array([PRIOR[name] for name in ("base", *FACTORS)])
    weights = prior.copy()
    for _ in range(60):
        chance = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        slope = design.T @ (share * (y - chance)) - ridge @ (weights - prior)
        curve = (design * (share * chance * (1 - chance))[:, None]).T @ design + ridge + 1e-6 * np.eye(len(weights))
        step = np.linalg.solve(curve, slope)
        weights = weights + step * min(1.0, 3.0 / max(float(np.abs(step).max()), 1e-9))
        bound = np.sign(prior) * weights < 0.5 * np.abs(prior)
        bound[0] = False
        weights = np.where(bound, 0.5 * prior, weights)
    return weights
