"""URLs and targets of requests, taken apart as Elasticsearch's processor does it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.compute as pc

from falselight.mappings.records import Frame, Step, fills_below


def url(frame: Frame, step: Step) -> None:
    """The parts of a URL below the target, as Elasticsearch's uri_parts takes it apart; what a column has already stays."""
    _put_parts(frame, step, _URL)


@fills_below("path", "extension", "query", "fragment", "scheme")
def request(frame: Frame, step: Step) -> None:
    """The parts of a request's target below the target, whose host stands elsewhere."""
    _put_parts(frame, step, tuple(part for part in _URL if part[0] in _OF_REQUEST))


def _put_parts(frame: Frame, step: Step, names: tuple[tuple[str, pa.DataType], ...]) -> None:
    values = frame.get(step.sources[0])
    if values is None or not pa.types.is_string(values.type):
        return
    plain = pc.extract_regex(values, _PLAIN)
    nothing = pa.scalar(None, pa.string())
    encoded = pc.if_else(pc.is_valid(plain), nothing, values).dictionary_encode()
    parts = [url_parts(text) for text in encoded.dictionary.to_pylist()]
    for name, kind in names:
        made = pa.array([part.get(name) for part in parts], kind).take(encoded.indices)
        found = _plain_part(plain, name)
        made = made if found is None else pc.coalesce(made, found)
        target = f"{step.targets[0]}.{name}"
        known = frame.get(target)
        frame.put(target, made if known is None or known.type != kind else pc.coalesce(known, made))


def _plain_part(plain: pa.Array, name: str) -> pa.Array | None:
    """A part of the targets that the pattern has taken apart; None for those that it does not have."""
    nothing = pa.scalar(None, pa.string())
    if name == "query":
        query = pc.struct_field(plain, [1])
        return pc.if_else(pc.equal(query, ""), nothing, query)
    path = pc.struct_field(plain, [0])
    if name == "extension":
        last = pc.struct_field(pc.extract_regex(path, r"\.(?P<extension>[^.]*)$"), [0])
        return pc.if_else(pc.ends_with(path, "/"), nothing, last)
    return path if name == "path" else None


_URL: tuple[tuple[str, pa.DataType], ...] = (
    ("domain", pa.string()), ("path", pa.string()), ("extension", pa.string()), ("query", pa.string()),
    ("fragment", pa.string()), ("scheme", pa.string()), ("port", pa.int64()), ("username", pa.string()),
    ("password", pa.string()),
)  # fmt: skip
_OF_REQUEST = frozenset(("path", "extension", "query", "fragment", "scheme"))
# Most targets of requests: a path and a query without signs that stand for others.
_SIGNS = r"A-Za-z0-9._~!$&'()*+,;=:@\-"
_PLAIN = rf"^(?P<path>/(?:[{_SIGNS}][{_SIGNS}/]*)?)(?:\?(?P<query>[{_SIGNS}/?]*))?$"
_NO_URI = re.compile(r'[\s"<>\\^`{|}\x00-\x1f\x7f]')
_OF_JAVA = ("http:", "https:", "ftp:", "file:", "jar:")  # what Java's URL knows


@lru_cache(maxsize=65_536)
def url_parts(text: str) -> dict[str, Any]:
    """What Elasticsearch's processor finds in a text: of a URI the parts as they are read, of another URL as they are written;
    nothing in other text."""
    read: Callable[[str], str] = unquote
    if _NO_URI.search(text) or not text:
        if not text.lower().startswith(_OF_JAVA):
            return {}
        read = str
    try:
        split = urlsplit(text)
        port = split.port
    except ValueError:
        return {}
    found: dict[str, Any] = {
        "domain": split.netloc.rpartition("@")[2].partition(":")[0] or None,
        "path": read(split.path),
        "query": read(split.query) or None,
        "fragment": read(split.fragment) or None,
        "scheme": split.scheme or None,
        "port": port,
        "username": split.username,
        "password": split.password,
    }
    last = split.path.rpartition("/")[2]
    if "." in split.path and last:
        found["extension"] = split.path.rpartition(".")[2]
    return {name: value for name, value in found.items() if value is not None}
