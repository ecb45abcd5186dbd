"""Traits of adversaries' servers that need no feed, from ``traits.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib.resources import files

from falselight.intel.model import Indicator, Kind, normalised


def traits() -> Iterator[Indicator]:
    """All built-in traits as indicators."""
    document = tomllib.loads(files("falselight.intel").joinpath("traits.toml").read_text(encoding="utf-8"))
    for trait in document["trait"]:
        for value in trait["values"]:
            written = Indicator(
                Kind(trait["kind"]), value, trait["source"], trait["description"], confidence=trait["confidence"]
            )
            made = normalised(written)
            if made is None:
                raise ValueError(f"{value} is no {trait['kind']}")
            yield made
