"""Each stage of a compilation can be shown."""

from __future__ import annotations

import pytest

import falselight
from falselight.compiling import STAGES, compile
from falselight.ecs import release

QUERY = 'sequence by host.name with maxspan=1h [network where not destination.domain : "*x.com"] with runs=3'


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("tokens", ["1:1\tsequence\tsequence", '"*x.com"']),
        ("syntax", ["SequenceQuery maxspan=3600000", "Match operator=':'"]),
        ("typed", ["field: destination.domain (keyword)"]),
        ("plan", ["Like patterns=('*x.com',) insensitive=True"]),
        ("sql", ["lead(t, 2)", "PARTITION BY k0", '"destination.domain"', "<= 3600000"]),
    ],
)
def test_stages(stage: str, words: list[str]) -> None:
    text = compile(QUERY, release.schema(), stage=stage)
    for word in words:
        assert word in text


def test_elasticsearch_takes_the_query_itself() -> None:
    assert compile(f" {QUERY}\n", release.schema(), engine="elasticsearch") == QUERY


def test_unknown_stages_and_engines_are_refused() -> None:
    for wrong in ({"stage": "assembly"}, {"engine": "sqlite"}):
        with pytest.raises(falselight.EqlError, match="stages are " + ", ".join(STAGES)):
            compile(QUERY, release.schema(), **wrong)
