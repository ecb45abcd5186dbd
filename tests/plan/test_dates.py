"""What instants a date constant names."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falselight.plan import dates

DAY = 86_400_000


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("1970-01-02", DAY, 2 * DAY - 1),
        ("1970-01", 0, DAY - 1),  # Elasticsearch fills a missing day with 1, not with the month's last
        ("1970-01-01T00", 0, 3_599_999),
        ("1970-01-01T00:00:01", 1000, 1999),
        ("1970-01-01T00:00:01.5Z", 1500, 1500),
        ("1970-01-01T01:00:00.000+01:00", 0, 0),
        ("86400000", DAY, DAY),
        ("-1", -1, -1),
        ("1970-01-31||+1M", 27 * DAY + 31 * DAY, 27 * DAY + 32 * DAY - 1),
        ("1970-01-15||/M", 0, 31 * DAY - 1),
        ("1970-01-07||/w", 4 * DAY, 11 * DAY - 1),
    ],
)
def test_span(text: str, low: int, high: int) -> None:
    assert dates.span(text) == (low, high)


def test_now_is_given_or_the_clock() -> None:
    assert dates.span("now-1d", now=2 * DAY * 1_000_000) == (DAY, DAY)
    assert dates.span("now/d", now=DAY * 1_000_000 + 5_000_000) == (DAY, 2 * DAY - 1)


def test_own_format() -> None:
    assert dates.span("02-01-1970", "dd-MM-yyyy") == (DAY, 2 * DAY - 1)
    assert dates.span("1", "epoch_second") == (1000, 1999)


def test_nanoseconds() -> None:
    assert dates.span("1970-01-01T00:00:00.000000001Z", nanoseconds=True) == (1, 1)
    assert dates.span("1.000001", nanoseconds=True) == (1_000_001, 1_000_001)


@pytest.mark.parametrize("text", ["", "yesterday", "1970-13-01", "1970-02-30", "1970-01-01||+1x", "02-01-1970"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"form|not understood"):
        dates.span(text)


def test_iso_prints_the_digits_there_are() -> None:
    assert dates.iso(0) == "1970-01-01T00:00:00.000Z"
    assert dates.iso(1_500_000) == "1970-01-01T00:00:00.001500000Z"
    assert dates.iso(-1_000_000) == "1969-12-31T23:59:59.999Z"


@given(st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31)))
def test_iso_agrees_with_python(moment: datetime) -> None:
    cut = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    milliseconds = (cut - datetime(1970, 1, 1)) // timedelta(milliseconds=1)
    assert dates.iso(milliseconds * 1_000_000) == cut.isoformat(timespec="milliseconds") + "Z"


def test_years_of_five_digits() -> None:
    assert dates.iso(253_402_300_800 * 1_000_000_000) == "+10000-01-01T00:00:00.000Z"
    assert dates.iso(-62_198_755_200 * 1_000_000_000) == "-0001-01-01T00:00:00.000Z"


def test_math_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(ValueError, match=r"out of range|9999"):
        dates.span("9999-01-01||+9999y")
