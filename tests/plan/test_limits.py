"""head and tail combined: the window of the result, and what is seen through it."""

from __future__ import annotations

import pytest

from falselight.eql.typed import Limit
from falselight.plan.limits import Window, combine


def seen(results: list[int], *limits: tuple[str, int]) -> list[int]:
    window = combine([Limit(*limit) for limit in limits])
    fetched = results[::-1] if window.descending else results
    return window.view(fetched[: window.total])


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ([("tail", 3)], [7, 8, 9]),
        ([("head", 3)], [0, 1, 2]),
        ([("head", 4), ("tail", 2)], [2, 3]),
        ([("tail", 4), ("head", 2)], [6, 7]),
        ([("head", 4), ("tail", 9)], [0, 1, 2, 3]),  # beyond the first limit: ignored
        ([("head", 6), ("head", 2)], [0, 1]),
        ([("tail", 6), ("tail", 2)], [8, 9]),
        ([("head", 0)], []),
        ([("head", 50), ("tail", 3)], [7, 8, 9]),  # fewer results than the first limit
    ],
)
def test_views(limits: list[tuple[str, int]], expected: list[int]) -> None:
    assert seen(list(range(10)), *limits) == expected


def test_without_limits_all_is_seen_in_order() -> None:
    assert combine([]) == Window(False, None)
    assert combine([]).view([1, 2, 3]) == [1, 2, 3]
