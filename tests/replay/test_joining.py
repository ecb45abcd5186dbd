"""Thousands of exceptions, joined: what they leave out is what their conditions say, one by one; rules share what they share."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest

from falselight import sources
from falselight.engines import duckdb as engine
from falselight.hunting import hunt_table
from falselight.plan import nodes
from falselight.plan.merge import merged
from falselight.replay import joining, restricting
from falselight.rules import Pack, Rule
from falselight.rules.exceptions import Item, Reference
from falselight.sql.predicates import condition
from falselight.store import EventTable, quoted

TEXTS = ["a", "A", "ab", "a_b", "a%b", "a\\b", "é", "a*", "?", ""]
PATTERNS = ["a", "a*", "*b", "a?b", "a_b", "a%b", "a\\b", "?", "*", "*a*b*"]
IPS = ["10.0.0.1", "10.0.0.2", "2001:db8::1"]


def events(draw: random.Random, count: int) -> list[dict[str, Any]]:
    """Events whose fields are missing, single, or lists."""

    def some(values: list[Any]) -> Any:
        return draw.choice([draw.choice(values), [draw.choice(values) for _ in range(draw.randrange(1, 4))]])

    fields = {
        "process.name": TEXTS,
        "process.args": TEXTS,
        "file.name": TEXTS,
        "host.ip": IPS,
        "destination.port": [80, 443, 8080],
    }
    return [
        {"@timestamp": f"2026-03-11T09:{n // 60:02}:{n % 60:02}Z", "event.category": "process",
         "host.os.type": draw.choice(["linux", "windows"]),
         **{name: some(values) for name, values in fields.items() if draw.random() < 0.8}}
        for n in range(count)
    ]  # fmt: skip


def items(draw: random.Random, count: int) -> list[Item]:
    def entry(name: str) -> dict[str, Any]:
        operator = draw.choice(["included", "included", "excluded"])
        values = {"host.ip": IPS, "destination.port": ["80", "443"]}.get(name, TEXTS)
        match draw.choice(["match", "match_any", "wildcard", "exists"]):
            case "match":
                return {"field": name, "type": "match", "operator": operator, "value": draw.choice(values)}
            case "match_any":
                return {"field": name, "type": "match_any", "operator": operator, "value": draw.sample(values, 2)}
            case "wildcard" if values is TEXTS:
                return {"field": name, "type": "wildcard", "operator": operator, "value": draw.choice(PATTERNS)}
        return {"field": name, "type": "exists", "operator": operator}

    names = ["process.name", "process.args", "file.name", "host.ip", "destination.port", "user.name"]
    return [
        Item(item_id=str(n), list_id="l", entries=[entry(name) for name in draw.choices(names, k=draw.randrange(1, 5))],
             os_types=draw.choice([(), (), ("linux",)]))  # type: ignore[arg-type]
        for n in range(count)
    ]  # fmt: skip


def held(predicates: list[nodes.Predicate], table: EventTable) -> set[int]:
    where = condition(nodes.Or(tuple(predicates)))
    return {s for (s,) in engine.execute(table, f"SELECT _seq FROM {quoted(table.name)} WHERE {where}").fetchall()}


@pytest.mark.parametrize("seed", range(6))
def test_joined_exceptions_hold_for_the_same_events(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "LEAST", 1)
    draw = random.Random(seed)
    table = sources.load(events(draw, 300), None).table
    singles = [restricting.of_item(each, Pack(), table, pytest.fail) for each in items(draw, 120)]
    made = [merged(each) for each in singles if each is not None]
    together = joining.joined(made, table)
    assert held(together, table) == held(made, table)
    assert sum(isinstance(each, nodes.Rows) for each in together) > 10
    for each in made:
        assert held(joining.joined([each], table), table) == held([each], table)


def test_few_of_a_shape_are_left_as_they_are() -> None:
    table = sources.load(events(random.Random(1), 50), None).table
    made = [restricting.of_item(each, Pack(), table, pytest.fail) for each in items(random.Random(1), 20)]
    alternatives = [merged(each) for each in made if each is not None]
    assert set(joining.joined(alternatives, table)) == set(alternatives)


def test_rules_that_share_lists_share_what_is_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    table = sources.load(
        [
            {"@timestamp": "2026-03-11T09:00:00Z", "event.category": "process", "process.name": f"p{n}"}
            for n in range(400)
        ],
        None,
    ).table
    many = [
        Item(item_id=str(n), list_id="l", entries=[{"field": "process.name", "type": "match", "value": f"p{n}"}])
        for n in range(300)
    ]  # type: ignore[list-item]
    rules = [
        Rule(id=name, name=name, query="process where true", exceptions_list=[Reference(list_id="l")]) for name in "abc"
    ]
    calls: list[int] = []
    joined = joining.joined
    monkeypatch.setattr(joining, "joined", lambda *given: calls.append(1) or joined(*given))  # type: ignore[func-returns-value]
    result = hunt_table(table, rules, pack=Pack(rules, items=many))
    assert [sum(each.windows for each in run.findings) for run in result.rules] == [100, 100, 100] and len(calls) == 1


def test_what_has_expired_is_not_joined() -> None:
    table = sources.load(events(random.Random(1), 50), None).table
    many = [Item(item_id=str(n), list_id="l", expire_time=datetime(2020, 1, 1, tzinfo=UTC),
                 entries=[{"field": "process.name", "type": "exists"}]) for n in range(3)]  # type: ignore[list-item]  # fmt: skip
    rule = Rule(id="a", name="a", query="process where true", exceptions_list=[Reference(list_id="l")])
    (run,) = hunt_table(table, [rule], pack=Pack([rule], items=many), report=lambda _: None).rules
    assert sum(each.windows for each in run.findings) == 50
