"""Readers of field definitions as Elastic publishes them: each yields ``Definition``s, facts only, no prose.

* ``ecs_flat.yml`` of elastic/ecs;
* ``<package>/data_stream/*/fields/*.yml`` of elastic/integrations (``packages``) and elastic/endpoint-package
  (``package``);
* the field inventories of elastic/detection-rules: ``integration-schemas.json.gz`` (package → version → data stream →
  field → type), ``beats_schemas/*.json.gz`` (the Beats' ``fields.yml`` files as one tree), ``non-ecs-schema.json``.
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

KEYWORD_LIMIT = 1024
"""``ignore_above`` of a keyword that names none: what Fleet and libbeat write into index templates."""
CONTAINERS = frozenset({"group", "group-table", "object", "nested", "array"})


@dataclass(frozen=True)
class Definition:
    """One field of one source. ``type`` alias: ``target`` is its path. A ``*`` in the name: a dynamic template."""

    name: str
    type: str
    source: str
    ignore_above: int | None = None
    array: bool = False
    index: bool = True
    normalizer: str | None = None
    scaling_factor: float | None = None
    exact: str | None = None
    target: str | None = None


class Checkout:
    """A git repository read at one commit, without a work tree."""

    def __init__(self, path: Path, commit: str) -> None:
        self.path, self.commit = path, commit

    def read(self, name: str) -> bytes:
        return subprocess.check_output(["git", "-C", str(self.path), "show", f"{self.commit}:{name}"])

    def names(self, pattern: str) -> list[str]:
        listing = subprocess.check_output(["git", "-C", str(self.path), "ls-tree", "-r", "--name-only", self.commit])
        return sorted(name for name in listing.decode().splitlines() if re.fullmatch(pattern, name))


def _yaml(text: bytes) -> Any:
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def ecs(checkout: Checkout) -> Iterator[Definition]:
    """Every leaf and multi-field of an ECS release."""
    for name, entry in _yaml(checkout.read("generated/ecs/ecs_flat.yml")).items():
        yield from _with_multi_fields(name, entry, "ecs", "array" in entry.get("normalize", ()), default=None)


def package(checkout: Checkout, root: str, only: Callable[[str, str], bool]) -> Iterator[Definition]:
    """Fields of packages below ``root``; ``only(package, data stream)`` chooses."""
    for path in checkout.names(re.escape(root) + r"/[^/]+/data_stream/[^/]+/fields/[^/]+\.ya?ml"):
        name, _, stream = path.removeprefix(root + "/").split("/")[:3]
        if only(name, stream):
            yield from definitions(_yaml(checkout.read(path)) or (), f"{name}.{stream}")


def inventory(checkout: Checkout, only: Callable[[str, str], bool]) -> Iterator[Definition]:
    """The newest version of each package in detection-rules' inventory of integrations (types alone)."""
    schemas = json.loads(gzip.decompress(checkout.read("detection_rules/etc/integration-schemas.json.gz")))
    for name, versions in schemas.items():
        newest = versions[max(versions, key=lambda version: tuple(map(int, version.split("-")[0].split("."))))]
        for stream, fields in newest.items():
            if isinstance(fields, dict) and only(name, stream):
                for field, kind in fields.items():
                    yield _simple(field, kind, f"{name}.{stream}")


def beats(checkout: Checkout, version: str, only: Callable[[str, str], bool]) -> Iterator[Definition]:
    """Fields of Beats' modules; ``only(beat, path)`` chooses. A file set's fields hang below its module's name."""
    tree = json.loads(gzip.decompress(checkout.read(f"detection_rules/etc/beats_schemas/v{version}.json.gz")))
    for beat, node in tree.items():
        found = dict(_field_files(node))
        for path, content in found.items():
            if only(beat, path):
                parts = path.split("/")
                module = found.get("/".join((*parts[:2], "_meta", "fields.yml"))) if len(parts) == 5 else None
                source = f"{beat}.{parts[1]}" if len(parts) > 2 and parts[0] in {"module", "protos"} else beat
                yield from definitions(content or (), source, _open_end(module or ()))


def _open_end(entries: Sequence[Mapping[str, Any]]) -> str:
    """The prefix of a module's file sets. Beats append their definitions, eight columns deep, to the module's text: they
    land in the module's last group, or beside it where the module has none."""
    groups = (entries[-1].get("fields") or ()) if entries else ()
    return f"{groups[-1]['name']}." if groups else ""


def _field_files(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, content in (node.get("files") or {}).items():
        if name.endswith("fields.yml"):
            yield prefix + name, content
    for name, child in (node.get("folders") or {}).items():
        yield from _field_files(child, f"{prefix}{name}/")


def undeclared(checkout: Checkout) -> Iterator[Definition]:
    """Types that detection-rules assumes for fields which no package declares (``non-ecs-schema.json``)."""
    for pattern, fields in json.loads(checkout.read("detection_rules/etc/non-ecs-schema.json")).items():
        yield from _undeclared(fields, "", f"detection-rules:{pattern}")


def _undeclared(fields: Mapping[str, Any], prefix: str, source: str) -> Iterator[Definition]:
    for name, kind in fields.items():
        if isinstance(kind, dict):
            yield from _undeclared(kind, f"{prefix}{name}.", source)
        else:
            yield _simple(prefix + name, kind, source)


def definitions(entries: Sequence[Mapping[str, Any]], source: str, prefix: str = "") -> Iterator[Definition]:
    """The fields of a ``fields.yml``, depth first. ``external`` fields are ECS's own and are left out."""
    for entry in entries:
        if "key" in entry and "name" not in entry:
            yield from definitions(entry.get("fields") or (), source, prefix)
            continue
        name = prefix + str(entry.get("name", ""))
        kind = entry.get("type") or ("group" if "fields" in entry else "keyword")
        if "external" in entry or not entry.get("name"):
            continue
        if kind == "alias":
            if "path" in entry:
                yield Definition(name, "alias", source, target=entry["path"])
        elif kind in CONTAINERS:
            yield from _container(name, kind, entry, source)
        else:
            yield from _with_multi_fields(name, entry, source, "array" in (entry.get("normalize") or ()), KEYWORD_LIMIT)
        yield from definitions(entry.get("fields") or (), source, name + ".")


def _container(name: str, kind: str, entry: Mapping[str, Any], source: str) -> Iterator[Definition]:
    if kind == "nested":
        yield Definition(name, "nested", source)
    element = entry.get("object_type")
    if element and element not in CONTAINERS:
        yield _simple(name if "*" in name else name + ".*", element, source)
    elif kind == "object" and "*" not in name:
        yield Definition(name, "object", source, index=entry.get("enabled", True) is not False)


def _simple(name: str, kind: str, source: str) -> Definition:
    kind = {"array": "keyword", "group": "object"}.get(kind, kind)
    return Definition(name, kind, source, ignore_above=KEYWORD_LIMIT if kind == "keyword" else None)


def _with_multi_fields(
    name: str, entry: Mapping[str, Any], source: str, array: bool, default: int | None
) -> Iterator[Definition]:
    kind = entry.get("type") or "keyword"
    exact = None
    for sub in entry.get("multi_fields") or ():
        below = f"{name}.{sub['name']}"
        limit = sub.get("ignore_above", KEYWORD_LIMIT) if sub.get("type", "keyword") == "keyword" else None
        yield Definition(below, sub.get("type", "keyword"), source, limit, array, normalizer=sub.get("normalizer"))
        if kind in {"text", "match_only_text"} and sub.get("type") == "keyword" and "normalizer" not in sub:
            exact = exact or below
    limit = entry.get("ignore_above", default if kind == "keyword" else None)
    searchable = entry.get("index", True) is not False or entry.get("doc_values", True) is not False
    scaling = float(entry.get("scaling_factor", 1000)) if kind == "scaled_float" else None
    yield Definition(name, kind, source, limit, array, searchable, entry.get("normalizer"), scaling, exact)
