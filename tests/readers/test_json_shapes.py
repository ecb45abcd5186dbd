"""Columns of JSON lines when only some names are read: what no sample showed is found all the same."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from falselight.readers.json_columns import JsonColumns

PLAIN = {"ts": 1.5, "uid": "C", "other": "x"}
LINES = 9_000


def read(documents: list[dict[str, Any]], wanted: frozenset[str] | None) -> dict[str, list[Any]]:
    """All values of the columns, in order; of a column that a block lacks nulls."""
    data = "".join(json.dumps(document) + "\n" for document in documents).encode()
    found: dict[str, list[Any]] = {}
    rows = 0
    for block in JsonColumns("p", "p", lambda _: None, wanted).read(io.BytesIO(data)):
        for name, values in block.columns.items():
            found.setdefault(name, [None] * rows).extend(values.to_pylist())
        rows += len(block.records)
        assert all(len(values) in (rows, rows - len(block.records)) for values in found.values())
    assert rows == len(documents)
    return found


@pytest.mark.parametrize(
    "rare",
    [
        {"a.b": "flat"},
        {"a": {"b": "nested"}},
        {"a": [{"b": "listed"}, {"b": "twice"}]},
        {"a": {"c": 1, "b": [1, 2]}},
        {"uid": None, "a.b": 7},
        {"other": {"a": {"b": 3}}, "a.b": False},
    ],
)  # fmt: skip
def test_what_only_one_line_holds_is_read(rare: dict[str, Any]) -> None:
    documents = [dict(PLAIN) for _ in range(LINES)]
    documents[LINES * 5 // 7] |= rare
    (name,) = (name for name in read(documents, None) if name == "a.b")
    wanted = read(documents, frozenset({"ts", "a.b"}))
    assert set(wanted) == {"ts", "a.b"}
    assert wanted[name] == read(documents, None)[name]


@pytest.mark.parametrize("there", [{"a": "text"}, {"a": {"c": 1}}, {"a": [1]}, {"a": []}, {"a": {}}, {"a": None}])
def test_what_stands_on_the_way_to_a_wanted_name_hides_nothing(
    there: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = [PLAIN | there for _ in range(LINES)]
    with monkeypatch.context() as patch:
        patch.setattr(JsonColumns, "_slow", None)
        assert set(read(documents, frozenset({"ts", "a.b"}))) == {"ts"}
    documents[LINES // 2] = PLAIN | {"a": {"b": "rare"}}
    assert [value for value in read(documents, frozenset({"ts", "a.b"}))["a.b"] if value is not None] in (
        ["rare"], [["rare"]],
    )  # fmt: skip


@pytest.mark.parametrize("kinds", [("x", 1), (1, {"c": 2}), ([1], {"c": 2}), ("x", ["y"]), ([], {"c": 1}), ({}, [1])])
def test_a_name_of_several_kinds_is_read_line_by_line(kinds: tuple[Any, Any]) -> None:
    documents = [PLAIN | {"a": kinds[number % 2]} for number in range(700)]
    assert len(read(documents, None)["ts"]) == 700
    assert read(documents, frozenset({"ts"})) == {"ts": [1.5] * 700}
    every, some = read(documents, None), read(documents, frozenset({"ts", "a", "a.c"}))
    assert some == {name: values for name, values in every.items() if name in some}
    assert set(some) == set(every) & {"ts", "a", "a.c"}
