"""People who browse: sessions of pages, each page its own site and the third parties it loads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from falselight.lab.timing import DAY, Times, within

SITES = 30_000
THIRD_PARTIES = 400


@dataclass(frozen=True)
class Visits:
    """Moments and the number of the server: below ``SITES`` a site, from there a third party."""

    times: Times
    servers: NDArray[np.int64]


def browse(draw: np.random.Generator, on: NDArray[np.float64], days: int, pages: float) -> Visits:
    """One host's browsing: ``pages`` a working day, in sessions that come in clusters through the day."""
    favourites = _popular(draw, 40, SITES)
    hours = np.concatenate([[_hour(draw, day) for _ in range(draw.poisson(pages / 6))] for day in range(days)])
    if not len(hours):
        return Visits(np.empty(0), np.empty(0, dtype=np.int64))
    sizes = draw.geometric(1 / 6, len(hours))
    owner = np.repeat(np.arange(len(hours)), sizes)
    steps = draw.lognormal(3.2, 1.2, len(owner))
    ends = np.cumsum(sizes)
    total = np.cumsum(steps)
    offset = total - np.repeat(total[ends - sizes] - steps[ends - sizes], sizes)
    times = hours[owner] + offset
    # Within a session the same site is read on, else a favourite or any site by popularity.
    fresh = np.where(draw.random(len(owner)) < 0.6, favourites[draw.zipf(1.4, len(owner)) % 40],
                     _popular(draw, len(owner), SITES))  # fmt: skip
    stays = draw.random(len(owner)) < 0.55
    stays[ends - sizes] = False
    last = np.maximum.accumulate(np.where(stays, 0, np.arange(len(owner))))
    return _connections(draw, times, fresh[last], on)


def _connections(draw: np.random.Generator, times: Times, sites: NDArray[np.int64], on: NDArray[np.float64]) -> Visits:
    own = draw.integers(1, 4, len(times))
    others = draw.poisson(4, len(times))
    # A site loads the same few third parties each time.
    third = np.repeat(sites, others)
    which = (third * 7919 + draw.integers(0, 6, len(third)) * 104_729) % 65_536 / 65_536
    servers = np.concatenate([np.repeat(sites, own), SITES + (THIRD_PARTIES * which**3).astype(np.int64)])
    moments = np.concatenate([np.repeat(times, own), np.repeat(times, others)])
    moments = moments + draw.exponential(0.6, len(moments))
    kept = within(moments, on)
    return Visits(moments[kept], servers[kept])


def _popular(draw: np.random.Generator, count: int, most: int) -> NDArray[np.int64]:
    """Site numbers: half by a steep law of popularity, the rest out of the long tail."""
    found: NDArray[np.int64] = np.minimum((most * draw.random(count) ** 4).astype(np.int64), most - 1)
    return found


def _hour(draw: np.random.Generator, day: int) -> float:
    return float(day * DAY + draw.triangular(7.5, 13.0, 19.0) * 3600)
