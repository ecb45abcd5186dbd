"""RITA v5's beacon score, for comparison: the same formulas on the same window (activecm/rita, commit a3c51501).

Every function works on many pairs at once. Scores are 0 … 1; where RITA gives an error (too few values) the score is nan.
Quartiles are the medians of the halves, without the middle element (montanaflynn/stats)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from falselight.analytics.series import Floats, Ints, Series, deviation, median, middle, per_series

BINS = 24
LEAST_BARS = 6
LEAST_BIMODAL = 11
IDEAL_RUN = 12
GROUP_SHARE = 0.05
MOST_EVENTS = 86_400
LEAST_TIMES = 4
# Scores at which the base score steps by 0.2: base, low, medium, high (code's own values).
BEACON = (50.0, 75.0, 90.0, 100.0)
LONG_CONNECTION = (3_600.0, 14_400.0, 28_800.0, 43_200.0)


@dataclass(frozen=True)
class Subscores:
    """One value per pair; ``beacon`` is nan where RITA would not score it."""

    timestamp: Floats
    size: Floats
    duration: Floats
    histogram: Floats
    beacon: Floats


def round3(values: Floats) -> Floats:
    """Half away from zero, as Go rounds."""
    scaled: Floats = np.floor(np.asarray(values) * 1000 + 0.5) / 1000
    return scaled


def ceil3(values: Floats) -> Floats:
    scaled: Floats = np.ceil(np.asarray(values) * 1000) / 1000
    return scaled


def skew_score(ordered: Series) -> Floats:
    """1 − |Bowley skewness|; the skewness is 0 when the quartiles are less than 10 apart or the median is one of them."""
    first, length = ordered.starts[:-1], ordered.lengths
    half = length // 2
    low = middle(ordered.values, first, half)
    centre = median(ordered)
    high = middle(ordered.values, first + length - half, half)
    spread = high - low
    flat = ~(spread >= 10) | (centre == low) | (centre == high)
    bowley = np.where(flat, 0.0, (low + high - 2 * centre) / np.where(flat, 1.0, spread))
    score: Floats = 1 - np.abs(bowley)
    return score


def deviation_score(ordered: Series, default: float) -> Floats:
    """(median − MAD) / median, at least 0; ``default`` where the median is below 1."""
    centre = median(ordered)
    apart = deviation(ordered, centre)
    usable = centre >= 1
    score = np.maximum(0.0, (centre - apart) / np.where(usable, centre, 1.0))
    return np.where(usable, score, default)


def statistical(values: Series, default: float, least: int = 3) -> Floats:
    """Mean of both scores; nan for a series with fewer than ``least`` values."""
    ordered = values.ordered()
    score = round3((skew_score(ordered) + deviation_score(ordered, default)) / 2)
    return np.where(values.lengths >= least, score, np.nan)


def timestamp_score(times: Series) -> Floats:
    """Of the non-zero gaps between ascending times in whole seconds."""
    gaps = times.gaps()
    return statistical(gaps.where(gaps.values != 0), 1.0)


def histogram(times: Series, low: int, high: int, bins: int = BINS) -> Ints:
    """Events per bin of [low, high]: one row per pair. What lies before goes to the first bin, the end to the last."""
    share = (times.values.astype(np.float64) - low) / max(high - low, 1) * bins
    at = np.clip(np.floor(share).astype(np.int64), 0, bins - 1)
    flat = np.bincount(times.owners * bins + at, minlength=times.count * bins)
    return flat.reshape(times.count, bins).astype(np.int64)


def variation_score(bars: Ints) -> Floats:
    """1 − coefficient of variation over all bins, empty ones included."""
    mean = bars.mean(axis=1)
    ratio = bars.std(axis=1) / np.where(mean > 0, mean, 1.0)
    return np.where((ratio > 1) | (mean <= 0), 0.0, round3(1 - ratio))


def bimodal_score(bars: Ints, least: int = LEAST_BIMODAL) -> Floats:
    """How many of the non-empty bars fall into the two largest groups of like height."""
    least = LEAST_BIMODAL if least < 6 else least
    width = np.maximum(np.ceil(GROUP_SHARE * bars.max(axis=1)), 1).astype(np.int64)
    filled = bars > 0
    groups = np.where(filled, bars // width[:, None], -1)
    sizes = np.zeros_like(bars)
    for column in range(bars.shape[1]):
        sizes += (groups == groups[:, column : column + 1]) & filled
    best = sizes.argmax(axis=1)
    rows = np.arange(len(bars))
    largest = sizes[rows, best]
    second = np.where(groups == groups[rows, best][:, None], 0, sizes).max(axis=1)
    count = filled.sum(axis=1)
    score = np.minimum(1.0, round3((largest + second) / np.maximum(count - 1, 1)))
    return np.where(count >= least, score, 0.0)


def longest_run(bars: Ints) -> Ints:
    """The longest run of non-empty bars, wrapping round, at most all of them."""
    filled = bars > 0
    run = np.zeros(len(bars), dtype=np.int64)
    best = run.copy()
    for column in range(2 * bars.shape[1]):
        run = np.where(filled[:, column % bars.shape[1]], run + 1, 0)
        best = np.maximum(best, run)
    return np.minimum(best, bars.shape[1])


def duration_score(first: Ints, last: Ints, low: int, high: int, bars: Ints, run: Ints) -> Floats:
    """The larger of the covered share of the window and of the longest run over the ideal run."""
    coverage = np.minimum(1.0, ceil3((last - first) / max(high - low, 1)))
    consistency = np.minimum(1.0, ceil3(run / IDEAL_RUN))
    return np.where(bars < LEAST_BARS, 0.0, np.maximum(coverage, consistency))


def score(times: Series, sizes: Series, low: int, high: int) -> Subscores:
    """All sub-scores. ``times`` are whole epoch seconds, ascending, one per connection; ``sizes`` the originator's IP
    bytes beside them; low and high bound the window in epoch seconds."""
    inner = np.ones(len(times.values), dtype=np.bool_)
    inner[1:] = (times.values[1:] != times.values[:-1]) | (times.owners[1:] != times.owners[:-1])
    unique = times.where(inner)
    ts = timestamp_score(unique)
    ds = statistical(sizes, 0.0)
    bars = histogram(times, low, high)
    hist = np.maximum(variation_score(bars), bimodal_score(bars))
    first = per_series(np.minimum, times.values, times.starts)
    last = per_series(np.maximum, times.values, times.starts)
    duration = duration_score(first, last, low, high, (bars > 0).sum(axis=1), longest_run(bars))
    usable = (unique.lengths >= LEAST_TIMES) & (times.lengths < MOST_EVENTS)
    beacon = np.where(usable, overall(ts, ds, duration, hist), np.nan)
    return Subscores(ts, ds, duration, hist, beacon)


def overall(
    timestamp: Floats, size: Floats, duration: Floats, histogram_: Floats,
    weights: tuple[float, float, float, float] = (0.25, 0.25, 0.25, 0.25),
) -> Floats:  # fmt: skip
    """The weighted sum. A ValueError unless the weights lie in 0 … 1 and sum to 1."""
    if any(not 0 <= weight <= 1 for weight in weights) or abs(sum(weights) - 1) > 1e-9:
        raise ValueError("the four weights lie between 0 and 1 and sum to 1")
    parts = zip(weights, (timestamp, size, duration, histogram_), strict=True)
    return round3(np.sum([weight * np.asarray(part) for weight, part in parts], axis=0))


def bucket(values: Floats, steps: tuple[float, float, float, float]) -> Floats:
    """The base score: 0 below the first step, then linear from 0.2 to 0.8 by 0.2 a step, nan as 0."""
    values = np.nan_to_num(np.asarray(values, dtype=np.float64))
    inside = np.interp(values, steps, (0.2, 0.4, 0.6, 0.8))
    return np.where(values < steps[0], 0.0, inside)


def final(beacon: Floats, prevalence: Floats | None = None, long_seconds: Floats | None = None) -> Floats:
    """Base score with RITA's defaults; ``prevalence`` (share of internal hosts) moves it by 0.15 as its shipped
    configuration does, and not at all where None, as its code's own defaults do."""
    base = bucket(np.asarray(beacon) * 100, BEACON)
    if long_seconds is not None:
        base = np.maximum(base, bucket(long_seconds, LONG_CONNECTION))
    if prevalence is None:
        return base
    moved: Floats = base + np.where(prevalence <= 0.02, 0.15, 0.0) - np.where(prevalence >= 0.5, 0.15, 0.0)
    return moved
