"""Moments of benign callers by laws that ``timing`` has none of: seconds, ascending, within one stretch of time.

Every law has the same form: the generator, the period in seconds, begin and end of the stretch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from falselight.lab.timing import DAY, Times

Law = Callable[[np.random.Generator, float, float, float], Times]


def _from_gaps(gaps: Times, begin: float, end: float) -> Times:
    found = begin + np.cumsum(gaps)
    return found[found < end]


def _count(period: float, begin: float, end: float) -> int:
    return int((end - begin) / period) + 2


def retrying(draw: np.random.Generator, period: float, begin: float, end: float) -> Times:
    """A poll that now and then fails and is tried again after twice the time, up to sixteen times the period."""
    runs = _count(period, begin, end) // 20 + 2
    good, failed = draw.geometric(1 / 40, runs), draw.geometric(0.4, runs)
    lengths = good + failed
    place = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    level = np.clip(place - np.repeat(good, lengths) + 1, 0, 4)
    gaps = period * 2.0**level * draw.uniform(0.97, 1.03, len(level))
    gaps[0] = draw.uniform(0, period)
    return _from_gaps(gaps, begin, end)


def scheduled(draw: np.random.Generator, period: float, begin: float, end: float) -> Times:
    """At fixed minutes of the clock, which runs a little fast or slow, each time some seconds late."""
    drift = 1 + draw.normal(0, 2e-5)
    turns = np.arange(int(begin / period) - 1, int(end / period) + 2)
    # The minute is the machine's own, and the same every day.
    found = turns * period * drift + draw.uniform(0, period) + draw.lognormal(0.5, 1.0, len(turns))
    return np.sort(found[(found >= begin) & (found < end)])


def flushed(draw: np.random.Generator, period: float, begin: float, end: float) -> Times:
    """Telemetry that leaves when eight entries have gathered; how fast they gather changes through the day."""
    count = 3 * _count(period, begin, end)
    speed = np.exp(np.repeat(draw.normal(0, 0.8, count // 12 + 1), 12)[:count])
    return _from_gaps(draw.gamma(8, period / 8, count) * speed, begin, end)


def wandering(draw: np.random.Generator, period: float, begin: float, end: float) -> Times:
    """The period drifts by a third up or down over hours: a client whose server tells it how often to come."""
    count = 2 * _count(period, begin, end)
    turns = np.arange(count) * period / DAY * 2 * np.pi * draw.uniform(3, 9) + draw.uniform(0, 6)
    return _from_gaps(period * (1 + 0.33 * np.sin(turns)) + draw.exponential(0.05 * period, count), begin, end)


def alternating(draw: np.random.Generator, period: float, begin: float, end: float) -> Times:
    """Now attentive, now idle: a dozen or so polls at the period, then as many at eight times it."""
    runs = _count(period, begin, end) // 20 + 2
    lengths = draw.geometric(1 / 15, 2 * runs)
    gaps = np.repeat(np.tile([period, 8 * period], runs), lengths)
    return _from_gaps(gaps * draw.uniform(0.9, 1.1, len(gaps)), begin, end)


def jittered(draw: np.random.Generator, period: float, begin: float, end: float) -> Times:
    """The rule of good clients: a fixed period and up to a third of it at random, as an implant would."""
    count = _count(period, begin, end)
    return _from_gaps(period * (1 + draw.uniform(-0.3, 0.3, count)), begin, end)


def clockwork(draw: np.random.Generator, period: float, begin: float, end: float) -> Times:
    """A timer that starts anew when the work is done, some tenths of a second each time."""
    count = _count(period, begin, end)
    return _from_gaps(period + draw.gamma(2, 0.15, count), begin + draw.uniform(0, min(period, 60)), end)


def visited(draw: np.random.Generator, period: float, begin: float, end: float) -> Times:
    """A person: sessions come at random, and in them pages after as long as it takes to read, of no typical length."""
    sessions = begin + np.cumsum(draw.exponential(12 * period, 2 * _count(12 * period, begin, end) + 8))
    sizes = draw.geometric(1 / 8, len(sessions))
    steps = 4 * (1 + draw.pareto(1.1, sizes.sum()))
    offsets = np.cumsum(steps)
    offsets = offsets - np.repeat(offsets[np.cumsum(sizes) - sizes], sizes)
    found = np.sort(np.repeat(sessions, sizes) + np.minimum(offsets, 7200))
    return found[found < end]
