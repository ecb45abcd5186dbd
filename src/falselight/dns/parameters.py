"""The parameters of the DNS scores: parameters.toml."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def parameters() -> dict[str, Any]:
    """All of them, as the file has them."""
    return tomllib.loads(files("falselight.dns").joinpath("parameters.toml").read_text(encoding="utf-8"))
