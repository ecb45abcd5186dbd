"""What is read from clusters is what the table itself gives: on random cases, and rule by rule for a pack."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from property.cases import MAPPING, Case, cases

from bench import mixed
from falselight import findings, hunting, sources
from falselight.diagnostics import EqlError
from falselight.engines import clustering, sieve
from falselight.engines import clusters as engine_clusters
from falselight.engines import duckdb as engine
from falselight.engines.clustering import GROUPS, WHOLE
from falselight.engines.clusters import cluster
from falselight.eql import walk
from falselight.eql.checker import Options
from falselight.eql.parser import parse
from falselight.findings import Finding
from falselight.plan import narrow, nodes
from falselight.rules import Rule, load
from falselight.searching import plan
from falselight.source import Source
from falselight.sql.predicates import condition
from falselight.store import EventTable, Input, connect

EVENTS, SEED = 20_000, 7


# Nothing is copied without a guard; nothing is left to the table itself.
ALL_GUARDED = {"GUARDED": -1.0, "APART": 2.0}


def agree(case: Case, most_ranges: int, sieved: dict[str, float]) -> None:
    """One random query, asked of the table and of its clusters."""
    options = Options(**{"size": None, **{key: value for key, value in case.options.items() if key in ("size",)}})
    table = sources.load(case.documents, MAPPING).table
    made = plan(case.query, table.schema, options)
    expected = engine.run(made, table).sequences
    if not narrow.can_match(made):
        assert expected == []
        return
    limits = {"EVENTS_PER_CLUSTER": 1, "MOST_RANGES": most_ranges}
    with patch.multiple(engine_clusters, **limits), patch.multiple(sieve, MOST_RANGES=most_ranges, **sieved):
        found = cluster(table, [made])
        if found is None:
            return
        if not found.can_match(made):
            assert expected == [], case.query
            return
        found.copy([made], [])
        assert engine.run(found.narrowed(made), table).sequences == expected, case.query


HEALTH = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much, HealthCheck.large_base_example]


@settings(max_examples=60, suppress_health_check=HEALTH)
@given(cases())
def test_clusters_answer_as_the_table_does(case: Case) -> None:
    agree(case, 24, {})


@settings(max_examples=60, suppress_health_check=HEALTH)
@given(cases())
def test_so_they_do_where_ranges_are_made_coarse(case: Case) -> None:
    agree(case, 1, {})


@settings(max_examples=60, suppress_health_check=HEALTH)
@given(cases(), st.sampled_from([0.0, 1.0]))
def test_so_they_do_where_every_cluster_has_a_guard(case: Case, weak: float) -> None:
    agree(case, 24, {**ALL_GUARDED, "WEAK": weak})


@settings(max_examples=60, deadline=None, suppress_health_check=HEALTH)
@given(cases(), st.sampled_from([-1.0, 0.2, 0.5]))
def test_so_they_do_where_what_matches_much_is_left_to_the_table(case: Case, apart: float) -> None:
    agree(case, 24, {"GUARDED": -1.0, "APART": apart})


SEQUENCES = (
    "sequence by ?host.name with maxspan=3s [e where n > 0] [any where true] [f where true]",
    "sequence with maxspan=5s [any where true] by host.name [any where n < 5] by user [g where true] by host.name",
    "sequence by host.name [any where true] with runs=2 [f where true] until [g where n == 1]",
    "sequence by ?host.name, ?never with maxspan=1m [e where true] ![f where n > 2] [any where true]",
    "sequence [e where true] [f where true]",
)


@settings(max_examples=60, deadline=None, suppress_health_check=HEALTH)
@given(cases(), st.sampled_from(SEQUENCES), st.integers(0, 2))
def test_reading_the_keys_of_one_stage_alone_changes_no_sequence(case: Case, query: str, rare: int) -> None:
    table = sources.load(case.documents, MAPPING).table
    made = plan(query, table.schema, Options(size=None))
    assert isinstance(made, nodes.SequencePlan)
    few = replace(made, rare=rare % len(made.positive))
    assert engine.run(few, table).sequences == engine.run(made, table).sequences


@pytest.fixture(scope="module")
def table() -> Iterator[EventTable]:
    connection = connect()
    mixed.event_table(connection, EVENTS, SEED)
    yield EventTable(connection, mixed.schema(connection), rows=EVENTS, inputs=[Input("mixed")])
    connection.close()


def planned(rules: list[Rule], table: EventTable) -> list[tuple[Rule, nodes.Plan]]:
    return [(rule, plan(Source(rule.query, rule.name), table.schema, hunting.options(rule))) for rule in rules]


def found(rule: Rule, made: nodes.Plan, table: EventTable) -> list[Finding]:
    return list(findings.build(rule, made, walk.key_names(parse(Source(rule.query))), table))


@pytest.mark.parametrize(
    "sieved", [{"APART": sieve.APART}, ALL_GUARDED, {"GUARDED": 0.001, "APART": 0.01, "WEAK": 0.0}]
)
def test_each_rule_of_a_pack_finds_what_it_finds_alone(
    table: EventTable, shared: Path, sieved: dict[str, float]
) -> None:
    rules = load([str(shared / "rules" / "elastic-eql")], pytest.fail)[::3]
    pairs = planned(rules, table)
    fed = [(rule, made) for rule, made in pairs if narrow.can_match(made)]
    assert len(fed) < len(pairs)
    clusters = cluster(table, [made for _, made in fed])
    assert clusters is not None and {"event.category", "host.os.type"} <= clusters.known
    able = [(rule, made) for rule, made in fed if clusters.can_match(made)]
    with patch.multiple(sieve, **sieved):
        clusters.copy([made for _, made in able], findings.DETAILS)
    ((copied,),) = table.connection.execute(f"SELECT count(*) FROM {WHOLE}").fetchall()
    assert 0 < copied < table.rows / 2
    names = {rule.id for rule, _ in able}
    wrong, matched = [], 0
    for rule, made in pairs:
        alone = found(rule, made, table)
        together = found(rule, clusters.narrowed(made), table) if rule.id in names else []
        matched += bool(alone)
        if alone != together:
            wrong.append(rule.name)
    assert not wrong and matched


QUERIES = (
    'process where process.parent.name : "w3wp.exe" and process.args : "--id"',
    'sequence by host.id with maxspan=1h [process where process.name : "CMD.exe"] [file where file.extension == "exe"]',
    'any where process.name like~ "*script.exe" and not event.action == "end"',
    'sequence by host.id with maxspan=5m [network where true] with runs=3 until [process where process.name == "sc.exe"]',
    'sample by host.id [process where process.name == "sc.exe"] [registry where registry.value == "Start"]',
    'process where dll.name == "ntdll.dll"',
    'file where never.filled == "x" or file.extension == "ps1"',
)


def test_hunting_marks_what_no_event_can_satisfy(table: EventTable) -> None:
    rules = [Rule(id=str(number), name=query, query=query.replace("never.filled", "tls.client.ja3")) for number, query in
             enumerate(QUERIES)]  # fmt: skip
    pairs = planned(rules, table)
    clusters = cluster(table, [made for _, made in pairs])
    assert clusters is not None
    clusters.copy([made for _, made in pairs], findings.DETAILS)
    results = [(found(rule, made, table), found(rule, clusters.narrowed(made), table)) for rule, made in pairs]
    assert all(alone == together for alone, together in results)
    assert [bool(alone) for alone, _ in results] == [True, True, True, True, True, False, True]


@pytest.mark.parametrize("threads", [1, 4])
def test_threads_change_no_finding(table: EventTable, shared: Path, threads: int) -> None:
    rules = load([str(shared / "rules" / "elastic-eql")], pytest.fail)[::12]
    alone = hunting.hunt_table(table, rules, clustered=False)
    connection = connect(threads=threads)
    mixed.event_table(connection, EVENTS, SEED)
    same = EventTable(connection, mixed.schema(connection), rows=EVENTS, inputs=[Input("mixed")])
    together = hunting.hunt_table(same, rules, clustered=True)
    assert together.layout_seconds > 0
    assert [run.findings for run in together.rules] == [run.findings for run in alone.rules]
    assert any(run.findings for run in alone.rules)
    connection.close()


def test_what_is_judged_together_is_what_each_is_alone(table: EventTable) -> None:
    made = [made for _, made in planned([Rule(id=q, name=q, query=q) for q in QUERIES[:6]], table)]
    one, other = cluster(table, made), cluster(table, made)
    assert one is not None and other is not None
    one.judge(made)
    for predicate in (each for one_plan in made for each in narrow.predicates(one_plan)):
        ranges = one.of(predicate)
        assert ranges == other.of(predicate)
        assert all(low <= high for low, high in ranges) and all(a[1] + 1 < b[0] for a, b in pairwise(ranges))
        asked = condition(narrow.relaxed(predicate, one.known))
        held = table.connection.execute(f'SELECT _cluster FROM "{GROUPS}" WHERE {asked} ORDER BY 1').fetchall()
        assert [number for (number,) in held] == [each for low, high in ranges for each in range(low, high + 1)]


def test_a_condition_that_cannot_be_judged_with_others_leaves_them_to_be_asked_alone(table: EventTable) -> None:
    made = [made for _, made in planned([Rule(id=q, name=q, query=q) for q in QUERIES[:3]], table)]
    found = cluster(table, made)
    assert found is not None
    with patch.object(engine_clusters, "condition", lambda predicate: "no_such_column = 1"):
        found.judge(made)
        with pytest.raises(EqlError):
            found.of(made[0].predicate if isinstance(made[0], nodes.EventPlan) else nodes.ALWAYS)
    assert found.can_match(made[0])


def test_clusters_that_share_a_hash_are_not_used(table: EventTable) -> None:
    made = [made for _, made in planned([Rule(id=q, name=q, query=q) for q in QUERIES[:3]], table)]
    assert cluster(table, made) is not None
    with patch.object(clustering, "_hash", lambda keys: f"hash({keys[0]})"):
        assert cluster(table, made) is None


def test_a_plan_whose_field_is_never_filled_cannot_match(table: EventTable) -> None:
    def can(query: str) -> bool:
        return narrow.can_match(plan(query, table.schema, Options(size=None)))

    assert not can('process where tls.client.ja3 == "x"')
    assert not can('process where process.name == "x" and (tls.client.ja3 == "x" or tls.server.ja3s : "y*")')
    assert can('process where not tls.client.ja3 == "x"')
    assert can("process where tls.client.ja3 == null")
    assert not can("sequence by tls.client.ja3 [process where true] [file where true]")
    assert can(
        "sequence by host.id with maxspan=1m [process where true] ![file where tls.client.ja3 != null] [file where true]"
    )
    assert not can("sequence by host.id [process where true] [file where tls.client.ja3 != null]")
