"""JSON logs: each recognised by its content and read to fields, in any framing; damage is counted, never guessed at."""

from __future__ import annotations

import io
import json
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from falselight.mappings.apply import apply
from falselight.readers import json_framing
from falselight.readers.detect import Kind, detect
from falselight.readers.evidence import original
from falselight.readers.settings import Settings
from falselight.readers.windows_tree import event_of_tree
from falselight.reading import _MODULES
from falselight.store import Input
from tests.readers.test_text_logs import SAMPLES, read

KINDS = {
    "azure_flow_logs": Kind.AZURE_FLOW_LOGS,
    "gcp_vpcflow": Kind.GCP_VPC,
    "gcp_firewall": Kind.GCP_FIREWALL,
    "gcp_dns": Kind.GCP_DNS,
    "route53": Kind.ROUTE53,
    "zscaler_zia": Kind.ZSCALER,
    "netflow": Kind.NETFLOW,
    "ocsf": Kind.OCSF,
    "passive_dns": Kind.PASSIVE_DNS,
    "wazuh": Kind.WAZUH,
}


def records(name: str) -> list[dict[str, Any]]:
    """The sample's records, whatever its framing."""
    stream = io.BytesIO((SAMPLES / name / "sample").read_bytes())
    return [json.loads(line) for line in json_framing.as_lines(stream, "p", "p", lambda _: None, Counter())]


@pytest.mark.parametrize("name", list(KINDS))
def test_the_sample_gives_the_expected_events(name: str) -> None:
    data = (SAMPLES / name / "sample").read_bytes()
    assert detect(data) is KINDS[name]
    made, skipped, reported = read(KINDS[name], data)
    expected = [json.loads(line) for line in (SAMPLES / name / "expected.ndjson").read_text("utf-8").splitlines()]
    assert made == expected
    assert not skipped and reported == []


@pytest.mark.parametrize("name", list(KINDS))
def test_framing_makes_no_difference(name: str) -> None:
    given = records(name)
    wanted = [{**row, "event.original": None} for row in read(KINDS[name], (SAMPLES / name / "sample").read_bytes())[0]]
    framings = {
        "lines": "\n".join(map(json.dumps, given)),
        "array": json.dumps(given),
        "printed": json.dumps(given, indent=2),
        "one after another": "\n".join(json.dumps(each, indent=4) for each in given),
        "records": "".join(json.dumps({"records": [each]}) for each in given),
    }
    for framing, text in framings.items():
        data = text.encode()
        assert detect(data) is KINDS[name], framing
        made, skipped, reported = read(KINDS[name], data)
        assert [{**row, "event.original": None} for row in made] == wanted, framing
        assert not skipped and reported == [], framing


@pytest.mark.parametrize("name", list(KINDS))
def test_damaged_records_are_counted_and_nothing_else_is_lost(name: str) -> None:
    given = records(name)
    deep = '{"a":' * 100_000 + "1" + "}" * 100_000
    bad = ["17", '"text"', "{}", deep, '{"broken": tru, "x": 1}']
    lines = [*map(json.dumps, given[:1]), *bad, *map(json.dumps, given[1:])]
    expected = [
        {**row, "_record": 0, "event.original": ""}
        for row in read(KINDS[name], (SAMPLES / name / "sample").read_bytes())[0]
    ]
    for text in ("\n".join(lines), "[" + ",\n".join(lines) + "]"):
        made, skipped, reported = read(KINDS[name], text.encode())
        assert [{**row, "_record": 0, "event.original": ""} for row in made] == expected
        assert skipped["not JSON"] == 4 and skipped["not a record of this log"] == 1
        assert {each.code for each in reported} <= {"E0504", "E0508", "W0514"}


def test_an_array_that_is_cut_off_gives_what_is_whole() -> None:
    text = json.dumps(records("azure_flow_logs")).encode()
    made, skipped, reported = read(Kind.AZURE_FLOW_LOGS, text[:-40])
    assert len({row["_record"] for row in made}) == 2 and skipped == {"not JSON": 1}
    assert [each.code for each in reported] == ["E0504"]


def test_records_larger_than_a_piece_of_the_stream() -> None:
    big = [
        {"category": "FlowLogFlowEvent", "filler": 'x\\"\u20ac' * 700_000, "flowRecords": {"flows": []}, "n": n}
        for n in range(3)
    ]
    text = json.dumps(big, ensure_ascii=False, indent=1).encode()
    found = list(json_framing.as_lines(io.BytesIO(text), "p", "p", pytest.fail, Counter()))
    assert [json.loads(line) for line in found] == big


@pytest.mark.parametrize("name", list(KINDS))
def test_records_are_evidence_as_they_stand(name: str) -> None:
    path = SAMPLES / name / "sample"
    given = records(name)
    found = original(Input(str(path), None, None, path.stat().st_size), list(range(len(given))))
    assert [json.loads(line) for line in found if isinstance(line, bytes)] == given


def test_text_logs_are_evidence_too(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes((SAMPLES / "cisco_asa" / "sample").read_bytes())
    first = path.read_bytes().split(b"\n")[0]
    assert original(Input(str(path), None, None, path.stat().st_size), [0]) == [first]


def test_windows_events_in_wazuh_are_those_of_windows() -> None:
    record = records("wazuh")[0]
    system, data = record["data"]["win"]["system"], record["data"]["win"]["eventdata"]
    tree = {
        "System": {
            "Provider": {"#attributes": {"Name": system["providerName"], "Guid": system["providerGuid"]}},
            "EventID": int(system["eventID"]), "Version": 5, "Level": 4, "Task": 3, "Opcode": 0, "Keywords": system["keywords"],
            "TimeCreated": {"#attributes": {"SystemTime": system["systemTime"]}}, "EventRecordID": int(system["eventRecordID"]),
            "Execution": {"#attributes": {"ProcessID": 724, "ThreadID": 5296}}, "Channel": system["channel"],
            "Computer": system["computer"],
        },
        "EventData": {name[0].upper() + name[1:]: value for name, value in data.items()},
    }  # fmt: skip
    event = event_of_tree(tree)
    assert event is not None
    expected = apply([(0, event)]).to_pylist()[0]
    made = read(Kind.WAZUH, json.dumps(record).encode())[0][0]
    assert {name: made.get(name) for name in expected} == expected
    assert {name.partition(".")[0] for name in made.keys() - expected.keys()} <= {"wazuh", "agent", "message"}


def test_hits_of_wazuhs_index_are_read() -> None:
    hit = {
        "_index": "wazuh-alerts-4.x-2026.03.11",
        "_id": "a",
        "_source": {**records("wazuh")[3], "@timestamp": 1},
    }
    data = json.dumps(hit).encode()
    assert detect(data) is Kind.WAZUH and read(Kind.WAZUH, data)[0][0]["rule.id"] == "5710"


def test_hostile_records_of_wazuh() -> None:
    base = {
        "agent": {"id": "1", "name": "h"},
        "decoder": {"name": "json"},
        "timestamp": "2026-03-11T09:03:01.000+0000",
        "location": "l",
    }
    many = [{**base, "data": {f"n{number}.{each}": each for each in range(400)}} for number in range(10)]
    odd = {**base, "data": {"huge": 2**64 - 1, "list": [1, "a", {"b": [1]}, None], "_record": 1, "": 2}, "timestamp": 9}
    made, skipped, _ = read(Kind.WAZUH, "\n".join(map(json.dumps, [odd, *many])).encode())
    assert len(made) == 11 and "_time" not in made[0]
    assert made[0]["wazuh.data.huge"] == str(2**64 - 1) and made[0]["wazuh.data.list"] == ["1", "a", '{"b":[1]}']
    assert skipped["fields beyond the first 1000"] > 2_900


@pytest.mark.parametrize("name", list(KINDS))
def test_fields_that_are_wanted_are_the_same_alone(name: str) -> None:
    data = (SAMPLES / name / "sample").read_bytes()
    wanted = frozenset(
        {"source.ip", "destination.port", "network.direction", "event.type", "host.name", "dns.answers.data"}
    )
    reader = import_module(_MODULES[KINDS[name]])
    batches = reader.read(io.BytesIO(data), "p", "p", pytest.fail, Counter(), wanted, Settings(year=2026))
    made = [
        {key: cell for key, cell in row.items() if cell not in (None, [])}
        for each in batches
        for row in each.to_pylist()
    ]
    whole = read(KINDS[name], data)[0]
    assert len(made) == len(whole)
    for row, full in zip(made, whole, strict=True):
        assert {key: row.get(key) for key in wanted} == {key: full.get(key) for key in wanted}
        assert row.get("_time") == full.get("_time") and row["_record"] == full["_record"]


def test_hostile_flows() -> None:
    flow = {
        "type": "IPFIX",
        "sampler_address": "10.4.0.1",
        "src_addr": "10.4.0.13",
        "dst_addr": "203.0.113.77",
        "proto": "TCP",
    }
    odd = [
        {**flow, "time_flow_start_ns": 2**63 - 1, "bytes": 2**63 - 1, "src_port": -5},
        {**flow, "time_flow_start_ns": "9999-12-31T23:59:59Z", "bytes": 10**30, "packets": "many", "dst_port": 70_000},
        {**flow, "time_flow_start_ns": "soon"},
        {**flow, "time_flow_start_ns": 1_773_219_600_000_000_000, "src_addr": "not an address", "dst_addr": [1]},
        {**flow, "time_flow_start_ns": 1_773_219_600_000_000_000, "proto": "no such", "src_mac": {"a": {"b": 1}}},
        # Names of IPFIX that this collector does not use.
        {**flow, "time_flow_start_ns": 1, "octetDeltaCount": "many", "bytes": 5, "source_ipv4_address": 5},
    ]
    made, skipped, reported = read(Kind.NETFLOW, "\n".join(map(json.dumps, odd)).encode())
    assert [row["_record"] for row in made] == [0, 1, 4, 5] and skipped == {"not a record of this log": 2}
    assert made[1]["@timestamp"] == 253_402_300_799_000 and "_time" not in made[1]
    assert made[2]["source.ip"] == "10.4.0.13" and "network.transport" not in made[2]
    assert made[3]["netflow.octet_delta_count"] == 5
    assert {each.code for each in reported} <= {"W0512", "W0514"}


@pytest.mark.parametrize("name", ["ocsf", "wazuh", "netflow", "gcp_vpcflow", "gcp_firewall"])
def test_whole_and_real_numbers_in_one_column(name: str) -> None:
    base = records(name)[0]
    mixed = [{**base, "score": 2**62 + 1}, {**base, "score": 1.5}, {**base, "score": [2**62 + 1, 0.5]}]
    made, skipped, _ = read(KINDS[name], "\n".join(map(json.dumps, mixed)).encode())
    assert len(made) == 3 and not skipped
