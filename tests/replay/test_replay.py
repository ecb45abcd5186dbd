"""What Kibana would make of a rule's matches: alerts and their ids, suppression, exceptions, overrides."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falselight import ingest
from falselight import values as conversions
from falselight.diagnostics import Diagnostic
from falselight.ecs import release
from falselight.hunting import HuntResult, RuleRun, hunt, options
from falselight.replay import clock, lists
from falselight.replay.effects import explain_rule
from falselight.rules import Pack, Rule, load
from falselight.rules.exceptions import Item
from falselight.rules.pack import ValueList

SERVER = "203.0.113.77"


def beat(minute: int, host: str = "ws03", **more: Any) -> dict[str, Any]:
    time = f"2026-03-11T{9 + minute // 60:02d}:{minute % 60:02d}:00Z"
    return {"@timestamp": time, "event": {"category": ["network"], "type": ["start"]}, "host": {"name": host},
            "network": {"direction": "egress"}, "destination": {"ip": SERVER}, **more}  # fmt: skip


@pytest.fixture
def replay(tmp_path: Path) -> Callable[..., RuleRun]:
    def run(
        rule: Rule,
        events: list[dict[str, Any]],
        items: list[Item] | None = None,
        values: dict[str, ValueList] | None = None,
    ) -> RuleRun:
        path = tmp_path / "events.ndjson"
        path.write_text("".join(json.dumps(event) + "\n" for event in events))
        pack = Pack([rule], items=items or [], values=values or {})
        told: list[Diagnostic] = []
        result: HuntResult = hunt([path], [rule], pack=pack, as_scheduled=True, report=told.append)
        (made,) = result.rules
        made.diagnostics = (*made.diagnostics, *told)
        return made

    return run


def page(**more: Any) -> Rule:
    (rule,) = load(["@page"], pytest.fail)
    return rule.model_copy(update=more)


def single(**more: Any) -> Rule:
    given = {"query": "network where true", "interval": "5m", "from_": "now-10m", **more}
    return Rule(id="one", name="Any connection", **given)


def test_the_pages_rule_on_sixty_connections_an_hour(replay: Callable[..., RuleRun]) -> None:
    made = replay(page(), [beat(minute) for minute in range(60)]).replay
    assert made is not None and made.matches == 51 and len(made.kept) == 51 and made.block_count == 510
    assert made.schedule.unseen == [] and made.schedule.cut == []
    documents = list(made.documents())
    assert len(documents) == 561
    shell, blocks = documents[10], documents[:10]
    assert (
        {block["kibana.alert.group.id"] for block in blocks}
        == {shell["kibana.alert.uuid"]}
        == {shell["kibana.alert.group.id"]}
    )
    assert [block["kibana.alert.group.index"] for block in blocks] == list(
        range(10)
    ) and "kibana.alert.group.index" not in shell
    assert shell["kibana.alert.depth"] == 2 and blocks[0]["kibana.alert.depth"] == 1
    assert shell["host"] == {"name": "ws03"} and shell["destination"] == {"ip": SERVER}
    assert len(shell["kibana.alert.ancestors"]) == 20
    assert len({document["kibana.alert.uuid"] for document in documents}) == 561


def test_elastics_default_look_back_finds_none(replay: Callable[..., RuleRun]) -> None:
    made = replay(page(from_="now-6m"), [beat(minute) for minute in range(60)]).replay
    assert made is not None and made.matches == 51 and made.kept == [] and len(made.schedule.unseen) == 51


def test_the_cap_takes_the_newest(replay: Callable[..., RuleRun]) -> None:
    made = replay(single(max_signals=2), [beat(0, destination={"ip": f"203.0.113.{n}"}) for n in range(5)]).replay
    assert made is not None and len(made.schedule.cut) == 3
    assert [kept.alert["destination"]["ip"] for kept in made.kept] == ["203.0.113.3", "203.0.113.4"]


def test_overlapping_ranges_write_an_alert_once(replay: Callable[..., RuleRun]) -> None:
    made = replay(single(from_="now-60m"), [beat(1), beat(2), beat(30)]).replay
    assert made is not None and len(made.kept) == 3


def suppression(**more: Any) -> dict[str, Any]:
    return {"group_by": ["host.name"], **more}


@pytest.mark.parametrize(
    ("given", "left", "suppressed"),
    [(suppression(), 14, 48), (suppression(duration={"value": 30, "unit": "m"}), 2, 60),
     (suppression(duration={"value": 5, "unit": "h"}), 1, 61)],
)  # fmt: skip
def test_suppression_within_a_run_and_for_a_while(
    replay: Callable[..., RuleRun], given: dict[str, Any], left: int, suppressed: int
) -> None:
    rule = Rule.model_validate({**single().model_dump(), "alert_suppression": given})
    made = replay(rule, [beat(minute) for minute in range(62)]).replay
    assert made is not None and (len(made.kept), made.suppressed) == (left, suppressed)
    first = made.kept[0].alert
    assert first["kibana.alert.suppression.docs_count"] == made.kept[0].suppressed
    assert first["kibana.alert.suppression.terms"] == [{"field": "host.name", "value": ["ws03"]}]


def test_suppression_of_the_pages_rule_by_its_keys_leaves_one(replay: Callable[..., RuleRun]) -> None:
    given = {"group_by": ["host.name", "destination.ip"], "duration": {"value": 1, "unit": "h"}}
    rule = Rule.model_validate({**page().model_dump(), "alert_suppression": given})
    made = replay(rule, [beat(minute) for minute in range(60)]).replay
    assert made is not None and len(made.kept) == 1 and made.suppressed == 50 and made.block_count == 10


@pytest.mark.parametrize(("strategy", "left"), [("suppress", 1), ("doNotSuppress", 3)])
def test_missing_fields(replay: Callable[..., RuleRun], strategy: str, left: int) -> None:
    given = {"group_by": ["user.name"], "missing_fields_strategy": strategy}
    rule = Rule.model_validate({**single().model_dump(), "alert_suppression": given})
    made = replay(rule, [beat(1), beat(2), beat(3)]).replay
    assert made is not None and len(made.kept) == left


def item(*entries: dict[str, Any], **more: Any) -> Item:
    whole = [{"operator": "included", **entry} for entry in entries]
    return Item.model_validate({"item_id": "i", "list_id": "mine", "entries": whole, **more})


EVENTS = [
    beat(0, process={"name": "updater.exe"}),
    beat(1, process={"name": "Updater.exe"}),
    {
        **beat(2, process={"name": "helper.exe", "Ext": {"code_signature": [{"trusted": True}]}}),
        "host": {"name": "ws03", "os": {"type": "windows"}},
    },
    beat(3, user={"name": "root"}),
    beat(4, destination={"ip": "198.51.100.9"}),
]


@pytest.mark.parametrize(
    ("made", "left"),
    [
        (item({"type": "match", "field": "process.name", "value": "updater.exe"}), [1, 2, 3, 4]),
        (item({"type": "match_any", "field": "process.name", "value": ["updater.exe", "helper.exe"]}), [1, 3, 4]),
        (item({"type": "match", "field": "process.name", "value": "updater.exe", "operator": "excluded"}), [0]),
        (item({"type": "wildcard", "field": "process.name", "value": "*pdater.exe"}), [2, 3, 4]),
        (item({"type": "wildcard", "field": "process.name", "value": "u*"}), [1, 2, 3, 4]),
        (item({"type": "exists", "field": "user.name"}), [0, 1, 2, 4]),
        (item({"type": "exists", "field": "user.name", "operator": "excluded"}), [3]),
        (
            item(
                {"type": "match", "field": "process.name", "value": "helper.exe"},
                {"type": "exists", "field": "user.name"},
            ),
            [0, 1, 2, 3, 4],
        ),
        (
            item(
                {
                    "type": "nested",
                    "field": "process.Ext.code_signature",
                    "entries": [{"type": "match", "field": "trusted", "value": "true", "operator": "included"}],
                }
            ),
            [0, 1, 3, 4],
        ),
        (item({"type": "exists", "field": "host.name"}, os_types=["windows"]), [0, 1, 3, 4]),
        (item({"type": "exists", "field": "host.name"}, expire_time="2026-03-11T08:00:00Z"), [0, 1, 2, 3, 4]),
        (item({"type": "exists", "field": "host.name"}, expire_time="2027-03-11T08:00:00Z"), []),
    ],
)
def test_every_operator_of_an_exception(replay: Callable[..., RuleRun], made: Item, left: list[int]) -> None:
    rule = Rule.model_validate({**single().model_dump(), "exceptions_list": [{"list_id": "mine"}]})
    result = replay(rule, EVENTS, [made]).replay
    assert result is not None
    assert [int(kept.alert["kibana.alert.ancestors"][0]["id"]) for kept in result.kept] == left


@pytest.mark.parametrize(
    ("kind", "text", "left"),
    [("ip", "198.51.100.9\n192.0.2.1\n", [0, 1, 2, 3]), ("ip_range", "198.51.100.0/24\n", [0, 1, 2, 3]),
     ("ip_range", "203.0.113.0-203.0.113.255\n", [4]), ("ip", "nonsense\n", [0, 1, 2, 3, 4])],
)  # fmt: skip
def test_value_lists_are_joined(
    replay: Callable[..., RuleRun], tmp_path: Path, kind: str, text: str, left: list[int]
) -> None:
    (tmp_path / "list.txt").write_text(text)
    rule, made = listed("destination.ip", kind)
    result = replay(rule, EVENTS, [made], {"list.txt": ValueList("list.txt", tmp_path / "list.txt")}).replay
    assert result is not None
    assert [int(kept.alert["kibana.alert.ancestors"][0]["id"]) for kept in result.kept] == left


def listed(field: str, kind: str) -> tuple[Rule, Item]:
    made = item({"type": "list", "field": field, "list": {"id": "list.txt", "type": kind}})
    return Rule.model_validate({**single().model_dump(), "exceptions_list": [{"list_id": "mine"}]}), made


MILLION = {
    "keyword": ("process.name", (f"p{n}.exe" for n in range(1_000_000)), "updater.exe", [1, 2, 3, 4]),
    "text": ("process.name", (f"program {n}" for n in range(1_000_000)), "helper.exe", [0, 1, 3, 4]),
    "ip": (
        "destination.ip",
        (f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(1_000_000)),
        "198.51.100.9",
        [0, 1, 2, 3],
    ),
    "ip_range": (
        "destination.ip",
        (f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}-10.{n >> 16}.255.255" for n in range(1_000_000)),
        "198.51.100.0/24",
        [0, 1, 2, 3],
    ),
}


@pytest.mark.parametrize("kind", MILLION)
def test_a_list_of_a_million_values_is_no_obstacle_and_kibanas_limit_is_told(
    replay: Callable[..., RuleRun], tmp_path: Path, kind: str
) -> None:
    field, values, last, left = MILLION[kind]
    (tmp_path / "list.txt").write_text("".join(f"{value}\n" for value in values) + last)
    rule, made = listed(field, kind)
    result = replay(rule, EVENTS, [made], {"list.txt": ValueList("list.txt", tmp_path / "list.txt")})
    assert result.replay is not None
    assert [int(kept.alert["kibana.alert.ancestors"][0]["id"]) for kept in result.replay.kept] == left
    assert [diagnostic.code for diagnostic in result.diagnostics] == ["N0615"]


def test_values_that_the_field_cannot_have_are_told(replay: Callable[..., RuleRun], tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("198.51.100.9\nnonsense\n10.0.0.0/33\n10.0.0.9-10.0.0.1\n1.2.3.4-x\n")
    rule, made = listed("destination.ip", "ip_range")
    result = replay(rule, EVENTS, [made], {"list.txt": ValueList("list.txt", tmp_path / "list.txt")})
    assert result.replay is not None and len(result.replay.kept) == 4
    (told,) = result.diagnostics
    assert told.code == "W0620" and "4 of 5 values" in told.message and "[nonsense]" in told.message


def test_a_list_whose_file_has_gone_is_told(replay: Callable[..., RuleRun], tmp_path: Path) -> None:
    rule, made = listed("destination.ip", "ip")
    result = replay(rule, EVENTS, [made], {"list.txt": ValueList("list.txt", tmp_path / "gone.txt")})
    assert result.replay is None and "E0608" in [diagnostic.code for diagnostic in result.diagnostics]


addresses = st.integers(0, 40).map(
    lambda n: str(ipaddress.ip_address(n % 20 + (0x0A000000 if n < 30 else 0x20010DB8 << 96)))
)
networks = st.builds(lambda text, less: f"{text}/{(128 if ':' in text else 32) - less}", addresses, st.integers(0, 5))
spans = st.builds(lambda one, two: "-".join(sorted((one, two), key=ipaddress.ip_address)), *2 * [
    st.integers(0, 19).map(lambda n: str(ipaddress.ip_address(0x0A000000 + n)))])  # fmt: skip


@given(st.lists(st.one_of(addresses, networks, spans), max_size=8), addresses)
def test_ranges_cover_what_each_of_them_does(texts: list[str], address: str) -> None:
    def covers(text: str) -> bool:
        one = ipaddress.ip_address(address)
        if "-" in text:
            low, high = map(ipaddress.ip_address, text.split("-"))
            return low.version == one.version and int(low) <= int(one) <= int(high)
        return one in ipaddress.ip_network(text, strict=False)

    listed_ranges, bad = lists._ranges(texts)
    packed = conversions.ip(address)[1]
    low, high = listed_ranges.column("low").to_pylist(), listed_ranges.column("high").to_pylist()
    assert bad == [] and all(
        before < after
        for before, after in pairwise([each for pair in zip(low, high, strict=True) for each in dict.fromkeys(pair)])
    )
    assert any(first <= packed <= last for first, last in zip(low, high, strict=True)) == any(map(covers, texts))


def test_kibanas_filters_hold(replay: Callable[..., RuleRun]) -> None:
    only = {
        "meta": {"negate": False},
        "query": {"match_phrase": {"process.name": "updater.exe"}},
        "$state": {"store": "appState"},
    }
    negated = {"meta": {"negate": True}, "query": {"exists": {"field": "process.name"}}}
    disabled = {"meta": {"disabled": True}, "query": {"exists": {"field": "nothing"}}}
    for filters, left in (([only], 1), ([negated], 2), ([disabled], 5)):
        made = replay(single(filters=filters), EVENTS).replay
        assert made is not None and len(made.kept) == left


def test_overrides_of_severity_risk_and_name(replay: Callable[..., RuleRun]) -> None:
    rule = Rule.model_validate(
        {
            **single().model_dump(),
            "severity_mapping": [
                {"field": "event.severity", "operator": "equals", "value": "9", "severity": "critical"}
            ],
            "risk_score_mapping": [{"field": "event.risk_score", "operator": "equals", "value": ""}],
            "rule_name_override": "event.action",
        }
    )
    event = beat(0)
    event["event"] |= {"severity": 9, "risk_score": 77, "action": "called out"}
    made = replay(rule, [event, beat(1)]).replay
    assert made is not None
    first, second = (kept.alert for kept in made.kept)
    assert (first["kibana.alert.severity"], first["kibana.alert.risk_score"], first["kibana.alert.rule.name"]) == (
        "critical",
        77,
        "called out",
    )
    assert (second["kibana.alert.severity"], second["kibana.alert.risk_score"], second["kibana.alert.rule.name"]) == (
        "low",
        21,
        "Any connection",
    )
    assert first["kibana.alert.original_event.action"] == "called out"


def test_timestamp_override_finds_late_events_and_falls_back(replay: Callable[..., RuleRun]) -> None:
    late = beat(0)
    late["event"] |= {"ingested": "2026-03-11T12:00:00Z"}
    made = replay(single(timestamp_override="event.ingested"), [late, beat(1)]).replay
    assert made is not None and [kept.run for kept in made.kept] == sorted(kept.run for kept in made.kept)
    assert {kept.alert["@timestamp"] for kept in made.kept} == {"2026-03-11T12:00:00.000Z", "2026-03-11T09:05:00.000Z"}
    strict = replay(
        single(timestamp_override="event.ingested", timestamp_override_fallback_disabled=True), [late, beat(1)]
    ).replay
    assert strict is not None and len(strict.kept) == 1 and strict.untimed == 1


def test_the_id_of_an_alert_is_kibanas_hash(replay: Callable[..., RuleRun], tmp_path: Path) -> None:
    made = replay(single(), [beat(0)]).replay
    assert made is not None
    text = f"{tmp_path / 'events.ndjson'}" + "0" + "undefined" + "default:one"
    assert made.kept[0].alert["kibana.alert.uuid"] == hashlib.sha256(text.encode()).hexdigest()


def test_an_alert_names_its_rule_as_kibana_does(replay: Callable[..., RuleRun]) -> None:
    written = {"author": ["A"], "license": "MIT", "enabled": True, "timeline_id": "t"}
    rule = Rule.model_validate({**single().model_dump(), "raw": written})
    made = replay(rule, [beat(0)]).replay
    assert made is not None
    alert = made.kept[0].alert
    told = {
        name: alert.get(f"kibana.alert.rule.{name}")
        for name in (*written, "category", "consumer", "rule_type_id", "throttle")
    }
    assert told == {
        **written, "category": "Event Correlation Rule", "consumer": "siem", "rule_type_id": "siem.eqlRule", "throttle": None,
    }  # fmt: skip


def test_the_list_that_newer_kibanas_leave_to_elastic_defend_is_told(replay: Callable[..., RuleRun]) -> None:
    made = item({"type": "match", "field": "process.name", "value": "updater.exe"})
    listed_there = made.model_copy(update={"list_id": "endpoint_list"})
    rule = Rule.model_validate(
        {**single().model_dump(), "exceptions_list": [{"list_id": "endpoint_list", "namespace_type": "agnostic"}]}
    )
    result = replay(rule, EVENTS, [listed_there.model_copy(update={"namespace_type": "agnostic"})])
    assert result.replay is not None and len(result.replay.kept) == 4
    assert [each.code for each in result.diagnostics] == ["N0622"]


def test_a_schedule_that_is_none_is_told(replay: Callable[..., RuleRun]) -> None:
    made = replay(single(interval="often"), [beat(0)])
    assert made.replay is None and "E0617" in [diagnostic.code for diagnostic in made.diagnostics]


def staged(minute: int, category: str, ingested: int | None = None) -> dict[str, Any]:
    event = {"category": [category], **({} if ingested is None else {"ingested": beat(ingested)["@timestamp"]})}
    return beat(minute, event=event)


PAIR = "sequence by host.name with maxspan=30m [process where true] [file where true]"


def found(made: RuleRun) -> list[tuple[tuple[int | None, ...], str]]:
    """The events of each alert, and the time of its run."""
    assert made.replay is not None
    runs = [kept.alert["@timestamp"][11:16] for kept in made.replay.kept]
    return list(zip((each.match.positions for each in made.replay.schedule.found), runs, strict=True))


def test_a_run_sees_a_sequence_without_the_late_event_within_it(replay: Callable[..., RuleRun]) -> None:
    events = [staged(1, "process"), staged(2, "process", ingested=12), staged(3, "file")]
    made = replay(single(query=PAIR, from_="now-20m"), events)
    assert found(made) == [((0, 2), "09:05"), ((1, 2), "09:15")]
    assert made.replay is not None and (made.replay.matches, made.replay.partial) == (1, 1)


def test_an_event_that_comes_after_every_run_that_looks_so_far_back_is_counted(replay: Callable[..., RuleRun]) -> None:
    events = [staged(1, "process"), staged(3, "file", ingested=40)]
    made = replay(single(query=PAIR, from_="now-20m"), events)
    assert found(made) == [] and made.replay is not None
    assert (made.replay.matches, made.replay.late, len(made.replay.schedule.unseen)) == (1, 1, 1)
    by_ingestion = replay(single(query=PAIR, from_="now-40m", timestamp_override="event.ingested"), events)
    assert (
        found(by_ingestion) == [((0, 1), "09:40")] and by_ingestion.replay is not None and by_ingestion.replay.late == 0
    )


def test_the_end_of_a_range_is_an_absence(replay: Callable[..., RuleRun]) -> None:
    query = "sequence by host.name with maxspan=30m [process where true] ![file where true]"
    made = replay(
        single(query=query, from_="now-9m"), [staged(1, "process"), staged(20, "file"), staged(55, "process")]
    )
    assert found(made) == [((0, None), "09:05"), ((2, None), "09:55")]
    assert made.replay is not None and (made.replay.matches, made.replay.partial) == (1, 1)


@pytest.mark.parametrize(
    ("pipe", "expected"),
    [
        ("", ["09:05", "09:05", "09:05", "09:10", "09:10"]),
        (" | head 1", ["09:05", "09:10"]),
        (" | tail 2", ["09:05", "09:05", "09:10", "09:10"]),
    ],
)
def test_pipes_are_of_each_run(replay: Callable[..., RuleRun], pipe: str, expected: list[str]) -> None:
    made = replay(
        single(query="process where true" + pipe, from_="now-5m"), [staged(n, "process") for n in (1, 2, 3, 6, 7)]
    )
    assert [run for _, run in found(made)] == expected
    assert made.replay is not None and made.replay.matches == 5 and len(made.replay.schedule.cut) == 5 - len(expected)


def test_runs_are_counted_where_nothing_matches(replay: Callable[..., RuleRun]) -> None:
    made = replay(page(), [beat(minute) for minute in range(6)]).replay
    assert made is not None and made.matches == 0 and made.schedule.runs == 2


def test_a_rule_that_nothing_can_satisfy_is_not_searched_and_has_its_runs(
    replay: Callable[..., RuleRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [beat(minute) for minute in range(30)]
    fed = replay(single(), events)
    monkeypatch.setattr("falselight.replay.run.engine.run", pytest.fail)
    starved = replay(single(query='network where tls.client.ja3 == "x"'), events)
    assert starved.starved and fed.replay is not None and starved.replay is not None
    assert starved.replay.schedule.runs == fed.replay.schedule.runs > 0 and not starved.replay.matches


def test_rules_of_one_schedule_share_the_time_of_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "events.ndjson").write_text("".join(json.dumps(beat(minute)) + "\n" for minute in range(30)))
    asked: list[clock.Clock] = []
    span = clock.Clock.span
    monkeypatch.setattr(clock.Clock, "span", lambda self, table: asked.append(self) or span(self, table))
    rules = [single().model_copy(update={"id": str(n), "interval": "5m" if n < 3 else "10m"}) for n in range(4)]
    made = hunt([tmp_path / "events.ndjson"], rules, as_scheduled=True, report=lambda _: None)
    assert len(asked) == 2
    assert [run.replay.schedule.runs for run in made.rules if run.replay is not None] == [7, 7, 7, 4]


def test_a_rule_is_explained_with_filters_exceptions_and_schedule(tmp_path: Path) -> None:
    events = [beat(minute, host=f"ws0{minute % 2}") for minute in range(60)]
    (tmp_path / "events.ndjson").write_text("".join(json.dumps(event) + "\n" for event in events))
    items = [item({"type": "match", "field": "host.name", "value": "ws01"}, name="one host", item_id="a"),
             item({"type": "exists", "field": "host.name"}, name="old", item_id="b", expire_time="2026-01-01T00:00:00Z"),
             item({"type": "list", "field": "host.name", "list": {"id": "absent", "type": "keyword"}}, name="c")]  # fmt: skip
    only = {"meta": {"alias": "morning"}, "query": {"range": {"@timestamp": {"lt": "2026-03-11T09:30:00Z"}}}}
    rule = Rule.model_validate({**page().model_dump(), "exceptions_list": [{"list_id": "mine"}], "filters": [only]})
    table = ingest.read_events([tmp_path / "events.ndjson"], release.schema(), report=pytest.fail)
    made = explain_rule(rule, options(rule), Pack([rule], items=items), table, lambda _: None)
    assert made.query.matches == 42
    told = [(effect.kind, effect.name, effect.status, effect.taken, effect.matches) for effect in made.effects]
    assert told == [
        ("filter", "morning", "holds", (30,), 12),
        ("exception", "one host", "holds", (30,), 21),
        ("exception", "old", "expired", (), None),
        ("exception", "c", "not applied", (), None),
    ]
    assert made.replay.matches == 6 and len(made.replay.kept) == 6
    assert made.to_dict()["replay"]["alerts"] == 6
