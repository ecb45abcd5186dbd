"""How regular a pair's connections are, against chance: estimate of sleep and jitter, and a false-alarm probability.

Model. At each merging scale d, connections closer than d are one visit. Of the gaps g > d between visits (without
absences), a beacon's lie in a band round their median m, or a little below it; visits at random (a Poisson process with
the pair's own rate, seen through the same merging) have g − d exponential with median m − d, so the share p0 that a band
holds follows. With the share q found, n·KL(q ‖ p0) bounds the log of the chance of so many (Chernoff, for independent
gaps). The best over scales, centres and widths is taken and pays for the search (Bonferroni). The band is centred on the
data's own quantile, which the bound does not price; people's gaps are burstier than exponential, which errs the other
way. n is capped, so that very many gaps do not turn a slight excess into certainty.

Cost: one sort of integers at each scale; each band is then two searches a pair, whatever the number of its gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from falselight.analytics.series import Floats, Ints, Mask, Series, Sorted

SECOND = 1_000_000  # microseconds, in which all times are
PAUSE = 3.0 * 3600 * SECOND  # microseconds
AWAY = 6.0  # medians: a longer gap is an absence, not a beat
# Shares of the gaps at which a band is tried, since with lost beats the sleep is below the median; and how many times longer
# than that a gap is an absence. The shorter absence is for callers that sleep longer than they are awake in between.
CENTRES = ((0.5, None), (0.35, None), (0.35, 2.2))
TOLERANCE = 50_000.0  # microseconds that a band is wider than its share: clocks and networks
# Microseconds of sleep below which nothing is claimed: the tolerance would be most of the band. Wide bands need more: what a
# page loads in turn has gaps of half a second, within a factor of a few.
SHORTEST, SHORTEST_WIDE, WIDE = 250_000.0, 1_000_000.0, 0.3


@dataclass(frozen=True)
class Timing:
    """Per pair. ``chance`` is log10 of the probability that visits at random are this regular (0 when nothing is
    claimed); ``rate`` the nats that one more gap brings; sleep in seconds; jitter as half the range over the sleep;
    ``missed`` the share of beats lost; ``share`` of gaps in the band; ``gaps`` seen at the chosen scale (seconds); ``kept``
    seconds that the gaps in the band add up to, of the ``awake`` ones in which there were visits at all."""

    chance: Floats
    rate: Floats
    sleep: Floats
    jitter: Floats
    width: Floats
    share: Floats
    missed: Floats
    gaps: Ints
    scale: Floats
    kept: Floats
    awake: Floats


def measure(times: Series, merges: Sequence[float], widths: Sequence[float], least: int, most: int) -> Timing:
    """``times`` are ascending microseconds (int64) per pair."""
    count = times.count
    best = np.zeros(count)
    names = ("rate", "sleep", "jitter", "width", "share", "missed", "gaps", "scale", "kept", "awake")
    chosen = {name: np.zeros(count) for name in names}
    for merge in merges:
        gaps = Sorted.of(_visit_gaps(times, merge))
        # Nights and days off: at random one gap in 64 is so long.
        ends = gaps.below(AWAY * np.maximum(np.nan_to_num(gaps.middle(), nan=1.0), 1000.0) + 1)
        found = _bands(gaps, ends, merge, widths, least, most)
        better = found["nats"] > best
        if not better.any():
            continue
        best = np.where(better, found["nats"], best)
        values = {**found, "scale": np.full(count, merge), **_estimates(gaps, found)}
        for name in names:
            chosen[name] = np.where(better, values[name], chosen[name])
    tests = len(merges) * len(widths) * len(CENTRES)
    chance = np.minimum(0.0, (np.log(tests) - best) / np.log(10))
    counted = chosen.pop("gaps").astype(np.int64)
    return Timing(chance, gaps=counted, **chosen)


def visits(times: Series, merge: float) -> Mask:
    """Which moments begin a visit: none lies within ``merge`` seconds before them."""
    first = np.ones(len(times.values), dtype=np.bool_)
    if merge > 0 and len(first):
        first[1:] = np.diff(times.values) > merge * SECOND
        begins = times.starts[:-1][times.lengths > 0]
        first[begins] = True
    return first


def _visit_gaps(times: Series, merge: float) -> Series:
    """Gaps from visit to visit: end of one to the start of the next would lose the period, so start to start."""
    return times.where(visits(times, merge)).gaps() if merge > 0 else times.gaps()


def _bands(gaps: Sorted, ends: Ints, merge: float, widths: Sequence[float], least: int, most: int) -> dict[str, Floats]:
    """The most telling band of each pair: its nats, rate, width, share, and where it lies in the sorted gaps."""
    starts = gaps.starts[:-1]
    numbers = ends - starts
    usable = gaps.lengths >= max(least - 1, 1)
    typical = np.maximum(np.nan_to_num(gaps.middle(), nan=1.0), 1000.0)
    zero = np.zeros(len(starts))
    best = {"nats": zero, "rate": zero, "width": zero, "share": zero, "low": zero, "high": zero}
    for (level, absence), width in product(CENTRES, widths):
        at = starts + np.minimum((level * numbers).astype(np.int64), np.maximum(numbers - 1, 0))
        centre = np.maximum(np.nan_to_num(gaps.at(at), nan=1.0), 1000.0)
        cut = ends if absence is None else np.minimum(gaps.below(absence * centre), ends)
        held = cut - starts
        reach = width * centre + TOLERANCE
        low = np.minimum(gaps.below(centre - reach), cut)
        high = np.minimum(gaps.below(np.floor(centre + reach) + 1), cut)
        share = (high - low) / np.maximum(held, 1)
        longest = None if absence is None else absence * centre
        rate = _divergence(share, _expected(centre, reach, typical, merge, longest))
        enough = usable & (held >= max(least - 1, 1)) if absence is not None else usable
        nats = np.where(
            enough & (centre >= (SHORTEST_WIDE if width > WIDE else SHORTEST)), np.minimum(held, most) * rate, 0.0
        )
        better = nats > best["nats"]
        if better.any():
            made = {"nats": nats, "rate": rate, "width": np.full(len(starts), width), "share": share, "low": low,
                    "high": high}  # fmt: skip
            best = {name: np.where(better, made[name], best[name]) for name in best}
    return {**best, "gaps": numbers.astype(np.float64)}


def _expected(centre: Floats, reach: Floats, typical: Floats, merge: float, longest: Floats | None) -> Floats:
    """Share of gaps in the band at random, among those up to ``longest``; all in microseconds."""
    away = merge * SECOND
    spare = np.maximum(typical - away, 1000.0)
    low = np.clip((centre - reach - away) / spare, 0.0, 60.0)
    high = np.clip((centre + reach - away) / spare, 0.0, 60.0)
    share: Floats = np.exp2(-low) - np.exp2(-high)
    if longest is not None:
        last = np.clip((longest - away) / spare, 1e-9, 60.0)
        share = np.maximum(np.exp2(-low) - np.exp2(-np.minimum(high, last)), 0.0) / np.maximum(1 - np.exp2(-last), 1e-9)
    found: Floats = np.clip(share, 1e-6, 1 - 1e-6)
    return found


def _divergence(share: Floats, expected: Floats) -> Floats:
    """KL(share ‖ expected) of two coins in nats, 0 unless the share is larger."""
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = np.where(share > 0, share * np.log(share / expected), 0.0)
        outside = np.where(share < 1, (1 - share) * np.log((1 - share) / (1 - expected)), 0.0)
    return np.where(share > expected, np.maximum(inside + outside, 0.0), 0.0)


def _estimates(gaps: Sorted, band: dict[str, Floats]) -> dict[str, Floats]:
    """Sleep and jitter from the band's middle 96 per cent; lost beats from the gaps that are two to four sleeps long."""
    low, held = band["low"].astype(np.int64), (band["high"] - band["low"]).astype(np.int64)
    last = np.maximum(held - 1, 0)
    least = gaps.at(low + np.minimum((0.02 * held).astype(np.int64), last))
    most = gaps.at(low + np.minimum((0.98 * held).astype(np.int64), last))
    known = held > 0
    sleep = np.where(known, (least + most) / 2, 0.0)
    jitter = np.where(known, (most - least) / 2, 0.0) / np.maximum(sleep, 1.0)
    total = np.zeros(len(low))
    at = np.maximum(gaps.below(1.5 * sleep), gaps.starts[:-1])
    ends = gaps.below(AWAY * np.maximum(np.nan_to_num(gaps.middle(), nan=1.0), 1000.0) + 1)
    for multiple in (2, 3, 4):
        after = gaps.below((multiple + 0.5) * sleep)
        total = total + (multiple - 1) * np.maximum(np.minimum(after, ends) - np.minimum(at, ends), 0)
        at = after
    missed = np.where(known, total / np.maximum(total + held, 1), 0.0)
    # From three hours or three sleeps on a gap is a night or a pause, and says nothing of the time between.
    waking = gaps.below(np.maximum(3.0 * sleep, PAUSE) + 1)
    sums = gaps.sums()
    kept, awake = sums[low + held] - sums[low], sums[waking] - sums[gaps.starts[:-1]]
    return {"sleep": sleep / SECOND, "jitter": jitter, "missed": missed, "kept": kept / SECOND, "awake": awake / SECOND}
