"""A beacon in each flow log is one: the portable rule fires on it, and its connections are counted once."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from falselight import ingest
from falselight.analytics import connections
from falselight.cli.details import originals
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


def azure_vnet(times: list[int]) -> str:
    tuples = [
        f"{(time + late) * 1000},{SOURCE},{SERVER},{50_000 + number},{PORT},6,O,{state},NX,0,0,0,0"
        for number, time in enumerate(times)
        for late, state in ((0, "B"), (1, "C"), (2, "E"))
    ]
    flows = {"flows": [{"aclID": "a", "flowGroups": [{"rule": "r", "flowTuples": tuples}]}]}
    return json.dumps({"time": utc(BEGIN), "category": "FlowLogFlowEvent", "flowLogVersion": 4, "flowRecords": flows})


def nfdump(times: list[int]) -> str:
    flows = [
        {"type": "FLOW", "first": utc(time)[:-1] + ".000", "last": utc(time + 2)[:-1] + ".000", "in_packets": 3, "in_bytes": 420,
         "proto": 6, "src_port": 50_000 + number, "dst_port": PORT, "src4_addr": SOURCE, "dst4_addr": SERVER}
        for number, time in enumerate(times)
    ]  # fmt: skip
    return json.dumps(flows, indent=1)


def nfdump_csv(times: list[int]) -> str:
    head = "firstSeen,duration,proto,srcAddr,srcPort,dstAddr,dstPort,packets,bytes,flows"
    flows = [
        f"{utc(time)[:-1].replace('T', ' ')}.000,2.000,TCP,{SOURCE},{50_000 + number},{SERVER},{PORT},3,420,1"
        for number, time in enumerate(times)
    ]
    return "\n".join([head, *flows])


def goflow2(times: list[int]) -> str:
    return "\n".join(
        json.dumps({"type": "IPFIX", "time_received_ns": (time + 9) * 10**9, "sampler_address": "10.4.0.1", "proto": "TCP",
                    "time_flow_start_ns": time * 10**9, "time_flow_end_ns": (time + 2) * 10**9, "bytes": 420, "packets": 3,
                    "src_addr": SOURCE, "dst_addr": SERVER, "src_port": 50_000 + number, "dst_port": PORT})
        for number, time in enumerate(times)
    )  # fmt: skip


def silk(times: list[int]) -> str:
    head = "sIP|dIP|sPort|dPort|pro|packets|bytes|flags|sTime|duration|eTime|sen|"
    flows = [
        f"{SOURCE}|{SERVER}|{50_000 + number}|{PORT}|6|3|420|FSPA|{utc(time)[:-1].replace('-', '/')}.000|2.000||S0|"
        for number, time in enumerate(times)
    ]
    return "\n".join([head, *flows])


def ocsf_records(times: list[int]) -> list[dict[str, Any]]:
    return [
        {"class_uid": 4001, "category_uid": 4, "activity_name": "Traffic", "time": time * 1000, "start_time": time * 1000,
         "end_time": (time + 50) * 1000, "src_endpoint": {"ip": SOURCE, "port": 50_000 + number},
         "dst_endpoint": {"ip": SERVER, "port": PORT}, "connection_info": {"protocol_num": 6, "direction": "Outbound"}}
        for number, time in enumerate(times)
    ]  # fmt: skip


def ocsf(times: list[int]) -> str:
    return "\n".join(map(json.dumps, ocsf_records(times)))


def security_lake(times: list[int]) -> bytes:
    buffer = io.BytesIO()
    rows = pa.RecordBatch.from_struct_array(pa.array(ocsf_records(times)))
    pq.write_table(pa.Table.from_batches([rows]), buffer, row_group_size=5)
    return buffer.getvalue()


LOGS: dict[str, Callable[[list[int]], str | bytes]] = {
    made.__name__: made for made in (azure_nsg, azure_vnet, gcp, nfdump, nfdump_csv, goflow2, silk, ocsf, security_lake)
}


@pytest.mark.parametrize("name", list(LOGS))
def test_the_portable_rule_fires_and_connections_are_counted_once(name: str, tmp_path: Path) -> None:
    times = [BEGIN + 300 * number for number in range(12)]
    path = tmp_path / "log"
    data = LOGS[name](times)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
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


def test_a_record_of_many_flows_is_shown_once(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(azure_nsg([BEGIN + 60 * number for number in range(12)]))
    rule = next(each for each in bundled(pytest.fail) if each.id == RULE)
    result = hunt([path], [rule], report=pytest.fail)
    (shown,) = originals(result, result.findings, pytest.fail)
    assert shown["record"] == 0 and "flowTuples" in shown["original"]
