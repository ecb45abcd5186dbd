"""Moments of calls: seconds since the start of the lab, ascending."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from falselight.lab.profiles import Implant, Law

Times = NDArray[np.float64]
DAY = 86_400.0


def gaps(draw: np.random.Generator, law: Law, sleep: float, jitter: float, count: int) -> Times:
    """Gaps between polls by the framework's law (see ``profiles``)."""
    if law == "one_sided":
        return sleep * (1 - jitter * draw.random(count))
    if law == "symmetric":
        return sleep * (1 + jitter * draw.uniform(-1, 1, count))
    if law == "additive":
        return sleep * (1 + jitter * draw.random(count))
    if law == "whole":
        return np.maximum(np.floor(sleep * (1 + jitter * draw.uniform(-1, 1, count)) + 0.5), 1.0)
    if law == "gaussian":
        return np.maximum(sleep * (1 + draw.normal(0, jitter / 2, count)), sleep / 10)
    if law == "exponential":
        return draw.exponential(sleep, count)
    ramp = np.concatenate([np.arange(10) * 0.01, np.arange(1.0, sleep, 0.1)])
    return np.concatenate([ramp, np.full(max(count - len(ramp), 0), sleep)])[:count]


def poll(draw: np.random.Generator, law: Law, sleep: float, jitter: float, begin: float, end: float) -> Times:
    """Polls from begin to end; the work between two polls adds some hundredths of a second."""
    shortest = sleep * (1 - jitter if law != "additive" else 1.0) if law != "backoff" else sleep / 2
    mean = {"one_sided": sleep * (1 - jitter / 2), "additive": sleep * (1 + jitter / 2)}.get(law, sleep)
    count = int((end - begin) / max(mean, 0.5) * 1.1 + 4 * (end - begin) ** 0.5 / max(shortest, 0.5) ** 0.5) + 80
    steps = gaps(draw, law, sleep, jitter, count) + draw.exponential(0.03, count)
    found = begin + np.concatenate([[0.0], np.cumsum(steps)])
    return found[found < end]


def within(times: Times, intervals: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which moments lie in the intervals (rows of begin, end, ascending and apart)."""
    at = np.searchsorted(intervals[:, 0], times, side="right") - 1
    inside: NDArray[np.bool_] = (at >= 0) & (times < intervals[np.maximum(at, 0), 1])
    return inside


def implant(draw: np.random.Generator, profile: Implant, begin: float, end: float, on: NDArray[np.float64]) -> Times:
    """An implant's connections: asleep while its host is off or outside working hours, then it polls at once."""
    parts: list[Times] = []
    middle = begin + (end - begin) / 2
    for low, high in clipped(on, begin, end):
        if profile.channel == "websocket":
            parts.append(connections(draw, low, high))
            continue
        sleep = profile.sleep * (profile.change if low > middle else 1.0)
        parts.append(
            poll(draw, profile.law, sleep, profile.jitter, low + draw.uniform(0, min(sleep, high - low)), high)
        )
    times = np.concatenate(parts) if parts else np.empty(0)
    if profile.drop:
        times = times[draw.random(len(times)) >= profile.drop]
    if profile.channel == "keepalive":
        times = times[::20]
    if profile.tasking and len(times):
        times = np.concatenate([times, _tasking(draw, profile, times, end)])
    return np.sort(times)


LIFE = 4 * 3600.0  # seconds that a websocket lives on average


def connections(draw: np.random.Generator, low: float, high: float) -> Times:
    """Starts of connections that live for hours, each a few seconds after the last one broke."""
    lives = draw.exponential(LIFE, int((high - low) / LIFE * 3) + 20) + draw.uniform(1, 60)
    found = low + np.concatenate([[0.0], np.cumsum(lives)])
    return found[found < high]


def open_for(profile: Implant, times: Times, brief: float) -> Times:
    """How long each connection stands: a websocket to some seconds before the next, but not through a night."""
    if profile.channel != "websocket" or not len(times):
        return np.full(len(times), 20 * profile.sleep if profile.channel == "keepalive" else brief)
    lives = np.append(np.diff(times), LIFE)
    return np.where(lives > 12 * 3600, LIFE, np.maximum(lives - 1, brief))


def _tasking(draw: np.random.Generator, profile: Implant, times: Times, end: float) -> Times:
    """Interactive bursts of 5 to 30 minutes, a poll every half a second or so, begun at a poll."""
    count = draw.poisson(profile.tasking * (end - times[0]) / DAY)
    begins = draw.choice(times, count)
    bursts = [start + np.cumsum(draw.exponential(1.5, int(draw.uniform(200, 1200)))) for start in begins]
    found = np.concatenate(bursts) if bursts else np.empty(0)
    return found[found < end]


def clipped(on: NDArray[np.float64], begin: float, end: float) -> list[tuple[float, float]]:
    return [(max(a, begin), min(b, end)) for a, b in on.tolist() if min(b, end) > max(a, begin)]


def presence(draw: np.random.Generator, days: int, kind: str) -> NDArray[np.float64]:
    """When a host is on: ``always``; ``laptop`` from some hour of the morning with pauses; ``work`` 09 to 17 on working
    days (day 0 is a Monday), ``night`` 22 to 06."""
    if kind == "always":
        return np.array([[0.0, days * DAY]])
    if kind == "night":
        return np.array([[max(day * DAY - 2 * 3600, 0.0), day * DAY + 6 * 3600] for day in range(days)])
    found: list[tuple[float, float]] = []
    for day in range(days):
        weekend = day % 7 >= 5
        if kind == "work":
            if not weekend:
                found.append((day * DAY + 9 * 3600, day * DAY + 17 * 3600))
            continue
        if weekend and draw.random() > 0.15:
            continue
        first, last = day * DAY + draw.normal(8.4, 0.6) * 3600, day * DAY + draw.normal(17.6, 1.0) * 3600
        noon = first + (last - first) * draw.uniform(0.4, 0.6)
        pause = draw.uniform(0.3, 1.2) * 3600 if draw.random() < 0.5 else 0.0
        found.extend([(first, noon), (noon + pause, last)] if pause else [(first, last)])
    return np.array(found if found else [(0.0, 0.0)])
