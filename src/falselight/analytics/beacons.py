"""The beacon score of every (host, server) pair: log-odds fused from factors, each shown with its contribution.

The timing factor is a false-alarm probability against a null model (``regularity``); prevalence, age, history, sizes and
process are the others. ``parameters.toml`` holds weights, units and sources. Method: naive log-odds fitted by logistic
regression on lab sets, each factor bounded so that none decides alone."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

import duckdb
import numpy as np

from falselight.analytics import detection
from falselight.analytics import pairs as relation
from falselight.analytics.connections import NAME
from falselight.analytics.factors import FACTORS, weigh
from falselight.analytics.pairs import Pairs, View
from falselight.analytics.regularity import Timing, measure
from falselight.analytics.series import Floats, Ints, Mask
from falselight.analytics.wording import BEACON_TEXTS
from falselight.risks import Reason, per_host_day

SAME = 0.5  # nats: an address row must say that much more than the rows of its names


@dataclass(frozen=True)
class Beacon:
    """Estimated behaviour: sleep in seconds, jitter as half the range over the sleep, law of the gaps, duty as the share
    of the window's hours with activity between first and last, share of missed beats."""

    sleep_s: float
    jitter: float
    law: str
    duty: float
    missed: float
    chance_log10: float


@dataclass(frozen=True)
class Row:
    """One scored pair. Times are epoch nanoseconds; ``detected_at`` is None while the score stays below the alert line;
    ``false_alarm`` is the expected number of benign pairs per host and day that score as high. What takes long to tell,
    ``beacon`` and ``reasons``, is told when it is asked for."""

    host: str
    server: str
    address: str | None
    port: int | None
    process: str | None
    risk: float
    odds: float
    false_alarm: float
    first_seen: int
    last_seen: int
    detected_at: int | None
    scores: Scores = field(repr=False, compare=False)
    number: int

    @property
    def beacon(self) -> Beacon:
        facts, timing, k = self.scores.pairs.facts, self.scores.timing, self.number
        hours = max((facts["last"][k] - facts["begin"][k]) / (3600 * 10**9), 1.0)
        return Beacon(
            round(float(timing.sleep[k]), 3), round(float(timing.jitter[k]), 3), law(timing, k),
            round(min(float(facts["hours"][k] / (hours + 1)), 1.0), 3), round(float(timing.missed[k]), 3),
            round(float(timing.chance[k]), 2),
        )  # fmt: skip

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """What the factors add, the greatest first."""
        scores, k, found = self.scores, self.number, []
        for factor in FACTORS:
            weight = float(scores.parameters["weights"][factor] * scores.factors[factor][k])
            if abs(weight) >= 0.05:
                found.append(Reason(factor, round(weight, 3), BEACON_TEXTS[factor](scores, k)))
        return tuple(sorted(found, key=lambda reason: (-abs(reason.weight), reason.factor)))


@dataclass(frozen=True)
class Scores:
    """Arrays over all pairs; ``row`` makes one of them readable."""

    pairs: Pairs
    timing: Timing
    factors: dict[str, Floats]
    odds: Floats
    parameters: dict[str, Any]

    @cached_property
    def listed(self) -> Mask:
        """Which units stand for their host and server."""
        return best_views(self.pairs, self.odds)

    @cached_property
    def detected(self) -> Ints:
        """When each unit could first have been called out, epoch nanoseconds; -1 below the alert line."""
        return detection.moments(self.pairs, self.timing, self.factors, self.odds, self.parameters)

    def ranking(self) -> list[int]:
        """Numbers of units, one for each host and server, highest odds first; ties in the order of host and server."""
        return [int(k) for k in np.argsort(-self.odds, kind="stable") if self.listed[k]]

    def row(self, number: int) -> Row:
        return _row(self, number)


@cache
def parameters() -> dict[str, Any]:
    """The parameters as shipped."""
    return tomllib.loads(files("falselight.analytics").joinpath("parameters.toml").read_text("utf-8"))


def score(
    connection: duckdb.DuckDBPyConnection, name: str = NAME, settings: dict[str, Any] | None = None
) -> Scores | None:
    """Scores the pairs of a connections relation (see ``connections``); None where no pair has enough connections."""
    chosen = settings or parameters()
    timing = chosen["timing"]
    found = relation.collect(connection, timing["window_days"], timing["least_events"], name)
    if found is None:
        return None
    regular = measure(
        found.times, timing["merge_seconds"], timing["widths"], timing["least_events"], timing["most_gaps"]
    )
    factors = weigh(found, regular, chosen)
    odds = np.full(len(found.hosts), float(chosen["weights"]["base"]))
    for factor in FACTORS:
        odds = odds + chosen["weights"][factor] * factors[factor]
    return Scores(found, regular, factors, odds, chosen)


def best_views(found: Pairs, odds: Floats) -> Mask:
    """One unit for each host and server: its highest; and an address over its names only where no name, or no address
    without one, on that host explains as much."""
    order = np.lexsort((found.views, -odds))
    listed = np.zeros(len(odds), dtype=np.bool_)
    seen: set[tuple[str, str]] = set()
    names_of: dict[tuple[str, str], float] = {}
    for k in order.tolist():
        host, address = found.hosts[k], found.addresses[k]
        if found.views[k] == View.ADDRESS:
            if (host, address) in seen or names_of.get((host, address), -np.inf) >= odds[k] - SAME:
                continue
            key = (host, address)
        else:
            key = (host, found.servers[k])
            if address is not None:
                names_of.setdefault((host, address), float(odds[k]))
        if key not in seen:
            seen.add(key)
            listed[k] = True
    return listed


def _row(scores: Scores, k: int) -> Row:
    found, facts, odds = scores.pairs, scores.pairs.facts, float(scores.odds[k])
    port, detected = facts["port"][k], int(scores.detected[k])
    return Row(
        str(found.hosts[k]), str(found.servers[k]), found.addresses[k], None if np.isnan(port) else int(port),
        found.processes[k], round(100 / (1 + float(np.exp(-odds))), 1), round(odds, 4),
        per_host_day(odds, scores.parameters["false_alarm"]),
        _moment(facts["first"][k]), _moment(facts["last"][k]), None if detected < 0 else detected, scores, k,
    )  # fmt: skip


# Sleeps that people configure, in seconds.
_ROUND = np.array([1, 2, 3, 4, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 600, 900, 1200, 1800, 2700, 3600, 7200, 10_800,
                   14_400, 21_600, 28_800, 43_200, 86_400], dtype=np.float64)  # fmt: skip
_NEAR, _GAPS = 0.02, 30


def _moment(value: float) -> int:
    """Epoch nanoseconds that went through a float, which holds 256 of them: to the microsecond."""
    return round(float(value) / 1000) * 1000


def law(timing: Timing, k: int) -> str:
    """How the gaps are drawn. ``none`` without regularity, ``fixed`` within two per cent. A range of gaps alone tells no more
    (``bounded``), but sleeps are round: where only its longest gap is, the draw is ``one-sided`` (sleep less jitter), where
    only the middle, ``symmetric``, where only the shortest, ``additive``."""
    if timing.chance[k] > -2:
        return "none"
    sleep, half = float(timing.sleep[k]), float(timing.jitter[k] * timing.sleep[k]) / 0.96
    if timing.jitter[k] < 0.02:
        return "fixed"
    ends = {"one-sided": sleep + half, "symmetric": sleep, "additive": sleep - half}
    found = [name for name, value in ends.items() if np.abs(_ROUND / max(value, 1e-3) - 1).min() <= _NEAR]
    return found[0] if len(found) == 1 and timing.gaps[k] >= _GAPS else "bounded"
