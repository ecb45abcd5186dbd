"""What shapes lines of JSON were seen to have, and what a parser is told to expect of others.

A shape is a path, in which None stands for "each element", and the type of what stands there. A parser that reads only some
names is told also where else a value of such a name could stand: it then fails on what no sample showed, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import orjson
import pyarrow as pa

# An index of Elasticsearch takes no more fields than this either.
MAX_FIELDS = 1_000
_MAX_DEPTH = 20
Path: TypeAlias = tuple[str | None, ...]
# Names to subtrees, or to types; a name whose values are of several kinds has none.
Tree: TypeAlias = dict[Any, Any]
KINDS: dict[type, pa.DataType] = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
_NUMBERS = (pa.int64(), pa.float64())
_MIXED = None


class Shapes:
    """The shapes of one input, so far. ``wanted`` limits what a parser is told to these names."""

    def __init__(self, wanted: frozenset[str] | None) -> None:
        self._wanted = wanted
        self._kinds: dict[Path, pa.DataType | None] = {}

    def __bool__(self) -> bool:
        return bool(self._kinds)

    def learn(self, lines: Iterable[bytes]) -> bool:
        """Takes in the shapes of these lines; whether anything is new. What is no JSON object tells nothing."""
        before = dict(self._kinds)
        for line in lines:
            try:
                document = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if isinstance(document, dict):
                for path, value in walk(document):
                    self._see(path, value)
        return self._kinds != before

    def _see(self, path: Path, value: Any) -> None:
        if len(self._kinds) >= MAX_FIELDS:
            return
        kind = pa.null() if value is None else KINDS.get(type(value))
        if kind == pa.int64() and not -(2**63) <= value < 2**63:
            kind = _MIXED
        known = self._kinds.get(path, kind)
        if known == kind or kind == pa.null():
            self._kinds[path] = known
        elif known == pa.null():
            self._kinds[path] = kind
        else:
            self._kinds[path] = pa.float64() if known in _NUMBERS and kind in _NUMBERS else _MIXED

    def schema(self, narrow: frozenset[str] | None = None) -> pa.Schema | None:
        """What a parser is to expect, which reads the wanted names, or some of them; None where a name that it must read
        holds values of several kinds."""
        wanted = self._wanted if narrow is None else narrow
        tree: Tree = {}
        # A null tells nothing: where there are values too, of objects or lists, these are what is parsed for.
        for path, kind in sorted(self._kinds.items(), key=lambda shape: shape[1] == pa.null()):
            _place(tree, path, kind)
        try:
            if wanted is not None:
                tree = _expected(tree, [name.split(".") for name in sorted(wanted)])
            return pa.schema(_fields(tree))
        except _Mixed:
            return None


class _Mixed(Exception):
    """A name holds values of several kinds."""


def walk(document: dict[str, Any]) -> Iterator[tuple[Path, Any]]:
    """The leaves with their paths; None in a path stands for "each element". An empty object has no leaf."""
    pending: list[tuple[Path, Any]] = [((key,), value) for key, value in reversed(document.items())]
    while pending:
        path, value = pending.pop()
        if isinstance(value, dict) and len(path) < _MAX_DEPTH:
            if not value:
                yield (*path, ""), None
            pending.extend(((*path, key), below) for key, below in reversed(value.items()))
        elif isinstance(value, list) and len(path) < _MAX_DEPTH:
            if not value:
                yield (*path, None), None
            pending.extend(((*path, None), element) for element in reversed(value))
        elif isinstance(value, dict | list):
            yield path, orjson.dumps(value).decode()
        else:
            yield path, value


def name_of(path: Path) -> str:
    """The raw column's name of a path: its keys with dots between."""
    return ".".join(part for part in path if part)


def _place(tree: Tree, path: Path, kind: pa.DataType | None) -> None:
    """Puts a shape into the tree; where it contradicts another both become mixed."""
    place = tree
    above: Tree = {"": tree}
    key: str | None = ""
    for part in path[:-1]:
        if _is_both(place, part):
            above[key] = _MIXED
            return
        below = place.setdefault(part, {})
        if not isinstance(below, dict):
            place[part] = _MIXED
            return
        above, key, place = place, part, below
    last = path[-1]
    if _is_both(place, last):
        above[key] = _MIXED
    elif isinstance(place.get(last), dict):
        place[last] = place[last] if kind == pa.null() else _MIXED
    else:
        place[last] = kind


def _is_both(place: Tree, part: str | None) -> bool:
    """Whether it would be a list and an object."""
    return part not in place and bool(place) and (part is None or None in place)


def _expected(tree: Tree, wanted: list[list[str]]) -> Tree:
    """The tree of what is to be read: the wanted names (by their parts) as they were seen, and null where one could stand
    but was not seen to. On the way to such a place stands what was seen there."""
    below: dict[str, list[list[str]]] = {}
    for parts in wanted:
        for length in range(1, len(parts) + 1):
            below.setdefault(".".join(parts[:length]), []).append(parts[length:])
    found: Tree = {}
    for key, rest in below.items():
        found[key] = _expected_at(tree[key], rest) if key in tree else pa.null()
    return found


def _expected_at(seen: Any, rest: list[list[str]]) -> Any:
    if not isinstance(seen, dict):
        return seen
    if None in seen:
        return {None: _expected_at(seen[None], rest)}
    return _expected(seen, [parts for parts in rest if parts])


def _fields(tree: Tree) -> list[pa.Field]:
    return [pa.field(name, _type(below)) for name, below in tree.items() if name not in {"", None}]


def _type(below: Any) -> pa.DataType:
    if below is _MIXED:
        raise _Mixed
    if not isinstance(below, dict):
        return below
    if None in below:
        return pa.list_(_type(below[None]))
    return pa.struct(_fields(below))
