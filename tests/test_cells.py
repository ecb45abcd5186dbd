"""Many values of a field at once are what each of them is alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from falselight import cells
from falselight import values as conversions
from falselight.ecs.schema import Field

TYPES = (
    "keyword", "wildcard", "text", "version", "ip", "long", "byte", "unsigned_long", "double", "half_float", "boolean", "date",
    "date_nanos",
)  # fmt: skip
FORMATS = (None, "strict_date_optional_time||epoch_millis", "yyyy/MM/dd||epoch_millis")
WORDS = st.sampled_from(["", "a", "12", "007", "1.5", "true", "10.0.0.1", "::FFFF:1.2.3.4", "\ud800", "2024/05/01"])
MOMENTS = st.sampled_from(
    [
        "2024-05-01T10:00:00Z",
        "1969-12-31T23:59:59.9999Z",
        "2024-05-01T10:00:00.123456789Z",
        "1677-01-01T00:00:00Z",
        "2024-05-01",
    ]
)


@pytest.fixture(autouse=True, params=[0, 1_000], ids=["many", "few"])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways, whatever the number."""
    monkeypatch.setattr(cells, "_FEW", request.param)


KINDS = (WORDS, MOMENTS, st.integers(-(2**70), 2**70), st.integers(-9, 9), st.booleans(), st.floats())
one_kind = st.sampled_from(KINDS).flatmap(lambda kind: st.lists(kind, min_size=1, max_size=6))
several = st.lists(st.one_of(*KINDS), min_size=1, max_size=6)


def alone(entry: Field, value: Any) -> Any:
    convert = conversions.converter(entry)
    assert convert is not None
    try:
        return convert(value)
    except conversions.Malformed:
        return cells.REJECTED


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(TYPES), st.sampled_from(FORMATS), st.one_of(one_kind, several))
def test_values_together_are_converted_as_each_alone(kind: str, format: str | None, raw: list[Any]) -> None:
    entry = Field("f", kind, format=format)
    expected = [alone(entry, value) for value in raw]
    made, whole = cells.converted(entry, raw)
    assert repr(list(made)) == repr(expected) and list(map(type, made)) == list(map(type, expected))
    assert whole == (None not in expected and cells.REJECTED not in expected)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(MOMENTS, min_size=1, max_size=5))
def test_times_are_exact(raw: list[str]) -> None:
    reach = range(-(2**63), 2**63)
    alone = [conversions.date(value) for value in raw]
    assert list(cells.times(Field("f", "date"), raw)) == [nanos if nanos in reach else None for nanos in alone]
    assert list(cells.times(Field("f", "keyword"), raw)) == [None] * len(raw)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([0, 1, 2], ["0", "1", "2"]), ([1], [None, "0", None]), ([0, 2], ["0", None, "1"]),
        ([0, 0, 2], [["0", "1"], None, ["2"]]), ([2, 2, 2], [None, None, ["0", "1", "2"]]),
    ],
)  # fmt: skip
def test_a_column_holds_lists_where_some_row_has_several_values(rows: list[int], expected: list[Any]) -> None:
    made = cells.column(Field("f", "keyword"), rows, [str(place) for place in range(len(rows))], 3)
    made.validate(full=True)
    assert made.to_pylist() == expected
