"""Original records are given back only from the very file that was read."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from falselight import ingest
from falselight.diagnostics import FalselightError
from falselight.ecs.schema import Schema
from falselight.readers import evtx
from falselight.readers.evidence import original
from falselight.store import Input

LINES = b'\xef\xbb\xbf{"@timestamp": 1, "a":  "x"}\r\n\nnot json\n{"@timestamp": 2}\n'


def inputs(path: Path) -> list[Input]:
    return ingest.read_events([path], Schema({}), report=lambda _: None).inputs


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_lines_are_raw_and_in_the_order_asked_for(tmp_path: Path, pack: type[bytes]) -> None:
    (tmp_path / "e").write_bytes(pack(LINES))
    (source,) = inputs(tmp_path / "e")
    assert original(source, [3, 0]) == [b'{"@timestamp": 2}', b'{"@timestamp": 1, "a":  "x"}']


def test_member_of_an_archive_and_element_of_an_array(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", LINES)
        archive.writestr("b", json.dumps([{"@timestamp": 1}, {"@timestamp": 2}]))
    (tmp_path / "z").write_bytes(buffer.getvalue())
    assert original(inputs(tmp_path / "z")[1], [1]) == [{"@timestamp": 2}]


def test_changed_file_missing_record_and_missing_file_are_errors(tmp_path: Path) -> None:
    path = tmp_path / "e"
    path.write_bytes(LINES)
    (source,) = inputs(path)
    for record, code in ((99, "E0510"), (1, "E0510")):
        with pytest.raises(FalselightError) as caught:
            original(source, [record])
        assert caught.value.diagnostics[0].code == code
    with pytest.raises(FalselightError) as caught:
        original(replace(source, member="gone"), [0])
    assert caught.value.diagnostics[0].code == "E0510"
    path.write_bytes(LINES + b" ")
    with pytest.raises(FalselightError) as caught:
        original(source, [0])
    assert caught.value.diagnostics[0].code == "E0509" and "changed since it was read" in str(caught.value)
    path.unlink()
    with pytest.raises(FalselightError) as caught:
        original(source, [0])
    assert caught.value.diagnostics[0].code == "E0501"


def test_a_damaged_evtx_gives_the_records_that_were_read(shared: Path, tmp_path: Path) -> None:
    """Records keep their numbers in reading and in looking them up, whatever lies between them."""
    source = shared / "data/evtx/Command_and_Control/bits_openvpn.evtx"
    data = bytearray(source.read_bytes())
    data[4096 + 65536 : 4096 + 65536 + 8] = b"\xff" * 8
    data[4096 + 2 * 65536 + 600 : 4096 + 2 * 65536 + 900] = b"\xff" * 300
    path = tmp_path / "damaged.evtx"
    path.write_bytes(bytes(data))
    events = {number: event for chunk in evtx.read(path, lambda diagnostic: None) for number, event in chunk}
    asked = sorted(events)[:: max(1, len(events) // 7)]
    found = original(Input(str(path)), asked)
    assert 0 < len(events) < 1537
    for number, record in zip(asked, found, strict=True):
        assert isinstance(record, bytes)
        system = json.loads(record)["Event"]["System"]
        assert str(system["EventRecordID"]) == events[number].record_id


@pytest.mark.parametrize("label", ["stdin", "https://logs.example/day.json.gz", "s3://bucket/day.json"])
def test_what_came_only_once_is_told(label: str) -> None:
    with pytest.raises(FalselightError) as refused:
        original(Input(label), [0])
    assert [told.code for told in refused.value.diagnostics] == ["E0510"]
    assert "cannot be read again" in str(refused.value)
