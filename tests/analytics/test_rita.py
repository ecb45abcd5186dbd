"""RITA's formulas against RITA's own expected values."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from falselight.analytics import rita
from falselight.analytics.series import Series

SHARED = Path(os.environ.get("FALSELIGHT_SHARED", Path(__file__).parents[3] / "shared"))


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    path = SHARED / "facts" / "rita_facts.json"
    if not path.exists():
        pytest.skip("RITA's facts are not beside the project")
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def one(values: list[float]) -> Series:
    return Series(np.array(values), np.array([0, len(values)]))


def test_gaps_of_one_minute_score_one() -> None:
    assert rita.timestamp_score(one([60 * k for k in range(10)]))[0] == 1.0


def test_timestamps(facts: dict[str, Any]) -> None:
    for case in facts["timestamp"]:
        found = rita.timestamp_score(one(case["ts"]))[0]
        assert np.isnan(found) if case.get("error") else found == pytest.approx(case["score"], abs=0.001), case


def test_sizes_and_statistics(facts: dict[str, Any]) -> None:
    for case in facts["datasize"]:
        found = rita.statistical(one(case["bytes"]), 0.0)[0]
        assert np.isnan(found) if case.get("error") else found == pytest.approx(case["score"], abs=0.001), case
    for case in facts["statistical"]:
        found = rita.statistical(one(case["v"]), case["default_mad"])[0]
        assert found == pytest.approx(case["score"], abs=0.001), case
    for case in facts["bowley"]:
        assert rita.skew_score(one(case["v"]).ordered())[0] == pytest.approx(case["score"], abs=0.001), case
    for case in facts["mad"]:
        assert rita.deviation_score(one(case["v"]).ordered(), 0.0)[0] == pytest.approx(case["score"], abs=0.001), case


def test_histograms(facts: dict[str, Any]) -> None:
    for case in facts["histogram"]:
        bars = rita.histogram(one(case["ts"]), case["lo"], case["hi"], case["bins"])
        assert bars[0].tolist() == case["h"]
        found = max(rita.variation_score(bars)[0], rita.bimodal_score(bars, case["minh"])[0])
        assert found == pytest.approx(case["score"], abs=0.001), case
    for case in facts["cv"]:
        if not case.get("error"):
            found = rita.variation_score(np.array([case["h"]]))[0]
            assert found == pytest.approx(case["score"], abs=0.001), case
    for case in facts["freq"]:
        assert rita.longest_run(np.array([case["h"]]))[0] == case["run"], case


def test_bimodal_counts_the_two_largest_groups() -> None:
    bars = np.array([[1000] * 50 + [500] * 30 + [100, 200, 200, 300]])
    assert rita.bimodal_score(bars, 10)[0] == pytest.approx(80 / 83, abs=0.001)


def test_durations(facts: dict[str, Any]) -> None:
    for case in facts["duration"]:
        found = rita.duration_score(
            np.array([case["first"]]), np.array([case["last"]]), case["dataset_min"], case["dataset_max"],
            np.array([case["bars"]]), np.array([case["run"]]),
        )  # fmt: skip
        assert found[0] == pytest.approx(case["score"], abs=0.001), case


def test_overall_and_base(facts: dict[str, Any]) -> None:
    for case in facts["overall"]:
        if "w" in case:
            parts = [np.array([case[key]]) for key in ("ts", "ds", "dur", "hist")]
            assert rita.overall(*parts, tuple(case["w"]))[0] == pytest.approx(case["score"], abs=0.001)
    assert rita.final(np.array([0.673]))[0] == pytest.approx(0.3384, abs=1e-4)
    assert rita.final(np.array([0.624]))[0] == pytest.approx(0.2992, abs=1e-4)
    with pytest.raises(ValueError, match="sum to 1"):
        rita.overall(*[np.array([1.0])] * 4, (0.5, 0.5, 0.5, 0.5))


def test_many_pairs_score_as_each_alone() -> None:
    draw = np.random.default_rng(5)
    lengths = draw.integers(0, 60, 200)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    times = np.concatenate([np.sort(draw.integers(0, 86_400, length)) for length in lengths])
    sizes = draw.integers(1, 5000, len(times))
    together = rita.score(Series(times, starts), Series(sizes, starts), 0, 86_400)
    for k in range(200):
        part = slice(starts[k], starts[k + 1])
        alone = rita.score(one(times[part]), one(sizes[part]), 0, 86_400)  # type: ignore[arg-type]
        assert np.array_equal(alone.beacon, together.beacon[k : k + 1], equal_nan=True)
