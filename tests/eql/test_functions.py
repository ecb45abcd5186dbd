"""The function registry."""

from __future__ import annotations

import pytest

from falselight.eql import functions

TILDES = {"between", "endsWith", "indexOf", "startsWith", "stringContains"}
NAMES = {
    "add", "between", "cidrMatch", "concat", "divide", "endsWith", "indexOf", "length", "modulo", "multiply", "number",
    "startsWith", "string", "stringContains", "substring", "subtract",
}  # fmt: skip


def test_exactly_the_functions_of_elasticsearch() -> None:
    assert {name for name, found in functions.signatures().items() if not found.internal} == NAMES
    assert {name for name, found in functions.signatures().items() if found.insensitive} == TILDES


def test_names_ignore_case() -> None:
    found = functions.find("STRINGcontains")
    assert found is not None and found.name == "stringContains"
    assert functions.find("negate") is None and functions.find("match") is None


def test_similar() -> None:
    assert functions.similar("lenght")[0] == "length"
    assert functions.similar("cidr_match")[0] == "cidrMatch"
    assert functions.similar("zzzz") == []


@pytest.mark.parametrize(
    ("name", "count", "fault"),
    [
        ("length", 1, None),
        ("length", 0, "error building [length]: expects exactly one argument"),
        ("startsWith", 3, "error building [startswith]: expects exactly two arguments"),
        ("substring", 1, "error building [substring]: expects two or three arguments"),
        ("between", 5, "error building [between]: expects three or four arguments"),
        ("number", 0, "error building [number]: expects one or two arguments"),
        ("cidrMatch", 1, "error building [cidrmatch]: expects at least two arguments"),
        ("cidrMatch", 9, None),
        ("concat", 0, "error building [concat]: expects at least one argument"),
        ("concat", 7, None),
    ],
)
def test_arity(name: str, count: int, fault: str | None) -> None:
    found = functions.find(name)
    assert found is not None and found.arity_fault(count) == fault


def test_tilde() -> None:
    length, between = functions.find("length"), functions.find("between")
    assert length is not None and between is not None
    assert between.tilde_fault() is None
    assert "[length]" in (length.tilde_fault() or "")


def test_parameters() -> None:
    between, cidr = functions.find("between"), functions.find("cidrMatch")
    assert between is not None and cidr is not None
    assert [between.parameter(position).type for position in range(4)] == ["string", "string", "string", "boolean"]
    assert cidr.parameter(5).constant and cidr.maximum is None
