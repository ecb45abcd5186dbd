"""The parameters of this package: parameters.toml."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def parameters() -> dict[str, Any]:
    """All of them, as the file has them."""
    return tomllib.loads(files("falselight.infrastructure").joinpath("parameters.toml").read_text(encoding="utf-8"))
