"""RITA's results on its own logs, from connections to score."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from falselight.analytics import connections, rita_pairs

sys.path.insert(0, str(Path(__file__).parent))
import zeek_rows

DATA = Path(os.environ.get("FALSELIGHT_SHARED", Path(__file__).parents[3] / "shared")) / "data" / "zeek"


def report(name: str) -> rita_pairs.Report:
    folder = DATA / name
    if not folder.exists():
        pytest.skip("RITA's logs are not beside the project")
    events = zeek_rows.read(folder)
    connections.build(events)
    return rita_pairs.score(events.connection, use_prevalence=False)


def test_proxy() -> None:
    found = report("rita-proxy")
    assert (found.low, found.high) == (1672858122, 1672944522)
    pairs = {(pair.source, pair.server): pair for pair in found.pairs}
    google = pairs["10.136.0.18", "www.google.com"]
    assert (google.events, google.timestamp, google.size, google.duration, google.histogram) == (6, 0.48, 0.865, 1, 0)
    assert google.beacon == pytest.approx(0.586, abs=0.001)
    beacon = pairs["10.136.0.18", "www.honestimnotevil.com"]
    assert beacon.events == 357 and beacon.beacon == pytest.approx(0.979, abs=0.002)


def test_rolling() -> None:
    found = report("rita-proxy_rolling")
    assert (found.low, found.high) == (1714417205, 1714424225)
    pairs = {(pair.source, pair.server): pair for pair in found.pairs}
    resolver = pairs["10.0.0.238", "75.75.75.75"]
    assert resolver.events == 1160 and resolver.beacon == 0.673 and resolver.final == pytest.approx(0.33839, abs=2e-5)
    safe = pairs["10.0.0.111", "safebrowsing.googleapis.com:443"]
    assert safe.events == 46 and safe.beacon == 0.624 and safe.final == pytest.approx(0.2992, abs=1e-4)
