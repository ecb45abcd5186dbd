"""What all tests share: where the reference data lie, if they are there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# No test asserts on time. Continuous integration draws the same cases each time; everyone else draws new ones.
settings.register_profile("falselight", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("falselight"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "falselight")

SHARED = Path(os.environ.get("FALSELIGHT_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data; a test that needs it is skipped without it."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the reference data, which is not at {SHARED} (set FALSELIGHT_SHARED)")
    return SHARED
