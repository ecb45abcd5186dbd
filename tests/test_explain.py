"""explain says what each condition and stage kept and lost, and which key came nearest."""

from __future__ import annotations

from typing import Any

from falselight import sources
from falselight.explaining import Explanation, explain

MAPPING = {
    "properties": {
        "@timestamp": {"type": "date"},
        "event": {"properties": {"category": {"type": "keyword"}}},
        "host": {"type": "keyword"},
        "name": {"type": "keyword"},
        "never": {"type": "keyword"},
    }
}
MINUTE = 60_000


def explained(query: str, documents: list[dict[str, Any]]) -> Explanation:
    return explain(query, sources.load(documents, MAPPING).table)


def beat(host: str, minutes: list[int], category: str = "network", **more: Any) -> list[dict[str, Any]]:
    return [{"@timestamp": at * MINUTE, "event.category": category, "host": host, **more} for at in minutes]


def test_the_funnel_counts_and_names_what_each_condition_turned_away() -> None:
    documents = beat("a", [1, 2], name="x") + beat("a", [3], name="y") + beat("a", [4]) + beat("a", [5], "dns")
    found = explained('network where name : "x" and never == "z"', documents)
    (funnel,) = found.funnels
    assert funnel.total == 5
    assert [step.left for step in funnel.steps] == [4, 2, 0]
    assert [(each.value, each.events) for each in funnel.steps[0].turned_away] == [("dns", 1)]
    assert [(each.value, each.events) for each in funnel.steps[1].turned_away] == [(None, 1), ("y", 1)]
    assert found.unfilled == ("never",)
    assert found.matches == 0


def test_a_run_that_is_too_short_and_one_that_is_too_slow() -> None:
    documents = beat("short", list(range(7))) + beat("slow", [7 * number for number in range(10)])
    found = explained("sequence by host with maxspan=1h [network where true] with runs=10", documents)
    assert found.matches == 0
    slow, short = found.nearest
    assert (slow.keys, slow.reached, slow.needed, slow.span) == ({"host": "slow"}, 9, 10, 63 * MINUTE)
    assert (short.keys, short.reached, short.span) == ({"host": "short"}, 7, None)
    assert found.stages[0].lost_maxspan == 1


def test_losses_to_order_until_and_maxspan() -> None:
    documents = (
        beat("order", [1], "b")
        + beat("until", [1], "a")
        + beat("until", [2], "u")
        + beat("until", [3], "b")
        + beat("late", [1], "a")
        + beat("late", [90], "b")
        + beat("good", [1], "a")
        + beat("good", [2], "b")
    )
    documents.sort(key=lambda document: document["@timestamp"])
    found = explained("sequence by host with maxspan=1h [a where true] [b where true] until [u where true]", documents)
    second = found.stages[1]
    assert found.matches == 1
    assert (second.events, second.prefixes) == (4, 1)
    assert (second.lost_order, second.lost_until, second.lost_maxspan) == (1, 1, 1)


def test_comments_are_no_part_of_a_condition() -> None:
    query = 'network where\n  /* why "not" */ name : "x // y" and // because\n  never == "z"'
    (funnel,) = explained(query, beat("a", [1], name="x")).funnels
    assert funnel.filter == 'network where name : "x // y" and never == "z"'
    assert [step.condition for step in funnel.steps][1:] == ['name : "x // y"', 'never == "z"']
