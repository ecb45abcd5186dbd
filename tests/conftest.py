"""What all tests share: where the reference data lie, if they are there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Continuous integration draws the same cases each time; everyone else draws new ones.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

SHARED = Path(os.environ.get("FALSELIGHT_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data; a test that needs it is skipped without it."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the reference data, which is not at {SHARED} (set FALSELIGHT_SHARED)")
    return SHARED
