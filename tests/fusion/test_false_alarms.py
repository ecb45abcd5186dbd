"""How often benign pairs look as bad: measured, worked out of stated confidence, or honestly not known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from falselight import ingest
from falselight.dns import parameters as of_lookups
from falselight.ecs import release
from falselight.fusion import ranking
from falselight.fusion.rows import ServerRisk
from falselight.infrastructure import parameters as of_infrastructure
from falselight.intel import store
from falselight.readers.settings import Settings
from falselight.risks import Alarm, false_alarm, per_host_day

TABLES = {
    "domains": of_lookups.parameters()["false_alarm"],
    **{kind: of_infrastructure.parameters()[kind]["false_alarm"] for kind in ("staging", "upload")},
}


def event(host: int, server: str, day: int = 11) -> dict[str, Any]:
    return {
        "@timestamp": f"2026-03-{day}T08:00:00Z", "host": {"name": f"ws{host}"}, "source": {"ip": f"10.4.0.{host}"},
        "event": {"category": ["network"], "type": ["start"]}, "destination": {"ip": server, "port": 443},
    }  # fmt: skip


def ranked(folder: Path, events: list[dict[str, Any]], indicators: str = "") -> list[ServerRisk]:
    (folder / "events.ndjson").write_text("".join(json.dumps(each) + "\n" for each in events))
    (folder / "list.csv").write_text("ip,confidence\n" + indicators)
    read = ingest.read_events([folder / "events.ndjson"], release.schema(), wanted=ranking.WANTED, report=pytest.fail)
    store.load(read.connection, [folder / "list.csv"] if indicators else [], pytest.fail)
    return ranking.rank(read, Settings(), indicators=True)


def told(row: ServerRisk) -> tuple[float | None, str]:
    own = row.to_document()["falselight"]
    return own["false_alarm"], own["false_alarm_by"]


def test_indicators_are_wrong_as_often_as_their_sources_say(tmp_path: Path) -> None:
    events = [event(1, "203.0.113.7"), event(2, "203.0.113.8"), event(3, "198.51.100.1"), event(3, "198.51.100.1", 12)]
    events.append({**event(9, "198.51.100.1"), "host": {}, "source": {"ip": "192.0.2.9"}})  # none of ours
    sure, unsure = ranked(tmp_path, events, "203.0.113.7,100\n203.0.113.8,40\n")
    assert (sure.host, round(sure.known_bad, 2), unsure.host, round(unsure.known_bad, 2)) == ("ws1", 0.75, "ws2", 0.3)
    assert told(sure) == (pytest.approx(0.25 / 4), "by the stated confidence of indicators, over 4 days of hosts")
    assert told(unsure)[0] == pytest.approx((0.25 + 0.7) / 4)


def test_the_rarest_evidence_counts_as_often_as_there_were_chances() -> None:
    assert false_alarm((Alarm(0.5, "by rhythm"), Alarm(0.01, "by lookups")), "") == {
        "false_alarm": 0.02,
        "false_alarm_by": "by lookups; the rarest of 2 kinds of evidence, times 2",
    }
    assert false_alarm((), "why") == {"false_alarm": None, "false_alarm_by": "not known: why"}


@pytest.mark.parametrize("kind", TABLES)
def test_rates_fall_with_the_odds_and_are_not_extrapolated(kind: str) -> None:
    table = TABLES[kind]
    assert table["odds"] == sorted(table["odds"]) and len(table["odds"]) == len(table["log10_per_host_day"])
    assert table["log10_per_host_day"] == sorted(table["log10_per_host_day"], reverse=True)
    assert per_host_day(99.0, table) == per_host_day(table["odds"][-1], table) > 0


def test_what_nobody_can_say_is_null_with_its_reason(tmp_path: Path) -> None:
    (row,) = ranked(tmp_path, [event(1, "203.0.113.7")], "203.0.113.7,90\n")
    bare = replace(row, alarms=())
    assert told(bare) == (None, "not known: how often rules match benign events depends on the network")
    assert told(replace(bare, looked_up=True)) == (
        None,
        "not known: what benign hosts fail to look up in a day has not been measured",
    )
