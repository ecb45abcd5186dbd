"""Suppression run by run: a slow loop over all runs, which searches and suppresses as Kibana does, writes the same alerts."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from falselight.hunting import hunt
from falselight.replay.run import RuleReplay
from falselight.rules import Rule

START = datetime(2026, 3, 11, 9, tzinfo=UTC)


def event(minute: float, host: str | None) -> dict[str, Any]:
    time = (START + timedelta(minutes=minute)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"@timestamp": time, "event": {"category": ["network"]}, **({"host": {"name": host}} if host else {})}


def replayed(folder: Path, events: list[dict[str, Any]], rule: Rule) -> RuleReplay:
    path = folder / "events.ndjson"
    path.write_text("".join(json.dumps(each) + "\n" for each in events))
    (run,) = hunt([path], [rule], as_scheduled=True, report=lambda _: None).rules
    assert run.replay is not None
    return run.replay


def rule(look_back: int, suppression: dict[str, Any], max_signals: int = 100) -> Rule:
    given = {"query": "network where true", "interval": "5m", "from_": f"now-{look_back}m", "max_signals": max_signals}
    return Rule.model_validate(
        {"id": "a", "name": "a", **given, "alert_suppression": {"group_by": ["host.name"], **suppression}}
    )


def minutes(text: str) -> float:
    return (datetime.fromisoformat(text) - START).total_seconds() / 60


def loop(times: list[tuple[float, str | None]], given: Rule) -> list[tuple[float, float, int]]:
    """Every run from the first event's to the last one's: time of the run, of the alert's event, and how many it stands for."""
    plan, look_back = given.alert_suppression, int(given.from_.strip("now-m"))
    assert plan is not None
    duration = plan.duration.nanoseconds / 60e9 if plan.duration else None
    alerts: list[dict[str, Any]] = []
    run, last = -(-times[0][0] // 5) * 5, -(-max(time for time, _ in times) // 5) * 5
    while run <= last:
        found = [(n, *each) for n, each in enumerate(times) if run - look_back <= each[0] <= run][-given.max_signals :]
        window = run - look_back if duration is None else run - duration
        for host in dict.fromkeys(host for _, _, host in found):
            new = [each for each in found if each[2] == host and each[0] not in {alert["event"] for alert in alerts}]
            if host is None and plan.missing_fields_strategy == "doNotSuppress":
                alerts += [
                    {"event": n, "run": run, "time": time, "end": time, "host": object(), "docs": 0}
                    for n, time, _ in new
                ]
                continue
            known = next((each for each in reversed(alerts) if each["host"] == host and each["run"] >= window), None)
            new = [each for each in new if known is None or each[1] > known["end"]]
            if not new:
                continue
            if known is not None and duration is not None:
                known["docs"] += len(new)
                known["end"] = new[-1][1]
            else:
                alerts.append(
                    {
                        "event": new[0][0],
                        "run": run,
                        "time": new[0][1],
                        "end": new[-1][1],
                        "host": host,
                        "docs": len(new) - 1,
                    }
                )
        run += 5
    return sorted((each["run"], each["time"], each["docs"]) for each in alerts)


@pytest.mark.parametrize("seed", range(24))
def test_the_loop_writes_the_same_alerts(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    times = sorted(
        {(round(draw.uniform(0, 150), 2), draw.choice(["a", "b", "c", None])) for _ in range(draw.randrange(5, 60))}
    )
    duration = draw.choice([None, 7, 20, 45, 300])
    suppression = {"missing_fields_strategy": draw.choice(["suppress", "doNotSuppress"])}
    if duration is not None:
        suppression["duration"] = {"value": duration, "unit": "m"}
    given = rule(draw.choice([6, 10, 31, 70]), suppression, draw.choice([3, 10, 100]))
    made = replayed(tmp_path, [event(*each) for each in times], given)
    found = [
        (
            (each.run - START.timestamp() * 1e9) / 60e9,
            minutes(each.alert["kibana.alert.original_time"]),
            each.suppressed,
        )
        for each in made.kept
    ]
    assert sorted((round(run), round(time, 2), docs) for run, time, docs in found) == [
        (round(run), round(time, 2), docs) for run, time, docs in loop(times, given)
    ]


def test_what_is_suppressed_is_an_alert_again_where_runs_look_back_further(tmp_path: Path) -> None:
    events = [event(1, "a"), event(2, "a"), event(3, "a"), event(59, "b")]
    half = {"duration": {"value": 30, "unit": "m"}}
    made = replayed(tmp_path, events, rule(60, half))
    assert [each.alert["kibana.alert.original_time"][14:16] for each in made.kept] == ["01", "02", "59"]
    assert [each.suppressed for each in made.kept] == [2, 1, 0] and made.suppressed == 1
    assert len(replayed(tmp_path, events, rule(30, half)).kept) == 2
