"""Reads the Markdown of ``specs/`` and answers its blocks as ``specs/README.md`` describes them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import falselight
from falselight.compiling import compile
from falselight.diagnostics import EqlError
from falselight.drawing import draw
from falselight.ecs import release
from falselight.eql.formatter import format
from falselight.eql.parser import parse
from falselight.source import Source

SPECS = Path(__file__).parents[1] / "specs"
_FENCE = re.compile(r"^```(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6} +(.*)$", re.MULTILINE)
_RULE = "\n---\n"
_REPEATED = re.compile(r"⟨(.*?)⟩×(\d+)")


@dataclass(frozen=True)
class Block:
    """One example: what it shows, its query, what the text says comes of it, and what was given to it before."""

    path: Path
    line: int
    heading: str
    kind: str
    options: Mapping[str, Any]
    query: str
    expected: str
    documents: tuple[Mapping[str, Any], ...]
    mapping: Mapping[str, Any] | None

    @property
    def name(self) -> str:
        return f"{self.path.name}:{self.line}"


@dataclass
class _Given:
    documents: tuple[Mapping[str, Any], ...] = ()
    mapping: Mapping[str, Any] | None = None
    headings: list[tuple[int, str]] = field(default_factory=list)


def blocks(path: Path) -> Iterator[Block]:
    """The examples of a file, in order. Documents and mappings hold until others come, or a chapter (``##``) begins."""
    text = path.read_text(encoding="utf-8")
    given, heading, end = _Given(), "", 0
    for fence in _FENCE.finditer(text):
        for found in _HEADING.finditer(text, end, fence.start()):
            heading = found[1]
            if found[0].startswith("## "):
                given = _Given()
        end = fence.end()
        info, body = fence[1].strip(), fence[2].rstrip("\n")
        if info == "ndjson":
            given.documents = tuple(json.loads(line) for line in body.splitlines())
        elif info == "json mapping":
            given.mapping = json.loads(body)
        elif info.startswith("eql"):
            _, kind, *options = info.split()
            query, _, expected = body.partition(_RULE)
            query = _REPEATED.sub(lambda found: found[1] * int(found[2]), query)
            line = text.count("\n", 0, fence.start()) + 1
            yield Block(path, line, heading, kind, _options(options), query, expected, given.documents, given.mapping)


def _options(words: list[str]) -> dict[str, Any]:
    return {name: _value(value) for name, value in (word.split("=", 1) for word in words)}


def _value(text: str) -> Any:
    return json.loads(text) if re.match(r'[-0-9{\["]|null$', text) else text


def answer(block: Block) -> str:
    """What comes of a block's query now."""
    match block.kind:
        case "syntax":
            parse(Source(block.query))
            return ""
        case "format":
            return format(block.query)
        case "error":
            return _refusal(block)
        case "match":
            return _matches(block)
        case "value":
            return "\n".join(_shown(falselight.evaluate(line)) for line in block.query.splitlines())
    raise ValueError(f"{block.name}: unknown kind of block [{block.kind}]")


def _matches(block: Block) -> str:
    found = falselight.search(block.query, _indices(block), mapping=block.mapping, **block.options)
    lines = [" ".join(_id(event.source) for event in hit.events) for hit in found]
    return "\n".join(lines) or "nothing"


def _indices(block: Block) -> dict[str, list[Mapping[str, Any]]]:
    """The documents by their ``_index``."""
    indices: dict[str, list[Mapping[str, Any]]] = {}
    for document in block.documents:
        plain = {name: value for name, value in document.items() if name != "_index"}
        indices.setdefault(document.get("_index", "events"), []).append(plain)
    return indices or {"events": []}


def _id(document: Mapping[str, Any]) -> str:
    return str(document["id"]) if document else "missing"


def _refusal(block: Block) -> str:
    try:
        if "stage" in block.options:
            compile(block.query, release.schema(), **block.options)
        else:
            falselight.search(block.query, _indices(block), mapping=block.mapping, **block.options)
    except EqlError as error:
        return "\n".join(draw(diagnostic) for diagnostic in error.diagnostics)
    return "nothing is refused"


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
