"""How regular a pair's connections are, against chance: estimate of sleep and jitter, and a false-alarm probability.

Model. At each merging scale d, connections closer than d are one visit. Of the gaps g > d between visits (without
absences), a beacon's lie in a band round their median m, or a little below it; visits at random (a Poisson process with
the pair's own rate, seen through the same merging) have g − d exponential with median m − d, so the share p0 that a band
holds follows. With the share q found, n·KL(q ‖ p0) bounds the log of the chance of so many (Chernoff, for independent
gaps). The best over scales, centres and widths is taken and pays for the search (Bonferroni). The band is centred on the
data's own quantile, which the bound does not price; people's gaps are burstier than exponential, which errs the other
way. n is capped, so that very many gaps do not turn a slight excess into certainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from falselight.analytics.series import Floats, Ints, Mask, Series, median, per_series, quantile

MICROSECOND = 1e-6
AWAY = 6.0  # medians: a longer gap is an absence, not a beat
CENTRES = (0.5, 0.35)  # shares of the gaps at which a band is tried: with lost beats the sleep is below the median


@dataclass(frozen=True)
class Timing:
    """Per pair. ``chance`` is log10 of the probability that visits at random are this regular (0 when nothing is
    claimed); ``rate`` the nats that one more gap brings; sleep in seconds; jitter as half the range over the sleep;
    ``missed`` the share of beats lost; ``share`` of gaps in the band; ``gaps`` seen at the chosen scale."""

    chance: Floats
    rate: Floats
    sleep: Floats
    jitter: Floats
    width: Floats
    share: Floats
    missed: Floats
    gaps: Ints
    scale: Floats


def measure(times: Series, merges: Sequence[float], widths: Sequence[float], least: int, most: int) -> Timing:
    """``times`` are ascending microseconds (int64) per pair."""
    count = times.count
    best = np.zeros(count)
    chosen = {
        name: np.zeros(count) for name in ("rate", "sleep", "jitter", "width", "share", "missed", "gaps", "scale")
    }
    for merge in merges:
        gaps = _visit_gaps(times, merge)
        numbers = gaps.lengths
        usable = numbers >= max(least - 1, 1)
        ordered = gaps.ordered()
        typical = np.maximum(np.nan_to_num(median(ordered), nan=1.0), 1e-3)
        # Nights and days off: at random one gap in 64 is so long.
        gaps = gaps.where(gaps.values <= np.repeat(AWAY * typical, numbers))
        numbers, ordered = gaps.lengths, gaps.ordered()
        for level, width in product(CENTRES, widths):
            centre = np.maximum(np.nan_to_num(quantile(ordered, level), nan=1.0), 1e-3)
            inside = _inside(gaps, centre, width)
            share = per_series(np.add, inside, gaps.starts) / np.maximum(numbers, 1)
            information = _divergence(share, _expected(centre, typical, merge, width))
            nats = np.where(usable, np.minimum(numbers, most) * information, 0.0)
            better = nats > best
            if not better.any():
                continue
            best = np.where(better, nats, best)
            values = {"rate": information, "width": np.full(count, width), "share": share, "gaps": numbers,
                      "scale": np.full(count, merge), **_estimates(ordered, gaps, centre, width)}  # fmt: skip
            for name, value in values.items():
                chosen[name] = np.where(better, value, chosen[name])
    tests = len(merges) * len(widths) * len(CENTRES)
    chance = np.minimum(0.0, (np.log(tests) - best) / np.log(10))
    return Timing(chance, chosen["rate"], chosen["sleep"], chosen["jitter"], chosen["width"], chosen["share"],
                  chosen["missed"], chosen["gaps"].astype(np.int64), chosen["scale"])  # fmt: skip


def _visit_gaps(times: Series, merge: float) -> Series:
    """Gaps in seconds from visit to visit: end of one to the start of the next would lose the period, so start to start
    of visits, a visit ending where no connection follows within ``merge``."""
    if merge > 0 and len(times.values):
        first = np.ones(len(times.values), dtype=np.bool_)
        owners = times.owners
        first[1:] = (owners[1:] != owners[:-1]) | (np.diff(times.values) > merge * 1e6)
        times = times.where(first)
    found = times.gaps()
    return Series(found.values * MICROSECOND, found.starts)


def _inside(gaps: Series, centre: Floats, width: float) -> Mask:
    middle = np.repeat(centre, gaps.lengths)
    inside: Mask = np.abs(gaps.values - middle) <= width * middle + 0.05
    return inside


def _expected(centre: Floats, typical: Floats, merge: float, width: float) -> Floats:
    """Share of gaps in the band at random; the tolerance of 0.05 s counts as band."""
    spare = np.maximum(typical - merge, 1e-3)
    reach = width * centre + 0.05
    low = np.clip((centre - reach - merge) / spare, 0.0, 60.0)
    high = np.clip((centre + reach - merge) / spare, 0.0, 60.0)
    share: Floats = np.clip(np.exp2(-low) - np.exp2(-high), 1e-6, 1 - 1e-6)
    return share


def _divergence(share: Floats, expected: Floats) -> Floats:
    """KL(share ‖ expected) of two coins in nats, 0 unless the share is larger."""
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = np.where(share > 0, share * np.log(share / expected), 0.0)
        outside = np.where(share < 1, (1 - share) * np.log((1 - share) / (1 - expected)), 0.0)
    return np.where(share > expected, np.maximum(inside + outside, 0.0), 0.0)


def _estimates(ordered: Series, gaps: Series, centre: Floats, width: float) -> dict[str, Floats]:
    """Sleep and jitter from the band's middle 96 per cent; lost beats from the gaps that are two or three sleeps long."""
    band = ordered.where(_inside(ordered, centre, width))
    low, high = quantile(band, 0.02), quantile(band, 0.98)
    sleep = np.nan_to_num((low + high) / 2)
    jitter = np.nan_to_num((high - low) / 2) / np.maximum(sleep, 1e-9)
    beats = gaps.values / np.repeat(np.maximum(sleep, 1e-9), gaps.lengths)
    multiple = np.rint(beats)
    lost = np.where((multiple >= 2) & (multiple <= 4) & (np.abs(beats - multiple) <= 0.5), multiple - 1, 0.0)
    total = per_series(np.add, lost.astype(np.int64), gaps.starts)
    held = band.lengths
    return {"sleep": sleep, "jitter": jitter, "missed": total / np.maximum(total + held, 1)}
