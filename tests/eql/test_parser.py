"""Text becomes the tree that Elasticsearch's grammar gives, or a refusal with a code; nothing else is ever raised."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falselight.diagnostics import EqlError
from falselight.eql import syntax
from falselight.eql.parser import parse, parse_expression
from falselight.source import Source


def code(query: str) -> str:
    with pytest.raises(EqlError) as caught:
        parse(Source(query))
    return caught.value.diagnostics[0].code


def shape(text: str) -> str:
    """An expression with all its brackets."""
    return _shape(parse_expression(Source(text)))


def _shape(node: syntax.Expression) -> str:
    match node:
        case syntax.Literal():
            return repr(node.value)
        case syntax.FieldName():
            return node.name
        case syntax.Not() | syntax.Negate():
            return f"({'not ' if isinstance(node, syntax.Not) else '-'}{_shape(node.operand)})"
        case syntax.And() | syntax.Or():
            return "(" + f" {type(node).__name__.lower()} ".join(map(_shape, node.operands)) + ")"
        case syntax.Comparison() | syntax.Arithmetic():
            return f"({_shape(node.left)} {node.operator} {_shape(node.right)})"
        case syntax.Membership():
            return f"({_shape(node.operand)} in {len(node.items)})"
        case syntax.Match():
            return f"({_shape(node.operand)} {node.operator} {len(node.patterns)})"
        case syntax.Call():
            return f"{node.name}({', '.join(map(_shape, node.arguments))})"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a or b and not c == d", "(a or (b and (not (c == d))))"),
        ("a or (b or c) or d", "(a or b or c or d)"),
        ("1 - 2 - 3 * -x", "((1 - 2) - (3 * (-x)))"),
        ("-x in (1, 2)", "(-(x in 2))"),
        ('not f : ("a", "b")', "(not (f : 2))"),
        ("a.`by`.c == 1.5e1", "(a.by.c == 15.0)"),
        ("x == 9223372036854775808", "(x == 9.223372036854776e+18)"),
    ],
)
def test_precedence(text: str, expected: str) -> None:
    assert shape(text) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("process where x == 'a'", "E0105"),
        ('process where x == ?"a"', "E0106"),
        (r'process where x == "\q"', "E0103"),
        (r'process where x == "\u{d800}"', "E0104"),
        ("process where x == 1 == 2", "E0114"),
        ("process where x not : 1", "E0122"),
        ("process", "E0118"),
        ("a where f[0] == 1", "E0119"),
        ("a where child of [b where true]", "E0120"),
        ("join [a where true] [b where true]", "E0121"),
        ("sequence [a where true] until [b where true]", "E0142"),
        ("sequence [a where true] [b where true] until [c where true] with runs=3", "E0141"),
        ("sequence [a where true] with runs=2.0", "E0140"),
        ("sequence [a where true] with runs=101", "E0139"),
        ("sequence [a where true] ![b where true]", "E0144"),
        ("sequence with maxspan=1m ![a where true] ![b where true]", "E0145"),
        ("sequence with maxspan=1m by x [a where true] [b where true]", "E0132"),
        ("sequence with maxspan=30 [a where true] [b where true]", "E0134"),
        ("sequence with maxspan=1w [a where true] [b where true]", "E0135"),
        ("sample [a where true] [b where true]", "E0149"),
        ("sample by x [a where true] [b where true] | head 1", "E0151"),
        ("a where true | hed 1", "E0162"),
        ("a where true | count", "E0160"),
        ("a where true | head 1, 2", "E0163"),
        ("a where " + "(" * 5000, "E0117"),
        ("a where " + "1 + " * 5000 + "1", "E0117"),
    ],
)
def test_refusals(query: str, expected: str) -> None:
    assert code(query) == expected


def test_sequence() -> None:
    query = parse(
        Source("sequence by a, ?b with maxspan=2m [x where true] by c with runs=3 until [any where true] by d | tail 5")
    )
    assert isinstance(query, syntax.SequenceQuery)
    assert [(key.name, key.optional) for key in query.keys] == [("a", False), ("b", True)]
    assert (query.maxspan, query.stages[0].runs, query.pipes[0].name) == (120_000, 3, "tail")
    assert query.until is not None and query.until.filter.category is None


def test_long_chains_stay_flat() -> None:
    query = parse(Source("a where " + " or ".join(["x == 1"] * 10_000)))
    assert isinstance(query, syntax.EventQuery)
    assert isinstance(query.filter.condition, syntax.Or) and len(query.filter.condition.operands) == 10_000


PARTS = st.sampled_from(
    [
        "sequence",
        "sample",
        "join",
        "by",
        "with",
        "maxspan",
        "=",
        "1m",
        "runs",
        "until",
        "[",
        "![",
        "]",
        "(",
        ")",
        ",",
        "|",
        "head",
        "10",
        "a.b",
        "where",
        "any",
        "process",
        "and",
        "or",
        "not",
        "in",
        "in~",
        ":",
        "like",
        "==",
        "<",
        "+",
        "-",
        "?x",
        '"s"',
        "'t'",
        "`q`",
        "1.5",
        "//",
        "/*",
        "*/",
        '"""',
        "\\",
        "é",
    ]
)


@settings(max_examples=300)
@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(PARTS, max_size=25).map(" ".join),
        st.lists(PARTS, max_size=25).map(lambda p: "a where " + " ".join(p)),
    )
)
def test_only_located_refusals_are_raised(text: str) -> None:
    try:
        parse(Source(text))
    except EqlError as error:
        span = error.diagnostics[0].labels[0].span
        assert 0 <= span.start <= span.end <= len(text)
