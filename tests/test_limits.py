"""What is too large or too deep is answered in bounded time, or refused in words; nothing crashes."""

from __future__ import annotations

import pytest

import falselight

MAPPING = {
    "properties": {
        "@timestamp": {"type": "date"},
        "event": {"properties": {"category": {"type": "keyword"}}},
        "name": {"type": "keyword"},
        "n": {"type": "long"},
    }
}
DOCUMENTS = [{"@timestamp": n, "event": {"category": "e"}, "name": "a" * 40 + "b", "n": n} for n in range(100)]


def found(query: str) -> int:
    return len(falselight.search(query, DOCUMENTS, mapping=MAPPING, size=None))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("any where n in (" + ",".join(map(str, range(10_000))) + ")", 100),
        ("any where " + " or ".join(f"n == {n}" for n in range(10_000)), 100),
        ("any where " + " and ".join(f"not n == {n}" for n in range(10_000)), 0),
        ("any where name : (" + ",".join(f'"*x{n}*y"' for n in range(10_000)) + ")", 0),
        ("any where name in~ (" + ",".join(f'"x{n}k"' for n in range(10_000)) + ")", 0),
        ('any where name == "' + "x" * 1_000_000 + '"', 0),
        ('any where name like "' + "*a" * 100 + '*c"', 0),
        ('any where name regex "((a|aa)+)+c"', 0),
        ("any where " + "not " * 140 + "true", 100),
        ("any where " + "between(" * 30 + "name" + ',"a","b")' * 30 + ' == "x"', 0),
        ("any where " + "length(string(" * 60 + "n" + "))" * 60 + " > 0", 100),
        ("any where " + "+".join(["n"] * 140) + " > 0", 99),
        ("sequence " + "[any where true] with runs=100 " * 2 + "[any where true] with runs=56", 0),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_answered(query: str, expected: int) -> None:
    assert found(query) == expected


@pytest.mark.parametrize(
    "query",
    [
        "any where " + " or ".join(f'(n == {n} and name == "q{n}")' for n in range(10_000)),
        "any where " + "+".join(["n"] * 2_000) + " > 0",
        "any where " + "(" * 10_000 + "true" + ")" * 10_000,
        'any where name : "*' + "x" * 1_000_000 + '*"',
        'any where name regex "(a{1,500}){1,500}"',
        "any where concat(" + ",".join(["n"] * 5_000) + ') == "x"',
    ],
    ids=lambda value: value[:40],
)
def test_refused(query: str) -> None:
    with pytest.raises(falselight.EqlError) as raised:
        found(query)
    assert len(str(raised.value)) < 2_000
