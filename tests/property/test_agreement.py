"""The compiler and the reference interpreter agree on random documents and queries of every construct."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from reference.interpreter import Request, search

import falselight
from falselight.eql.parser import parse
from falselight.source import Source
from property.cases import MAPPING, Case, cases


def agree(case: Case) -> None:
    try:
        answer = falselight.search(case.query, case.documents, mapping=MAPPING, **case.options)
    except falselight.EqlError as fault:
        raise AssertionError(f"refused: {fault}\n{case.query}") from fault
    found = [[event.position for event in hit.events] for hit in answer]
    expected = search(parse(Source(case.query)), case.documents, MAPPING, Request(**case.options))
    told = "\n".join(map(json.dumps, case.documents))
    assert found == [places for _, places in expected], f"{case.query}\n{case.options}\n{told}"


HEALTH = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much, HealthCheck.large_base_example]


@settings(max_examples=500, suppress_health_check=HEALTH)
@given(cases())
def test_agreement(case: Case) -> None:
    agree(case)


@pytest.mark.nightly
@settings(max_examples=20_000, suppress_health_check=HEALTH)
@given(cases())
def test_agreement_at_length(case: Case) -> None:
    agree(case)
