"""``head`` and ``tail`` combined into one window of the ordered result, with Elasticsearch's arithmetic.

The first limit decides the end from which results are taken; a later one of the other direction becomes an offset in
that space, unless it reaches beyond, when it is ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from falselight.eql.typed import Limit

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Window:
    """``count`` results after ``offset``, counted from the end where descending. count None: all."""

    descending: bool
    count: int | None
    offset: int = 0

    @property
    def total(self) -> int | None:
        """How many results must be fetched."""
        return None if self.count is None else self.count + self.offset

    def view(self, results: Sequence[T]) -> list[T]:
        """The window of results that were fetched in its own direction, given back in ascending order."""
        kept = list(results)
        if self.count is not None:
            if self.count == 0:
                kept = []
            elif len(kept) >= self.count + self.offset:
                kept = kept[self.offset : self.offset + self.count]
            elif len(kept) > self.count:
                kept = kept[-self.count :]
        return kept[::-1] if self.descending else kept


def combine(limits: Sequence[Limit]) -> Window:
    """One window for all limits, in the order of the query."""
    if not limits:
        return Window(False, None)
    descending, count, offset = limits[0].direction == "tail", limits[0].count, 0
    for limit in limits[1:]:
        if (limit.direction == "tail") == descending:
            count = min(count, limit.count)
        elif limit.count < count:
            offset += count - limit.count
            count = limit.count
    return Window(descending, count, offset)
