"""The schema that Falselight ships: ECS, and the fields of Elastic's integrations that ECS lacks.

Both tables are written by ``scripts/ecs_fields.py``; their heads name the releases. Elastic's index templates let a field
be refused a value longer than its ``ignore_above``, and so do these.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib.resources import files

from falselight.ecs.schema import Field, Schema

TABLES = ("fields.tsv", "integrations.tsv")
# What integrations' packages map keywords with.
_PACKAGES_LIMIT = 1024


@cache
def schema() -> Schema:
    """All fields, none of them filled. ``many`` is set where ECS says that the field is an array.

    Where integrations disagree on a type, the first source's stands (the supplement's, Elastic Defend's, the
    inventory's, the Beats'): ``disagreements`` tells the rest. ``Field.conflict`` stays empty, since it is about indices
    that one search reads together.
    """
    fields: dict[str, Field] = {}
    aliases: dict[str, str] = {}
    for name, kind, limit, flags, _ in _rows():
        if "*" in name:
            continue
        if flags:
            options = _options(flags)
            if kind == "alias" and "also" not in options:
                aliases[name] = options["target"]
                continue
            if kind == "alias":
                # A field of packetbeat's documents (``type``, ``status``) is no alias because one of Defend's is.
                kind, limit = options["also"].split("|")[0], limit or str(_PACKAGES_LIMIT)
            fields[name] = _field(name, kind, limit, options)
        else:
            fields[name] = Field(name, kind, False, False, None, int(limit) if limit else None)
    _open(fields)
    return Schema(fields, aliases)


def _open(fields: dict[str, Field]) -> None:
    """Flattened fields below which other sources, and Elastic's rules, name fields are objects: their values count."""
    names = sorted(fields)
    for name, entry in fields.items():
        if entry.type == "flattened":
            at = bisect_left(names, name + ".")
            if at < len(names) and names[at].startswith(name + "."):
                fields[name] = replace(entry, type="object")


@cache
def sources() -> dict[str, tuple[str, ...]]:
    """For every field, alias and dynamic template: ``ecs``, or the integrations' data streams that define it
    (``endpoint.network``, ``windows.sysmon_operational``, ``filebeat.zeek``, …; ``implied`` for objects above fields)."""
    return {name: tuple(origins.split(",")) for name, _, _, _, origins in _rows()}


@cache
def disagreements() -> dict[str, tuple[str, ...]]:
    """The fields that sources give incompatible types: the type that stands, and the others."""
    return {
        name: (kind, *options["also"].split("|"))
        for name, kind, _, flags, _ in _rows()
        if "also" in (options := _options(flags))
    }


def dynamic(name: str) -> Field | None:
    """The field that an integration's dynamic template makes of a name that no table lists (any field below
    ``winlog.event_data`` is a keyword); None where no template fits."""
    for pattern, kind, limit in _templates():
        if pattern.fullmatch(name):
            return Field(name, kind, ignore_above=limit)
    return None


@cache
def _templates() -> tuple[tuple[re.Pattern[str], str, int | None], ...]:
    """Most specific (longest) first. ``*`` stands for anything, dots too, as in Elasticsearch's ``path_match``."""
    rows = sorted((row for row in _rows() if "*" in row[0]), key=lambda row: (-len(row[0]), row[0]))
    return tuple(
        (re.compile(".+".join(re.escape(part) for part in name.split("*"))), kind, int(limit) if limit else None)
        for name, kind, limit, _, _ in rows
    )


def _rows() -> Iterator[list[str]]:
    """Name, type, ignore_above, flags, sources."""
    folder = files("falselight.ecs")
    for table in TABLES:
        for line in folder.joinpath(table).read_text(encoding="utf-8").splitlines():
            if not line.startswith("#"):
                yield line.split("\t")


def _options(flags: str) -> dict[str, str]:
    return dict(flag.partition("=")[::2] for flag in flags.split(",")) if flags else {}


def _field(name: str, kind: str, limit: str, options: dict[str, str]) -> Field:
    return Field(
        name,
        kind,
        many="array" in options,
        exact=options.get("exact"),
        ignore_above=int(limit) if limit else None,
        normalizer=options.get("normalizer"),
        index="noindex" not in options,
        scaling_factor=float(options["scaling"]) if "scaling" in options else None,
    )
