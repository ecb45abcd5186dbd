"""Features of Elastic's Network Beaconing package (elastic/integrations, packages/beaconing, version 1.3.3), as we read them.

A run looks at the six hours before it, in 360 buckets of a minute, for each host and process (not each server), as the
package does. Its lists of processes and networks that are left out are the caller's business. Upstream has no tests that
this reading could be proven on."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
from numpy.typing import NDArray

from falselight.analytics.connections import NAME
from falselight.analytics.series import Floats, Mask
from falselight.store import quoted

BUCKETS, BUCKET_SECONDS = 360, 60
TRUNCATE = (0.1, 0.8)  # shares of the sorted non-empty buckets between which variation is measured
LEAST_SPAN, LEAST_FILLED = 12, 7  # buckets from the first to the last event, and buckets with any
FILLED_SHARE = 0.5  # of that span, for low variation of counts
PERIODS = 6  # times that a period must fit into the span
COUNT_VARIATION, BYTES_VARIATION = 0.1, 0.05  # standard deviation over mean
CORRELATION = 0.7
_CHUNK = 4_000


@dataclass(frozen=True)
class Features:
    """Per row. ``score`` is 0 to 3: (steady counts or periodic) + steady sent bytes + steady received bytes."""

    evaluated: Mask
    steady_counts: Mask
    periodic: Mask
    correlation: Floats
    steady_sent: Mask
    steady_received: Mask

    @property
    def beaconing(self) -> Mask:
        found: Mask = self.steady_counts | self.periodic | self.steady_sent | self.steady_received
        return found

    @property
    def score(self) -> NDArray[np.int64]:
        found: NDArray[np.int64] = (
            (self.steady_counts | self.periodic).astype(np.int64) + self.steady_sent + self.steady_received
        )
        return found


def features(counts: Floats, sent: Floats, received: Floats) -> Features:
    """``counts``: rows of 360 buckets; ``sent`` and ``received``: mean bytes of a bucket's events (any value where a bucket
    is empty)."""
    filled = counts > 0
    number = filled.sum(axis=1)
    first = np.argmax(filled, axis=1)
    span = counts.shape[1] - np.argmax(filled[:, ::-1], axis=1) - first
    evaluated = (number >= LEAST_FILLED) & (span >= LEAST_SPAN)
    correlation = np.zeros(len(counts))
    chosen = np.flatnonzero(evaluated)
    for begin in range(0, len(chosen), _CHUNK):
        part = chosen[begin : begin + _CHUNK]
        correlation[part] = _correlation(_aligned(counts[part], first[part]), span[part])
    steady = (number > (FILLED_SHARE * span).astype(np.int64)) & (_variation(counts, filled) <= COUNT_VARIATION)
    return Features(
        evaluated,
        evaluated & steady,
        evaluated & (correlation >= CORRELATION),
        correlation,
        evaluated & (_variation(sent, filled) <= BYTES_VARIATION),
        evaluated & (_variation(received, filled) <= BYTES_VARIATION),
    )


def _variation(values: Floats, filled: Mask) -> Floats:
    """Standard deviation over mean of the non-empty buckets within the truncating percentiles; infinite without any."""
    number = filled.sum(axis=1)
    ordered = np.sort(np.where(filled, values, np.inf), axis=1)
    rows = np.arange(len(values))
    low, high = (
        ordered[rows, np.clip((share * number + 0.5).astype(np.int64), 0, np.maximum(number - 1, 0))]
        for share in TRUNCATE
    )
    inside = filled & (values >= low[:, None]) & (values <= high[:, None])
    held = np.maximum(inside.sum(axis=1), 1)
    mean = np.where(inside, values, 0.0).sum(axis=1) / held
    square = np.where(inside, (values - mean[:, None]) ** 2, 0.0).sum(axis=1) / held
    found: Floats = np.where(
        (number > 0) & (mean > 0), np.sqrt(square) / np.maximum(mean, 1e-12), np.where(square == 0, 0.0, np.inf)
    )
    return np.where(number > 0, found, np.inf)


def _aligned(counts: Floats, first: NDArray[np.int64]) -> Floats:
    """Each row moved so that its first event is in bucket 0; what comes from beyond the end is 0."""
    at = np.arange(counts.shape[1])[None, :] + first[:, None]
    found: Floats = np.where(
        at < counts.shape[1], np.take_along_axis(counts, np.minimum(at, counts.shape[1] - 1), axis=1), 0.0
    )
    return found


def _correlation(counts: Floats, span: NDArray[np.int64]) -> Floats:
    """The largest correlation of blocks with the blocks before them, over periods of 2 buckets and more."""
    longest = int(span.max()) // PERIODS
    by_period = np.full((len(counts), longest + 1), np.nan)
    for period in range(2, longest + 1):
        usable = span // PERIODS >= period
        by_period[usable, period] = _at(counts[usable], span[usable], period)
    best = np.zeros(len(counts))
    for period in range(2, longest + 1):
        # A period's correlation counts for each of its divisors too.
        multiples = [m for m in range(period, longest + 1, period) if m == period or period < m / 2]
        values = by_period[:, multiples]
        known = ~np.isnan(values)
        mean = np.where(known, values, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        best = np.where(known[:, 0], np.maximum(best, mean), best)
    return best


def _at(counts: Floats, span: NDArray[np.int64], period: int) -> Floats:
    blocks = counts.shape[1] // period
    cut = counts[:, : blocks * period].reshape(len(counts), blocks, period)
    centred = cut - cut.mean(axis=2, keepdims=True)
    valid = (np.arange(1, blocks)[None, :] + 1) * period <= span[:, None]
    covariance = np.where(valid, (centred[:, 1:] * centred[:, :-1]).sum(axis=2), 0.0).sum(axis=1)
    squares = (centred**2).sum(axis=2)
    later = np.where(valid, squares[:, 1:], 0.0).sum(axis=1)
    earlier = np.where(valid, squares[:, :-1], 0.0).sum(axis=1)
    product = np.sqrt(later * earlier)
    found: Floats = np.where(product > 0, covariance / np.where(product > 0, product, 1.0), 1.0)
    return found


def best_scores(
    connection: duckdb.DuckDBPyConnection, low: int, high: int, every_hours: int = 1, name: str = NAME
) -> dict[tuple[str, str], tuple[int, float]]:
    """For each (host, process) of a connections relation the highest score over runs at every so many hours between low and
    high (epoch nanoseconds), and the highest correlation among the runs with that score."""
    best: dict[tuple[str, str], tuple[int, float]] = {}
    width = BUCKETS * BUCKET_SECONDS * 10**9
    end = low + width
    while end <= high + every_hours * 3600 * 10**9:
        owners, found = _run(connection, end - width, end, name)
        for row in np.flatnonzero(found.beaconing).tolist():
            key = owners[row]
            best[key] = max(best.get(key, (0, 0.0)), (int(found.score[row]), round(float(found.correlation[row]), 6)))
        end += every_hours * 3600 * 10**9
    return best


def _run(
    connection: duckdb.DuckDBPyConnection, begin: int, end: int, name: str
) -> tuple[list[tuple[str, str]], Features]:
    rows = connection.execute(
        f"""SELECT dense_rank() OVER (ORDER BY host, process) - 1 AS owner, host, process, bucket, n, sent, received FROM (
          SELECT host, process, (time - {begin}) // {BUCKET_SECONDS * 10**9} AS bucket, count(*) AS n,
            coalesce(sum(sent), 0) / count(*) AS sent, coalesce(sum(received), 0) / count(*) AS received
          FROM {quoted(name)} WHERE outward AND process IS NOT NULL AND time >= {begin} AND time < {end}
          GROUP BY host, process, bucket) ORDER BY owner, bucket"""
    ).fetchnumpy()
    owner = rows["owner"].astype(np.int64)
    count = int(owner[-1]) + 1 if len(owner) else 0
    places = np.flatnonzero(np.diff(owner, prepend=-1))
    owners = [(str(rows["host"][k]), str(rows["process"][k])) for k in places.tolist()]
    grids = [np.zeros((count, BUCKETS)) for _ in range(3)]
    for grid, column in zip(grids, ("n", "sent", "received"), strict=True):
        grid[owner, rows["bucket"].astype(np.int64)] = rows[column]
    return owners, features(*grids)
