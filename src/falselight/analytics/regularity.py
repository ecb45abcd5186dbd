"""How regular a pair's connections are, against chance: estimate of sleep and jitter, and a false-alarm probability.

Model. At each merging scale d, connections closer than d are one visit. Of the gaps g > d between visits (without
absences), a beacon's lie in a band round their median m, or a little below it; visits at random (a Poisson process with
the pair's own rate, seen through the same merging) have g − d exponential with median m − d, so the share p0 that a band
holds follows. With the share q found, n·KL(q ‖ p0) bounds the log of the chance of so many (Chernoff, for independent
gaps). The best over centres and widths is taken, then the scale whose beats are both certain and fill the time, and the
search is paid for (Bonferroni). The band is centred on the data's own quantile, which the bound does not price; people's gaps
are burstier than exponential, which errs the other way. n is capped, so that very many gaps do not turn a slight excess into
certainty.

Cost: one sort of integers at each scale; each band is then two searches a pair, whatever the number of its gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from falselight.analytics.series import Floats, Ints, Mask, Series, Sorted

SECOND = 1_000_000  # microseconds, in which all times are
PAUSE = 3.0 * 3600 * SECOND  # microseconds
AWAY = 6.0  # medians: a longer gap is an absence, not a beat
# Shares of the gaps at which a band is tried, since with lost beats the sleep is below the median; and how many times longer
# than that a gap is an absence. The shorter absence is for callers that sleep longer than they are awake in between.
CENTRES = ((0.5, None), (0.35, None), (0.35, 2.2))
ENOUGH = 14.0  # nats from which more certainty tells no more of which scale is the caller's
TOLERANCE = 50_000.0  # microseconds that a band is wider than its share: clocks and networks
# Microseconds of sleep below which nothing is claimed: the tolerance would be most of the band. Wide bands need more: what a
# page loads in turn has gaps of half a second, within a factor of a few.
SHORTEST, SHORTEST_WIDE, WIDE = 250_000.0, 1_000_000.0, 0.3
# Moments that are measured at once, in whole pairs.
VALUES_AT_ONCE = 1 << 17
_MEASURED = ("nats", "rate", "sleep", "jitter", "width", "share", "missed", "gaps", "scale", "kept", "awake")


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
    """``times`` are ascending microseconds (int64) per pair. Pairs are measured some at a time, which the caches hold."""
    price = float(np.log(len(merges) * len(widths) * len(CENTRES)))
    parts = [_measured(part, merges, widths, least, most, price) for part in times.parts(VALUES_AT_ONCE)]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    chance = np.minimum(0.0, (price - joined.pop("nats")) / np.log(10))
    return Timing(chance, gaps=joined.pop("gaps").astype(np.int64), **joined)


def _measured(
    times: Series, merges: Sequence[float], widths: Sequence[float], least: int, most: int, price: float
) -> dict[str, Floats]:
    """What ``Timing`` holds of each pair, and the ``nats`` of the most telling band of the scale that is worth most; the search
    costs ``price`` nats."""
    best = {name: np.zeros(times.count) for name in _MEASURED}
    worth = np.full(times.count, -np.inf)
    for merge in merges:
        gaps = Sorted.of(_visit_gaps(times, merge))
        # Nights and days off: at random one gap in 64 is so long.
        typical = np.maximum(np.nan_to_num(gaps.middle(), nan=1.0), 1000.0)
        ends = gaps.below(AWAY * typical + 1)
        found = _bands(gaps, typical, ends, merge, widths, least, most)
        # Those that would be worth more if their beats filled all the time.
        hoped = np.flatnonzero((found["nats"] > 0) & (_worth(found["nats"] - price, 0.0) > worth))
        band = {name: values[hoped] for name, values in found.items()}
        band |= {"gaps": (ends - gaps.starts[:-1])[hoped].astype(np.float64), "scale": np.full(len(hoped), merge)}
        band |= _estimates(gaps, ends, hoped, band.pop("low"), band.pop("high"))
        own = _worth(band["nats"] - price, filled(band["kept"], band["awake"]))
        better = own > worth[hoped]
        worth[hoped[better]] = own[better]
        for name, values in band.items():
            best[name][hoped[better]] = values[better]
    return best


def filled(kept: Floats, awake: Floats) -> Floats:
    """How far the beats fill the time in which there were visits, from half an hour on: log2 of the share, at least -6."""
    share = kept / np.maximum(awake, 1e-6) * np.minimum(kept / 1800.0, 1.0)
    found: Floats = np.log2(np.clip(share, 1 / 64, 1.0))
    return found


def _worth(nats: Floats, filling: Floats | float) -> Floats:
    """By which the scale is chosen: how improbable the band is, up to ``ENOUGH``, and how far it fills the time. Otherwise the
    rhythm of a few bursts would hide the sleep between them."""
    found: Floats = np.clip(nats, 0.0, ENOUGH) * (1 + filling / 8) + nats / 100
    return found


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


def _bands(
    gaps: Sorted, typical: Floats, ends: Ints, merge: float, widths: Sequence[float], least: int, most: int
) -> dict[str, Floats]:
    """The most telling band of each pair: its nats, rate, width, share, and where it lies in the sorted gaps. All bands round
    one centre are looked up together: a row for each pair that has any, a column for each width, narrow ones first."""
    starts, needed = gaps.starts[:-1], max(least - 1, 1)
    numbers, each = ends - starts, np.array(widths)
    usable = gaps.lengths >= needed
    best = {name: np.zeros(len(starts)) for name in ("nats", "rate", "width", "share", "low", "high")}
    for level, absence in CENTRES:
        at = starts + np.minimum((level * numbers).astype(np.int64), np.maximum(numbers - 1, 0))
        centre = np.maximum(np.nan_to_num(gaps.at(at), nan=1.0), 1000.0)
        cut = ends if absence is None else np.minimum(gaps.below(absence * centre), ends)
        enough = usable if absence is None else usable & (cut - starts >= needed)
        own = np.flatnonzero(enough & (centre >= SHORTEST))
        if not len(own):
            continue
        middle, last = centre[own, None], cut[own, None]
        held = last - starts[own, None]
        reach = each * middle + TOLERANCE
        low, high = np.split(gaps.below(np.hstack([middle - reach, np.floor(middle + reach) + 1]), own), 2, axis=1)
        low, high = np.minimum(low, last), np.minimum(high, last)
        share = (high - low) / np.maximum(held, 1)
        longest = None if absence is None else absence * middle
        rate = _divergence(share, _expected(middle, reach, typical[own, None], merge, longest))
        nats = np.where(middle >= np.where(each > WIDE, SHORTEST_WIDE, SHORTEST), np.minimum(held, most) * rate, 0.0)
        first = np.arange(len(own)), np.argmax(nats, axis=1)
        made = {"nats": nats, "rate": rate, "share": share, "low": low, "high": high}
        chosen = {name: values[first] for name, values in made.items()} | {"width": each[first[1]]}
        better = chosen["nats"] > best["nats"][own]
        for name, values in chosen.items():
            best[name][own[better]] = values[better]
    return best


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


def _estimates(gaps: Sorted, ends: Ints, owners: Ints, low: Floats, high: Floats) -> dict[str, Floats]:
    """Sleep and jitter of these pairs from their band's middle 96 per cent; lost beats from the gaps that are two to four
    sleeps long."""
    begin, held = low.astype(np.int64), (high - low).astype(np.int64)
    last = np.maximum(held - 1, 0)
    least = gaps.at(begin + np.minimum((0.02 * held).astype(np.int64), last))
    most = gaps.at(begin + np.minimum((0.98 * held).astype(np.int64), last))
    known = held > 0
    sleep = np.where(known, (least + most) / 2, 0.0)
    jitter = np.where(known, (most - least) / 2, 0.0) / np.maximum(sleep, 1.0)
    total = np.zeros(len(owners))
    starts, ends = gaps.starts[owners], ends[owners]
    at = np.maximum(gaps.below(1.5 * sleep, owners), starts)
    for multiple in (2, 3, 4):
        after = gaps.below((multiple + 0.5) * sleep, owners)
        total = total + (multiple - 1) * np.maximum(np.minimum(after, ends) - np.minimum(at, ends), 0)
        at = after
    missed = np.where(known, total / np.maximum(total + held, 1), 0.0)
    # From three hours or three sleeps on a gap is a night or a pause, and says nothing of the time between.
    waking = gaps.below(np.maximum(3.0 * sleep, PAUSE) + 1, owners)
    sums = gaps.sums()
    kept, awake = sums[begin + held] - sums[begin], sums[waking] - sums[starts]
    return {"sleep": sleep / SECOND, "jitter": jitter, "missed": missed, "kept": kept / SECOND, "awake": awake / SECOND}
