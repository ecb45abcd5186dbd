"""Random cases: documents with missing, null, list and odd values, and queries of every construct, as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

MAPPING: dict[str, Any] = {
    "properties": {
        "@timestamp": {"type": "date"},
        "event": {"properties": {"category": {"type": "keyword"}}},
        "tie": {"type": "long"},
        "host": {"properties": {"name": {"type": "keyword"}}},
        "user": {"type": "keyword", "null_value": "NULL"},
        "short": {"type": "keyword", "ignore_above": 3},
        "wild": {"type": "wildcard"},
        "txt": {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}},
        "ip": {"type": "ip"},
        "n": {"type": "long"},
        "m": {"type": "integer"},
        "d": {"type": "double"},
        "f": {"type": "float"},
        "b": {"type": "boolean"},
        "at": {"type": "date"},
        "ver": {"type": "version"},
        "never": {"type": "keyword"},
    }
}
TEXTS = [
    "",
    "a",
    "A",
    "b",
    "ab",
    "aB",
    "abc",
    "x*y",
    "a?c",
    "a\\b",
    "k",
    "\u212a",
    "É",
    "é",
    "ı",
    "a\nb",
    "\x1b[31m",
    "NULL",
    "😀a",
    "12",
]
PATTERNS = [*TEXTS, "a*", "*b", "*", "?", "a?", "*a*", "*B", "a*c", "??", "*\\*"]
REGEXES = ["a.*", "[ab]+", "a|b", "~a", "(a|b){1,2}", ".*&.*b.*", "[^a]", "[A-C]b?", "k", "a?b", "#", "@", "\\*"]
CATEGORIES = ["e", "f", "g"]
NUMBERS = [-7, -1, 0, 1, 2, 3, 5, 12, 250, 2**40]
DOUBLES = [-1.5, 0.0, 0.1, 0.5, 2.0, 3.25, 1e10]
ADDRESSES = ["10.0.0.1", "10.1.2.3", "192.168.1.1", "8.8.8.8", "::1", "fe80::1", "2001:db8::1"]
VERSIONS = ["1.0.0", "1.2.0", "1.10.0", "2.0.0-alpha", "2.0.0", "bad"]
DATES = ["1970-01-01T00:00:00.000Z", "1970-01-01T00:00:01.500Z", "2024-05-01T10:00:00.000Z"]
# Five digits and more: Elasticsearch reads a number of four as a year.
TIMES = [1_700_000_000_000 + offset for offset in (0, 1, 1, 2, 1000, 1001, 2000, 60_000)]
VALUES: dict[str, list[Any]] = {
    "user": TEXTS, "short": ["a", "ab", "abc", "abcd"], "wild": TEXTS, "txt": TEXTS, "ip": ADDRESSES, "n": NUMBERS,
    "m": NUMBERS[:-1], "d": DOUBLES, "f": DOUBLES, "b": [True, False], "at": DATES, "ver": VERSIONS,
}  # fmt: skip
STRING_FIELDS, NUMBER_FIELDS = ["user", "short", "wild", "txt", "host.name", "never"], ["n", "m", "d", "f"]
KEYS = ["host.name", "user", "n", "b", "at", "short"]
SEQUENCE_KEYS = [*KEYS, "host.name", "?host.name", "?user", "?nowhere"]


@dataclass(frozen=True)
class Case:
    query: str
    documents: list[dict[str, Any]]
    options: dict[str, Any]


def _several(values: list[Any]) -> st.SearchStrategy[Any]:
    one = st.sampled_from(values)
    return st.one_of(one, one, one, st.none(), st.lists(st.one_of(one, st.none()), max_size=3))


@st.composite
def documents(draw: st.DrawFn) -> list[dict[str, Any]]:
    made = []
    for _ in range(draw(st.integers(1, 16))):
        document: dict[str, Any] = {"@timestamp": draw(st.sampled_from(TIMES))}
        category = draw(st.one_of(st.sampled_from(CATEGORIES), st.sampled_from(CATEGORIES), _several(CATEGORIES)))
        if draw(st.booleans()):
            document["event.category"] = category
        else:
            document["event"] = {"category": category}
        if draw(st.integers(0, 3)):
            document["host"] = draw(
                st.sampled_from([{"name": "h1"}, {"name": ["h1", "h2"]}, {"name": "h2"}, [{"name": "h1"}]])
            )
        if draw(st.booleans()):
            document["tie"] = draw(st.integers(0, 3))
        for name in draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=6, unique=True)):
            document[name] = draw(_several(VALUES[name]))
        made.append(document)
    return made


def quoted(text: str) -> str:
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\x1b": "\\u{1b}"}
    return '"' + "".join(escapes.get(character, character) for character in text) + '"'


def literal(value: Any) -> str:
    return quoted(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else repr(value)


def _one_of(values: list[Any]) -> st.SearchStrategy[str]:
    return st.sampled_from(values).map(literal)


def _list(item: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(item, min_size=1, max_size=3).map(lambda items: "(" + ", ".join(items) + ")")


@st.composite
def texts(draw: st.DrawFn, depth: int = 2) -> str:
    """An expression that gives a text."""
    if depth == 0 or draw(st.booleans()):
        return draw(st.sampled_from(STRING_FIELDS))
    inner = draw(texts(depth - 1))
    return draw(
        st.sampled_from(
            [
                f"concat({inner}, {draw(st.sampled_from(['user', 'n', 'b', quoted('-')]))})",
                f"substring({inner}, {draw(st.integers(-3, 3))})",
                f"substring({inner}, {draw(st.integers(-3, 3))}, {draw(st.integers(-3, 4))})",
                f'between({inner}, "a", {draw(st.sampled_from([quoted("b"), quoted("c")]))})',
                f'between~({inner}, "A", "B", {draw(st.sampled_from(["true", "false"]))})',
                f"string({draw(st.sampled_from(['n', 'b', 'user']))})",
            ]
        )
    )


@st.composite
def numbers(draw: st.DrawFn, depth: int = 2) -> str:
    """An expression that gives a number."""
    if depth == 0 or draw(st.booleans()):
        return draw(st.sampled_from(NUMBER_FIELDS))
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return f"length({draw(texts(depth - 1))})"
    if kind == 1:
        start = draw(st.sampled_from(["", ", 1", ", -1"]))
        tilde = draw(st.sampled_from(["", "~"]))
        return f"indexOf{tilde}({draw(texts(depth - 1))}, {draw(st.sampled_from([quoted('a'), quoted('B')]))}{start})"
    operator = draw(st.sampled_from(["+", "-", "*", "/", "%"]))
    return f"({draw(numbers(depth - 1))} {operator} {draw(st.sampled_from(['2', '3', '0.5', 'n', '-1']))})"


@st.composite
def leaves(draw: st.DrawFn) -> str:
    """One condition."""
    kind = draw(st.integers(0, 13))
    field = draw(st.sampled_from(sorted(VALUES)))
    compare = draw(st.sampled_from(["==", "!=", "<", "<=", ">", ">="]))
    text_field = draw(st.sampled_from(STRING_FIELDS))
    tilde = draw(st.sampled_from(["", "~"]))
    match kind:
        case 0:
            return f"{field} {'==' if field == 'b' else compare} {draw(_one_of(VALUES[field]))}"
        case 1:
            return f"{text_field} {draw(st.sampled_from([':', 'like', 'like~']))} {draw(_one_of(PATTERNS))}"
        case 2:
            return f"{text_field} {draw(st.sampled_from([':', 'like', 'like~']))} {draw(_list(_one_of(PATTERNS)))}"
        case 3:
            regexes = draw(_list(_one_of(REGEXES)))
            return f"{text_field} regex{tilde} {regexes}"
        case 4:
            return f"{field} {draw(st.sampled_from(['in', 'not in']))} {draw(_list(_one_of(VALUES[field])))}"
        case 5:
            return f"{text_field} {draw(st.sampled_from(['in~', 'not in~']))} {draw(_list(_one_of(TEXTS)))}"
        case 6:
            function = draw(st.sampled_from(["startsWith", "endsWith", "stringContains"]))
            return f"{function}{tilde}({draw(texts(1))}, {draw(_one_of([t for t in PATTERNS if t]))})"
        case 7:
            blocks = draw(st.sampled_from(['"10.0.0.0/8"', '"10.0.0.0/8", "::1/128"', '"0.0.0.0/0"', '"fe80::/10"']))
            return f"cidrMatch(ip, {blocks}){draw(st.sampled_from(['', ' == true']))}"
        case 8:
            checked = draw(st.sampled_from([field, draw(texts(1)), draw(numbers(1))]))
            return f"{checked} {draw(st.sampled_from(['==', '!=']))} null"
        case 9:
            return f"{draw(numbers())} {compare} {draw(_one_of([*NUMBERS[:6], 0.5, 2.0]))}"
        case 10:
            return f"{draw(texts())} {draw(st.sampled_from(['==', '!=', ':', 'like']))} {draw(_one_of(TEXTS))}"
        case 11:
            return draw(st.sampled_from(["b", "true", "false", "1 == 1", "2 > 3", "null == null", 'length("ab") == 2']))
        case 12:
            test = draw(st.sampled_from(["== null", "!= null", "== 1", "!= 1"]))
            return f"?{draw(st.sampled_from(['nowhere', 'user', 'n']))} {test}"
        case _:
            return f"?{draw(st.sampled_from(['gone', 'nowhere']))} == ?gone"


def conditions(depth: int = 2) -> st.SearchStrategy[str]:
    if depth == 0:
        return leaves()
    below = conditions(depth - 1)
    return st.one_of(
        leaves(),
        leaves(),
        st.tuples(below, st.sampled_from(["and", "or"]), below).map(
            lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
        ),
        below.map(lambda inner: f"not ({inner})"),
    )


def filters(depth: int) -> st.SearchStrategy[str]:
    where = st.integers(0, 9).flatmap(lambda roll: st.just("true") if roll > depth * 4 else conditions(depth))
    category = st.sampled_from([*CATEGORIES, "any", "any", "any"])
    return st.tuples(category, where).map(lambda parts: f"{parts[0]} where {parts[1]}")


def _keys(names: list[str]) -> str:
    return f" by {', '.join(names)}" if names else ""


@st.composite
def sequences(draw: st.DrawFn) -> str:
    common = draw(st.one_of(st.just(["host.name"]), st.lists(st.sampled_from(SEQUENCE_KEYS), max_size=2, unique=True)))
    own = draw(st.one_of(st.just([]), st.lists(st.sampled_from(["host.name", "?host.name", "?user"]), max_size=1)))
    count = draw(st.integers(1, 3))
    span = draw(st.sampled_from(["", "1ms", "1s", "2s", "1m"]))
    stages = []
    for number in range(count):
        runs = draw(st.sampled_from(["", "", " with runs=2", " with runs=3"]))
        if count == 1 and number == 0 and not runs:
            runs = " with runs=2"
        stages.append(f"[{draw(filters(1))}]{_keys(own)}{runs}")
    if span:
        for place in sorted(draw(st.lists(st.integers(0, count), max_size=2, unique=True)), reverse=True):
            if draw(st.booleans()):
                stages.insert(place, f"![{draw(filters(1))}]{_keys(own)}")
    until = f" until [{draw(filters(1))}]{_keys(own)}" if draw(st.integers(0, 3)) == 0 else ""
    pipes = draw(st.sampled_from(["", "", " | head 2", " | tail 2", " | head 3 | tail 1", " | tail 3 | head 2"]))
    return f"sequence{_keys(common)}{f' with maxspan={span}' if span else ''} {' '.join(stages)}{until}{pipes}"


@st.composite
def samples(draw: st.DrawFn) -> str:
    keys = draw(st.lists(st.sampled_from(["host.name", "?user", "n", "b"]), min_size=1, max_size=2, unique=True))
    terms = [f"[{draw(filters(1))}]" for _ in range(draw(st.integers(2, 3)))]
    return f"sample{_keys(keys)} {' '.join(terms)}"


events = st.tuples(filters(2), st.sampled_from(["", "", " | head 2", " | tail 3", " | head 4 | tail 2"])).map("".join)
queries = st.one_of(events, events, sequences(), sequences(), samples())


@st.composite
def cases(draw: st.DrawFn) -> Case:
    options = {
        "tiebreaker_field": draw(st.sampled_from([None, "tie"])),
        "size": draw(st.sampled_from([None, 10, 3])),
        "result_position": draw(st.sampled_from(["head", "tail"])),
        "max_samples_per_key": draw(st.sampled_from([1, 2])),
    }
    return Case(draw(queries), draw(documents()), options)
