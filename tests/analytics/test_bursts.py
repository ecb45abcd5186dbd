"""What a page loads in turn is no beat; a steady half second is."""

from __future__ import annotations

import numpy as np

from falselight.analytics import beacons, regularity
from falselight.analytics.series import Series


def chance(gaps: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    moments = np.cumsum(gaps * 1e6).astype(np.int64)
    timing = beacons.parameters()["timing"]
    series = Series(moments, np.array([0, len(moments)]))
    found = regularity.measure(
        series, timing["merge_seconds"], timing["widths"], timing["least_events"], timing["most_gaps"]
    )
    return float(found.chance[0])


def test_a_page_is_no_beat() -> None:
    draw = np.random.default_rng(1)
    pages = [np.concatenate([[draw.exponential(900) + 60], draw.uniform(0.1, 0.9, 30)]) for _ in range(40)]
    assert chance(np.concatenate(pages)) > -2


def test_short_sleeps_are_beats() -> None:
    draw = np.random.default_rng(2)
    assert chance(0.5 * (1 + 0.1 * draw.uniform(-1, 1, 400))) < -6
    assert chance(2.0 * (1 - 0.65 * draw.random(400))) < -6
