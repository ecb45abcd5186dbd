"""When a unit could first have been called out: its score is worked out again from its first connections alone.

Prefixes grow by a sixth each, so that the moment is at most so many connections late, never early. What the connections of one
host cannot show by themselves (who else calls, age, sizes, process) is taken as it is in the end."""

from __future__ import annotations

from typing import Any

import numpy as np

from falselight.analytics.factors import MOST_HOURS, REGULAR
from falselight.analytics.pairs import HOUR, Pairs
from falselight.analytics.regularity import Timing, filled, measure
from falselight.analytics.series import Floats, Ints, Series

STEP = 7 / 6
# Factors of a beat; without one they are 0.
_OF_BEATS = ("jittered", "peers", "lone")


def moments(found: Pairs, timing: Timing, factors: dict[str, Floats], odds: Floats, settings: dict[str, Any]) -> Ints:
    """For each unit the connection (epoch nanoseconds) with which the odds first reached the alert line; -1 for those that
    stay below it."""
    line = float(settings["alert"]["odds"])
    detected = np.full(len(odds), -1, dtype=np.int64)
    pending = np.flatnonzero(odds >= line)
    lengths, least = found.times.lengths, int(settings["timing"]["least_events"])
    size = least
    while len(pending):
        count = np.minimum(lengths[pending], size)
        first = _first(found.times, pending, count)
        reached = _odds(found, first, pending, factors, odds, settings) >= line
        # With all its connections a unit is above the line by selection.
        reached |= count >= lengths[pending]
        last = first.values[np.maximum(first.starts[1:] - 1, 0)]
        detected[pending[reached]] = found.low + last[reached] * 1000
        pending = pending[~reached]
        size = max(size + 1, int(size * STEP))
    return detected


def _first(times: Series, chosen: Ints, count: Ints) -> Series:
    """The first ``count`` values of each chosen series."""
    starts = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    at = np.repeat(times.starts[chosen] - starts[:-1], count) + np.arange(starts[-1])
    return Series(times.values[at], starts)


def _odds(
    found: Pairs, first: Series, chosen: Ints, factors: dict[str, Floats], odds: Floats, settings: dict[str, Any]
) -> Floats:
    weights, timing = settings["weights"], settings["timing"]
    seen = measure(first, timing["merge_seconds"], timing["widths"], timing["least_events"], timing["most_gaps"])
    digits = np.minimum(-seen.chance, timing["most_digits"])
    made = odds[chosen] + weights["regular"] * (digits - factors["regular"][chosen])
    beats = seen.chance <= REGULAR
    for name in _OF_BEATS:
        made = made - np.where(beats, 0.0, weights[name] * factors[name][chosen])
    kept = np.where(beats, filled(seen.kept, seen.awake), 0.0)
    made = made + weights["kept"] * (kept - factors["kept"][chosen])
    slots = (first.values + found.low // 1000) // (HOUR // 1000)
    new = np.ones(len(slots), dtype=np.int64)
    new[1:] = slots[1:] != slots[:-1]
    new[first.starts[:-1][first.lengths > 0]] = 1
    hours = np.log2(np.clip(Series(new, first.starts).total(), 1.0, MOST_HOURS))
    made = made + weights["hours"] * (hours - factors["hours"][chosen])
    later: Floats = made - np.maximum(weights["open"] * factors["open"][chosen], 0.0)
    return later
