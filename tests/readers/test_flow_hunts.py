"""A beacon in each flow log is one: the portable rule fires on it, and its connections are counted once."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from falselight import ingest
from falselight.analytics import connections
from falselight.ecs import release
from falselight.hunting import hunt
from falselight.rules.loading import bundled

RULE = "b1b5a0d6-3f1c-4d5e-9b8f-7a6f1583004c"
SOURCE, SERVER, PORT = "10.4.0.13", "203.0.113.77", 443
BEGIN = 1_773_219_600


def utc(second: float) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def azure_nsg(times: list[int]) -> str:
    tuples = [
        f"{time + late},{SOURCE},{SERVER},{50_000 + number},{PORT},T,O,A,{state}"
        for number, time in enumerate(times)
        for late, state in ((0, "B,,,,"), (1, "C,4,300,4,900"), (2, "E,2,120,2,130"))
    ]
    flows = [{"rule": "r", "flows": [{"mac": "000D3A1B2C3D", "flowTuples": tuples}]}]
    record = {
        "time": utc(BEGIN),
        "category": "NetworkSecurityGroupFlowEvent",
        "properties": {"Version": 2, "flows": flows},
    }
    return json.dumps({"records": [record]})


def gcp(times: list[int]) -> str:
    lines = []
    for number, time in enumerate(times):
        connection = {
            "src_ip": SOURCE,
            "src_port": 50_000 + number,
            "dest_ip": SERVER,
            "dest_port": PORT,
            "protocol": 6,
        }
        payload = {
            "connection": connection,
            "reporter": "SRC",
            "src_instance": {"vm_name": "ws03"},
            "start_time": utc(time),
        }
        lines.append(json.dumps({"jsonPayload": payload, "timestamp": utc(time + 5)}))
    return "\n".join(lines)


LOGS: dict[str, Callable[[list[int]], str]] = {"azure_nsg": azure_nsg, "gcp": gcp}


@pytest.mark.parametrize("name", list(LOGS))
def test_the_portable_rule_fires_and_connections_are_counted_once(name: str, tmp_path: Path) -> None:
    times = [BEGIN + 300 * number for number in range(12)]
    path = tmp_path / "log"
    path.write_text(LOGS[name](times))
    rule = next(each for each in bundled(pytest.fail) if each.id == RULE)
    result = hunt([path], [rule], report=pytest.fail)
    (finding,) = result.findings
    assert finding.windows == 3 and finding.keys == {
        "source.ip": SOURCE,
        "destination.ip": SERVER,
        "destination.port": PORT,
    }
    table = ingest.read_events([path], release.schema(), wanted=connections.WANTED, report=pytest.fail)
    connections.build(table)
    found = connections.rows(table, ["time", "address", "port", "outward"])
    assert found == [(time * 10**9, SERVER, PORT, True) for time in times]
