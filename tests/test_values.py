"""Values as Elasticsearch's mappers take them."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falselight import timestamps, values


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("::ffff:1.2.3.4", "1.2.3.4"), ("2001:503:ba3e:0:0:0:2:30", "2001:503:ba3e::2:30"), ("0:0:0:0:0:0:0:0", "::"),
        ("FE80::1", "fe80::1"), ("1:0:0:2:0:0:0:3", "1:0:0:2::3"), ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"),
    ],
)  # fmt: skip
def test_ip_is_canonical(text: str, canonical: str) -> None:
    assert values.ip(text)[0] == canonical


SPARSE = st.lists(st.sampled_from([0, 0, 1, 0xFFFF]), min_size=8, max_size=8).map(
    lambda groups: ipaddress.IPv6Address(b"".join(group.to_bytes(2, "big") for group in groups))
)


@given(st.one_of(st.ip_addresses(v=6), SPARSE))
def test_ip_text_and_bytes_agree(address: ipaddress.IPv6Address) -> None:
    canonical, packed = values.ip(address.exploded)
    assert canonical == str(address.ipv4_mapped or address)
    assert canonical == values.ip(str(address))[0]
    assert packed == address.packed
    assert values.ip(canonical) == (canonical, packed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.2.3",
        "01.2.3.4",
        "fe80::1%eth0",
        "::1\0",
        "::\u0661",
        "::1.2.3",
        "::01.2.3.4",
        "12345::",
        ":::",
        "1.2.3.4/8",
        "x",
    ],
)
def test_ip_refuses(text: str) -> None:
    with pytest.raises(values.Malformed):
        values.ip(text)


def test_versions_sort_by_precedence() -> None:
    order = [
        "1",
        "1.0",
        "1.2.4-1",
        "1.2.4-alpha",
        "1.2.4-alpha.9",
        "1.2.4-alpha.10",
        "1.2.4-SNAPSHOT",
        "1.2.4",
        "1.5.0",
    ]
    order = sorted(order, key=values.version_order)
    assert order == [
        "1", "1.0", "1.2.4-1", "1.2.4-SNAPSHOT", "1.2.4-alpha", "1.2.4-alpha.9", "1.2.4-alpha.10", "1.2.4", "1.5.0",
    ]  # fmt: skip
    assert sorted(["v1", "", "2.0", "10.0", "01.0"], key=values.version_order) == ["2.0", "10.0", "", "01.0", "v1"]


@pytest.mark.parametrize(("value", "stored"), [("12", 12), (12.7, 12), ("-12.7", -12), ("1e3", 1000), ("", None)])
def test_long_coerces(value: object, stored: int | None) -> None:
    assert values.integer(value) == stored


@pytest.mark.parametrize("value", [True, "x", 2**63, "1e9999", float("inf"), "0x10", " 1", None, {}])
def test_long_refuses(value: object) -> None:
    with pytest.raises(values.Malformed):
        values.integer(value)


def test_reals_are_rounded_to_their_type() -> None:
    assert values.real("0.1", "float") == 13421773 / 2**27
    assert values.real(1.234, "scaled_float", 100) == 1.23
    for kind, value in (("half_float", 70000), ("float", 1e39), ("double", "1e999")):
        with pytest.raises(values.Malformed):
            values.real(value, kind)


def test_keyword_text_is_as_json_prints() -> None:
    assert [values.text(value) for value in (1, 1.5, 1.0, True, "x")] == ["1", "1.5", "1.0", "true", "x"]


@pytest.mark.parametrize(
    ("text", "format", "nanos"),
    [
        ("1970-01-01T00:00:01.5Z", None, 1_500_000_000),
        ("1970-01-01T01:00+01:00", None, 0),
        ("1970-01", None, 0),
        ("1969-12-31T23:59:59.999999999Z", None, -1),
        ("1504126051000.25", None, 1_504_126_051_000_250_000),
        ("-1", None, -1_000_000),
        ("12-12-2022", "dd-MM-yyyy", 1_670_803_200_000_000_000),
        ("2022/12/12 01:02:03", "yyyy/MM/dd HH:mm:ss||yyyy/MM/dd", 1_670_806_923_000_000_000),
        ("12/Dec/2022:00:00:00 -0200", "dd/MMM/yyyy:HH:mm:ss Z", 1_670_810_400_000_000_000),
        ("1.5", "epoch_second", 1_500_000_000),
        ("2022-02-30", None, None),
        ("2022-12-12T25:00", None, None),
        ("2022-12-12T10:00:00../../etc", None, None),
    ],
)
def test_dates(text: str, format: str | None, nanos: int | None) -> None:
    assert timestamps.parse(text, format) == nanos


def test_unknown_format_is_refused() -> None:
    with pytest.raises(timestamps.UnknownFormat):
        timestamps.parse("1", "yyyy-QQ")


def test_pure_numbers_are_not_detected_as_dates() -> None:
    assert timestamps.detect("20221212") is None
    assert timestamps.detect("2022-12-12") == timestamps.DEFAULT_FORMAT
    assert timestamps.detect("10.0.0.1-x") is None
