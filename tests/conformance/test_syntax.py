"""Queries that Elasticsearch's own suite must parse, or must refuse, and Elastic's rules."""

from __future__ import annotations

import tomllib
from pathlib import Path

from falselight.diagnostics import EqlError
from falselight.eql import syntax
from falselight.eql.parser import parse
from falselight.source import Source

# Elasticsearch's grammar reads these queries, and its parser refuses them afterwards, as all joins.
UNEQUAL_KEYS = "E0130"
KEY_TWICE = "E0150"
JOIN = "E0121"
REFUSED_LATER = {
    "sequence by x [any where true] by ?`?somefield` [any where true]": UNEQUAL_KEYS,
    "sequence by x [any where true] [any where true] by `?somefield`": UNEQUAL_KEYS,
    "sample by x [any where true] by ?`?somefield` [any where true]": UNEQUAL_KEYS,
    "sample by x [any where true] [any where true] by `?somefield`": UNEQUAL_KEYS,
    "sample by ?x, ?y, z, ?t [any where true] by ?z [any where t == ?y] by t": KEY_TWICE,
    "sample by ?x, ?y, z, ?t [any where true] by z [any where t == y] by t": KEY_TWICE,
}


def queries(path: Path) -> list[str]:
    """The queries of a file: each ends with ``;`` at the end of a line; those after the last one stand on lines of their own."""
    text = path.read_text(encoding="utf-8")
    found, lines = [], []
    for line in text.splitlines():
        if line.strip().startswith("//"):
            continue
        lines.append(line)
        if line.split("//")[0].rstrip().endswith(";"):
            found.append("\n".join(lines).strip().removesuffix(";"))
            lines = []
    return found + [line for line in lines if line.strip()]


def refusal(query: str) -> EqlError | None:
    try:
        parse(Source(query))
    except EqlError as error:
        return error
    return None


def test_supported_queries_parse(shared: Path) -> None:
    wrong = {}
    for query in queries(shared / "conformance/syntax/supported.eql"):
        expected = JOIN if query.split()[0] == "join" else REFUSED_LATER.get(query)
        error = refusal(query)
        found = error.diagnostics[0].code if error else None
        if found != expected:
            wrong[query] = (found, expected)
    assert not wrong


def test_rules_parse(shared: Path) -> None:
    paths = sorted((shared / "rules/elastic-eql").glob("*.toml"))
    assert len(paths) == 615
    for path in paths:
        query = tomllib.loads(path.read_text(encoding="utf-8"))["rule"]["query"]
        assert isinstance(parse(Source(query, path.name)), syntax.Query)


def test_unsupported_queries_are_refused_with_a_place(shared: Path) -> None:
    for query in queries(shared / "conformance/syntax/unsupported.eql"):
        error = refusal(query)
        assert error is not None, query
        place = error.diagnostics[0].labels[0].span
        assert 0 <= place.start <= place.end <= len(query)
