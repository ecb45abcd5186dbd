"""The beacon score of every (host, server) pair: log-odds fused from factors, each shown with its contribution.

The timing factor is a false-alarm probability against a null model (``regularity``); prevalence, age, history, sizes and
process are the others. ``parameters.toml`` holds weights, units and sources. Method: naive log-odds fitted by logistic
regression on lab sets, each factor bounded so that none decides alone."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
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
from falselight.analytics.series import Floats, Ints, Mask, Series
from falselight.analytics.wording import BEACON_TEXTS
from falselight.risks import Reason, rates


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


START = "what any pair of host and server has before anything is known"


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
        """What the factors add, the greatest first, and what they add it to."""
        scores, k, found = self.scores, self.number, []
        for factor in FACTORS:
            weight = float(scores.parameters["weights"][factor] * scores.factors[factor][k])
            if abs(weight) >= 0.05:
                found.append(Reason(factor, round(weight, 3), BEACON_TEXTS[factor](scores, k)))
        found.sort(key=lambda reason: (-abs(reason.weight), reason.factor))
        return (*found, Reason("start", float(scores.parameters["weights"]["base"]), START))


@dataclass(frozen=True)
class Scores:
    """Arrays over all pairs; ``rows`` makes them readable."""

    pairs: Pairs
    timing: Timing
    factors: dict[str, Floats]
    odds: Floats
    parameters: dict[str, Any]

    @property
    def allowance(self) -> float:
        """What every score is lowered by for few hosts and days, in log-odds."""
        return float(self.parameters["weights"]["alone"] * self.factors["alone"][0])

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
        order = np.argsort(-self.odds, kind="stable")
        ranked: list[int] = order[self.listed[order]].tolist()
        return ranked

    def settled(self) -> Scores:
        """The same for whoever asks for rows alone: without the connections' times, which take the most room."""
        made = replace(self, pairs=replace(self.pairs, times=Series(np.empty(0, np.int64), np.zeros(1, np.int64))))
        vars(made)["detected"] = self.detected
        return made

    def row(self, number: int) -> Row:
        return next(self.rows([number]))

    def rows(self, numbers: list[int]) -> Iterator[Row]:
        """What is said of these units, in numbers of Python's own."""
        found, odds = self.pairs, self.odds[numbers]
        ports = found.facts["port"][numbers].tolist()
        risks = (100 / (1 + np.exp(-odds))).tolist()
        firsts, lasts = (_moments(found.facts[name][numbers]) for name in ("first", "last"))
        columns = zip(
            numbers, ports, risks, odds.tolist(), rates(odds.tolist(), self.parameters["false_alarm"]), firsts, lasts,
            self.detected[numbers].tolist(), strict=True
        )  # fmt: skip
        for k, port, risk, own, false_alarm, first, last, detected in columns:
            yield Row(
                found.hosts[k], found.servers[k], found.addresses[k], None if port != port else int(port), found.processes[k],
                round(risk, 1), round(own, 4), false_alarm, first, last, None if detected < 0 else detected, self, k,
            )  # fmt: skip


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
    listed = np.zeros(len(odds), dtype=np.bool_)
    seen: set[tuple[str, str]] = set()
    named: set[tuple[str, str]] = set()
    hosts, servers, addresses = found.hosts.tolist(), found.servers.tolist(), found.addresses.tolist()
    of_addresses = (found.views == View.ADDRESS).tolist()
    for k in np.lexsort((found.views, -odds)).tolist():
        host, address = hosts[k], addresses[k]
        key = (host, address if of_addresses[k] else servers[k])
        if of_addresses[k]:
            if key in named:
                continue
        elif address is not None:
            named.add((host, address))
        if key not in seen:
            seen.add(key)
            listed[k] = True
    return listed


# Sleeps that people configure, in seconds.
_ROUND = np.array([1, 2, 3, 4, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 600, 900, 1200, 1800, 2700, 3600, 7200, 10_800,
                   14_400, 21_600, 28_800, 43_200, 86_400], dtype=np.float64)  # fmt: skip
_NEAR, _GAPS = 0.02, 30


def _moments(values: Floats) -> list[int]:
    """Epoch nanoseconds that went through a float, which holds 256 of them: to the microsecond."""
    found: list[int] = (np.rint(values / 1000).astype(np.int64) * 1000).tolist()
    return found


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
