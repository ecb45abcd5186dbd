"""Ragged arrays: many series of different length in one flat array, and their statistics without a loop over them.

``starts`` has one more element than there are series: series k is ``values[starts[k]:starts[k + 1]]``. Sums are over
integers or in the flat array's own order, so no result depends on the number of threads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Series:
    """Flat values and where each series begins; the last start is the end."""

    values: NDArray[Any]
    starts: Ints

    @property
    def count(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> Ints:
        return np.diff(self.starts)

    @property
    def owners(self) -> Ints:
        """For each value the number of its series."""
        return np.repeat(np.arange(self.count, dtype=np.int64), self.lengths)

    def where(self, mask: Mask) -> Series:
        """Only the values under the mask."""
        kept = np.concatenate([[0], np.cumsum(mask, dtype=np.int64)])
        return Series(self.values[mask], kept[self.starts])

    def gaps(self) -> Series:
        """Differences of neighbours within each series."""
        if not len(self.values):
            return self
        differences = np.diff(self.values)
        owners = self.owners
        inner = owners[1:] == owners[:-1]
        starts = np.concatenate([[0], np.cumsum(np.maximum(self.lengths - 1, 0))]).astype(np.int64)
        return Series(differences[inner], starts)

    def ordered(self) -> Series:
        """Each series in ascending order."""
        if self.values.dtype == np.int64 and len(self.values) and self.values.min() >= 0:
            found = Sorted.of(self)
            if found.shift == 0:
                return Series(found.keys & found.mask, self.starts)
        order = np.lexsort((self.values, self.owners))
        return Series(self.values[order], self.starts)

    def parts(self, most: int) -> Iterator[Series]:
        """The series in turn, those together that have about so many values; one that has more is alone or the last."""
        first = 0
        while True:
            last = int(np.searchsorted(self.starts, self.starts[first] + most))
            last = min(max(last, first + 1), self.count)
            own = self.starts[first : last + 1]
            yield Series(self.values[own[0] : own[-1]], own - own[0])
            first = last
            if first >= self.count:
                return

    def total(self) -> NDArray[Any]:
        """Sum of each series, 0 for an empty one."""
        return per_series(np.add, self.values, self.starts)


@dataclass(frozen=True)
class Sorted:
    """Series of non-negative integers, each ascending, as one ascending array of keys: owner in the upper bits, value in the
    lower ones. Where owners and values together have more than 63 bits, values lose their ``shift`` lowest ones."""

    keys: Ints
    starts: Ints
    bits: int
    shift: int

    @classmethod
    def of(cls, series: Series) -> Sorted:
        """Sorts all series at once, by one integer each."""
        largest = int(series.values.max()) if len(series.values) else 0
        bits = max(largest.bit_length(), 1)
        spare = 63 - max(int(series.count).bit_length(), 1)
        shift = max(bits - spare, 0)
        keys = (series.owners << (bits - shift)) | (series.values.astype(np.int64) >> shift)
        keys.sort()
        return cls(keys, series.starts, bits - shift, shift)

    @property
    def mask(self) -> int:
        return (1 << self.bits) - 1

    @property
    def lengths(self) -> Ints:
        return np.diff(self.starts)

    def below(self, values: Floats, owners: Ints | None = None) -> Ints:
        """For each series (or those of ``owners``) the position in ``keys`` of its first value that is not below the given one;
        of several for each series, one row a series, all positions."""
        given = np.minimum(np.maximum(np.ceil(values), 0.0), float(1 << (self.bits + self.shift)))
        at = (given.astype(np.int64) + (1 << self.shift) - 1) >> self.shift
        own = np.arange(len(self.starts) - 1, dtype=np.int64) if owners is None else owners
        heads = own << self.bits
        wanted = (heads if values.ndim == 1 else heads[:, None]) + np.minimum(at, self.mask + 1)
        found: Ints = np.searchsorted(self.keys, wanted).astype(np.int64)
        return found

    def at(self, positions: Ints) -> Floats:
        """The values at positions of ``keys``; nan where there is none."""
        if not len(self.keys):
            return np.full(len(positions), np.nan)
        inside = (positions >= 0) & (positions < len(self.keys))
        found = (self.keys[np.where(inside, positions, 0)] & self.mask) << self.shift
        return np.where(inside, found.astype(np.float64), np.nan)

    def sums(self) -> Ints:
        """Running totals over all values: that of positions a to b is ``sums[b] - sums[a]``."""
        found = np.zeros(len(self.keys) + 1, dtype=np.int64)
        np.cumsum((self.keys & self.mask) << self.shift, out=found[1:])
        return found

    def middle(self, ends: Ints | None = None) -> Floats:
        """Median of each series (up to ``ends``), nan for an empty one."""
        starts = self.starts[:-1]
        length = (self.starts[1:] if ends is None else ends) - starts
        safe = np.maximum(length, 1)
        found = (self.at(starts + (safe - 1) // 2) + self.at(starts + safe // 2)) / 2
        return np.where(length > 0, found, np.nan)


def texts(column: pa.ChunkedArray) -> NDArray[Any]:
    """The texts of a column, None where there is none; those that are equal are one object, since a host has many servers."""
    found = column.combine_chunks().dictionary_encode()
    known = np.array([*found.dictionary.to_pylist(), None], dtype=object)
    made: NDArray[Any] = known[found.indices.fill_null(len(known) - 1).to_numpy()]
    return made


def group(owners: Ints, values: NDArray[Any], count: int) -> Series:
    """Series from values that stand in the order of their owners (0 … count − 1)."""
    return Series(values, np.searchsorted(owners, np.arange(count + 1)).astype(np.int64))


def per_series(function: np.ufunc, values: NDArray[Any], starts: Ints) -> NDArray[Any]:
    """``function.reduceat`` that gives 0 for an empty series."""
    count = len(starts) - 1
    kind = np.int64 if values.dtype == np.bool_ else values.dtype
    result = np.zeros(count, dtype=kind)
    filled = np.flatnonzero(starts[1:] > starts[:-1])
    if len(filled):
        result[filled] = function.reduceat(values.astype(kind, copy=False), starts[filled])
    return result


def middle(values: NDArray[Any], first: Ints, length: Ints) -> Floats:
    """Median of ``values[first : first + length]``, which is sorted; nan where the length is 0."""
    safe = np.maximum(length, 1)
    low, high = first + (safe - 1) // 2, first + safe // 2
    top = max(len(values) - 1, 0)
    if not len(values):
        return np.full(len(first), np.nan)
    found = (values[np.minimum(low, top)].astype(np.float64) + values[np.minimum(high, top)]) / 2
    return np.where(length > 0, found, np.nan)


def median(ordered: Series) -> Floats:
    """Median of each series, which is in ascending order."""
    return middle(ordered.values, ordered.starts[:-1], ordered.lengths)


def deviation(ordered: Series, centre: Floats) -> Floats:
    """Median absolute deviation of each series from its centre."""
    apart = np.abs(ordered.values - np.repeat(centre, ordered.lengths))
    return median(Series(apart, ordered.starts).ordered())
