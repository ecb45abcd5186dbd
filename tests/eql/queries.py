"""Random queries, as lists of tokens and as text with any blanks and comments between them; and trees without places."""

from __future__ import annotations

import dataclasses
from typing import Any

from hypothesis import strategies as st

from falselight.source import Source, Span

Words = list[str]

NAMES = st.sampled_from(["a", "process.name", "`by`.c", "`x y`", "?o", "@timestamp", "a . b"]).map(str.split)
LITERALS = st.sampled_from(
    ["null", "true", "1", "1.50", ".5e3", '"s"', '"\\u{e9}\\n"', '"""raw"""', '"""quoted"""""', '"and // no comment"']
)
PATTERNS = LITERALS.filter(lambda text: text[0] == '"')
GLUE = st.sampled_from(
    [" ", " ", " ", " ", "\n", "\n\n  ", "\t", " /* # */ ", " // #\n", "\n// #\n", "\n/* #\n # */\n", " /* # *//* # */"]
)


def listed(items: st.SearchStrategy[Words], least: int = 1) -> st.SearchStrategy[Words]:
    """Items with commas, in brackets."""
    return st.lists(items, min_size=least, max_size=4).map(lambda found: ["(", *_separated(found, ","), ")"])


def _separated(items: list[Words], separator: str) -> Words:
    return [word for number, item in enumerate(items) for word in ([separator] if number else []) + item]


def _larger(inner: st.SearchStrategy[Words]) -> st.SearchStrategy[Words]:
    bracketed = inner.map(lambda words: ["(", *words, ")"])
    binary = st.sampled_from(["==", "!=", "<", "+", "-", "*", "/", "%"])
    lists = listed(PATTERNS.map(lambda text: [text]))
    return st.one_of(
        bracketed,
        inner.map(lambda words: ["not", "(", *words, ")"]),
        bracketed.map(lambda words: ["not", *words]),
        bracketed.map(lambda words: ["-", *words]),
        bracketed.map(lambda words: ["+", *words]),
        st.tuples(st.lists(bracketed, min_size=2, max_size=4), st.sampled_from(["and", "or"])).map(
            lambda p: _separated(*p)
        ),
        st.tuples(bracketed, st.sampled_from(["and", "or"]), inner).map(lambda p: [*p[0], p[1], *p[2]]),
        st.tuples(bracketed, binary, bracketed).map(lambda p: [*p[0], p[1], *p[2]]),
        st.tuples(NAMES, st.sampled_from(["in", "in~", "not in"]), listed(inner)).map(
            lambda p: [*p[0], *p[1].split(), *p[2]]
        ),
        st.tuples(bracketed, st.sampled_from(["in", "not in~"]), listed(inner)).map(
            lambda p: [*p[0], *p[1].split(), *p[2]]
        ),
        st.tuples(NAMES | bracketed, st.sampled_from([":", "like", "regex~"]), lists).map(
            lambda p: [*p[0], p[1], *p[2]]
        ),
        st.tuples(NAMES, st.sampled_from([":", "like~"]), PATTERNS).map(lambda p: [*p[0], p[1], p[2]]),
        st.tuples(st.sampled_from(["length", "endsWith~", "concat"]), listed(inner, 0)).map(lambda p: [p[0], *p[1]]),
    )


EXPRESSIONS = st.recursive(NAMES | LITERALS.map(lambda text: [text]), _larger, max_leaves=12)
FILTERS = st.tuples(st.sampled_from(["any", "process", '"web"', '"any"', '"two words"']), EXPRESSIONS).map(
    lambda p: [p[0], "where", *p[1]]
)
RUNS = st.sampled_from([[], [], ["with", "runs", "=", "3"], ["with", "runs", "=", "1"]])
PIPES = st.lists(st.sampled_from([["|", "head", "5"], ["|", "tail", "(", "2", "+", "1", ")"]]), max_size=2)


@st.composite
def sequences(draw: st.DrawFn) -> Words:
    """A sequence, perhaps with keys, maxspan, missing events, runs and until."""
    words = ["sequence", *draw(st.sampled_from([[], ["by", "k"], ["by", "?k", ",", "a.`in`"]]))]
    maxspan = draw(st.booleans())
    words += ["with", "maxspan", "=", "90", "s"] if maxspan else []
    keys = draw(st.sampled_from([[], ["by", "x"]]))
    stages = draw(st.lists(st.tuples(FILTERS, RUNS, st.booleans()), min_size=2, max_size=4))
    for number, (event, runs, missing) in enumerate(stages):
        words += ["![" if missing and maxspan and number else "[", *event, "]", *keys, *runs]
    if draw(st.booleans()):
        words += ["until", "[", *draw(FILTERS), "]", *keys]
    return words + [word for pipe in draw(PIPES) for word in pipe]


SAMPLES = st.lists(FILTERS, min_size=2, max_size=3).map(
    lambda found: ["sample", "by", "k", *(word for event in found for word in ("[", *event, "]"))]
)
EVENTS = st.tuples(FILTERS, PIPES).map(lambda p: [*p[0], *(word for pipe in p[1] for word in pipe)])
QUERIES = st.one_of(EVENTS, sequences(), SAMPLES)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A query as text; its comments are numbered."""
    words = draw(QUERIES)
    text, count = "", 0
    for word in ["", *words]:
        text += word
        for character in draw(GLUE):
            count += character == "#"
            text += str(count) if character == "#" else character
    return text


def bare(node: Any) -> Any:
    """A tree without its places."""
    if isinstance(node, Span | Source):
        return None
    if dataclasses.is_dataclass(node):
        return (type(node).__name__, *(bare(getattr(node, part.name)) for part in dataclasses.fields(node)))
    return tuple(map(bare, node)) if isinstance(node, tuple) else node
