"""EQL's functions in DuckDB against plain Python models of what Java does."""

from __future__ import annotations

import math
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from falselight.eql import functions as registry
from falselight.sql import functions, spelling

SHARED = Path(os.environ.get("FALSELIGHT_SHARED", Path(__file__).resolve().parents[3] / "shared"))
CONFORMANCE = SHARED / "conformance" / "functions.toml"
CONNECTION = duckdb.connect()
functions.install(CONNECTION)
CONNECTION.execute("CREATE TEMP TABLE arguments (s TEXT, p TEXT, q TEXT, a BIGINT, b BIGINT, x DOUBLE, y DOUBLE)")

TEXTS = st.text(alphabet="abAB\u00e9\u0130\U0001f600\n.", max_size=6)
LEFTS = st.text(alphabet="aAbB\u00e9\U0001f600", max_size=2)
RIGHTS = st.text(alphabet="aAbB.", max_size=2)
OFFSETS = st.one_of(st.none(), st.integers(-9, 9))
EXTREMES = st.sampled_from([2**63 - 1, -(2**63), 2**31, -(2**31)])
LONGS = st.one_of(st.integers(-5, 5), EXTREMES, st.integers(-(2**63), 2**63 - 1))


def value(sql: str, *arguments: Any) -> Any:
    row = CONNECTION.execute(f"SELECT {sql}", list(arguments)).fetchone()
    assert row is not None
    return row[0]


def type_name(argument: Any) -> str:
    if argument is None:
        return "null"
    if isinstance(argument, bool):
        return "boolean"
    return "long" if isinstance(argument, int) else "double" if isinstance(argument, float) else "keyword"


def called(name: str, *arguments: Any, insensitive: bool = False) -> Any:
    """The call with constants as the emitter would write them."""
    texts = [spelling.literal(argument) for argument in arguments]
    return value(functions.call(name, texts, [type_name(argument) for argument in arguments], insensitive))


def on_columns(sql: str, **columns: Any) -> Any:
    """The expression over a stored row: nothing is folded."""
    CONNECTION.execute("DELETE FROM arguments")
    names = ", ".join(columns)
    marks = ", ".join("?" for _ in columns)
    CONNECTION.execute(f"INSERT INTO arguments ({names}) VALUES ({marks})", list(columns.values()))
    row = CONNECTION.execute(f"SELECT {sql} FROM arguments").fetchone()
    assert row is not None
    return row[0]


# -- models: a text as Java sees it is a list of UTF-16 units ----------------------------------------------------------


def units(text: str) -> list[int]:
    data = text.encode("utf-16-le")
    return [int.from_bytes(data[i : i + 2], "little") for i in range(0, len(data), 2)]


def text_of(found: list[int]) -> str:
    return b"".join(unit.to_bytes(2, "little") for unit in found).decode("utf-16-le", errors="replace")


def java_find(text: list[int], part: list[int], start: int) -> int | None:
    start = min(max(start, 0), len(text))
    places = (at for at in range(start, len(text) - len(part) + 1) if text[at : at + len(part)] == part)
    return next(places, None)


def java_between(text: str, left: str, right: str, greedy: bool, insensitive: bool) -> str | None:
    if not text or not left or not right:
        return text
    searched = text.lower() if insensitive else text
    left, right = (left.lower(), right.lower()) if insensitive else (left, right)
    found = searched.find(left)
    if found < 0:
        return ""
    start = found + len(left)
    end = searched.rfind(right) if greedy else searched.find(right, start)
    if end < 0:
        return ""
    return text[start:end] if start <= end <= len(text) else None


def java_double(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    if number == 0 or 1e-3 <= abs(number) < 1e7:
        return repr(number)
    sign, digits, exponent = re.fullmatch(r"(-?)([0-9.]+)(?:e([+-]?[0-9]+))?", repr(number)).groups()  # type: ignore[union-attr]
    whole, _, fraction = digits.partition(".")
    power = int(exponent or 0) + len(whole) - 1
    significant = (whole + fraction).lstrip("0")
    power -= len(whole + fraction) - len(significant)
    significant = significant.rstrip("0")
    return f"{sign}{significant[0]}.{significant[1:] or '0'}E{power}"


def java_long(result: int) -> int | None:
    return result if -(2**63) <= result < 2**63 else None


# -- tests -------------------------------------------------------------------------------------------------------------


def test_every_function_has_a_call_but_cidr_match() -> None:
    assert set(functions.calls()) == set(registry.signatures()) - {"cidrMatch"}


def test_install_creates_only_what_a_statement_needs() -> None:
    connection = duckdb.connect()
    functions.install(connection, "SELECT 1")
    with pytest.raises(duckdb.CatalogException):
        connection.execute("SELECT eql_length('a')")
    functions.install(connection, "SELECT eql_index_of(x, y)")
    assert connection.execute("SELECT eql_index_of('😀b', 'b', 0)").fetchone() == (2,)
    for name in functions.macros():
        functions.install(duckdb.connect(), name)


FLAT_CALL = re.compile(r"(\w+)(~?)\((.*)\)", re.DOTALL)
FLAT_ARITHMETIC = re.compile(r"(-?[0-9.]+) ([-+*/%]) (-?[0-9.]+)")
WORDS = {"null": None, "true": True, "false": False}
OPERATORS = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "modulo"}


def constant(written: str) -> Any:
    if written.startswith('"'):
        return written[1:-1]
    return WORDS[written] if written in WORDS else float(written) if "." in written else int(written)


@pytest.mark.skipif(not CONFORMANCE.exists(), reason="the conformance cases are not here (FALSELIGHT_SHARED)")
def test_conformance() -> None:
    wrong, done = [], 0
    for case in tomllib.loads(CONFORMANCE.read_text(encoding="utf-8"))["tests"]:
        written = case["expression"]
        if call := FLAT_CALL.fullmatch(written):
            found = registry.find(call[1])
            assert found is not None
            arguments = [constant(one) for one in re.findall(r'"[^"]*"|[^\s,]+', call[3])]
            result = called(found.name, *arguments, insensitive=bool(call[2]))
        elif sum_ := FLAT_ARITHMETIC.fullmatch(written):
            result = called(OPERATORS[sum_[2]], constant(sum_[1]), constant(sum_[3]))
        else:
            continue
        done += 1
        if result != case.get("expected"):
            wrong.append((written, result, case.get("expected")))
    assert wrong == [] and done > 40


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("number", ("0xdeadbeef",), 3735928559.0),
        ("number", ("0xdeadbeef", 16), 3735928559.0),
        ("number", ("0x1337", 10), None),
        ("number", ("deadbeef", 16), 3735928559.0),
        ("number", ("  1337  ",), 1337.0),
        ("number", (" 1337", 8), None),
        ("number", ("+1337",), 1337.0),
        ("number", ("1e3",), 1000.0),
        ("number", ("1.5f",), 1.5),
        ("number", ("1_000",), None),
        ("number", ("",), None),
        ("number", ("x",), None),
        ("number", ("12", 1), None),
        ("number", ("12", 2), None),
        ("number", ("-zz", 36), -1295.0),
        ("number", ("1" * 63, 2), float(2**63 - 1)),
        ("number", ("1" * 64, 2), None),
        ("number", ("8000000000000000", 16), None),
        ("number", ("-8000000000000000", 16), float(-(2**63))),
        ("number", ("0" * 99 + "7", 8), 7.0),
        ("number", ("1337", None), 1337.0),
        ("number", (None, 16), None),
        ("number", ("-1e999",), -math.inf),
        ("number", ("Infinity",), math.inf),
        ("string", (42,), "42"),
        ("string", (True,), "true"),
        ("string", (4.0,), "4.0"),
        ("string", (1e10,), "1.0E10"),
        ("string", (None,), None),
        ("concat", ("a", 42.5, 7, False), "a42.57false"),
        ("concat", ("a", None), None),
        ("indexOf", ("abc", None), None),
        ("indexOf", ("abc", "c", None), 2),
        ("stringContains", ("", ""), False),
        ("stringContains", ("a", None), None),
        ("between", ("", "a", "b"), ""),
        ("between", ("x", "", "b"), "x"),
        ("between", ("ba", "a", "b", True), None),
        ("between", ("aXbXb", "X", "b", True), "bX"),
        ("between", (None, "a", "b"), None),
        ("substring", ("abc", 2, 1), ""),
        ("substring", ("abc", None), "abc"),
        ("length", (None,), None),
        ("divide", (-7, 2), -3),
        ("divide", (7, 0), None),
        ("divide", (1.0, 0), math.inf),
        ("divide", (-(2**63), -1), -(2**63)),
        ("modulo", (-7, 3), -1),
        ("modulo", (7, 0), None),
        ("modulo", (-(2**63), -1), 0),
        ("modulo", (10, 0.5), 0.0),
        ("add", (2**63 - 1, 1), None),
        ("add", (1, None), None),
        ("negate", (-(2**63),), None),
        ("negate", (2.5,), -2.5),
    ],
)  # fmt: skip
def test_edges(name: str, arguments: tuple[Any, ...], expected: Any) -> None:
    result = called(name, *arguments)
    assert result == expected and type(result) is type(expected)


def test_dates_as_java_writes_them() -> None:
    assert value(functions.string("1514764800000", "date")) == "2018-01-01T00:00Z"
    assert value(functions.string("1514764860000", "date")) == "2018-01-01T00:01Z"
    assert value(functions.string("1514764801020", "date")) == "2018-01-01T00:00:01.020Z"
    assert value(functions.string("-1", "date")) == "1969-12-31T23:59:59.999Z"
    assert value(functions.string("1514764801020000000", "date_nanos")) == "2018-01-01T00:00:01.020Z"
    assert value(functions.string("1514764800000001000", "date_nanos")) == "2018-01-01T00:00:00.000001Z"
    assert value(functions.string("-1", "date_nanos")) == "1969-12-31T23:59:59.999999999Z"


def test_unsigned_long() -> None:
    most = str(2**64 - 1)
    assert value(functions.call("add", [most, "0"], ["unsigned_long", "integer"])) == 2**64 - 1
    assert value(functions.call("add", [most, "1"], ["unsigned_long", "integer"])) is None
    assert value(functions.call("subtract", ["1", "2"], ["unsigned_long", "integer"])) is None


def test_cidr() -> None:
    low, high = bytes(10) + b"\xff\xff\x0a\x00\x00\x00", bytes(10) + b"\xff\xff\x0a\xff\xff\xff"
    inside = functions.cidr(spelling.literal(bytes(10) + b"\xff\xff\x0a\x01\x02\x03"), [(low, high)])
    outside = functions.cidr(spelling.literal(bytes(16)), [(low, high)])
    assert value(inside) is True and value(outside) is False


def test_one_bad_value_does_not_end_a_query() -> None:
    rows = "(VALUES ('7', 1), ('x', 0), ('0x', 9223372036854775807)) AS rows(s, a)"
    product = functions.call("multiply", ["a", "a"], ["long", "long"])
    quotient = functions.call("divide", ["10", "a"], ["long", "long"])
    number = functions.call("number", ["s"], ["keyword"])
    found = CONNECTION.execute(f"SELECT {number}, {quotient}, {product} FROM {rows}").fetchall()
    assert found == [(7.0, 10, 1), (None, None, 0), (None, 0, None)]


def test_nested_calls_stay_small() -> None:
    sql = "s"
    for _ in range(12):
        joined = functions.call("concat", [sql, "'x'"], ["keyword"] * 2)
        sql = functions.call("substring", [joined, "1"], ["keyword", "long"])
    assert len(sql) < 4_000
    assert on_columns(sql, s="abcdef") == ("abcdef" + "x" * 12)[12:]
    joined = functions.call("concat", ["s"] * 20, ["keyword"] * 20)
    for name, others in (("indexOf", ["p"]), ("between", ["p", "q"]), ("length", []), ("number", [])):
        sql = functions.call(name, [joined, *others], ["keyword"] * (1 + len(others)), name in ("indexOf", "between"))
        assert sql.count(joined) == 1 and sql.startswith("list_transform")
        on_columns(sql, s="A\U0001f600", p="\U0001f600", q="a")


def test_lower_case_of_a_final_sigma() -> None:
    for text in ("ΑΣ", "ΑΣ ΒΣ.", "Σ", "ΑΣΑ", "ΑΣ’Α"):
        assert value("eql_lower(?)", text) == text.lower()


@settings(max_examples=150)
@given(TEXTS, TEXTS, OFFSETS, st.booleans())
@example("\U0001f600b\U0001f600b", "b", 4, False)
@example("\U0001f600", "", 1, False)
def test_index_of(text: str, part: str, start: int | None, insensitive: bool) -> None:
    searched, wanted = (text.lower(), part.lower()) if insensitive else (text, part)
    sql = functions.call("indexOf", ["s", "p", "a"], ["keyword", "keyword", "long"], insensitive)
    assert on_columns(sql, s=text, p=part, a=start) == java_find(units(searched), units(wanted), start or 0)


@settings(max_examples=150)
@given(TEXTS, OFFSETS, OFFSETS)
def test_substring_and_length(text: str, start: int | None, end: int | None) -> None:
    java = units(text)
    sql = functions.call("substring", ["s", "a", "b"], ["keyword", "long", "long"])
    assert on_columns(sql, s=text, a=start, b=end) == text_of(java[slice(start, end)])
    assert value(functions.call("length", ["?"], ["keyword"]).replace("?", spelling.text(text))) == len(java)


@settings(max_examples=150)
@given(TEXTS, LEFTS, RIGHTS, st.booleans(), st.booleans())
def test_between(text: str, left: str, right: str, greedy: bool, insensitive: bool) -> None:
    arguments = ["s", "p", "q", "TRUE" if greedy else "FALSE"]
    sql = functions.call("between", arguments, ["keyword"] * 3 + ["boolean"], insensitive)
    assert on_columns(sql, s=text, p=left, q=right) == java_between(text, left, right, greedy, insensitive)


@settings(max_examples=150)
@given(TEXTS, TEXTS, st.booleans())
def test_starts_ends_contains(text: str, part: str, insensitive: bool) -> None:
    searched, wanted = (text.lower(), part.lower()) if insensitive else (text, part)
    expected = (searched.startswith(wanted), searched.endswith(wanted), bool(text and part) and wanted in searched)
    names = ("startsWith", "endsWith", "stringContains")
    calls = [functions.call(name, ["s", "p"], ["keyword"] * 2, insensitive) for name in names]
    assert on_columns(f"[{', '.join(calls)}]", s=text, p=part) == list(expected)


@settings(max_examples=200)
@given(LONGS, LONGS)
def test_long_arithmetic(a: int, b: int) -> None:
    names = ("add", "subtract", "multiply", "divide", "modulo")
    calls = [functions.call(name, ["a", "b"], ["long", "integer"]) for name in names]
    quotient = None if b == 0 else abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    wrapped = None if quotient is None else (quotient + 2**63) % 2**64 - 2**63
    remainder = None if quotient is None else a - quotient * b
    expected = [java_long(a + b), java_long(a - b), java_long(a * b), wrapped, remainder]
    assert on_columns(f"[{', '.join(calls)}]", a=a, b=b) == expected


@settings(max_examples=200)
@given(st.floats(allow_subnormal=False), st.floats(allow_subnormal=False))
def test_doubles(x: float, y: float) -> None:
    assert on_columns(functions.string("x", "double"), x=x) == java_double(x)
    names = ("add", "subtract", "multiply", "divide", "modulo")
    calls = [functions.call(name, ["x", "y"], ["double", "float"]) for name in names]
    quotient = x / y if y else math.nan if x == 0 or math.isnan(x) else math.copysign(math.inf, x) * math.copysign(1, y)
    remainder = math.nan if math.isinf(x) or y == 0 or math.isnan(y) else math.fmod(x, y)
    result = on_columns(f"[{', '.join(calls)}]", x=x, y=y)
    assert [repr(one) for one in result] == [repr(one) for one in (x + y, x - y, x * y, quotient, remainder)]


@settings(max_examples=200)
@given(LONGS.map(str) | st.floats(allow_nan=False).map(repr) | st.text(alphabet="0123456789.eE+-x ", max_size=8))
def test_number_in_base_ten(text: str) -> None:
    plain = re.fullmatch(r"[\x00-\x20]*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[\x00-\x20]*", text)
    expected = float(plain[1]) if plain else math.inf if text == "inf" else None
    if text.startswith("0x") or "inf" in text:
        return
    assert on_columns(functions.call("number", ["s"], ["keyword"]), s=text) == expected
