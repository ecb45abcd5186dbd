"""JSON logs: each recognised by its content and read to fields, in any framing; damage is counted, never guessed at."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from falselight.readers import json_framing
from falselight.readers.detect import Kind, detect
from falselight.readers.evidence import original
from falselight.store import Input
from tests.readers.test_text_logs import SAMPLES, read

KINDS = {
    "azure_flow_logs": Kind.AZURE_FLOW_LOGS,
    "gcp_vpcflow": Kind.GCP_VPC,
    "zscaler_zia": Kind.ZSCALER,
    "netflow": Kind.NETFLOW,
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
