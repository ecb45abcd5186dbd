"""Exceptions that leave a rule without events, and those that do not."""

from __future__ import annotations

from typing import Any

import pytest

from falselight.lint import lint
from falselight.rules import Pack, Rule
from falselight.rules.exceptions import Item

EVENTS = 'network where event.type == "start" and process.name : ("a.exe", "b.exe") and source.ip != null'
SEQUENCE = (
    f"sequence by host.name with maxspan=1m [{EVENTS}] ![file where true] [process where true] until [dns where true]"
)


def is_told(query: str, *entries: dict[str, Any], **more: Any) -> bool:
    written = [{"operator": "included", "type": "match", **entry} for entry in entries]
    item = Item.model_validate({"item_id": "i", "list_id": "l", "entries": written, **more})
    rule = Rule.model_validate({"id": "x", "name": "x", "query": query, "exceptions_list": [{"list_id": "l"}]})
    return "L61" in {remark.code for remark in lint(Pack([rule], items=[item]))}


@pytest.mark.parametrize(
    "entry",
    [
        {"field": "event.type", "value": "start"},
        {"field": "event.category", "value": "network"},
        {"field": "event.type", "type": "match_any", "value": ["end", "start"]},
        {"field": "event.type", "type": "wildcard", "value": "st*"},
        {"field": "source.ip", "type": "exists"},
        {"field": "process.name", "type": "exists"},
        {"field": "process.name", "type": "wildcard", "value": "*"},
        {"field": "@timestamp", "type": "exists"},
    ],
)
def test_what_the_rule_asks_itself_leaves_out_everything(entry: dict[str, Any]) -> None:
    assert is_told(EVENTS, entry) and is_told(SEQUENCE, entry)


@pytest.mark.parametrize(
    "entry",
    [
        {"field": "event.type", "value": "end"},
        {"field": "event.type", "value": "start", "operator": "excluded"},
        {"field": "event.type", "value": "Start"},
        {"field": "process.name", "type": "match_any", "value": ["a.exe", "b.exe"]},
        {"field": "process.name", "type": "wildcard", "value": "*.exe"},
        {"field": "user.name", "type": "exists"},
        {"field": "user.name", "type": "exists", "operator": "excluded"},
        {"field": "source.ip", "type": "list", "list": {"id": "x", "type": "ip"}},
    ],
)
def test_what_leaves_some_events_has_no_remark(entry: dict[str, Any]) -> None:
    assert not is_told(EVENTS, entry)


def test_all_entries_must_hold() -> None:
    assert not is_told(EVENTS, {"field": "event.type", "value": "start"}, {"field": "user.name", "value": "me"})


def test_only_a_stage_that_a_match_needs_counts() -> None:
    assert is_told(SEQUENCE, {"field": "event.category", "value": "process"})
    assert not is_told(SEQUENCE, {"field": "event.category", "value": "file"})
    assert not is_told(SEQUENCE, {"field": "event.category", "value": "dns"})
    assert is_told(SEQUENCE, {"field": "host.name", "type": "exists"})


def test_an_exclusion_that_the_rule_makes_as_well() -> None:
    query = 'any where not user.name : ("me", "you") and group.name == null'
    assert is_told(query, {"field": "user.name", "value": "me", "operator": "excluded"})
    assert is_told(query, {"field": "group.name", "type": "exists", "operator": "excluded"})
    assert is_told(query, {"field": "group.name", "value": "x", "operator": "excluded"})
    assert not is_told(query, {"field": "user.name", "value": "other", "operator": "excluded"})
    assert not is_told(query, {"field": "user.name", "type": "exists", "operator": "excluded"})


def test_systems() -> None:
    query = 'process where host.os.type == "windows"'
    entry = {"field": "event.category", "value": "process"}
    assert is_told(query, entry, os_types=["windows"]) and not is_told(query, entry, os_types=["linux"])
