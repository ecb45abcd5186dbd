"""The way taken where most keys have too few events gives the same answer, and is chosen by a sample."""

from __future__ import annotations

import pytest

from falselight import sources
from falselight.engines import duckdb as engine
from falselight.eql.checker import Options
from falselight.plan import nodes
from falselight.searching import plan
from falselight.sql import emit

QUERY = "sequence by ?host.name with maxspan=1m [network where true] with runs=3 until [dns where true]"


def loaded(keys: int, each: int) -> sources.Loaded:
    documents = [
        {
            "@timestamp": f"2026-01-01T00:00:{number % 60:02d}Z",
            "event": {"category": "network"},
            "host": {"name": f"h{number % keys}"},
        }
        for number in range(keys * each)
    ]
    return sources.load(
        [*documents, {"@timestamp": "2026-01-01T00:00:30Z", "event": {"category": "dns"}, "host": {"name": "h1"}}], None
    )


@pytest.mark.parametrize(("keys", "each"), [(40, 2), (5, 12), (1, 60)])
def test_both_ways_agree(keys: int, each: int) -> None:
    table = loaded(keys, each).table
    made = plan(QUERY, table.schema, Options(size=None))
    assert isinstance(made, nodes.SequencePlan)
    ways = [engine.execute(table, emit.per_key(made, table.name, sparse=way)).fetchall() for way in (False, True)]
    assert sorted(ways[0]) == sorted(ways[1])
    assert bool(ways[0]) == (each > 2)


@pytest.mark.parametrize(("keys", "each", "sparse"), [(30_000, 1, True), (20, 1_500, False)])
def test_a_sample_tells(monkeypatch: pytest.MonkeyPatch, keys: int, each: int, sparse: bool) -> None:
    table = loaded(keys, each).table
    made = plan(QUERY, table.schema, Options(size=None))
    assert isinstance(made, nodes.SequencePlan)
    assert not engine.is_sparse(made, table)
    monkeypatch.setattr("falselight.engines.duckdb.LARGE_TABLE", 1)
    monkeypatch.setattr("falselight.sql.sequences.SAMPLE_PERCENT", 50)
    monkeypatch.setattr("falselight.engines.duckdb.SAMPLE_PERCENT", 50)
    assert engine.is_sparse(made, table) is sparse
