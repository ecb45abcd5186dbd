"""Every constant expression of Elasticsearch's function suite has Elasticsearch's value."""

from __future__ import annotations

import tomllib
from pathlib import Path

import falselight

from . import suite


def test_functions(shared: Path) -> None:
    tests = tomllib.loads((suite.folder(shared) / "functions.toml").read_text(encoding="utf-8"))["tests"]
    wrong = []
    for test in tests:
        expression = test["expression"]
        try:
            found = falselight.evaluate(expression)
        except falselight.EqlError as fault:
            if not test.get("rejected"):
                wrong.append(f"{expression}: refused: {fault}")
            continue
        expected = None if test.get("is_null") else test.get("expected")
        if test.get("rejected") or found != expected or isinstance(found, bool) != isinstance(expected, bool):
            wrong.append(f"{expression}: {found!r}, not {expected!r}")
    assert not wrong, "\n".join(wrong)
    assert len(tests) >= 95
